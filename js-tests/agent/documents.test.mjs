// What an agent publishes: a key set and a directory, with nothing private in them, which gates and peers believe.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGate, verifySignature } from "countersign";
import { createAgent, directory, DIRECTORY_PATH, DIRECTORY_TYPE, generateKey, importKey, keySet } from "countersign/agent";
import { makeKey } from "../lib/keys.mjs";
import { serve } from "../lib/net.mjs";

/** @param {() => unknown} attempt @param {string} code */
async function refused(attempt, code) {
  await assert.rejects(async () => attempt(), (/** @type {any} */ error) => error.code === code || assert.fail(error));
}

test("nothing private comes into a document, wherever it stands", async () => {
  const pair = await makeKey("EdDSA");
  const key = await generateKey();
  const careless = { ...key, publicJwk: /** @type {any} */ (pair.privateJwk), sign: key.sign.bind(key) };
  for (const keys of [[pair.privateJwk], [key, { ...pair.publicJwk, d: "" }], [careless], [{ kty: "oct", k: "c2VjcmV0" }]]) {
    await refused(() => keySet(/** @type {any} */ (keys)), "key.invalid");
    await refused(() => directory({ keys: /** @type {any} */ (keys), authority: "agents.example" }), "key.invalid");
  }
  const known = keySet([{ ...pair.publicJwk, secret: "x", key_ops: ["verify"], x5c: ["y"] }]);
  assert.deepEqual(Object.keys(known.keys[0] ?? {}).sort(), ["alg", "crv", "kid", "kty", "use", "x"]);
});

test("what makes no document is refused", async () => {
  const key = await generateKey();
  for (const keys of [[], undefined, {}, Array(101).fill(key)]) await refused(() => keySet(/** @type {any} */ (keys)), "options.invalid");
  for (const options of [
    { keys: [key, key] },
    { keys: [key], maxAge: -1 },
    { keys: [key], maxAge: 43_201 },
    { keys: [key], maxAge: 0.5 },
    { keys: [key], authority: "" },
    { keys: [key], authority: "https://agents.example" },
    { keys: [key], authority: "agents.example/path" },
    { keys: [key], authority: 'a"\n"@status": 200' },
    { keys: [key], authority: "agents.example", now: Date.now() },
    { keys: [key.publicJwk], authority: "agents.example" },
  ]) {
    await refused(() => directory(/** @type {any} */ (options)), "options.invalid");
  }
  const pss = await importKey({ ...(await makeKey("PS512")).privateJwk, alg: "PS256" });
  await refused(() => directory({ keys: [pss], authority: "agents.example" }), "key.invalid");
});

test("a key set names keys as they are named, a directory by their thumbprints", async () => {
  const [named, nameless] = [await generateKey({ kid: "mine" }), await generateKey({ algorithm: "ES256" })];
  assert.deepEqual(keySet([named, nameless]).keys.map(({ kid }) => kid), ["mine", nameless.thumbprint]);
  const { status, headers, body } = await directory({ keys: [named, nameless.publicJwk], maxAge: 60 });
  assert.deepEqual(JSON.parse(body).keys.map((/** @type {any} */ jwk) => jwk.kid), [named.thumbprint, nameless.thumbprint]);
  assert.deepEqual([status, headers], [200, { "Content-Type": DIRECTORY_TYPE, "Cache-Control": "max-age=60" }]);
});

test("each key signs the directory, for its authority and its body, for as long as caches keep it", async () => {
  const keys = [await generateKey(), await generateKey({ algorithm: "ES256" })];
  const now = 1_800_000_000;
  const answer = await directory({ keys, authority: "Agents.Example:8443", maxAge: 600, now });
  /** @param {string} host @param {number} at @param {string} [body] */
  const verify = (host, at, body = answer.body) =>
    Promise.all(
      keys.map(async (key, index) => {
        const request = { method: "GET", url: `https://${host}${DIRECTORY_PATH}`, headers: {} };
        const response = { status: 200, headers: answer.headers, body: Buffer.from(body), request };
        const options = { keys: { ...key.publicJwk }, tag: "http-message-signatures-directory", label: `sig${index + 1}`, now: at };
        return (await verifySignature(response, options)).code;
      }),
    );
  assert.deepEqual(await verify("agents.example:8443", now + 600), ["ok", "ok"]);
  assert.deepEqual(await verify("agents.example:8443", now + 1259), ["ok", "ok"]);
  assert.deepEqual(await verify("agents.example:8443", now + 1261), ["signature.expired", "signature.expired"]);
  assert.deepEqual(await verify("others.example", now), ["signature.invalid", "signature.invalid"]);
  assert.deepEqual(await verify("agents.example:8443", now, `${answer.body} `), ["signature.digest_mismatch", "signature.digest_mismatch"]);
});

test("a gate that requires signed directories believes the keys that signed, and the agent that has them", async (t) => {
  const [key, other, silent] = [await generateKey(), await generateKey({ algorithm: "ES256" }), await generateKey()];
  let authority = "";
  const server = await serve(async (_, response) => {
    const { status, headers, body } = await directory({ keys: [key, other, silent.publicJwk], authority });
    response.writeHead(status, headers).end(body);
  });
  t.after(() => server.close());
  authority = new URL(server.url).host;
  const origin = "https://api.shop.example";
  const gate = createGate({
    origin: "http://127.0.0.1:9",
    public_origins: [origin],
    allow_loopback: true,
    signatures: { profiles: ["web-bot-auth"], trust: [server.url], require_signed_directories: true },
    routes: [{ match: "GET /**", require: ["signature"] }],
  });
  /** @param {import("countersign/agent").AgentKey} signer */
  const codeOf = async (signer) => {
    const agent = createAgent({ key: signer, signatureAgent: server.url });
    const headers = Object.fromEntries(await agent.sign(`${origin}/orders`));
    return (await gate.check({ method: "GET", url: `${origin}/orders`, headers })).code;
  };
  assert.equal(await codeOf(key), "ok");
  assert.equal(await codeOf(silent), "signature.key_unknown");
});
