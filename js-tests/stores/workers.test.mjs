// Stores on Workers, in real workerd: two Workers with a memory of their own each, and objects of the exported class.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { workersStores } from "countersign/workers";
import * as calls from "../lib/calls.mjs";
import { childrenNamed } from "../lib/fleet.mjs";
import { COMPATIBILITY_DATE } from "../lib/gate.mjs";
import { modulesOf } from "../lib/own-worker.mjs";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** @param {string} [persist] a folder */
async function startWorkers(persist) {
  const code = await modulesOf(fileURLToPath(new URL("worker.mjs", import.meta.url)), "own-worker");
  const worker = { ...code, compatibilityDate: COMPATIBILITY_DATE, kvNamespaces: { COUNTERSIGN_KV: "documents" } };
  const namespace = { className: "Subject", useSQLite: true };
  const miniflare = new Miniflare({
    ...(persist && { durableObjectsPersist: persist }),
    workers: [
      { ...worker, name: "first", durableObjects: { SUBJECTS: namespace }, ratelimits: { FLOOD_100_10: { namespace_id: "1001", simple: { limit: 100, period: 10 } } } },
      { ...worker, name: "second", durableObjects: { SUBJECTS: { ...namespace, scriptName: "first" } } },
    ],
  });
  const workers = /** @type {any[]} */ (await Promise.all(["first", "second"].map((name) => miniflare.getWorker(name))));
  /** @param {number} worker @param {string} what @param {unknown[]} args */
  const ask = async (worker, what, ...args) =>
    (await workers[worker % 2].fetch(`http://worker/${what}`, { method: "POST", body: JSON.stringify(args) })).json();
  return {
    miniflare,
    ask,
    /** @param {number} worker @param {string} subject @param {string} call */
    state: async (worker, subject, call) => {
      const { said, code } = await ask(worker, "state", subject, call, 0);
      return code ?? calls.answerOf(said);
    },
    /** Puts the clock of objects forward, or back. @param {string} subject @param {number} added */
    clock: (subject, added) => workers[0].fetch("http://worker/clock", { method: "POST", body: JSON.stringify([subject, `?added=${added}`]) }),
  };
}

/** @type {Awaited<ReturnType<typeof startWorkers>>} */
let world;
before(async () => {
  world = await startWorkers();
});
after(() => world.miniflare.dispose());

test("of many copies of a proof at two Workers, one is new", async () => {
  for (let round = 0; round < 20; round += 1) {
    const subject = calls.subjectOf("key", `once ${round % 3}`);
    const copies = Array.from({ length: 10 }, (_, copy) =>
      world.state(copy, subject, calls.callOf(`${round} ${copy}`, calls.proof(`${round}`, Date.now() + MINUTE))),
    );
    assert.deepEqual((await Promise.all(copies)).sort(), ["new", ...Array.from({ length: 9 }, () => "seen")], `round ${round}`);
  }
});

test("a budget is set aside once, shown, and given back", async () => {
  const subject = calls.subjectOf("budget", "shop");
  const reserved = await Promise.all(
    Array.from({ length: 50 }, (_, number) => world.state(number, subject, calls.callOf(`r${number}`, calls.reserve("shop", 100, `r${number}`, 5)))),
  );
  assert.equal(reserved.filter(({ accepted }) => accepted).length, 20);
  const taken = reserved.findIndex(({ accepted }) => accepted);
  assert.equal(await world.state(1, subject, calls.callOf("s", calls.settle("shop", `r${taken}`, "release"))), "released");
  const view = await world.state(0, subject, calls.callOf("v", calls.show("shop", 100)));
  assert.deepEqual([view.reserved, view.remaining, view.open, view.reservations.length], [95, 5, 19, 19]);
});

test("what is no call is unavailable, and so is what cannot be read", async () => {
  const subject = calls.subjectOf("budget", "broken");
  assert.equal(await world.state(0, subject, "{}"), "store.unavailable");
  await world.state(0, subject, calls.callOf("r", calls.reserve("shop", 100, "r", 5)));
  await world.ask(0, "break", subject).catch(() => {});
  assert.equal(await world.state(0, subject, calls.callOf("s", calls.reserve("shop", 100, "s", 5))), "store.unavailable");
});

