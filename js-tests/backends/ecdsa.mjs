// Signatures of ECDSA, and numbers at the edges of its arithmetic.
import { createECDH, createHash, createPrivateKey, sign } from "node:crypto";
import { bytesOf, inverse, mod, numberOf } from "./numbers.mjs";

/** @typedef {import("./random.mjs").Random} Random */
/** @typedef {import("./cases.mjs").Signer} Signer */

/** @typedef {{name: string, openssl: string, hash: string, length: number, order: bigint}} Curve */

/** @type {Curve} */
export const P256 = {
  name: "P-256",
  openssl: "prime256v1",
  hash: "sha256",
  length: 32,
  order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
};
/** @type {Curve} */
export const P384 = {
  name: "P-384",
  openssl: "secp384r1",
  hash: "sha384",
  length: 48,
  order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
};

/** @param {Random} random @param {Curve} curve @returns {Signer} */
export function ecdsa(random, { name, openssl, hash, length, order }) {
  const secret = mod(numberOf(random.bytes(length)), order - 1n) + 1n;
  const d = bytesOf(secret, length);
  const pair = createECDH(openssl);
  pair.setPrivateKey(d);
  const point = pair.getPublicKey().subarray(1);
  const [x, y] = [point.subarray(0, length), point.subarray(length)].map((bytes) => bytes.toString("base64url"));
  const key = { kty: "EC", crv: name, x, y };
  const privateKey = createPrivateKey({ key: { ...key, d: d.toString("base64url") }, format: "jwk" });
  const signed = (/** @type {Buffer} */ message, by = hash) => sign(by, message, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const pairOf = (/** @type {bigint} */ r, /** @type {bigint} */ s) => Buffer.concat([bytesOf(r, length), bytesOf(s, length)]);
  return {
    key,
    sign: (message) => signed(message),
    *crafted(message) {
      const signature = signed(message);
      const [r, s] = [numberOf(signature.subarray(0, length)), numberOf(signature.subarray(length))];
      yield { kind: "n - s", key, message, signature: pairOf(r, order - s) };
      yield { kind: "n - r", key, message, signature: pairOf(order - r, s) };
      for (const edge of [0n, 1n, order - 1n, order, order + 1n, 2n ** BigInt(8 * length) - 1n]) {
        yield { kind: "r at the edge", key, message, signature: pairOf(edge, s) };
        yield { kind: "s at the edge", key, message, signature: pairOf(r, edge) };
        yield { kind: "r and s at the edge", key, message, signature: pairOf(edge, edge) };
      }
      for (const other of ["sha1", "sha256", "sha384", "sha512"].filter((other) => other !== hash)) {
        yield { kind: "another hash", key, message, signature: signed(message, other) };
      }
      yield { kind: "DER", key, message, signature: sign(hash, message, privateKey) };
      // [e/s]G + [r/s]Q is the point at infinity, which has no x.
      const e = numberOf(createHash(hash).update(message).digest());
      const infinite = mod(-e * inverse(secret, order), order);
      yield { kind: "infinity", key, message, signature: pairOf(infinite, s) };
      // The two points of the sum are the same, or opposite: [e/s]G = ±[r/s]Q.
      yield { kind: "doubling", key, message, signature: pairOf(mod(e * inverse(secret, order), order), s) };
      for (const part of [0, length]) {
        let short = signature;
        for (let tries = 0; tries < 2000 && short[part] !== 0; tries += 1) short = signed(message);
        yield { kind: "right, begins with a zero", key, message, signature: short };
        const cut = Buffer.concat([short.subarray(0, part), short.subarray(part + 1)]);
        yield { kind: "without the zero", key, message, signature: cut };
      }
      const minusY = { ...key, y: random.flipped(Buffer.from(y, "base64url")).toString("base64url") };
      yield { kind: "not on the curve", key: minusY, message, signature };
      yield { kind: "no point", key: { ...key, x: bytesOf(0n, length).toString("base64url") }, message, signature };
    },
  };
}
