// Signatures without a gate: one message, and the keys for it or the key to sign it with.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { contentDigest, parseAcceptSignature, signMessage, verifySignature } from "countersign";
import { makeAlgorithmKey, NATIVE } from "../peers/algorithms.mjs";

const NOW = 1_700_000_000;
const BODY = new TextEncoder().encode("hello");
const COMPONENTS = ["@method", "@target-uri", '"@query-param";name="name"', "content-digest"];

/** @typedef {import("../peers/algorithms.mjs").Algorithm} Algorithm */
/** @type {Record<string, import("../peers/algorithms.mjs").AlgorithmKey>} */
const keys = {};
before(async () => {
  for (const name of Object.keys(NATIVE)) keys[name] = await makeAlgorithmKey(/** @type {Algorithm} */ (name));
});

const request = () => ({
  method: "POST",
  url: "https://api.example/a/./%62?name=x&q=1",
  headers: /** @type {[string, string][]} */ ([["Content-Digest", contentDigest(BODY)]]),
  body: BODY,
});

/**
 * @param {import("countersign").SignedRequest} message
 * @param {Partial<import("countersign").SignOptions> & {algorithm?: string}} [options]
 */
async function signed(message, { algorithm = "ed25519", ...options } = {}) {
  const { kid, privateKey } = keys[algorithm];
  const added = await signMessage(message, {
    components: COMPONENTS,
    created: NOW,
    expires: NOW + 60,
    keyid: kid,
    sign: (base) => NATIVE[/** @type {Algorithm} */ (algorithm)].sign(privateKey, base),
    ...options,
  });
  return { ...message, headers: [.../** @type {[string, string][]} */ (message.headers), ...Object.entries(added)] };
}

/**
 * @param {import("countersign").SignedMessage} message
 * @param {Partial<import("countersign").VerifyOptions>} [options]
 */
const verify = (message, options = {}) =>
  verifySignature(message, { keys: { keys: Object.values(keys).map((key) => key.publicJwk) }, now: NOW, ...options });

/** @param {import("countersign").SignedMessage} message @param {Partial<import("countersign").VerifyOptions>} [options] */
const verdict = async (message, options) => {
  const { outcome, code } = await verify(message, options);
  return `${outcome} ${code}`;
};

for (const algorithm of Object.keys(NATIVE)) {
  test(`${algorithm}: what is signed is verified, and changed it is not`, async () => {
    const message = await signed(request(), { algorithm });
    const report = await verify(message);
    assert.equal(report.outcome, "verified", report.code);
    assert.equal(report.outcome === "verified" && report.algorithm, algorithm);
    assert.deepEqual([report.label, report.keyid, report.created], ["sig1", keys[algorithm].kid, NOW]);
    assert.equal(await verdict({ ...message, method: "PUT" }), "invalid signature.invalid");
    assert.equal(await verdict({ ...message, body: new Uint8Array(5) }), "invalid signature.digest_mismatch");
    assert.equal(await verdict(message, { keys: { keys: [] } }), "unverified signature.key_unknown");
  });
}

test("a URL is taken as it is given, where a parser would change what was signed", async () => {
  const message = await signed(request());
  assert.equal(await verdict(message), "verified ok");
  assert.notEqual(new URL(message.url).href, message.url);
  assert.equal(await verdict({ ...message, url: new URL(message.url).href }), "invalid signature.invalid");
});

test("keys may be a set, a list, one key, or the JSON of them", async () => {
  const message = await signed(request());
  const jwk = keys.ed25519.publicJwk;
  for (const form of [{ keys: [jwk] }, [jwk], jwk, JSON.stringify(jwk), JSON.stringify({ keys: [jwk] })]) {
    assert.equal(await verdict(message, { keys: form }), "verified ok");
  }
  for (const form of [undefined, null, 7, "", "{", "[]", '{"keys":7}', '{"keys":[],"keys":[]}']) {
    const keys = /** @type {any} */ (form);
    await assert.rejects(verify(message, { keys }), { name: "CountersignError", code: "keys.invalid" }, String(form));
  }
});

