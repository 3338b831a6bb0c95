// Signatures of Ed25519, and keys and signatures that only a verifier without strictness takes.
import { createHash, createPrivateKey, sign } from "node:crypto";
import * as edwards from "./edwards.mjs";
import { publicJwk } from "./jwk.mjs";
import { littleBytesOf, littleNumberOf, mod } from "./numbers.mjs";

/** @typedef {import("./random.mjs").Random} Random */
/** @typedef {import("./cases.mjs").Signer} Signer */

/** @param {Random} random @returns {Signer} */
export function ed25519(random) {
  const seed = random.bytes(32);
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_OF_ED25519, seed]), format: "der", type: "pkcs8" });
  const key = publicJwk(privateKey);
  const scalar = littleNumberOf(random.bytes(31));
  const point = edwards.multiply(scalar, edwards.B);
  const jwk = (/** @type {Buffer} */ bytes) => ({ kty: "OKP", crv: "Ed25519", x: bytes.toString("base64url") });
  return {
    key,
    sign: (message) => sign(null, message, privateKey),
    *crafted(message) {
      const signature = sign(null, message, privateKey);
      const [r, s] = [signature.subarray(0, 32), littleNumberOf(signature.subarray(32))];
      const public32 = Buffer.from(key.x, "base64url");
      for (const times of [1n, 2n, 8n]) {
        const larger = s + times * edwards.L;
        if (larger >= 2n ** 256n) continue;
        yield { kind: "s + L", key, message, signature: Buffer.concat([r, littleBytesOf(larger, 32)]) };
      }
      const negative = littleBytesOf(mod(-s, edwards.L), 32);
      yield { kind: "L - s", key, message, signature: Buffer.concat([r, negative]) };
      yield { kind: "sign of x", key: jwk(signFlipped(public32)), message, signature };
      yield { kind: "sign of R's x", key, message, signature: Buffer.concat([signFlipped(r), signature.subarray(32)]) };
      for (const small of SMALL_ORDER) {
        yield { kind: "R of small order", key, message, signature: Buffer.concat([small, signature.subarray(32)]) };
        yield { kind: "key of small order", key: jwk(small), message, signature };
        // [0]B − [k]A is of small order too, and so equals such an R for one in a few messages.
        const zero = Buffer.concat([random.pick(SMALL_ORDER), Buffer.alloc(32)]);
        yield { kind: "key and R of small order, s is 0", key: jwk(small), message, signature: zero };
      }
      const neutral = littleBytesOf(1n, 32);
      const zero = Buffer.concat([neutral, Buffer.alloc(32)]);
      yield { kind: "key and R neutral, s is 0", key: jwk(neutral), message, signature: zero };
      for (const y of NOT_CANONICAL) {
        yield { kind: "key not canonical", key: jwk(y), message, signature };
        yield { kind: "R not canonical", key, message, signature: Buffer.concat([y, signature.subarray(32)]) };
      }
      // Keys and Rs with a part of small order: with the cofactor in the equation all would be valid, without it
      // those where the parts happen to cancel.
      for (let i = 0; i < 24; i += 1) {
        const [a, b] = [BigInt(random.below(8)), BigInt(random.below(8))];
        const mixedKey = edwards.encode(edwards.add(point, edwards.multiply(a, edwards.T8)));
        const nonce = littleNumberOf(random.bytes(31));
        const mixedR = edwards.encode(edwards.add(edwards.multiply(nonce, edwards.B), edwards.multiply(b, edwards.T8)));
        const hash = createHash("sha512").update(mixedR).update(mixedKey).update(message).digest();
        const k = mod(littleNumberOf(hash), edwards.L);
        const s = mod(nonce + k * scalar, edwards.L);
        const crafted = Buffer.concat([mixedR, littleBytesOf(s, 32)]);
        yield { kind: "parts of small order", key: jwk(mixedKey), message, signature: crafted };
      }
    },
  };
}

const PKCS8_OF_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");
/** The eight points, and the second spelling of those that have one by the sign of x. */
const SMALL_ORDER = [
  ...Array.from({ length: 8 }, (_, times) => edwards.encode(edwards.multiply(BigInt(times), edwards.T8))),
  signFlipped(littleBytesOf(1n, 32)),
  signFlipped(littleBytesOf(2n ** 255n - 20n, 32)),
];
/** y and y + p, which fits into 255 bits for y below 19 only. */
const NOT_CANONICAL = Array.from({ length: 19 }, (_, y) => littleBytesOf(2n ** 255n - 19n + BigInt(y), 32)).flatMap(
  (y) => [y, signFlipped(y)],
);

/** @param {Uint8Array} bytes */
function signFlipped(bytes) {
  const copy = Buffer.from(bytes);
  copy[31] ^= 0x80;
  return copy;
}
