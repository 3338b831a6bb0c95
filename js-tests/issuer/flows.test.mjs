// Tokens of a real issuer, however the client came by them: they pass at the gate that they are for, and at no other
// place, time or scope. Issuer: `oidc-provider`; client: `openid-client`; neither knows of the gate.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { startInProcess } from "../lib/in-process.mjs";
import { byClientCredentials, byCode, byDevice, startProviderWorld } from "../lib/provider-world.mjs";
import { CLIENTS } from "../lib/provider.mjs";

const FLOWS = [
  { name: "client credentials", get: byClientCredentials, client: CLIENTS.service.id, subject: CLIENTS.service.id },
  { name: "authorization code with PKCE", get: byCode, client: CLIENTS.shop.id, subject: "user-7" },
  { name: "device flow", get: byDevice, client: CLIENTS.television.id, subject: "user-7" },
];

for (const [host, start] of /** @type {const} */ ([["the Worker", undefined], ["the npm package", startInProcess]])) {
  describe(host, () => {
    /** @type {import("../lib/provider-world.mjs").ProviderWorld} */
    let world;
    before(async () => {
      world = await startProviderWorld({ start });
    });
    after(async () => {
      await world.close();
      assert.deepEqual(world.provider.faults, []);
    });

    for (const { name, get, client, subject } of FLOWS) {
      test(`${name}: a token of another audience is refused`, async () => {
        const held = await get(world, { resource: world.elsewhere });
        assert.equal((await held.call(world, "/api/v1/orders")).code, "token.audience_mismatch");
      });

      test(`${name}: a token of a lesser scope is refused, and the client is told all it needs`, async () => {
        const held = await get(world, { scope: "order:write" });
        const { status, code, challenge } = await held.call(world, "/api/v1/orders");
        assert.deepEqual([status, code], [403, "policy.scope_missing"]);
        assert.ok(challenge?.includes('error="insufficient_scope"') && challenge.includes('scope="order:read"'), challenge ?? "");
      });

      test(`${name}: an expired token is refused`, async () => {
        const held = await get(world, { resource: `${world.url}/late` });
        assert.equal((await held.call(world, "/api/v1/orders")).code, "token.expired");
      });

      test(`${name}: a bearer token passes where no proof of possession is required`, async () => {
        const held = await get(world);
        assert.equal(decodeProtectedHeader(held.token).typ, "at+jwt");
        const { client_id, sub } = decodeJwt(held.token);
        assert.deepEqual([client_id, sub], [client, subject]);
        assert.equal((await held.call(world, "/api/v1/orders")).code, "ok");
      });

      test(`${name}: a bearer token is refused where one is required`, async () => {
        const held = await get(world);
        assert.equal((await held.call(world, "/api/v1/account")).code, "dpop.missing");
      });

      test(`${name}: a token that is bound to a key passes with it, and not without`, async () => {
        const [held, bearer] = [await get(world, { dpop: true }), await get(world)];
        assert.equal(held.answer.token_type, "dpop");
        assert.equal((await held.call(world, "/api/v1/account")).code, "ok");
        assert.equal((await held.call(world, "/api/v1/orders", { method: "POST" })).code, "ok");
        assert.equal((await bearer.call(world, "/api/v1/orders", { token: held.token })).code, "token.bound_used_as_bearer");
      });
    }
  });
}
