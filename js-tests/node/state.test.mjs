// State that is exact, kept in the memory of the process.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { createGate, memoryStores } from "countersign";
import { outside } from "../lib/in-process.mjs";
import { startIssuer } from "../lib/issuer.mjs";
import { makeKey } from "../lib/keys.mjs";
import { ISSUER, JWKS_PATH } from "../lib/names.mjs";
import { prove } from "../lib/proof.mjs";

const API = "https://api.shop.example";

/** @param {object} [route] */
const configOf = (route) => ({
  origin: "http://127.0.0.1:9000",
  public_origins: [API],
  issuers: [{ issuer: ISSUER, jwks_uri: ISSUER + JWKS_PATH, audience: [API], algorithms: ["EdDSA"], profile: "at+jwt" }],
  routes: [{ match: "GET /exact", require: ["token", "dpop"], replay: "exact", ...route }],
});

test("a gate that needs state and has none, or none that it knows, is not made", () => {
  assert.throws(() => createGate(configOf()), { code: "config.invalid", message: /replay = "exact"/ });
  const unknown = /** @type {any} */ ({ state: "memory" });
  assert.throws(() => createGate(configOf(), unknown), { code: "options.invalid", message: /no state; did you mean stores\?$/ });
  assert.ok(createGate(configOf({ replay: "isolate" })));
});

test("of many copies of a proof at once one passes, and the decision says how sure that is", async () => {
  const issuer = await startIssuer({ audience: API });
  try {
    const gate = createGate(configOf(), { fetch: outside({ [ISSUER]: issuer.url }), stores: memoryStores() });
    const key = await makeKey("ES256");
    const token = await issuer.mint({ jkt: key.kid });
    const url = `${API}/exact`;
    const proof = await prove({ method: "GET", url, headers: [] }, key, token, { jti: randomUUID() });
    const headers = [["Authorization", `DPoP ${token}`], ["DPoP", proof]];
    const request = /** @type {any} */ ({ method: "GET", url, headers });
    const decisions = await Promise.all(Array.from({ length: 50 }, () => gate.check(request)));
    const codes = decisions.map(({ code }) => code);
    assert.equal(codes.filter((code) => code === "ok").length, 1);
    assert.equal(codes.filter((code) => code === "dpop.proof_replayed").length, 49);
    assert.equal(decisions.find(({ code }) => code === "ok")?.guarantees.replay, "exact");
  } finally {
    await issuer.close();
  }
});
