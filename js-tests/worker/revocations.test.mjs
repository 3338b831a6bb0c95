// What is revoked at the built Worker: by an administrator, from the next request on, and by the issuer's status list.
import assert from "node:assert/strict";
import { test } from "node:test";
import { compactVerify, decodeJwt } from "jose";
import { startGate } from "../lib/gate.mjs";
import { STATUS_LIST_URI } from "../lib/issuer.mjs";
import { makeKey } from "../lib/keys.mjs";
import { ISSUER } from "../lib/names.mjs";
import { json, send } from "../lib/net.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

/** @typedef {import("../lib/world.mjs").World} World */
/** @typedef {import("../lib/recipe.mjs").TokenRecipe} TokenRecipe */

const PREFIX = "/.well-known/countersign/admin";
const SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const REVOCATION_CHANGE = "https://github.com/countersign/countersign/event-type/revocation-change";
const ADMIN = { claims: { scope: "countersign:admin", sub: "ada", client_id: "console", jti: "console-1" } };
/** A bound for what never comes, not a measure of how soon it should. */
const PATIENCE = 120_000;

/**
 * @param {string} name
 * @param {(world: World) => Promise<void>} body
 * @param {object} [change] what is otherwise in the configuration
 */
const withAdmin = (name, body, change = { admin: { issuer: ISSUER, dpop: true } }) =>
  test(name, async () => {
    const start = (/** @type {import("../lib/gate.mjs").GateOptions} */ { config, ...options }) =>
      startGate({ ...options, config: { ...config, agents: [], ...change } });
    const world = await startWorld({ withoutLimits: true, start });
    try {
      await body(world);
    } finally {
      await world.close();
    }
  });

/**
 * @param {World} world
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 */
async function admin(world, method, path, body) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await send(await make(world, { method, path: PREFIX + path, body: text, token: ADMIN, dpop: true }));
  return { status: answer.status, headers: answer.headers, body: json(answer) };
}

/**
 * @param {World} world
 * @param {Partial<import("../lib/recipe.mjs").Recipe>} recipe
 */
async function code(world, recipe) {
  const verdict = await judge(await make(world, { path: "/api/v1/orders", ...recipe }));
  return verdict.outcome === "allow" ? "allow" : `${verdict.status} ${verdict.code}`;
}

/** @param {Record<string, unknown>} claims */
const token = (claims) => ({ token: { claims } });

/**
 * @param {() => Promise<boolean> | boolean} holds
 * @param {string} what
 */
