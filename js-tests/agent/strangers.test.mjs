// Who gets a signature, or answers one, is a stranger: what it gets is of no use elsewhere, and what it says counts for itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { verifySignature } from "countersign";
import { createAgent, CountersignError, generateKey } from "countersign/agent";
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

/** As of a platform that has followed a redirect to this URL. @param {Response} response @param {string} url */
const followed = (response, url) => Object.defineProperties(response, { redirected: { value: true }, url: { value: url } });

const WISHES = {
  "dpop-nonce": "of-evil",
  "www-authenticate": 'DPoP error="use_dpop_nonce", DPoP error="insufficient_scope", scope="admin"',
  "accept-signature": 'x=("@target-uri");nonce="of-evil"',
  "retry-after": "1",
  location: "/elsewhere",
};

for (const options of /** @type {AgentOptions[]} */ ([{ redirects: "platform" }, { redirects: "sign" }])) {
  for (const url of [`${EVIL}/steal`, ""]) {
    test(`what ${url || "an unknown URL"} answers after the platform followed there is not the origin's own (${options.redirects})`, async () => {
      for (const status of [401, 403, 429, 503, 307]) {
        /** @type {unknown[]} */
        const scopes = [];
        const { agent, sent } = world(() => followed(reply(status, WISHES), url), {
          ...options,
          token: ({ scopes: wanted }) => (scopes.push(wanted), "token"),
          tokenOrigins: [API],
          pause: () => assert.fail("nobody is waited for"),
        });
        for (const _ of [1, 2]) assert.equal((await agent.fetch(`${API}/list`)).status, status);
        assert.deepEqual([sent.length, scopes], [2, [undefined, undefined]]);
        assert.doesNotMatch(Buffer.from(sent[1]?.headers.get("dpop")?.split(".")[1] ?? "", "base64url").toString(), /nonce/);
      }
    });
  }
}

test("what the origin itself answers after the platform followed within it is answered", async () => {
  const { agent, sent } = world((/** @type {unknown} */ _, /** @type {number} */ index) => followed(reply(index === 0 ? 401 : 200, WISHES), `${API}/moved`), {
    redirects: "platform",
    token: "token",
    tokenOrigins: [API],
  });
  assert.equal((await agent.fetch(`${API}/list`)).status, 200);
  assert.match(Buffer.from(sent[1]?.headers.get("dpop")?.split(".")[1] ?? "", "base64url").toString(), /"nonce":"of-evil"/);
});

const PARAMS = '"@signature-params": ("@method");created=';
for (const [what, body, isRefused] of /** @type {[string, string | Uint8Array<ArrayBuffer>, boolean][]} */ ([
  ["a signature base", `"@method": POST\n"@authority": shop.example\n${PARAMS}`, true],
  ["a signature base over nothing", '"@signature-params": ();created=', true],
  ["a signature base, as bytes", Buffer.from(`"x": \xe9\n${PARAMS}`, "latin1"), true],
  ["a line of one that is not the last", `${PARAMS}\n`, false],
  ["a line of one that does not begin there", `x${PARAMS}`, false],
  ["less than a line of one", '"@signature-params"', false],
  ["nothing", "", false],
])) {
  test(`plain headers over content that is ${what} are ${isRefused ? "refused" : "made"}`, async () => {
    const { agent, sent } = world(() => reply(200), { profile: "agent-headers", agentId: "a", signedOrigins: [API] });
    const code = await agent.fetch(API, { method: "POST", body }).then(() => undefined, (error) => error instanceof CountersignError && error.code);
    assert.deepEqual([code, sent.length], isRefused ? ["agent.unsignable", 0] : [undefined, 1]);
  });
}
