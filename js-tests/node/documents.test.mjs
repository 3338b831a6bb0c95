// What processes share in a store of documents: two gates of one process stand for two processes, as each has a memory of
// its own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGate } from "countersign";
import { startDirectory } from "../lib/directory.mjs";
import { outside } from "../lib/in-process.mjs";
import { startIssuer } from "../lib/issuer.mjs";
import { makeKey } from "../lib/keys.mjs";
import { AGENT, ISSUER, JWKS_PATH } from "../lib/names.mjs";
import { make } from "../lib/recipe.mjs";

const API = "https://api.example";

/** @typedef {{name: string, text: string, ttl: number}} Put */

/** A store that remembers what it was asked. */
function makeStore() {
  /** @type {Map<string, string>} */
  const texts = new Map();
  /** @type {Put[]} */
  const puts = [];
  return {
    texts,
    puts,
    documents: {
      get: async (/** @type {string} */ name) => texts.get(name),
      put: async (/** @type {string} */ name, /** @type {string} */ text, /** @type {number} */ ttl) => {
        puts.push({ name, text, ttl });
        texts.set(name, text);
      },
    },
  };
}

/** What is to go on after the response, and waiting for it. */
function makeContext() {
  /** @type {Promise<unknown>[]} */
  const works = [];
  return {
    works,
    facts: { waitUntil: (/** @type {Promise<unknown>} */ work) => void works.push(work) },
    settled: () => Promise.all(works),
  };
}

/** @param {(staged: Awaited<ReturnType<typeof stage>>) => Promise<void>} body */
async function staged(body) {
  const world = await stage();
  try {
    await body(world);
  } finally {
    await Promise.all([world.issuer.close(), world.directory.close()]);
  }
}

async function stage() {
  const agent = await makeKey("EdDSA");
  const [issuer, directory] = await Promise.all([startIssuer({ audience: API }), startDirectory([agent.publicJwk])]);
  const hosts = { [ISSUER]: issuer.url, [AGENT]: directory.url };
  const config = {
    origin: "http://127.0.0.1:9000",
    public_origins: [API],
    issuers: [{ issuer: ISSUER, jwks_uri: ISSUER + JWKS_PATH, audience: [API], algorithms: ["EdDSA", "ES256"] }],
    signatures: { trust: [AGENT] },
    routes: [
      { match: "GET /orders", require: ["token"] },
      { match: "GET /signed", require: ["signature"], replay: "none" },
      { match: "GET /limited", require: [], rate: [{ per: "route", limit: 4, window: "1h", burst: 4, store: "kv" }] },
    ],
  };
  const holders = { ES256: await makeKey("ES256"), EdDSA: agent, RS256: agent };
  const makings = { url: API, agent, holders, issuer };
  /** @param {Partial<import("countersign").GateOptions>} options @param {object} [more] */
  const gateOf = (options, more = {}) => createGate({ ...config, ...more }, { fetch: outside(hosts), ...options });
  return {
    issuer,
    directory,
    gateOf,
    withToken: () => make(makings, { path: "/orders", token: true }),
    signed: () => make(makings, { path: "/signed", signature: { form: "direct" } }),
  };
}

test("what one gate fetched another finds, and fetches nothing itself", () =>
  staged(async ({ issuer, gateOf, withToken }) => {
    const { documents, puts } = makeStore();
    const { facts, settled } = makeContext();
    assert.equal((await gateOf({ stores: { documents } }).check(await withToken(), facts)).code, "ok");
    await settled();
    assert.equal(issuer.fetches, 1);
    assert.deepEqual(puts.map(({ name }) => name.split(":")[0]), ["issuer"]);
    assert.ok(puts.every(({ ttl }) => Number.isInteger(ttl) && ttl >= 60), "stores take no shorter time");
    assert.equal((await gateOf({ stores: { documents } }).check(await withToken())).code, "ok");
    assert.equal(issuer.fetches, 1);
  }));

test("what was stored is not waited for, but handed to waitUntil", () =>
  staged(async ({ gateOf, withToken }) => {
    /** @type {(value?: unknown) => void} */
    let store = () => {};
    const stored = new Promise((done) => void (store = done));
    const documents = { get: async () => null, put: () => /** @type {Promise<void>} */ (stored) };
    const { facts, works, settled } = makeContext();
    assert.equal((await gateOf({ stores: { documents } }).check(await withToken(), facts)).code, "ok");
    assert.ok(works.length > 0);
    const first = await Promise.race([settled().then(() => "settled"), new Promise((later) => setImmediate(later, "still storing"))]);
    assert.equal(first, "still storing");
    store();
    await settled();
  }));

test("what an agent names is stored once its keys have verified a request, and not before", () =>
  staged(async ({ directory, gateOf, signed }) => {
    const { documents, puts } = makeStore();
    const { facts, settled } = makeContext();
    const gate = gateOf({ stores: { documents } });
    const forged = await signed();
    forged.headers = forged.headers.map(([name, value]) => [name, name === "Signature" ? value.replace(/:.{8}/, ":AAAAAAAA") : value]);
    assert.equal((await gate.check(forged, facts)).code, "signature.invalid");
    await settled();
    assert.equal(puts.length, 0);
    assert.equal((await gate.check(await signed(), facts)).code, "ok");
    await settled();
    assert.deepEqual(puts.map(({ name }) => name.split(":")[0]), ["directory"]);
    const fetches = directory.fetches;
    assert.equal((await gateOf({ stores: { documents } }).check(await signed())).code, "ok");
    assert.equal(directory.fetches, fetches);
  }));

