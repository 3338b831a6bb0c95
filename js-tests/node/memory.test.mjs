// Whether many agents make the core grow. 10,000 agents: 8,000 clients, each with a token of its own, and 2,000 keys
// that sign requests, in 40 directories. Each sends ten requests; one agent in ten is refused each time, as refusals
// leave traces too. After the first half no agent is new, so that what grows then grows with requests.
//
// The messages are made with `node:crypto` here: the libraries that the other tests use would take most of the time.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { createGate } from "countersign";
// Not part of the package's interface; but where else would one see the memory of the core?
import { wasmMemory } from "../../js/dist/wasm.js";
import { DIRECTORY_PATH, DIRECTORY_TYPE } from "../lib/names.mjs";

const CLIENTS = 8_000;
const DIRECTORIES = 40;
const KEYS_EACH = 50;
const AGENTS = CLIENTS + DIRECTORIES * KEYS_EACH;
const DECISIONS = 100_000;
const MOST_MIB = 32;
/** Four pages, which freed and new entries of different sizes may cost: less than 6 bytes for each of 50,000 requests. */
const SLACK_MIB = 0.25;

const API = "https://api.example";
const ISSUER = "https://issuer.example";
/** So that all decisions together take 500 s: proofs expire meanwhile, and others take their place. */
const MS_BETWEEN_REQUESTS = 5;

test("100,000 decisions on 10,000 agents (8,000 tokens, 2,000 directory keys) leave the core's memory flat", async (t) => {
  let now = 1_790_000_000_000;
  const issuer = makeKey();
  const clients = Array.from({ length: CLIENTS }, (_, i) => mint(issuer, `client-${i}`, Math.floor(now / 1000)));
  const keys = Array.from({ length: DIRECTORIES * KEYS_EACH }, makeKey);
  const gate = createGate(config(), { now: () => now, fetch: async (url) => published(String(url), issuer, keys) });

  /** @type {Record<string, number>} */
  const codes = {};
  /** @type {Map<number, number>} */
  const mib = new Map();
  for (let sent = 1; sent <= DECISIONS; sent += 1) {
    now += MS_BETWEEN_REQUESTS;
    const agent = (sent - 1) % AGENTS;
    const path = agent % 10 === 0 ? "/admin" : "/things";
    const request = agent < CLIENTS ? withToken(path, clients[agent]) : signed(path, agent - CLIENTS, keys, now);
    const { code } = await gate.check(request);
    codes[code] = (codes[code] ?? 0) + 1;
    if ([10_000, 50_000, DECISIONS].includes(sent)) mib.set(sent, wasmMemory.buffer.byteLength / 1024 / 1024);
  }

  t.diagnostic([...mib].map(([sent, size]) => `${size.toFixed(1)} MiB after ${sent}`).join(", "));
  assert.deepEqual(codes, { ok: 90_000, "policy.scope_missing": 8_000, "token.missing": 2_000 });
  const [, half = NaN, whole = NaN] = mib.values();
  assert.ok(whole <= MOST_MIB, `${whole} MiB`);
  assert.ok(whole - half <= SLACK_MIB, `grew by ${whole - half} MiB in the last half`);
});

function config() {
  const rate = [{ per: "agent", limit: 1000, window: "1m" }];
  return {
    origin: "http://127.0.0.1:9000",
    public_origins: [API],
    issuers: [{ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks.json`, audience: [API], algorithms: ["EdDSA"] }],
    signatures: { trust: Array.from({ length: DIRECTORIES }, (_, i) => directory(i)) },
    routes: [
      { match: "GET /things", require: ["token"], rate },
      { match: "PUT /things", require: ["signature"], rate },
      { match: "* /admin", require: ["token"], scope: ["admin"] },
    ],
  };
}

/** @param {number} index */
function directory(index) {
  return `https://agents-${index}.example`;
}

/** @typedef {ReturnType<typeof makeKey>} Key */

function makeKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { kty, crv, x } = publicKey.export({ format: "jwk" });
  const kid = createHash("sha256").update(JSON.stringify({ crv, kty, x })).digest("base64url");
  return { privateKey, jwk: { kty, crv, x, kid }, kid };
}

/** @param {string} url @param {Key} issuer @param {Key[]} keys */
function published(url, issuer, keys) {
  if (url.startsWith(ISSUER)) return Response.json({ keys: [issuer.jwk] });
  const index = Array.from({ length: DIRECTORIES }, (_, i) => directory(i) + DIRECTORY_PATH).indexOf(url);
  const own = keys.slice(index * KEYS_EACH, (index + 1) * KEYS_EACH).map(({ jwk }) => jwk);
  return Response.json({ keys: own }, { headers: { "content-type": DIRECTORY_TYPE } });
}

/** @param {Key} issuer @param {string} client @param {number} iat seconds */
function mint(issuer, client, iat) {
  const part = (/** @type {object} */ value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: ISSUER, aud: API, sub: "user", client_id: client, jti: client, iat, exp: iat + 3600 };
  const input = `${part({ alg: "EdDSA", typ: "at+jwt", kid: issuer.kid })}.${part(claims)}`;
  return `${input}.${sign(null, Buffer.from(input), issuer.privateKey).toString("base64url")}`;
}

/** @param {string} path @param {string} token */
function withToken(path, token) {
  return { method: "GET", url: API + path, headers: { authorization: `Bearer ${token}` } };
}

/** @param {string} path @param {number} agent @param {Key[]} keys @param {number} now */
function signed(path, agent, keys, now) {
  const { privateKey, kid } = keys[agent];
  const signatureAgent = `sig="${directory(Math.floor(agent / KEYS_EACH))}"`;
  const created = Math.floor(now / 1000);
  const params = `("@method" "@authority" "@path" "signature-agent";key="sig");created=${created};expires=${created + 60};keyid="${kid}";tag="web-bot-auth"`;
  const base = [
    `"@method": PUT`,
    `"@authority": ${new URL(API).host}`,
    `"@path": ${path}`,
    `"signature-agent";key="sig": ${signatureAgent.slice(4)}`,
    `"@signature-params": ${params}`,
  ].join("\n");
  const signature = sign(null, Buffer.from(base), privateKey).toString("base64");
  const headers = { "signature-agent": signatureAgent, "signature-input": `sig=${params}`, signature: `sig=:${signature}:` };
  return { method: "PUT", url: API + path, headers };
}
