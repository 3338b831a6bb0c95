// Calls through Redis come to what they would in one process, in the order in which Redis took them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { memoryStores } from "countersign";
import { redisStores } from "countersign/redis";
import * as calls from "../lib/calls.mjs";
import { randomOf } from "../lib/random.mjs";
import { startRedis } from "../lib/redis.mjs";

const START = 1_790_000_000_000;
const QUOTA = /** @type {const} */ ([40, 10, 10_000]);

/** @type {Awaited<ReturnType<typeof startRedis>>} */
let redis;
/** @type {any} */
let client;
before(async () => {
  redis = await startRedis();
  client = await redis.nodeRedis();
});
after(() => redis.close());

/**
 * One process, as Redis sees it: it believes what it has seen itself. All of them have one connection, over which Redis
 * answers in the order in which it did what it was asked.
 *
 * @param {() => number} nextPlace
 * @param {ReturnType<typeof randomOf>} random
 */
function processOf(nextPlace, random) {
  const self = { place: 0, stores: redisStores({ send }, { prefix: "order:", timeoutMillis: 30_000 }) };
  /** @param {string[]} args */
  async function send(args) {
    for (let ticks = random.below(20); ticks > 0; ticks -= 1) await new Promise(setImmediate);
    const reply = await client.sendCommand(args);
    self.place = nextPlace();
    return reply;
  }
  return self;
}

/** @param {ReturnType<typeof randomOf>} random @param {number} now @param {string} request */
function callOf(random, now, request) {
  const name = String(random.below(6));
  const old = `r${random.below(120)}`;
  const ops = {
    proof: () => calls.proof(name + random.below(9), now + 1 + random.below(20_000)),
    late: () => calls.proof(name, now - random.below(2)),
    take: () => calls.take(name, QUOTA, 1 + random.below(3), random.below(4)),
    give: () => calls.give(name, QUOTA, old, random.below(3)),
    reserve: () => calls.reserve("shop", 400, request, 1 + random.below(30)),
    again: () => calls.reserve("shop", 400, old, 1 + random.below(3)),
    settle: () => calls.settle("shop", old, random.one(["release", "hold", { commit: null }, { commit: 3 }])),
    reconcile: () => calls.reconcile("shop", old, random.one(["all", "nothing", { amount: 2 }])),
    show: () => calls.show("shop", 400),
    observe: () => calls.observe(),
  };
  const kinds = /** @type {(keyof typeof ops)[]} */ (Object.keys(ops));
  return calls.callOf(request, ...Array.from({ length: 1 + random.below(3) }, () => ops[random.one(kinds)]()));
}

for (const concurrent of [1, 5]) {
  test(`calls of 6 processes, ${concurrent} at a time each, come to what they do one after another`, async (t) => {
    const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
    t.diagnostic(`SEED=${seed}`);
    const random = randomOf(seed);
    let places = 0;
    const processes = Array.from({ length: 6 }, () => processOf(() => (places += 1), random));
    const memory = memoryStores();
    const subject = calls.subjectOf("agent", `order ${concurrent}`);
    let now = START;
    let request = 0;
    let conflicts = 0;
    const outcomes = new Set();
    for (let round = 0; round < 60; round += 1) {
      now += random.below(4_000);
      const before = places;
      /** @type {{place: number, call: string, reply: string}[]} */
      const answered = [];
      const asked = processes.flatMap((self) =>
        Array.from({ length: concurrent }, async () => {
          const call = callOf(random, now, `r${(request += 1)}`);
          const reply = await self.stores.state(subject, call, now);
          answered.push({ place: self.place, call, reply });
        }),
      );
      await Promise.all(asked);
      conflicts += places - before - processes.length;
      // Those that went together are answered in their order.
      answered.sort((a, b) => a.place - b.place);
      for (const { call, reply } of answered) {
        assert.equal(reply, await memory.state?.(subject, call, now), `round ${round}: ${call}`);
        for (const answer of calls.answersOf(reply)) outcomes.add(JSON.stringify(answer).replaceAll(/[^a-z_:{"]|"[a-z]":.*/g, ""));
      }
    }
    assert.ok(conflicts > 60, "processes came in between each other");
    t.diagnostic(`${outcomes.size} kinds of outcomes`);
    assert.ok(outcomes.size > 15, [...outcomes].join(" "));
    // What is there in the end is the same, too.
    const view = calls.callOf("last", calls.show("shop", 400), calls.take("0", QUOTA, 1_000));
    const [last] = await Promise.all(processes.slice(0, 1).map(({ stores }) => stores.state(subject, view, now)));
    assert.equal(last, await memory.state?.(subject, view, now));
  });
}
