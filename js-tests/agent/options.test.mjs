// What an agent cannot be made of, and what it will not send: refused with a code, without repeating what was given.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAgent, CountersignError, generateKey } from "countersign/agent";

const key = await generateKey();
const es256 = await generateKey({ algorithm: "ES256" });
const SECRET = "s3cr3t-v4lu3";
const URL_ = "https://api.shop.example/a";

/** An agent that sends nothing anywhere. @param {object} [options] */
const agentOf = (options = {}) => createAgent(/** @type {any} */ ({ key, fetch: async () => new Response(null), ...options }));

/** @param {string} code */
const refusal = (code) => (/** @type {unknown} */ error) => {
  assert.ok(error instanceof CountersignError, String(error));
  assert.equal(error.code, code);
  assert.doesNotMatch(`${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`, new RegExp(SECRET));
  return true;
};

for (const [what, options] of Object.entries({
  "nothing at all": {},
  "neither key nor token": { signatureAgent: "https://agents.example" },
  "an unknown option": { key, colour: "red" },
  "a misspelt option": { key, tokenOrigin: ["https://a.example"] },
  "a key that is a JWK": { key: { kty: "OKP" } },
  "a key of an unknown algorithm": { key: { ...es256, algorithm: "HS256", sign: es256.sign } },
  "a token without its origins": { key, token: SECRET },
  "origins without a token": { key, tokenOrigins: ["https://a.example"] },
  "no origin for the token": { key, token: SECRET, tokenOrigins: [] },
  "an origin with a path": { key, token: SECRET, tokenOrigins: ["https://a.example/api"] },
  "an origin that is none": { key, token: SECRET, tokenOrigins: ["a.example"] },
  "every origin": { key, token: SECRET, tokenOrigins: ["*"] },
  "an origin in the clear": { key, token: SECRET, tokenOrigins: ["http://a.example"] },
  "an origin that looks like loopback": { key, token: SECRET, tokenOrigins: ["http://127.0.0.1.example"] },
  "an origin with a user": { key, token: SECRET, tokenOrigins: [`https://u:${SECRET}@a.example`] },
  "a token that is a number": { key, token: 7, tokenOrigins: ["https://a.example"] },
  "proofs without a key": { token: SECRET, tokenOrigins: ["https://a.example"], dpop: true },
  "an unknown profile": { key, profile: "cavage" },
  "web-bot-auth without its agent": { key, profile: "web-bot-auth" },
  "an agent that is not web-bot-auth's": { key, profile: "rfc9421", signatureAgent: "https://agents.example" },
  "an agent in the clear": { key, signatureAgent: "http://agents.example" },
  "an agent with a user": { key, signatureAgent: "https://u@agents.example" },
  "an agent with a path as a String": { key, signatureAgent: "https://agents.example/keys", signatureAgentForm: "string" },
  "tap with a tag of its own": { key, profile: "tap", tag: "mine" },
  "tap for an hour": { key, profile: "tap", expiresIn: 3600 },
  "tap without nonce": { key, profile: "tap", nonce: false },
  "plain headers for everybody": { key, profile: "agent-headers", agentId: "a" },
  "components that name no host, for everybody": { key, components: ["@method", "@path", "@scheme", "content-digest"] },
  "plain headers without a name": { key, profile: "agent-headers" },
  "plain headers with a comma in the name": { key, profile: "agent-headers", agentId: "a,b", signedOrigins: ["https://a.example"] },
  "plain headers with ECDSA": { key: es256, profile: "agent-headers", agentId: "a", signedOrigins: ["https://a.example"] },
  "plain headers with components": { key, profile: "agent-headers", agentId: "a", components: ["@method", "@authority"], signedOrigins: ["https://a.example"] },
  "plain headers twice under one name": { key, profile: "agent-headers", agentId: "a", headerNames: { agent: "timestamp" }, signedOrigins: ["https://a.example"] },
  "a name that is not plain headers'": { key, agentId: "a" },
  "a component of responses": { key, components: ["@status"] },
  "a component in capitals": { key, components: ["Content-Type"] },
  "a component that is unknown": { key, components: ["@body"] },
  "a component of trailers": { key, components: ['"x";tr'] },
  "a query parameter without name": { key, components: ["@query-param"] },
  "the signature itself": { key, components: ["signature-input"] },
  "components that are no list": { key, components: "@method" },
  "signatures for no time": { key, expiresIn: 0 },
  "signatures for a week": { key, expiresIn: 7 * 24 * 3600 },
  "half a second": { key, expiresIn: 0.5 },
  "an unknown digest": { key, contentDigest: "md5" },
  "an unknown way with streams": { key, streams: "sign" },
  "a buffer of less than nothing": { key, maxBufferedBytes: -1 },
  "an unknown way with redirects": { key, redirects: "follow" },
  "a retry that is a number": { key, retry: 3 },
  "a retry without end": { key, retry: { maxDelay: Number.POSITIVE_INFINITY } },
  "an unknown retry": { key, retry: { times: 3 } },
  "a fetch that is none": { key, fetch: "fetch" },
})) {
  test(`an agent is not made of ${what}`, () => {
    assert.throws(() => createAgent(/** @type {any} */ (options)), refusal("agent.options_invalid"));
  });
}

