// An agent's fetch as that of other people's SDKs, against the gate in workerd: MCP, OpenAI, Anthropic, OAuth.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import * as oauth from "oauth4webapi";
import OpenAI from "openai";
import { createAgent, importKey } from "countersign/agent";
import { startDirectory } from "../lib/directory.mjs";
import { startGate } from "../lib/gate.mjs";
import { startIssuer } from "../lib/issuer.mjs";
import { makeKey } from "../lib/keys.mjs";
import { MCP_PATH, startMcpServer, STEPS, TOOLS } from "../lib/mcp-server.mjs";
import { PIECES, startModelServer } from "../lib/model-server.mjs";
import { AGENT, ISSUER, JWKS_PATH } from "../lib/names.mjs";
import { freePort } from "../lib/net.mjs";

/** @typedef {import("countersign/agent").AgentOptions} AgentOptions */
/** @typedef {import("countersign/agent").Exchange} Exchange */
/** @typedef {import("countersign/agent").TokenNeed} TokenNeed */

const PROVEN = ["signature", "token", "dpop"];
const COVERED = ["@method", "@path", "content-digest", "authorization"];

const closing = /** @type {(() => Promise<unknown>)[]} */ ([]);
after(async () => {
  for (const close of closing.reverse()) await close();
});

/**
 * A gate before an origin, an issuer whose tokens are for it, and an agent's key in its directory.
 *
 * @param {string} origin @param {object} config @param {string} [path] of the resource that tokens are for
 */
async function guard(origin, config, path = "") {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const made = await makeKey("EdDSA");
  const issuer = await startIssuer({ audience: url + path });
  const directory = await startDirectory([made.publicJwk]);
  const gate = await startGate({
    port,
    hosts: { [ISSUER]: issuer.url, [AGENT]: directory.url },
    secrets: { GATE_NONCE_SECRET: randomBytes(32).toString("base64") },
    config: {
      origin,
      public_origins: [url],
      issuers: [{ issuer: ISSUER, jwks_uri: ISSUER + JWKS_PATH, audience: [url + path], algorithms: ["EdDSA"], profile: "at+jwt" }],
      signatures: { profiles: ["web-bot-auth"], trust: [AGENT] },
      ...config,
    },
  });
  closing.push(() => issuer.close(), () => directory.close(), () => gate.close());
  const key = await importKey({ ...made.privateJwk, alg: "EdDSA" });
  /** Each scope that was asked for. @type {string[]} */
  const asked = [];
  /** @type {Exchange[]} */
  const exchanges = [];
  const mint = (/** @type {string[]} */ ...scopes) => issuer.mint({ jkt: key.thumbprint, claims: { scope: scopes.join(" ") } });
  const token = async (/** @type {TokenNeed} */ { scopes = [] }) => {
    asked.push(scopes.join(" "));
    return { access_token: await mint(...scopes), token_type: "DPoP" };
  };
  /** @param {Partial<AgentOptions>} [options] */
  const agent = (options) => createAgent({ key, signatureAgent: AGENT, token, tokenOrigins: [url], onExchange: (one) => exchanges.push(one), ...options });
  return { url, agent, asked, exchanges, mint, issuer };
}

/** @type {Awaited<ReturnType<typeof guard>>} */
let mcp;
/** @type {Awaited<ReturnType<typeof guard>>} */
let models;
/** @type {Awaited<ReturnType<typeof startModelServer>>} */
let model;
before(async () => {
  const tools = await startMcpServer();
  model = await startModelServer();
  closing.push(() => tools.close(), () => model.close());
  const guarded = { require: PROVEN, scope: ["mcp:use"], dpop_nonce: "required", components: COVERED };
  mcp = await guard(tools.url, {
    strip_credentials: true,
    resources: [{ path: MCP_PATH, name: "Demo shop" }],
    routes: [
      { match: `POST ${MCP_PATH}`, ...guarded, mcp: { legacy: true, operations: [{ method: "tools/call", name: TOOLS.write, scope: ["order:write"] }] } },
      { match: `GET ${MCP_PATH}`, ...guarded },
      { match: `DELETE ${MCP_PATH}`, ...guarded },
    ],
  }, MCP_PATH);
  models = await guard(model.url, {
    routes: [
      { match: "POST /v1/chat/completions", require: PROVEN, scope: ["model:use"], components: COVERED },
      { match: "POST /v1/messages", require: PROVEN, components: COVERED },
    ],
  });
});

/** @param {typeof globalThis.fetch} fetch @param {"legacy" | "auto"} mode */
async function mcpClient(fetch, mode) {
  const client = new Client({ name: "demo-agent", version: "1.0.0" }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(mcp.url + MCP_PATH), { fetch }));
  return client;
}

test("MCP: without the agent's fetch the client is refused", async () => {
  await assert.rejects(mcpClient(fetch, "auto"));
});

test("MCP: a tool that needs more than the token has is refused where there is no other token", async () => {
  const client = await mcpClient(mcp.agent({ token: await mcp.mint("mcp:use") }).fetch, "auto");
  const result = await client.callTool({ name: TOOLS.read, arguments: { item: "tea" } });
  assert.deepEqual(result.content, [{ type: "text", text: "7 of tea" }]);
  await assert.rejects(client.callTool({ name: TOOLS.write, arguments: { item: "tea" } }));
  await client.close();
});

