// An agent before the gate in workerd: what it sends is let through, what the gate asks for is given, once.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { createAgent, generateKey, importKey } from "countersign/agent";
import { AGENT } from "../lib/names.mjs";
import { startWorld } from "../lib/world.mjs";

/** @typedef {import("countersign/agent").Exchange} Exchange */
/** @typedef {import("countersign/agent").AgentOptions} AgentOptions */

const COVERED = ["@method", "@path", "content-digest", "authorization"];

const ROUTES = [
  { match: "* /signed", require: ["signature"], replay: "exact" },
  { match: "* /asking", require: ["signature"], components: ["@target-uri", "x-tenant"], replay: "exact" },
  { match: "* /nonce", require: ["token", "dpop"], dpop_nonce: "required", replay: "exact" },
  { match: "* /orders", require: ["signature", "token", "dpop"], scope: ["order:write"], components: COVERED, replay: "exact" },
  { match: "GET /mfa", require: ["token"], acr_values: ["urn:shop:mfa"] },
  { match: "GET /limited", require: ["signature"], rate: [{ per: "key", limit: 60, window: "1m", burst: 1 }] },
];

/** @type {import("../lib/world.mjs").World} */
let world;
/** @type {Record<"wba" | "tap" | "plain" | "other", import("countersign/agent").AgentKey>} */
let keys;
before(async () => {
  const [tap, plain, other] = await Promise.all([generateKey(), generateKey(), generateKey({ algorithm: "ES256" })]);
  const registered = Object.entries({ tap, plain, other }).map(([id, { publicJwk: { kty, crv, x, y } }]) => ({
    id,
    operator: AGENT,
    purpose: "tests",
    contact: "ops@agents.example",
    keys: [{ jwk: { kty, crv, x, ...(y && { y }) } }],
  }));
  world = await startWorld({
    config: {
      routes: ROUTES,
      signatures: { profiles: ["web-bot-auth", "tap", "agent-headers", "rfc9421"], trust: [AGENT], rules: { rfc9421: { components: ["@method"] } } },
      agents: registered,
    },
    secrets: { GATE_NONCE_SECRET: randomBytes(32).toString("base64") },
  });
  keys = { wba: await importKey({ ...world.agent.privateJwk, alg: "EdDSA" }), tap, plain, other };
});
after(() => world.close());

/**
 * Sends, and gives what came back with all that went out.
 *
 * @param {Partial<AgentOptions>} options @param {string} path @param {RequestInit} [init]
 */
async function fetched(options, path, init) {
  /** @type {Exchange[]} */
  const exchanges = [];
  const agent = createAgent({ key: keys.wba, signatureAgent: AGENT, onExchange: (one) => exchanges.push(one), ...options });
  const response = await agent.fetch(world.url + path, init);
  const { code } = /** @type {{code?: string}} */ (await response.json());
  return { status: response.status, code, exchanges, answers: exchanges.map(({ answers }) => answers.join("+")) };
}

/** @param {readonly string[]} [scopes] */
const tokenOf = (scopes = []) => world.issuer.mint({ jkt: keys.wba.thumbprint, claims: { scope: scopes.join(" ") } });

test("a key that no directory has is refused, and nothing is sent twice for it", async () => {
  const { status, code, answers } = await fetched({ key: await generateKey() }, "/signed");
  assert.deepEqual([status, code, answers], [401, "signature.key_unknown", [""]]);
});

test("a static token that lacks a scope is refused once", async () => {
  const { status, code, answers } = await fetched({ token: await tokenOf(["other"]), tokenOrigins: [world.url] }, "/orders", { method: "POST", body: "{}" });
  assert.deepEqual([status, code, answers], [403, "policy.scope_missing", [""]]);
});

test("a component that the request has not cannot be asked for", async () => {
  const { status, code, answers } = await fetched({}, "/asking");
  assert.deepEqual([status, code, answers], [401, "signature.component_not_covered", [""]]);
});

for (const [name, options] of /** @type {[string, () => Partial<AgentOptions>][]} */ ([
  ["web-bot-auth, by a member of a Dictionary", () => ({})],
  ["web-bot-auth, by a String", () => ({ signatureAgentForm: "string" })],
  ["web-bot-auth, by the URL of the key set", () => ({ signatureAgent: `${AGENT}/jwks.json` })],
  ["tap, to browse", () => ({ profile: "tap", key: keys.tap, signatureAgent: undefined })],
  ["tap, to pay", () => ({ profile: "tap", key: keys.tap, signatureAgent: undefined, tag: "agent-payer-auth" })],
  ["agent-headers", () => ({ profile: "agent-headers", key: keys.plain, agentId: "plain", signatureAgent: undefined, signedOrigins: [world.url] })],
  ["rfc9421", () => ({ profile: "rfc9421", key: keys.other, signatureAgent: undefined, alg: true, components: ["@target-uri", "@method"] })],
])) {
  test(`the gate lets a request through that is signed as ${name}`, async () => {
    const options_ = options();
    const got = await fetched(options_, "/signed?a=b%20c", { method: "POST", body: new Blob([`{"id":"${randomBytes(8).toString("hex")}"}`]) });
    assert.deepEqual([got.status, got.answers], [200, [""]], got.code);
    assert.match(got.exchanges[0]?.decision ?? "", /^[0-9A-Z]{26}$/);
  });
}

