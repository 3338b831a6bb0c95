// Opaque tokens in this process: `createGate` asks their issuer, with `node:crypto` for what is to be signed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGate } from "countersign";
import { outside } from "../lib/in-process.mjs";
import { CLIENT_SECRET, OPAQUE_ISSUER, opaqueIssuer, startIntrospection } from "../lib/introspection.mjs";
import { makeKey } from "../lib/keys.mjs";

const API = "https://api.example";

/** @param {object} [introspection] */
const config = (introspection) => ({
  origin: "http://127.0.0.1:9000",
  public_origins: [API],
  issuers: [opaqueIssuer(API, introspection)],
  routes: [{ match: "GET /orders", require: ["token"], scope: ["order:read"] }],
});

/** @param {string} token */
const orders = (token) => ({ method: "GET", url: `${API}/orders`, headers: { authorization: `Bearer ${token}` } });

/**
 * @param {object} options
 * @param {object} [options.introspection]
 * @param {Parameters<typeof startIntrospection>[0]} [options.endpoint]
 * @param {object} [options.credentials]
 * @param {(gate: import("countersign").Gate, endpoint: Awaited<ReturnType<typeof startIntrospection>>, lines: string[]) => Promise<void>} body
 */
async function staged({ introspection, endpoint: how, credentials = { client_secret: CLIENT_SECRET } }, body) {
  const endpoint = await startIntrospection(how);
  /** @type {string[]} */
  const lines = [];
  const gate = createGate(config(introspection), {
    fetch: outside({ [OPAQUE_ISSUER]: endpoint.url }),
    issuerCredentials: { [OPAQUE_ISSUER]: credentials },
    log: (line) => lines.push(line),
  });
  try {
    await body(gate, endpoint, lines);
  } finally {
    await endpoint.close();
  }
}

test("a gate without its credentials is not made", () => {
  /** @param {RegExp} message @param {object} [options] */
  const refused = (message, options) =>
    assert.throws(() => createGate(config(), options), { code: "config.invalid", message });
  refused(/issuerCredentials/);
  refused(/opaque\.example/, { issuerCredentials: {} });
  refused(/client_secret/, { issuerCredentials: { [OPAQUE_ISSUER]: {} } });
});

test("fifty requests at once ask once, and the decision says how fresh the answer is", () =>
  staged({}, async (gate, endpoint) => {
    const token = endpoint.knows("opaque-1", API);
    const decisions = await Promise.all(Array.from({ length: 50 }, () => gate.check(orders(token))));
    assert.deepEqual([...new Set(decisions.map(({ code }) => code))], ["ok"]);
    assert.deepEqual(endpoint.asked, [token]);
    assert.deepEqual(decisions[0]?.revocation, [{ source: "introspection", age_secs: 0 }]);
    assert.equal((await gate.check(orders("unknown"))).code, "token.inactive");
  }));

test("a redirect is not followed", () =>
  staged({}, async (gate, endpoint) => {
    endpoint.failing = 307;
    const token = endpoint.knows("opaque-1", API);
    assert.equal((await gate.check(orders(token))).code, "revocation.unavailable");
    assert.deepEqual(endpoint.asked, [token]);
  }));

test("a dead endpoint refuses, with a line for the log and without the token in it", () =>
  staged({}, async (gate, endpoint, lines) => {
    endpoint.failing = 503;
    const { code, status } = await gate.check(orders("opaque-1"));
    assert.deepEqual({ code, status }, { code: "revocation.unavailable", status: 503 });
    assert.deepEqual(lines, [`countersign on ${OPAQUE_ISSUER}/introspect: answered with status 503`]);
  }));

for (const alg of /** @type {const} */ (["EdDSA", "ES256", "RS256", "PS256"])) {
  test(`an assertion signed with ${alg} is taken by another library`, async () => {
    const key = await makeKey(alg === "PS256" ? "RS256" : alg);
    await staged(
      {
        introspection: { authentication: "private_key_jwt" },
        endpoint: { authentication: "private_key_jwt", clientKey: { ...key.publicJwk, alg } },
        credentials: { ...key.privateJwk, kid: key.kid, alg },
      },
      async (gate, endpoint) => {
        assert.equal((await gate.check(orders(endpoint.knows("opaque-1", API)))).code, "ok");
        assert.equal(endpoint.assertions.size, 1);
      },
    );
  });
}

test("without a fetch of the caller's, the package posts by itself", async () => {
  const endpoint = await startIntrospection();
  const local = `${endpoint.url}/introspect`;
  const gate = createGate(
    { ...config({ endpoint: local }), allow_loopback: true },
    { issuerCredentials: { [OPAQUE_ISSUER]: { client_secret: CLIENT_SECRET } } },
  );
  try {
    assert.equal((await gate.check(orders(endpoint.knows("opaque-1", API)))).code, "ok");
  } finally {
    await endpoint.close();
  }
});
