// Signature checks on `node:crypto`, which is native. The core has checked keys, lengths and ranges before, so that
// there is nothing left to disagree about; Ed25519 never gets here.
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import type { Check } from "./wasm.js";

/** How many imported keys are kept: issuers' keys, and the keys of agents that prove possession. */
const MOST_KEYS = 512;

/** Imported keys, the least recently used first. */
export class ImportedKeys {
  readonly #keys = new Map<string, KeyObject>();

  /** Whether the signature is the key's. What cannot be imported or verified is not. */
  verify({ algorithm, key, message, signature }: Check): boolean {
    try {
      const imported = this.#import(key);
      // Of ECDSA the standards send r‖s (RFC 7518 §3.4), where OpenSSL would expect DER.
      return verify("sha256", message, algorithm === "ES256" ? { key: imported, dsaEncoding: "ieee-p1363" } : imported, signature);
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
