// The registry of agents: administered through the gate, told of to the origin, and obeyed by every request.
import assert from "node:assert/strict";
import { test } from "node:test";
import { compactVerify, decodeJwt } from "jose";
import { startGate } from "../lib/gate.mjs";
import { makeKey } from "../lib/keys.mjs";
import { AGENT, ISSUER } from "../lib/names.mjs";
import { json, send } from "../lib/net.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

/** @typedef {import("../lib/world.mjs").World} World */

const PREFIX = "/.well-known/countersign/admin";
const SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const REGISTRY_CHANGE = "https://github.com/countersign/countersign/event-type/agent-registry-change";
const ADMIN = { claims: { scope: "countersign:admin", sub: "ada", client_id: "console" } };
/** Another issuer of the gate, with the same keys: its tokens are good, and administer nothing. */
const OTHER_ISSUER = "https://other-issuer.example";
/** A bound for what never comes, not a measure of how soon it should. */
const PATIENCE = 120_000;
const MANY = 50;
const CATALOGUE = { path: "/api/v1/catalogue", signature: true };

/**
 * @param {string} name
 * @param {(world: World) => Promise<void>} body
 * @param {(config: any) => object} [change] what is otherwise in the configuration
 */
const withAdmin = (name, body, change = () => ({})) =>
  test(name, async () => {
    const start = (/** @type {import("../lib/gate.mjs").GateOptions} */ { config, ...options }) =>
      startGate({ ...options, config: { ...config, agents: [], admin: { issuer: ISSUER }, ...change(config) } });
    const world = await startWorld({ withoutLimits: true, start });
    try {
      await body(world);
    } finally {
      await world.close();
    }
  });

/**
 * @typedef {object} Request
 * @property {unknown} [body] a string is sent as it is
 * @property {[string, string][]} [headers]
 * @property {import("../lib/recipe.mjs").Recipe["token"]} [token]
 * @property {boolean} [dpop]
 */

/**
 * @param {World} world
 * @param {string} method
 * @param {string} path
 * @param {Request} [request]
 */
async function admin(world, method, path, { body, headers, token = ADMIN, dpop } = {}) {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const wire = await make(world, { method, path: PREFIX + path, body: text, headers, token, dpop });
  const answer = await send(wire);
  return { status: answer.status, headers: answer.headers, body: json(answer) };
}

/** @param {{status: number, body: any}} answer */
const refusal = ({ status, body }) => `${status} ${body?.code}`;

/**
 * @param {string} id
 * @param {object} [more]
 */
const agent = (id, more = {}) => ({
  id,
  operator: "https://shop.example",
  purpose: "Buys what its users want",
  contact: "ops@shop.example",
  directories: [`https://${id}.example`],
  ...more,
});

/** @param {import("../lib/keys.mjs").Key} key */
const jwk = ({ publicJwk }) => publicJwk;

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

/**
 * @param {World} world
 * @param {number} revision
 */
async function published(world, revision) {
  const kv = await world.gate.kv();
  await eventually(async () => (await kv.get("agents", "json"))?.revision === revision, `revision ${revision} in KV`);
}

/**
 * @param {World} world
 * @param {import("../lib/recipe.mjs").Recipe} [recipe]
 */
async function outcome(world, recipe = CATALOGUE) {
  const verdict = await judge(await make(world, recipe));
  return verdict.outcome === "allow" ? "allow" : verdict.code;
}

