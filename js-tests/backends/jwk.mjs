import { createPublicKey } from "node:crypto";

/** @param {import("node:crypto").KeyObject} privateKey */
export function publicJwk(privateKey) {
  return /** @type {Record<string, string>} */ (createPublicKey(privateKey).export({ format: "jwk" }));
}
