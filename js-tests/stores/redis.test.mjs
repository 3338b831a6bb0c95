// Stores in Redis where something is wrong: with Redis, with the way to it, with what it has, or with clocks.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { createClient, createClientPool, createCluster, createSentinel } from "redis";
import { Cluster, Redis } from "ioredis";
import { redisStores } from "countersign/redis";
import * as calls from "../lib/calls.mjs";
import { freePort } from "../lib/net.mjs";
import { startRedis } from "../lib/redis.mjs";

const NOW = 1_790_000_000_000;
const MINUTE = 60_000;
const UNAVAILABLE = { code: "store.unavailable" };

/** @type {Awaited<ReturnType<typeof startRedis>>} */
let redis;
/** @type {any} */
let client;
before(async () => {
  redis = await startRedis();
  client = await redis.nodeRedis();
});
after(() => redis.close());

/** Stores that wait for a machine that has much else to do. @param {any} client @param {object} [options] */
const patient = (client, options) => redisStores(client, { timeoutMillis: 30_000, ...options });

/** A subject for each test. */
let subject = "";
let tests = 0;
beforeEach(() => {
  subject = calls.subjectOf("key", `test ${(tests += 1)}`);
});

/** @param {string} what */
const key = (what) => `countersign:{${subject}}:${what}`;

let requests = 0;
/** @param {{state: any}} stores @param {object} op @param {number} [now] */
async function ask({ state }, op, now = NOW) {
  return calls.answerOf(await state(subject, calls.callOf(`request ${(requests += 1)}`, op), now));
}

/** Stores over a way to Redis that does as it is told. @param {(args: string[], pass: () => Promise<any>) => Promise<any>} how @param {any} [options] */
const over = (how, options) => patient({ send: (/** @type {string[]} */ args) => how(args, () => client.sendCommand(args)) }, options);

test("options that are none are refused", () => {
  const invalid = { code: "options.invalid" };
  for (const other of [undefined, null, {}, { sendCommand: 1 }, "redis://127.0.0.1"]) {
    assert.throws(() => redisStores(/** @type {any} */ (other)), invalid);
  }
  for (const options of [{ prefix: "a{b}" }, { prefix: "a b" }, { prefix: "x".repeat(65) }, { prefix: 1 }, { timeoutMillis: 9 }, { timeoutMillis: 1.5 }, { timeoutMillis: 30_001 }, { log: 1 }, { perfix: "x" }]) {
    assert.throws(() => redisStores(client, /** @type {any} */ (options)), invalid, JSON.stringify(options));
  }
});

test("every client of both packages is one, also by its types", async () => {
  const port = await freePort();
  const nodes = { host: "127.0.0.1", port };
  const lazy = { lazyConnect: true };
  const clients = [
    redisStores(createClient()),
    redisStores(createClientPool()),
    redisStores(createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] })),
    redisStores(createSentinel({ name: "main", sentinelRootNodes: [nodes] })),
    redisStores(new Redis(port, lazy)),
    redisStores(new Cluster([nodes], lazy)),
    redisStores({ send: async (args, key) => args.indexOf(key) }),
  ];
  for (const { state, documents } of clients) assert.deepEqual([typeof state, typeof documents.get], ["function", "function"]);
});

test("what is no call to a subject is refused without asking Redis, or is answered with nothing", async () => {
  const never = over(async () => assert.fail("Redis was asked"));
  for (const [whom, call, now] of [["key:short", "{}", NOW], ["key:}AAAAAAAAAAAAAAAAAAAAA", "{}", NOW], [subject, "x".repeat(65_537), NOW], [subject, "{}", -1], [subject, "{}", Number.NaN], [subject, 7, NOW]]) {
    await assert.rejects(never.state(/** @type {any} */ (whom), /** @type {any} */ (call), /** @type {any} */ (now)), { code: "request.invalid" });
  }
  assert.equal(await patient(client).state(subject, "{}", NOW), "");
});

for (const [what, reply] of /** @type {[string, unknown][]} */ ([
  ["nothing", null], ["a number", 1], ["a list", ["ok"]], ["another word", "OK"], ["an empty text", ""], ["half an answer", "no\n0"],
  ["no number", "no\nx\n0\n0\n"], ["a row that is none", "no\n0\n0\n0\nrow"], ["too much", "no\n0\n0\n0\n\n\n"], ["bytes that are none of its words", new Uint8Array([255])],
])) {
  test(`where Redis says ${what}, it is unavailable`, async () => {
    await assert.rejects(ask(over(async () => reply), calls.proof("a", NOW + MINUTE)), UNAVAILABLE);
  });
}

