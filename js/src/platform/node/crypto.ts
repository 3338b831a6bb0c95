// Signatures on `node:crypto`, which is native. The core has checked keys, lengths and ranges before, so that there is
// nothing left to disagree about; Ed25519 never gets here to be verified.
import { constants, createPrivateKey, createPublicKey, type KeyObject, sign as signWith, verify } from "node:crypto";
import type { ImportedKeys } from "../../platform.js";
import type { Check, Signing } from "../../wasm.js";

/** How many imported keys are kept: issuers' keys, and the keys of agents that prove possession. */
const MOST_KEYS = 512;

/** Imported keys, the least recently used first. A key is imported for all algorithms at once. */
export class NativeKeys implements ImportedKeys {
  readonly #keys = new Map<string, KeyObject>();

  /** Whether the signature is the key's. What cannot be imported or verified is not. */
  verify({ algorithm, key: jwk, message, signature, saltLength }: Check): boolean {
    try {
      const key = this.#import(jwk);
      switch (algorithm) {
        case "ES256":
          return verify("sha256", message, key, derOf(signature));
        case "ES384":
          return verify("sha384", message, key, derOf(signature));
        case "PS256":
          return verify("sha256", message, pss(key, saltLength ?? 32), signature);
        case "PS512":
          return verify("sha512", message, pss(key, saltLength ?? 64), signature);
        case "RS256":
          return verify("sha256", message, key, signature);
        case "PS384":
          return verify("sha384", message, pss(key, saltLength ?? 48), signature);
        case "RS384":
          return verify("sha384", message, key, signature);
        case "RS512":
          return verify("sha512", message, key, signature);
      }
    } catch {
      return false;
    }
  }

  #import(jwk: string): KeyObject {
    const known = this.#keys.get(jwk);
    const key = known ?? createPublicKey({ key: JSON.parse(jwk), format: "jwk" });
    if (known) this.#keys.delete(jwk);
    else if (this.#keys.size >= MOST_KEYS) this.#keys.delete(this.#keys.keys().next().value ?? "");
    this.#keys.set(jwk, key);
    return key;
  }
}

/** ECDSA as r‖s, RSASSA-PSS with the salt that the core says. */
export function sign({ algorithm, key: jwk, message, saltLength }: Signing): Uint8Array {
  const key = createPrivateKey({ key: JSON.parse(jwk), format: "jwk" });
  switch (algorithm) {
    case "EdDSA":
      return signWith(null, message, key);
    case "ES256":
      return signWith("sha256", message, { key, dsaEncoding: "ieee-p1363" });
    case "ES384":
      return signWith("sha384", message, { key, dsaEncoding: "ieee-p1363" });
    case "PS256":
      return signWith("sha256", message, pss(key, saltLength ?? 32));
    case "RS256":
      return signWith("sha256", message, key);
  }
}

/** The salt is as long as the hash (RFC 7518 §3.5, RFC 9421 §3.3.1), unless the core says otherwise; untold, OpenSSL takes any length. */
function pss(key: KeyObject, saltLength: number) {
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
}

/**
 * r‖s, as the standards send it (RFC 7518 §3.4), as the DER that OpenSSL takes (RFC 3279 §2.2.3). Node would convert it
 * for `dsaEncoding`, but a key that is given with options costs it half as much again as one that is given alone.
 */
function derOf(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  const integers = [...integer(signature.subarray(0, half)), ...integer(signature.subarray(half))];
  return Uint8Array.of(0x30, integers.length, ...integers);
}

/** Without leading zeros, but with one where the number would look negative. */
function integer(bytes: Uint8Array): number[] {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = bytes.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : [];
  return [0x02, sign.length + digits.length, ...sign, ...digits];
}