test("the time is seconds or a Date, and nothing else", async () => {
  const message = await signed(request());
  assert.equal(await verdict(message, { now: new Date(NOW * 1000 + 999) }), "verified ok");
  assert.equal(await verdict(message, { now: NOW + 60 }), "invalid signature.expired");
  assert.equal(await verdict(message, { now: NOW - 31 }), "invalid signature.created_in_future");
  assert.equal(await verdict(message, { now: NOW - 31, clockSkew: 60 }), "verified ok");
  for (const now of [NOW * 1000, NOW + 0.5, -1, Number.NaN, "1700000000", new Date(Number.NaN)]) {
    const wrong = verify(message, { now: /** @type {any} */ (now) });
    await assert.rejects(wrong, { code: "options.invalid" }, String(now));
  }
  await assert.rejects(verify(message, { clockSkew: -1 }), { code: "options.invalid" });
});

test("what is demanded besides is demanded", async () => {
  const message = await signed(request(), { tag: "mine" });
  const all = { require: ["@method", '"@query-param";name="name"'], tag: "mine", label: "sig1" };
  assert.equal(await verdict(message, all), "verified ok");
  assert.equal(await verdict(message, { require: ["@authority"] }), "invalid signature.component_not_covered");
  assert.equal(await verdict(message, { tag: "other" }), "unverified signature.tag_unknown");
  assert.equal(await verdict(message, { label: "sig2" }), "unverified signature.missing");
  assert.equal(await verdict(message, { tag: ["other", "mine"] }), "verified ok");
  assert.equal(await verdict(message, { requireParams: ["nonce"] }), "invalid signature.parameter_missing");
  assert.equal(await verdict(message, { algorithms: ["rsa-pss-sha512"] }), "invalid signature.algorithm_not_allowed");
  assert.equal(await verdict(message, { algorithms: ["ed25519", "hmac-sha256"] }), "verified ok");
  assert.equal(await verdict(message, { maxWindow: 59 }), "invalid signature.window_invalid");
  await assert.rejects(verify(message, { require: ["@mine"] }), { code: "options.invalid" });
  await assert.rejects(verify(message, { algorithms: ["ed448"] }), { code: "options.invalid" });
  await assert.rejects(verify(message, { requireParams: [/** @type {any} */ ("mine")] }), { code: "options.invalid" });
  await assert.rejects(verify(message, { maxWindow: 0.5 }), { code: "options.invalid" });
  const profile = /** @type {any} */ ("mine");
  await assert.rejects(verify(message, { profile }), { code: "options.invalid", message: /profile/ });
});

test("a key that a standard prints counts for no agent, unless it is allowed", async () => {
  const kid = "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U";
  const published = { kty: "OKP", crv: "Ed25519", kid, x: "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs" };
  const message = await signed(
    { ...request(), headers: [["Signature-Agent", 'sig1="https://agents.example"']], body: null },
    { components: ["@authority", '"signature-agent";key="sig1"'], keyid: kid, tag: "web-bot-auth" },
  );
  const options = /** @type {const} */ ({ keys: published, profile: "web-bot-auth" });
  assert.equal(await verdict(message, options), "invalid signature.key_forbidden");
  // Its private half is not used here, so that beyond that it does not hold.
  assert.equal(await verdict(message, { ...options, allowTestKeys: true }), "invalid signature.invalid");
});

test("an explanation shows the base and what was done otherwise", async () => {
  const message = { ...(await signed({ ...request(), method: "post" })), method: "POST" };
  const report = await verify(message, { explain: true });
  assert.ok(report.outcome === "invalid" && report.base !== undefined);
  assert.ok(report.base.startsWith('"@method": POST\n"@target-uri": https://api.example/a/./%62?name=x&q=1\n'));
  assert.equal(report.hint?.code, "method");
  assert.ok(!("base" in (await verify(message))));
});

test("a Request is verified, and its body stays whole", async () => {
  const url = "https://api.example/a?name=x";
  const { headers } = await signed({ ...request(), url });
  const message = new Request(url, { method: "POST", headers, body: BODY });
  assert.equal(await verdict(message), "verified ok");
  assert.equal(await message.text(), "hello");
});

