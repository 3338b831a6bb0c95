// Keys, made anew at each run.
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";

/**
 * @typedef {object} Key
 * @property {string} alg
 * @property {string} kid the RFC 7638 thumbprint
 * @property {CryptoKey} privateKey
 * @property {CryptoKey} publicKey
 * @property {JsonWebKey} privateJwk
 * @property {import("jose").JWK} publicJwk as it is published: with `kid`, `alg` and `use`
 */

/**
 * @param {"EdDSA" | "ES256" | "RS256" | "PS512"} alg
 * @returns {Promise<Key>}
 */
export async function makeKey(alg) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    alg,
    kid,
    privateKey,
    publicKey,
    privateJwk: /** @type {JsonWebKey} */ (await exportJWK(privateKey)),
    publicJwk: { ...jwk, kid, alg, use: "sig" },
  };
}
