// Redirects: followed as `fetch` follows them, each hop signed anew, and nothing taken along that is not for it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { verifySignature } from "countersign";
import { createAgent, CountersignError, generateKey } from "countersign/agent";
import { internet, reply } from "../lib/internet.mjs";
import { startWire } from "../lib/wire.mjs";

const key = await generateKey();
const API = "https://api.shop.example";
const OTHER = "https://cdn.shop.example";
const TOKEN = "token-1234567890";

/** @param {unknown} error */
const isRefused = (error) => error instanceof CountersignError && error.code === "agent.redirect_refused";

/** @param {any} answer @param {object} [options] */
function world(answer, options = {}) {
  const net = internet(answer);
  return { ...net, agent: createAgent({ key, token: TOKEN, tokenOrigins: [API], fetch: net.fetch, ...options }) };
}

/** @param {number} status @param {string} location */
const to = (status, location) => (/** @type {unknown} */ _, /** @type {number} */ index) => (index === 0 ? reply(status, { location }) : reply(200));

for (const [what, location] of [
  ["from https to http", "http://api.shop.example/"],
  ["out of http", "ftp://api.shop.example/"],
  ["to a script", "javascript:alert(1)"],
  ["to a user", "https://u:p@api.shop.example/"],
  ["to no URL", "https://["],
]) {
  test(`a redirect ${what} is not followed`, async () => {
    const { agent, sent } = world(to(302, location ?? ""));
    await assert.rejects(agent.fetch(`${API}/`), isRefused);
    assert.equal(sent.length, 1);
  });
}

test("redirects come to an end", async () => {
  const { agent, sent } = world((/** @type {any} */ _, /** @type {number} */ n) => reply(302, { location: `/${n}` }));
  await assert.rejects(agent.fetch(`${API}/`), isRefused);
  assert.equal(sent.length, 21);
});

test("a stream that was sent cannot be sent where it is redirected to", async () => {
  const { agent } = world(to(307, "/b"), { streams: "unsigned" });
  const body = new Blob(["a"]).stream();
  await assert.rejects(agent.fetch(`${API}/`, { method: "POST", body }), isRefused);
});

test("what a browser does not show is not followed", async () => {
  const opaque = Object.defineProperties(new Response(null), { type: { value: "opaqueredirect" }, status: { value: 0 } });
  const { agent } = world(() => opaque);
  await assert.rejects(agent.fetch(`${API}/`), isRefused);
});

test("another origin gets neither token nor proof nor signature, nor what the caller has for the first", async () => {
  const { agent, sent } = world(to(307, `${OTHER}/b`));
  await agent.fetch(`${API}/a`, { method: "POST", body: "x", headers: { cookie: "a=b", "x-api-key": "k", "x-note": "n" } });
  const names = [...(sent[1]?.headers.keys() ?? [])];
  for (const name of ["authorization", "dpop", "cookie", "x-api-key", "signature", "signature-input", "content-digest"]) {
    assert.ok(!names.includes(name), name);
  }
  assert.equal(sent[1]?.headers.get("x-note"), "n");
  assert.equal(sent[1]?.body, "x");
});

test("another origin gets none of the keys that the caller has for the first", async () => {
  const { agent, sent } = world(to(307, `${OTHER}/b`));
  const names = ["api-key", "x-api-key", "x-goog-api-key", "private-token", "x-auth-token", "mcp-session-id", "proxy-authorization"];
  await agent.fetch(`${API}/a`, { headers: Object.fromEntries(names.map((name) => [name, "secret"])) });
  assert.deepEqual(sent.map(({ headers }) => names.filter((name) => headers.has(name))), [names, []]);
});

test("who is on no list cannot have a token or a signature sent where it likes", async () => {
  const evil = "https://evil.example";
  for (const path of [[`${API}/transfer?to=evil`], [`${OTHER}/`, `${API}/transfer?to=evil`], [`${evil}/b`, `${API}/transfer?to=evil`, `${API}/again`]]) {
    const { agent, sent } = world((/** @type {unknown} */ _, /** @type {number} */ index) => (index < path.length ? reply(307, { location: path[index] ?? "" }) : reply(200)), {
      signedOrigins: [API, OTHER],
    });
    await agent.fetch(`${evil}/a`, { method: "POST", headers: { authorization: "Bearer of-evil" } });
    assert.equal(sent.length, path.length + 1);
    for (const { url, headers } of sent.filter(({ url }) => !url.startsWith(evil))) {
      for (const name of ["authorization", "dpop", "signature"]) assert.equal(headers.get(name), null, `${name} at ${url}`);
    }
  }
});

test("who only gets signatures cannot have a token sent where it likes", async () => {
  for (const path of [[`${API}/transfer`], [`${API}/transfer`, `${API}/again`]]) {
    const { agent, sent } = world((/** @type {unknown} */ _, /** @type {number} */ index) => (index < path.length ? reply(307, { location: path[index] ?? "" }) : reply(401, { "www-authenticate": 'DPoP error="invalid_token"' })), {
      signedOrigins: [API, OTHER],
      token: () => assert.fail("nobody is asked for a token"),
    });
    await agent.fetch(`${OTHER}/a`, { method: "POST", body: "x" });
    assert.equal(sent.length, path.length + 1);
    for (const { url, headers } of sent) assert.deepEqual([headers.has("authorization"), headers.has("dpop"), headers.has("signature")], [false, false, true], url);
  }
});