test("a body may be streamed, up to 8 MiB", async () => {
  const message = await signed(request());
  async function* chunks() {
    yield BODY.subarray(0, 2);
    yield BODY.subarray(2);
  }
  assert.equal(await verdict({ ...message, body: chunks() }), "verified ok");
  let read = 0;
  async function* endless() {
    for (;;) yield new Uint8Array(1024 * 1024).fill((read += 1));
  }
  assert.equal(await verdict({ ...message, body: endless() }), "invalid request.body_too_large");
  assert.equal(read, 9);
  async function* broken() {
    yield BODY;
    throw new Error("reset");
  }
  assert.equal(await verdict({ ...message, body: broken() }), "invalid request.body_unreadable");
});

test("a response is bound to the request that it answers, and trailers to both", async () => {
  const answered = request();
  const response = { status: 200, headers: [["Content-Type", "text/plain"]], trailers: { "X-Sum": "7" }, request: answered };
  const added = await signMessage(/** @type {any} */ (response), {
    label: "res",
    components: ["@status", '"@method";req', '"content-digest";req', '"x-sum";tr'],
    created: NOW,
    keyid: keys.ed25519.kid,
    sign: (base) => NATIVE.ed25519.sign(keys.ed25519.privateKey, base),
  });
  const whole = /** @type {import("countersign").SignedResponse} */ ({
    ...response,
    headers: [...response.headers, ...Object.entries(added)],
  });
  assert.equal(await verdict(whole), "verified ok");
  assert.equal(await verdict({ ...whole, status: 201 }), "invalid signature.invalid");
  assert.equal(await verdict({ ...whole, trailers: { "X-Sum": "8" } }), "invalid signature.invalid");
  assert.equal(await verdict({ ...whole, request: { ...answered, method: "GET" } }), "invalid signature.invalid");
  const { request: _, ...alone } = whole;
  assert.notEqual((await verify(alone)).outcome, "verified");
  const { trailers, ...without } = whole;
  assert.notEqual((await verify(without)).outcome, "verified");
});

test("what no client can have sent is a report; what describes no message is an Error", async () => {
  const message = await signed(request());
  for (const fault of [{ url: "/a" }, { url: `${message.url}#part` }, { method: "P OST" }, { headers: { "x y": "z" } }]) {
    assert.equal(await verdict({ ...message, ...fault }), "invalid request.malformed");
  }
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`x-${n}`, "y"]));
  assert.equal(await verdict({ ...message, headers: many }), "invalid request.too_large");
  assert.equal(await verdict({ status: 99, headers: {} }), "invalid request.malformed");
  for (const wrong of [null, undefined, 7, {}, { ...message, url: 7 }, { ...message, headers: 7 }, { status: "200", headers: {} }]) {
    await assert.rejects(verify(/** @type {any} */ (wrong)), { name: "CountersignError", code: "request.invalid" });
  }
});

test("each fault of the fields has its code", async () => {
  const { headers, ...message } = await signed(request());
  const [digest, [, input], [, signature]] = headers;
  /** @param {string} newInput @param {string} newSignature */
  const changed = (newInput, newSignature = signature) =>
    verdict({ ...message, headers: [digest, ["Signature-Input", newInput], ["Signature", newSignature]] });
  /** @param {string} from @param {string} to */
  const swap = (from, to) => changed(input.replace(from, to));
  assert.equal(await verdict({ ...message, headers: [digest] }), "unverified signature.missing");
  assert.equal(await verdict({ ...message, headers: headers.slice(0, 2) }), "invalid signature.unpaired_label");
  assert.equal(await verdict({ ...message, headers: [...headers, headers[1]] }), "invalid signature.duplicate_label");
  assert.equal(await changed(input, "sig1=1"), "invalid signature.malformed");
  assert.equal(await swap('"@method"', '"@method" "@method"'), "invalid signature.component_duplicate");
  assert.equal(await swap('"@method"', '"@mine"'), "unverified signature.component_unsupported");
  assert.equal(await swap('"@method"', '"x-absent"'), "invalid signature.component_missing");
  assert.equal(await swap(";created=1700000000", ""), "invalid signature.parameter_missing");
  assert.equal(await swap(";created=", ";created=?1;x="), "invalid signature.parameter_invalid");
  assert.equal(await swap(";keyid", ';alg="rsa-pss-sha512";keyid'), "invalid signature.algorithm_mismatch");
  assert.equal(await swap(";expires=1700000060", ";expires=1700200000"), "invalid signature.window_invalid");
});