test("each request has a nonce of its own, so that many at once pass exactly once each", async () => {
  const agent = createAgent({ key: keys.wba, signatureAgent: AGENT });
  const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await agent.fetch(`${world.url}/signed`)).status));
  assert.deepEqual(new Set(statuses), new Set([200]));
});

test("what Accept-Signature asks for is covered besides what the agent covers itself", async () => {
  const { status, answers, exchanges } = await fetched({}, "/asking", { headers: { "x-tenant": "7" } });
  assert.deepEqual([status, answers], [200, ["signature", ""]]);
  assert.match(exchanges[1]?.base ?? "", /"@target-uri": .*\n(.*\n)*"x-tenant": \*\*\*\n(.*\n)*"@method": GET\n/);
});

test("a nonce for proofs is taken once, and remembered for the origin", async () => {
  /** @type {Exchange[]} */
  const exchanges = [];
  const token = () => tokenOf();
  const agent = createAgent({ key: keys.wba, token, tokenOrigins: [world.url], onExchange: (one) => exchanges.push(one) });
  for (const _ of [1, 2]) assert.equal((await agent.fetch(`${world.url}/nonce`)).status, 200);
  assert.deepEqual(exchanges.map(({ status, answers }) => [status, ...answers]), [[401, "nonce"], [200], [200]]);
  assert.equal(exchanges[0]?.proof?.nonce, undefined);
  assert.equal(exchanges[1]?.proof?.nonce, exchanges[2]?.proof?.nonce);
});

test("the scopes of a refusal are got, once, and what is asked for together is given together", async () => {
  /** @type {import("countersign/agent").TokenNeed[]} */
  const needs = [];
  const token = (/** @type {import("countersign/agent").TokenNeed} */ need) => {
    needs.push(need);
    return tokenOf(need.scopes);
  };
  const got = await fetched({ token, tokenOrigins: [world.url] }, "/orders", { method: "POST", body: '{"total":1}' });
  assert.deepEqual([got.status, got.answers], [200, ["token", ""]], got.code);
  assert.equal(needs.length, 2);
  assert.deepEqual(needs[1]?.scopes, ["order:write"]);
  assert.equal(needs[1]?.error, "insufficient_scope");
  assert.equal(needs[1]?.dpop_jkt, keys.wba.thumbprint);
  assert.equal(needs[1]?.resource_metadata, `${world.url}/.well-known/oauth-protected-resource`);
  const url = `${world.url}/orders`;
  assert.deepEqual(needs.map((need) => [need.method, need.url]), [["POST", url], ["POST", url]]);
});

test("an authentication that is asked for is passed on as it is asked for", async () => {
  /** @type {import("countersign/agent").TokenNeed[]} */
  const needs = [];
  const token = (/** @type {import("countersign/agent").TokenNeed} */ need) => {
    needs.push(need);
    return world.issuer.mint({ claims: { acr: need.acr_values?.[0] ?? "urn:shop:password" } });
  };
  const { status, answers } = await fetched({ token, dpop: false, tokenOrigins: [world.url] }, "/mfa");
  assert.deepEqual([status, answers], [200, ["token", ""]]);
  assert.deepEqual([needs[1]?.error, needs[1]?.acr_values], ["insufficient_user_authentication", ["urn:shop:mfa"]]);
});

test("no token is sent before one is asked for, where there is none yet", async () => {
  /** @param {import("countersign/agent").TokenNeed} need */
  const token = async (need) => (need.scopes ? { access_token: await tokenOf(need.scopes), token_type: "DPoP" } : undefined);
  const { status, answers } = await fetched({ token, tokenOrigins: [world.url] }, "/orders", { method: "POST", body: "{}" });
  assert.deepEqual([status, answers], [200, ["token", ""]]);
});

test("a limit is waited for, as long as the gate says", async () => {
  /** @type {number[]} */
  const waited = [];
  const pause = async (/** @type {number} */ milliseconds) => void waited.push(milliseconds);
  const first = await fetched({ pause }, "/limited");
  assert.equal(first.status, 200);
  const second = await fetched({ pause }, "/limited");
  // Nobody waited in truth, so that the gate may well refuse again, which the caller gets.
  assert.deepEqual(second.answers, ["wait", ""]);
  assert.equal(waited.length, 1);
  assert.ok((waited[0] ?? 0) >= 1000 && (waited[0] ?? 0) <= 30_000);
});
