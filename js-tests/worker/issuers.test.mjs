// What an issuer costs and is spared: fetches, latency and refusals of a gate that starts cold, while its issuer is well,
// rotates its keys, is dead or slow, or forgers make up key ids. Counts are promises and asserted; times are printed.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, test } from "node:test";
import { startInProcess } from "../lib/in-process.mjs";
import { seconds } from "../lib/issuer.mjs";
import { ISSUER, JWKS_PATH } from "../lib/names.mjs";
import { freePort } from "../lib/net.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

/** @typedef {import("../lib/world.mjs").World} World */
/** @typedef {import("../lib/recipe.mjs").Verdict} Verdict */

const BURST = 200;
/** How long after a fetch that an unknown key id caused another may cause the next, in milliseconds. */
const COOLDOWN = 10_000;
/** How many requests are on their way at once, where it is no burst. */
const AT_ONCE = 20;
const ORDERS = { path: "/api/v1/orders", token: true };

/** @type {string[][]} */
const rows = [["host", "scenario", "requests", "allowed", "refused", "key sets", "metadata", "median ms", "p99 ms", "max ms"]];
after(() => {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const padded = (/** @type {string} */ cell, /** @type {number} */ i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  for (const row of rows) console.log(row.map(padded).join("  "));
});

const WORKER = { host: "workerd", start: undefined };
const NODE = { host: "node", start: startInProcess };

/**
 * @typedef {object} Scenario
 * @property {"rfc8414" | "openid" | "both"} [discovery] instead of a `jwks_uri`
 * @property {(world: World) => Promise<Verdict[]>} run
 * @property {Record<string, number>} outcomes how many of each code
 * @property {[keySets: number, metadata: number]} fetches
 * @property {boolean} [cooling] where one more fetch is due for each cooldown that it takes
 * @property {boolean} [store] needs the store of the Worker
 */

/** @type {Record<string, Scenario>} */
const SCENARIOS = {
  "cold burst": { run: burst, outcomes: { ok: BURST }, fetches: [1, 0] },
  "cold burst, RFC 8414": { discovery: "rfc8414", run: burst, outcomes: { ok: BURST }, fetches: [1, 1] },
  "cold burst, OpenID": { discovery: "openid", run: burst, outcomes: { ok: BURST }, fetches: [1, 1] },
  "cold burst, either (OpenID)": { discovery: "both", run: burst, outcomes: { ok: BURST }, fetches: [1, 2] },
  "rotating issuer": { run: rotating, outcomes: { ok: 2 * BURST }, fetches: [2, 0] },
  "rotating issuer, RFC 8414": { discovery: "rfc8414", run: rotating, outcomes: { ok: 2 * BURST }, fetches: [2, 1] },
  "dead issuer, cold": { run: dead, outcomes: { "keys.unavailable": BURST }, fetches: [1, 0] },
  "dead issuer, cold, RFC 8414": { discovery: "rfc8414", run: dead, outcomes: { "keys.unavailable": BURST }, fetches: [0, 1] },
  "dead issuer, cold, told by the store": { store: true, run: deadAndTold, outcomes: { "keys.unavailable": BURST }, fetches: [0, 0] },
  "dead issuer, warm": { run: deadAndWarm, outcomes: { ok: BURST }, fetches: [1, 0] },
  "dead issuer, stale set in the store": { store: true, run: deadAndStale, outcomes: { ok: BURST }, fetches: [1, 0] },
  "slow issuer (1.5 s), cold burst": { run: slow, outcomes: { ok: BURST }, fetches: [1, 0] },
  "slow issuer (1.5 s), RFC 8414": { discovery: "rfc8414", run: slow, outcomes: { ok: BURST }, fetches: [1, 1] },
  "forged kids among good ones": { run: forged, outcomes: { ok: BURST, "token.key_unknown": BURST }, fetches: [2, 0], cooling: true },
};

for (const { host, start } of [WORKER, NODE]) {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (scenario.store && host !== WORKER.host) continue;
    test(`${host}: ${name}`, async () => {
      const world = await startCold(scenario, start);
      try {
        const start = performance.now();
        const verdicts = await scenario.run(world);
        const cooldowns = scenario.cooling ? Math.floor((performance.now() - start) / COOLDOWN) : 0;
        report(host, name, world, verdicts);
        assert.deepEqual(counted(verdicts), scenario.outcomes);
        const [keySets, metadata] = scenario.fetches;
        assert.equal(world.issuer.metadataFetches, metadata);
        const { fetches } = world.issuer;
        assert.ok(fetches >= keySets && fetches <= keySets + cooldowns, `${fetches} fetches of the key set, not ${keySets}`);
      } finally {
        await world.close();
      }
    });
  }
}

