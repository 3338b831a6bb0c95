// Events without a queue: they wait in KV until the origin takes them, whatever it says meanwhile, and under one id.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cron, jti, kept, keptIds, keptRefusals, later, MANY, misbehave, until, withWorld } from "../lib/event-world.mjs";
import { startGate } from "../lib/gate.mjs";
import { makeKey } from "../lib/keys.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

/** How a receiver is down, or is no receiver. */
const WRONG_ANSWERS = /** @type {const} */ ([
  { status: 500, body: "{}" },
  { status: 503, body: "<html>busy" },
  { status: 200, body: "<html>whatever you like" },
  { status: 204 },
  { status: 400, body: "garbage" },
  { status: 400, body: '{"err":"invalid_key"}' },
  { status: 401, headers: { "WWW-Authenticate": "Basic" } },
  { status: 404, body: "no such page" },
  { status: 302, headers: { Location: "/elsewhere" } },
  "hang",
]);

test("whatever an origin says but 202, events wait, and come under the ids that they were first tried with", () =>
  withWorld({}, async ({ gate, origin, ...world }) => {
    origin.answersEvents = WRONG_ANSWERS[0];
    await misbehave({ gate, origin, ...world });
    await until(async () => (await keptRefusals(gate, "outbox:")) === MANY, "all events in KV");
    const ids = await keptIds(gate, "outbox:");
    // Two levels, and counts of refusals.
    assert.ok(ids.length >= 3);
    // Not due: a cron that comes at once leaves them to whoever wrote them.
    await until(() => new Set(origin.tried.map(jti)).size >= ids.length, "the first try of each");
    const before = origin.tried.length;
    await cron(gate);
    assert.equal(origin.tried.length, before);

    for (const answer of WRONG_ANSWERS) {
      origin.answersEvents = /** @type {any} */ (answer);
      await later(gate);
      const attempts = origin.tried.length;
      await cron(gate);
      const tries = origin.tried.length - attempts;
      assert.ok(tries >= 1 && tries <= 3, `${tries} tries of one that is down`);
      assert.deepEqual(await keptIds(gate, "outbox:"), ids, JSON.stringify(answer));
      assert.deepEqual(await kept(gate, "dead:"), []);
      // The next try is some time off.
      await cron(gate);
      assert.equal(origin.tried.length - attempts, tries);
    }
    assert.deepEqual(origin.events, []);
    assert.ok(!origin.requests.some(({ url }) => url.includes("elsewhere")), "a redirect was followed");

    origin.answersEvents = null;
    await later(gate);
    await cron(gate);
    assert.deepEqual(origin.events.map(jti).sort(), ids);
    assert.deepEqual(await kept(gate, "outbox:"), []);
    await cron(gate);
    assert.equal(origin.events.length, ids.length, "nothing is sent again");
    assert.deepEqual([...new Set(origin.tried.map(jti))].sort(), ids, "no try had another id");
  }));

test("what an origin will never take becomes a dead letter, which an operator can have tried again", () =>
  withWorld({}, async ({ gate, origin, ...world }) => {
    let refused = 0;
    for (const err of ["invalid_request", "authentication_failed"]) {
      origin.answersEvents = { status: 400, body: JSON.stringify({ err, description: "no" }) };
      await misbehave({ gate, origin, ...world });
      refused += MANY;
      await until(async () => (await keptRefusals(gate, "dead:")) === refused, `dead letters of ${err}`);
      assert.ok((await kept(gate, "dead:")).some(({ entry }) => entry.error === err));
    }
    await until(async () => (await kept(gate, "outbox:")).length === 0, "an outbox that is empty");
    const ids = await keptIds(gate, "dead:");
    const triedBefore = origin.tried.length;
    await cron(gate);
    assert.equal(origin.tried.length, triedBefore, "dead letters are not tried");

    // The commands of docs/events.md: the same value, under a name of the outbox.
    origin.answersEvents = null;
    const kv = await gate.kv();
    for (const { name, text } of await kept(gate, "dead:")) {
      await kv.put(name.replace("dead:", "outbox:0000000000000:"), text);
      await kv.delete(name);
    }
    await cron(gate);
    assert.deepEqual(origin.events.map(jti).sort(), ids);
    assert.deepEqual([...(await kept(gate, "dead:")), ...(await kept(gate, "outbox:"))], []);
  }));

test("what has waited for three days is given up, and kept", () =>
  withWorld({}, async ({ gate, origin }) => {
    origin.answersEvents = { status: 500 };
    const kv = await gate.kv();
    const entry = { since: Date.now() - 3 * 86_400_000 - 1000, events: [{ jti: "old", iss: "https://api.example" }] };
    await kv.put("outbox:0000000000000:old", JSON.stringify(entry));
    await kv.put("outbox:0000000000001:broken", "no entry");
    await cron(gate);
    const dead = await (await gate.kv()).list({ prefix: "dead:" });
    assert.equal(dead.keys.length, 2, "what cannot be read is kept as it is");
    const [letter] = (await kv.get(`dead:${entry.since}:old`, "json")).events;
    assert.deepEqual(letter, entry.events[0]);
    assert.deepEqual((await kv.list({ prefix: "outbox:" })).keys, []);
  }));

test("a KV that takes no writes is said in the log, and no request notices", async () => {
  let log = "";
  await withWorld({ gate: { faults: { kv: "fails" }, log: (line) => (log += line) } }, async (world) => {
    // What is not written is tried all the same.
    await misbehave(world);
    await until(() => world.origin.events.length >= 2, "events that were never written");
    assert.match(log, /cannot write events to KV/);
    assert.doesNotMatch(log, /could not keep event/);

    world.origin.answersEvents = { status: 500 };
    const { code } = await judge(await make(world, { path: "/nowhere" }));
    assert.equal(code, "policy.no_route");
    await until(() => /could not keep event/.test(log), "the line on what is lost");
    assert.equal((await judge(await make(world, { path: "/public/x" }))).outcome, "allow");
  });
});

test("a workerd that is killed mid-load loses no event that was written", async () => {
  const persist = await mkdtemp(join(tmpdir(), "countersign-"));
  const signing = await makeKey("EdDSA");
  let log = "";
  const more = { persist, signing, log: (/** @type {string} */ line) => (log += line) };
  const world = await startWorld({ gate: more });
  const { origin, config, hosts, url } = world;
  try {
    origin.answersEvents = { status: 500 };
    let over = false;
    const load = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (!over) await misbehave(world).catch(() => {});
      }),
    );
    await until(async () => (await keptIds(world.gate, "outbox:")).length >= 2, "events in KV");
    const written = await keptIds(world.gate, "outbox:");
    // This kills the process, with requests and writes on their way.
    await world.gate.close();
    over = true;
    await load;

    const gate = await startGate({ config, port: Number(new URL(url).port), hosts, ...more });
    try {
      const ids = await keptIds(gate, "outbox:");
      for (const id of written) assert.ok(ids.includes(id), `${id} is lost`);
      origin.answersEvents = null;
      await later(gate);
      await cron(gate);
      const delivered = origin.events.map(jti).sort();
      assert.deepEqual(delivered, ids);
      assert.deepEqual(await kept(gate, "outbox:"), []);
      for (const id of delivered) assert.ok(log.includes(id), `${id} is no event of before`);
    } finally {
      await gate.close();
    }
  } finally {
    await Promise.all([origin.close(), world.issuer.close(), world.directory.close()]);
    await rm(persist, { recursive: true, force: true });
  }
});
