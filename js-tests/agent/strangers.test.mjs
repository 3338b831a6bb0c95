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

for (const [what, options] of /** @type {[string, AgentOptions & {profile: "web-bot-auth" | "tap" | "rfc9421"}][]} */ ([
  ["Web Bot Auth", { profile: "web-bot-auth", signatureAgent: "https://agents.example" }],
  ["TAP", { profile: "tap" }],
  ["no profile", { profile: "rfc9421", components: ["@authority"] }],
])) {
  test(`a signature under ${what} that went in the clear does not hold over TLS`, async () => {
    const { agent, sent } = world(() => reply(200), options);
    for (const scheme of ["http", "https"]) await agent.fetch(`${scheme}://api.shop.example/orders/7`, { method: "DELETE" });
    const [clear, kept] = sent.map(({ headers }) => [...headers]);
    const at = async (/** @type {string} */ scheme, /** @type {[string, string][]} */ headers = []) => {
      const message = { method: "DELETE", url: `${scheme}://api.shop.example/orders/7`, headers };
      return (await verifySignature(message, { keys: key.publicJwk, profile: options.profile })).code;
    };
    assert.deepEqual([await at("https", clear), await at("http", clear), await at("https", kept)], ["signature.invalid", "ok", "ok"]);
  });
}

test("what does not leave this machine is not in the clear", async () => {
  const { agent, sent } = world(() => reply(200));
  await agent.fetch("http://localhost:8080/");
  assert.doesNotMatch(sent[0]?.headers.get("signature-input") ?? "", /@scheme/);
});
