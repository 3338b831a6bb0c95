// DPoP proofs (RFC 9449): right ones by npm `dpop`, and wrong ones, which it will not make, by `jose`.
import { createHash, randomUUID } from "node:crypto";
import { generateProof } from "dpop";
import { SignJWT } from "jose";
import { seconds } from "./issuer.mjs";

/**
 * @typedef {object} ProofOptions
 * @property {string} [htm]
 * @property {string} [htu]
 * @property {string} [token] hashed into `ath` instead of the one that is sent
 * @property {number} [iat] seconds
 * @property {string} [jti]
 * @property {Record<string, unknown>} [header]
 */

/**
 * @param {import("./net.mjs").Wire} wire
 * @param {import("./keys.mjs").Key} key
 * @param {string} token
 * @param {ProofOptions} [options]
 * @returns {Promise<string>}
 */
export async function prove(wire, key, token, options = {}) {
  const htu = options.htu ?? wire.url.split(/[?#]/)[0];
  const htm = options.htm ?? wire.method;
  const bound = options.token ?? token;
  if (options.iat === undefined && options.jti === undefined && options.header === undefined) {
    return generateProof({ privateKey: key.privateKey, publicKey: key.publicKey }, htu, htm, undefined, bound);
  }
  const { kty, crv, x, y, n, e } = key.publicJwk;
  const jwk = JSON.parse(JSON.stringify({ kty, crv, x, y, n, e }));
  const ath = createHash("sha256").update(bound).digest("base64url");
  return new SignJWT({ jti: options.jti ?? randomUUID(), htm, htu, iat: options.iat ?? seconds(), ath })
    .setProtectedHeader({ alg: key.alg, typ: "dpop+jwt", jwk, ...options.header })
    .sign(key.privateKey);
}
