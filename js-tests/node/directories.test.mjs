// What the package's own client for directories connects to, and what it makes of answers.
import assert from "node:assert/strict";
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { test } from "node:test";
import { createGate } from "countersign";
// Not part of the package's interface; but where else would one see which addresses it takes?
import { lookupPublic } from "../../js/dist/platform/node/https.js";
import { isPublicAddress } from "../../js/dist/wasm.js";
import { startDirectory } from "../lib/directory.mjs";
import { sign } from "../lib/agent.mjs";
import { makeKey } from "../lib/keys.mjs";
import { serve } from "../lib/net.mjs";

const API = "https://api.example";

/**
 * Makes names resolve so, for as long as the test runs.
 *
 * @param {import("node:test").TestContext} t
 * @param {(hostname: string) => string[]} addresses
 */
function resolving(t, addresses) {
  const lookup = t.mock.method(dns, "lookup", (/** @type {string} */ hostname, /** @type {any} */ options, /** @type {any} */ callback) => {
    assert.equal(options.all, true, "every address is looked at");
    const found = addresses(hostname).map((address) => ({ address, family: net.isIP(address) }));
    process.nextTick(callback, null, found);
  });
  syncBuiltinESMExports();
  t.after(() => {
    lookup.mock.restore();
    syncBuiltinESMExports();
  });
  return lookup;
}

/**
 * @param {{all?: boolean}} [options]
 * @returns {Promise<any[]>}
 */
const looked = (options = {}) =>
  new Promise((resolve) => lookupPublic(isPublicAddress)("agents.example", options, (/** @type {any[]} */ ...answer) => resolve(answer)));

/**
 * @param {string} directory
 * @param {object} [config]
 * @param {import("countersign").GateOptions} [options]
 */
const gateFor = (directory, config = {}, options = {}) =>
  createGate(
    {
      origin: "http://127.0.0.1:9000",
      public_origins: [API],
      signatures: { trust: [directory] },
      routes: [{ match: "GET /", require: ["signature"], replay: "none" }],
      ...config,
    },
    options,
  );

/** @param {import("countersign").Gate} gate @param {import("../lib/keys.mjs").Key} key @param {string} agent */
async function codeOf(gate, key, agent) {
  /** @type {import("../lib/net.mjs").Wire} */
  const wire = { method: "GET", url: `${API}/`, headers: [] };
  const headers = await sign(wire, key, { form: "dictionary", agent });
  return (await gate.check({ ...wire, headers })).code;
}

test("a name is connected to at the addresses that were checked", async (t) => {
  resolving(t, () => ["203.0.112.7", "2606:4700::1111"]);
  assert.deepEqual(await looked(), [null, "203.0.112.7", 4]);
  const [error, all] = await looked({ all: true });
  assert.equal(error, null);
  assert.deepEqual(all.map((/** @type {{address: string}} */ { address }) => address), ["203.0.112.7", "2606:4700::1111"]);
});

test("a name is refused if any of its addresses is not public", async (t) => {
  /** @type {string[]} */
  let addresses = [];
  resolving(t, () => addresses);
  for (addresses of [
    ["127.0.0.1"],
    ["10.0.0.1"],
    ["169.254.169.254"],
    ["192.168.1.1"],
    ["100.64.0.1"],
    ["::1"],
    ["::ffff:10.0.0.1"],
    ["fd00:ec2::254"],
    ["fe80::1"],
    ["203.0.112.7", "10.0.0.1"],
    ["10.0.0.1", "203.0.112.7"],
    [],
  ]) {
    for (const options of [{}, { all: true }]) {
      const [error, address] = await looked(options);
      assert.ok(error instanceof Error, `${addresses}`);
      assert.ok(!addresses.includes(address));
    }
  }
});

