// Risk events: Security Event Tokens (RFC 8417), pushed to the origin after the response, until it takes them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { compactVerify, decodeJwt } from "jose";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

const RISK_LEVEL_CHANGE = "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";
/** Proven who it is, and refused: what adds to the risk of an agent. */
const FORBIDDEN = { path: "/api/v1/admin", signature: true, token: true };
/** More than it takes to change the level. */
const MANY = 20;
/** A bound for an event that never comes, not a measure of how soon it should. */
const PATIENCE = 20_000;

/**
 * @param {(world: import("../lib/world.mjs").World) => Promise<void>} body
 */
async function withWorld(body) {
  const world = await startWorld();
  try {
    await body(world);
  } finally {
    await world.close();
  }
}

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

test("an agent that keeps being refused raises its risk level", () =>
  withWorld(async (world) => {
    for (let i = 0; i < MANY; i += 1) {
      assert.equal((await judge(await make(world, FORBIDDEN))).code, "policy.scope_missing");
    }
    const event = await firstEvent(world);
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

test("an event that the origin cannot take at once is sent again", () =>
  withWorld(async (world) => {
    world.origin.failEvents = 1;
    for (let i = 0; i < MANY; i += 1) await judge(await make(world, FORBIDDEN));
    await firstEvent(world);
    assert.ok(world.origin.eventAttempts >= 2);
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
