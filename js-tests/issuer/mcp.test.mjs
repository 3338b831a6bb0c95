// An MCP server behind the gate, by the authorization rules of revision 2026-07-28: the official client, unmodified, is
// refused, discovers the issuer, registers, gets a token, comes back and calls a tool; for a tool that needs more it
// steps up. The server sees none of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { createGate } from "../lib/in-process.mjs";
import { McpAgent } from "../lib/mcp-agent.mjs";
import { STEPS, TOOLS } from "../lib/mcp-server.mjs";
import { AGENT_DOCUMENT, METADATA, OTHER_RESOURCE, SCOPE, startMcpWorld } from "../lib/mcp-world.mjs";
import { CLIENTS, PROVIDER } from "../lib/provider.mjs";

/** @type {import("../lib/mcp-world.mjs").McpWorld} */
let world;
/** @type {McpAgent[]} */
let agents = [];
before(async () => {
  world = await startMcpWorld();
});
beforeEach(() => {
  world.server.requests.length = 0;
});
afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.close()));
  agents = [];
});
after(() => world.close());

/** @param {Partial<import("../lib/mcp-agent.mjs").McpAgentOptions>} [options] */
function agent(options = {}) {
  const made = new McpAgent({ reach: world.reach, url: world.resource, ...options });
  agents.push(made);
  return made;
}

/** @param {any} result */
const text = ({ content, isError }) => `${isError ? "failed: " : ""}${content[0].text}`;

test("the configuration of docs/mcp.md loads", () => {
  const document = readFileSync(new URL("../../docs/mcp.md", import.meta.url), "utf8");
  const [, toml = ""] = /^```toml mcp\n(.*?)^```$/ms.exec(document) ?? [];
  assert.match(toml, /routes.mcp.operations/);
  createGate(toml);
});

