// What servers ask for: given once each, never more, and never less than the agent covers by itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAcceptSignature, verifySignature } from "countersign";
import { createAgent, generateKey } from "countersign/agent";
import { numbersOf } from "../lib/generated.mjs";
import { internet, reply } from "../lib/internet.mjs";

const key = await generateKey();
const API = "https://api.shop.example";
const AGENT = "https://agents.example";

/** @param {any} answer @param {object} [options] */
function world(answer, options = {}) {
  const net = internet(answer);
  return { ...net, agent: createAgent({ key, fetch: net.fetch, ...options }) };
}

/** A server that asks for a signature until it has been asked `times` times. @param {string} accept @param {number} [times] */
const asking = (accept, times = 1) => (/** @type {unknown} */ _, /** @type {number} */ index) =>
  index < times ? reply(401, { "accept-signature": accept }) : reply(200);

for (const [what, accept, options] of /** @type {[string, string, object?][]} */ ([
  ["that cannot be read", "sig1=("],
  ["that is no list of components", "sig1=1"],
  ["over what no request has", 'sig1=("@status")'],
  ["over what this request has not", 'sig1=("x-tenant")'],
  ["over another message", 'sig1=("@method";req)'],
  ["over trailers", 'sig1=("x";tr)'],
  ["over one component twice", 'sig1=("@method" "@method")'],
  ["with an unknown parameter", 'sig1=("@target-uri");colour="red"'],
  ["by another key", 'sig1=("@target-uri");keyid="other"'],
  ["of another algorithm", 'sig1=("@target-uri");alg="rsa-pss-sha512"'],
  ["for another purpose than the agent's", 'sig1=("@target-uri");tag="agent-payer-auth"', { signatureAgent: AGENT }],
  ["for a purpose that is somebody's", 'sig1=("@target-uri");tag="web-bot-auth"'],
  ["as a directory", 'sig1=("@target-uri");tag="http-message-signatures-directory"'],
  ["with a nonce that is a number", 'sig1=("@target-uri");nonce=7'],
  ["with a nonce that is very long", `sig1=("@target-uri");nonce="${"a".repeat(600)}"`],
  ["with a time of the server's", 'sig1=("@target-uri");created=1'],
  ["that is too long", `sig1=("@target-uri" "x-${"a".repeat(9000)}")`],
  ["over what it is itself", 'sig2=("@method" "signature";key="sig2")'],
  ["over the one before, which is not sent again", 'sig2=("@method" "signature";key="sig1")'],
  ["over all signatures", 'sig2=("@target-uri" "signature")'],
  ["over all parameters of signatures", 'sig2=("signature-input")'],
  ["over an agent under a label of the one before", 'sig2=("@target-uri" "signature-agent";key="sig1")', { signatureAgent: AGENT }],
  ["over content that is not digested", 'sig2=("content-digest")', { contentDigest: false }],
  [
    "over more than fits, with what the agent covers",
    `sig2=(${Array.from({ length: 64 }, (_, n) => `"@query-param";name="q${n}"`).join(" ")})`,
  ],
  ["over more than is read", `sig1=(${Array.from({ length: 65 }, (_, n) => `"x${n}"`).join(" ")})`],
  ["that was given already", 'sig1=("@method" "@authority");created;keyid'],
])) {
  test(`a signature ${what} is not made`, async () => {
    const { agent, sent } = world(asking(accept, 9), options);
    assert.equal((await agent.fetch(`${API}/a?${Array.from({ length: 64 }, (_, n) => `q${n}=1`).join("&")}`)).status, 401);
    assert.equal(sent.length, 1);
  });
}

test("a signature over the whole Signature-Agent is made where that is a String", async () => {
  const { agent, sent } = world(asking('sig2=("@authority" "signature-agent" "@target-uri")'), { signatureAgent: AGENT, signatureAgentForm: "string" });
  assert.equal((await agent.fetch(`${API}/a`)).status, 200);
  const [, { url, headers } = { url: "", headers: new Headers() }] = sent;
  assert.equal((await verifySignature({ method: "GET", url, headers: [...headers] }, { keys: key.publicJwk, profile: "web-bot-auth", require: ["signature-agent"] })).code, "ok");
});

