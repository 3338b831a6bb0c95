// Risk in real workerd: two gates, each with a memory of its own, and one object for each key.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { COMPONENTS } from "../lib/agent.mjs";
import { startFleet } from "../lib/fleet.mjs";
import { json } from "../lib/net.mjs";
import { ORIGIN_MARK } from "../lib/origin.mjs";
import { change, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

const ROUTES = [
  { match: "GET /watched", require: ["signature"], risk: { throttle: 40, shadow: true } },
  { match: "GET /step-up", require: ["signature", "token"], risk: { challenge: 40 } },
  { match: "GET /admin", require: ["signature", "token"], scope: ["admin:read"] },
  { match: "GET /**", require: ["signature"], replay: "exact", risk: { throttle: 40, deny: 80 } },
];
/** Short, so that a test sees it end: a refusal is forgotten soon, and the breaker tries again soon. */
const RISK = { store: "durable-object", half_life: "1m" };
/** What an isolate waits before it tells of refusals again, and some. */
const TOLD = 1_100;

/** @typedef {Awaited<ReturnType<typeof startRiskWorld>>} World */

/** @param {object} [risk] */
async function startRiskWorld(risk = {}) {
  const world = await startWorld({
    config: { routes: ROUTES, risk: { ...RISK, ...risk } },
    start: ({ faults: _, ...options }) => startFleet({ ...options, gates: 2 }),
  });
  return { ...world, fleet: /** @type {Awaited<ReturnType<typeof startFleet>>} */ (/** @type {unknown} */ (world.gate)) };
}

const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {World} world @param {string} path @param {object} [more] */
const signed = (world, path, more = {}) =>
  make(world, { path, signature: { form: "dictionary", nonce: randomUUID() }, ...more });

/** Sends it to one of the gates; gives the code, and the whole answer. @param {World} world @param {import("../lib/net.mjs").Wire} wire @param {number} gate */
async function judge(world, wire, gate) {
  const answer = await world.fleet.send(wire, gate);
  const code = answer.headers[ORIGIN_MARK] ? "ok" : json(answer)?.code ?? String(answer.status);
  return { code, status: answer.status, headers: answer.headers, seen: json(answer) };
}

/** A request that nobody but the agent can have had refused: its signature covers the token. @param {World} world */
const probing = (world) =>
  make(world, {
    path: "/admin",
    token: { claims: { scope: "other" } },
    signature: { form: "dictionary", nonce: randomUUID(), components: [...COMPONENTS, "authorization"] },
  });

/** @param {World} world @param {number} times */
async function probe(world, times) {
  for (let i = 0; i < times; i += 1) {
    assert.equal((await judge(world, await probing(world), 0)).code, "policy.scope_missing");
  }
}

test("who probes scopes at one gate is held back at another", async () => {
  const world = await startRiskWorld();
  try {
    assert.equal((await judge(world, await signed(world, "/any"), 1)).code, "ok");
    await probe(world, 6);
    await pause(TOLD);
    await probe(world, 1);
    const throttled = await judge(world, await signed(world, "/any"), 1);
    assert.ok(["risk.throttled", "risk.denied"].includes(throttled.code), throttled.code);
    if (throttled.status === 429) assert.ok(Number(throttled.headers["retry-after"]) >= 1);
    await probe(world, 6);
    await pause(TOLD);
    await probe(world, 1);
    const denied = await judge(world, await signed(world, "/any"), 1);
    assert.deepEqual([denied.code, denied.status], ["risk.denied", 403]);

    const watched = await judge(world, await signed(world, "/watched"), 1);
    assert.equal(watched.code, "ok", "in shadow everything passes");
    assert.ok(Number(watched.seen.headers["countersign-risk"]) >= 40, "and the origin is told");

    const challenged = await judge(world, await signed(world, "/step-up", { token: true }), 1);
    assert.deepEqual([challenged.code, challenged.status], ["risk.challenge", 401]);
    assert.match(String(challenged.headers["www-authenticate"]), /insufficient_user_authentication.*max_age="300"/);
  } finally {
    await world.close();
  }
});

test("a stranger who replays and forges brings nothing upon the agent", async () => {
  const world = await startRiskWorld();
  try {
    const accepted = await signed(world, "/any");
    const refused = await probing(world);
    assert.equal((await judge(world, accepted, 0)).code, "ok");
    for (let i = 0; i < 12; i += 1) {
      const gate = i % 2;
      assert.equal((await judge(world, accepted, gate)).code, "signature.replayed");
      assert.equal((await judge(world, refused, gate)).code, "policy.scope_missing");
      const forged = await signed(world, "/any");
      change(forged, "signature", (value) => value.replace("=:", "=:AAAA"));
      assert.notEqual((await judge(world, forged, gate)).code, "ok");
      const beside = await signed(world, "/any");
      beside.headers.push(["Authorization", "Bearer a.b.c"]);
      assert.notEqual((await judge(world, beside, gate)).code, "ok");
      if (i % 4 === 3) await pause(TOLD);
    }
    const own = await judge(world, await signed(world, "/any"), 1);
    assert.equal(own.code, "ok");
    assert.ok(Number(own.seen.headers["countersign-risk"]) <= 11, own.seen.headers["countersign-risk"]);
  } finally {
    await world.close();
  }
});

test("a breaker opens for all gates, lets single requests through, and closes", async () => {
  const breaker = { refusals: 3, cool_down: "2s", most_cool_down: "4s", probes: 1 };
  const world = await startRiskWorld({ breaker, half_life: "1s" });
  try {
    await probe(world, 3);
    await pause(TOLD);
    await probe(world, 1);
    const open = await judge(world, await signed(world, "/watched"), 1);
    assert.equal(open.code, "ok", "in shadow it is only said");
    const refused = await judge(world, await signed(world, "/other"), 1);
    assert.deepEqual([refused.code, refused.status], ["risk.breaker_open", 429]);
    const wait = Number(refused.headers["retry-after"]);
    assert.ok(wait >= 1 && wait <= 2, String(wait));
    // The score itself must have fallen, too, and clocks of processes are not one.
    await pause(4_500);
    assert.equal((await judge(world, await signed(world, "/other"), 1)).code, "ok");
    assert.equal((await judge(world, await signed(world, "/other"), 0)).code, "ok", "it is closed");
  } finally {
    await world.close();
  }
});

/** @type {World} */
let lost;
before(async () => {
  lost = await startRiskWorld({ store: "isolate" });
});
after(() => lost.close());

test("kept by isolates, one gate does not know what another has seen", async () => {
  await probe(lost, 10);
  assert.equal((await judge(lost, await signed(lost, "/any"), 0)).code, "risk.denied");
  assert.equal((await judge(lost, await signed(lost, "/any"), 1)).code, "ok");
});
