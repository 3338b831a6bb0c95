// Whole gates over Redis: four processes of one configuration, and what becomes of requests where Redis does not answer.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { createGate, memoryStores } from "countersign";
import { redisStores } from "countersign/redis";
import { startDirectory } from "../lib/directory.mjs";
import { startGateProcess } from "../lib/gate-process.mjs";
import { outside } from "../lib/in-process.mjs";
import { startIssuer } from "../lib/issuer.mjs";
import { makeKey } from "../lib/keys.mjs";
import { AGENT, ISSUER, JWKS_PATH } from "../lib/names.mjs";
import { make } from "../lib/recipe.mjs";
import { startRedis } from "../lib/redis.mjs";

const API = "https://api.shop.example";
const once = { replay: "exact" };
const day = { per: "agent", limit: 60, window: "24h", burst: 60, store: "durable-object" };
const paid = { require: ["token"], replay: "none", amount: { body: "/total", currency: "EUR" }, budget: ["agent"] };
const ROUTES = [
  { match: "GET /dpop", require: ["token", "dpop"], ...once },
  { match: "GET /signed", require: ["signature"], ...once },
  { match: "GET /limited", require: ["token"], replay: "none", rate: [{ ...day, lease: false }] },
  { match: "GET /leased", require: ["token"], replay: "none", rate: [day] },
  { match: "POST /paid", ...paid },
  { match: "GET /lenient", require: ["token", "dpop"], ...once, on_unavailable: { replay: "allow" } },
];

/** @type {Awaited<ReturnType<typeof startWorld>>} */
let world;
async function startWorld() {
  const agent = await makeKey("EdDSA");
  const holders = /** @type {any} */ ({ ES256: await makeKey("ES256") });
  const [redis, issuer, directory] = await Promise.all([startRedis(), startIssuer({ audience: API }), startDirectory([agent.publicJwk])]);
  const hosts = { [ISSUER]: issuer.url, [AGENT]: directory.url };
  const config = {
    origin: "http://127.0.0.1:9000",
    public_origins: [API],
    issuers: [{ issuer: ISSUER, jwks_uri: ISSUER + JWKS_PATH, audience: [API], algorithms: ["EdDSA"], profile: "at+jwt" }],
    signatures: { profiles: ["web-bot-auth"], trust: [AGENT] },
    budgets: [{ name: "agent", per: "agent", amount: 30_000, currency: "EUR", period: "total" }],
    routes: ROUTES,
  };
  const clients = /** @type {const} */ (["redis", "ioredis", "redis", "ioredis"]);
  const gates = await Promise.all(clients.map((client) => startGateProcess(redis, client, config, hosts)));
  return {
    ...{ url: API, agent, holders, issuer, directory, redis, hosts, config, gates },
    async close() {
      await Promise.all(gates.map((gate) => gate.kill()));
      await Promise.all([redis.close(), issuer.close(), directory.close()]);
    },
  };
}
before(async () => {
  world = await startWorld();
});
after(() => world.close());

/** @param {string} path */
const dpop = (path) => make(world, { path, token: true, dpop: { jti: randomUUID() } });
const signed = () => make(world, { path: "/signed", signature: { form: "dictionary", nonce: randomUUID() } });
/** A request with a token of this agent. @param {string} path @param {string} agent @param {number} [total] */
const asAgent = (path, agent, total) =>
  make(world, { path, token: { claims: { client_id: agent } }, ...(total !== undefined && { method: "POST", body: JSON.stringify({ total }) }) });

/** How often each code came. @param {{code: string}[]} told */
function tally(told) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { code } of told) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** Sends copies of a request to each of the gates at once. @param {import("../lib/net.mjs").Wire} wire @param {number} copies @param {number} [status] */
const toAll = async (wire, copies, status) =>
  (await Promise.all(world.gates.map((gate) => gate.check(Array.from({ length: copies }, () => wire), status)))).flat();

for (const [what, makeOne, refusal] of /** @type {const} */ ([
  ["a DPoP proof", () => dpop("/dpop"), "dpop.proof_replayed"],
  ["a signature with a nonce", signed, "signature.replayed"],
])) {
  test(`of copies of ${what}, sent to four processes at once, one passes`, async () => {
    for (let round = 0; round < 40; round += 1) {
      const told = await toAll(await makeOne(), 3);
      assert.deepEqual(tally(told), { ok: 1, [refusal]: 11 }, `round ${round}`);
      assert.equal(told.find(({ code }) => code === "ok")?.replay, "exact");
    }
  });
}

test("a limit lets through what it permits, over all processes", async () => {
  const counts = tally(await toAll(await asAgent("/limited", "limited"), 50));
  // In the time that this takes, less than one refills.
  assert.equal(counts["ok"], 60, JSON.stringify(counts));
  assert.equal(counts["rate.exceeded"], 140);
});

