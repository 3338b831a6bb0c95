// The gate is told an issuer's name and nothing else: it finds the keys by the issuer's metadata, and believes only
// metadata that says the same name.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startInProcess } from "../lib/in-process.mjs";
import { byClientCredentials, IMPOSTOR, startProviderWorld } from "../lib/provider-world.mjs";

/** @typedef {import("../lib/provider-world.mjs").ProviderWorld} World */

const RFC_8414 = "/.well-known/oauth-authorization-server";
const OPENID = "/.well-known/openid-configuration";

for (const [host, start] of /** @type {const} */ ([["the Worker", undefined], ["the npm package", startInProcess]])) {
  inWorld(`${host}: metadata that says another issuer is not believed`, { start, issuer: { issuer: IMPOSTOR } }, async (world) => {
    const held = await byClientCredentials(world, { resource: `${world.url}/mixed-up` });
    const { status, code } = await held.call(world, "/api/v1/orders");
    assert.deepEqual([status, code], [503, "keys.issuer_metadata_invalid"]);
    assert.equal(world.provider.keySetFetches, 0);
  });

  for (const [how, discovery, path] of [
    ["by RFC 8414", undefined, RFC_8414],
    ["by OpenID Connect Discovery", "openid", OPENID],
  ]) {
    inWorld(`${host}: the keys are found ${how}, with one request for the metadata`, { start, issuer: { discovery } }, async (world, t) => {
      const helds = await Promise.all(Array.from({ length: 20 }, () => byClientCredentials(world)));
      world.provider.fetches = {};
      for (const held of helds) assert.equal((await held.call(world, "/api/v1/orders")).code, "ok");
      t.diagnostic(JSON.stringify(world.provider.fetches));
      assert.deepEqual(world.provider.fetches, { [String(path)]: 1, "/jwks": 1 });
    });
  }

  inWorld(`${host}: where there is no metadata of RFC 8414, OpenID's is taken`, { start }, async (world) => {
    const held = await byClientCredentials(world);
    world.provider.absent.add(RFC_8414);
    assert.equal((await held.call(world, "/api/v1/orders")).code, "ok");
  });

  inWorld(`${host}: new keys are found after discovery as well`, { start }, async (world) => {
    const old = await byClientCredentials(world);
    assert.equal((await old.call(world, "/api/v1/orders")).code, "ok");
    await world.provider.rotate();
    const held = await byClientCredentials(world);
    assert.equal((await held.call(world, "/api/v1/orders")).code, "ok");
  });
}

/**
 * @param {string} name
 * @param {import("../lib/provider-world.mjs").ProviderWorldOptions} options
 * @param {(world: World, t: import("node:test").TestContext) => Promise<void>} body
 */
function inWorld(name, options, body) {
  test(name, async (t) => {
    const world = await startProviderWorld({ ...options, issuer: { jwks_uri: undefined, ...options.issuer } });
    try {
      await body(world, t);
      assert.deepEqual(world.provider.faults, []);
    } finally {
      await world.close();
    }
  });
}