test("an error of Redis is not asked about again, and is told by its code alone", async () => {
  /** @type {string[]} */
  const lines = [];
  let asked = 0;
  const stores = over(async () => {
    asked += 1;
    throw new Error("OOM command not allowed, key secret-name");
  }, { log: (/** @type {string} */ line) => lines.push(line) });
  const fault = await ask(stores, calls.proof("a", NOW + MINUTE)).catch((error) => error);
  assert.deepEqual([fault.code, fault.message, asked], ["store.unavailable", "Redis cannot say: it said OOM", 1]);
  await assert.rejects(ask(stores, calls.proof("b", NOW + MINUTE)), UNAVAILABLE);
  assert.deepEqual(lines, ["countersign cannot ask Redis: it said OOM"], "one line a second");
});

test("nobody listens: unavailable, without the address", async () => {
  const lost = new Redis(await freePort(), "127.0.0.1", { maxRetriesPerRequest: 0, retryStrategy: () => null });
  lost.on("error", () => {});
  const fault = await ask(patient(lost), calls.proof("a", NOW + MINUTE)).catch((error) => error);
  assert.equal(fault.code, "store.unavailable");
  assert.doesNotMatch(`${fault.message} ${fault.cause}`, /127|ECONN/);
  lost.disconnect();
});

test("what takes too long is unavailable, and holds up nobody after it", async () => {
  let isSlow = true;
  const stores = over(async (_, pass) => (isSlow ? new Promise(() => {}) : pass()), { timeoutMillis: 10 });
  const slow = [ask(stores, calls.proof("a", NOW + MINUTE)), ask(stores, calls.proof("b", NOW + MINUTE))];
  for (const each of slow) await assert.rejects(each, { ...UNAVAILABLE, message: "Redis cannot say: it took too long" });
  isSlow = false;
  // The clock of this test is short: on a busy machine a call may be late by itself.
  let answer;
  for (let number = 0; answer === undefined; number += 1) {
    answer = await ask(stores, calls.proof(`c ${number}`, NOW + MINUTE)).catch(() => undefined);
  }
  assert.equal(answer, "new");
});

test("an answer that is lost is asked for again, and is the same", async () => {
  let isLost = true;
  const stores = over(async (_, pass) => {
    const reply = await pass();
    if (!isLost) return reply;
    isLost = false;
    throw new Error("Socket closed unexpectedly");
  });
  assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "new");
  isLost = true;
  assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "seen");
});

test("an answer that is lost is the same also where another process came in between", async () => {
  let isLost = true;
  const other = patient(client);
  const stores = over(async (_, pass) => {
    const reply = await pass();
    if (!isLost || reply !== "ok") return reply;
    isLost = false;
    assert.equal(await ask(other, calls.proof("b", NOW + MINUTE)), "new");
    assert.equal(await ask(other, calls.proof("a", NOW + MINUTE)), "seen");
    throw new Error("Socket closed unexpectedly");
  });
  assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "new");
  assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "seen");
});

test("a script that a client sends twice is done once", async () => {
  const stores = over(async (_, pass) => {
    await pass().catch(() => {});
    return pass();
  });
  assert.deepEqual(await ask(stores, calls.reserve("shop", 100, "r", 60)), { accepted: { left: 40 } });
  assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "new");
  assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "seen");
});

test("a lost budget answer takes nothing twice", async () => {
  let lost = 0;
  const stores = over(async (_, pass) => {
    const reply = await pass();
    if ((lost += 1) % 2) throw new Error("Connection is closed.");
    return reply;
  });
  assert.deepEqual(await ask(stores, calls.reserve("shop", 100, "r", 60)), { accepted: { left: 40 } });
});

