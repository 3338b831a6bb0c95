// The deny list in this process: read from a store that the Worker keeps, or written into the configuration.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createGate } from "countersign";
import { outside } from "../lib/in-process.mjs";
import { startIssuer, STATUS_LIST_URI } from "../lib/issuer.mjs";
import { ISSUER, JWKS_PATH } from "../lib/names.mjs";

const API = "https://api.example";

/** @param {object} more */
const config = (more) => ({
  origin: "http://127.0.0.1:9000",
  public_origins: [API],
  issuers: [{ issuer: ISSUER, jwks_uri: ISSUER + JWKS_PATH, audience: [API], algorithms: ["EdDSA", "ES256"] }],
  routes: [{ match: "GET /orders", require: ["token"] }],
  ...more,
});

/**
 * @param {object} more of the configuration
 * @param {object} options of the gate
 * @param {(code: (claims: Record<string, unknown>) => Promise<string>, issuer: Awaited<ReturnType<typeof startIssuer>>) => Promise<void>} body
 */
async function staged(more, options, body) {
  const issuer = await startIssuer({ audience: API });
  const gate = createGate(config(more), { fetch: outside({ [ISSUER]: issuer.url }), ...options });
  const code = async (/** @type {Record<string, unknown>} */ claims) => {
    const headers = { authorization: `Bearer ${await issuer.mint({ claims })}` };
    return (await gate.check({ method: "GET", url: `${API}/orders`, headers })).code;
  };
  try {
    await body(code, issuer);
  } finally {
    await issuer.close();
  }
}

/**
 * A document as the Worker publishes it.
 *
 * @param {string} kind
 * @param {string} issuer
 * @param {string} value
 */
function document(kind, issuer, value) {
  const hash = createHash("sha256");
  for (const part of ["deny-list", kind, issuer, value]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(part)));
    hash.update(length).update(part);
  }
  const until = Buffer.alloc(8);
  until.writeBigInt64BE(BigInt(Math.floor(Date.now() / 1000) + 3600));
  const denied = Buffer.concat([hash.digest().subarray(0, 16), until]).toString("base64url");
  return JSON.stringify({ published_at: Date.now(), version: 1, revision: 1, denied });
}

test("what a store denies is refused", () =>
  staged({ admin: { issuer: ISSUER } }, { denyList: async () => document("sub", ISSUER, "user-8") }, async (code) => {
    assert.equal(await code({ sub: "user-8" }), "token.subject_revoked");
    assert.equal(await code({ sub: "user-9" }), "ok");
  }));

test("without a reader, and with one that fails, no proof passes", async () => {
  const admin = { admin: { issuer: ISSUER } };
  const failing = () => Promise.reject(new Error("gone"));
  for (const options of [{}, { denyList: failing }, { denyList: async () => null }, { denyList: async () => "{}" }]) {
    await staged(admin, options, async (code) => assert.equal(await code({}), "revocation.unavailable"));
  }
});

test("what the configuration denies needs no store", () =>
  staged({ revocation: { deny: [{ kind: "task", value: "root" }] } }, {}, async (code) => {
    assert.equal(await code({ task_id: "leaf", parent_task_id: "root" }), "token.task_revoked");
    assert.equal(await code({ task_id: "another" }), "ok");
    assert.equal(await code({ task_id: "leaf" }), "token.task_revoked", "its token before said where it came from");
  }));

test("a token is good while its issuer's status list says so", () =>
  staged({}, {}, async (code, issuer) => {
    issuer.statuses = Uint8Array.of(0, 1);
    assert.equal(await code({ status: { status_list: { idx: 0, uri: STATUS_LIST_URI } } }), "ok");
    assert.equal(await code({ status: { status_list: { idx: 1, uri: STATUS_LIST_URI } } }), "token.revoked");
    assert.equal(issuer.statusListFetches, 1);
  }));
