// `AbortSignal`: wherever the agent is, it stops, with the signal's own reason, and leaves nothing behind.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createAgent, generateKey } from "countersign/agent";
import { internet, reply } from "../lib/internet.mjs";
import { startWire } from "../lib/wire.mjs";

const key = await generateKey();
const API = "https://api.shop.example";
const never = () => new Promise(() => {});

/** @type {unknown[]} */
const unhandled = [];
const note = (/** @type {unknown} */ reason) => void unhandled.push(reason);
before(() => process.on("unhandledRejection", note));
after(() => process.off("unhandledRejection", note));

/** Aborts while `until` says that the agent is where it should be. @param {(reached: () => void) => object} options @param {RequestInit} [init] @param {any} [answer] */
async function aborted(options, init = {}, answer = () => reply(200)) {
  const controller = new AbortController();
  const reason = new Error("enough");
  let reached = () => {};
  const there = new Promise((resolve) => (reached = () => resolve(undefined)));
  const net = internet(answer);
  const agent = createAgent({ key, fetch: net.fetch, ...options(reached) });
  const fetched = agent.fetch(API, { ...init, signal: controller.signal });
  const outcome = assert.rejects(fetched, (thrown) => thrown === reason);
  await there;
  controller.abort(reason);
  await outcome;
  return net.sent.length;
}

test("an agent that has not begun does not begin", async () => {
  const net = internet(() => reply(200));
  const agent = createAgent({ key: { ...key, algorithm: key.algorithm, publicJwk: key.publicJwk, thumbprint: key.thumbprint, sign: () => assert.fail("it signs") }, fetch: net.fetch });
  const reason = new Error("enough");
  await assert.rejects(agent.fetch(API, { signal: AbortSignal.abort(reason) }), (thrown) => thrown === reason);
  await assert.rejects(agent.fetch(new Request(API, { signal: AbortSignal.abort(reason) })), (thrown) => thrown === reason);
  assert.equal(net.sent.length, 0);
});

test("the signal of init takes the place of the request's, also where it is null", async () => {
  const net = internet(() => reply(200));
  const request = new Request(API, { signal: AbortSignal.abort() });
  assert.equal((await createAgent({ key, fetch: net.fetch }).fetch(request, { signal: null })).status, 200);
});

test("while a key is asked for a signature", async () => {
  const slow = (/** @type {() => void} */ reached) => ({
    key: { algorithm: key.algorithm, publicJwk: key.publicJwk, thumbprint: key.thumbprint, sign: () => (reached(), never()) },
  });
  assert.equal(await aborted(slow), 0);
});

test("while somebody is asked for a token, whose answer may fail later", async () => {
  let fail = () => {};
  const asked = await aborted((reached) => ({
    token: () => (reached(), new Promise((_, reject) => (fail = () => reject(new Error("late"))))),
    tokenOrigins: [API],
  }));
  fail();
  assert.equal(asked, 0);
});

test("while a stream is read, which is cancelled", async () => {
  let cancelled = false;
  /** @type {ReadableStream<Uint8Array>} */
  let body;
  await aborted(
    (reached) => {
      body = new ReadableStream({ pull: () => (reached(), /** @type {Promise<void>} */ (never())), cancel: () => void (cancelled = true) }, { highWaterMark: 0 });
      return { fetch: async () => assert.fail("nothing is sent") };
    },
    { method: "POST", get body() { return body; } },
  );
  assert.ok(cancelled);
});

test("while it waits, with the timer that it has by itself", async () => {
  const sent = await aborted(
    (reached) => ({ onExchange: reached }),
    {},
    () => reply(429, { "retry-after": "30" }),
  );
  assert.equal(sent, 1);
});

test("while the answer is on its way", async () => {
  let reached = () => {};
  const there = new Promise((resolve) => (reached = () => resolve(undefined)));
  const wire = await startWire(() => (reached(), /** @type {Promise<void>} */ (never())));
  try {
    const controller = new AbortController();
    const fetched = createAgent({ key }).fetch(wire.url, { signal: controller.signal });
    const outcome = assert.rejects(fetched, { name: "AbortError" });
    await there;
    controller.abort();
    await outcome;
  } finally {
    await wire.close();
  }
});

test("nothing that was given up is an unhandled rejection", async () => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(unhandled, []);
});

test("the timer that it waits with is no more", async () => {
  const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  await aborted((reached) => ({ onExchange: reached }), {}, () => reply(429, { "retry-after": "30" }));
  assert.equal(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length, before);
});

test("while a stream gives nothing, over and over, without ever waiting", async () => {
  let isCancelled = false;
  let chunks = 0;
  const give = (/** @type {ReadableStreamDefaultController} */ to) => ((chunks += 1) < 1e6 ? to.enqueue(new Uint8Array()) : to.error(new Error("nobody stops")));
  const body = new ReadableStream({ pull: give, cancel: () => void (isCancelled = true) });
  const controller = new AbortController();
  const reason = new Error("enough");
  // A timer: it has its turn only if the agent leaves it one.
  setTimeout(() => controller.abort(reason), 0);
  const fetched = createAgent({ key, fetch: async () => reply(200) }).fetch(API, { method: "POST", body, signal: controller.signal });
  await assert.rejects(fetched, (thrown) => thrown === reason);
  assert.ok(isCancelled);
});