test("a shared key signs with HMAC only, and a public key is never one", async () => {
  const message = await signed(request(), { algorithm: "hmac-sha256", keyid: keys.ed25519.kid, alg: "hmac-sha256" });
  assert.notEqual((await verify(message)).outcome, "verified");
  const { k } = keys["hmac-sha256"].publicJwk;
  for (const profile of /** @type {const} */ (["web-bot-auth", "tap"])) {
    const tag = profile === "tap" ? "agent-browser-auth" : profile;
    const own = await signed(request(), { algorithm: "hmac-sha256", tag, alg: "hmac-sha256" });
    const report = await verify(own, { keys: { kty: "oct", k, kid: "shared" }, profile });
    assert.notEqual(report.outcome, "verified");
  }
});

test("what cannot be signed is an Error, and no key is used for it", async () => {
  const message = request();
  let used = 0;
  const options = { created: NOW, sign: () => new Uint8Array((used += 64)) };
  for (const components of [["x-absent"], ["@status"], ["@mine"], ["@method", "@method"], ["Content-Digest"]]) {
    await assert.rejects(signMessage(message, { ...options, components }), { code: "message.unsignable" });
  }
  const components = ["@method"];
  await assert.rejects(signMessage(message, { ...options, components, label: "A" }), { code: "message.unsignable" });
  await assert.rejects(signMessage(await signed(message), { ...options, components }), { code: "message.unsignable" });
  await assert.rejects(signMessage(message, { ...options, components, nonce: "é" }), { code: "message.unsignable" });
  await assert.rejects(signMessage({ ...message, url: "/a" }, { ...options, components }), { code: "message.unsignable" });
  await assert.rejects(signMessage(message, { ...options, components, expires: 0.5 }), { code: "options.invalid" });
  const none = /** @type {any} */ ({ ...options, components: undefined });
  await assert.rejects(signMessage(message, none), { code: "options.invalid" });
  assert.equal(used, 0);
  const text = /** @type {any} */ ({ ...options, components, sign: () => "signature" });
  await assert.rejects(signMessage(message, text), { code: "options.invalid" });
  await assert.rejects(signMessage(message, { components, sign: () => new Uint8Array() }), { code: "message.unsignable" });
  const broken = { components, sign: () => Promise.reject(new Error("the key is away")) };
  await assert.rejects(signMessage(message, broken), { message: "the key is away" });
});

test("a second signature goes beside the first, and may cover it", async () => {
  const first = await signed(request());
  const both = await signed(first, { label: "sig2", algorithm: "ecdsa-p256-sha256", components: ['"signature";key="sig1"'] });
  for (const label of ["sig1", "sig2"]) assert.equal(await verdict(both, { label }), "verified ok");
  assert.equal(await verdict({ ...both, method: "PUT" }, { label: "sig1" }), "invalid signature.invalid");
});

test("digests are those of RFC 9530", () => {
  assert.equal(contentDigest("hello"), "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:");
  assert.equal(contentDigest(BODY, "sha-512").length, "sha-512=::".length + 88);
  assert.throws(() => contentDigest(BODY, /** @type {any} */ ("md5")), { code: "options.invalid" });
  assert.throws(() => contentDigest(/** @type {any} */ (7)), { code: "options.invalid" });
});

test("Accept-Signature is read, on one line or several", () => {
  const value = 'sig1=("@method" "content-digest";req);created;keyid="a";tag="app"';
  const asked = { label: "sig1", components: ['"@method"', '"content-digest";req'], params: { created: true, keyid: "a", tag: "app" } };
  assert.deepEqual(parseAcceptSignature(value), [asked]);
  const second = { label: "sig2", components: [], params: { nonce: true } };
  assert.deepEqual(parseAcceptSignature([value, "sig2=();nonce"]), [asked, second]);
  for (const wrong of ["sig1", 'sig1=("@method"', 'sig1=("@mine")', 'sig1=();created=5', [value, value], "a\nb"]) {
    assert.throws(() => parseAcceptSignature(wrong), { name: "CountersignError", code: "field.invalid" }, String(wrong));
  }
});
