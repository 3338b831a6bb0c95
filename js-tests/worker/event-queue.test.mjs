// Events in a queue: what the consumer says to the platform of each message, and the way through Miniflare's own queue.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeJwt } from "jose";
import { jti, kept, keptIds, keptRefusals, MANY, misbehave, refusalsOf, until, withWorld } from "../lib/event-world.mjs";
import { EVENTS_QUEUE } from "../lib/gate.mjs";

/** @typedef {import("../lib/world.mjs").World} World */

let made = 0;
/** A message as the gate writes it, so many seconds ago. */
function message(age = 0) {
  made += 1;
  const jti = `event-${made}`;
  const body = JSON.stringify({ since: Date.now() - age * 1000, events: [{ iss: "https://api.example", jti, events: {} }] });
  return { id: `message-${made}`, timestamp: new Date(), attempts: 1, body, jti };
}

/**
 * Brings a batch, as the platform does. Says which messages were acknowledged, and the delays of those that were not.
 *
 * @param {World} world @param {{id: string, body: any}[]} messages
 */
async function bring({ gate }, messages, queue = EVENTS_QUEUE) {
  const result = await (await gate.worker()).queue(queue, messages);
  assert.equal(result.outcome, "ok");
  const delays = Object.fromEntries(result.retryMessages.map((/** @type {any} */ retry) => [retry.msgId, retry.delaySeconds]));
  return { acknowledged: new Set(result.explicitAcks), delays, retriesAll: result.retryBatch.retry };
}

test("a message is acknowledged when its event was accepted, and never before", () =>
  withWorld({ gate: { queues: true } }, async (world) => {
    const { origin } = world;
    const messages = [message(), message()];
    const taken = await bring(world, messages);
    assert.deepEqual([...taken.acknowledged], messages.map(({ id }) => id));
    assert.deepEqual(origin.events.map(jti), messages.map(({ jti }) => jti));

    for (const answer of [{ status: 500 }, { status: 200, body: "<html>" }, { status: 400, body: "garbage" }, { status: 401 }, { status: 307, headers: { Location: "/x" } }]) {
      origin.answersEvents = answer;
      // Ten minutes of which the origin has been down, and one that has just come.
      const [old, fresh] = [message(600), message()];
      const { acknowledged, delays } = await bring(world, [old, fresh]);
      assert.equal(acknowledged.size, 0, JSON.stringify(answer));
      assert.ok(delays[old.id] >= 600 && delays[old.id] < 3600, `waits ${delays[old.id]} s`);
      assert.equal(delays[fresh.id], 10);
    }
    assert.equal(origin.events.length, 2);
    assert.deepEqual(await kept(world.gate, "dead:"), []);
  }));

test("an origin that is down is not asked for each message of a batch", () =>
  withWorld({ gate: { queues: true } }, async (world) => {
    world.origin.answersEvents = { status: 503 };
    const messages = Array.from({ length: 20 }, () => message());
    const { acknowledged, delays } = await bring(world, messages);
    assert.deepEqual([acknowledged.size, Object.keys(delays).length], [0, 20]);
    assert.equal(world.origin.tried.length, 3);
  }));

test("what will never be accepted, cannot be read or is given up becomes a dead letter", () =>
  withWorld({ gate: { queues: true } }, async (world) => {
    const { gate, origin } = world;
    origin.answersEvents = { status: 400, body: '{"err":"invalid_request"}' };
    const refused = message();
    assert.deepEqual([...(await bring(world, [refused])).acknowledged], [refused.id]);
    assert.deepEqual(await keptIds(gate, "dead:"), [refused.jti]);

    // Not the gate's: the platform gives up on it in the end.
    const strange = { id: "strange", timestamp: new Date(), attempts: 1, body: "who knows" };
    assert.deepEqual(Object.keys((await bring(world, [strange])).delays), ["strange"]);
    const givenUp = message();
    const buried = await bring(world, [givenUp, strange], `${EVENTS_QUEUE}-dead-letters`);
    assert.deepEqual([...buried.acknowledged], [givenUp.id, "strange"]);
    const kv = await gate.kv();
    assert.equal(await kv.get("dead:strange"), "who knows");
    await kv.delete("dead:strange");
    assert.deepEqual(await keptIds(gate, "dead:"), [refused.jti, givenUp.jti].sort());
    assert.equal((await bring(world, [message()], "somebody-elses")).retriesAll, true, "no message of a queue that is not known is dropped");
  }));

test("what a queue might forget goes on from KV", () =>
  withWorld({ gate: { queues: true } }, async (world) => {
    world.origin.answersEvents = { status: 500 };
    const old = message(13 * 3600);
    assert.deepEqual([...(await bring(world, [old])).acknowledged], [old.id]);
    assert.deepEqual(await keptIds(world.gate, "outbox:"), [old.jti]);
  }));

test("events go through the queue, and one that was not taken comes again under its id", () =>
  withWorld({ gate: { queues: true } }, async (world) => {
    const { origin, gate } = world;
    origin.failEvents = 1;
    await misbehave(world);
    await until(() => refusalsOf(origin.events.map((event) => decodeJwt(event))) === MANY && origin.tried.length > origin.events.length, "all events");
    const failed = jti(origin.tried[0]);
    await until(() => origin.events.map(jti).includes(failed), "the one that failed");
    assert.equal(new Set(origin.tried.map(jti)).size, origin.events.length);
    assert.deepEqual([...(await kept(gate, "outbox:")), ...(await kept(gate, "dead:"))], []);
  }));

test("events that the queue does not take go by KV", async () => {
  let log = "";
  await withWorld({ gate: { queues: true, faults: { queue: "fails" }, log: (line) => (log += line) } }, async (world) => {
    world.origin.answersEvents = { status: 500 };
    await misbehave(world);
    await until(async () => (await keptRefusals(world.gate, "outbox:")) === MANY, "events in KV");
    assert.match(log, /cannot send events to the queue/);
  });
});
