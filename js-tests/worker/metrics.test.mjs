// Metrics: what all isolates counted, as OpenMetrics for those who have the secret, and as points in Analytics Engine.
import assert from "node:assert/strict";
import { test } from "node:test";
import { METRICS_TOKEN, startJournal, until } from "../lib/journal.mjs";
import { parse, valueOf } from "../lib/openmetrics.mjs";
import { judge, make } from "../lib/recipe.mjs";

/** @typedef {import("../lib/journal.mjs").JournalWorld} JournalWorld */

const PATH = "/.well-known/countersign/metrics";

/**
 * @param {(world: JournalWorld) => Promise<void>} body
 * @param {any} [options]
 * @param {object} [config]
 */
async function withWorld(body, options, config = {}) {
  const world = await startJournal(config, options);
  try {
    await body(world);
  } finally {
    await world.close();
  }
}

/** @param {JournalWorld} world */
async function scrape(world) {
  const answer = await world.ask(0, PATH, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
  return parse(await answer.text());
}

test("the metrics are for those who have their secret", () =>
  withWorld(async (world) => {
    for (const authorization of [undefined, METRICS_TOKEN, `Bearer ${METRICS_TOKEN}x`, `Bearer ${METRICS_TOKEN.slice(1)}`, "Bearer"]) {
      const answer = await world.ask(0, PATH, { headers: authorization ? { authorization } : {} });
      assert.deepEqual([answer.status, await answer.text()], [401, ""], String(authorization));
    }
    assert.equal((await world.ask(0, PATH, { method: "POST", headers: { authorization: `Bearer ${METRICS_TOKEN}` } })).status, 403);
  }));

test("without their secret there are none", () =>
  withWorld(
    async (world) => {
      const answer = await world.ask(0, PATH, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
      assert.deepEqual([answer.status, (await answer.json()).code], [403, "policy.no_route"]);
    },
    { secrets: {} },
  ));

test("a secret that can be guessed, and one without a journal, keep the gate from starting", async () => {
  for (const [options, message] of /** @type {[any, RegExp][]} */ ([
    [{ secrets: { GATE_METRICS_TOKEN: "short" } }, /GATE_METRICS_TOKEN: is not a token/],
    [{ secrets: { GATE_METRICS_TOKEN: METRICS_TOKEN }, without: { JOURNAL: true } }, /GATE_METRICS_TOKEN: is set, and JOURNAL is not bound/],
    [{ secrets: { GATE_AUDIT_TOKEN: METRICS_TOKEN } }, /GATE_AUDIT_TOKEN: is set, and there is no \[audit\]/],
  ])) {
    await withWorld(async (world) => {
      assert.equal((await world.ask(0, "/public/1")).status, 503);
      await until(() => world.state.lines, (lines) => lines.some((line) => message.test(line)));
    }, options);
  }
});

test("each decision is counted by what it was", () =>
  withWorld(
    async (world) => {
      for (let i = 0; i < 4; i += 1) await judge(await make(world, { path: "/public/1" }));
      for (let i = 0; i < 3; i += 1) await judge(await make(world, { path: "/api/v1/admin", signature: true, token: true }));
      await judge(await make(world, { path: "/nowhere" }));
      const families = await scrape(world);
      const decisions = (/** @type {any} */ labels) => valueOf(families, "countersign_decisions_total", labels);
      assert.equal(decisions({ route: "GET /public/**", outcome: "allow", code: "ok" }), 4);
      assert.equal(decisions({ route: "GET /api/v1/admin", outcome: "deny", code: "policy.scope_missing" }), 3);
      assert.equal(decisions({ route: "none", outcome: "deny", code: "policy.no_route" }), 1);
      assert.equal(decisions({}), 8);
      const failures = (/** @type {any} */ labels) => valueOf(families, "countersign_failures_total", labels);
      assert.equal(failures({ agent: "unidentified", route: "none" }), 1);
      const named = families.get("countersign_failures")?.samples.filter(({ labels }) => labels["agent"] !== "unidentified");
      assert.deepEqual(named?.map(({ labels, value }) => [labels["code"], value]), [["policy.scope_missing", 3]]);
      assert.equal(valueOf(families, "countersign_failure_networks_total"), 4);
      assert.equal(valueOf(families, "countersign_risk_score_count"), 8);
      assert.equal(valueOf(families, "countersign_step_duration_seconds_count", { step: "decision" }), 8);
      assert.equal(valueOf(families, "countersign_step_duration_seconds_count", { step: "origin" }), 4);
      assert.ok(valueOf(families, "countersign_step_duration_seconds_count", { step: "keys" }) >= 1);
      assert.ok(valueOf(families, "countersign_calls_total", { target: "kv", operation: "get", result: "ok" }) >= 1);
      assert.equal(valueOf(families, "countersign_calls_total", { target: "origin", result: "ok" }), 4);
      assert.equal(valueOf(families, "countersign_isolates_total"), 1);
      // What was shown is never less.
      await judge(await make(world, { path: "/public/1" }));
      assert.equal(valueOf(await scrape(world), "countersign_decisions_total"), 9);
    },
  ));

test("a scrape shows the sum of all isolates", () =>
  withWorld(
    async (world) => {
      for (let i = 0; i < 9; i += 1) assert.equal((await world.ask(i % 3, `/public/${i}`)).status, 200);
      // Isolates tell within ten seconds.
      const families = await until(
        () => scrape(world),
        (families) => valueOf(families, "countersign_decisions_total") >= 9,
      );
      assert.equal(valueOf(families, "countersign_decisions_total"), 9);
      assert.equal(valueOf(families, "countersign_isolates_total"), 3);
    },
    { isolates: 3 },
  ));

test("a flood of forged names does not make the metrics grow", () =>
  withWorld(async (world) => {
    const forge = async (/** @type {number} */ i) => {
      const recipe = { path: "/api/v1/catalogue", signature: { key: world.stranger.EdDSA } };
      const wire = await make(world, recipe);
      wire.headers = wire.headers.map(([name, value]) =>
        name.toLowerCase() === "signature-agent" ? [name, value.replace("agents", `agent-${i}`)] : [name, value],
      );
      wire.headers.push(["X-Agent", `agent-${i}`]);
      assert.notEqual((await judge(wire)).outcome, "allow");
      await judge(await make(world, { path: `/no-such-route-${i}` }));
    };
    await forge(0);
    await scrape(world);
    await forge(1);
    const samples = async () => [...(await scrape(world)).values()].reduce((sum, { samples }) => sum + samples.length, 0);
    const before = await samples();
    for (let i = 2; i < 60; i += 1) await forge(i);
    const grown = (await samples()) - before;
    // What is told in the background meanwhile, as refusals to the origin, has series of its own; names have none.
    assert.ok(grown < 20, `${grown} series for 116 names`);
  }));

test("each decision is a point, and of those that go through as many as were asked for", () =>
  withWorld(
    async (world) => {
      await judge(await make(world, { path: "/public/1" }));
      await judge(await make(world, { path: "/api/v1/admin", signature: true, token: true }));
      const [allowed, refused] = await until(() => world.state.points, (points) => points.length >= 2);
      assert.deepEqual(allowed.indexes, ["unidentified"]);
      assert.deepEqual(allowed.blobs, ["allow", "ok", "GET /public/**", "unidentified", "", "low", ""]);
      assert.deepEqual(allowed.doubles.slice(0, 3), [1, 200, 0]);
      assert.deepEqual(refused.blobs.slice(0, 3), ["deny", "policy.scope_missing", "GET /api/v1/admin"]);
      assert.deepEqual([refused.blobs[4], refused.blobs[6]], ["web-bot-auth", "scope"]);
      assert.equal(refused.indexes[0], refused.blobs[3]);
      assert.equal(refused.doubles.length, 5);
    },
    { secrets: {} },
  ));