test("a limit whose parts are leased lets through no more than it permits", async () => {
  const counts = tally(await toAll(await asAgent("/leased", "leased"), 50));
  const { ok = 0 } = counts;
  assert.ok(ok <= 60 && ok > 20, JSON.stringify(counts));
});

test("a budget is spent once, however many buy at once, and what the origin refuses is free again", async () => {
  const wire = await asAgent("/paid", "buyer", 100);
  const refused = await toAll(wire, 20, 409);
  assert.deepEqual(tally(refused), { ok: 80 }, "there is room for all of them");
  const counts = tally(await toAll(wire, 100, 200));
  assert.equal(counts["ok"], 300, JSON.stringify(counts));
  assert.equal(counts["budget.exhausted"], 100);
});

for (const [what, send] of /** @type {[string, () => Promise<unknown>][]} */ ([
  ["cannot be reached", () => Promise.reject(new Error("connect ECONNREFUSED 127.0.0.1:6379"))],
  ["says nothing", () => new Promise(() => {})],
  ["says what is none of its words", async () => "PONG"],
  ["is full", () => Promise.reject(new Error("OOM command not allowed when used memory > 'maxmemory'."))],
])) {
  test(`where Redis ${what}, the route decides`, async () => {
    const stores = redisStores({ send }, { timeoutMillis: 20 });
    const gate = createGate(world.config, { fetch: outside(world.hosts), stores });
    const codes = async (/** @type {Promise<import("../lib/net.mjs").Wire>} */ wire) => {
      const { code, status } = await gate.check(/** @type {any} */ (await wire));
      return [status, code];
    };
    assert.deepEqual(await codes(dpop("/dpop")), [503, "replay.unavailable"]);
    assert.deepEqual(await codes(signed()), [503, "replay.unavailable"]);
    assert.deepEqual(await codes(asAgent("/limited", "x")), [503, "rate.unavailable"]);
    assert.deepEqual(await codes(asAgent("/paid", "x", 5)), [503, "budget.unavailable"]);
    const lenient = await dpop("/lenient");
    assert.deepEqual(await codes(Promise.resolve(lenient)), [200, "ok"]);
    assert.deepEqual(await codes(Promise.resolve(lenient)), [401, "dpop.proof_replayed"], "this process has seen it");
  });
}

test("a request asks Redis once for its key and once for each other subject, and what this process has seen not at all", async (t) => {
  const client = await world.redis.nodeRedis();
  let sent = 0;
  const send = (/** @type {string[]} */ args) => {
    sent += 1;
    return client.sendCommand(args);
  };
  const gate = createGate(world.config, { fetch: outside(world.hosts), stores: { state: redisStores({ send }, { prefix: "counted:", timeoutMillis: 30_000 }).state } });
  const count = async (/** @type {import("../lib/net.mjs").Wire} */ wire, /** @type {string} */ expected) => {
    const before = sent;
    const decision = await gate.check(/** @type {any} */ (wire));
    assert.equal(decision.code, expected);
    await gate.settle(decision, { status: 200 });
    return sent - before;
  };
  await count(await dpop("/dpop"), "ok");
  const proof = await dpop("/dpop");
  // A process that has not seen this agent yet believes that nobody has; then it knows what it wrote itself.
  await count(await asAgent("/limited", "counted"), "ok");
  await count(await asAgent("/paid", "counted", 5), "ok");
  const counts = {
    "a proof": await count(proof, "ok"),
    "the same proof again": await count(proof, "dpop.proof_replayed"),
    "a signature": await count(await signed(), "ok"),
    "a limit": await count(await asAgent("/limited", "counted"), "ok"),
    "a budget, with its settlement": await count(await asAgent("/paid", "counted", 5), "ok"),
  };
  for (const [what, calls] of Object.entries(counts)) t.diagnostic(`calls for ${what}: ${calls}`);
  assert.deepEqual(Object.values(counts), [1, 0, 1, 1, 2]);
});

test("decisions over Redis are those over memory", async () => {
  const client = await world.redis.nodeRedis();
  const at = Date.now();
  const options = { fetch: outside(world.hosts), now: () => at };
  const gates = [memoryStores(), redisStores(client, { prefix: "same:", timeoutMillis: 30_000 })].map((stores) => createGate(world.config, { ...options, stores }));
  const first = await dpop("/dpop");
  const wires = [first, first, await signed(), await asAgent("/limited", "same"), await asAgent("/paid", "same", 29_999), await asAgent("/paid", "same", 2)];
  for (const wire of wires) {
    const [one, other] = await Promise.all(gates.map((gate) => gate.check(/** @type {any} */ (wire))));
    const told = ({ id, headers, problem, ...decision } = /** @type {any} */ ({})) => decision;
    assert.deepEqual(told(other), told(one));
  }
});
