// Tokens without a gate: one JWT and the keys for it, one DPoP proof and its request.
import assert from "node:assert/strict";
import { constants, createHash, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { verifyDpopProof, verifyJwt } from "countersign";
import { calculateJwkThumbprint } from "jose";

const NOW = 1_700_000_000;
const ISSUER = "https://as.example";
const AUDIENCE = "https://api.example";
const URL = "https://api.example/v1/orders?page=2";

/** @typedef {{hash: string | null, privateKey: import("node:crypto").KeyObject, jwk: Record<string, string>, options?: object}} Signer */

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pss = (/** @type {number} */ saltLength) => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
const plain = { dsaEncoding: "ieee-p1363" };
/** @param {string | null} hash @param {{privateKey: import("node:crypto").KeyObject, publicKey: import("node:crypto").KeyObject}} pair @param {object} [options] @returns {Signer} */
const signer = (hash, { privateKey, publicKey }, options) => ({
  hash,
  privateKey,
  options,
  jwk: /** @type {Record<string, string>} */ (publicKey.export({ format: "jwk" })),
});
const ed25519 = generateKeyPairSync("ed25519");
/** @type {Record<string, Signer>} */
const SIGNERS = {
  EdDSA: signer(null, ed25519),
  Ed25519: signer(null, ed25519),
  ES256: signer("sha256", generateKeyPairSync("ec", { namedCurve: "P-256" }), plain),
  ES384: signer("sha384", generateKeyPairSync("ec", { namedCurve: "P-384" }), plain),
  PS256: signer("sha256", rsa, pss(32)),
  PS384: signer("sha384", rsa, pss(48)),
  PS512: signer("sha512", rsa, pss(64)),
  RS256: signer("sha256", rsa),
  RS384: signer("sha384", rsa),
  RS512: signer("sha512", rsa),
};

/** @param {object | string} value */
const encoded = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** @param {object} header @param {object | string} payload @param {string} by */
function signed(header, payload, by) {
  const input = `${encoded(header)}.${encoded(payload)}`;
  const { hash, privateKey, options } = SIGNERS[by];
  return `${input}.${sign(hash, Buffer.from(input), { key: privateKey, ...options }).toString("base64url")}`;
}

/** @param {object} [claims] @param {object} [header] @param {string} [by] */
function token(claims = {}, header = {}, by = "EdDSA") {
  const own = { iss: ISSUER, aud: AUDIENCE, sub: "user", exp: NOW + 300, iat: NOW - 1, jti: "1", client_id: "agent" };
  return signed({ alg: by, typ: "at+jwt", kid: by, ...header }, { ...own, ...claims }, by);
}

/** @param {object} [claims] @param {object} [header] @param {string} [by] */
function proof(claims = {}, header = {}, by = "EdDSA") {
  const own = { jti: "a", htm: "POST", htu: "https://api.example/v1/orders", iat: NOW };
  return signed({ alg: by, typ: "dpop+jwt", jwk: SIGNERS[by].jwk, ...header }, { ...own, ...claims }, by);
}

const KEYS = { keys: Object.entries(SIGNERS).map(([kid, { jwk }]) => ({ ...jwk, kid })) };
const DEMANDS = { keys: KEYS, issuer: ISSUER, audience: AUDIENCE, now: NOW };
const REQUEST = { method: "POST", url: URL, now: NOW };

/** @param {string} text @param {Partial<import("countersign").VerifyTokenOptions>} [options] */
const judge = async (text, options = {}) => {
  const { outcome, code } = await verifyJwt(text, { ...DEMANDS, ...options });
  return `${outcome} ${code}`;
};

/** @param {string} text @param {Partial<import("countersign").VerifyDpopProofOptions>} [options] */
const judgeProof = async (text, options = {}) => {
  const { outcome, code } = await verifyDpopProof(text, { ...REQUEST, ...options });
  return `${outcome} ${code}`;
};

/** Another letter where all bits count. @param {string} text */
const changed = (text) => `${text.slice(0, -9)}${text.at(-9) === "A" ? "B" : "A"}${text.slice(-8)}`;

for (const alg of Object.keys(SIGNERS)) {
  test(`${alg}: a token and a proof that hold are verified, and changed they are not`, async () => {
    const report = await verifyJwt(token({}, {}, alg), DEMANDS);
    assert.ok(report.outcome === "verified", report.code);
    const thumbprint = await calculateJwkThumbprint(SIGNERS[alg].jwk);
    assert.deepEqual([report.algorithm, report.kid, report.key, report.profile], [alg, alg, thumbprint, "at+jwt"]);
    assert.equal(report.claims.sub, "user");
    assert.equal(await judge(changed(token({}, {}, alg))), "invalid token.signature_invalid");
    assert.equal(await judge(token({}, { alg: "none" }, alg)), "invalid token.algorithm_not_allowed");

    const held = await verifyDpopProof(proof({}, {}, alg), REQUEST);
    assert.ok(held.outcome === "verified", held.code);
    assert.deepEqual([held.jkt, held.jti, held.htm, held.iat], [thumbprint, "a", "POST", NOW]);
    assert.equal(await judgeProof(changed(proof({}, {}, alg))), "invalid dpop.signature_invalid");
  });
}

test("algorithms that are not accepted are refused, and one key's token of another's algorithm", async () => {
  assert.equal(await judge(token({}, {}, "RS256"), { algorithms: ["ES256", "RS384"] }), "invalid token.algorithm_not_allowed");
  assert.equal(await judge(token({}, {}, "RS256"), { algorithms: ["RS256"] }), "verified ok");
  assert.equal(await judge(token(), { algorithms: ["Ed25519"] }), "verified ok");
  assert.equal(await judge(token({}, { alg: "RS256", kid: "PS256" }, "PS256")), "invalid token.signature_invalid");
  assert.equal(await judge(token({}, { alg: "RS256" }, "EdDSA")), "unverified token.key_unknown");
  assert.equal(await judgeProof(proof(), { algorithms: ["ES256"] }), "invalid dpop.algorithm_not_allowed");
});

test("each demand that is not met has its code, and no claims are told", async () => {
  for (const [claims, header, code] of /** @type {[object, object, string][]} */ ([
    [{ iss: "https://evil.example" }, {}, "invalid token.issuer_unknown"],
    [{ aud: ["x"] }, {}, "invalid token.audience_mismatch"],
    [{ exp: NOW - 30 }, {}, "invalid token.expired"],
    [{ nbf: NOW + 31 }, {}, "invalid token.not_yet_valid"],
    [{ iat: NOW + 31 }, {}, "invalid token.issued_in_future"],
    [{ exp: NOW + 1.5 }, {}, "invalid token.claim_invalid"],
    [{ jti: undefined }, {}, "invalid token.claim_missing"],
    [{}, { typ: "JWT" }, "invalid token.type_mismatch"],
    [{}, { typ: "dpop+jwt" }, "invalid token.type_mismatch"],
    [{}, { crit: [] }, "invalid token.critical_header"],
    [{}, { b64: true }, "invalid token.critical_header"],
    [{}, { kid: "../EdDSA" }, "unverified token.key_unknown"],
    [{}, { kid: 1 }, "invalid token.malformed"],
  ])) {
    assert.equal(await judge(token(claims, header)), code);
    assert.ok(!("claims" in (await verifyJwt(token(claims, header), DEMANDS))), code);
  }
  assert.equal(await judge(token(), { maxLifetime: 300 }), "invalid token.lifetime_too_long");
  assert.equal(await judge(token({ exp: NOW - 1 }), { clockSkew: 0 }), "invalid token.expired");
  assert.equal(await judge(token(), { audience: ["x", AUDIENCE], maxLifetime: 301 }), "verified ok");
  for (const text of ["", "a.b.c", "{}", `${token()}\n`, `${token()}.`]) assert.equal(await judge(text), "invalid token.malformed");
});

test("a profile takes its own typ only, and any takes both", async () => {
  const jwt = token({ jti: undefined }, { typ: undefined });
  assert.equal(await judge(jwt, { profile: "jwt" }), "verified ok");
  assert.equal(await judge(jwt), "invalid token.type_mismatch");
  assert.equal(await judge(token(), { profile: "jwt" }), "invalid token.type_mismatch");
  for (const [text, profile] of /** @type {const} */ ([[jwt, "jwt"], [token(), "at+jwt"]])) {
    const report = await verifyJwt(text, { ...DEMANDS, profile: "any" });
    assert.deepEqual([report.outcome, report.profile], ["verified", profile]);
  }
  for (const typ of ["dpop+jwt", "statuslist+jwt", "secevent+jwt", "oauth-id-jag+jwt", "wit+jwt", "wpt+jwt"]) {
    assert.equal(await judge(token({}, { typ }), { profile: "any" }), "invalid token.type_mismatch");
  }
});

test("a JWS is judged by header and signature alone", async () => {
  const text = signed({ alg: "RS512" }, "no claims", "RS512");
  const report = await verifyJwt(text, { keys: KEYS, profile: "jws" });
  assert.ok(report.outcome === "verified");
  assert.equal(report.payload_sha256, createHash("sha256").update("no claims").digest("base64url"));
  assert.ok(!("claims" in report));
  assert.equal((await verifyJwt(changed(text), { keys: KEYS, profile: "jws" })).code, "token.signature_invalid");
  for (const demand of [{ issuer: ISSUER }, { audience: AUDIENCE }, { clockSkew: 1 }, { maxLifetime: 1 }, { now: NOW }]) {
    const options = /** @type {any} */ ({ keys: KEYS, profile: "jws", ...demand });
    await assert.rejects(verifyJwt(text, options), { name: "CountersignError", code: "options.invalid" });
  }
});

test("keys may be a set, a list, one key, or the JSON of them", async () => {
  const { jwk } = SIGNERS.EdDSA;
  const text = token({}, { kid: undefined });
  for (const keys of [{ keys: [jwk] }, [jwk], jwk, JSON.stringify(jwk), JSON.stringify({ keys: [jwk] })]) {
    assert.equal(await judge(text, { keys }), "verified ok");
  }
  assert.equal(await judge(text, { keys: [] }), "unverified token.key_unknown");
  for (const keys of [undefined, null, 7, "", "{", "[]", '{"keys":7}', '{"keys":[],"keys":[]}']) {
    await assert.rejects(judge(text, { keys: /** @type {any} */ (keys) }), { code: "keys.invalid" }, String(keys));
  }
});

test("what is no option is an error", async () => {
  for (const options of [
    { issuer: undefined }, { issuer: 1 }, { audience: undefined }, { audience: [] }, { audience: [1] }, { algorithms: ["HS256"] },
    { algorithms: ["none"] }, { algorithms: "ES256" }, { profile: "id" }, { clockSkew: 61 }, { clockSkew: -1 }, { clockSkew: 0.5 },
    { maxLifetime: "1" }, { now: NOW * 1000 }, { now: "now" }, { now: new Date(Number.NaN) },
  ]) {
    await assert.rejects(judge(token(), /** @type {any} */ (options)), { code: "options.invalid" }, JSON.stringify(options));
  }
  for (const options of [
    { method: undefined }, { url: undefined }, { url: "/v1" }, { url: "ftp://x/" }, { token: 1 }, { nonce: 1 }, { maxAge: -1 },
    { clockSkew: 61 }, { algorithms: ["HS256"] }, { now: NOW * 1000 },
  ]) {
    await assert.rejects(judgeProof(proof(), /** @type {any} */ (options)), { code: "options.invalid" }, JSON.stringify(options));
  }
  for (const text of [undefined, null, 7, {}]) {
    await assert.rejects(judge(/** @type {any} */ (text)), { code: "options.invalid" });
    await assert.rejects(judgeProof(/** @type {any} */ (text)), { code: "options.invalid" });
  }
  assert.equal(await judge(token(), { now: new Date(NOW * 1000 + 999) }), "verified ok");
});

test("a proof is compared with request, token and nonce", async () => {
  for (const [claims, header, code] of /** @type {[object, object, string][]} */ ([
    [{ htm: "post" }, {}, "dpop.method_mismatch"],
    [{ htu: "https://evil.example/v1/orders" }, {}, "dpop.url_mismatch"],
    [{ iat: NOW - 61 }, {}, "dpop.expired"],
    [{ iat: NOW + 31 }, {}, "dpop.issued_in_future"],
    [{ jti: "" }, {}, "dpop.claim_invalid"],
    [{ htu: undefined }, {}, "dpop.claim_missing"],
    [{}, { typ: "at+jwt" }, "dpop.type_mismatch"],
    [{}, { jwk: undefined }, "dpop.key_invalid"],
    [{}, { jwk: { kty: "oct", k: "AAAA" } }, "dpop.key_private"],
    [{}, { jwk: ed25519.privateKey.export({ format: "jwk" }) }, "dpop.key_private"],
  ])) {
    assert.equal(await judgeProof(proof(claims, header)), `invalid ${code}`);
  }
  const hash = (/** @type {string} */ text) => createHash("sha256").update(text).digest("base64url");
  const jkt = await calculateJwkThumbprint(SIGNERS.ES256.jwk);
  const bound = token({ cnf: { jkt } });
  const with_ = (/** @type {string} */ text, by = "ES256") => verifyDpopProof(proof({ ath: hash(text) }, {}, by), { ...REQUEST, token: text });
  const held = await with_(bound);
  assert.ok(held.outcome === "verified" && held.bound === true);
  assert.equal((await with_(bound, "EdDSA")).code, "dpop.key_mismatch");
  const opaque = await with_("opaque");
  assert.ok(opaque.outcome === "verified" && opaque.bound === false);
  assert.equal(await judgeProof(proof(), { token: "opaque" }), "invalid dpop.token_hash_missing");
  assert.equal(await judgeProof(proof({ ath: hash("x") }), { token: "opaque" }), "invalid dpop.token_hash_mismatch");
  assert.equal(await judgeProof(proof(), { nonce: "n" }), "invalid dpop.nonce_missing");
  assert.equal(await judgeProof(proof({ nonce: "m" }), { nonce: "n" }), "invalid dpop.nonce_invalid");
  assert.equal(await judgeProof(proof({ nonce: "n" }), { nonce: "n" }), "verified ok");
  assert.equal(await judgeProof(proof({ iat: NOW - 11 }), { maxAge: 10 }), "invalid dpop.expired");
});
