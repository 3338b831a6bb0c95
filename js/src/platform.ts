// What runtimes differ in: Node, Deno and Bun have native modules, Workers and browsers the web platform. `#platform` is
// the one of the two that is there; package.json says which that is.
import type { Ask } from "./ask.js";
import type { Check, Signing } from "./wasm.js";

/** What the package takes from its runtime. */
export interface Platform {
  /** No keys yet, and what verifies signatures by those that it imports. */
  keys(): ImportedKeys;
  /** Signs with a private JWK: 64 bytes for Ed25519, r‖s for ECDSA. Throws, or rejects, where the key cannot be used. */
  sign(signing: Signing): Uint8Array | Promise<Uint8Array>;
  /** How sources are asked that the caller brings no `fetch` for. `isPublic` tells addresses of the internet from others. */
  client(isPublic: (address: string) => boolean): Ask;
  /** The bytes of a text in base64. */
  decode(base64: string): Uint8Array<ArrayBuffer>;
  /** Does something in so many milliseconds, which keep no process alive. Gives what stops that. */
  after(millis: number, work: () => void): () => void;
}

/** Keys that the platform has imported; bounded. */
export interface ImportedKeys {
  /** Whether the signature is the key's. What cannot be imported or verified is not. Rejects never. */
  verify(check: Check): boolean | Promise<boolean>;
}

/** The verdicts of checks, in order, for the core; a promise only where one of them is. */
export function verdictsOf(keys: ImportedKeys, checks: readonly Check[]): Uint8Array | Promise<Uint8Array> {
  const verdicts = checks.map((check) => keys.verify(check));
  const known = verdicts.filter((verdict) => typeof verdict === "boolean");
  if (known.length === verdicts.length) return coreVerdicts(known);
  return Promise.all(verdicts).then(coreVerdicts);
}

function coreVerdicts(verdicts: readonly boolean[]): Uint8Array {
  return Uint8Array.from(verdicts, Number);
}
