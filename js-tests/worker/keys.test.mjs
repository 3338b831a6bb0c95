// Key sets and directories: few fetches, none that a forger can cause, and none needed while the issuer is down.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeKey } from "../lib/keys.mjs";
import { AGENT, AGENT_JWKS_PATH, DIRECTORY_PATH, DIRECTORY_TYPE } from "../lib/names.mjs";
import { sendJson } from "../lib/net.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

/** @typedef {import("../lib/world.mjs").World} World */
/** @typedef {import("node:http").ServerResponse} Response */
/** @typedef {(response: Response) => void} Instead */

/** How many fetches are few. */
const FEW = 3;
const ORDERS = { path: "/api/v1/orders", token: true };

/**
 * Each test has a gate of its own, that has not seen a key yet.
 *
 * @param {string} name
 * @param {(world: World) => Promise<void>} body
 * @param {object} [config]
 */
const cold = (name, body, config) =>
  test(name, async () => {
    const world = await startWorld({ config });
    try {
      await body(world);
    } finally {
      await world.close();
    }
  });

/**
 * @param {World} world
 * @param {import("../lib/recipe.mjs").Recipe} recipe
 */
const outcome = async (world, recipe) => {
  const verdict = await judge(await make(world, recipe));
  return verdict.outcome === "allow" ? "allow" : verdict.code;
};

cold("fifty requests at once to a cold gate fetch the key set a few times, not fifty", async (world) => {
  world.issuer.delay = 50;
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome(world, ORDERS)));
  assert.deepEqual([...new Set(outcomes)], ["allow"]);
  assert.ok(world.issuer.fetches <= FEW, `${world.issuer.fetches} fetches`);
});

cold("fifty requests at once to a cold gate fetch the directory a few times, not fifty", async (world) => {
  const recipe = { path: "/api/v1/catalogue", signature: true };
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome(world, recipe)));
  assert.deepEqual([...new Set(outcomes)], ["allow"]);
  assert.ok(world.directory.fetches <= FEW, `${world.directory.fetches} fetches`);
});

cold("forged key ids do not make the gate fetch", async (world) => {
  assert.equal(await outcome(world, ORDERS), "allow");
  const key = world.stranger.EdDSA;
  for (let i = 0; i < 20; i += 1) {
    const forged = { path: "/api/v1/orders", token: { key, header: { kid: `forged-${i}` } } };
    assert.equal(await outcome(world, forged), "token.key_unknown");
  }
  assert.ok(world.issuer.fetches <= FEW, `${world.issuer.fetches} fetches`);
});

cold("a warm gate serves on while the issuer is down", async (world) => {
  assert.equal(await outcome(world, ORDERS), "allow");
  world.issuer.failing = true;
  // A key id that the set lacks makes the gate ask again, in vain: it must keep what it has.
  await outcome(world, { path: "/api/v1/orders", token: { key: world.stranger.EdDSA } });
  assert.equal(await outcome(world, ORDERS), "allow");
});

cold("a cold gate that cannot get the keys says that it is not the client's fault", async (world) => {
  world.issuer.failing = true;
  const { status, code } = await judge(await make(world, ORDERS));
  assert.deepEqual({ status, code }, { status: 503, code: "keys.unavailable" });
});

cold("a new key of the issuer is taken at its first use", async (world) => {
  assert.equal(await outcome(world, ORDERS), "allow");
  await world.issuer.rotate({ keepOld: true });
  assert.equal(await outcome(world, ORDERS), "allow");
});

cold("a key set with entries that nobody knows serves those that it can", async (world) => {
  world.issuer.published.unshift(
    /** @type {any} */ ({ kty: "XYZ", kid: "unknown-kty" }),
    /** @type {any} */ ({ kty: "OKP", crv: "Ed448", x: "AA", kid: "unknown-crv" }),
  );
  assert.equal(await outcome(world, ORDERS), "allow");
});

cold("an agent may have several keys", async (world) => {
  const second = await makeKey("EdDSA");
  world.directory.keys.push(second.publicJwk);
  for (const key of [world.agent, second]) {
    assert.equal(await outcome(world, { path: "/api/v1/catalogue", signature: { key } }), "allow");
  }
});

/** A request that the agent signs. @param {import("../lib/agent.mjs").SignOptions} [signature] */
const signed = (signature = {}) => ({ path: "/api/v1/catalogue", signature });

/**
 * What the gate makes of a signature whose directory answers so, at a URL that it has not seen yet.
 *
 * @param {World} world
 * @param {number} number of the URL
 * @param {Instead} instead
 * @param {import("../lib/agent.mjs").SignOptions} [options]
 */
const outcomeAt = (world, number, instead, options = {}) => {
  world.directory.instead = instead;
  return outcome(world, signed({ ...options, form: "direct", agent: `${AGENT}${AGENT_JWKS_PATH}?${number}` }));
};

cold("a directory that is not there is the agent's fault, and none that cannot be had is", async (world) => {
  const keys = { keys: world.directory.keys };
  const elsewhere = { location: DIRECTORY_PATH };
  assert.equal(await outcomeAt(world, 0, (response) => sendJson(response, 200, keys)), "allow");
  for (const [number, instead, code] of /** @type {[number, Instead, string][]} */ ([
    [1, (r) => sendJson(r, 404, keys), "signature.directory_invalid"],
    [2, (r) => sendJson(r, 410, keys), "signature.directory_invalid"],
    [3, (r) => sendJson(r, 302, keys, elsewhere), "signature.directory_invalid"],
    [4, (r) => r.end("<html></html>"), "signature.directory_invalid"],
    [5, (r) => r.end(JSON.stringify(keys) + " ".repeat(64 * 1024)), "signature.directory_invalid"],
    [6, (r) => sendJson(r, 429, keys, { "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT" }), "keys.unavailable"],
    [7, (r) => sendJson(r, 500, keys), "keys.unavailable"],
    [8, (r) => r.destroy(), "keys.unavailable"],
  ])) {
    const before = world.directory.fetches;
    assert.equal(await outcomeAt(world, number, instead), code, `${number}`);
    // The answer is remembered: better ones come too late.
    assert.equal(await outcomeAt(world, number, (response) => sendJson(response, 200, keys)), code, `${number}`);
    assert.equal(world.directory.fetches - before, 1, `${number}`);
  }
});