/**
 * A world whose gate has not seen a key yet.
 *
 * @param {Scenario} scenario
 * @param {typeof startInProcess | undefined} start
 */
async function startCold({ discovery }, start) {
  const port = await freePort();
  const issuer = { issuer: ISSUER, audience: [`http://127.0.0.1:${port}`], algorithms: ["EdDSA", "ES256", "RS256"] };
  const where = { rfc8414: { discovery }, openid: { discovery }, both: {} };
  const keys = discovery ? where[discovery] : { jwks_uri: ISSUER + JWKS_PATH };
  const world = await startWorld({ port, start, config: { issuers: [{ ...issuer, ...keys }] } });
  assert.equal(world.url, issuer.audience[0], "somebody else took the port");
  world.issuer.publishes = discovery === "rfc8414" ? "rfc8414" : "openid";
  return world;
}

/** All at once, made before. @param {World} world */
async function burst(world) {
  const wires = await Promise.all(Array.from({ length: BURST }, () => make(world, ORDERS)));
  return Promise.all(wires.map((wire) => judge(wire)));
}

/** New keys in the middle of it; tokens of the old ones are still on their way then. @param {World} world */
async function rotating(world) {
  /** @type {Verdict[]} */
  const verdicts = [];
  let sent = 0;
  const client = async () => {
    while (sent < 2 * BURST) {
      sent += 1;
      if (sent === BURST) await world.issuer.rotate({ keepOld: true });
      verdicts.push(await judge(await make(world, ORDERS)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return verdicts;
}

/** @param {World} world */
async function dead(world) {
  // Without it the gate would ask again after two seconds, which a slow machine may need for the burst.
  Object.assign(world.issuer, { failing: true, retryAfter: 60 });
  return burst(world);
}

/** Another isolate, with the same store, has asked in vain just now. @param {World} world */
async function deadAndTold(world) {
  const now = seconds();
  const failure = { at: now, retry_at: now + 60, definite: false, failures: 1 };
  await store(world, { version: 3, failure });
  return dead(world);
}

/** @param {World} world */
async function deadAndWarm(world) {
  assert.equal((await judge(await make(world, ORDERS))).code, "ok");
  return dead(world);
}

/** The keys were fetched two hours ago by an isolate that is no more. @param {World} world */
async function deadAndStale(world) {
  const then = seconds() - 7200;
  const times = { fetched_at: then, fresh_until: then + 300, serve_until: then + 86_400 };
  await store(world, { version: 3, ...times, keys: world.issuer.published });
  return dead(world);
}

/** @param {World} world */
async function slow(world) {
  world.issuer.delay = 1500;
  return burst(world);
}

/** Every other one names a key that there is not. @param {World} world */
async function forged(world) {
  const bad = (/** @type {number} */ i) => ({ ...ORDERS, token: { key: world.stranger.EdDSA, header: { kid: `forged-${i}` } } });
  const recipes = Array.from({ length: 2 * BURST }, (_, i) => (i % 2 ? bad(i) : ORDERS));
  assert.equal((await judge(await make(world, ORDERS))).code, "ok");
  const wires = await Promise.all(recipes.map((recipe) => make(world, recipe)));
  return Promise.all(wires.map((wire) => judge(wire)));
}

/** Puts what is known of the issuer's key set into the store. @param {World} world @param {object} state */
async function store(world, state) {
  const name = createHash("sha256").update(ISSUER + JWKS_PATH).digest("base64url");
  await (await world.gate.kv()).put(`issuer:${name}`, JSON.stringify(state));
}

/** @param {Verdict[]} verdicts */
function counted(verdicts) {
  /** @type {Record<string, number>} */
  const codes = {};
  for (const { code } of verdicts) codes[code] = (codes[code] ?? 0) + 1;
  return codes;
}

/** @param {string} host @param {string} name @param {World} world @param {Verdict[]} verdicts */
function report(host, name, world, verdicts) {
  const { ok = 0, ...refused } = counted(verdicts);
  const times = verdicts.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (/** @type {number} */ part) => (times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? NaN).toFixed(0);
  const refusals = Object.entries(refused).map(([code, count]) => `${count} ${code}`);
  const fetches = [world.issuer.fetches, world.issuer.metadataFetches];
  rows.push([host, name, ...[verdicts.length, ok, refusals.join(", ") || "-", ...fetches].map(String), at(0.5), at(0.99), at(1)]);
}