for (const mode of /** @type {const} */ (["auto", "legacy"])) {
  test(`MCP (${mode}): tools are called with nonces and with the scopes that they need, without anything of the client's own`, async () => {
    mcp.asked.length = mcp.exchanges.length = 0;
    const client = await mcpClient(mcp.agent().fetch, mode);
    const read = await client.callTool({ name: TOOLS.read, arguments: { item: "tea" } });
    assert.deepEqual(read.content, [{ type: "text", text: "7 of tea" }]);
    const wrote = await client.callTool({ name: TOOLS.write, arguments: { item: "tea" } });
    assert.deepEqual(wrote.content, [{ type: "text", text: "ordered tea" }]);
    const again = await client.callTool({ name: TOOLS.write, arguments: { item: "tea" } });
    assert.deepEqual(again.content, wrote.content);
    await client.close();
    assert.deepEqual(mcp.asked, ["", "mcp:use", "mcp:use order:write"], "each scope is got once");
    const answers = mcp.exchanges.flatMap(({ answers }) => [...answers]);
    assert.deepEqual([...new Set(answers)].sort(), ["nonce", "token"]);
    assert.equal(answers.filter((answer) => answer === "nonce").length, 1, "the nonce is remembered");
  });
}

test("MCP: what a tool says while it works streams through", async () => {
  const client = await mcpClient(mcp.agent().fetch, "auto");
  /** @type {number[]} */
  const steps = [];
  const onprogress = (/** @type {{progress: number}} */ { progress }) => void steps.push(progress);
  const result = await client.callTool({ name: TOOLS.slow, arguments: { item: "tea" } }, { onprogress });
  assert.deepEqual(result.content, [{ type: "text", text: "counted tea" }]);
  assert.deepEqual(steps, Array.from({ length: STEPS }, (_, n) => n + 1));
  await client.close();
});

/** The SDK's own credential stays away, so that the agent's goes out. @param {typeof globalThis.fetch} fetch */
function openai(fetch) {
  return new OpenAI({ apiKey: "unused", baseURL: `${models.url}/v1`, fetch, maxRetries: 0, defaultHeaders: { Authorization: null } });
}

const CHAT = { model: "m", messages: [{ role: /** @type {const} */ ("user"), content: "How much tea?" }] };

test("OpenAI: without the agent's fetch the client is refused", async () => {
  await assert.rejects(openai(fetch).chat.completions.create(CHAT), OpenAI.AuthenticationError);
});

test("OpenAI: an answer as a whole, and one that streams", async () => {
  const client = openai(models.agent().fetch);
  const whole = await client.chat.completions.create(CHAT);
  assert.equal(whole.choices[0]?.message.content, PIECES.join(""));
  const pieces = [];
  for await (const chunk of await client.chat.completions.create({ ...CHAT, stream: true })) pieces.push(chunk.choices[0]?.delta.content);
  assert.deepEqual(pieces, PIECES);
  assert.deepEqual(models.asked, ["", "model:use"]);
});

test("OpenAI: a call that is given up ends", async () => {
  const controller = new AbortController();
  controller.abort();
  await assert.rejects(openai(models.agent().fetch).chat.completions.create(CHAT, { signal: controller.signal }), OpenAI.APIUserAbortError);
});

test("Anthropic: an answer as a whole, and one that streams", async () => {
  const { fetch } = models.agent();
  const client = new Anthropic({ apiKey: "unused", baseURL: models.url, fetch, maxRetries: 0, defaultHeaders: { Authorization: null, "X-Api-Key": null } });
  const request = { model: "m", max_tokens: 9, messages: CHAT.messages };
  const whole = await client.messages.create(request);
  assert.deepEqual(whole.content, [{ type: "text", text: PIECES.join("") }]);
  assert.equal(await client.messages.stream(request).finalText(), PIECES.join(""));
  const { authorization, dpop, signature } = model.requests.at(-1)?.headers ?? {};
  assert.ok(authorization?.startsWith("DPoP ") && dpop && signature);
});

test("oauth4webapi: proofs of its own stay, and are signed, and what is wrong with them is its own to know", async () => {
  const agent = models.agent({ token: undefined, tokenOrigins: undefined });
  const options = { [oauth.customFetch]: /** @type {any} */ (agent.fetch), [oauth.allowInsecureRequests]: true };
  const holder = await makeKey("ES256");
  const DPoP = oauth.DPoP({}, holder);
  const ask = (/** @type {string} */ token) =>
    oauth.protectedResourceRequest(token, "POST", new URL(`${models.url}/v1/chat/completions`), new Headers(), JSON.stringify(CHAT), { ...options, DPoP });
  const challenge = (/** @type {unknown} */ error) => error instanceof oauth.WWWAuthenticateChallengeError && error.cause.some(({ parameters }) => /^invalid_/.test(parameters.error ?? ""));
  await assert.rejects(ask(await models.mint("model:use")), challenge);
  const response = await ask(await models.issuer.mint({ jkt: holder.kid, claims: { scope: "model:use" } }));
  assert.equal(response.status, 200);
  assert.match(models.exchanges.at(-1)?.base ?? "", /"authorization": \*\*\*\n"dpop": \*\*\*\n/);
});