test("what has ended is removed by alarm, and time does not go back over it", async () => {
  const subject = calls.subjectOf("key", "purge");
  // A clock that is behind: its alarms are due at once.
  await world.clock(subject, -60 * MINUTE);
  const until = Date.now() - 59 * MINUTE;
  const kept = until + 3 * DAY;
  for (const [name, end] of /** @type {[string, number][]} */ ([["a", until], ["b", until], ["c", kept]])) {
    assert.equal(await world.state(0, subject, calls.callOf(name, calls.proof(name, end))), "new");
  }
  const at = await world.ask(0, "rows", subject);
  assert.equal(at.rows, 3);
  assert.notEqual(at.alarm, null);
  await world.clock(subject, 2 * MINUTE);
  while ((await world.ask(0, "rows", subject)).rows > 1) await new Promise(setImmediate);
  await world.clock(subject, -60 * MINUTE);
  assert.equal(await world.state(1, subject, calls.callOf("again", calls.proof("a", until))), "late");
  assert.equal(await world.state(1, subject, calls.callOf("still", calls.proof("c", kept))), "seen");
  await world.clock(subject, 0);
});

test("an object with nothing left keeps the time for a day, and removes itself", async () => {
  const subject = calls.subjectOf("key", "gone");
  const until = Date.now() + MINUTE;
  assert.equal(await world.state(0, subject, calls.callOf("a", calls.proof("a", until))), "new");
  await world.clock(subject, 10 * MINUTE);
  assert.deepEqual(await world.ask(0, "alarm", subject).then(({ tables, rows }) => [tables, rows]), [1, 0]);
  await world.clock(subject, 0);
  assert.equal(await world.state(0, subject, calls.callOf("b", calls.proof("a", until))), "late");
  await world.clock(subject, 2 * DAY);
  assert.deepEqual(await world.ask(0, "alarm", subject), { tables: 0, rows: 0, alarm: null });
  assert.equal(await world.state(0, subject, calls.callOf("c", calls.proof("c", Date.now() + 3 * DAY))), "new");
  await world.clock(subject, 0);
});

test("documents are in KV, for all Workers, and kept a minute at the least", async () => {
  assert.equal((await world.ask(0, "get", "keys")).said, null);
  await world.ask(0, "put", "keys", "{}", 1);
  assert.equal((await world.ask(1, "get", "keys")).said, "{}");
});

test("what is bound is there, and nothing else", async () => {
  assert.deepEqual((await world.ask(0, "has", "")).said, ["documents", "state", "floods", "FLOOD_100_10"]);
  assert.deepEqual((await world.ask(1, "has", "")).said, ["documents", "state"]);
  assert.deepEqual(workersStores({}), {});
  const invalid = { code: "options.invalid" };
  assert.throws(() => workersStores({}, { kv: "OTHER" }), invalid);
  assert.throws(() => workersStores({}, { subjects: "OTHER" }), invalid);
  assert.throws(() => workersStores({}, /** @type {any} */ ({ subject: "SUBJECTS" })), invalid);
  assert.throws(() => workersStores({ COUNTERSIGN_KV: "text" }), invalid);
  assert.throws(() => workersStores({ SUBJECTS: { get() {} } }), invalid);
});

test("an object that may answer now is asked again and is told so; one with too much to do is not", async () => {
  /** @type {string[]} */
  const bodies = [];
  const namespaceThat = (/** @type {object} */ fails) => ({
    idFromName: (/** @type {string} */ name) => name,
    get: () => ({
      fetch: async (/** @type {string} */ _, /** @type {{body: string}} */ { body }) => {
        bodies.push(body);
        if (bodies.length === 1) throw Object.assign(new Error("lost"), fails);
        return new Response('{"a":[]}');
      },
    }),
  });
  const call = calls.callOf("r", calls.proof("a", 1));
  const ask = (/** @type {object} */ fails) => workersStores({ SUBJECTS: namespaceThat(fails) }).state?.("key:x", call, 0);
  assert.equal(await ask({ retryable: true }), '{"a":[]}');
  assert.deepEqual(bodies, [call, `${call.slice(0, -1)},"g":true}`]);
  for (const fails of [{}, { retryable: true, overloaded: true }]) {
    bodies.length = 0;
    await assert.rejects(Promise.resolve(ask(fails)), { code: "store.unavailable" });
    assert.equal(bodies.length, 1);
  }
});

test("workerd is killed and started again: what it had answered it still knows", async () => {
  const persist = await mkdtemp(join(tmpdir(), "countersign-"));
  const subject = calls.subjectOf("key", "killed");
  const call = (/** @type {string} */ request) => calls.callOf(request, calls.proof("a", Date.now() + MINUTE));
  try {
    const others = childrenNamed("workerd");
    const first = await startWorkers(persist);
    assert.equal(await first.state(0, subject, call("1")), "new");
    for (const pid of childrenNamed("workerd")) if (!others.includes(pid)) process.kill(pid, "SIGKILL");
    await first.miniflare.dispose().catch(() => {});
    const second = await startWorkers(persist);
    assert.equal(await second.state(1, subject, call("2")), "seen");
    await second.miniflare.dispose();
  } finally {
    await rm(persist, { recursive: true, force: true });
  }
});