test("without a token the client is told where the metadata is and which scopes it needs, as is anyone", async () => {
  const response = await fetch(world.resource, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
  assert.equal(response.status, 401);
  const challenge = response.headers.get("www-authenticate") ?? "";
  assert.match(challenge, /^Bearer /);
  assert.ok(challenge.includes(`resource_metadata="${world.url}${METADATA}"`), challenge);
  assert.ok(challenge.includes(`scope="${SCOPE.use}"`), challenge);
  assert.doesNotMatch(challenge, /error=/);
  assert.equal(world.server.requests.length, 0);
});

test("the metadata names the resource as its URL is, and the issuer", async () => {
  const response = await fetch(world.url + METADATA, { headers: { "mcp-protocol-version": "2026-07-28" } });
  assert.equal(response.status, 200);
  /** @type {any} */
  const metadata = await response.json();
  assert.equal(metadata.resource, world.resource);
  assert.deepEqual(metadata.authorization_servers, [PROVIDER]);
  assert.deepEqual(metadata.scopes_supported, [SCOPE.use, SCOPE.order].sort());
});

/** @type {[string, Partial<import("../lib/mcp-agent.mjs").McpAgentOptions>][]} */
const REGISTRATIONS = [
  ["a client id metadata document", { clientMetadataUrl: AGENT_DOCUMENT }],
  ["dynamic client registration", {}],
];
const MODES = /** @type {const} */ (["auto", "legacy"]);

for (const [how, options] of REGISTRATIONS) {
  for (const mode of MODES) {
    test(`the client (${mode === "auto" ? "2026-07-28" : "before 2026-07-28"}, by ${how}) is refused, discovers, gets a token, comes back and calls a tool`, async (t) => {
      const client = agent({ ...options, mode });
      assert.equal(text(await client.call(TOOLS.read, { item: "tea" })), "7 of tea");
      t.diagnostic(client.exchanges.map((line) => line.replaceAll(world.url, "GATE").replaceAll(PROVIDER, "ISSUER")).join("\n"));
      // Whoever follows the specification asks for no more than it was told to.
      const [address] = client.keeper.sentTo;
      assert.equal(client.keeper.sentTo.length, 1);
      assert.equal(address.searchParams.get("resource"), world.resource);
      assert.equal(address.searchParams.get("scope"), SCOPE.use);
      assert.ok(client.exchanges.includes(`GET ${world.url}${METADATA} 200`));
      if (mode === "legacy") assert.ok(client.exchanges.includes(`GET ${world.resource} 405`));
      assertNothingPassed(client);
    });
  }
}

test("a tool that needs more is refused with all that it needs, and the client steps up", async () => {
  // Who registers dynamically registers for the scope of the first challenge, and this issuer then grants no more.
  const client = agent({ clientMetadataUrl: AGENT_DOCUMENT });
  await client.call(TOOLS.read, { item: "tea" });
  assert.equal(text(await client.call(TOOLS.write, { item: "tea" })), "ordered tea");
  const refusal = client.challenges.find((challenge) => challenge.includes("insufficient_scope")) ?? "";
  assert.ok(refusal.includes(`scope="${SCOPE.use} ${SCOPE.order}"`), refusal);
  assert.ok(refusal.includes(`resource_metadata="${world.url}${METADATA}"`), refusal);
  assert.equal(client.exchanges.filter((line) => line === `POST ${world.resource} 403`).length, 1);
  assert.deepEqual(client.keeper.sentTo.map((url) => url.searchParams.get("scope")), [SCOPE.use, `${SCOPE.use} ${SCOPE.order}`]);
  assertNothingPassed(client);
});

test("a token that is bound to the client's key is taken with its proofs", async () => {
  const client = agent({ dpop: true });
  assert.equal(text(await client.call(TOOLS.read, { item: "tea" })), "7 of tea");
  assert.equal(client.keeper.tokens()?.token_type.toLowerCase(), "dpop");
  assertNothingPassed(client);
});

test("where bound tokens are required, a client with a key gets in, and one without does not", async () => {
  const shared = world;
  world = await startMcpWorld({ require: ["token", "dpop"] });
  try {
    const [bound, bearer] = [agent({ dpop: true }), agent()];
    await assert.rejects(bearer.call(TOOLS.read, { item: "tea" }));
    assert.equal(world.server.requests.length, 0);
    assert.equal(text(await bound.call(TOOLS.read, { item: "tea" })), "7 of tea");
    assertNothingPassed(bound);
  } finally {
    await world.close();
    world = shared;
  }
});

test("what a tool tells on its way comes through as it is told", async () => {
  const client = agent();
  /** @type {number[]} */
  const told = [];
  const result = await client.call(TOOLS.slow, { item: "tea" }, { onprogress: ({ progress }) => void told.push(progress) });
  assert.equal(text(result), "counted tea");
  assert.deepEqual(told, Array.from({ length: STEPS }, (_, i) => i + 1));
});

test("when its token is no longer good, the client gets another", async () => {
  const client = agent();
  await client.call(TOOLS.read, { item: "tea" });
  const before = client.keeper.tokens()?.access_token;
  await world.provider.rotate();
  // The gate asks for keys again as soon as a token has one that it does not know.
  const other = agent();
  assert.equal(text(await other.call(TOOLS.read, { item: "tea" })), "7 of tea");
  assert.equal(text(await client.call(TOOLS.read, { item: "tea" })), "7 of tea");
  assert.notEqual(client.keeper.tokens()?.access_token, before);
  assert.ok(client.challenges.at(-1)?.includes('error="invalid_token"'));
});

test("a token for another MCP server is refused", async () => {
  const client = agent();
  await client.call(TOOLS.read, { item: "tea" });
  const before = world.server.requests.length;
  const token = await tokenFor(OTHER_RESOURCE);
  const response = await fetch(world.resource, {
    method: "POST",
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", accept: "application/json, text/event-stream" },
  });
  assert.equal(response.status, 401);
  assert.match(response.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
  assert.equal(world.server.requests.length, before);
});

test("fields that say something else than the body are refused before the server sees them", async () => {
  const token = await tokenFor(world.resource);
  const response = await fetch(world.resource, {
    method: "POST",
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: TOOLS.write, arguments: { item: "tea" } } }),
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": TOOLS.read,
    },
  });
  assert.equal(response.status, 400);
  /** @type {any} */
  const problem = await response.json();
  assert.equal(problem.code, "mcp.header_mismatch");
  assert.equal(world.server.requests.length, 0);
});

/** @param {string} resource */
async function tokenFor(resource) {
  const { service } = CLIENTS;
  const response = await world.reach(`${PROVIDER}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${service.id}:${encodeURIComponent(service.secret)}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials", resource, scope: SCOPE.use }),
  });
  /** @type {any} */
  const { access_token } = await response.json();
  assert.ok(access_token);
  return access_token;
}

/**
 * Tokens end at the gate (MCP: tokens are never passed through).
 *
 * @param {McpAgent} client
 */
function assertNothingPassed(client) {
  const token = client.keeper.tokens()?.access_token ?? "";
  assert.notEqual(token, "");
  assert.notEqual(world.server.requests.length, 0);
  for (const headers of world.server.requests) {
    assert.equal(headers.authorization, undefined);
    assert.equal(headers.dpop, undefined);
    assert.ok(!JSON.stringify(headers).includes(token));
  }
}
