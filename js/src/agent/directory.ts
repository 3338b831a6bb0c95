// The documents that an agent is known by: its public keys, as a JWK Set (RFC 7517 §5), and as a directory of Web Bot Auth
// (draft-meunier-webbotauth-httpsig-directory), signed by each of its keys for the authority that serves it.
import { CountersignError } from "../error.js";
import { base64, utf8 } from "./encoding.js";
import { type KeyAlgorithm, PublicHalf, type PublicJwk, readPublicJwk, thumbprintOf } from "./jwk.js";
import type { AgentKey } from "./key.js";
import { demandWebCrypto } from "./native.js";

/** Where an origin has its directory. */
export const DIRECTORY_PATH = "/.well-known/http-message-signatures-directory";
/** The media type of a directory, which is required there. */
export const DIRECTORY_TYPE = "application/http-message-signatures-directory+json";

/** Most keys of a document: verifiers read no more. */
const MOST_KEYS = 100;
/** Longest age of a directory, in seconds: half of the longest window of a signature. */
const MOST_AGE = 12 * 3600;

/** The names of RFC 9421's registry. It has none for PS256. */
const REGISTERED: Readonly<Partial<Record<KeyAlgorithm, string>>> = {
  EdDSA: "ed25519",
  ES256: "ecdsa-p256-sha256",
  ES384: "ecdsa-p384-sha384",
  PS512: "rsa-pss-sha512",
  RS256: "rsa-v1_5-sha256",
};

/** A JWK Set of public keys. */
export interface KeySet {
  readonly keys: readonly PublicJwk[];
}

/** What a directory is made of. */
export interface DirectoryOptions {
  /**
   * The keys, first the one that signs requests. A key that can sign signs the directory too; of a JWK there is but the
   * public half, so that a gate that requires signed directories does not believe it.
   */
  readonly keys: readonly (AgentKey | object)[];
  /**
   * The authority that serves it, as in `Host`: `agents.example`, or with a port that is not the scheme's own. Without it
   * the directory is not signed.
   */
  readonly authority?: string;
  /**
   * Seconds that caches may keep it: 0 to 43200. Default: 3600. Its signatures are valid for twice as long and a minute
   * more, so that what a cache hands out at the last moment still is.
   */
  readonly maxAge?: number;
  /** The time, as seconds since 1970 or a `Date`. Default: the clock's. */
  readonly now?: number | Date;
}

/** The answer to a request for a directory. */
export interface DirectoryAnswer {
  readonly status: 200;
  readonly headers: Readonly<Record<string, string>>;
  /** To be sent as it is: its digest is signed. */
  readonly body: string;
}

/**
 * The JWK Set of these keys. A JWK is taken if it is public: one with private members is refused (`key.invalid`), and
 * members that no public key has are left out.
 */
export function keySet(keys: readonly (AgentKey | object)[]): KeySet {
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MOST_KEYS) {
    throw new CountersignError("options.invalid", `keys are a list of 1 to ${MOST_KEYS}`);
  }
  return { keys: keys.map((key: AgentKey | object) => published(isAgentKey(key) ? key.publicJwk : key)) };
}

/** The directory of these keys, as the answer that `DIRECTORY_PATH` gives. To be made anew before its age is up. */
export async function directory(options: DirectoryOptions): Promise<DirectoryAnswer> {
  demandWebCrypto();
  const { keys, authority, maxAge = 3600 } = options;
  if (!Number.isInteger(maxAge) || maxAge < 0 || maxAge > MOST_AGE) {
    throw new CountersignError("options.invalid", `maxAge is whole seconds, at most ${MOST_AGE}`);
  }
  const named = await Promise.all(keySet(keys).keys.map(namedByThumbprint));
  if (new Set(named.map(({ kid }) => kid)).size < named.length) throw new CountersignError("options.invalid", "a key is there twice");
  const body = JSON.stringify({ keys: named });
  const headers = { "Content-Type": DIRECTORY_TYPE, "Cache-Control": `max-age=${maxAge}` };
  if (authority === undefined) return { status: 200, headers, body };
  const created = secondsOf(options.now ?? new Date());
  const binding: Binding = { authority: authorityOf(authority), body, created, expires: created + 2 * maxAge + 60 };
  return { status: 200, headers: { ...headers, ...(await signatures(keys.filter(isAgentKey), binding)) }, body };
}

/** What a directory's signatures are about. */
interface Binding {
  readonly authority: string;
  readonly body: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** Seconds since 1970. */
  readonly expires: number;
}

async function signatures(keys: readonly AgentKey[], { authority, body, created, expires }: Binding): Promise<Record<string, string>> {
  if (keys.length === 0) throw new CountersignError("options.invalid", "no key is there to sign the directory");
  const digest = `sha-256=:${base64(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(body))))}:`;
  const signed = keys.map(async (key, index) => {
    const label = `sig${index + 1}`;
    const params =
      `("@authority";req "content-digest");created=${created};expires=${expires};keyid="${key.thumbprint}"` +
      `;alg="${registered(key)}";tag="http-message-signatures-directory"`;
    const base = `"@authority";req: ${authority}\n"content-digest": ${digest}\n"@signature-params": ${params}`;
    return { input: `${label}=${params}`, value: `${label}=:${base64(await key.sign(utf8(base)))}:` };
  });
  const members = await Promise.all(signed);
  return {
    "Content-Digest": digest,
    "Signature-Input": members.map(({ input }) => input).join(", "),
    Signature: members.map(({ value }) => value).join(", "),
  };
}

function published(jwk: unknown): PublicJwk {
  const { required, algorithm, kid } = readPublicJwk(jwk);
  return { ...required, ...(kid !== undefined && { kid }), alg: algorithm, use: "sig" };
}

/** At the well-known path a `kid` is the thumbprint. */
async function namedByThumbprint(jwk: PublicJwk): Promise<PublicJwk> {
  const read = readPublicJwk(jwk);
  return new PublicHalf({ ...read, kid: undefined }, await thumbprintOf(read.required)).publicJwk;
}

function registered({ algorithm }: AgentKey): string {
  const name = REGISTERED[algorithm];
  if (name !== undefined) return name;
  throw new CountersignError("key.invalid", `${algorithm} has no name in RFC 9421: such a key signs tokens, not messages`);
}

function authorityOf(authority: string): string {
  const lower = typeof authority === "string" ? authority.toLowerCase() : "";
  if (URL.canParse(`https://${lower}`) && /^[a-z0-9.:[\]-]+$/.test(lower) && lower.length <= 255) return lower;
  throw new CountersignError("options.invalid", "authority is a host, with a port where it is not the scheme's own");
}

function secondsOf(time: number | Date): number {
  const seconds = time instanceof Date ? Math.floor(time.getTime() / 1000) : time;
  // Numbers from 1e11 on are milliseconds.
  if (Number.isInteger(seconds) && seconds >= 0 && seconds < 1e11) return seconds;
  throw new CountersignError("options.invalid", "now is whole seconds since 1970, or a Date");
}

function isAgentKey(key: AgentKey | object): key is AgentKey {
  return "sign" in key && typeof key.sign === "function" && "publicJwk" in key;
}
