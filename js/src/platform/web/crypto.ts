// Signatures on WebCrypto, which answers by promises. The core has checked keys, lengths and ranges before, so that there
// is nothing left to disagree about; Ed25519 never gets here to be verified, as the core's own is faster than this.
import type { ImportedKeys } from "../../platform.js";
import type { Check, Signing } from "../../wasm.js";

/** How many imported keys are kept: issuers' keys, and the keys of agents that prove possession. */
const MOST_KEYS = 512;

/** The parameters of an algorithm, for `importKey`, `verify` and `sign` alike: each reads what it knows of them. */
interface Parameters {
  readonly name: string;
  readonly hash?: string;
  readonly namedCurve?: string;
  readonly saltLength?: number;
}

/** Imported keys by algorithm, as WebCrypto binds a key to one as it imports it; the least recently used first. */
export class SubtleKeys implements ImportedKeys {
  // Keys, and no promises of them: on Workers a request must not wait for what another began.
  readonly #keys = new Map<string, CryptoKey>();

  async verify({ algorithm, key: jwk, message, signature, saltLength }: Check): Promise<boolean> {
    try {
      const parameters = parametersOf(algorithm, saltLength);
      const key = await this.#import(`${algorithm} ${jwk}`, jwk, parameters);
      return await crypto.subtle.verify(parameters, key, signature, message);
    } catch {
      return false;
    }
  }

  async #import(name: string, jwk: string, parameters: Parameters): Promise<CryptoKey> {
    const known = this.#keys.get(name);
    const key = known ?? (await crypto.subtle.importKey("jwk", JSON.parse(jwk), parameters, false, ["verify"]));
    // Another may have imported it meanwhile.
    this.#keys.delete(name);
    if (this.#keys.size >= MOST_KEYS) this.#keys.delete(this.#keys.keys().next().value ?? "");
    this.#keys.set(name, key);
    return key;
  }
}

/** ECDSA as r‖s, RSASSA-PSS with the salt that the core says. The key is imported each time, and nowhere kept. */
export async function sign({ algorithm, key: jwk, message, saltLength }: Signing): Promise<Uint8Array> {
  const { alg, use, key_ops, ext, kid, ...members } = JSON.parse(jwk);
  const parameters = parametersOf(algorithm, saltLength);
  // What a JWK says of its use may be in words that the platform does not know, as `EdDSA`.
  const key = await crypto.subtle.importKey("jwk", members, parameters, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign(parameters, key, message));
}

type Algorithm = Check["algorithm"] | Signing["algorithm"];

function parametersOf(algorithm: Algorithm, saltLength: number | undefined): Parameters {
  switch (algorithm) {
    case "EdDSA":
      return { name: "Ed25519" };
    case "ES256":
      return { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    case "ES384":
      return { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" };
    case "PS256":
      return pss("SHA-256", saltLength ?? 32);
    case "PS384":
      return pss("SHA-384", saltLength ?? 48);
    case "PS512":
      return pss("SHA-512", saltLength ?? 64);
    case "RS256":
      return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    case "RS384":
      return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" };
    case "RS512":
      return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" };
  }
}

/** The salt is as long as the hash (RFC 7518 §3.5, RFC 9421 §3.3.1), unless the core says otherwise. */
function pss(hash: string, saltLength: number): Parameters {
  return { name: "RSA-PSS", hash, saltLength };
}
