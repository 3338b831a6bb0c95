// ECDSA on `node:crypto`, where the package makes the DER of a signature itself: never another verdict than Node's own.
// What other backends say, and of RSA too, is asked in backends.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { test } from "node:test";
// Not part of the package's interface, but of its correctness.
import { NativeKeys } from "../../js/dist/platform/node/crypto.js";

/** The second takes OpenSSL ten times as long. @type {["ES256" | "ES384", string, string, number, number][]} */
const CURVES = [
  ["ES256", "P-256", "sha256", 32, 1_200],
  ["ES384", "P-384", "sha384", 48, 240],
];

for (const [algorithm, namedCurve, hash, half, count] of CURVES) {
  test(`${count} signatures of ${algorithm}, right and wrong, get Node's verdict, also where r or s begins with zeros`, () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
    const key = JSON.stringify(publicKey.export({ format: "jwk" }));
    const keys = new NativeKeys();
    const seen = { valid: 0, shortR: 0, shortS: 0, negative: 0 };
    for (let i = 0; i < count; i += 1) {
      const message = new Uint8Array(randomBytes(32));
      const signature = new Uint8Array(sign(hash, message, { key: privateKey, dsaEncoding: "ieee-p1363" }));
      if (i % 4 === 0) message[0] ^= 1;
      if (i % 4 === 1) signature[i % (2 * half)] ^= 1;
      // Of the right ones, one in 128 begins so by itself.
      if (i % 12 === 2) signature.fill(0, 0, half - 1);
      if (i % 12 === 6) signature.fill(0, half, 2 * half - 1);
      const expected = verify(hash, message, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
      assert.equal(keys.verify({ algorithm, key, message, signature }), expected);
      seen.valid += Number(expected);
      seen.shortR += Number(signature[0] === 0);
      seen.shortS += Number(signature[half] === 0);
      seen.negative += Number(signature[0] >= 0x80);
    }
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 0, what);
  });
}

test("what is no key, no signature or no algorithm verifies nothing", () => {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = JSON.stringify(publicKey.export({ format: "jwk" }));
  const [message, signature] = [new Uint8Array(3), new Uint8Array(64)];
  const keys = new NativeKeys();
  for (const check of [{ key: "{}", signature }, { key, signature }, { key, signature: new Uint8Array() }]) {
    for (const algorithm of /** @type {const} */ (["ES256", "ES384", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"])) {
      assert.equal(keys.verify({ algorithm, message, ...check }), false, algorithm);
    }
    assert.ok(!keys.verify({ algorithm: /** @type {any} */ ("HS256"), message, ...check }));
  }
});
