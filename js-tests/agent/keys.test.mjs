// The keys of agents: what is none is refused, and what they sign others verify.
import assert from "node:assert/strict";
import { constants, createPublicKey, generateKeyPairSync, sign as signRaw, verify as verifyRaw, webcrypto } from "node:crypto";
import { test } from "node:test";
import { signMessage, verifySignature } from "countersign";
import { fromCryptoKeyPair, generateKey, importKey, remoteKey } from "countersign/agent";
import { withoutEd25519 } from "../lib/without-ed25519.mjs";

/** @typedef {import("countersign/agent").AgentKey} AgentKey */

const DATA = new TextEncoder().encode('"@method": GET');

/** RFC 8032 §7.1, tests 1 to 3, SHA(abc): seed, public key, message and signature, in hexadecimal. */
const RFC_8032 = [
  ["9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "", "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"],
  ["4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72", "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"],
  ["c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82", "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"],
  ["833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42", "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f", "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"],
].map((texts) => texts.map((text) => Buffer.from(text, "hex")));

/** Where Ed25519 is computed. */
const ED25519 = /** @type {const} */ ([
  ["in WebCrypto", () => () => {}],
  ["in WebAssembly", withoutEd25519],
]);

/** @param {"ed25519" | "p256" | "p384" | "rsa" | "small"} kind */
function makePair(kind) {
  if (kind === "ed25519") return generateKeyPairSync("ed25519");
  if (kind === "p256") return generateKeyPairSync("ec", { namedCurve: "P-256" });
  if (kind === "p384") return generateKeyPairSync("ec", { namedCurve: "P-384" });
  return generateKeyPairSync("rsa", { modulusLength: kind === "small" ? 1024 : 2048 });
}

/** @param {ReturnType<typeof makePair>} pair */
function jwks({ privateKey, publicKey }) {
  const jwk = /** @param {import("node:crypto").KeyObject} key */ (key) => /** @type {Record<string, any>} */ (key.export({ format: "jwk" }));
  return { privateJwk: jwk(privateKey), publicJwk: jwk(publicKey) };
}

/** How `node:crypto` says what a key signs with. @param {AgentKey} key */
function nodeScheme({ algorithm, publicJwk }) {
  const key = createPublicKey({ key: /** @type {any} */ (publicJwk), format: "jwk" });
  const hash = algorithm === "EdDSA" ? null : `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith("PS")) return { hash, key: { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: Number(algorithm.slice(2)) / 8 } };
  return { hash, key: { key, dsaEncoding: /** @type {const} */ ("ieee-p1363") } };
}

/** @param {AgentKey} key @param {Uint8Array} [data] */
async function verifiesInNode(key, data = DATA) {
  const scheme = nodeScheme(key);
  return verifyRaw(scheme.hash, data, scheme.key, await key.sign(data));
}

/** @param {Promise<unknown>} promise @param {string} code @param {RegExp} [message] */
function refused(promise, code, message) {
  return assert.rejects(promise, (/** @type {any} */ error) => {
    assert.equal(error.name, "CountersignError", String(error?.stack ?? error));
    assert.equal(error.code, code, error.message);
    if (message) assert.match(error.message, message);
    return true;
  });
}

test("what is no private key for signatures is refused, and the refusal has nothing of it", async () => {
  const { privateJwk, publicJwk } = jwks(makePair("ed25519"));
  const p256 = jwks(makePair("p256")).privateJwk;
  const rsa = jwks(makePair("rsa")).privateJwk;
  /** @type {[unknown, RegExp][]} */
  const cases = [
    [undefined, /JWK object/],
    ["{}", /JWK object/],
    [[privateJwk], /JWK object/],
    [{}, /member d/],
    [publicJwk, /member d/],
    [{ kty: "oct", k: "c2VjcmV0" }, /shared secret/],
    [{ ...privateJwk, crv: "X25519" }, /Ed25519, P-256, P-384 or RSA/],
    [{ ...privateJwk, x: undefined }, /32 bytes/],
    [{ ...privateJwk, x: `${privateJwk.x}AA` }, /32 bytes/],
    [{ ...privateJwk, x: `${privateJwk.x}=` }, /32 bytes/],
    [{ ...privateJwk, d: "AA" }, /no such key/],
    [{ ...privateJwk, use: "enc" }, /not one for signatures/],
    [{ ...privateJwk, key_ops: ["verify"] }, /not one for signatures/],
    [{ ...privateJwk, key_ops: "sign" }, /not one for signatures/],
    [{ ...privateJwk, alg: "ES256" }, /alg/],
    [{ ...privateJwk, kid: 7 }, /kid/],
    [{ ...privateJwk, kid: "k".repeat(1025) }, /kid/],
    [{ ...p256, alg: "ES384" }, /alg/],
    [{ ...p256, y: p256.x }, /no such key/],
    [rsa, /PS256, PS512, RS256/],
    [{ ...jwks(makePair("small")).privateJwk, alg: "RS256" }, /2048/],
  ];
  for (const [jwk, message] of cases) {
    await refused(importKey(/** @type {any} */ (jwk)), "key.invalid", message);
    const error = await importKey(/** @type {any} */ (jwk)).catch((/** @type {Error} */ refusal) => refusal);
    assert.ok(!String(/** @type {Error} */ (error).stack).includes(privateJwk.d));
  }
  await refused(importKey(privateJwk, { algorithm: "ES256" }), "key.invalid");
  await refused(importKey(privateJwk, { algorithm: /** @type {any} */ ("HS256") }), "options.invalid");
  await refused(generateKey({ algorithm: /** @type {any} */ ("RS256") }), "options.invalid");
});

for (const [where, prepare] of ED25519) {
  test(`halves of two keys are refused, Ed25519 ${where}`, async (t) => {
    t.after(prepare());
    const [one, other] = [jwks(makePair("ed25519")), jwks(makePair("ed25519"))];
    await refused(importKey({ ...one.privateJwk, x: other.publicJwk.x }), "key.invalid");
    await refused(importKey({ ...one.privateJwk, d: "AA" }), "key.invalid");
  });

  test(`the keys of RFC 8032 sign as they do there, ${where}`, async (t) => {
    t.after(prepare());
    for (const [seed, publicKey, message, signature] of RFC_8032) {
      const [d, x] = [seed, publicKey].map((bytes) => bytes?.toString("base64url"));
      const key = await importKey({ kty: "OKP", crv: "Ed25519", d, x });
      assert.deepEqual(Buffer.from(await key.sign(message ?? new Uint8Array())), signature);
    }
  });

  test(`a new Ed25519 key signs what WebCrypto, node:crypto and the core verify, ${where}`, async (t) => {
    const restore = prepare();
    t.after(restore);
    const key = await generateKey();
    assert.notEqual((await generateKey()).thumbprint, key.thumbprint);
    for (let length = 0; length < 300; length += 37) assert.ok(await verifiesInNode(key, webcrypto.getRandomValues(new Uint8Array(length))));
    assert.ok(await verifiesInTheCore(key));
    const signature = /** @type {Uint8Array<ArrayBuffer>} */ (await key.sign(DATA));
    restore();
    const publicKey = await crypto.subtle.importKey("jwk", /** @type {any} */ (key.publicJwk), "Ed25519", true, ["verify"]);
    assert.ok(await crypto.subtle.verify("Ed25519", publicKey, signature, DATA));
    assert.ok(!(await crypto.subtle.verify("Ed25519", publicKey, signature, DATA.slice(1))));
  });
}

test("one key signs alike in WebCrypto and in WebAssembly", async (t) => {
  const { privateJwk } = jwks(makePair("ed25519"));
  const native = await importKey(privateJwk);
  t.after(withoutEd25519());
  const software = await importKey(privateJwk);
  for (let tries = 0; tries < 16; tries += 1) {
    const data = webcrypto.getRandomValues(new Uint8Array(tries * 13));
    assert.deepEqual(await software.sign(data), await native.sign(data));
  }
  assert.deepEqual(software.publicJwk, native.publicJwk);
});

test("keys of every algorithm are taken over, sign what node:crypto verifies, and publish nothing private", async () => {
  for (const [kind, algorithms] of /** @type {const} */ ([
    ["ed25519", ["EdDSA"]],
    ["p256", ["ES256"]],
    ["p384", ["ES384"]],
    ["rsa", ["PS256", "PS512", "RS256"]],
  ])) {
    const { privateJwk, publicJwk } = jwks(makePair(kind));
    for (const algorithm of algorithms) {
      for (const key of [await importKey({ ...privateJwk, alg: algorithm }), await importKey({ ...privateJwk, ext: false, key_ops: ["sign"] }, { algorithm })]) {
        assert.equal(key.algorithm, algorithm);
        assert.ok(await verifiesInNode(key), algorithm);
        const { kid, alg, use, ...members } = key.publicJwk;
        assert.deepEqual(members, publicJwk);
        assert.deepEqual({ kid, alg, use }, { kid: key.thumbprint, alg: algorithm, use: "sig" });
      }
    }
  }
  const ownName = await importKey({ ...jwks(makePair("p256")).privateJwk, kid: "mine" });
  assert.deepEqual([ownName.kid, ownName.publicJwk.kid], ["mine", "mine"]);
  assert.equal((await generateKey({ algorithm: "ES256", kid: "its" })).publicJwk.kid, "its");
});

test("what a key says of itself cannot be changed into something private", async () => {
  const key = await generateKey();
  assert.throws(() => Object.assign(key.publicJwk, { d: "secret" }), TypeError);
  assert.doesNotMatch(JSON.stringify(key), /"d"/);
});

test("thumbprints are those of RFC 7638 §3.1 and RFC 8037 A.3", async () => {
  const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
  const sign = () => new Uint8Array();
  const rsa = await remoteKey({ publicJwk: { kty: "RSA", n, e: "AQAB", alg: "RS256", kid: "2011-04-29" }, sign });
  assert.equal(rsa.thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  const okp = await remoteKey({ publicJwk: { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }, sign });
  assert.equal(okp.thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
});

test("a pair of WebCrypto is taken as it is, if it may sign and be published", async () => {
  const { generateKey: generate } = crypto.subtle;
  /** @param {any} algorithm @param {KeyUsage[]} usages */
  const make = async (algorithm, usages = ["sign", "verify"]) => /** @type {CryptoKeyPair} */ (await generate.call(crypto.subtle, algorithm, false, usages));
  const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const schemes = /** @type {const} */ ([
    ["EdDSA", "Ed25519"],
    ["ES256", { name: "ECDSA", namedCurve: "P-256" }],
    ["ES384", { name: "ECDSA", namedCurve: "P-384" }],
    ["PS256", { name: "RSA-PSS", hash: "SHA-256", ...rsa }],
    ["PS512", { name: "RSA-PSS", hash: "SHA-512", ...rsa }],
    ["RS256", { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", ...rsa }],
  ]);
  for (const [algorithm, scheme] of schemes) {
    const key = await fromCryptoKeyPair(await make(scheme));
    assert.equal(key.algorithm, algorithm);
    assert.ok(await verifiesInNode(key), algorithm);
  }
  const [one, other] = [await make("Ed25519"), await make("Ed25519")];
  await refused(fromCryptoKeyPair({ publicKey: other.publicKey, privateKey: one.privateKey }), "key.invalid", /two keys/);
  await refused(fromCryptoKeyPair(/** @type {any} */ ({ publicKey: one.privateKey, privateKey: one.publicKey })), "key.invalid");
  await refused(fromCryptoKeyPair(/** @type {any} */ ({})), "key.invalid");
  await refused(fromCryptoKeyPair(await make({ name: "ECDSA", namedCurve: "P-521" })), "key.invalid", /curve/);
  await refused(fromCryptoKeyPair(await make({ name: "ECDH", namedCurve: "P-256" }, ["deriveBits"])), "key.invalid", /may not sign/);
  const jwk = await crypto.subtle.exportKey("jwk", one.publicKey);
  const hidden = await crypto.subtle.importKey("jwk", jwk, "Ed25519", false, ["verify"]);
  await refused(fromCryptoKeyPair({ publicKey: hidden, privateKey: one.privateKey }), "key.invalid", /extractable/);
});

test("a remote key that signs wrongly is found out at its first signature", async () => {
  const [one, other] = [makePair("p256"), makePair("p256")];
  const { publicJwk } = jwks(one);
  /** @param {(data: Uint8Array) => any} sign @param {object} [options] */
  const attempt = async (sign, options) => (await remoteKey({ publicJwk, sign, ...options })).sign(DATA);
  await refused(attempt(() => "signature"), "key.signature_invalid", /no Uint8Array/);
  await refused(attempt(() => new Uint8Array(63)), "key.signature_invalid", /64 bytes, sign gave 63$/);
  await refused(attempt((data) => signRaw("sha256", data, one.privateKey)), "key.signature_invalid", /encoding: "der"/);
  await refused(attempt((data) => signRaw("sha256", data, { key: other.privateKey, dsaEncoding: "ieee-p1363" })), "key.signature_invalid", /by publicJwk/);
  await refused(attempt(() => new Uint8Array(64), { encoding: "der" }), "key.signature_invalid");
  const thrown = new Error("the service is busy");
  await assert.rejects(attempt(() => { throw thrown; }), thrown);
  await assert.rejects(attempt(() => Promise.reject(thrown)), thrown);
});

test("a remote key says what it is before it is asked to sign", async () => {
  const { privateJwk, publicJwk } = jwks(makePair("p256"));
  const sign = () => new Uint8Array(64);
  await refused(remoteKey({ publicJwk: privateJwk, sign }), "key.invalid", /private/);
  await refused(remoteKey({ publicJwk: { ...publicJwk, key_ops: ["sign"] }, sign }), "key.invalid", /signatures/);
  await refused(remoteKey({ publicJwk: jwks(makePair("rsa")).publicJwk, sign }), "key.invalid", /alg/);
  await refused(remoteKey({ publicJwk, sign, encoding: /** @type {any} */ ("hex") }), "options.invalid");
  await refused(remoteKey({ publicJwk: jwks(makePair("ed25519")).publicJwk, sign, encoding: "der" }), "options.invalid");
  await refused(remoteKey(/** @type {any} */ ({ publicJwk })), "options.invalid");
  // A point that is none: WebCrypto is asked when there is something to verify.
  await refused((await remoteKey({ publicJwk: { ...publicJwk, y: publicJwk.x }, sign })).sign(DATA), "key.invalid");
});

test("a remote key signs as often as it is asked, and is verified until it has signed once", async () => {
  const pair = makePair("ed25519");
  let [failing, verified] = [true, 0];
  const key = await remoteKey({
    publicJwk: jwks(pair).publicJwk,
    sign: (data) => (failing ? new Uint8Array(64) : signRaw(null, data, pair.privateKey)),
  });
  const { verify } = crypto.subtle;
  crypto.subtle.verify = (...given) => ((verified += 1), verify.apply(crypto.subtle, given));
  try {
    await refused(key.sign(DATA), "key.signature_invalid");
    failing = false;
    assert.ok(await verifiesInNode(key));
    assert.ok(await verifiesInNode(key));
  } finally {
    Reflect.deleteProperty(crypto.subtle, "verify");
  }
  assert.equal(verified, 2);
});

test("a remote Ed25519 key is verified where WebCrypto has none", async (t) => {
  t.after(withoutEd25519());
  const [pair, other] = [makePair("ed25519"), makePair("ed25519")];
  const { publicJwk } = jwks(pair);
  assert.ok(await verifiesInNode(await remoteKey({ publicJwk, sign: (data) => signRaw(null, data, pair.privateKey) })));
  const forged = await remoteKey({ publicJwk, sign: (data) => signRaw(null, data, other.privateKey) });
  await refused(forged.sign(DATA), "key.signature_invalid");
});

test("the DER of an HSM becomes r‖s, for every length that r and s have", async () => {
  for (const [kind, hash, tries] of /** @type {const} */ ([["p256", "sha256", 600], ["p384", "sha384", 600]])) {
    const pair = makePair(kind);
    const key = await remoteKey({ publicJwk: jwks(pair).publicJwk, encoding: "der", sign: (data) => signRaw(hash, data, pair.privateKey) });
    const scheme = nodeScheme(key);
    for (let tried = 0; tried < tries; tried += 1) {
      const data = Buffer.from(String(tried));
      assert.ok(verifyRaw(hash, data, scheme.key, await key.sign(data)));
    }
  }
});

test("DER that is not the one encoding of two positive numbers is refused", async () => {
  const pair = makePair("p256");
  /** @type {(der: Buffer) => Uint8Array} */
  let spoil = (der) => der;
  const key = await remoteKey({
    publicJwk: jwks(pair).publicJwk,
    encoding: "der",
    sign: (data) => spoil(signRaw("sha256", data, pair.privateKey)),
  });
  await key.sign(DATA);
  /** @param {number[]} r @param {number[]} s */
  const sequence = (r, s) => new Uint8Array([0x30, 4 + r.length + s.length, 2, r.length, ...r, 2, s.length, ...s]);
  const spoils = [
    (/** @type {Buffer} */ der) => der.subarray(0, -1),
    (/** @type {Buffer} */ der) => Buffer.concat([der, Buffer.of(0)]),
    (/** @type {Buffer} */ der) => Buffer.concat([Buffer.of(0x31), der.subarray(1)]),
    () => new Uint8Array(),
    () => sequence([], [1]),
    () => sequence([0x80], [1]),
    () => sequence([0, 1], [1]),
    () => sequence([1], Array(33).fill(1)),
    () => new Uint8Array([0x30, 3, 2, 1, 1]),
    () => new Uint8Array([0x30, 6, 2, 1, 1, 2, 9, 1]),
    () => new Uint8Array([0x30, 6, 2, 1, 1, 3, 1, 1]),
  ];
  for (const each of spoils) {
    spoil = each;
    await refused(key.sign(DATA), "key.signature_invalid");
  }
});

test("without WebCrypto a page is told that it needs a secure context", async (t) => {
  const { subtle } = crypto;
  Object.defineProperty(Object.getPrototypeOf(crypto), "subtle", { configurable: true, get: () => undefined });
  t.after(() => Object.defineProperty(Object.getPrototypeOf(crypto), "subtle", { configurable: true, get: () => subtle }));
  for (const attempt of [generateKey(), importKey({}), fromCryptoKeyPair(/** @type {any} */ ({})), remoteKey(/** @type {any} */ ({}))]) {
    await refused(attempt, "key.unsupported", /secure context/);
  }
});

/** @param {AgentKey} key */
async function verifiesInTheCore(key) {
  const message = { method: "GET", url: "https://api.shop.example/orders", headers: {} };
  const fields = await signMessage(message, { components: ["@method", "@path"], keyid: key.thumbprint, sign: key.sign.bind(key) });
  const report = await verifySignature({ ...message, headers: { ...fields } }, { keys: { ...key.publicJwk } });
  return report.outcome === "verified" && report.key === key.thumbprint;
}
