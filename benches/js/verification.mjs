// What verifying one signature costs by algorithm: as the npm package asks `node:crypto`, on workerd's WebCrypto as the
// Worker asks it, and in the peers. Ed25519 is verified by the core's wasm, which offers no verification by itself:
// there it is the whole decision about a signed request, which is more.
import { generateKeyPairSync, constants, sign, verify as verifyOnNode } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ImportedKeys, Miniflare } from "../../js-tests/backends/hosts.mjs";
import { importKey, verifyWith } from "../../js-tests/backends/webcrypto.mjs";
import { COMPATIBILITY_DATE } from "../../js-tests/lib/gate.mjs";
import { startIssuer } from "../../js-tests/lib/issuer.mjs";
import { makeKey } from "../../js-tests/lib/keys.mjs";
import { make } from "../../js-tests/lib/recipe.mjs";
import { verifiersOf } from "../../js-tests/peers/verifiers.mjs";
import { compare } from "./measure.mjs";
import { verifyCountersign } from "./our-gate.mjs";

const TIMES = 300;
/** As many bytes as a signature base usually has. */
const MESSAGE = Buffer.alloc(400, "m");

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING };
/** @type {Record<string, {pair: () => import("node:crypto").KeyPairKeyObjectResult, hash: string | null, options?: object}>} */
const ALGORITHMS = {
  EdDSA: { pair: () => generateKeyPairSync("ed25519"), hash: null },
  ES256: { pair: () => generateKeyPairSync("ec", { namedCurve: "P-256" }), hash: "sha256", options: { dsaEncoding: "ieee-p1363" } },
  ES384: { pair: () => generateKeyPairSync("ec", { namedCurve: "P-384" }), hash: "sha384", options: { dsaEncoding: "ieee-p1363" } },
  PS512: { pair: () => generateKeyPairSync("rsa", { modulusLength: 2048 }), hash: "sha512", options: { ...PSS, saltLength: 64 } },
  PS256: { pair: () => generateKeyPairSync("rsa", { modulusLength: 2048 }), hash: "sha256", options: { ...PSS, saltLength: 32 } },
  RS256: { pair: () => generateKeyPairSync("rsa", { modulusLength: 2048 }), hash: "sha256" },
};

/** A Worker that verifies one signature as often as it is told; its own clock stands still meanwhile. */
const IN_WORKERD = `import { importKey, verifyWith } from "./webcrypto.mjs";
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
export default {
  async fetch(request) {
    const { times, alg, key, message, signature } = await request.json();
    const [imported, text, sent] = [await importKey(alg, key), bytes(message), bytes(signature)];
    for (let i = 0; i < times; i += 1) if (!(await verifyWith(alg, imported, text, sent))) return new Response(null, { status: 500 });
    return new Response();
  },
};`;

/** @typedef {() => Promise<unknown>} Once throws or gives false where it refuses, which here is a fault */

/**
 * @param {number} rounds
 * @returns {Promise<Record<string, Record<string, number>>>} microseconds by algorithm and contender
 */
export async function benchVerification(rounds) {
  const webcrypto = await readFile(new URL("../../js-tests/backends/webcrypto.mjs", import.meta.url), "utf8");
  const miniflare = new Miniflare({
    modules: [
      { type: "ESModule", path: "index.mjs", contents: IN_WORKERD },
      { type: "ESModule", path: "webcrypto.mjs", contents: webcrypto },
    ],
    compatibilityDate: COMPATIBILITY_DATE,
  });
  try {
    /** @type {Record<string, Record<string, number>>} */
    const table = {};
    for (const alg of Object.keys(ALGORITHMS)) table[alg] = await benchAlgorithm(alg, miniflare, rounds);
    return table;
  } finally {
    await miniflare.dispose();
  }
}

/** @param {string} alg @param {import("../../js-tests/backends/hosts.mjs").Miniflare} miniflare @param {number} rounds */
async function benchAlgorithm(alg, miniflare, rounds) {
  const { pair, hash, options } = ALGORITHMS[alg];
  const { privateKey, publicKey } = pair();
  const jwk = /** @type {JsonWebKey} */ (publicKey.export({ format: "jwk" }));
  const [key, signature] = [JSON.stringify(jwk), sign(hash, MESSAGE, { key: privateKey, ...options })];
  const contenders = {
    ours: alg === "EdDSA" ? await decisions() : await onNode(alg, key, signature),
    workerd: () => inWorkerd(miniflare, { alg, key, message: MESSAGE.toString("base64"), signature: signature.toString("base64") }),
    // For Ed25519 the package does not ask it: the core is faster for keys that it has seen before.
    ...(alg === "EdDSA" && { "node:crypto": await times(publicKey, (imported) => verifyOnNode(null, MESSAGE, imported, signature)) }),
    "Node's WebCrypto": await times(importKey(alg, key), (imported) => verifyWith(alg, imported, MESSAGE, signature)),
    ...Object.fromEntries(
      await Promise.all(
        Object.entries(await verifiersOf(alg, jwk)).map(async ([name, verify]) => [name, await times(verify, (verify) => verify(MESSAGE, signature))]),
      ),
    ),
  };
  const figures = await compare(contenders, rounds, async (measure) => ({ micros: await measure() }));
  return Object.fromEntries(Object.entries(figures).map(([name, { micros }]) => [name, micros]));
}

/**
 * @template T
 * @param {T | Promise<T>} context
 * @param {(context: T) => unknown} once
 * @returns {Promise<() => Promise<number>>} measures, in microseconds
 */
async function times(context, once) {
  const value = await context;
  return async () => {
    const start = performance.now();
    for (let i = 0; i < TIMES; i += 1) if (!(await once(value))) throw new Error("a right signature was refused");
    return ((performance.now() - start) * 1000) / TIMES;
  };
}

/** @param {string} alg @param {string} key @param {Buffer<ArrayBuffer>} signature */
function onNode(alg, key, signature) {
  const algorithm = /** @type {any} */ (alg);
  return times(new ImportedKeys(), (keys) => keys.verify({ algorithm, key, message: MESSAGE, signature }));
}

/** Signed requests, each a new one, of an agent that the gate knows. */
async function decisions() {
  const url = "http://127.0.0.1:8787";
  const issuer = await startIssuer({ audience: url });
  const holder = await makeKey("EdDSA");
  const makings = { url, issuer, agent: holder, holders: { EdDSA: holder, ES256: holder, RS256: holder } };
  const known = { agentKeys: [holder.publicJwk], issuerKeys: issuer.published, audience: url };
  await issuer.close();
  const wire = () => make(makings, { path: "/api/v1/catalogue", signature: { form: "legacy" } });
  for (let i = 0; i < 10; i += 1) await verifyCountersign(await wire(), known);
  return async () => {
    const wires = await Promise.all(Array.from({ length: TIMES }, wire));
    const start = performance.now();
    for (const signed of wires) await verifyCountersign(signed, known);
    return ((performance.now() - start) * 1000) / TIMES;
  };
}

/** @param {import("../../js-tests/backends/hosts.mjs").Miniflare} miniflare @param {object} check */
async function inWorkerd(miniflare, check) {
  const ask = async (/** @type {number} */ times) => {
    const start = performance.now();
    const { status } = await miniflare.dispatchFetch("http://workerd/", { method: "POST", body: JSON.stringify({ times, ...check }) });
    if (status !== 200) throw new Error("a right signature was refused");
    return performance.now() - start;
  };
  // The request itself and the import of the key are left out by a difference.
  const bare = Math.min(await ask(0), await ask(0), await ask(0));
  return (Math.max(0, (await ask(TIMES)) - bare) * 1000) / TIMES;
}
