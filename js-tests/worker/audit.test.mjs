// The audit log: what the Worker wrote, to each of its sinks, is proven by the command; what is changed about it is found.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUDIT_TOKEN, startJournal, until, verify } from "../lib/journal.mjs";
import { judge, make } from "../lib/recipe.mjs";

/** @typedef {import("../lib/journal.mjs").JournalWorld} JournalWorld */

const SOON = { batch_wait: "1s", batch_lines: 5 };

/**
 * @param {object} audit
 * @param {(world: JournalWorld) => Promise<void>} body
 * @param {any} [options]
 */
async function withWorld(audit, body, options) {
  const world = await startJournal({ audit: { ...SOON, ...audit } }, options);
  try {
    await body(world);
  } finally {
    world.state.takes = true;
    await world.close();
  }
}

/** Requests that are allowed, and one that is refused, by turns. @param {JournalWorld} world @param {number} count */
async function ask(world, count) {
  for (let i = 0; i < count; i += 1) {
    if (i % 3 === 2) {
      const { code } = await judge(await make(world, { path: "/api/v1/admin", signature: true, token: true }));
      assert.equal(code, "policy.scope_missing");
    } else {
      assert.equal((await judge(await make(world, { path: `/public/${i}` }))).outcome, "allow");
    }
  }
}

/** @param {Map<string, string>} objects */
const linesOf = (objects) =>
  [...objects.values()].flatMap((text) => text.trimEnd().split("\n")).map((line) => JSON.parse(line));

/** @param {Map<string, string>} objects */
const decisionsIn = (objects) => linesOf(objects).filter(({ type }) => type === "decision").length;

/** Until so many decisions are in the bucket. @param {JournalWorld} world @param {number} count */
const stored = (world, count) => until(() => world.objects(), (objects) => decisionsIn(objects) >= count);

/** The ledger, once it knows the last line of each shard. @param {JournalWorld} world @param {Map<string, string>} objects */
async function ledgerOf(world, objects) {
  const lasts = new Map(linesOf(objects).map(({ shard, seq }) => [shard, seq]));
  return until(
    () => world.ledger(),
    (text) => {
      const [, claims = ""] = text.split(".");
      const { shards } = JSON.parse(Buffer.from(claims, "base64url").toString());
      return [...lasts].every(([shard, seq]) => shards.some((/** @type {any[]} */ row) => row[1] === shard && row[2] === seq));
    },
  );
}

/** @param {Map<string, string>} objects @param {(lines: string[]) => void} change of the lines of the first object */
function changed(objects, change) {
  const [[name = "", text = ""] = []] = objects;
  const lines = text.trimEnd().split("\n");
  change(lines);
  return new Map([...objects, [name, lines.join("\n") + "\n"]]);
}

test("what is in the bucket is every decision, proven; and each change of it is named", () =>
  withWorld({ sink: "r2" }, async (world) => {
    await ask(world, 12);
    const objects = await stored(world, 12);
    const known = { keys: await world.keys(), ledger: await ledgerOf(world, objects) };
    const report = await verify(objects, known);
    assert.deepEqual([report.code, report.outcome, report.faults], [0, "proven", []]);
    assert.deepEqual([report.shards.length, report.shards[0].decisions, report.shards[0].lost], [1, 12, 0]);
    for (const name of objects.keys()) assert.match(name, /^audit\/[\w-]{22}\/\d{12}-\d{12}\.jsonl$/);

    const lines = linesOf(objects);
    assert.deepEqual([lines[0].type, lines[0].gate, lines.at(-1).type], ["start", world.url, "checkpoint"]);
    const refused = lines.find(({ decision }) => decision?.code === "policy.scope_missing").decision;
    assert.equal(refused.agent.method, "web-bot-auth");
    const text = JSON.stringify(lines.map(({ decision }) => decision));
    for (const secret of ["eyJ", "headers", "127.0.0.1", "uthorization", "ignature-Input"]) {
      assert.equal(text.includes(secret) && secret, false);
    }

    const found = async (/** @type {(lines: string[]) => void} */ change) => {
      const { code, outcome, faults } = await verify(changed(objects, change), known);
      assert.deepEqual([code, outcome], [1, "faulty"]);
      return faults.map((/** @type {any} */ fault) => [fault.kind, fault.at?.line]);
    };
    assert.deepEqual(await found((lines) => (lines[2] = String(lines[2]).replace("allow", "deny"))), [["edited", 3]]);
    assert.deepEqual(await found((lines) => lines.splice(2, 1)), [["missing", 3]]);
    assert.deepEqual(await found((lines) => lines.splice(1, 2, String(lines[2]), String(lines[1]))), [["moved", 3]]);
    assert.deepEqual(await found((lines) => lines.splice(2, 0, String(lines[2]))), [["repeated", 4]]);

    const fewer = new Map([...objects].slice(0, -1));
    assert.equal((await verify(fewer, { keys: known.keys })).outcome, "proven", "a cut behind a checkpoint is not seen");
    assert.deepEqual((await verify(fewer, known)).faults.map((/** @type {any} */ fault) => fault.kind), ["truncated"]);
    const others = JSON.stringify({ keys: [world.stranger.EdDSA.publicJwk] });
    assert.equal((await verify(objects, { keys: others })).outcome, "faulty");
  }));

test("a queue brings batches to the bucket, each under its name", () =>
  withWorld({ sink: "queue" }, async (world) => {
    await ask(world, 9);
    const objects = await stored(world, 9);
    const report = await verify(objects, { keys: await world.keys(), ledger: await ledgerOf(world, objects) });
    assert.deepEqual([report.code, report.outcome], [0, "proven"], JSON.stringify(report));
    assert.equal(decisionsIn(objects), 9);
  }));

