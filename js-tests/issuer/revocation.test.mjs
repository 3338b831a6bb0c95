// A client gives its token back, or it is taken away: the gate asks the issuer (RFC 7662) and refuses it. For opaque
// tokens the issuer's answer is all there is; for JWTs it is asked after the signature held.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startInProcess } from "../lib/in-process.mjs";
import { makeKey } from "../lib/keys.mjs";
import { byClientCredentials, byCode, byDevice, ROUTES, startProviderWorld } from "../lib/provider-world.mjs";
import { CLIENTS, INTROSPECTION_PATH, PROVIDER } from "../lib/provider.mjs";

/** @typedef {import("../lib/provider-world.mjs").ProviderWorld} World */

const ORDERS = "/api/v1/orders";
const SECRET = { client_secret: CLIENTS.gate.secret };

/**
 * @param {object} [introspection]
 * @param {object} [credential]
 */
const asks = (introspection, credential = SECRET) => ({
  issuer: { introspection: { endpoint: PROVIDER + INTROSPECTION_PATH, client_id: CLIENTS.gate.id, ...introspection } },
  gate: { secrets: { GATE_ISSUER_CREDENTIALS: JSON.stringify({ [PROVIDER]: credential }) } },
});

/** @param {World} world */
const opaque = (world) => ({ resource: `${world.url}/opaque` });

const gateKey = await makeKey("ES256");

for (const [host, start] of /** @type {const} */ ([["the Worker", undefined], ["the npm package", startInProcess]])) {
  inWorld(`${host}: an opaque token that its client revoked is refused`, { start, ...asks({ cache: "0s" }) }, async (world) => {
    const held = await byClientCredentials(world, opaque(world));
    assert.equal((await held.call(world, ORDERS)).code, "ok");
    await held.revoke();
    assert.equal((await held.call(world, ORDERS)).code, "token.inactive");
  });

  inWorld(`${host}: an opaque token that nobody issued is refused`, { start, ...asks() }, async (world) => {
    const held = await byClientCredentials(world, opaque(world));
    const made = [...held.token].reverse().join("");
    assert.equal((await held.call(world, ORDERS, { token: made })).code, "token.inactive");
  });

  inWorld(`${host}: an opaque token for another API is refused`, { start, ...asks() }, async (world) => {
    const held = await byClientCredentials(world, { resource: `${world.elsewhere}/opaque` });
    assert.equal((await held.call(world, ORDERS)).code, "token.audience_mismatch");
  });

  inWorld(`${host}: an opaque token of a lesser scope is refused`, { start, ...asks() }, async (world) => {
    const held = await byClientCredentials(world, { ...opaque(world), scope: "order:write" });
    assert.equal((await held.call(world, ORDERS)).code, "policy.scope_missing");
  });

  inWorld(`${host}: an opaque token is refused while the issuer cannot be asked, and passes after`, { start, ...asks() }, async (world) => {
    const [held, later] = [await byClientCredentials(world, opaque(world)), await byClientCredentials(world, opaque(world))];
    world.provider.failing.add(INTROSPECTION_PATH);
    const { status, code } = await held.call(world, ORDERS);
    assert.deepEqual([status, code], [503, "revocation.unavailable"]);
    world.provider.failing.clear();
    assert.equal((await later.call(world, ORDERS)).code, "ok");
  });

  inWorld(`${host}: opaque tokens of every flow pass, and bound ones only with their key`, { start, ...asks() }, async (world) => {
    for (const get of [byClientCredentials, byCode, byDevice]) {
      const [bearer, bound] = [await get(world, opaque(world)), await get(world, { ...opaque(world), dpop: true })];
      assert.equal(bound.token.includes("."), false);
      assert.equal((await bearer.call(world, ORDERS)).code, "ok");
      assert.equal((await bound.call(world, "/api/v1/account")).code, "ok");
      assert.equal((await bearer.call(world, ORDERS, { token: bound.token })).code, "token.bound_used_as_bearer");
    }
  });

  inWorld(`${host}: as long as an answer counts, the issuer is asked once`, { start, ...asks({ cache: "5m" }) }, async (world, t) => {
    const held = await byClientCredentials(world, opaque(world));
    for (let i = 0; i < 10; i += 1) assert.equal((await held.call(world, ORDERS)).code, "ok");
    t.diagnostic(`10 requests with one token: ${world.provider.introspections} introspections`);
    assert.equal(world.provider.introspections, 1);
    // That is the price, and the configuration says how high it is.
    await held.revoke();
    assert.equal((await held.call(world, ORDERS)).code, "ok");
  });

  inWorld(
    `${host}: the gate authenticates with a key instead of a secret`,
    {
      start,
      ...asks({ authentication: "private_key_jwt", cache: "0s" }, { ...gateKey.privateJwk, kid: gateKey.kid, alg: "ES256" }),
      provider: { gateKey: gateKey.publicJwk },
    },
    async (world) => {
      const held = await byClientCredentials(world, opaque(world));
      assert.equal((await held.call(world, ORDERS)).code, "ok");
      await held.revoke();
      assert.equal((await held.call(world, ORDERS)).code, "token.inactive");
    },
  );

  inWorld(`${host}: a JWT that was revoked is refused, although its signature holds`, { start, ...asks({ when: "always", cache: "0s" }) }, async (world) => {
    const held = await byClientCredentials(world, { dpop: true });
    assert.equal((await held.call(world, "/api/v1/account")).code, "ok");
    await held.revoke();
    assert.equal((await held.call(world, "/api/v1/account")).code, "token.inactive");
  });

  inWorld(`${host}: a JWT is refused while the issuer cannot be asked, and the route says no other`, { start, ...asks({ when: "always" }) }, async (world) => {
    const held = await byClientCredentials(world);
    world.provider.failing.add(INTROSPECTION_PATH);
    const { status, code } = await held.call(world, ORDERS);
    assert.deepEqual([status, code], [503, "revocation.unavailable"]);
  });

  inWorld(
    `${host}: where the route says so, a JWT passes while the issuer cannot be asked; an opaque token never does`,
    {
      start,
      ...asks({ when: "always" }),
      config: { routes: ROUTES.map((route) => ({ ...route, on_unavailable: { revocation: "allow" } })) },
    },
    async (world) => {
      const [jwt, other] = [await byClientCredentials(world), await byClientCredentials(world, opaque(world))];
      world.provider.failing.add(INTROSPECTION_PATH);
      assert.equal((await other.call(world, ORDERS)).code, "revocation.unavailable");
      assert.equal((await jwt.call(world, ORDERS)).code, "ok");
    },
  );
}

/**
 * @param {string} name
 * @param {import("../lib/provider-world.mjs").ProviderWorldOptions} options
 * @param {(world: World, t: import("node:test").TestContext) => Promise<void>} body
 */
function inWorld(name, options, body) {
  test(name, async (t) => {
    const world = await startProviderWorld(options);
    try {
      await body(world, t);
      assert.deepEqual(world.provider.faults, []);
    } finally {
      await world.close();
    }
  });
}