for (const [what, input, init] of /** @type {[string, any, any?][]} */ ([
  ["what is no URL", `not a url ${SECRET}`],
  ["a URL with a user", `https://u:${SECRET}@a.example/`],
  ["a file", `file:///etc/${SECRET}`],
  ["data", `data:text/plain,${SECRET}`],
  ["a method that cannot be sent", URL_, { method: "CONNECT" }],
  ["a method that is no token", URL_, { method: `GET ${SECRET}` }],
  ["a field with a line break", URL_, { headers: { authorization: `Bearer ${SECRET}\n` + "x: y" } }],
  ["a field with an impossible name", URL_, { headers: [[`a ${SECRET}`, "b"]] }],
  ["a body with GET", URL_, { body: SECRET }],
  ["a mode without fields", URL_, { method: "POST", mode: "no-cors" }],
  ["signature fields that cannot be read", URL_, { headers: { "signature-input": `sig1=(${SECRET}` } }],
  ["more signatures than are read", URL_, { headers: { "signature-input": Array.from({ length: 8 }, (_, n) => `s${n}=()`).join(", ") } }],
])) {
  test(`an agent does not send ${what}`, async () => {
    await assert.rejects(agentOf().fetch(input, init), refusal("agent.request_invalid"));
    await assert.rejects(agentOf().sign(input, init), refusal("agent.request_invalid"));
  });
}

test("a request whose body was read already is not sent", async () => {
  const request = new Request(URL_, { method: "POST", body: SECRET });
  await request.text();
  await assert.rejects(agentOf().fetch(request), refusal("agent.request_invalid"));
});

for (const [what, components, headers] of /** @type {[string, string[], Record<string, string>][]} */ ([
  ["a field that is not there", ["x-tenant"], {}],
  ["a query parameter that is there twice", ['"@query-param";name="a"'], {}],
  ["a member that is not there", ['"priority";key="u"'], { priority: "i" }],
  ["a field that is no Dictionary", ['"priority";key="u"'], { priority: "(((" }],
  ["a field whose type nobody knows, strictly", ['"x-a";sf'], { "x-a": "1" }],
  ["a field that is not ASCII", ["x-a"], { "x-a": "caf\u00e9" }],
])) {
  test(`${what} cannot be signed`, async () => {
    await assert.rejects(agentOf({ components: ["@authority", ...components] }).fetch(`${URL_}?a=1&a=2`, { headers }), refusal("agent.unsignable"));
  });
}

test("a key that signs in another form than its algorithm's is found out", async () => {
  for (const signature of [new Uint8Array(70), new Uint8Array(), "text", undefined]) {
    const broken = { algorithm: es256.algorithm, publicJwk: es256.publicJwk, thumbprint: es256.thumbprint, sign: async () => /** @type {any} */ (signature) };
    await assert.rejects(agentOf({ key: broken }).fetch(URL_), refusal("agent.unsignable"));
  }
});

test("what a key throws is thrown on", async () => {
  const error = new Error("the device is gone");
  const broken = { algorithm: key.algorithm, publicJwk: key.publicJwk, thumbprint: key.thumbprint, sign: () => Promise.reject(error) };
  await assert.rejects(agentOf({ key: broken }).fetch(URL_), (thrown) => thrown === error);
});

for (const [what, given] of /** @type {[string, unknown][]} */ ([
  ["with a space", `${SECRET} x`],
  ["with a line break", `${SECRET}\r\nx: y`],
  ["that is empty", ""],
  ["that is longer than 8 KiB", SECRET + "a".repeat(8192)],
  ["that is a number", 7],
  ["of a response without a token", {}],
  ["of an unknown type", { access_token: SECRET, token_type: "mac" }],
  ["that never ends", { access_token: SECRET, expires_in: Number.NaN }],
])) {
  test(`a token ${what} is not sent`, async () => {
    const agent = agentOf({ token: () => given, tokenOrigins: ["https://api.shop.example"] });
    await assert.rejects(agent.fetch(URL_), refusal("agent.token_invalid"));
  });
}
