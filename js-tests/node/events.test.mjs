// Events in-process: the caller is given what the Worker would deliver.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGate } from "countersign";

const API = "https://api.example";
const ISSUER = "https://auth.example";
const REFUSALS = "https://github.com/countersign/countersign/event-type/refusals";
const RISK_LEVEL_CHANGE = "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";
const SENT = 60;
const CONFIG = {
  origin: "http://127.0.0.1:9000",
  public_origins: [API],
  issuers: [{ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks.json`, audience: [API], algorithms: ["EdDSA"] }],
  routes: [{ match: "GET /orders", require: ["token"] }],
};
const MALFORMED = { method: "GET", url: `${API}/orders`, headers: [["authorization", "Bearer a.b.c"]] };

/** @typedef {import("countersign").SecurityEvent} SecurityEvent */

test("the caller is given what happened: levels at once, refusals as counts", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {SecurityEvent[]} */
  const events = [];
  const gate = createGate(CONFIG, { events: (event) => events.push(event), now: () => 1_790_000_000_000 });
  const decisions = [];
  for (let i = 0; i < SENT; i += 1) decisions.push(await gate.check(/** @type {any} */ (MALFORMED)));
  const codes = new Set(decisions.map(({ code }) => code));
  assert.deepEqual([...codes], ["token.malformed"]);

  assert.ok(events.length >= 1 && events.length <= 2, "medium, and high");
  for (const { events: told, txn } of events) {
    assert.deepEqual(Object.keys(told), [RISK_LEVEL_CHANGE]);
    assert.ok(decisions.some(({ id }) => id === txn));
  }

  const levels = events.splice(0).length;
  t.mock.timers.tick(9_999);
  assert.equal(events.length, 0);
  t.mock.timers.tick(1);
  assert.equal(events.length, 1, `${SENT} refusals are one event, besides ${levels} levels`);
  const [{ iss, aud, iat, jti, txn, sub_id, events: told }] = /** @type {[SecurityEvent]} */ (events);
  assert.deepEqual([iss, aud, iat], [API, CONFIG.origin, 1_790_000_000]);
  assert.deepEqual([txn, sub_id], [decisions[0]?.id, { format: "opaque", id: "unidentified" }]);
  assert.match(jti, /^[A-Za-z0-9_-]{22}$/);
  assert.deepEqual([told[REFUSALS]?.count, told[REFUSALS]?.reason], [SENT, "token.malformed"]);

  t.mock.timers.tick(60_000);
  assert.equal(events.length, 1, "nothing is told twice");
});

test("a taker that throws is a line of the log, and no request notices", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {string[]} */
  const lines = [];
  const events = () => {
    throw new Error("full");
  };
  const gate = createGate(CONFIG, { events, log: (line) => lines.push(line) });
  const { code } = await gate.check(/** @type {any} */ (MALFORMED));
  t.mock.timers.tick(10_000);
  assert.equal(code, "token.malformed");
  assert.deepEqual(lines, ["the taker of events failed: Error: full"]);
});

test("what cannot even be read is counted, too", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {SecurityEvent[]} */
  const events = [];
  const gate = createGate(CONFIG, { events: (event) => events.push(event) });
  const { code } = await gate.check({ method: "GET", url: `${API}/${"x".repeat(20_000)}`, headers: [] });
  t.mock.timers.tick(10_000);
  assert.deepEqual(events.map(({ events: told }) => told[REFUSALS]?.reason), [code]);
});
