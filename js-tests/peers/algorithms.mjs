// The algorithms of RFC 9421 §3.3 on Node's own cryptography: a key of each, and what it signs and verifies.
import { constants, createHmac, createSecretKey, generateKeyPairSync, randomBytes, sign, timingSafeEqual, verify } from "node:crypto";
import { calculateJwkThumbprint } from "jose";

/** @typedef {keyof typeof NATIVE} Algorithm */

/**
 * @typedef {object} AlgorithmKey
 * @property {Algorithm} algorithm
 * @property {string} kid
 * @property {import("node:crypto").KeyObject} privateKey
 * @property {import("node:crypto").KeyObject} publicKey
 * @property {JsonWebKey & {kid: string, alg: string}} privateJwk
 * @property {JsonWebKey & {kid: string, alg: string}} publicJwk what the verifier is given
 */

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 };
const PLAIN = /** @type {const} */ ({ dsaEncoding: "ieee-p1363" });

/**
 * @typedef {object} Native
 * @property {string} alg of JOSE
 * @property {() => {privateKey: import("node:crypto").KeyObject, publicKey: import("node:crypto").KeyObject}} generate
 * @property {(key: import("node:crypto").KeyObject, data: Uint8Array) => Buffer} sign
 * @property {(key: import("node:crypto").KeyObject, data: Uint8Array, signature: Uint8Array) => boolean} verify
 */

const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
/** @param {Buffer} secret */
const shared = (secret) => ({ privateKey: createSecretKey(secret), publicKey: createSecretKey(secret) });

export const NATIVE = {
  ed25519: /** @type {Native} */ ({
    alg: "EdDSA",
    generate: () => generateKeyPairSync("ed25519"),
    sign: (key, data) => sign(null, data, key),
    verify: (key, data, signature) => verify(null, data, key, signature),
  }),
  "ecdsa-p256-sha256": /** @type {Native} */ ({
    alg: "ES256",
    generate: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
    sign: (key, data) => sign("sha256", data, { key, ...PLAIN }),
    verify: (key, data, signature) => verify("sha256", data, { key, ...PLAIN }, signature),
  }),
  "ecdsa-p384-sha384": /** @type {Native} */ ({
    alg: "ES384",
    generate: () => generateKeyPairSync("ec", { namedCurve: "P-384" }),
    sign: (key, data) => sign("sha384", data, { key, ...PLAIN }),
    verify: (key, data, signature) => verify("sha384", data, { key, ...PLAIN }, signature),
  }),
  "rsa-pss-sha512": /** @type {Native} */ ({
    alg: "PS512",
    generate: rsa,
    sign: (key, data) => sign("sha512", data, { key, ...PSS }),
    verify: (key, data, signature) => verify("sha512", data, { key, ...PSS }, signature),
  }),
  "rsa-v1_5-sha256": /** @type {Native} */ ({
    alg: "RS256",
    generate: rsa,
    sign: (key, data) => sign("sha256", data, key),
    verify: (key, data, signature) => verify("sha256", data, key, signature),
  }),
  "hmac-sha256": /** @type {Native} */ ({
    alg: "HS256",
    generate: () => shared(randomBytes(64)),
    sign: (key, data) => createHmac("sha256", key).update(data).digest(),
    verify: (key, data, signature) => {
      const expected = createHmac("sha256", key).update(data).digest();
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    },
  }),
};

/**
 * @param {Algorithm} algorithm
 * @returns {Promise<AlgorithmKey>}
 */
export async function makeAlgorithmKey(algorithm) {
  const { alg, generate } = NATIVE[algorithm];
  const { privateKey, publicKey } = generate();
  const jwk = publicKey.export({ format: "jwk" });
  // A thumbprint of a shared key would be one of the secret.
  const kid = algorithm === "hmac-sha256" ? "shared" : await calculateJwkThumbprint(/** @type {any} */ (jwk));
  const privateJwk = { ...privateKey.export({ format: "jwk" }), kid, alg };
  return { algorithm, kid, privateKey, publicKey, privateJwk, publicJwk: { ...jwk, kid, alg } };
}