test("a name that resolves anew for the connection gains nothing", async (t) => {
  const answers = [["203.0.112.7"], ["127.0.0.1"]];
  const lookup = resolving(t, () => answers.shift() ?? []);
  assert.deepEqual(await looked(), [null, "203.0.112.7", 4], "there is but one look-up, and it is the one that is checked");
  assert.equal(lookup.mock.callCount(), 1);
  assert.ok((await looked())[0] instanceof Error);
});

test("a directory whose name leads to this machine is not connected to", async (t) => {
  resolving(t, () => ["127.0.0.1"]);
  let connections = 0;
  const server = net.createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  t.after(() => server.close());
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  const key = await makeKey("EdDSA");
  const agent = `https://agents.example:${port}`;
  for (const config of [{}, { allow_loopback: true }]) {
    assert.equal(await codeOf(gateFor(agent, config), key, agent), "keys.unavailable");
  }
  assert.equal(connections, 0);
});

test("the package's own client brings keys, and says what it could not bring", async (t) => {
  const key = await makeKey("EdDSA");
  const directory = await startDirectory([key.publicJwk]);
  t.after(() => directory.close());
  const allowed = { allow_loopback: true };
  const code = (/** @type {import("countersign").GateOptions} */ options = {}) =>
    codeOf(gateFor(directory.url, allowed, options), key, directory.url);
  assert.equal(await code(), "ok");
  for (const [status, expected] of /** @type {const} */ ([
    [404, "signature.directory_invalid"],
    [302, "signature.directory_invalid"],
    [200, "signature.directory_invalid"],
    [503, "keys.unavailable"],
  ])) {
    /** @type {string[]} */
    const lines = [];
    const before = directory.fetches;
    directory.instead = (response) => response.writeHead(status, { location: "/jwks.json" }).end("x".repeat(100_000));
    assert.equal(await code({ log: (line) => lines.push(line) }), expected, `${status}`);
    assert.equal(lines.length, 1, `${lines}`);
    assert.ok(lines[0]?.startsWith(`countersign on the keys of ${directory.url}: `), lines[0]);
    assert.equal(directory.fetches - before, 1, "no redirect is followed");
  }
  directory.instead = (response) => response.writeHead(200, { "content-type": "x" }).destroy();
  assert.equal(await code(), "keys.unavailable", "a body that breaks off");
});

test("a directory that hangs is given up", async (t) => {
  const key = await makeKey("EdDSA");
  const directory = await startDirectory([key.publicJwk]);
  const slow = await serve((_, response) => void response.writeHead(200).write("{"));
  t.after(() => Promise.all([directory.close(), slow.close()]));
  directory.hanging = true;
  const codes = [directory.url, slow.url].map((url) => codeOf(gateFor(url, { allow_loopback: true }), key, url));
  assert.deepEqual(await Promise.all(codes), ["keys.unavailable", "keys.unavailable"]);
});

test("of a directory that must be signed, the keys that signed it are believed, and the log says why others are not", async (t) => {
  const [agent, second, silent, forged] = [
    await makeKey("EdDSA"),
    await makeKey("ES256"),
    await makeKey("EdDSA"),
    await makeKey("ES256"),
  ];
  const directory = await startDirectory([agent, second, silent, forged].map(({ publicJwk }) => publicJwk));
  t.after(() => directory.close());
  const authority = new URL(directory.url).host;
  directory.signing = { keys: [agent, second, { ...second, kid: forged.kid }], authority };
  const signatures = { trust: [directory.url], require_signed_directories: true };
  /** @type {string[]} */
  const lines = [];
  const gate = gateFor(directory.url, { allow_loopback: true, signatures }, { log: (line) => lines.push(line) });
  assert.equal(await codeOf(gate, agent, directory.url), "ok");
  assert.equal(await codeOf(gate, silent, directory.url), "signature.key_unknown");
  const why = lines.map((line) => line.slice(line.indexOf(": ") + 2)).filter((line, index, all) => all.indexOf(line) === index);
  assert.deepEqual(why, [
    `key ${silent.kid}: key has not signed the directory`,
    `key ${forged.kid}: directory signature is not valid`,
  ]);
});