test("a signature over a proof is not made where the token that came meanwhile needs none", async () => {
  const challenge = { "accept-signature": 'sig2=("dpop" "@target-uri")', "www-authenticate": 'DPoP error="invalid_token"' };
  const answer = (/** @type {unknown} */ _, /** @type {number} */ index) => (index === 0 ? reply(401, challenge) : reply(200));
  const { agent, sent } = world(answer, {
    token: (/** @type {{error?: string}} */ { error }) => ({ access_token: "token", token_type: error ? "Bearer" : "DPoP" }),
    tokenOrigins: [API],
  });
  assert.equal((await agent.fetch(`${API}/a`)).status, 200);
  assert.match(sent[1]?.headers.get("signature-input") ?? "", /^sig1=\("@method" "@authority" "@path" "authorization"\)/);
});

test("a label that the caller has used already cannot be asked for", async () => {
  const { agent, sent } = world(asking('mine=("@target-uri")', 9));
  const headers = { "signature-input": 'mine=("@method");created=1', signature: "mine=:AA==:" };
  assert.equal((await agent.fetch(API, { headers })).status, 401);
  assert.equal(sent.length, 1);
});

test("a signature is never less than the agent's own, whatever is asked for", async () => {
  const { agent, sent } = world(asking('sig1=("@scheme");nonce="of-the-server";tag="theirs"'));
  assert.equal((await agent.fetch(`${API}/a?b=c`, { method: "POST", body: "x" })).status, 200);
  const [, { url, headers, body } = { url: "", headers: new Headers(), body: "" }] = sent;
  const report = await verifySignature({ method: "POST", url, headers: [...headers], body: Buffer.from(body) }, { keys: key.publicJwk });
  assert.equal(report.code, "ok");
  if (report.outcome !== "verified") throw new Error("it is");
  assert.deepEqual([report.nonce, report.tag], ["of-the-server", "theirs"]);
  assert.deepEqual(report.components, ['"@scheme"', '"@method"', '"@authority"', '"@path"', '"@query"', '"content-digest"']);
});