withAdmin("an agent is registered, changed, rotated, suspended, resumed and revoked", async (world) => {
  const [first, second] = [await makeKey("EdDSA"), await makeKey("ES256")];
  const registered = await admin(world, "POST", "/agents", { body: agent("a", { keys: [{ jwk: jwk(first) }] }) });
  assert.equal(registered.status, 201);
  assert.equal(registered.headers.location, `${world.url}${PREFIX}/agents/a`);
  assert.equal(registered.headers.etag, '"1"');
  assert.equal(registered.headers["cache-control"], "no-store");
  assert.ok(registered.headers["countersign-decision"]);
  assert.equal(registered.body.keys[0].thumbprint, first.kid);

  const patched = await admin(world, "PATCH", "/agents/a", { body: { contact: "new@shop.example" } });
  assert.deepEqual([patched.status, patched.body.contact, patched.body.purpose], [200, "new@shop.example", registered.body.purpose]);

  const rotated = await admin(world, "POST", "/agents/a/keys", { body: { jwk: jwk(second), overlap: 600 } });
  assert.equal(rotated.body.keys[0].not_after - rotated.body.keys[1].not_before, 600);
  const revokedKey = await admin(world, "DELETE", `/agents/a/keys/${first.kid}`);
  assert.equal(revokedKey.body.keys[0].state, "agent.key_revoked");

  for (const [verb, status] of [["suspend", "suspended"], ["resume", "active"], ["revoke", "revoked"]]) {
    const changed = await admin(world, "POST", `/agents/a/${verb}`);
    assert.deepEqual([changed.status, changed.body.status], [200, status]);
  }
  assert.equal(refusal(await admin(world, "POST", "/agents/a/resume")), "409 admin.agent_revoked");
  assert.equal(refusal(await admin(world, "POST", "/agents", { body: agent("a") })), "409 admin.agent_exists");

  const read = await admin(world, "GET", "/agents/a");
  assert.deepEqual([read.status, read.headers.etag, read.body.revision], [200, '"7"', 7]);
  const list = await admin(world, "GET", "/agents");
  assert.deepEqual([list.body.revision, list.body.agents], [7, [read.body]]);
  assert.equal(world.origin.requests.length, 0, "the origin sees nothing of the admin API");
});

withAdmin("each change is in the audit trail and told to the receiver of events", async (world) => {
  await admin(world, "POST", "/agents", { body: agent("a") });
  await admin(world, "POST", "/agents/a/suspend");
  await admin(world, "POST", "/agents/a/suspend");
  const { body } = await admin(world, "GET", "/audit");
  assert.deepEqual(
    body.events.map((/** @type {any} */ { revision, action, agent, actor }) => [revision, action, agent, actor]),
    [
      [1, "register", "a", { iss: ISSUER, sub: "ada", client_id: "console" }],
      [2, "suspend", "a", { iss: ISSUER, sub: "ada", client_id: "console" }],
    ],
  );
  assert.deepEqual((await admin(world, "GET", "/audit?after=1")).body.events, [body.events[1]]);

  const named = (/** @type {string} */ name) =>
    world.origin.events.filter((event) => name in /** @type {object} */ (decodeJwt(event).events));
  // Each change is one, and what a suspension means to whoever goes by CAEP another.
  await eventually(() => world.origin.events.length === 3, "three events");
  const [revoked] = named(SESSION_REVOKED).map((event) => decodeJwt(event));
  assert.deepEqual(revoked?.sub_id, { format: "opaque", id: "a" });
  assert.ok(named(REGISTRY_CHANGE).some((event) => decodeJwt(event).txn === revoked?.txn), "they belong together");
  assert.equal(named(REGISTRY_CHANGE).length, 2);
  for (const event of named(REGISTRY_CHANGE)) {
    const { protectedHeader } = await compactVerify(event, world.gate.signing.publicKey);
    assert.equal(protectedHeader.typ, "secevent+jwt");
    const claims = decodeJwt(event);
    assert.deepEqual(claims.sub_id, { format: "opaque", id: "a" });
    assert.ok(body.events.some((/** @type {any} */ { id }) => id === claims.jti));
    const { revision, action, actor } = /** @type {any} */ (claims.events)[REGISTRY_CHANGE];
    assert.deepEqual([revision, actor.sub], [action === "register" ? 1 : 2, "ada"]);
  }
});

