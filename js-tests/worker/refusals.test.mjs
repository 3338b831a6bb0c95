// What a refused client is told (RFC 9457, 6750, 9449, 9728), and how much of it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { json } from "../lib/net.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => void (world = await startWorld({ config: { disclosure: "code" } })));
after(() => world.close());

/** @param {import("../lib/recipe.mjs").Recipe} recipe */
const refusal = async (recipe) => {
  const { outcome, answer } = await judge(await make(world, recipe));
  assert.notEqual(outcome, "allow");
  return answer;
};

test("a refusal is a problem document that names the code and the decision", async () => {
  const answer = await refusal({ path: "/api/v1/catalogue" });
  assert.match(answer.headers["content-type"] ?? "", /^application\/problem\+json/);
  const problem = json(answer);
  assert.equal(problem.status, 401);
  assert.equal(problem.code, "signature.missing");
  assert.ok(problem.type && problem.title);
  assert.equal(problem.decision, answer.headers["countersign-decision"]);
  assert.equal(problem.evidence, undefined, "evidence is for disclosure \"full\"");
});

test("a missing token is challenged with the scopes and where to find the issuer", async () => {
  const challenge = String((await refusal({ path: "/api/v1/orders" })).headers["www-authenticate"]);
  assert.match(challenge, /Bearer/);
  assert.match(challenge, /scope="order:read"/);
  assert.ok(challenge.includes(`resource_metadata="${world.url}/.well-known/oauth-protected-resource"`), challenge);
});

test("a bad token is an invalid_token", async () => {
  const answer = await refusal({ path: "/api/v1/orders", token: { claims: { aud: "https://other.example" } } });
  assert.match(String(answer.headers["www-authenticate"]), /error="invalid_token"/);
});

test("a missing scope is an insufficient_scope, and names what it takes", async () => {
  const answer = await refusal({ path: "/api/v1/orders", token: { claims: { scope: "other" } } });
  assert.equal(answer.status, 403);
  assert.match(String(answer.headers["www-authenticate"]), /error="insufficient_scope"/);
  assert.match(String(answer.headers["www-authenticate"]), /order:read/);
});

test("a missing proof is challenged under the DPoP scheme with the algorithms", async () => {
  const answer = await refusal({ path: "/api/v1/account", token: { bound: true, scheme: "DPoP" } });
  assert.match(String(answer.headers["www-authenticate"]), /DPoP .*algs="[^"]*ES256/);
});

test("a refused request does not reach the origin", async () => {
  const before = world.origin.requests.length;
  await refusal({ path: "/api/v1/catalogue" });
  await refusal({ path: "/internal" });
  assert.equal(world.origin.requests.length, before);
});

test("with disclosure none, the body does not say why", async () => {
  const silent = await startWorld({ config: { disclosure: "none" } });
  try {
    const wire = await make(silent, { path: "/api/v1/orders", token: { claims: { aud: "https://other.example" } } });
    const { status, answer } = await judge(wire);
    assert.equal(status, 401);
    assert.ok(!answer.body.toString().includes("audience"), answer.body.toString());
  } finally {
    await silent.close();
  }
});
