// Client certificates (RFC 8705) as Cloudflare describes them: `request.cf.tlsClientAuth`, every member of which counts.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { Authority } from "../lib/certificates.mjs";
import { startWorld } from "../lib/world.mjs";

const authority = new Authority("An authority");
const [mine, other] = [authority.issue("agent").der, authority.issue("other").der];

/** @param {Buffer} der */
const field = (der) => `:${der.toString("base64")}:`;
const GOOD = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440: field(mine) };
/** What stands there without a certificate. */
const NONE = { certPresented: "0", certVerified: "NONE", certRevoked: "0", certRFC9440: "" };

const ROUTES = [
  { match: "GET /certified", require: ["mtls"] },
  { match: "GET /orders", require: ["token"] },
  { match: "GET /open", require: [] },
];

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => void (world = await startWorld({ config: { routes: ROUTES } })));
after(() => world.close());

/** @param {import("../lib/world.mjs").World} to @param {string} path @param {any} cf @param {string} [token] */
async function ask(to, path, cf, token) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await to.gate.dispatch(to.url + path, { headers, cf });
  const body = /** @type {any} */ (await answer.json());
  return { status: answer.status, code: answer.status === 200 ? "ok" : body.code, seen: body };
}

/** @param {Buffer} der */
const tokenFor = (der) =>
  world.issuer.mint({ claims: { cnf: { "x5t#S256": createHash("sha256").update(der).digest("base64url") } } });

/** @type {[string, any, string][]} */
const REFUSALS = [
  ["nothing is known", undefined, "mtls.missing"],
  ["nothing is known of TLS", {}, "mtls.missing"],
  ["there is null", { tlsClientAuth: null }, "mtls.missing"],
  ["there is none", { tlsClientAuth: NONE }, "mtls.missing"],
  ["presented is no text", { tlsClientAuth: { ...GOOD, certPresented: true } }, "mtls.missing"],
  ["the chain fails", { tlsClientAuth: { ...GOOD, certVerified: "FAILED:self signed certificate" } }, "mtls.unverified"],
  ["the verdict is none", { tlsClientAuth: { ...GOOD, certVerified: "NONE" } }, "mtls.unverified"],
  ["the verdict is spelled otherwise", { tlsClientAuth: { ...GOOD, certVerified: "success" } }, "mtls.unverified"],
  ["it is revoked", { tlsClientAuth: { ...GOOD, certRevoked: "1" } }, "mtls.revoked"],
  ["nothing says that it is not revoked", { tlsClientAuth: { ...GOOD, certRevoked: undefined } }, "mtls.revoked"],
  ["its bytes are too many", { tlsClientAuth: { ...GOOD, certRFC9440: "" } }, "mtls.unverified"],
  ["its bytes are not there", { tlsClientAuth: { ...GOOD, certRFC9440: undefined } }, "mtls.unverified"],
  ["its bytes are none", { tlsClientAuth: { ...GOOD, certRFC9440: mine.toString("base64") } }, "mtls.unverified"],
];

for (const [why, cf, code] of REFUSALS) {
  test(`a certificate is not taken where ${why}`, async () => {
    for (const token of [undefined, await tokenFor(mine)]) {
      const refused = await ask(world, "/certified", cf, token);
      assert.deepEqual([refused.status, refused.code], [401, code]);
    }
    assert.equal((await ask(world, "/orders", cf, await tokenFor(mine))).code, code);
  });
}

test("a certificate alone says who the agent is", async () => {
  const { code, seen } = await ask(world, "/certified", { tlsClientAuth: GOOD });
  assert.equal(code, "ok");
  const thumbprint = createHash("sha256").update(mine).digest("base64url");
  assert.equal(seen.headers["countersign-agent"], `certificate:${thumbprint}`);
  assert.equal(seen.headers["countersign-agent-method"], "mtls");
});

test("a token that is bound to a certificate needs that one", async () => {
  const cf = { tlsClientAuth: GOOD };
  const allowed = await ask(world, "/orders", cf, await tokenFor(mine));
  assert.equal(allowed.code, "ok");
  assert.equal(allowed.seen.headers["countersign-agent"], "shopping-agent");
  assert.equal(allowed.seen.headers["countersign-agent-method"], "mtls");
  assert.equal((await ask(world, "/orders", cf, await tokenFor(other))).code, "mtls.certificate_mismatch");
});

test("no field of a request stands for a certificate", async () => {
  const headers = { "Client-Cert": field(mine), "Cf-Client-Cert-Der-Base64": mine.toString("base64") };
  const answer = await world.gate.dispatch(`${world.url}/certified`, { headers });
  assert.equal(/** @type {any} */ (await answer.json()).code, "mtls.missing");
});

test("a route that asks for nothing asks for no certificate", async () => {
  assert.equal((await ask(world, "/open", { tlsClientAuth: { ...GOOD, certRevoked: "1" } })).code, "ok");
});

test("where being bound is enough, the platform need not know the authority", async () => {
  const bound = await startWorld({ config: { routes: ROUTES, mtls: { verified: "bound" } } });
  try {
    const selfSigned = { tlsClientAuth: { ...GOOD, certVerified: "FAILED:self signed certificate" } };
    const cnf = { "x5t#S256": createHash("sha256").update(mine).digest("base64url") };
    const token = await bound.issuer.mint({ claims: { cnf } });
    assert.equal((await ask(bound, "/orders", selfSigned, token)).code, "ok");
    assert.equal((await ask(bound, "/certified", selfSigned)).code, "mtls.unverified");
    const revoked = { tlsClientAuth: { ...selfSigned.tlsClientAuth, certRevoked: "1" } };
    assert.equal((await ask(bound, "/orders", revoked, token)).code, "mtls.revoked");
  } finally {
    await bound.close();
  }
});
