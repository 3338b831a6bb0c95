// Limits, and how a client learns of them (RateLimit header fields).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => {
  const limit = { limit: 2, window: "1h", burst: 2, store: "kv" };
  const routes = [
    { match: "GET /agent", require: ["signature"], rate: [{ per: "agent", ...limit }] },
    { match: "GET /route", require: [], rate: [{ per: "route", ...limit }] },
    { match: "GET /free", require: [] },
  ];
  world = await startWorld({ config: { routes } });
});
after(() => world.close());

/** @param {import("../lib/recipe.mjs").Recipe} recipe */
const ask = async (recipe) => judge(await make(world, recipe));

test("a limit shows what is left, then refuses, and says until when", async () => {
  const recipe = { path: "/agent", signature: true };
  const first = await ask(recipe);
  assert.equal(first.outcome, "allow", first.answer.body.toString());
  assert.match(String(first.answer.headers["ratelimit"]), /r=1\b/);
  assert.match(String(first.answer.headers["ratelimit-policy"]), /q=2\b.*w=3600\b/);
  assert.equal((await ask(recipe)).outcome, "allow");

  const { status, code, answer } = await ask(recipe);
  assert.deepEqual({ status, code }, { status: 429, code: "rate.exceeded" });
  const wait = Number(answer.headers["retry-after"]);
  const resets = Number(/t=(\d+)/.exec(String(answer.headers["ratelimit"]))?.[1]);
  assert.ok(wait > 0 && wait <= 3600, `Retry-After: ${answer.headers["retry-after"]}`);
  assert.ok(wait >= resets, `Retry-After ${wait} is before the reset ${resets}`);
});

test("a forger does not use up an agent's limit", async () => {
  const recipe = { path: "/agent", signature: { key: world.stranger.EdDSA } };
  for (let i = 0; i < 5; i += 1) assert.equal((await ask(recipe)).code, "signature.key_unknown");
});

test("a route's limit counts everyone together", async () => {
  const outcomes = [];
  for (let i = 0; i < 3; i += 1) outcomes.push((await ask({ path: "/route" })).outcome);
  assert.deepEqual(outcomes, ["allow", "allow", "throttle"]);
});

test("a route without limits says nothing of them", async () => {
  const { answer } = await ask({ path: "/free" });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["ratelimit"], undefined);
});

test("what one isolate counted stops the next", async () => {
  const limit = { per: "route", limit: 5, window: "1h", store: "kv" };
  const config = { routes: [{ match: "GET /shared", require: [], rate: [limit] }] };
  const first = await startWorld({ config });
  const askFirst = async () => judge(await make(first, { path: "/shared" }));
  let stored;
  try {
    for (let i = 0; i < 3; i += 1) assert.equal((await askFirst()).outcome, "allow");
    // An isolate tells what it counted ten seconds after it has asked, with the next request.
    await new Promise((resolve) => setTimeout(resolve, 10_200));
    assert.equal((await askFirst()).outcome, "allow");
    stored = await rateEntry(first);
    assert.equal(JSON.parse(stored.text).count, 4);
  } finally {
    await first.close();
  }
  const second = await startWorld({ config });
  try {
    const full = { ...JSON.parse(stored.text), count: 5 };
    await (await second.gate.kv()).put(stored.name, JSON.stringify(full));
    const { status, code } = await judge(await make(second, { path: "/shared" }));
    assert.deepEqual({ status, code }, { status: 429, code: "rate.exceeded" });
  } finally {
    await second.close();
  }
});

/** What the gate has put into KV for its only limit. @param {import("../lib/world.mjs").World} world */
async function rateEntry({ gate }) {
  const kv = await gate.kv();
  for (let i = 0; i < 100; i += 1) {
    const { keys } = await kv.list({ prefix: "rate:" });
    if (keys.length > 0) return { name: keys[0].name, text: String(await kv.get(keys[0].name)) };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the gate has told nobody");
}