test("rows that are gone before their time are not taken for none", async () => {
  const stores = patient(client);
  assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "new");
  await redis.command("DEL", key("rows"));
  await assert.rejects(ask(stores, calls.proof("a", NOW + MINUTE)), { message: "Redis cannot say: rows are missing that should be there" });
  await redis.command("DEL", key("ends"));
  await assert.rejects(ask(stores, calls.proof("a", NOW + MINUTE)), { message: "Redis cannot say: rows are missing that should be there" });
  // Once they would have ended they may be gone, and so may what they said.
  await redis.command("HSET", key("clock"), "gone", "1");
  assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "late");
  assert.equal(await ask(stores, calls.proof("b", NOW + MINUTE + 1)), "new");
});

test("a row that cannot be read, or a key of another type, is unavailable and stays as it is", async () => {
  const stores = patient(client);
  await ask(stores, calls.reserve("shop", 100, "r", 60));
  const field = (await redis.command("HKEYS", key("rows"))).find((/** @type {string} */ name) => name.startsWith("16:"));
  await redis.command("HSET", key("rows"), field, "not a row");
  await assert.rejects(ask(patient(client), calls.reserve("shop", 100, "s", 1)), UNAVAILABLE);
  assert.equal(await redis.command("HGET", key("rows"), field), "not a row");
  await redis.command("DEL", key("ends"));
  await redis.command("SET", key("ends"), "text");
  await assert.rejects(ask(patient(client), calls.observe()), UNAVAILABLE);
  assert.equal(await redis.command("HEXISTS", key("rows"), "6:"), 0);
});

test("a clock that is behind takes nothing for new that was removed", async () => {
  const [ahead, behind] = [patient(client), patient(client)];
  assert.equal(await ask(ahead, calls.proof("a", NOW + MINUTE)), "new");
  assert.equal(await ask(ahead, calls.proof("b", NOW + 9 * MINUTE), NOW + 2 * MINUTE), "new");
  assert.equal(await redis.command("HGET", key("rows"), "#1"), "1", "the first is removed");
  assert.equal(await ask(behind, calls.proof("a", NOW + MINUTE), NOW), "late");
  assert.equal(await ask(behind, calls.proof("b", NOW + 9 * MINUTE), NOW), "seen");
});

test("what has ended is removed while something is written, and the rest ends with Redis", async () => {
  const stores = patient(client);
  for (let number = 0; number < 40; number += 1) await ask(stores, calls.proof(`${number}`, NOW + MINUTE), NOW + number);
  for (let number = 0; number < 4; number += 1) await ask(stores, calls.proof(`late ${number}`, NOW + 3 * MINUTE), NOW + 2 * MINUTE);
  assert.equal(await redis.command("HGET", key("rows"), "#1"), "4");
  assert.equal(await redis.command("ZCARD", key("ends")), 4);
  const [rows, ends, clock] = await Promise.all(["rows", "ends", "clock"].map((what) => redis.command("PTTL", key(what))));
  const TEN_MINUTES = 10 * MINUTE;
  assert.ok(rows > TEN_MINUTES && rows <= TEN_MINUTES + MINUTE, `${rows}`);
  assert.ok(ends > TEN_MINUTES && ends <= TEN_MINUTES + MINUTE, `${ends}`);
  assert.ok(clock > 25 * 60 * MINUTE, `${clock}`);
});

test("money that is held or spent for good never ends", async () => {
  const stores = patient(client);
  await ask(stores, calls.reserve("shop", 100, "r", 60));
  const lives = () => Promise.all(["rows", "ends", "clock"].map((what) => redis.command("PTTL", key(what))));
  assert.deepEqual(await lives(), [-1, -1, -1]);
  assert.deepEqual(await ask(stores, calls.settle("shop", "r", { commit: null })), { committed: 60 });
  assert.deepEqual((await lives())[0], -1, "what a budget without a period has spent never ends");
  await redis.command("DEL", ...["rows", "ends", "clock"].map(key));
  assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "new");
  assert.ok((await lives()).every((life) => life > 0));
});

