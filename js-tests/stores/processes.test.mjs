// Several processes and one Redis: what one of them lets through, all of them know.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as calls from "../lib/calls.mjs";
import { startRedis } from "../lib/redis.mjs";
import { startFour } from "../lib/state-process.mjs";

/** The clock stands still in these tests: nothing drains, and what passes can be counted. */
const NOW = 1_790_000_000_000;

/** @type {Awaited<ReturnType<typeof startRedis>>} */
let redis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.close());

/** What came of the only operation of each. @param {string[][]} replies */
const outcomes = (replies) => replies.flat().map((reply) => calls.answerOf(reply));

test("of many copies of a proof, sent to four processes at once, one is new", async (t) => {
  const processes = await startFour(redis, t);
  for (let round = 0; round < 150; round += 1) {
    // A key for many proofs, and each time another one.
    const subject = calls.subjectOf("key", `once ${round % 2 === 0 ? 0 : round}`);
    const copies = (/** @type {number} */ process) =>
      Array.from({ length: 4 }, (_, copy) => {
        const call = calls.callOf(`${round} ${process} ${copy}`, calls.proof(`${round}`, NOW + 60_000));
        return /** @type {const} */ ([subject, call, NOW]);
      });
    const found = outcomes(await Promise.all(processes.map((process, place) => process.ask(copies(place)))));
    assert.deepEqual(found.sort(), ["new", ...Array.from({ length: 15 }, () => "seen")], `round ${round}`);
  }
});

for (const lease of [0, 3]) {
  test(`a limit of 100 lets through ${lease ? "no more than 100, leases included" : "100 of 400"}`, async (t) => {
    const processes = await startFour(redis, t);
    const quota = /** @type {const} */ ([100, 100, 3_600_000]);
    const subject = calls.subjectOf("agent", `limit ${lease}`);
    const takes = (/** @type {number} */ process) =>
      Array.from({ length: 100 }, (_, number) => {
        const call = calls.callOf(`${process} ${number}`, calls.take("limit", quota, 1, lease));
        return /** @type {const} */ ([subject, call, NOW]);
      });
    const found = outcomes(await Promise.all(processes.map((process, place) => process.ask(takes(place)))));
    const granted = found.filter(({ granted }) => granted);
    // Where something is leased, what the request itself takes is part of it.
    const through = granted.reduce((sum, { granted: { l } }) => sum + l + 1, 0);
    if (lease === 0) assert.equal(through, 100);
    else assert.ok(through <= 100 && through > 60, `${through}`);
    assert.equal(found.filter(({ refused }) => refused).length, 400 - granted.length);
  });
}

test("1,000 reservations at once set aside what a budget has and no more; what is settled is spent, and the rest comes back", async (t) => {
  const processes = await startFour(redis, t);
  const subject = calls.subjectOf("budget", "1000");
  const [budget, amount] = [40_000, 100];
  const place = /** @param {number} process @param {number} number */ (process, number) => `${process} ${number}`;
  const each = (/** @type {(request: string) => object} */ op) =>
    Promise.all(
      processes.map((process, of) =>
        process.ask(Array.from({ length: 250 }, (_, number) => [subject, calls.callOf(place(of, number), op(place(of, number))), NOW])),
      ),
    );
  const reserved = await each((request) => calls.reserve("shop", budget, request, amount));
  const accepted = reserved.map((replies) => replies.map((reply) => calls.answerOf(reply).accepted !== undefined));
  assert.equal(accepted.flat().filter(Boolean).length, budget / amount);

  const isAccepted = (/** @type {string} */ request) => {
    const [process = 0, number = 0] = request.split(" ").map(Number);
    return accepted[process]?.[number] === true;
  };
  // Each settles what another process reserved.
  const settled = outcomes(await each((request) => {
    const other = `${(Number(request[0]) + 1) % 4} ${request.split(" ")[1]}`;
    return calls.settle("shop", other, !isAccepted(other) || Number(request.split(" ")[1]) % 2 ? "release" : { commit: 40 });
  }));
  const committed = settled.filter((answer) => answer.committed !== undefined).length;
  assert.ok(committed > 0);
  const [view] = (await processes[0]?.ask([[subject, calls.callOf("view", calls.show("shop", budget)), NOW]])) ?? [];
  const { reserved: still, held, remaining, committed: spent, open } = calls.answerOf(view ?? "");
  assert.deepEqual([still, held, open, spent, remaining], [0, 0, 0, 40 * committed, budget - 40 * committed]);
});

