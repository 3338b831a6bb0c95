// Client certificates (RFC 8705) from a real TLS handshake: a `node:https` server, and what `clientOf` makes of it.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { after, before, test } from "node:test";
import { SignJWT } from "jose";
import { clientOf, createGate } from "countersign";
import { Authority } from "../lib/certificates.mjs";
import { makeKey } from "../lib/keys.mjs";
import { seconds } from "../lib/issuer.mjs";

const ISSUER = "https://issuer.example";
const API = "https://api.example";

const authority = new Authority("An authority");
const known = { agent: authority.issue("agent"), revoked: authority.issue("revoked"), other: authority.issue("other") };
const self = new Authority("Nobody's").certificate;
const issuerKey = await makeKey("ES256");

/** @param {object} [config] */
const gateOf = (config = {}) =>
  createGate(
    {
      origin: "http://127.0.0.1:9000",
      public_origins: [API],
      issuers: [{ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks.json`, audience: [API], algorithms: ["ES256"] }],
      routes: [
        { match: "GET /certified", require: ["mtls"] },
        { match: "GET /orders", require: ["token"] },
      ],
      ...config,
    },
    { fetch: async () => Response.json({ keys: [issuerKey.publicJwk] }) },
  );

/** @param {import("../lib/certificates.mjs").Certificate} certificate */
const tokenFor = (certificate) =>
  new SignJWT({
    iss: ISSUER,
    aud: API,
    sub: "user-7",
    client_id: "shopping-agent",
    jti: randomUUID(),
    iat: seconds(),
    exp: seconds() + 60,
    cnf: { "x5t#S256": createHash("sha256").update(certificate.der).digest("base64url") },
  })
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: issuerKey.kid })
    .sign(issuerKey.privateKey);

let gate = gateOf();
/** @type {https.Server} */
let server;
before(async () => {
  const { pem: cert, key } = authority.issue("server");
  const options = {
    key,
    cert,
    ca: [authority.certificate.pem],
    crl: authority.revocations([known.revoked]),
    requestCert: true,
    rejectUnauthorized: false,
  };
  server = https.createServer(options, async (request, response) => {
    const { method = "", url, rawHeaders } = request;
    const headers = Array.from({ length: rawHeaders.length / 2 }, (_, i) => /** @type {[string, string]} */ ([rawHeaders[2 * i], rawHeaders[2 * i + 1]]));
    const decision = await gate.check({ method, url: API + url, headers }, { client: clientOf(request.socket) });
    response.end(JSON.stringify(decision));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/**
 * @param {string} path
 * @param {import("../lib/certificates.mjs").Certificate} [certificate]
 * @param {string} [token]
 * @returns {Promise<import("countersign").Decision>}
 */
const ask = (path, certificate, token) =>
  new Promise((resolve, reject) => {
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    const request = https.get(
      {
        host: "127.0.0.1",
        port,
        path,
        agent: false,
        ca: [authority.certificate.pem],
        checkServerIdentity: () => undefined,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...(certificate && { cert: certificate.pem, key: certificate.key }),
      },
      async (response) => resolve(JSON.parse(Buffer.concat(await Array.fromAsync(response)).toString())),
    );
    request.once("error", reject);
  });

test("a route that demands a certificate is closed without a good one", async () => {
  assert.equal((await ask("/certified")).code, "mtls.missing");
  assert.equal((await ask("/certified", self)).code, "mtls.unverified");
  assert.equal((await ask("/certified", known.revoked)).code, "mtls.revoked");
  const { code, agent } = await ask("/certified", known.agent);
  assert.equal(code, "ok");
  assert.equal(agent?.method, "mtls");
  assert.equal(agent.key, createHash("sha256").update(known.agent.der).digest("base64url"));
  assert.equal(agent.id, `certificate:${agent.key}`);
});

test("a token that is bound to a certificate is nothing without it", async () => {
  const token = await tokenFor(known.agent);
  assert.equal((await ask("/orders", undefined, token)).code, "mtls.missing");
  assert.equal((await ask("/orders", known.other, token)).code, "mtls.certificate_mismatch");
  assert.equal((await ask("/orders", self, token)).code, "mtls.unverified");
  const { code, agent } = await ask("/orders", known.agent, token);
  assert.equal(code, "ok");
  assert.deepEqual([agent?.id, agent?.method], ["shopping-agent", "mtls"]);
});

test("a self-signed certificate is enough where tokens are bound to it, and a revoked one never", async () => {
  const usual = gate;
  gate = gateOf({ mtls: { verified: "bound" } });
  try {
    assert.equal((await ask("/orders", self, await tokenFor(self))).code, "ok");
    assert.equal((await ask("/orders", self, await tokenFor(known.agent))).code, "mtls.certificate_mismatch");
    assert.equal((await ask("/orders", known.revoked, await tokenFor(known.revoked))).code, "mtls.revoked");
    assert.equal((await ask("/certified", self)).code, "mtls.unverified");
  } finally {
    gate = usual;
  }
});

test("a connection without TLS has an address and no certificate", async () => {
  const plain = http.createServer((request, response) => response.end(JSON.stringify(clientOf(request.socket))));
  await new Promise((resolve) => plain.listen(0, "127.0.0.1", () => resolve(undefined)));
  try {
    const { port } = /** @type {import("node:net").AddressInfo} */ (plain.address());
    assert.deepEqual(await (await fetch(`http://127.0.0.1:${port}`)).json(), { address: "127.0.0.1" });
  } finally {
    plain.closeAllConnections();
    plain.close();
  }
});

test("what describes no client is an Error, not a refusal", async () => {
  const request = { method: "GET", url: `${API}/certified`, headers: {} };
  const certificate = { der: known.agent.der, verified: true };
  for (const client of [
    { address: "localhost" },
    { address: 7 },
    { asn: -1 },
    { asn: 1.5 },
    { asn: 2 ** 32 },
    { country: 49 },
    { certificate: { ...certificate, der: known.agent.pem } },
    { certificate: { der: known.agent.der } },
  ]) {
    await assert.rejects(gate.check(request, { client: /** @type {any} */ (client) }), {
      name: "CountersignError",
      code: "request.invalid",
    });
  }
  for (const client of [{}, { address: "::1" }, { address: "fe80::1%eth0", asn: 64496, country: "DE" }]) {
    assert.equal((await gate.check(request, { client })).code, "mtls.missing");
  }
  assert.equal((await gate.check(request, { client: { certificate } })).code, "ok");
  assert.equal((await gate.check(request, { client: { certificate: { ...certificate, revoked: true } } })).code, "mtls.revoked");
  const empty = { ...certificate, der: new Uint8Array() };
  assert.equal((await gate.check(request, { client: { certificate: empty } })).code, "mtls.unverified");
});
