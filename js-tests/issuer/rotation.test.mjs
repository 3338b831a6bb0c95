// The issuer changes its keys while requests come in: none is lost, and the gate asks for few key sets.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startInProcess } from "../lib/in-process.mjs";
import { byClientCredentials, startProviderWorld } from "../lib/provider-world.mjs";

/** @typedef {import("../lib/provider-world.mjs").ProviderWorld} World */

const CLIENTS = 8;
const REQUESTS_EACH = 25;
const TOGETHER = CLIENTS * REQUESTS_EACH;

/** @type {[string, (world: World) => Promise<void> | void][]} */
const ROTATIONS = [
  ["new keys sign at once, and the old ones stay published", (world) => world.provider.rotate({ keepOld: true })],
  [
    "new keys are published before they sign, and the old ones stay published",
    async (world) => {
      await world.provider.rotate({ announceOnly: true });
      world.provider.promote({ keepOld: true });
    },
  ],
];

for (const [host, start] of /** @type {const} */ ([["the Worker", undefined], ["the npm package", startInProcess]])) {
  for (const [how, rotate] of ROTATIONS) {
    inWorld(`${host}: ${how}: no request of a load is lost`, start, async (world, t) => {
      const codes = await load(world, rotate);
      assert.deepEqual(codes, { ok: TOGETHER });
      t.diagnostic(`${TOGETHER} requests, each with a token of its own: ${world.provider.keySetFetches} fetches of the key set`);
      // One when it was cold, one for the new `kid`; isolates that ask at the same time may each have asked once.
      assert.ok(world.provider.keySetFetches <= 4, `${world.provider.keySetFetches} fetches`);
    });
  }

  inWorld(`${host}: keys are withdrawn at once: new tokens pass, and old ones no longer`, start, async (world) => {
    const old = await byClientCredentials(world);
    assert.equal((await old.call(world, "/api/v1/orders")).code, "ok");
    await world.provider.rotate();
    const held = await byClientCredentials(world);
    assert.equal((await held.call(world, "/api/v1/orders")).code, "ok");
    assert.equal((await old.call(world, "/api/v1/orders")).code, "token.key_unknown");
    assert.ok(world.provider.keySetFetches <= 3, `${world.provider.keySetFetches} fetches`);
  });
}

/**
 * Requests of many clients at once, each with a new token; after half of them the keys are changed.
 *
 * @param {World} world
 * @param {(world: World) => Promise<void> | void} rotate
 */
async function load(world, rotate) {
  /** @type {Record<string, number>} */
  const codes = {};
  let sent = 0;
  const client = async () => {
    for (let i = 0; i < REQUESTS_EACH; i += 1) {
      sent += 1;
      if (sent === TOGETHER / 2) await rotate(world);
      const held = await byClientCredentials(world);
      const { code } = await held.call(world, "/api/v1/orders");
      codes[code] = (codes[code] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return codes;
}

/**
 * Each test has a world of its own: a gate that was made to ask again waits before it does so once more.
 *
 * @param {string} name
 * @param {((options: any) => Promise<any>) | undefined} start
 * @param {(world: World, t: import("node:test").TestContext) => Promise<void>} body
 */
function inWorld(name, start, body) {
  test(name, async (t) => {
    const world = await startProviderWorld({ start });
    try {
      await body(world, t);
      assert.deepEqual(world.provider.faults, []);
    } finally {
      await world.close();
    }
  });
}