test("a process that is killed takes nothing with it: what it had set aside stays held, and the others go on", async (t) => {
  const processes = await startFour(redis, t);
  const subject = calls.subjectOf("budget", "killed");
  const [budget, amount] = [60_000, 100];
  const ask = (/** @type {number} */ of, length = 250) =>
    processes[of]?.ask(
      Array.from({ length }, (_, number) => {
        const request = `killed ${of} ${number}`;
        return /** @type {const} */ ([subject, calls.callOf(request, calls.reserve("shop", budget, request, amount)), NOW]);
      }),
    ) ?? [];
  const others = [ask(0), ask(1), ask(2)];
  const killed = ask(3, 2_000);
  // In the middle: once something is there.
  while ((await redis.command("EXISTS", `countersign:{${subject}}:rows`)) === 0) await new Promise(setImmediate);
  await processes[3]?.kill();
  assert.deepEqual(await killed, [], "it never answered");
  const found = outcomes(await Promise.all(others));
  const accepted = found.filter((answer) => answer.accepted).length;
  const [view] = (await processes[0]?.ask([[subject, calls.callOf("view", calls.show("shop", budget)), NOW]])) ?? [];
  const { reserved, remaining, open } = calls.answerOf(view ?? "");
  assert.equal(reserved + remaining, budget);
  assert.equal(reserved, open * amount);
  assert.ok(open >= accepted && open <= budget / amount, `${open} are set aside, of which ${accepted} were told`);
});

test("where the script is forgotten in the middle, it is sent again", async (t) => {
  const processes = await startFour(redis, t);
  const subject = calls.subjectOf("key", "flush");
  const rounds = Array.from({ length: 30 }, async (_, round) => {
    await redis.command("SCRIPT", "FLUSH", "SYNC");
    const call = (/** @type {number} */ of) => calls.callOf(`${round} ${of}`, calls.proof(`flush ${round}`, NOW + 60_000));
    return outcomes(await Promise.all(processes.map((process, of) => process.ask([[subject, call(of), NOW]]))));
  });
  for (const found of await Promise.all(rounds)) assert.deepEqual(found.sort(), ["new", "seen", "seen", "seen"]);
});

test("Redis is killed and started again: what it had answered it still knows, and nothing passes twice", async (t) => {
  const own = await startRedis({ persist: true });
  t.after(() => own.close());
  const processes = await startFour(own, t);
  const subject = calls.subjectOf("key", "restart");
  const round = async (/** @type {string} */ attempt) =>
    Promise.all(
      processes.map(async (process, of) => {
        const proofs = Array.from({ length: 100 }, (_, number) => {
          const call = calls.callOf(`${attempt} ${of} ${number}`, calls.proof(`restart ${number}`, NOW + 60_000));
          return /** @type {const} */ ([subject, call, NOW]);
        });
        return (await process.ask(proofs)).map((reply) => (reply === "" ? "unavailable" : calls.answerOf(reply)));
      }),
    );
  const first = round("first");
  while ((await own.command("EXISTS", `countersign:{${subject}}:rows`)) === 0) await new Promise(setImmediate);
  await own.kill();
  await own.restart();
  const [before, again] = [await first, await round("again")];
  for (let number = 0; number < 100; number += 1) {
    const told = [...before, ...again].map((answers) => answers[number]);
    assert.ok(told.filter((answer) => answer === "new").length <= 1, `proof ${number}: ${told}`);
  }
  assert.ok(again.flat().every((answer) => answer === "new" || answer === "seen"), "it answers again");
});
