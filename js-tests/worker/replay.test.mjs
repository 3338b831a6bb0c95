// `replay = "exact"` in real workerd: several gates, each with a memory of its own, and one object for each key.
import assert from "node:assert/strict";
import { randomUUID, sign as signBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Faults } from "../lib/faults.mjs";
import { startFleet } from "../lib/fleet.mjs";
import { startGate } from "../lib/gate.mjs";
import { seconds } from "../lib/issuer.mjs";
import { makeKey } from "../lib/keys.mjs";
import { AGENT } from "../lib/names.mjs";
import { json, send } from "../lib/net.mjs";
import { ORIGIN_MARK } from "../lib/origin.mjs";
import { make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

const COPIES = 50;

const ROUTES = [
  { match: "GET /dpop", require: ["token", "dpop"], replay: "exact" },
  { match: "GET /signed", require: ["signature"], replay: "exact" },
  { match: "POST /plain", require: ["signature"], replay: "exact" },
  { match: "GET /both", require: ["signature", "token", "dpop"], replay: "exact" },
  { match: "GET /lenient", require: ["token", "dpop"], replay: "exact", on_unavailable: { replay: "allow" } },
  { match: "GET /isolate", require: ["token", "dpop"] },
];

/** @typedef {Awaited<ReturnType<typeof startFleet>>} Fleet */
/** @typedef {import("../lib/net.mjs").Wire} Wire */

const plainAgent = await makeKey("EdDSA");

/**
 * A world whose gate is a fleet.
 *
 * @param {import("../lib/fleet.mjs").FleetOptions} fleet
 * @param {object} [config]
 */
async function startFleetWorld(fleet, config = {}) {
  const { kty, crv, x } = plainAgent.publicJwk;
  const world = await startWorld({
    config: {
      routes: ROUTES,
      signatures: { profiles: ["web-bot-auth", "agent-headers"], trust: [AGENT] },
      agents: [{ id: "plain", operator: AGENT, purpose: "prices", contact: "ops@agents.example", keys: [{ jwk: { kty, crv, x } }] }],
      ...config,
    },
    start: ({ faults: _, ...options }) => startFleet({ ...options, ...fleet }),
  });
  return { ...world, fleet: /** @type {Fleet} */ (/** @type {unknown} */ (world.gate)) };
}

/** @typedef {Awaited<ReturnType<typeof startFleetWorld>>} World */

/** @param {World} world @param {string} path */
const dpop = (world, path) => make(world, { path, token: true, dpop: true });

/** @param {World} world @param {string} path */
const signed = (world, path) => make(world, { path, signature: { form: "dictionary", nonce: randomUUID() } });

/** @param {World} world @param {string} path @returns {Promise<Wire>} */
async function plain(world, path) {
  const body = Buffer.from(JSON.stringify({ id: randomUUID() }));
  const timestamp = String(seconds());
  const signature = signBytes(null, Buffer.concat([body, Buffer.from(timestamp)]), plainKey()).toString("base64");
  return {
    method: "POST",
    url: world.url + path,
    headers: [["Content-Type", "application/json"], ["Agent-ID", "plain"], ["Timestamp", timestamp], ["Signature", signature]],
    body,
  };
}

function plainKey() {
  return /** @type {any} */ ({ key: plainAgent.privateJwk, format: "jwk" });
}

/**
 * What a gate made of it: `ok`, or the code of the refusal.
 *
 * @param {World} world
 * @param {Wire} wire
 * @param {number} [gate]
 */
async function code(world, wire, gate = 0) {
  const answer = await world.fleet.send(wire, gate);
  return answer.headers[ORIGIN_MARK] ? "ok" : `${json(answer)?.code ?? answer.status}`;
}

/** How often each code came. @param {string[]} codes */
function tally(codes) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const each of codes) counts[each] = (counts[each] ?? 0) + 1;
  return counts;
}

/** Has every gate fetch what it needs, so that it is not what is measured. @param {World} world */
async function warm(world) {
  for (let gate = 0; gate < world.fleet.gates; gate += 1) {
    assert.equal(await code(world, await dpop(world, "/dpop"), gate), "ok");
    assert.equal(await code(world, await signed(world, "/signed"), gate), "ok");
  }
}