test("who gets the token may", async () => {
  const { agent, sent } = world(to(307, `${API}/b`), { tokenOrigins: [API, OTHER] });
  await agent.fetch(`${OTHER}/a`, { headers: { authorization: "Bearer of-other" } });
  assert.equal(sent[1]?.headers.get("authorization"), `DPoP ${TOKEN}`);
  assert.ok(sent[1]?.headers.has("signature"));
});

test("another origin that is listed gets a signature of its own", async () => {
  const { agent, sent } = world(to(302, `${OTHER}/b?c=d`), { signedOrigins: [API, OTHER] });
  await agent.fetch(`${API}/a`);
  const [, hop] = sent;
  const headers = [...(hop?.headers ?? [])];
  assert.equal((await verifySignature({ method: "GET", url: hop?.url ?? "", headers }, { keys: key.publicJwk, require: ["@authority", "@path", "@query"] })).code, "ok");
  assert.equal(hop?.headers.get("authorization"), null);
});

test("an origin that is not listed is not signed for", async () => {
  const { agent, sent } = world(() => reply(200), { signedOrigins: [API] });
  await agent.fetch(`${OTHER}/`);
  assert.equal(sent[0]?.headers.get("signature"), null);
});

for (const [status, method, becomes] of /** @type {[number, string, string][]} */ ([
  [301, "POST", "GET"],
  [302, "POST", "GET"],
  [303, "POST", "GET"],
  [303, "PUT", "GET"],
  [303, "HEAD", "HEAD"],
  [301, "PUT", "PUT"],
  [302, "DELETE", "DELETE"],
  [307, "POST", "POST"],
  [308, "PATCH", "PATCH"],
])) {
  test(`after ${status} a ${method} is a ${becomes}, as for fetch, and is signed so`, async () => {
    const wire = await startWire((_, index) => (index % 2 === 0 ? { status, headers: { location: "/b?c=d#e" } } : {}));
    try {
      const init = { method, headers: { "content-language": "de", "x-note": "n" }, ...(method !== "HEAD" && { body: "text" }) };
      const ours = await createAgent({ key }).fetch(`${wire.url}/a`, init);
      await fetch(`${wire.url}/a`, init);
      const [, hop, , theirs] = wire.received;
      assert.ok(hop && theirs);
      assert.deepEqual([hop.method, hop.url, hop.body.toString()], [theirs.method, theirs.url, theirs.body.toString()]);
      assert.equal(hop.method, becomes);
      const added = ["signature", "signature-input", "content-digest"];
      const names = (/** @type {typeof hop} */ one) => one.headers.map(([name]) => name.toLowerCase()).filter((name) => !added.includes(name)).sort();
      assert.deepEqual(names(hop), names(theirs));
      const require = ["@method", "@path", "@query", ...(hop.body.length > 0 ? ["content-digest"] : [])];
      assert.equal((await verifySignature(hop, { keys: key.publicJwk, require })).code, "ok");
      assert.deepEqual([ours.redirected, ours.url, ours.status], [true, `${wire.url}/b?c=d`, 200]);
    } finally {
      await wire.close();
    }
  });
}

test("a redirect is the caller's where that is what it wants", async () => {
  const wire = await startWire(() => ({ status: 302, headers: { location: "/b" } }));
  try {
    const agent = createAgent({ key });
    const manual = await agent.fetch(wire.url, { redirect: "manual" });
    assert.deepEqual([manual.status, manual.headers.get("location")], [302, "/b"]);
    await assert.rejects(agent.fetch(wire.url, { redirect: "error" }), TypeError);
    await assert.rejects(createAgent({ key, redirects: "refuse" }).fetch(wire.url), isRefused);
    assert.equal(wire.received.length, 3);
  } finally {
    await wire.close();
  }
});

test("a redirect without a place is an answer", async () => {
  const { agent } = world(() => reply(302));
  assert.equal((await agent.fetch(`${API}/`)).status, 302);
});

test("each origin that is redirected to may ask for a nonce of its own", async () => {
  const { agent, sent } = world((/** @type {any} */ { headers, url }) => {
    const claims = JSON.parse(Buffer.from(headers.get("dpop").split(".")[1], "base64url").toString());
    if (claims.nonce !== `of ${url}`.replace(/\W/g, "-")) {
      return reply(401, { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": `of ${url}`.replace(/\W/g, "-") });
    }
    return url.startsWith(API) ? reply(307, { location: `${OTHER}/` }) : reply(200);
  }, { tokenOrigins: [API, OTHER] });
  assert.equal((await agent.fetch(`${API}/`)).status, 200);
  assert.deepEqual(sent.map(({ url }) => url), [`${API}/`, `${API}/`, `${OTHER}/`, `${OTHER}/`]);
});