test("the console has a line each, and in the end a checkpoint", () =>
  withWorld({ sink: "console" }, async (world) => {
    await ask(world, 6);
    const isOurs = (/** @type {string} */ line) => line.startsWith('{"shard":');
    const lines = await until(
      () => world.state.lines.filter(isOurs),
      (lines) => decisionsIn(new Map([["", lines.join("\n")]])) === 6 && String(lines.at(-1)).includes('"checkpoint"'),
    );
    const report = await verify(new Map([["console.jsonl", lines.join("\n") + "\n"]]), { keys: await world.keys() });
    assert.deepEqual([report.code, report.outcome], [0, "proven"], JSON.stringify(report));
    assert.ok(!world.state.lines.some((line) => line.startsWith('{"id":')), "refusals are logged once");
  }));

test("refusals alone are logged where that is configured", () =>
  withWorld({ sink: "r2", level: "refusals" }, async (world) => {
    await ask(world, 6);
    const objects = await stored(world, 2);
    assert.deepEqual(linesOf(objects).flatMap(({ decision }) => (decision ? [decision.code] : [])), [
      "policy.scope_missing",
      "policy.scope_missing",
    ]);
  }));

test("several isolates have a shard each, and a dropped one shows from the ledger", () =>
  withWorld(
    { sink: "r2" },
    async (world) => {
      for (let i = 0; i < 12; i += 1) assert.equal((await world.ask(i % 3, `/public/${i}`)).status, 200);
      const objects = await stored(world, 12);
      const known = { keys: await world.keys(), ledger: await ledgerOf(world, objects) };
      const report = await verify(objects, known);
      assert.deepEqual([report.outcome, report.shards.length], ["proven", 3], JSON.stringify(report));
      const { shard } = report.shards[1];
      const fewer = new Map([...objects].filter(([name]) => !name.includes(shard)));
      const { faults, code } = await verify(fewer, known);
      assert.deepEqual([code, faults.length, faults[0].kind, faults[0].shard], [1, 1, "shard_missing", shard]);
      // What a tail Worker collects has the shards mixed.
      const all = [...objects.values()].flatMap((text) => text.trimEnd().split("\n"));
      const mixed = all.map((line, index) => ({ line, key: JSON.parse(line).seq * 10 + (index % 3) }));
      const text = mixed.sort((a, b) => a.key - b.key).map(({ line }) => line).join("\n");
      assert.equal((await verify(new Map([["mixed.jsonl", text]]), known)).outcome, "proven");
    },
    { isolates: 3 },
  ));

for (const sink of ["r2", "queue"]) {
  test(`${sink} that takes nothing for a while loses nothing`, () =>
    withWorld({ sink }, async (world) => {
      await ask(world, 4);
      world.state.takes = false;
      await ask(world, 7);
      await until(() => world.state.asked, (asked) => asked >= 4);
      world.state.takes = true;
      await ask(world, 2);
      const objects = await stored(world, 13);
      const report = await verify(objects, { keys: await world.keys() });
      assert.deepEqual([report.outcome, report.shards[0].decisions, report.shards[0].lost], ["proven", 13, 0]);
    }));
}

test("a sink that never answers keeps no request waiting", () =>
  withWorld({ sink: "r2", batch_lines: 1 }, async (world) => {
    world.state.takes = "hang";
    await ask(world, 9);
    assert.equal(decisionsIn(await world.objects()), 0);
  }));

test("what there was no room for is counted in the log", () =>
  withWorld({ sink: "r2", batch_lines: 5000, buffer_bytes: 65536 }, async (world) => {
    world.state.takes = false;
    // The first batch is made and waits; behind it there is room for some hundred.
    const total = 250;
    for (let i = 0; i < total; i += 1) await world.ask(0, `/public/${i}`);
    await until(() => world.state.asked, (asked) => asked >= 1);
    for (let i = 0; i < total; i += 1) await world.ask(0, `/public/${i}`);
    world.state.takes = true;
    const objects = await until(
      async () => {
        await world.ask(0, "/public/again");
        return world.objects();
      },
      (objects) => linesOf(objects).some(({ type }) => type === "gap"),
    );
    const report = await verify(objects, { keys: await world.keys() });
    assert.equal(report.outcome, "proven");
    const { decisions, lost } = report.shards[0];
    assert.ok(lost > 0 && decisions + lost >= 2 * total, `${decisions} and ${lost}`);
  }));

test("a log without what it is written to does not start", async () => {
  for (const [sink, name] of [["r2", "AUDIT_BUCKET"], ["queue", "AUDIT_QUEUE"]]) {
    await withWorld(
      { sink },
      async (world) => {
        assert.equal((await world.ask(0, "/public/1")).status, 503);
        await until(() => world.state.lines, (lines) => lines.some((line) => line.includes(`${name}: is not bound`)));
      },
      { without: { [String(name)]: true } },
    );
  }
});

test("the ledger is for those who have its secret", () =>
  withWorld({ sink: "r2" }, async (world) => {
    const get = (/** @type {any} */ headers) => world.ask(0, "/.well-known/countersign/audit", { headers });
    for (const headers of [{}, { authorization: `Bearer ${AUDIT_TOKEN}x` }, { authorization: AUDIT_TOKEN }, { authorization: "Bearer " }]) {
      const answer = await get(headers);
      assert.deepEqual([answer.status, await answer.text()], [401, ""]);
      assert.match(answer.headers.get("www-authenticate"), /^Bearer /);
    }
    assert.equal((await get({ authorization: `bearer ${AUDIT_TOKEN}` })).status, 200);
  }));
