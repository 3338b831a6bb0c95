// Nonces for DPoP proofs (RFC 9449 §9) in-process: where the secrets come from, and that processes share them.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { SignJWT } from "jose";
import { createGate } from "countersign";
import { generateProof } from "dpop";
import { makeKey } from "../lib/keys.mjs";
import { seconds } from "../lib/issuer.mjs";

const ISSUER = "https://issuer.example";
const API = "https://api.example";
const issuerKey = await makeKey("ES256");
const holder = await makeKey("ES256");
const [secret, older] = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")];

const config = {
  origin: "http://127.0.0.1:9000",
  public_origins: [API],
  issuers: [{ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks.json`, audience: [API], algorithms: ["ES256"] }],
  routes: [{ match: "GET /account", require: ["token", "dpop"], dpop_nonce: "required" }],
};

/** @param {import("countersign").GateOptions["nonceSecrets"]} [nonceSecrets] */
const gateOf = (nonceSecrets) =>
  createGate(config, { fetch: async () => Response.json({ keys: [issuerKey.publicJwk] }), nonceSecrets });

const token = await new SignJWT({
  iss: ISSUER,
  aud: API,
  sub: "user-7",
  client_id: "shopping-agent",
  jti: "1",
  iat: seconds(),
  exp: seconds() + 60,
  cnf: { jkt: holder.kid },
})
  .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: issuerKey.kid })
  .sign(issuerKey.privateKey);

/** @param {import("countersign").Gate} gate @param {string} [nonce] */
async function ask(gate, nonce) {
  const url = `${API}/account`;
  const pair = { privateKey: holder.privateKey, publicKey: holder.publicKey };
  const proof = await generateProof(pair, url, "GET", nonce, token);
  return gate.check({ method: "GET", url, headers: { authorization: `DPoP ${token}`, dpop: proof } });
}

test("a route with nonces needs secrets, and no weak ones", () => {
  assert.throws(() => gateOf(), { code: "config.invalid", message: /nonceSecrets/ });
  for (const secrets of ["", "short", [], ["short"], [secret, secret]]) {
    assert.throws(() => gateOf(secrets), { code: "config.invalid", message: /^nonce secrets/ });
  }
});

test("a nonce of one process is good in another, also while secrets are rotated", async () => {
  const refused = await ask(gateOf(older));
  assert.equal(refused.code, "dpop.nonce_missing");
  assert.match(refused.headers["WWW-Authenticate"] ?? "", /error="use_dpop_nonce"/);
  const nonce = refused.headers["DPoP-Nonce"];
  assert.equal((await ask(gateOf(older), nonce)).code, "ok");
  assert.equal((await ask(gateOf([secret, older]), nonce)).code, "ok");
  const other = await ask(gateOf(secret), nonce);
  assert.equal(other.code, "dpop.nonce_invalid");
  assert.equal((await ask(gateOf([secret, older]), other.headers["DPoP-Nonce"])).code, "ok");
});
