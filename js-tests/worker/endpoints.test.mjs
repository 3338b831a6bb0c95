// What the gate itself answers, and what it tells the origin.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createLocalJWKSet, jwtVerify } from "jose";
import { ISSUER } from "../lib/names.mjs";
import { json, send } from "../lib/net.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => void (world = await startWorld()));
after(() => world.close());

/** @param {string} path */
const get = (path) => send({ method: "GET", url: world.url + path, headers: [] });

test("health answers without any proof", async () => {
  const answer = await get("/.well-known/countersign/health");
  assert.equal(answer.status, 200);
});

test("the key set has the public half of the gate's key, and nothing private", async () => {
  const answer = await get("/.well-known/countersign/jwks.json");
  assert.equal(answer.status, 200);
  const { keys } = json(answer);
  assert.deepEqual(keys.map((/** @type {any} */ key) => key.x), [world.gate.signing.publicJwk.x]);
  assert.ok(keys.every((/** @type {any} */ key) => !("d" in key)));
});

test("protected resource metadata names the resource and its issuer (RFC 9728)", async () => {
  const answer = await get("/.well-known/oauth-protected-resource");
  assert.equal(answer.status, 200);
  assert.match(answer.headers["content-type"] ?? "", /^application\/json/);
  const metadata = json(answer);
  assert.equal(metadata.resource, world.url);
  assert.deepEqual(metadata.authorization_servers, [ISSUER]);
  assert.ok(metadata.scopes_supported.includes("order:write"));
});

test("the origin can verify who it was with the gate's key set alone", async () => {
  const before = Math.floor(Date.now() / 1000);
  const recipe = { method: "POST", path: "/api/v1/checkout", body: "{}", signature: true, token: true, dpop: true };
  const { outcome, seen, answer } = await judge(await make(world, recipe));
  assert.equal(outcome, "allow", answer.body.toString());
  const keys = json(await get("/.well-known/countersign/jwks.json"));
  const { payload, protectedHeader } = await jwtVerify(
    seen?.headers["countersign-assertion"] ?? "",
    createLocalJWKSet(keys),
    { issuer: world.url, audience: world.origin.url, typ: "countersign-assertion+jwt", algorithms: ["EdDSA"] },
  );
  assert.equal(protectedHeader.kid, keys.keys[0].kid);
  assert.ok((payload.exp ?? Infinity) <= before + 65, "it lives for a minute at most");
  assert.equal(payload.sub, "user-7");
  assert.equal(payload.client_id, "shopping-agent");
  assert.match(String(payload.scope), /order:write/);
  assert.equal(payload.jti, seen?.headers["countersign-decision"]);
  assert.equal(payload.jti, answer.headers["countersign-decision"]);
  assert.ok(payload.agent);
});

test("nothing that a client calls Countersign-* reaches the origin", async () => {
  /** @type {[string, string][]} */
  const headers = [["Countersign-Agent", "forged"], ["COUNTERSIGN-SUBJECT", "forged"], ["countersign-made-up", "forged"]];
  for (const recipe of [{ path: "/public/x", headers }, { path: "/api/v1/catalogue", headers, signature: true }]) {
    const { outcome, seen } = await judge(await make(world, recipe));
    assert.equal(outcome, "allow");
    assert.ok(!JSON.stringify(seen?.headers).includes("forged"));
  }
});

test("the target reaches the origin byte for byte", async () => {
  const path = "/public/a%20b/c?x=%7e&y=&x=2";
  const { seen } = await judge(await make(world, { path }));
  assert.equal(seen?.url, path);
});