for (const [name, makeOne, path, refusal] of /** @type {const} */ ([
  ["a DPoP proof", dpop, "/dpop", "dpop.proof_replayed"],
  ["a signature with a nonce", signed, "/signed", "signature.replayed"],
  ["a signature in plain headers", plain, "/plain", "signature.replayed"],
])) {
  test(`of ${COPIES} concurrent copies of ${name}, one passes`, async () => {
    const world = await startFleetWorld({ gates: 3 });
    try {
      // Cold too: the first request of each gate fetches keys, so that copies wait and come on together.
      for (let round = 0; round < 6; round += 1) {
        const wire = await makeOne(world, path);
        const before = world.origin.requests.length;
        const codes = await Promise.all(Array.from({ length: COPIES }, (_, copy) => code(world, wire, copy)));
        assert.deepEqual(tally(codes), { ok: 1, [refusal]: COPIES - 1 }, `round ${round}`);
        assert.equal(world.origin.requests.length - before, 1, "the origin saw one");
      }
    } finally {
      await world.close();
    }
  });
}

test("workerd is killed under load and started again: no proof passes twice", async () => {
  const persist = await mkdtemp(join(tmpdir(), "countersign-"));
  const config = { dpop: { max_age: "5m" } };
  const first = await startFleetWorld({ gates: 2, persist }, config);
  const proofs = await Promise.all(Array.from({ length: 240 }, (_, i) => dpop(first, `/dpop?proof=${i}`)));
  /** Those that the origin has seen. */
  const seen = () => first.origin.requests.filter(({ url }) => url.startsWith("/dpop?proof=")).map(({ url }) => url);
  let second;
  try {
    await warm(first);
    const sent = [];
    for (const [i, wire] of proofs.entries()) {
      sent.push(code(first, wire, i).catch(() => "lost"), code(first, wire, i + 1).catch(() => "lost"));
      if (i % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (seen().length > 60) break;
      if (i % 20 === 19) await Promise.race(sent.slice(-20));
    }
    first.fleet.kill();
    const codes = tally(await Promise.all(sent));
    const before = seen();
    assert.ok(codes["lost"], `it was killed too late: ${JSON.stringify(codes)}`);
    assert.ok(before.length > 0, "nothing had passed");
    await first.fleet.close().catch(() => {});

    const hosts = { "https://issuer.example": first.issuer.url, [AGENT]: first.directory.url };
    const port = Number(new URL(first.url).port);
    second = await startFleet({ config: first.config, port, hosts, gates: 2, persist });
    const world = { ...first, fleet: second };
    const again = [];
    // Not all at once: an object that is called for the first time by hundreds may be too slow for some of them.
    for (let i = 0; i < proofs.length; i += 12) {
      again.push(...(await Promise.all(proofs.slice(i, i + 12).map((wire, place) => code(world, wire, place)))));
    }
    const after = tally(seen());
    assert.deepEqual(Object.values(after).filter((times) => times > 1), [], "a proof passed twice");
    // Those that were accepted and whose answers were lost are refused, too; those that nobody asked about pass.
    assert.equal(tally(again)["ok"], Object.keys(after).length - new Set(before).size);
    const ofSeen = tally(again.filter((_, i) => before.includes(`/dpop?proof=${i}`)));
    assert.equal(ofSeen["ok"], undefined);
    assert.ok(Number(ofSeen["dpop.proof_replayed"]) > 0, JSON.stringify(ofSeen));
  } finally {
    await second?.close();
    await Promise.all([first.origin.close(), first.issuer.close(), first.directory.close()]);
    await rm(persist, { recursive: true, force: true });
  }
});

/** @type {World} */
let broken;
const faults = new Faults();
before(async () => {
  broken = await startFleetWorld({ gates: 2, faults });
  await warm(broken);
});
after(() => broken.close());

/** Breaks something for as long as it takes. @param {import("../lib/faults.mjs").Fault} fault @param {() => Promise<void>} body */
async function during(fault, body) {
  faults.now = fault;
  try {
    await body();
  } finally {
    faults.now = {};
  }
}

for (const subjects of /** @type {const} */ (["throw", "overloaded", "hang", "garbage", "status"])) {
  test(`where objects ${subjects}, the route decides`, async () => {
    await during({ subjects }, async () => {
      const denied = await dpop(broken, "/dpop");
      const answer = await broken.fleet.send(denied, 0);
      assert.deepEqual([answer.status, json(answer).code], [503, "replay.unavailable"]);
      const allowed = await dpop(broken, "/lenient");
      assert.equal(await code(broken, allowed), "ok");
      assert.equal(await code(broken, allowed), "dpop.proof_replayed", "this isolate has seen it");
    });
    assert.equal(await code(broken, await dpop(broken, "/dpop")), "ok", "it is over");
  });
}

test("an object with too much to do is not asked again, one that may answer now is, and knows the request", async () => {
  await during({ subjects: "overloaded" }, async () => {
    const before = faults.calls;
    await code(broken, await dpop(broken, "/dpop"));
    assert.equal(faults.calls - before, 1);
  });
  await during({ subjects: "retryable" }, async () => {
    const before = faults.calls;
    const wire = await dpop(broken, "/dpop");
    assert.equal(await code(broken, wire), "ok");
    assert.equal(faults.calls - before, 2);
    assert.equal(await code(broken, wire, 1), "dpop.proof_replayed");
  });
});

test("an object that is made again in a burst lets no proof through twice", async () => {
  const proofs = await Promise.all(Array.from({ length: 30 }, (_, i) => dpop(broken, `/dpop?burst=${i}`)));
  const reached = faults.reached;
  await during({ abortEvery: 7 }, async () => {
    const codes = await Promise.all(proofs.flatMap((wire) => [0, 1, 0].map((gate) => code(broken, wire, gate))));
    assert.ok(codes.every((each) => ["ok", "dpop.proof_replayed", "replay.unavailable"].includes(each)), JSON.stringify(tally(codes)));
    assert.ok(faults.reached - reached > 14, "it was made again more than once");
  });
  await Promise.all(proofs.map((wire) => code(broken, wire, 1)));
  const seen = tally(broken.origin.requests.map(({ url }) => url).filter((url) => url.includes("burst=")));
  assert.deepEqual(Object.values(seen).filter((times) => times > 1), []);
  assert.ok(Object.keys(seen).length > 0);
});

test("an object whose clock is behind remembers all the longer", async () => {
  const wire = await dpop(broken, "/dpop");
  await during({ objectClock: -3_600_000 }, async () => {
    assert.equal(await code(broken, wire), "ok");
    assert.equal(await code(broken, wire, 1), "dpop.proof_replayed");
  });
  assert.equal(await code(broken, wire, 1), "dpop.proof_replayed");
});

test("a gate whose clock is behind gets no proof through that its object may have forgotten", async () => {
  const holder = await makeKey("ES256");
  const old = seconds() - 200;
  const token = await broken.issuer.mint({ jkt: holder.kid, now: old, lifetime: 3_600 });
  const recipe = { path: "/dpop", token: { raw: token }, dpop: { key: holder, iat: old } };
  const wire = await make(broken, recipe);
  assert.equal(await code(broken, wire), "dpop.expired");
  await during({ gateClock: -200_000 }, async () => {
    assert.equal(await code(broken, wire), "dpop.expired", "so says the object");
    const isolate = { ...recipe, path: "/isolate" };
    assert.equal(await code(broken, await make(broken, isolate)), "ok", "the gate alone believes it");
  });
});

test("KV is not needed for what is exact", async () => {
  await during({ kv: true }, async () => {
    const wire = await dpop(broken, "/dpop");
    assert.equal(await code(broken, wire, 1), "ok");
    assert.equal(await code(broken, wire, 0), "dpop.proof_replayed");
  });
});

test("a request makes one call for each key that proved it, and none where nothing is to be found out", async (t) => {
  /** @param {Wire} wire @param {string} expected @param {number} [gate] */
  const calls = async (wire, expected, gate = 0) => {
    const before = faults.calls;
    assert.equal(await code(broken, wire, gate), expected);
    return faults.calls - before;
  };
  const one = await dpop(broken, "/dpop");
  const both = () => make(broken, { path: "/both", token: true, dpop: true, signature: { form: "dictionary", nonce: randomUUID() } });
  const same = { key: broken.agent };
  const token = await broken.issuer.mint({ jkt: broken.agent.kid });
  const ofOne = await make(broken, { path: "/both", token: { raw: token }, dpop: same, signature: { form: "dictionary", nonce: randomUUID() } });
  const forged = await dpop(broken, "/dpop");
  forged.headers = forged.headers.map(([name, value]) => [name, name === "DPoP" ? value.slice(0, -8) + "AAAAAAAA" : value]);
  const counts = {
    "a proof": await calls(one, "ok"),
    "the same proof in the same isolate": await calls(one, "dpop.proof_replayed"),
    "the same proof in another": await calls(one, "dpop.proof_replayed", 1),
    "a signature and a proof by two keys": await calls(await both(), "ok"),
    "both by one key": await calls(ofOne, "ok"),
    "a forged proof": await calls(forged, "dpop.signature_invalid"),
    "replay within an isolate": await calls(await dpop(broken, "/isolate"), "ok"),
    "no nonce": await calls(await make(broken, { path: "/signed", signature: { form: "dictionary" } }), "signature.parameter_missing"),
  };
  for (const [what, count] of Object.entries(counts)) t.diagnostic(`calls for ${what}: ${count}`);
  assert.deepEqual(Object.values(counts), [1, 0, 1, 2, 1, 0, 0, 0]);
});

test("rows end with their proofs, and are removed by alarm", async (t) => {
  const own = new Faults();
  const world = await startFleetWorld({ gates: 1, faults: own }, { dpop: { max_age: "1s" }, clock_skew: "0s" });
  try {
    const key = world.holders.ES256.kid;
    const most = [];
    // Longer than two purges; a proof counts for 1 s here, and its row for 3 s.
    const until = Date.now() + 24_000;
    let sent = 0;
    while (Date.now() < until) {
      const wires = await Promise.all(Array.from({ length: 10 }, () => dpop(world, "/dpop")));
      const codes = await Promise.all(wires.map((wire) => code(world, wire)));
      sent += codes.filter((each) => each === "ok").length;
      most.push((await world.fleet.rows(key)).rows);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    t.diagnostic(`rows after each batch: ${most.join(" ")}; of ${sent} proofs`);
    assert.ok(sent > 40, `too slow to tell: ${sent}`);
    assert.ok(Math.max(...most) < sent, "none was ever removed");
    let left = await world.fleet.rows(key);
    for (let i = 0; i < 200 && left.rows > 0; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      left = await world.fleet.rows(key);
    }
    assert.equal(left.rows, 0, "all are removed without another request");
    assert.ok(left.alarm !== null, "the object will remove itself");
  } finally {
    await world.close();
  }
});

test("what exactness costs on this machine", async (t) => {
  const world = await startFleetWorld({ gates: 1 }, { dpop: { max_age: "5m" } });
  try {
    await warm(world);
    const paths = ["/isolate", "/dpop"];
    /** @type {Record<string, number[]>} */
    const times = { "/isolate": [], "/dpop": [] };
    for (let i = 0; i < 300; i += 1) {
      // In turn, so that both meet the same weather.
      for (const path of paths) {
        const wire = await dpop(world, path);
        const answer = await world.fleet.send(wire, 0);
        assert.equal(answer.status, 200, answer.body.toString());
        times[path]?.push(answer.ms);
      }
    }
    for (const path of paths) {
      const sorted = (times[path] ?? []).toSorted((a, b) => a - b);
      const at = (/** @type {number} */ share) => sorted[Math.floor(sorted.length * share)]?.toFixed(2);
      t.diagnostic(`${path === "/dpop" ? "exact" : "isolate"}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${sorted.length} requests)`);
    }
  } finally {
    await world.close();
  }
});

test("a gate that needs objects and has none does not start", async () => {
  const world = await startWorld({
    config: { routes: ROUTES.slice(0, 1) },
    start: (options) => startGate({ ...options, subjects: false }),
  });
  try {
    const wire = await make(world, { path: "/dpop", token: true, dpop: true });
    const answer = await send(wire);
    assert.deepEqual([answer.status, json(answer).code], [503, "config.invalid"]);
    assert.equal(world.origin.requests.length, 0);
  } finally {
    await world.close();
  }
});
