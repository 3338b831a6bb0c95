// What cannot be reached is a line of the log: where it is as configured, and why in few words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGate } from "countersign";
import { startIssuer } from "../lib/issuer.mjs";
import { freePort } from "../lib/net.mjs";
import { ISSUER } from "../lib/names.mjs";

const API = "https://api.example";

/** @param {string} origin @param {object} options */
async function linesOf(origin, options) {
  const issuer = await startIssuer({ audience: API });
  /** @type {string[]} */
  const lines = [];
  try {
    const issuers = [{ issuer: ISSUER, jwks_uri: `${origin}/keys?secret=1`, audience: [API], algorithms: ["EdDSA", "ES256", "RS256"] }];
    const config = { origin: "http://127.0.0.1:9000", public_origins: [API], allow_loopback: true, issuers, routes: [{ match: "GET /", require: ["token"] }] };
    const gate = createGate(config, { log: (line) => lines.push(line), ...options });
    await gate.check({ method: "GET", url: `${API}/`, headers: { authorization: `Bearer ${await issuer.mint()}` } });
  } finally {
    await issuer.close();
  }
  return lines;
}

test("a key set whose server refuses connections", async () => {
  const origin = `http://127.0.0.1:${await freePort()}`;
  assert.deepEqual(await linesOf(origin, {}), [`countersign cannot reach ${origin}/keys: the connection was refused`]);
});

for (const [name, error, why] of /** @type {const} */ ([
  ["is unknown", Object.assign(new TypeError("fetch failed"), { cause: Object.assign(new Error("getaddrinfo ENOTFOUND secret"), { code: "ENOTFOUND" }) }), "there is no such host"],
  ["does not answer in time", new DOMException("secret", "TimeoutError"), "it took too long"],
  ["cannot be had for another reason", new Error("secret 192.0.2.1"), "no connection"],
])) {
  test(`a key set whose host ${name}`, async () => {
    const fetch = () => Promise.reject(error);
    assert.deepEqual(await linesOf("https://keys.example", { fetch }), [`countersign cannot reach https://keys.example/keys: ${why}`]);
  });
}
