// Who gets a signature, or answers one, is a stranger: what it gets is of no use elsewhere, and what it says counts for itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { verifySignature } from "countersign";
import { createAgent, generateKey } from "countersign/agent";
import { internet, reply } from "../lib/internet.mjs";

const key = await generateKey();
const API = "https://api.shop.example";
const EVIL = "https://evil.example";

/** @typedef {import("countersign/agent").AgentOptions} AgentOptions */

/** @param {any} answer @param {AgentOptions} [options] */
function world(answer, options = {}) {
  const net = internet(answer);
  return { ...net, agent: createAgent({ key, fetch: net.fetch, ...options }) };
}

for (const [what, options] of /** @type {[string, AgentOptions][]} */ ([
  ["plain headers", { profile: "agent-headers", agentId: "a" }],
  ["a signature over method and path", { components: ["@method", "@path"] }],
])) {
  test(`${what} would hold at every server, and go to those alone that are listed`, async () => {
    const { agent, sent } = world(() => reply(200), { ...options, signedOrigins: [API] });
    for (const url of [`${EVIL}/`, "http://api.shop.example/", `${API}/a`]) await agent.fetch(url, { method: "POST", body: "{}" });
    assert.deepEqual(sent.map(({ headers }) => headers.has("signature")), [false, false, true]);
    assert.deepEqual(sent.map(({ headers }) => headers.has("agent-id")), [false, false, options.profile === "agent-headers"]);
    assert.ok(!(await agent.sign(EVIL)).has("signature"));
  });
}