withAdmin("the registry is kept from everyone without the right token", async (world) => {
  const kid = world.issuer.signing.get("EdDSA")?.kid;
  /** @type {[string, Request, string][]} */
  const cases = [
    ["no token", { token: false }, "401 token.missing"],
    ["no scope", { token: true }, "403 policy.scope_missing"],
    ["another scope", { token: { claims: { scope: "countersign:administer admin" } } }, "403 policy.scope_missing"],
    ["another issuer", { token: { claims: { ...ADMIN.claims, iss: OTHER_ISSUER } } }, "403 admin.issuer_not_allowed"],
    ["a forged token", { token: { ...ADMIN, key: world.stranger.EdDSA, header: { kid } } }, "401 token.signature_invalid"],
    ["an expired token", { token: { ...ADMIN, now: Math.floor(Date.now() / 1000) - 9000 } }, "401 token.expired"],
    ["a bound token as bearer", { token: { ...ADMIN, jkt: world.holders.ES256.kid } }, "401 token.bound_used_as_bearer"],
  ];
  for (const [name, request, expected] of cases) {
    assert.equal(refusal(await admin(world, "POST", "/agents", { ...request, body: agent("a") })), expected, name);
    assert.equal(refusal(await admin(world, "GET", "/agents", request)), expected, name);
  }
  const bound = await admin(world, "POST", "/agents", { body: agent("a"), dpop: true });
  assert.equal(bound.status, 201);
  assert.equal((await admin(world, "GET", "/agents")).body.revision, 1);
  assert.equal((await admin(world, "GET", "/audit")).body.events.length, 1);
}, ({ issuers }) => ({ issuers: [...issuers, { ...issuers[0], issuer: OTHER_ISSUER }] }));

withAdmin("what is no request of the admin API is refused, and changes nothing", async (world) => {
  const key = await makeKey("EdDSA");
  const secret = { ...key.privateJwk };
  /** @type {[string, string, Request, string][]} */
  const cases = [
    ["GET", "/nothing", {}, "404 admin.path_unknown"],
    ["DELETE", "/agents/a", {}, "405 admin.method_not_allowed"],
    ["GET", "/agents?x=1", {}, "400 admin.query_invalid"],
    ["GET", "/agents/a", {}, "404 admin.agent_not_found"],
    ["POST", "/agents", { body: "[]" }, "400 admin.body_malformed"],
    ["POST", "/agents", { body: '{"id":"a","id":"b"}' }, "400 admin.body_malformed"],
    ["POST", "/agents", { body: agent("a", { admin: true }) }, "400 admin.body_malformed"],
    ["POST", "/agents", { body: " ".repeat(64 * 1024 + 1) }, "413 admin.body_too_large"],
    ["POST", "/agents", { body: agent("a", { id: "a b" }) }, "400 admin.agent_id_invalid"],
    ["POST", "/agents", { body: agent("a", { jwks_uri: "http://127.0.0.1/keys" }) }, "400 admin.jwks_uri_invalid"],
    ["POST", "/agents", { body: agent("a", { keys: [{ jwk: secret }] }) }, "400 admin.key_private"],
    ["POST", "/agents/a/suspend", { headers: [["If-Match", "1"]] }, "400 admin.if_match_malformed"],
  ];
  for (const [method, path, request, expected] of cases) {
    const answer = await admin(world, method, path, request);
    assert.equal(refusal(answer), expected, `${method} ${path}`);
    assert.equal(answer.headers["content-type"], "application/problem+json");
    assert.ok(!JSON.stringify(answer.body).includes(String(secret.d)));
  }
  assert.equal((await admin(world, "DELETE", "/agents/a")).headers.allow, "GET, HEAD, PATCH");
  assert.deepEqual((await admin(world, "GET", "/agents")).body, { revision: 0, agents: [] });
});

