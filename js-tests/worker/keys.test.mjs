// Key sets and directories: few fetches, none that a forger can cause, and none needed while the issuer is down.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeKey } from "../lib/keys.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

/** @typedef {import("../lib/world.mjs").World} World */

/** How many fetches are few. */
const FEW = 3;
const ORDERS = { path: "/api/v1/orders", token: true };

/**
 * Each test has a gate of its own, that has not seen a key yet.
 *
 * @param {string} name
 * @param {(world: World) => Promise<void>} body
 */
const cold = (name, body) =>
  test(name, async () => {
    const world = await startWorld();
    try {
      await body(world);
    } finally {
      await world.close();
    }
  });

/**
 * @param {World} world
 * @param {import("../lib/recipe.mjs").Recipe} recipe
 */
const outcome = async (world, recipe) => {
  const verdict = await judge(await make(world, recipe));
  return verdict.outcome === "allow" ? "allow" : verdict.code;
};

cold("fifty requests at once to a cold gate fetch the key set a few times, not fifty", async (world) => {
  world.issuer.delay = 50;
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome(world, ORDERS)));
  assert.deepEqual([...new Set(outcomes)], ["allow"]);
  assert.ok(world.issuer.fetches <= FEW, `${world.issuer.fetches} fetches`);
});

cold("fifty requests at once to a cold gate fetch the directory a few times, not fifty", async (world) => {
  const recipe = { path: "/api/v1/catalogue", signature: true };
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome(world, recipe)));
  assert.deepEqual([...new Set(outcomes)], ["allow"]);
  assert.ok(world.directory.fetches <= FEW, `${world.directory.fetches} fetches`);
});

cold("forged key ids do not make the gate fetch", async (world) => {
  assert.equal(await outcome(world, ORDERS), "allow");
  const key = world.stranger.EdDSA;
  for (let i = 0; i < 20; i += 1) {
    const forged = { path: "/api/v1/orders", token: { key, header: { kid: `forged-${i}` } } };
    assert.equal(await outcome(world, forged), "token.key_unknown");
  }
  assert.ok(world.issuer.fetches <= FEW, `${world.issuer.fetches} fetches`);
});

cold("a warm gate serves on while the issuer is down", async (world) => {
  assert.equal(await outcome(world, ORDERS), "allow");
  world.issuer.failing = true;
  // A key id that the set lacks makes the gate ask again, in vain: it must keep what it has.
  await outcome(world, { path: "/api/v1/orders", token: { key: world.stranger.EdDSA } });
  assert.equal(await outcome(world, ORDERS), "allow");
});

cold("a cold gate that cannot get the keys says that it is not the client's fault", async (world) => {
  world.issuer.failing = true;
  const { status, code } = await judge(await make(world, ORDERS));
  assert.deepEqual({ status, code }, { status: 503, code: "keys.unavailable" });
});

cold("a new key of the issuer is taken at its first use", async (world) => {
  assert.equal(await outcome(world, ORDERS), "allow");
  await world.issuer.rotate({ keepOld: true });
  assert.equal(await outcome(world, ORDERS), "allow");
});

cold("a key set with entries that nobody knows serves those that it can", async (world) => {
  world.issuer.published.unshift(
    /** @type {any} */ ({ kty: "XYZ", kid: "unknown-kty" }),
    /** @type {any} */ ({ kty: "OKP", crv: "Ed448", x: "AA", kid: "unknown-crv" }),
  );
  assert.equal(await outcome(world, ORDERS), "allow");
});

cold("an agent may have several keys", async (world) => {
  const second = await makeKey("EdDSA");
  world.directory.keys.push(second.publicJwk);
  for (const key of [world.agent, second]) {
    assert.equal(await outcome(world, { path: "/api/v1/catalogue", signature: { key } }), "allow");
  }
});
