// DPoP (RFC 9449): proofs that a token is in the hands of whoever it was issued to, and the nonces that servers want in them.
import { unlessAborted } from "./abort.js";
import { base64url, random, utf8 } from "./encoding.js";
import { fail } from "./fail.js";
import type { AgentKey } from "./key.js";
import { isSignature } from "./profiles.js";

/** A proof, and what it says. */
export interface Proof {
  readonly jwt: string;
  readonly claims: Readonly<Record<string, string | number>>;
}

/** What is proven. */
export interface ProofOf {
  readonly method: string;
  readonly url: URL;
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Most origins whose nonces are remembered; the one that was heard from longest ago is forgotten first. */
const MOST_ORIGINS = 256;

/** The public members of keys: nothing else belongs into a proof (RFC 9449 §4.2). */
const PUBLIC = ["kty", "crv", "x", "y", "n", "e"] as const;

export class Proofs {
  readonly #key: AgentKey;
  readonly #nonces = new Map<string, string>();

  constructor(key: AgentKey) {
    this.#key = key;
  }

  /** The thumbprint that a token must be bound to (`cnf.jkt`). */
  get thumbprint(): string {
    return this.#key.thumbprint;
  }

  /** A proof for one request, with the nonce that its server wants. */
  async make({ method, url, token, now }: ProofOf, signal: AbortSignal | undefined): Promise<Proof> {
    const key = this.#key;
    const jwk = Object.fromEntries(PUBLIC.flatMap((name) => (key.publicJwk[name] === undefined ? [] : [[name, key.publicJwk[name]]])));
    const nonce = this.#nonces.get(url.origin);
    const claims = {
      jti: random(16),
      htm: method,
      htu: url.origin + url.pathname,
      iat: Math.floor(now / 1000),
      ath: base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(token)))),
      ...(nonce !== undefined && { nonce }),
    };
    const signed = [{ typ: "dpop+jwt", alg: key.algorithm, jwk }, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join(".");
    const signature = await unlessAborted(signal, () => key.sign(utf8(signed)));
    if (!isSignature(signature, key)) throw fail("agent.unsignable", "the key gives no signature of its algorithm's length");
    return { jwt: `${signed}.${base64url(signature)}`, claims };
  }

  /** Keeps the nonce of a response, whatever its status (RFC 9449 §8.2). */
  remember(url: URL, headers: Headers): void {
    const nonce = nonceOf(headers);
    if (nonce === undefined) return;
    this.#nonces.delete(url.origin);
    this.#nonces.set(url.origin, nonce);
    if (this.#nonces.size > MOST_ORIGINS) this.#nonces.delete([...this.#nonces.keys()][0] ?? "");
  }
}

/** The nonce of a response (RFC 9449 §8.1). Two that were joined to one have a space, which no nonce has. */
export function nonceOf(headers: Headers): string | undefined {
  const nonce = headers.get("dpop-nonce");
  return nonce !== null && /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/.test(nonce) ? nonce : undefined;
}