withAdmin("of many changes at once none is lost", async (world) => {
  const ids = Array.from({ length: MANY }, (_, i) => `agent-${i}`);
  const all = (/** @type {(id: string) => Promise<{status: number}>} */ change) => Promise.all(ids.map(change));
  const registered = await all((id) => admin(world, "POST", "/agents", { body: agent(id) }));
  assert.ok(registered.every(({ status }) => status === 201));
  const suspended = await all((id) => admin(world, "POST", `/agents/${id}/suspend`));
  assert.ok(suspended.every(({ status }) => status === 200));

  const { body } = await admin(world, "GET", "/agents");
  assert.deepEqual([body.revision, body.agents.length], [2 * MANY, MANY]);
  assert.ok(body.agents.every((/** @type {any} */ { status }) => status === "suspended"));
  const trail = (await admin(world, "GET", "/audit")).body.events;
  assert.deepEqual(trail.map((/** @type {any} */ { revision }) => revision), Array.from({ length: 2 * MANY }, (_, i) => i + 1));
  await published(world, 2 * MANY);
  // What follows from a change is an event of its own, beside that of the change.
  const isChange = (/** @type {any} */ { events }) => Object.keys(events).some((type) => type.endsWith("/agent-registry-change"));
  const changes = () => world.origin.events.map((event) => decodeJwt(event)).filter(isChange);
  await eventually(() => new Set(changes().map(({ jti }) => jti)).size === 2 * MANY, "every event");
});

withAdmin("of many changes to one revision one is made", async (world) => {
  await admin(world, "POST", "/agents", { body: agent("a") });
  const patch = (/** @type {number} */ i) =>
    admin(world, "PATCH", "/agents/a", { body: { contact: `contact ${i}` }, headers: [["If-Match", '"1"']] });
  const answers = await Promise.all(Array.from({ length: MANY }, (_, i) => patch(i)));
  const made = answers.filter(({ status }) => status === 200);
  assert.equal(made.length, 1);
  assert.ok(answers.every((answer) => answer === made[0] || refusal(answer) === "412 admin.revision_conflict"));
  assert.equal((await admin(world, "GET", "/agents/a")).body.contact, made[0]?.body.contact);
});

test("without an administrator there is no admin API", async () => {
  const world = await startWorld();
  try {
    assert.equal(refusal(await admin(world, "GET", "/agents")), "403 policy.no_route");
    assert.equal(await outcome(world), "allow", "nor a registry to wait for");
  } finally {
    await world.close();
  }
});

test("a gate that is to be administered does not start without a registry", async () => {
  const start = (/** @type {import("../lib/gate.mjs").GateOptions} */ options) => startGate({ ...options, registry: false });
  const world = await startWorld({ config: { admin: { issuer: ISSUER } }, start });
  try {
    assert.equal(refusal(await admin(world, "GET", "/agents")), "503 config.invalid");
    assert.equal(await outcome(world), "config.invalid");
  } finally {
    await world.close();
  }
});

withAdmin("a suspended agent is refused, and let in again when it is resumed", async (world) => {
  assert.equal(await outcome(world), "allow", "its directory is trusted, and nobody has registered it");
  await admin(world, "POST", "/agents", { body: agent("a", { directories: [AGENT] }) });
  await admin(world, "POST", "/agents/a/suspend");
  // Until the copy of this isolate is read anew.
  await eventually(async () => (await outcome(world)) === "agent.suspended", "a suspension that acts");
  const direct = { ...CATALOGUE, signature: { form: /** @type {const} */ ("direct") } };
  assert.equal(await outcome(world, direct), "agent.suspended", "nor under another directory of its origin");
  await admin(world, "POST", "/agents/a/resume");
  await eventually(async () => (await outcome(world)) === "allow", "a resumption that acts");
});

withAdmin("a suspended key holder is refused under a directory that nobody registered", async (world) => {
  const keys = [{ jwk: jwk(world.agent) }];
  await admin(world, "POST", "/agents", { body: agent("a", { keys, suspended: true }) });
  await published(world, 1);
  assert.equal(await outcome(world), "agent.suspended");
});