cold("the directory at the well-known path has its media type, or is none", async (world) => {
  world.directory.instead = (response) => sendJson(response, 200, { keys: world.directory.keys });
  assert.equal(await outcome(world, signed()), "signature.directory_invalid");
});

cold("directories are read in the shapes that are live", async (world) => {
  const { kty, crv, x } = world.directory.keys[0] ?? {};
  const key = { kty, crv, x };
  for (const [number, document] of [
    key,
    { keys: [key] },
    { keys: [{ ...key, alg: "EdDSA", use: "sig" }] },
    { keys: [{ ...key, alg: "ed25519" }] },
    { keys: [{ ...key, kid: "of its own" }] },
    { keys: [{ kty: "AKP", alg: "ML-DSA-44", pub: "AA" }, 7, { kty: "oct", k: "AA" }, key] },
  ].entries()) {
    assert.equal(await outcomeAt(world, number, (response) => sendJson(response, 200, document)), "allow", `${number}`);
  }
});

cold("a directory that hangs is given up, and asked no second time meanwhile", async (world) => {
  world.directory.hanging = true;
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => outcome(world, signed())));
  assert.deepEqual([...new Set(outcomes)], ["keys.unavailable"]);
  assert.ok(world.directory.fetches <= FEW, `${world.directory.fetches} fetches`);
  assert.equal(await outcome(world, ORDERS), "allow", "who does not need it does not notice");
});

for (const status of [500, 404, 200]) {
  cold(`a directory that answers ${status} without keys does not evict those that are there`, async (world) => {
    assert.equal(await outcome(world, signed()), "allow");
    const before = world.directory.fetches;
    world.directory.instead = (response) => sendJson(response, status, "no directory");
    // A key that is not there makes the gate ask.
    assert.equal(await outcome(world, signed({ key: world.stranger.EdDSA })), "signature.key_unknown");
    assert.equal(world.directory.fetches - before, 1);
    assert.equal(await outcome(world, signed()), "allow");
  });
}

cold("a good answer without the key takes it away", async (world) => {
  assert.equal(await outcome(world, signed()), "allow");
  const next = await makeKey("EdDSA");
  world.directory.keys = [next.publicJwk];
  assert.equal(await outcome(world, signed({ key: next })), "allow");
  assert.equal(await outcome(world, signed()), "signature.key_unknown");
});

const STRICT = { signatures: { profiles: ["web-bot-auth"], trust: [AGENT], require_signed_directories: true } };
const authority = new URL(AGENT).host;

cold(
  "of a directory that must be signed, the keys that signed it are believed",
  async (world) => {
    const [second, silent] = [await makeKey("ES256"), await makeKey("EdDSA")];
    world.directory.keys.push(second.publicJwk, silent.publicJwk);
    world.directory.signing = { keys: [world.agent, second], authority };
    assert.equal(await outcome(world, signed()), "allow");
    assert.equal(await outcome(world, signed({ key: silent })), "signature.key_unknown");
    // Of the other algorithm the host has verified the signature.
    const { keys } = await stored(world, "signed-directory:");
    assert.deepEqual(keys.map((/** @type {{x: string}} */ { x }) => x), [world.agent.publicJwk.x, second.publicJwk.x]);
  },
  STRICT,
);

for (const [fault, signing] of /** @type {[string, (world: World) => any][]} */ ([
  ["not signed", () => undefined],
  ["signed for another authority", (world) => ({ keys: [world.agent], authority: "evil.example" })],
  ["signed with another key", (world) => ({ keys: [{ ...world.stranger.EdDSA, kid: world.agent.kid }], authority })],
])) {
  cold(
    `a directory that must be signed and is ${fault} is none`,
    async (world) => {
      world.directory.signing = signing(world);
      assert.equal(await outcome(world, signed()), "signature.directory_invalid");
    },
    STRICT,
  );
}

for (const [what, instead, code] of /** @type {[string, (response: Response, keys: object[]) => void, string][]} */ ([
  ["that a directory is not there", (r) => sendJson(r, 404, {}), "signature.directory_invalid"],
  ["a directory that says no-store", (r, keys) => sendJson(r, 200, { keys }, { "content-type": DIRECTORY_TYPE, "cache-control": "no-store" }), "allow"],
])) {
  cold(`${what} is told to no other isolate`, async (world) => {
    world.directory.instead = (response) => instead(response, world.directory.keys);
    assert.equal(await outcome(world, signed()), code);
    assert.equal(await outcome(world, ORDERS), "allow");
    // What came later is there.
    await stored(world, "issuer:");
    const { keys } = await (await world.gate.kv()).list();
    assert.deepEqual(keys.map((/** @type {{name: string}} */ { name }) => name.split(":")[0]), ["issuer"]);
  });
}

/**
 * The key set that the gate stores under this prefix, which it does after the response.
 *
 * @param {World} world
 * @param {string} prefix
 */
async function stored(world, prefix) {
  const kv = await world.gate.kv();
  for (;;) {
    const { keys } = await kv.list({ prefix });
    if (keys.length > 0) return JSON.parse(await kv.get(keys[0].name));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