test("the first of several signatures that the agent makes is made, under its label", async () => {
  const accept = 'a=("@status"), b=("@target-uri" "signature-agent";key="b");created;expires;keyid;nonce;tag="web-bot-auth", c=("@scheme")';
  assert.equal(parseAcceptSignature(accept).length, 3);
  const { agent, sent } = world(asking(accept), { signatureAgent: AGENT });
  assert.equal((await agent.fetch(`${API}/a`)).status, 200);
  assert.match(sent[1]?.headers.get("signature-input") ?? "", /^b=\("@target-uri" "signature-agent";key="b" "@method" /);
  assert.equal(sent[1]?.headers.get("signature-agent"), `b="${AGENT}"`);
});

test("the digest of no content is made where it is asked for", async () => {
  const { agent, sent } = world(asking('sig1=("content-digest")'));
  assert.equal((await agent.fetch(`${API}/a`)).status, 200);
  assert.equal(sent[1]?.headers.get("content-digest"), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
});

test("a signature is made beside those that the caller has, and takes no label of theirs", async () => {
  const { agent, sent } = world(() => reply(200), { signatureAgent: AGENT });
  const headers = { "signature-input": 'sig1=("@method");created=1', signature: "sig1=:AA==:", "signature-agent": 'sig2="https://other.example"' };
  await agent.fetch(API, { headers });
  const [one] = sent;
  assert.match(one?.headers.get("signature-input") ?? "", /^sig1=\("@method"\);created=1, sig3=\(/);
  assert.match(one?.headers.get("signature") ?? "", /^sig1=:AA==:, sig3=:/);
  assert.equal(one?.headers.get("signature-agent"), `sig2="https://other.example", sig3="${AGENT}"`);
  const report = await verifySignature({ method: "GET", url: `${API}/`, headers: [...(one?.headers ?? [])] }, { keys: key.publicJwk, profile: "web-bot-auth" });
  assert.equal(report.code, "ok");
});

test("a nonce that is remembered may come with any answer", async () => {
  const options = { token: "token", tokenOrigins: [API] };
  const { agent, sent } = world((/** @type {unknown} */ _, /** @type {number} */ index) => reply(200, { "dpop-nonce": `n${index}` }), options);
  for (let index = 0; index < 3; index += 1) await agent.fetch(API);
  const nonces = sent.map(({ headers }) => JSON.parse(Buffer.from(headers.get("dpop")?.split(".")[1] ?? "", "base64url").toString()).nonce);
  assert.deepEqual(nonces, [undefined, "n0", "n1"]);
});

for (const nonce of ["", 'a"b', "a b", "a, b", "\u00e9", "a".repeat(600)]) {
  test(`${JSON.stringify(nonce.slice(0, 9))} is no nonce to remember`, async () => {
    const { agent, sent } = world(() => reply(401, { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": nonce }), { token: "token", tokenOrigins: [API] });
    assert.equal((await agent.fetch(API)).status, 401);
    for (const { headers } of sent) assert.doesNotMatch(Buffer.from(headers.get("dpop") ?? "", "base64url").toString(), /"nonce"/);
    assert.equal(sent.length, 1);
  });
}

for (const [what, challenge] of [
  ["of a scheme that nobody knows", 'Negotiate abc, Magic error="invalid_token"'],
  ["that is cut off", 'Bearer error="invalid_token'],
  ["with a parameter twice", 'Bearer error="invalid_token", error="invalid_token"'],
  ["of a request that is malformed", 'Bearer error="invalid_request"'],
  ["of a proof that does not hold", 'DPoP error="invalid_dpop_proof"'],
  ["that says nothing is wrong with the token", 'Bearer realm="a", scope="b"'],
]) {
  test(`a challenge ${what} is the caller's`, async () => {
    let asked = 0;
    const { agent, sent } = world(() => reply(401, { "www-authenticate": challenge ?? "" }), { token: () => ((asked += 1), "token"), tokenOrigins: [API] });
    assert.equal((await agent.fetch(API)).status, 401);
    assert.deepEqual([sent.length, asked], [1, 1]);
  });
}

/** What is left for the callback of a challenge. @param {string} params */
async function needOf(params) {
  /** @type {any[]} */
  const needs = [];
  const { agent } = world((/** @type {unknown} */ _, /** @type {number} */ index) => (index === 0 ? reply(403, { "www-authenticate": `Bearer error="insufficient_scope", ${params}` }) : reply(200)), {
    token: (/** @type {any} */ need) => (needs.push(need), "token"),
    tokenOrigins: [API],
  });
  assert.equal((await agent.fetch(API)).status, 200);
  const { url: _, method: __, dpop_jkt: ___, error: ____, ...rest } = needs[1];
  return rest;
}

for (const [what, params] of [
  ["a scope with a quote", String.raw`scope="a\"b c"`],
  ["a scope with a backslash", String.raw`scope="a\\b"`],
  ["a scope that is not ASCII", 'scope="a \u00e9"'],
  ["a scope with a tab", 'scope="a\tb"'],
  ["more scopes than are read", `scope="${"a ".repeat(65)}"`],
  ["a scope that is very long", `scope="${"a".repeat(2049)}"`],
  ["a class of authentication with a quote", String.raw`acr_values="a\"b"`],
  ["metadata in a file", 'resource_metadata="file:///etc/passwd"'],
  ["metadata in the clear", 'resource_metadata="http://169.254.169.254/latest"'],
  ["metadata of a user", 'resource_metadata="https://u:p@api.shop.example/"'],
  ["metadata at no URL", 'resource_metadata="/metadata"'],
  ["metadata at a very long URL", `resource_metadata="https://api.shop.example/${"a".repeat(2048)}"`],
  ["an age that is no number", 'max_age="-1"'],
]) {
  test(`${what} is not passed on`, async () => assert.deepEqual(await needOf(params ?? ""), {}));
}

test("what a challenge says well is passed on", async () => {
  const metadata = "https://api.shop.example/.well-known/oauth-protected-resource";
  const params = `scope="order:write https://api.shop.example/pay", acr_values="urn:a b", max_age=0, resource_metadata="${metadata}"`;
  const expected = { scopes: ["order:write", "https://api.shop.example/pay"], acr_values: ["urn:a", "b"], max_age: 0, resource_metadata: metadata };
  assert.deepEqual(await needOf(params), expected);
  assert.deepEqual(await needOf('resource_metadata="http://127.0.0.1:8080/m"'), { resource_metadata: "http://127.0.0.1:8080/m" });
});

test("challenges are read as the grammar has them, several in one field", async () => {
  /** @type {any[]} */
  const needs = [];
  const challenge = 'Basic realm="a, Bearer error=\\"no\\"", Negotiate YWJj==, bearer , DPoP algs="EdDSA" ,, error = insufficient_scope,scope="a b  c", max_age="60"';
  const { agent } = world((/** @type {unknown} */ _, /** @type {number} */ index) => (index === 0 ? reply(403, { "www-authenticate": challenge }) : reply(200)), {
    token: (/** @type {any} */ need) => (needs.push(need), "token"),
    tokenOrigins: [API],
  });
  assert.equal((await agent.fetch(API)).status, 200);
  assert.deepEqual([needs[1].error, needs[1].scopes, needs[1].max_age], ["insufficient_scope", ["a", "b", "c"], 60]);
});

test("whatever a server asks for, again and again, it is asked a bounded number of times", async () => {
  const number = numbersOf(6);
  /** @template T @param {T[]} list @returns {T} */
  const one = (list) => /** @type {T} */ (list[Math.floor(number() * list.length)]);
  for (let run = 0; run < 300; run += 1) {
    let redirects = 0;
    /** @type {string[]} */
    const waits = [];
    const { agent, sent } = world((/** @type {unknown} */ _, /** @type {number} */ index) => {
      const status = one([401, 401, 403, 429, 503, 307, 303, 400]);
      if (status === 307 || status === 303) redirects += 1;
      return reply(status, {
        ...(number() < 0.8 && { "www-authenticate": one(['DPoP error="use_dpop_nonce"', 'Bearer error="invalid_token"', `DPoP error="insufficient_scope", scope="s${index}"`, 'DPoP error="use_dpop_nonce", DPoP error="invalid_token"']) }),
        ...(number() < 0.8 && { "dpop-nonce": `n${index}` }),
        ...(number() < 0.8 && { "accept-signature": `sig1=("@target-uri");nonce="n${index}"` }),
        ...(number() < 0.8 && { "retry-after": one(["0", "1", "29"]) }),
        location: one([`/${index}`, API, "https://other.example/"]),
      });
    }, {
      token: () => ({ access_token: `token${run}` }),
      tokenOrigins: [API],
      pause: async (/** @type {number} */ time) => void waits.push(`${time}`),
    });
    const failed = await agent.fetch(API, one([{}, { method: "POST", body: "x" }])).then(() => false, () => true);
    // Since each redirect: a nonce, a signature, a token and a wait; and twelve answers in all.
    assert.ok(sent.length <= 1 + redirects + Math.min(12, 4 * (redirects + 1)), `${sent.length} requests, ${redirects} redirects`);
    assert.ok(waits.length <= redirects + 1);
    assert.equal(failed, redirects > 20);
  }
});

test("a server that asks for everything at once is given everything at once", async () => {
  const everything = { "www-authenticate": 'DPoP error="use_dpop_nonce", Bearer error="invalid_token"', "dpop-nonce": "n", "accept-signature": 'sig1=("@target-uri")' };
  const { agent, sent } = world(() => reply(401, everything), { token: () => "token", tokenOrigins: [API] });
  assert.equal((await agent.fetch(API)).status, 401);
  assert.equal(sent.length, 2);
});