withAdmin("a rotation breaks no session within its overlap", async (world) => {
  const next = await makeKey("EdDSA");
  world.directory.keys = [jwk(world.agent), jwk(next)];
  const keys = [{ jwk: jwk(world.agent) }];
  await admin(world, "POST", "/agents", { body: agent("a", { directories: [AGENT], keys }) });
  await admin(world, "POST", "/agents/a/keys", { body: { jwk: jwk(next) } });
  await published(world, 2);
  assert.equal(await outcome(world), "allow", "the key before");
  assert.equal(await outcome(world, { ...CATALOGUE, signature: { key: next } }), "allow", "the new key");
});

withAdmin("after its overlap the key before has expired", async (world) => {
  const next = await makeKey("EdDSA");
  world.directory.keys = [jwk(world.agent), jwk(next)];
  const keys = [{ jwk: jwk(world.agent), not_before: 0 }];
  await admin(world, "POST", "/agents", { body: agent("a", { directories: [AGENT], keys }) });
  await admin(world, "POST", "/agents/a/keys", { body: { jwk: jwk(next), overlap: 0 } });
  await published(world, 2);
  assert.equal(await outcome(world), "agent.key_expired");
  assert.equal(await outcome(world, { ...CATALOGUE, signature: { key: next } }), "allow");
});

withAdmin("a revoked key is refused though its directory still has it", async (world) => {
  const next = await makeKey("EdDSA");
  world.directory.keys = [jwk(world.agent), jwk(next)];
  const keys = [{ jwk: jwk(world.agent) }, { jwk: jwk(next) }];
  await admin(world, "POST", "/agents", { body: agent("a", { directories: [AGENT], keys }) });
  await admin(world, "DELETE", `/agents/a/keys/${world.agent.kid}`);
  await published(world, 2);
  assert.equal(await outcome(world), "agent.key_revoked");
  assert.equal(await outcome(world, { ...CATALOGUE, signature: { key: next } }), "allow");
});

withAdmin("an agent of the configuration is suspended at run time, also if KV forgets it", async (world) => {
  await admin(world, "POST", "/agents/known/suspend");
  const { body } = await admin(world, "GET", "/agents/known");
  assert.deepEqual([body.status, body.source], ["suspended", "registry"]);
  await published(world, 1);
  await (await world.gate.kv()).delete("agents");
  assert.equal(await outcome(world), "agent.suspended");
  await published(world, 1);
}, () => ({ agents: [agent("known", { directories: [AGENT] })] }));

withAdmin("what KV has is not gone by where nobody says that it is still true", async (world) => {
  await admin(world, "POST", "/agents/known/suspend");
  await published(world, 1);
  const kv = await world.gate.kv();
  const current = await kv.get("agents", "json");
  assert.ok(Math.abs(Date.now() - current.published_at) < PATIENCE, "published with the time");
  // As it was before the suspension: KV took no writes since.
  await kv.put("agents", JSON.stringify({ version: 1, revision: 0, published_at: Date.now() - 600_000, agents: [] }));
  assert.equal(await outcome(world), "agent.suspended", "the object is asked");
  await published(world, 1);
}, () => ({ agents: [agent("known", { directories: [AGENT] })] }));

withAdmin("nor where it does not say when it was true", async (world) => {
  await admin(world, "POST", "/agents/known/suspend");
  await published(world, 1);
  await (await world.gate.kv()).put("agents", JSON.stringify({ version: 1, revision: 0, agents: [] }));
  assert.equal(await outcome(world), "agent.suspended");
  await published(world, 1);
}, () => ({ agents: [agent("known", { directories: [AGENT] })] }));

withAdmin("a registry that cannot be read lets no signature through", async (world) => {
  await (await world.gate.kv()).put("agents", "{}");
  assert.equal(await outcome(world), "agents.unavailable");
  assert.equal(await outcome(world, { path: "/public/x" }), "allow", "what needs no signature needs no registry");
});

withAdmin("where agents must be registered, others are refused", async (world) => {
  assert.equal(await outcome(world), "agent.unknown");
  await admin(world, "POST", "/agents", { body: agent("a", { directories: [AGENT] }) });
  await eventually(async () => (await outcome(world)) === "allow", "a registration that acts");
}, ({ signatures }) => ({ signatures: { ...signatures, require_registered: true } }));
