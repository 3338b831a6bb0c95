// What the package's gate answers itself: metadata of resources and preflights; and what its decisions tell browsers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CountersignError, createGate } from "countersign";

const API = "https://api.example";
const PAGE = "https://app.example";
const METADATA = "/.well-known/oauth-protected-resource";

/** @param {object} [config] */
const gateOf = (config = {}) =>
  createGate({
    origin: "http://127.0.0.1:9000",
    public_origins: [API],
    issuers: [{ issuer: "https://issuer.example", jwks_uri: "https://issuer.example/jwks.json", audience: [API], algorithms: ["ES256"] }],
    routes: [
      { match: "GET /public/**", require: [] },
      { match: "POST /orders", require: ["token", "dpop"], scope: ["order:write"] },
    ],
    ...config,
  });

const shared = gateOf({ cors: { origins: [PAGE], expose: ["ETag"] } });

/** @param {string} path @param {string} [origin] @param {string} [method] */
const preflight = (path, origin = PAGE, method = "POST") => ({
  method: "OPTIONS",
  url: API + path,
  headers: { origin, "access-control-request-method": method, "access-control-request-headers": "content-type,dpop" },
});

test("a preflight is left to a decision where the configuration has no [cors]", async () => {
  const gate = gateOf();
  assert.equal(gate.hasCors, false);
  assert.equal(gate.serve(preflight("/orders")), undefined);
  const decision = await gate.check(preflight("/orders"));
  assert.equal(decision.code, "policy.no_route");
  assert.deepEqual(Object.keys(decision.headers).filter((name) => /^(access-control-|vary$)/i.test(name)), []);
});

test("a preflight of another page is refused, with nothing that allows", () => {
  const served = shared.serve(preflight("/orders", "https://evil.example"));
  assert.equal(served?.status, 403);
  assert.deepEqual(served?.headers, { Vary: "Origin, Access-Control-Request-Method", "Content-Type": "application/problem+json" });
  assert.equal(JSON.parse(served?.body ?? "").code, "cors.origin_not_allowed");
});

test("a preflight for what no route takes is left to a decision", async () => {
  for (const request of [preflight("/nowhere"), preflight("/orders", PAGE, "DELETE")]) {
    assert.equal(shared.serve(request), undefined);
    assert.equal((await shared.check(request)).code, "policy.no_route");
  }
  const misspelt = { ...preflight("/orders"), method: "options" };
  assert.equal(shared.serve(misspelt), undefined);
  assert.equal((await shared.check(misspelt)).code, "request.malformed");
});

test("a request that cannot be viewed is left to a decision", async () => {
  for (const request of [
    { ...preflight("/orders"), url: "/orders" },
    { ...preflight("/orders"), url: `${API}/orders#fragment` },
    { method: "GET", url: `ftp://api.example${METADATA}`, headers: [] },
    { ...preflight("/orders"), headers: Array.from({ length: 200 }, () => /** @type {const} */ (["x-a", "1"])) },
  ]) {
    assert.equal(shared.serve(request), undefined);
    assert.notEqual((await shared.check(request)).outcome, "allow");
  }
});

test("what describes no request is the host's mistake", () => {
  const { method, url, headers } = preflight("/orders");
  for (const request of [null, "GET", { url, headers }, { method, headers }, { method, url }, { method, url, headers: { origin: 1 } }]) {
    assert.throws(
      () => shared.serve(/** @type {any} */ (request)),
      (error) => error instanceof CountersignError && error.code === "request.invalid",
    );
  }
});

test("a preflight of a page that may ask is answered, from pairs, values by name and a Request", () => {
  const { url, headers } = preflight("/orders");
  const expected = {
    status: 204,
    headers: {
      "Access-Control-Allow-Origin": PAGE,
      "Access-Control-Allow-Methods": "POST",
      "Access-Control-Allow-Headers":
        "authorization, dpop, signature, signature-input, signature-agent, content-digest, repr-digest, content-type, accept",
      "Access-Control-Max-Age": "600",
      Vary: "Origin, Access-Control-Request-Method",
    },
    body: null,
  };
  const pairs = Object.entries(headers);
  for (const request of [preflight("/orders"), { method: "OPTIONS", url, headers: pairs }, new Request(`${url}#here`, { method: "OPTIONS", headers: pairs })]) {
    assert.deepEqual(shared.serve(request), expected);
  }
});

test("decisions are shared with the pages that may ask", async () => {
  assert.equal(shared.hasCors, true);
  for (const request of [
    { method: "GET", url: `${API}/public/a` },
    { method: "POST", url: `${API}/orders` },
    { method: "GET", url: `${API}/nowhere` },
  ]) {
    const mine = await shared.check({ ...request, headers: { origin: PAGE } });
    assert.equal(mine.headers["Access-Control-Allow-Origin"], PAGE);
    assert.match(mine.headers["Access-Control-Expose-Headers"] ?? "", /^www-authenticate, .*dpop-nonce, .*countersign-decision, etag$/);
    for (const headers of [{}, { origin: "https://evil.example" }, { origin: "null" }]) {
      const other = await shared.check({ ...request, headers });
      assert.equal(other.headers["Access-Control-Allow-Origin"], undefined);
      assert.equal(other.headers.Vary, "Origin");
    }
  }
});

test("metadata is served to everyone, and to pages of every origin", () => {
  const gate = gateOf({ resources: [{ path: "/orders", name: "Orders", audience: [API] }] });
  for (const [path, resource] of [
    [METADATA, API],
    [`${METADATA}/orders`, `${API}/orders`],
  ]) {
    const served = gate.serve({ method: "GET", url: API + path, headers: [] });
    assert.equal(served?.status, 200);
    assert.deepEqual(served?.headers, {
      "Content-Type": "application/json",
      "Cache-Control": "max-age=300",
      "Access-Control-Allow-Origin": "*",
    });
    assert.equal(JSON.parse(served?.body ?? "").resource, resource);
  }
  assert.equal(gate.serve({ method: "HEAD", url: API + METADATA, headers: [] })?.body, null);
  assert.equal(gate.serve(new Request(API + METADATA))?.status, 200);
});

test("metadata that there is not is left to a decision", () => {
  for (const [method, url] of [
    ["GET", `${API}${METADATA}/nothing`],
    ["POST", API + METADATA],
    ["GET", `https://other.example${METADATA}`],
    ["GET", `${API}/.well-known/countersign/jwks.json`],
    ["GET", `${API}/public/a?${METADATA}`],
  ]) {
    assert.equal(shared.serve({ method, url, headers: [] }), undefined, `${method} ${url}`);
  }
});

test("the challenge names metadata that the gate serves", async () => {
  const decision = await shared.check({ method: "POST", url: `${API}/orders`, headers: [] });
  const [, url = ""] = /resource_metadata="([^"]+)"/.exec(decision.headers["WWW-Authenticate"] ?? "") ?? [];
  assert.equal(shared.serve({ method: "GET", url, headers: [] })?.status, 200);
});

test("a fault in [cors] is told with its path", () => {
  assert.throws(
    () => gateOf({ cors: { origins: ["*"], credentials: true, headers: ["Cookie"] } }),
    (error) =>
      error instanceof CountersignError &&
      error.code === "config.invalid" &&
      /^cors\.credentials: /m.test(error.message) &&
      /^cors\.headers\[0\]: /m.test(error.message),
  );
});
