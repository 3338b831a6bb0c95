// Security events (RFC 8417): what the origin receives, and how little a flood makes of it.
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { test } from "node:test";
import { compactVerify, createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { FORBIDDEN, MANY, misbehave, REFUSALS, refusalsOf, until, withWorld as withOptions } from "../lib/event-world.mjs";
import { makeKey } from "../lib/keys.mjs";
import { send } from "../lib/net.mjs";
import { judge, make } from "../lib/recipe.mjs";

const RISK_LEVEL_CHANGE = "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";
/** The requests of a flood, and how many are on their way at once. */
const FLOOD = 5_000;
const AT_ONCE = 25;
/** A bound for an event that never comes, not a measure of how soon it should. */
const PATIENCE = 20_000;

/** @param {(world: import("../lib/world.mjs").World) => Promise<void>} body */
const withWorld = (body) => withOptions({}, body);

/** @param {import("../lib/world.mjs").World} world */
async function firstEvent({ origin }, wanted = (/** @type {string} */ _event) => true) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const event = origin.events.find(wanted);
    if (event) return event;
    if (Date.now() > end) throw new Error(`no such event after ${origin.eventAttempts} attempts`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** @param {string} event */
const subject = (event) => /** @type {{id?: string, uri?: string}} */ (decodeJwt(event).sub_id);
/** @param {import("../lib/world.mjs").World} world */
const told = ({ origin }) => origin.events.map((event) => /** @type {any} */ (decodeJwt(event)));

test("an agent that keeps being refused raises its risk level", () =>
  withWorld(async (world) => {
    for (let i = 0; i < MANY; i += 1) {
      assert.equal((await judge(await make(world, FORBIDDEN))).code, "policy.scope_missing");
    }
    const event = await firstEvent(world, (event) => RISK_LEVEL_CHANGE in /** @type {object} */ (decodeJwt(event).events));
    const { protectedHeader } = await compactVerify(event, world.gate.signing.publicKey);
    assert.equal(protectedHeader.typ, "secevent+jwt");
    const claims = decodeJwt(event);
    assert.equal(claims.iss, world.url);
    assert.equal(claims.exp, undefined, "an event does not expire (RFC 8417 §2.2)");
    assert.equal(claims.sub, undefined);
    assert.ok(claims.jti && claims.iat && claims.sub_id);
    const events = /** @type {Record<string, any>} */ (claims.events);
    assert.deepEqual(Object.keys(events), [RISK_LEVEL_CHANGE]);
    assert.match(events[RISK_LEVEL_CHANGE].current_level, /^(MEDIUM|HIGH)$/);
  }));

test("one who proves nothing cannot raise the risk of an agent", () =>
  withWorld(async (world) => {
    const forged = { path: "/api/v1/catalogue", signature: { key: world.stranger.EdDSA } };
    for (let i = 0; i < MANY; i += 1) await judge(await make(world, forged));
    const unidentified = await firstEvent(world);
    assert.deepEqual(subject(unidentified), { format: "opaque", id: "unidentified" });
    // What is about the agent must have been caused by its own requests, though the forged ones were earlier.
    const decisions = [];
    for (let i = 0; i < MANY; i += 1) {
      const { answer } = await judge(await make(world, FORBIDDEN));
      decisions.push(answer.headers["countersign-decision"]);
    }
    const about = await firstEvent(world, (event) => subject(event).id !== "unidentified");
    const { txn } = decodeJwt(about);
    assert.ok(decisions.includes(String(txn)), `${txn} is none of the decisions on the proven agent`);
  }));

test("refusals are told as counts, under who was proven to have caused them", () =>
  withWorld(async (world) => {
    const forged = { path: "/api/v1/catalogue", signature: { key: world.stranger.EdDSA } };
    const codes = new Set();
    for (let i = 0; i < 7; i += 1) codes.add((await judge(await make(world, forged))).code);
    await misbehave(world);
    await until(() => refusalsOf(told(world)) === 7 + MANY, "all refusals");
    const counts = told(world).filter(({ events }) => REFUSALS in events);
    for (const { sub_id, events, txn, jti } of counts) {
      const { reason, count } = events[REFUSALS];
      assert.ok(txn && jti && count >= 1);
      if (reason === "policy.scope_missing") assert.equal(sub_id.format, "uri", "who was proven");
      else assert.deepEqual([codes.has(reason), sub_id.id], [true, "unidentified"]);
    }
    // One for each subject and reason, and each minute and ten seconds that it took.
    assert.ok(counts.length <= 8, `${counts.length} events of ${7 + MANY} refusals`);
  }));

for (const queues of [false, true]) {
  test(`a flood of ${FLOOD} forged requests is a few events, and a few writes ${queues ? "to the queue" : "to KV"}`, (t) =>
    withOptions({ gate: { queues, faults: {} } }, async (world) => {
      const forged = await make(world, { path: "/api/v1/catalogue", signature: { key: world.stranger.EdDSA } });
      const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
      const started = Date.now();
      let left = FLOOD;
      const sender = async () => {
        while (left > 0) {
          left -= 1;
          assert.ok((await send(forged, agent)).status >= 400);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, sender));
      agent.destroy();
      await until(() => refusalsOf(told(world)) === FLOOD, "every refusal to be counted");
      // Counts are told every ten seconds; a minute may end between two of them. Levels change now and then.
      const times = Math.ceil((Date.now() - started) / 10_000) + 1;
      const most = 4 * times + 4;
      const counts = /** @type {any} */ (await (await fetch(`${world.url}/__counts`)).json());
      t.diagnostic(`${world.origin.events.length} events; ${JSON.stringify(counts)}`);
      assert.ok(world.origin.events.length <= most, `${world.origin.events.length} events`);
      assert.ok(counts.messages <= most, `${counts.messages} messages`);
      // Besides those of events, the writes of key sets.
      assert.ok(counts.kvWrites <= most + 4, `${counts.kvWrites} writes`);
      assert.ok(counts.messages > 0 === queues);
    }));
}

test("events are signed with RS256 where that is wanted, and come as CloudEvents", async () => {
  const rsa = await makeKey("RS256");
  const options = {
    events: { format: "cloudevents", algorithm: "RS256" },
    secrets: { GATE_EVENTS_KEY: JSON.stringify({ keys: [rsa.privateJwk] }) },
  };
  await withOptions(options, async (world) => {
    await misbehave(world);
    await until(() => refusalsOf(told(world)) === MANY, "all events");
    const jwks = /** @type {any} */ (await (await fetch(`${world.url}/.well-known/countersign/jwks.json`)).json());
    assert.deepEqual(jwks.keys.map((/** @type {any} */ { alg }) => alg), ["EdDSA", "RS256"]);
    assert.ok(jwks.keys.every((/** @type {any} */ key) => key.d === undefined && key.p === undefined && key.kid));
    for (const envelope of world.origin.envelopes) {
      const { protectedHeader, payload } = await jwtVerify(envelope.data, createLocalJWKSet(jwks), { typ: "secevent+jwt" });
      assert.deepEqual([protectedHeader.alg, protectedHeader.kid], ["RS256", rsa.kid]);
      const [type] = Object.keys(/** @type {object} */ (payload.events));
      assert.deepEqual(
        [envelope.specversion, envelope.id, envelope.source, envelope.type, envelope.datacontenttype],
        ["1.0", payload.jti, payload.iss, type, "application/secevent+jwt"],
      );
      assert.equal(Date.parse(envelope.time) / 1000, payload.iat);
    }
    assert.equal(world.origin.envelopes.length, world.origin.events.length);
  });
});

test("a gate that has no key for its events does not start", async () => {
  const ed25519 = await makeKey("EdDSA");
  for (const [events, key, fault] of [
    [{ algorithm: "RS256" }, undefined, /GATE_SIGNING_KEY: has no RSA key/],
    [{ algorithm: "RS256" }, ed25519.privateJwk, /GATE_EVENTS_KEY: has no RSA key/],
    [{}, (await makeKey("RS256")).privateJwk, /GATE_EVENTS_KEY: has no Ed25519 key/],
    [{}, { kty: "EC" }, /GATE_EVENTS_KEY: holds something else/],
    [{}, [], /GATE_EVENTS_KEY: has no key/],
  ]) {
    let log = "";
    const secrets = key && { GATE_EVENTS_KEY: JSON.stringify(key) };
    const options = { events, ...(secrets && { secrets }), gate: { log: (/** @type {string} */ line) => (log += line) } };
    await withOptions(/** @type {any} */ (options), async (world) => {
      assert.equal((await fetch(`${world.url}/public/x`)).status, 503);
      await until(() => /** @type {RegExp} */ (fault).test(log), `${fault} in ${log}`);
    });
  }
});
