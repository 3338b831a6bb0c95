// A signature check on WebCrypto, as worker/src/webcrypto.rs asks it; in Node, and as a module in workerd.

/** By the algorithm's name in JOSE. @type {Record<string, {name: string, [parameter: string]: string | number}>} */
const ALGORITHMS = {
  EdDSA: { name: "Ed25519" },
  ES256: { name: "ECDSA", hash: "SHA-256", namedCurve: "P-256" },
  ES384: { name: "ECDSA", hash: "SHA-384", namedCurve: "P-384" },
  PS512: { name: "RSA-PSS", hash: "SHA-512", saltLength: 64 },
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS384: { name: "RSA-PSS", hash: "SHA-384", saltLength: 48 },
  RS384: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" },
  RS512: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
};

/** @param {string} alg @param {string} key a JWK, JSON */
export function importKey(alg, key) {
  return crypto.subtle.importKey("jwk", JSON.parse(key), ALGORITHMS[alg], false, ["verify"]);
}

/** @param {string} alg @param {CryptoKey} key @param {Uint8Array<ArrayBuffer>} message @param {Uint8Array<ArrayBuffer>} signature */
export function verifyWith(alg, key, message, signature) {
  return crypto.subtle.verify(ALGORITHMS[alg], key, signature, message);
}

/**
 * Whether the signature is valid. What the host fails at is not.
 *
 * @param {{alg: string, key: string, message: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>}} check
 */
export async function verify({ alg, key, message, signature }) {
  try {
    return await verifyWith(alg, await importKey(alg, key), message, signature);
  } catch {
    return false;
  }
}