test("a store that fails, or holds nonsense, costs a fetch and a line of the log", () =>
  staged(async ({ issuer, gateOf, withToken }) => {
    const failing = () => Promise.reject(new Error("secret of the store"));
    const broken = { get: () => { throw new Error("at once"); }, put: failing };
    for (const documents of [{ get: failing, put: failing }, broken]) {
      /** @type {string[]} */
      const lines = [];
      const { facts, settled } = makeContext();
      const gate = gateOf({ stores: { documents: /** @type {any} */ (documents) }, log: (line) => lines.push(line) });
      assert.equal((await gate.check(await withToken(), facts)).code, "ok");
      await settled();
      assert.match(lines.join("\n"), /cannot read[^]*cannot write/);
      assert.doesNotMatch(lines.join("\n"), /secret/);
    }
    const nonsense = { get: async () => /** @type {any} */ (7), put: async () => {} };
    for (const get of [nonsense.get, async () => "{", async () => ""]) {
      assert.equal((await gateOf({ stores: { documents: { ...nonsense, get } } }).check(await withToken())).code, "ok");
    }
    assert.equal(issuer.fetches, 5);
  }));

test("what gates counted adds up, and one that comes later knows of it", () =>
  staged(async ({ gateOf }) => {
    const { documents, texts } = makeStore();
    const send = async (/** @type {import("countersign").Gate} */ gate) => {
      const { facts, settled } = makeContext();
      const { code } = await gate.check({ method: "GET", url: `${API}/limited`, headers: {} }, facts);
      await settled();
      return code;
    };
    const first = gateOf({ stores: { documents } });
    const codes = [await send(first), await send(first), await send(first), await send(first), await send(first)];
    assert.deepEqual(codes, ["ok", "ok", "ok", "ok", "rate.exceeded"]);
    assert.equal(texts.size, 1);
    assert.equal(await send(gateOf({ stores: { documents } })), "rate.exceeded");
    assert.equal(await send(gateOf({})), "ok", "without a store a gate knows what it counted itself");
  }));

test("the registry and the deny list are read from the store, unless there are readers for them", () =>
  staged(async ({ gateOf, withToken }) => {
    /** @type {string[]} */
    const asked = [];
    const documents = { get: async (/** @type {string} */ name) => void asked.push(name), put: async () => {} };
    const admin = { admin: { issuer: ISSUER } };
    assert.equal((await gateOf({ stores: { documents } }, admin).check(await withToken())).code, "revocation.unavailable");
    assert.ok(asked.includes("denials"), asked.join());
    asked.length = 0;
    const denyList = async () => null;
    assert.equal((await gateOf({ stores: { documents }, denyList }, admin).check(await withToken())).code, "revocation.unavailable");
    assert.ok(!asked.includes("denials"), asked.join());
  }));

test("a limit that is counted by a rate limiter is counted by the one of its name", async () => {
  const routes = [{ match: "GET /", require: [], rate: [{ per: "address", limit: 100, window: "10s", store: "binding" }] }];
  const config = { origin: "http://127.0.0.1:9000", public_origins: [API], routes };
  assert.throws(() => createGate(config), { code: "config.invalid", message: /FLOOD_100_10 in floods/ });
  assert.throws(() => createGate(config, { stores: { floods: { FLOOD_100_10: /** @type {any} */ ({}) } } }), { code: "config.invalid" });
  /** @type {string[]} */
  const keys = [];
  /** @param {() => Promise<{success: boolean}>} limit */
  const codeWith = async (limit) => {
    const floods = { FLOOD_100_10: { limit: (/** @type {{key: string}} */ { key }) => (keys.push(key), limit()) } };
    return (await createGate(config, { stores: { floods } }).check({ method: "GET", url: `${API}/`, headers: {} }, { client: { address: "192.0.2.7" } })).code;
  };
  assert.equal(await codeWith(async () => ({ success: false })), "rate.exceeded");
  assert.equal(await codeWith(async () => ({ success: true })), "ok");
  const unavailable = await codeWith(() => Promise.reject(new Error("gone")));
  assert.equal(await codeWith(async () => /** @type {any} */ ({})), unavailable, "what says neither is not there");
  assert.notEqual(unavailable, "rate.exceeded");
  assert.equal(new Set(keys).size, 1);
  assert.ok(!keys[0].includes("192.0.2.7"), "the platform does not learn who it is");
});

test("what goes on after the response and fails is a line of the log, and so is a waitUntil that throws", () =>
  staged(async ({ gateOf, withToken }) => {
    /** @type {string[]} */
    const lines = [];
    const { documents } = makeStore();
    const gate = gateOf({ stores: { documents }, log: (line) => lines.push(line) });
    const waitUntil = () => {
      throw new TypeError("Illegal invocation");
    };
    assert.equal((await gate.check(await withToken(), { waitUntil })).code, "ok");
    assert.match(lines.join("\n"), /cannot wait after the response: TypeError: Illegal invocation/);
  }));
