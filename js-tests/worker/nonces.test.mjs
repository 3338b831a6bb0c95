// Nonces for DPoP proofs (RFC 9449 §9), and that a client of others' making gets along with them by itself.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import * as oauth from "oauth4webapi";
import { generateProof } from "dpop";
import { json, send } from "../lib/net.mjs";
import { startWorld } from "../lib/world.mjs";

const ROUTES = [
  { match: "GET /required", require: ["token", "dpop"], dpop_nonce: "required" },
  { match: "GET /offered", require: ["token", "dpop"], dpop_nonce: "offered" },
  { match: "GET /off", require: ["token", "dpop"] },
];

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => {
  const secrets = { GATE_NONCE_SECRET: randomBytes(32).toString("base64") };
  world = await startWorld({ config: { routes: ROUTES }, secrets });
});
after(() => world.close());

/** @param {string} path @param {string} [nonce] */
async function ask(path, nonce) {
  const key = world.holders.ES256;
  const token = await world.issuer.mint({ jkt: key.kid });
  const url = world.url + path;
  const pair = { privateKey: key.privateKey, publicKey: key.publicKey };
  const proof = await generateProof(pair, url, "GET", nonce, token);
  return send({ method: "GET", url, headers: [["Authorization", `DPoP ${token}`], ["DPoP", proof]] });
}

test("a proof without a nonce is refused with one, which is then good", async () => {
  const refused = await ask("/required");
  assert.equal(refused.status, 401);
  assert.equal(json(refused).code, "dpop.nonce_missing");
  assert.match(String(refused.headers["www-authenticate"]), /^DPoP error="use_dpop_nonce"/);
  assert.equal(refused.headers["cache-control"], "no-store");
  const nonce = String(refused.headers["dpop-nonce"]);
  assert.match(nonce, /^[A-Za-z0-9_-]{32}$/);
  const taken = await ask("/required", nonce);
  assert.equal(taken.status, 200, taken.body.toString());
});

test("a nonce that is none of the gate's is refused with one", async () => {
  const refused = await ask("/required", "eyJ7S_zG.eyJH0-Z.HX4w-7v");
  assert.equal(json(refused).code, "dpop.nonce_invalid");
  assert.equal((await ask("/required", String(refused.headers["dpop-nonce"]))).status, 200);
});

test("an offered nonce comes with the origin's answer, which nobody may keep", async () => {
  const answer = await ask("/offered");
  assert.equal(answer.status, 200);
  assert.match(String(answer.headers["dpop-nonce"]), /^[A-Za-z0-9_-]{32}$/);
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.headers["demo-origin"], "1");
  assert.equal((await ask("/required", String(answer.headers["dpop-nonce"]))).status, 200, "it is good for the whole origin");
  assert.equal((await ask("/off")).headers["dpop-nonce"], undefined);
});

test("oauth4webapi sees what it lacks, and comes back with it", async () => {
  const keys = await oauth.generateKeyPair("ES256");
  const handle = oauth.DPoP({}, keys);
  const token = await world.issuer.mint({ jkt: await handle.calculateThumbprint() });
  const request = () =>
    oauth.protectedResourceRequest(token, "GET", new URL(`${world.url}/required`), undefined, undefined, {
      DPoP: handle,
      [oauth.allowInsecureRequests]: true,
    });
  await assert.rejects(request(), (error) => oauth.isDPoPNonceError(error));
  for (let time = 0; time < 3; time += 1) assert.equal((await request()).status, 200);
});

test("a gate that lacks its secret, or has a weak one, lets nothing through", async () => {
  /** @type {Record<string, string>[]} */
  const faults = [{}, { GATE_NONCE_SECRET: "too short" }, { GATE_NONCE_SECRET: "[]" }];
  for (const secrets of faults) {
    const closed = await startWorld({ config: { routes: [...ROUTES, { match: "GET /open", require: [] }] }, secrets });
    try {
      const answer = await send({ method: "GET", url: `${closed.url}/open`, headers: [] });
      assert.equal(answer.status, 503);
      assert.equal(json(answer).code, "config.invalid");
    } finally {
      await closed.close();
    }
  }
});
