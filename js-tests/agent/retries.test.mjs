// `Retry-After`: waited for once, where nothing was done yet, and not for longer than was said.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAgent, generateKey } from "countersign/agent";
import { internet, reply } from "../lib/internet.mjs";

const key = await generateKey();
const API = "https://api.shop.example";
/** Sunday, 6 November 1994, 08:49:07 GMT. */
const NOW = Date.UTC(1994, 10, 6, 8, 49, 7);

/** @param {any} answer @param {object} [options] */
function world(answer, options = {}) {
  /** @type {number[]} */
  const waited = [];
  const net = internet(answer);
  const pause = async (/** @type {number} */ time) => void waited.push(time);
  return { ...net, waited, agent: createAgent({ key, fetch: net.fetch, pause, now: () => NOW, ...options }) };
}

/** @param {number} status @param {string} [after] */
const once = (status, after) => (/** @type {unknown} */ _, /** @type {number} */ index) =>
  index === 0 ? reply(status, after === undefined ? {} : { "retry-after": after }) : reply(200);

for (const [what, status, after, init, options] of /** @type {[string, number, string | undefined, RequestInit?, object?][]} */ ([
  ["429 that does not say when", 429, undefined],
  ["429 that asks for longer", 429, "31"],
  ["429 until a date that is longer away", 429, "Sun, 06 Nov 1994 08:49:38 GMT"],
  ["429 with half a second", 429, "0.5"],
  ["429 with a negative time", 429, "-1"],
  ["429 with a date of another time zone", 429, "Sun, 06 Nov 1994 08:49:17 CET"],
  ["429 with a date that is none", 429, "Sun, 31 Feb 1994 08:49:17 GMT"],
  ["429 with two times", 429, "1, 2"],
  ["429 where nobody wants to wait", 429, "1", {}, { retry: false }],
  ["429 that asks for longer than is said", 429, "6", {}, { retry: { maxDelay: 5 } }],
  ["503 after a POST, which may have been done", 503, "1", { method: "POST", body: "x" }],
  ["500", 500, "1"],
])) {
  test(`${what} is the caller's`, async () => {
    const { agent, sent, waited } = world(once(status, after), options);
    assert.equal((await agent.fetch(API, init)).status, status);
    assert.deepEqual([sent.length, waited], [1, []]);
  });
}

test("a stream that was sent is not sent again", async () => {
  const { agent, sent } = world(once(429, "1"), { streams: "unsigned" });
  const response = await agent.fetch(API, { method: "POST", body: new Blob(["x"]).stream() });
  assert.deepEqual([response.status, sent.length], [429, 1]);
});

for (const [after, milliseconds] of /** @type {[string, number][]} */ ([
  ["0", 0],
  ["10", 10_000],
  ["30", 30_000],
  ["Sun, 06 Nov 1994 08:49:37 GMT", 30_000],
  ["Sunday, 06-Nov-94 08:49:37 GMT", 30_000],
  ["Sun Nov  6 08:49:37 1994", 30_000],
  ["Sun, 06 Nov 1994 08:49:07 GMT", 0],
  ["Sat, 05 Nov 1994 08:49:07 GMT", 0],
])) {
  test(`Retry-After: ${after} is waited for`, async () => {
    const { agent, waited, sent } = world(once(429, after));
    assert.equal((await agent.fetch(API, { method: "POST", body: "x" })).status, 200);
    assert.deepEqual([waited, sent.map(({ body }) => body)], [[milliseconds], ["x", "x"]]);
    assert.notEqual(sent[0]?.headers.get("signature-input"), sent[1]?.headers.get("signature-input"), "another nonce");
  });
}

test("503 is waited for where repeating does no harm", async () => {
  for (const method of ["GET", "HEAD", "OPTIONS"]) {
    const { agent, sent } = world(once(503, "1"));
    assert.equal((await agent.fetch(API, { method })).status, 200);
    assert.equal(sent.length, 2);
  }
});

test("redirects do not make a call wait for longer than twice what is said", async () => {
  const answer = (/** @type {unknown} */ _, /** @type {number} */ index) => (index % 2 === 0 ? reply(429, { "retry-after": "30" }) : reply(302, { location: `/${index}` }));
  for (const [options, expected] of /** @type {[object, number[]][]} */ ([[{}, [30_000, 30_000]], [{ retry: { maxDelay: 40 } }, [30_000, 30_000]]])) {
    const { agent, waited } = world(answer, options);
    assert.equal((await agent.fetch(API)).status, 429);
    assert.deepEqual(waited, expected);
  }
});

test("a server is waited for once", async () => {
  const { agent, sent } = world(() => reply(429, { "retry-after": "1" }));
  assert.equal((await agent.fetch(API)).status, 429);
  assert.equal(sent.length, 2);
});