test("a subject that is full refuses, removes what has ended, and counts right", async () => {
  const stores = patient(client);
  const most = 10_000;
  const marks = async (/** @type {number} */ from, /** @type {number} */ now, /** @type {number} */ until, asked = stores) => {
    const refused = Array.from({ length: 16 }, (_, number) => ({ s: "bad_proofs", m: [calls.digest16(`mark ${from + number}`), until] }));
    return ask(asked, { observe: { r: refused } }, now);
  };
  await Promise.all(Array.from({ length: most / 16 }, (_, place) => marks(16 * place, NOW, NOW + MINUTE)));
  assert.equal(await redis.command("HGET", key("rows"), "#7"), String(most));
  // Another process, which does not know how many there are.
  await marks(most, NOW, NOW + 5 * MINUTE, patient(client));
  assert.equal(await redis.command("HGET", key("rows"), "#7"), String(most), "no more fit");
  await marks(most, NOW + 2 * MINUTE, NOW + 5 * MINUTE);
  const left = Number(await redis.command("HGET", key("rows"), "#7"));
  assert.ok(left >= 16 && left < most, `${left}`);
  assert.equal(left + 1, await redis.command("ZCARD", key("ends")), "and the risk itself");
});

test("a process that does not know how many proofs there are finds out before it adds one", async () => {
  assert.equal(await ask(patient(client), calls.proof("a", NOW + MINUTE)), "new");
  await redis.command("HSET", key("rows"), "#1", "200000");
  assert.equal(await ask(patient(client), calls.proof("b", NOW + MINUTE)), "full");
  assert.equal(await ask(patient(client), calls.proof("a", NOW + MINUTE)), "seen");
});

test("clients bring replies as they are set to: it is all the same", async () => {
  const { RESP_TYPES } = await import("redis");
  const clients = [
    await redis.nodeRedis({ RESP: 3 }),
    (await redis.nodeRedis()).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.SIMPLE_STRING]: Buffer }),
    redis.ioredis(),
    redis.ioredis({ keyPrefix: "app:" }),
    redis.ioredis({ enableAutoPipelining: true }),
  ];
  for (const [place, each] of clients.entries()) {
    const stores = patient(each, { prefix: `client-${place}:` });
    assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "new");
    assert.equal(await ask(stores, calls.proof("a", NOW + MINUTE)), "seen");
    await stores.documents.put("keys", "té\u{1f511}", 60);
    assert.equal(await stores.documents.get("keys"), "té\u{1f511}");
  }
  assert.equal(await redis.command("EXISTS", `app:client-3:{${subject}}:rows`), 1);
});

test("a cluster has all of a subject on one node", async (t) => {
  const own = await startRedis({ cluster: true });
  t.after(() => own.close());
  const nodes = createCluster({ rootNodes: [{ url: own.url }] });
  await nodes.connect();
  const other = new Cluster([{ host: "127.0.0.1", port: own.port }]);
  for (const each of [nodes, other]) each.on("error", () => {});
  t.after(() => (nodes.destroy(), other.disconnect()));
  const [first, second] = [patient(nodes), patient(other)];
  assert.equal(await ask(first, calls.proof("a", NOW + MINUTE)), "new");
  assert.equal(await ask(second, calls.proof("a", NOW + MINUTE)), "seen");
  await first.documents.put("d", "text", 60);
  assert.equal(await second.documents.get("d"), "text");
});

test("documents end, are bounded, and are nobody else's", async () => {
  const { documents } = patient(client, { prefix: "documents-test:" });
  assert.equal(await documents.get("none"), undefined);
  await documents.put("name", "first", 60);
  await documents.put("name", "second", 90.5);
  assert.equal(await documents.get("name"), "second");
  const life = await redis.command("PTTL", "documents-test:documents:name");
  assert.ok(life > 60_000 && life <= 90_500, `${life}`);
  assert.equal(await patient(client).documents.get("name"), undefined);
  const invalid = { code: "options.invalid" };
  for (const [text, ttl] of [["x", 0], ["x", -1], ["x", Number.NaN], ["x", 1e9], [7, 60], ["x".repeat(4 * 1024 * 1024 + 1), 60]]) {
    await assert.rejects(documents.put("name", /** @type {any} */ (text), /** @type {any} */ (ttl)), invalid);
  }
  await assert.rejects(documents.get("x".repeat(4_097)), invalid);
  await redis.command("SET", "documents-test:documents:long", "x".repeat(4 * 1024 * 1024 + 1));
  await assert.rejects(documents.get("long"), UNAVAILABLE);
  await redis.command("LPUSH", "documents-test:documents:list", "x");
  await assert.rejects(documents.get("list"), { message: "Redis cannot say: it said WRONGTYPE" });
});
