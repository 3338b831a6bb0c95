// Opaque tokens and revoked JWTs at the built Worker: one call for many cold requests, proofs of who asks that other
// libraries take, and nothing that passes without an answer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startGate } from "../lib/gate.mjs";
import { CLIENT_SECRET, OPAQUE_ISSUER, opaqueIssuer, startIntrospection } from "../lib/introspection.mjs";
import { startIssuer } from "../lib/issuer.mjs";
import { makeKey } from "../lib/keys.mjs";
import { freePort } from "../lib/net.mjs";
import { startOrigin } from "../lib/origin.mjs";
import { prove } from "../lib/proof.mjs";
import { judge } from "../lib/recipe.mjs";

/** @typedef {Awaited<ReturnType<typeof start>>} Stage */

/**
 * @param {object} [options]
 * @param {object} [options.introspection] of the configuration
 * @param {Parameters<typeof startIntrospection>[0]} [options.endpoint]
 * @param {object} [options.credentials] of the gate at the issuer
 */
async function start({ introspection = {}, endpoint: how = {}, credentials = { client_secret: CLIENT_SECRET } } = {}) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const [origin, endpoint, jwts] = await Promise.all([startOrigin(), startIntrospection(how), startIssuer({ audience: url })]);
  const config = {
    origin: origin.url,
    public_origins: [url],
    disclosure: "full",
    issuers: [{ ...opaqueIssuer(url, introspection), jwks_uri: "https://jwks.example/jwks.json" }],
    routes: [
      { match: "GET /orders", require: ["token"], scope: ["order:read"] },
      { match: "GET /lax", require: ["token"], on_unavailable: { revocation: "allow" } },
      { match: "GET /bound", require: ["token", "dpop"] },
    ],
  };
  const hosts = { [OPAQUE_ISSUER]: endpoint.url, "https://jwks.example": jwts.url };
  const secrets = { GATE_ISSUER_CREDENTIALS: JSON.stringify({ [OPAQUE_ISSUER]: credentials }) };
  const gate = await startGate({ config, port, hosts, secrets });
  return {
    url,
    endpoint,
    /** A JWT of the issuer that is asked. */
    jwt: () => jwts.mint({ claims: { iss: OPAQUE_ISSUER } }),
    gate,
    /** @param {string} token @param {string} [path] */
    async ask(token, path = "/orders") {
      const { status, code } = await judge({ method: "GET", url: url + path, headers: [["Authorization", `Bearer ${token}`]] });
      return `${status} ${code}`;
    },
    async close() {
      await gate.close();
      await Promise.all([origin.close(), endpoint.close(), jwts.close()]);
    },
  };
}

/**
 * @param {string} name
 * @param {Parameters<typeof start>[0]} options
 * @param {(stage: Stage) => Promise<void>} body
 */
const staged = (name, options, body) =>
  test(name, async () => {
    const stage = await start(options);
    try {
      await body(stage);
    } finally {
      await stage.close();
    }
  });

staged("an unknown token is not active, and a JWT that is none is not asked about", {}, async ({ ask, endpoint }) => {
  assert.equal(await ask("unknown"), "401 token.inactive");
  assert.equal(await ask("eyJhbGciOiJub25lIn0.e30."), "401 token.claim_missing");
  assert.deepEqual(endpoint.asked, ["unknown"]);
});

staged("fifty requests at once to a cold gate ask once", {}, async ({ url, endpoint, ask }) => {
  endpoint.delay = 50;
  const token = endpoint.knows("opaque-1", url);
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => ask(token)));
  assert.deepEqual([...new Set(outcomes)], ["200 ok"]);
  assert.deepEqual(endpoint.asked, [token]);
});

staged("nothing about a token is left in the store", {}, async ({ url, endpoint, ask, gate }) => {
  assert.equal(await ask(endpoint.knows("opaque-1", url)), "200 ok");
  assert.equal(await ask("unknown"), "401 token.inactive");
  const { keys } = await (await gate.kv()).list();
  assert.deepEqual(keys, []);
});

staged("the secret may be in the form", {
  introspection: { authentication: "client_secret_post" },
  endpoint: { authentication: "client_secret_post" },
}, async ({ url, endpoint, ask }) => {
  assert.equal(await ask(endpoint.knows("opaque-1", url)), "200 ok");
});

staged("a wrong secret is nobody's fault but the operator's", { credentials: { client_secret: "wrong" } }, async ({ url, endpoint, ask }) => {
  assert.equal(await ask(endpoint.knows("opaque-1", url)), "503 revocation.unavailable");
  assert.equal(endpoint.refused, 1);
});

for (const alg of /** @type {const} */ (["EdDSA", "ES256", "RS256", "PS256"])) {
  test(`an assertion signed with ${alg} is taken by another library, and each only once`, async () => {
    const key = await makeKey(alg === "PS256" ? "RS256" : alg);
    const stage = await start({
      introspection: { authentication: "private_key_jwt", cache: "0s" },
      endpoint: { authentication: "private_key_jwt", clientKey: { ...key.publicJwk, alg } },
      credentials: { ...key.privateJwk, kid: key.kid, alg },
    });
    try {
      const token = stage.endpoint.knows("opaque-1", stage.url);
      assert.equal(await stage.ask(token), "200 ok");
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(await stage.ask(token), "200 ok");
      assert.equal(stage.endpoint.assertions.size, 2);
    } finally {
      await stage.close();
    }
  });
}

staged("a revocation counts once the answer is no longer kept", { introspection: { cache: "1s", when: "always" } }, async (stage) => {
  const { url, endpoint, ask } = stage;
  const tokens = [endpoint.knows("opaque-1", url), endpoint.knows(await stage.jwt(), url)];
  for (const token of tokens) assert.equal(await ask(token), "200 ok");
  endpoint.tokens.clear();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  for (const token of tokens) assert.equal(await ask(token), "401 token.inactive");
});

staged("a dead endpoint lets a JWT through where the route says so, and an opaque token never", { introspection: { when: "always" } }, async (stage) => {
  stage.endpoint.failing = 500;
  const token = await stage.jwt();
  assert.equal(await stage.ask(token), "503 revocation.unavailable");
  assert.equal(await stage.ask(token, "/lax"), "200 ok");
  assert.equal(await stage.ask("opaque-1", "/lax"), "503 revocation.unavailable");
});

staged("a redirect is not followed", {}, async ({ url, endpoint, ask }) => {
  endpoint.failing = 307;
  const token = endpoint.knows("opaque-1", url);
  assert.equal(await ask(token), "503 revocation.unavailable");
  assert.deepEqual(endpoint.asked, [token]);
});

staged("a bound token is held to its key", {}, async ({ url, endpoint }) => {
  const [holder, thief] = [await makeKey("ES256"), await makeKey("ES256")];
  const token = endpoint.knows("opaque-1", url, { cnf: { jkt: holder.kid }, token_type: "DPoP" });
  for (const [key, code] of /** @type {const} */ ([[thief, "dpop.key_mismatch"], [holder, "ok"]])) {
    const wire = { method: "GET", url: `${url}/bound`, headers: /** @type {[string, string][]} */ ([]) };
    wire.headers.push(["Authorization", `DPoP ${token}`], ["DPoP", await prove(wire, key, token)]);
    assert.equal((await judge(wire)).code, code);
  }
});

test("without its credentials the gate does not start", async () => {
  const stage = await start({ credentials: {} });
  try {
    assert.equal(await stage.ask("opaque-1"), "503 config.invalid");
    assert.deepEqual(stage.endpoint.asked, []);
  } finally {
    await stage.close();
  }
});
