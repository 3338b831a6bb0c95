// What is told to callbacks that fail: a rejection goes where a throw goes, and ends no process.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createGate } from "countersign";
import { redisStores } from "countersign/redis";
import { HOSTS } from "./hosts.mjs";

const API = "https://api.example";
const CONFIG = { origin: "http://127.0.0.1:9000", public_origins: [API], routes: [{ match: "GET /", require: [] }, { match: "GET /token", require: ["token"] }] };
const ISSUERS = [{ issuer: "https://auth.example", jwks_uri: "https://auth.example/jwks.json", audience: [API], algorithms: ["EdDSA"] }];
const MALFORMED = { method: "GET", url: `${API}/token`, headers: { authorization: "Bearer a.b.c" } };

const FORWARDED = { "x-forwarded-host": "api.example", "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.1" };

/** @type {unknown[]} */
const unhandled = [];
const note = (/** @type {unknown} */ reason) => void unhandled.push(reason);
before(() => void process.on("unhandledRejection", note));
after(() => void process.off("unhandledRejection", note));

/** Rejections that are nobody's are told after the microtasks of a turn. */
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(() => resolve(undefined))));

const fails = async () => {
  throw new Error("full");
};
const throws = () => {
  throw new Error("full");
};

/** A gate whose word nobody takes after the response. */
function unsettled() {
  const gate = createGate({ ...CONFIG, issuers: ISSUERS });
  return {
    publicOrigins: gate.publicOrigins,
    maxBodyBytes: gate.maxBodyBytes,
    hasCors: gate.hasCors,
    check: gate.check.bind(gate),
    serve: gate.serve.bind(gate),
    settle: async () => {
      throw new Error("no money");
    },
  };
}

for (const [name, start] of Object.entries(HOSTS)) {
  for (const onDecision of [throws, fails]) {
    test(`${name}: no request goes on whose onDecision ${onDecision === fails ? "rejects" : "throws"}`, async () => {
      let handled = 0;
      const server = await start(createGate({ ...CONFIG, issuers: ISSUERS }), () => ({ body: String((handled += 1)) }), { onDecision, onError: () => {}, trustProxy: 1 });
      try {
        const answer = await fetch(server.url, { headers: FORWARDED });
        assert.deepEqual([answer.status, handled], [500, 0]);
      } finally {
        await server.close();
      }
      await turn();
      assert.deepEqual(unhandled, []);
    });

    test(`${name}: an onError that ${onDecision === fails ? "rejects" : "throws"} is the console's`, async (t) => {
      const consoled = new Promise((resolve) => t.mock.method(console, "error", resolve));
      const gate = unsettled();
      const server = await start({ ...gate, publicOrigins: [API] }, () => ({ body: "ok" }), { onError: onDecision, trustProxy: 1 });
      try {
        const answer = await fetch(server.url, { headers: FORWARDED });
        assert.equal(answer.status, 200);
        assert.match(String(await consoled), /no money/);
      } finally {
        await server.close();
      }
      await turn();
      assert.deepEqual(unhandled, []);
    });
  }
}

test("a taker of events that rejects is a line of the log", async () => {
  /** @type {string[]} */
  const lines = [];
  const gate = createGate({ ...CONFIG, issuers: ISSUERS }, { events: fails, log: (line) => lines.push(line) });
  for (let i = 0; i < 60; i += 1) assert.equal((await gate.check(MALFORMED)).code, "token.malformed");
  await turn();
  assert.ok(lines.length >= 1);
  assert.deepEqual([...new Set(lines)], ["the taker of events failed: Error: full"]);
  assert.deepEqual(unhandled, []);
});

for (const log of [throws, fails]) {
  test(`a log that ${log === fails ? "rejects" : "throws"} changes no decision`, async () => {
    const gate = createGate({ ...CONFIG, issuers: ISSUERS }, { events: fails, log });
    for (let i = 0; i < 60; i += 1) assert.equal((await gate.check(MALFORMED)).code, "token.malformed");
    const stores = redisStores({ send: fails }, { log });
    await assert.rejects(stores.state("replay:AAAAAAAAAAAAAAAAAAAAAA", "{}", 1_790_000_000_000), { code: "store.unavailable" });
    await turn();
    assert.deepEqual(unhandled, []);
  });
}
