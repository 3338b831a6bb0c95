// Other people's clients, before the Worker and the package alike: what they make passes at both, and what is changed on the
// way at neither.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { createSigner, httpbis } from "http-message-signatures";
import * as httpMessageSig from "http-message-sig";
import { generateProof } from "dpop";
import { SignJWT } from "jose";
import * as oauth from "oauth4webapi";
import * as webBotAuth from "web-bot-auth";
import { signerFromJWK } from "web-bot-auth/crypto";
import { contentDigest } from "../lib/agent.mjs";
import { seconds } from "../lib/issuer.mjs";
import { makeKey } from "../lib/keys.mjs";
import { AGENT } from "../lib/names.mjs";
import { ROUTES } from "../lib/world.mjs";
import { HOSTS } from "./hosts.mjs";
import { startParity } from "./parity.mjs";

const BODY = '{"note":"hello"}';
const COVERED = ["@method", "@authority", "@path", "content-digest"];
const registered = await makeKey("EdDSA");

/** @type {import("./parity.mjs").Parity} */
let world;
before(async () => {
  const agents = [{ id: "registered", operator: "https://operator.example", purpose: "Tests", contact: "ops@operator.example", keys: [{ jwk: registered.publicJwk }] }];
  const signatures = { profiles: ["web-bot-auth", "rfc9421"], trust: [AGENT], rules: { rfc9421: { components: ["@method", "@authority", "@path"] } } };
  world = await startParity({ config: { agents, signatures, routes: ROUTES } });
});
after(() => world.close());

/** @typedef {{ method: string, url: string, headers: Record<string, string>, body?: string }} Sent */

/** Sends what a client made, and the same with another path; says what both came to. @param {Sent} made */
async function outcomes({ url, ...init }) {
  const before = world.compared();
  const whole = await fetch(url, init);
  const text = await whole.text();
  const changed = await fetch(`${url}/changed`, init);
  await changed.arrayBuffer();
  assert.deepEqual(world.differences(), []);
  assert.equal(world.compared() - before, 2 * Object.keys(HOSTS).length);
  return { whole: whole.status, changed: changed.status, text };
}

/** A note that is to be signed. @param {Record<string, string>} [more] @returns {Required<Sent>} */
const note = (more = {}) => ({
  method: "POST",
  url: `${world.url}/api/v1/notes`,
  headers: { "content-type": "application/json", "content-digest": contentDigest(Buffer.from(BODY)), ...more },
  body: BODY,
});

/** Nothing else of the routes takes the request, so that what is changed is refused for its signature or its route. */
const REFUSED = 403;

test("web-bot-auth signs", async () => {
  const message = note({ "signature-agent": `"${AGENT}"` });
  const signed = await webBotAuth.signatureHeaders(message, await signerFromJWK(world.agent.privateJwk), {
    created: new Date(seconds() * 1000),
    expires: new Date((seconds() + 60) * 1000),
    components: /** @type {any} */ ([...COVERED, "signature-agent"]),
  });
  const { whole, changed, text } = await outcomes({ ...message, headers: { ...message.headers, ...signed } });
  assert.deepEqual([whole, changed], [200, REFUSED], text);
});

test("http-message-sig signs", async () => {
  const message = note();
  const { kid, alg, ...jwk } = /** @type {any} */ (registered.privateJwk);
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "Ed25519" }, true, ["sign"]);
  const fields = Object.entries(message.headers).map(([name, value]) => ({ name, value }));
  const { signatureInput, signature } = await httpMessageSig.createSignature(
    { kind: "request", method: message.method, targetUri: message.url, fields },
    {
      label: "theirs",
      components: COVERED,
      parameters: { created: seconds(), expires: seconds() + 60, keyid: registered.kid, alg: "ed25519" },
      signer: httpMessageSig.webcrypto.signer(key),
    },
  );
  const { whole, changed, text } = await outcomes({ ...message, headers: { ...message.headers, "signature-input": signatureInput, signature } });
  assert.deepEqual([whole, changed], [200, REFUSED], text);
});

test("http-message-signatures signs", async () => {
  const message = note();
  const key = createSigner(await crypto.subtle.exportKey("pkcs8", registered.privateKey).then(pem), "ed25519", registered.kid);
  const signed = await httpbis.signMessage({ key, name: "theirs", fields: COVERED, params: ["keyid", "created", "expires", "alg"] }, message);
  const { whole, changed, text } = await outcomes({ ...message, headers: /** @type {Record<string, string>} */ (signed.headers) });
  assert.deepEqual([whole, changed], [200, REFUSED], text);
});

/** @param {ArrayBuffer} der */
const pem = (der) => `-----BEGIN PRIVATE KEY-----\n${Buffer.from(der).toString("base64")}\n-----END PRIVATE KEY-----\n`;

test("dpop proves possession, and jose too", async () => {
  const { ES256 } = world.holders;
  const token = await world.issuer.mint({ jkt: ES256.kid });
  const url = `${world.url}/api/v1/account`;
  const theirs = await generateProof({ privateKey: ES256.privateKey, publicKey: ES256.publicKey }, url, "GET", undefined, token);
  const { kty, crv, x, y } = ES256.publicJwk;
  const ath = createHash("sha256").update(token).digest("base64url");
  const joses = await new SignJWT({ jti: "one-of-jose", htm: "GET", htu: url, iat: seconds(), ath })
    .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk: /** @type {any} */ ({ kty, crv, x, y }) })
    .sign(ES256.privateKey);
  for (const proof of [theirs, joses]) {
    const { whole, changed, text } = await outcomes({ method: "GET", url, headers: { authorization: `DPoP ${token}`, dpop: proof } });
    assert.deepEqual([whole, changed], [200, REFUSED], text);
  }
});

test("oauth4webapi asks for a protected resource, with and without a proof", async () => {
  const { ES256 } = world.holders;
  const before = world.compared();
  const options = { [oauth.allowInsecureRequests]: true };
  const bearer = await world.issuer.mint();
  const orders = await oauth.protectedResourceRequest(bearer, "GET", new URL(`${world.url}/api/v1/orders`), undefined, undefined, options);
  assert.equal(orders.status, 200);
  const bound = await world.issuer.mint({ jkt: ES256.kid });
  const DPoP = oauth.DPoP(/** @type {any} */ ({ client_id: "shopping-agent" }), { privateKey: ES256.privateKey, publicKey: ES256.publicKey });
  const account = await oauth.protectedResourceRequest(bound, "GET", new URL(`${world.url}/api/v1/account`), undefined, undefined, { ...options, DPoP });
  assert.equal(account.status, 200);
  // It reads the challenge of a refusal.
  const expired = await world.issuer.mint({ now: seconds() - 600, lifetime: 300 });
  await assert.rejects(
    oauth.protectedResourceRequest(expired, "GET", new URL(`${world.url}/api/v1/orders`), undefined, undefined, options),
    (error) => error instanceof oauth.WWWAuthenticateChallengeError && error.status === 401 && error.cause[0]?.parameters.error === "invalid_token",
  );
  assert.deepEqual(world.differences(), []);
  assert.equal(world.compared() - before, 3 * Object.keys(HOSTS).length);
});
