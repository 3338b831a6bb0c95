// The hosts themselves, and not only what they ask of their cryptography: tokens of every algorithm, right and wrong,
// through the Worker and through the npm package. One RSA key signs for six algorithms, so that an imported key that
// is kept for one of them and used for another would show.
import assert from "node:assert/strict";
import { constants, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { test } from "node:test";
import { startInProcess } from "../lib/in-process.mjs";
import { seconds } from "../lib/issuer.mjs";
import { ISSUER, JWKS_PATH } from "../lib/names.mjs";
import { judge } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
/** @typedef {{key: {publicKey: import("node:crypto").KeyObject, privateKey: import("node:crypto").KeyObject}, hash: string | null, options?: object}} Signer */
/** @type {Record<string, Signer>} */
const SIGNERS = {
  EdDSA: { key: generateKeyPairSync("ed25519"), hash: null },
  ES256: { key: generateKeyPairSync("ec", { namedCurve: "P-256" }), hash: "sha256", options: { dsaEncoding: "ieee-p1363" } },
  ES384: { key: generateKeyPairSync("ec", { namedCurve: "P-384" }), hash: "sha384", options: { dsaEncoding: "ieee-p1363" } },
  RS256: { key: rsa, hash: "sha256" },
  PS256: { key: rsa, hash: "sha256", options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } },
  PS512: { key: rsa, hash: "sha512", options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 } },
  PS384: { key: rsa, hash: "sha384", options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 } },
  RS384: { key: rsa, hash: "sha384" },
  RS512: { key: rsa, hash: "sha512" },
};
const ALGORITHMS = Object.keys(SIGNERS);
const AUDIENCE = "https://api.example";
const issuers = [{ issuer: ISSUER, jwks_uri: ISSUER + JWKS_PATH, audience: [AUDIENCE], algorithms: ALGORITHMS, profile: "at+jwt" }];

for (const [host, start] of Object.entries({ "the Worker": undefined, "the npm package": startInProcess })) {
  test(`${host} verifies every algorithm, each time and with what it needs`, async (t) => {
    const world = await startWorld({ start, withoutLimits: true, config: { issuers } });
    t.after(() => world.close());
    world.issuer.published = [...new Set(Object.values(SIGNERS).map(({ key }) => key.publicKey))].map((key, i) => ({
      .../** @type {object} */ (key.export({ format: "jwk" })),
      kid: `key-${i}`,
    }));
    /** @param {string} alg @param {string} by whose signature it is @param {object} [options] @param {(signature: Buffer) => void} [change] */
    const code = async (alg, by = alg, options = {}, change = () => {}) => {
      const now = seconds();
      const claims = { iss: ISSUER, aud: AUDIENCE, sub: "user-7", client_id: "c", scope: "order:read", iat: now, exp: now + 60, jti: randomUUID() };
      const input = [{ alg, typ: "at+jwt" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
      const { key, hash, options: usual } = SIGNERS[by];
      const signature = sign(hash, Buffer.from(input), { key: key.privateKey, ...usual, ...options });
      change(signature);
      const token = `${input}.${signature.toString("base64url")}`;
      const wire = { method: "GET", url: `${world.url}/api/v1/orders`, headers: /** @type {[string, string][]} */ ([["Authorization", `Bearer ${token}`]]) };
      return (await judge(wire)).code;
    };
    // Twice, so that keys that were kept are used; then in the other order.
    for (const alg of [...ALGORITHMS, ...ALGORITHMS, ...[...ALGORITHMS].reverse()]) {
      assert.equal(await code(alg), "ok", alg);
      assert.equal(await code(alg, alg, {}, (signature) => void (signature[40] ^= 1)), "token.signature_invalid", alg);
    }
    for (const [alg, by] of [["RS256", "PS256"], ["PS256", "RS256"], ["PS256", "PS512"], ["PS512", "PS256"], ["PS512", "RS256"], ["RS384", "RS256"], ["RS512", "RS384"], ["PS384", "RS384"], ["RS384", "PS384"], ["PS384", "PS512"]]) {
      assert.equal(await code(alg, by), "token.signature_invalid", `${alg} of ${by}`);
    }
    for (const [alg, saltLength] of /** @type {const} */ ([["PS256", 0], ["PS256", 31], ["PS256", 64], ["PS512", 32], ["PS512", 63], ["PS512", 65], ["PS384", 47], ["PS384", 49], ["PS384", 64]])) {
      assert.equal(await code(alg, alg, { saltLength }), "token.signature_invalid", `${alg}, salt of ${saltLength}`);
    }
  });
}