async function eventually(holds, what) {
  for (const end = Date.now() + PATIENCE; !(await holds()); ) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

withAdmin("what an administrator denies is refused at the next request of a warm isolate", async (world) => {
  // Not the key of the administrator, who could deny nothing more.
  const holder = await makeKey("ES256");
  const bound = { path: "/api/v1/account", token: true, dpop: { key: holder } };
  const signed = { path: "/api/v1/catalogue", signature: true };
  /** @type {[object, Partial<import("../lib/recipe.mjs").Recipe>, string][]} */
  const cases = [
    [{ kind: "jti", value: "token-1" }, token({ jti: "token-1" }), "401 token.revoked"],
    [{ kind: "sub", value: "user-8" }, token({ sub: "user-8" }), "401 token.subject_revoked"],
    [{ kind: "agent", value: "rogue" }, token({ client_id: "rogue" }), "403 agent.revoked"],
    [{ kind: "task", value: "task-1" }, token({ task_id: "task-1" }), "401 token.task_revoked"],
    [{ kind: "key", value: holder.kid }, bound, "401 token.key_revoked"],
    [{ kind: "key", value: world.agent.kid }, signed, "403 agent.key_revoked"],
  ];
  for (const [body, recipe, refusal] of cases) {
    assert.equal(await code(world, recipe), "allow", JSON.stringify(body));
    const denied = await admin(world, "POST", "/revocations", body);
    assert.equal(denied.status, 201);
    assert.equal(denied.headers.location, `${world.url}${PREFIX}/revocations/${denied.body.digest}`);
    assert.equal(await code(world, recipe), refusal);
  }
  assert.equal(await code(world, { token: true }), "allow", "nobody else is refused");
});

withAdmin("a revoked task ends what came from it", async (world) => {
  const child = { task_id: "child", parent_task_id: "root" };
  const leaf = { task_id: "leaf", parent_task_id: "child" };
  for (const claims of [child, leaf]) assert.equal(await code(world, token(claims)), "allow");
  await admin(world, "POST", "/revocations", { kind: "task", value: "root" });
  assert.equal(await code(world, token(child)), "401 token.task_revoked");
  assert.equal(await code(world, token(leaf)), "401 token.task_revoked", "by what its parent's token said");
});

withAdmin("a denial is published, listed, told and lifted, and names nobody", async (world) => {
  const body = { token: await world.issuer.mint({ claims: { jti: "token-1" } }), reason: "stolen" };
  const denied = await admin(world, "POST", "/revocations", body);
  assert.deepEqual([denied.status, denied.body.kind, denied.body.revision], [201, "jti", 1]);
  assert.equal((await admin(world, "POST", "/revocations", body)).status, 200, "asking twice is no fault");
  const path = `/revocations/${denied.body.digest}`;
  assert.deepEqual((await admin(world, "GET", path)).body, denied.body);
  assert.deepEqual((await admin(world, "GET", "/revocations")).body, { revision: 1, revocations: [denied.body] });

  const kv = await world.gate.kv();
  await eventually(async () => (await kv.get("denials", "json"))?.revision === 1, "the denial in KV");
  assert.ok(!(await kv.get("denials")).includes("token-1"));

  assert.equal((await admin(world, "DELETE", path)).status, 200);
  const again = await admin(world, "DELETE", path);
  assert.deepEqual([again.status, again.body.code], [404, "admin.revocation_not_found"]);
  const { body: trail } = await admin(world, "GET", "/revocations/audit");
  assert.deepEqual(
    trail.events.map((/** @type {any} */ { revision, action, kind, actor }) => [revision, action, kind, actor.sub]),
    [[1, "deny", "jti", "ada"], [2, "lift", "jti", "ada"]],
  );
  await eventually(() => world.origin.events.length === 3, "three events");
  const names = [];
  for (const event of world.origin.events) {
    await compactVerify(event, world.gate.signing.publicKey);
    const claims = decodeJwt(event);
    assert.deepEqual(claims.sub_id, { format: "opaque", id: denied.body.digest });
    names.push(...Object.keys(/** @type {object} */ (claims.events)));
  }
  assert.deepEqual(names.sort(), [REVOCATION_CHANGE, REVOCATION_CHANGE, SESSION_REVOKED]);
  assert.equal(world.origin.requests.length, 0, "the origin sees nothing of the admin API");
});

withAdmin("what is no denial is refused, and changes nothing", async (world) => {
  /** @type {[string, string, unknown, string][]} */
  const cases = [
    ["PUT", "/revocations", {}, "405 admin.method_not_allowed"],
    ["GET", "/revocations/none", undefined, "404 admin.revocation_not_found"],
    ["POST", "/revocations", { kind: "person", value: "a" }, "400 admin.body_malformed"],
    ["POST", "/revocations", { kind: "key", value: "a" }, "400 admin.revocation_value_invalid"],
    ["POST", "/revocations", { kind: "sub", value: "a", issuer: "https://other.example" }, "400 admin.revocation_issuer_invalid"],
    ["POST", "/revocations", { kind: "sub", value: "a", until: 1 }, "400 admin.revocation_until_invalid"],
    ["POST", "/revocations", { token: "a.b.c" }, "400 admin.revocation_token_invalid"],
  ];
  for (const [method, path, body, expected] of cases) {
    const answer = await admin(world, method, path, body);
    assert.equal(`${answer.status} ${answer.body.code}`, expected, `${method} ${path} ${JSON.stringify(body)}`);
  }
  assert.deepEqual((await admin(world, "GET", "/revocations")).body, { revision: 0, revocations: [] });
});

withAdmin("without proofs of administrators' keys nothing is lifted", async (world) => {
  const denied = await admin(world, "POST", "/revocations", { kind: "sub", value: "user-8" });
  const lifted = await admin(world, "DELETE", `/revocations/${denied.body.digest}`);
  assert.deepEqual([lifted.status, lifted.body.code], [403, "admin.lifting_needs_proof"]);
  assert.equal(await code(world, token({ sub: "user-8" })), "401 token.subject_revoked");
}, { admin: { issuer: ISSUER } });

withAdmin("a deny list that cannot be read lets no proof through", async (world) => {
  const kv = await world.gate.kv();
  await kv.put("denials", JSON.stringify({ version: 2, revision: 1, published_at: Date.now(), denied: "" }));
  assert.equal(await code(world, { token: true }), "503 revocation.unavailable");
  assert.equal(await code(world, { path: "/public/x" }), "allow", "what proves nothing has no name to be denied");
});

withAdmin("a token is good while its issuer's status list says so", async (world) => {
  world.issuer.statuses = Uint8Array.of(0, 1, 2, 3);
  const at = (/** @type {number} */ idx, uri = STATUS_LIST_URI) => token({ status: { status_list: { idx, uri } } });
  assert.equal(await code(world, at(0)), "allow");
  assert.equal(await code(world, at(1)), "401 token.revoked");
  assert.equal(await code(world, at(2)), "401 token.suspended");
  assert.equal(await code(world, at(3)), "401 token.status_invalid");
  assert.equal(await code(world, at(4)), "401 token.status_invalid");
  assert.equal(world.issuer.statusListFetches, 1, "one list, signed with ES256, serves them all");
  assert.equal(await code(world, at(0, "https://elsewhere.example/statuslists/1")), "401 token.status_invalid");
}, {});

withAdmin("fifty requests at once to a cold gate fetch one status list", async (world) => {
  world.issuer.statuses = Uint8Array.of(0);
  const recipe = token({ status: { status_list: { idx: 0, uri: STATUS_LIST_URI } } });
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => code(world, recipe)));
  assert.deepEqual([...new Set(outcomes)], ["allow"]);
  assert.equal(world.issuer.statusListFetches, 1);
}, {});

withAdmin("without its status list a token does not pass", async (world) => {
  const recipe = token({ status: { status_list: { idx: 0, uri: STATUS_LIST_URI } } });
  assert.equal(await code(world, recipe), "503 revocation.unavailable");
  assert.equal(await code(world, { token: true }), "allow", "one that names no list needs none");
}, {});
