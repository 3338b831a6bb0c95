// What the npm package takes and gives, beyond the decision itself.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CountersignError, createGate } from "countersign";
import { outside, startInProcess } from "../lib/in-process.mjs";
import { AGENT, ISSUER } from "../lib/names.mjs";
import { serve } from "../lib/net.mjs";
import { make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

const NOTE = { method: "POST", path: "/api/v1/notes", body: '{"note":"hello"}', signature: true };

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => void (world = await startWorld({ start: startInProcess })));
after(() => world.close());

/** @param {object} [config] @param {import("countersign").GateOptions} [options] */
const gateOf = (config = {}, options = {}) => {
  const fetch = outside({ [ISSUER]: world.issuer.url, [AGENT]: world.directory.url });
  return createGate({ ...world.config, ...config }, { fetch, ...options });
};

/** @param {import("../lib/net.mjs").Wire} wire */
const asRequest = ({ method, url, headers, body }) =>
  new Request(url, { method, headers, body: body && new Uint8Array(body) });

test("a configuration may be JSON, TOML or an object", async () => {
  const config = { origin: "http://127.0.0.1:9000", public_origins: ["https://api.example"], routes: [{ match: "GET /", require: [] }] };
  const toml = `origin = "http://127.0.0.1:9000"\npublic_origins = ["https://api.example"]\nroutes = [{ match = "GET /", require = [] }]`;
  for (const form of [config, JSON.stringify(config), toml]) {
    const { outcome } = await createGate(form).check({ method: "GET", url: "https://api.example/", headers: {} });
    assert.equal(outcome, "allow");
  }
});

test("a wrong configuration is an Error with every fault and its path", () => {
  const routes = [{ match: "GET /", require: ["signature"] }, { match: "nonsense", require: [] }];
  assert.throws(
    () => gateOf({ signatures: undefined, routes }),
    (error) => {
      assert.ok(error instanceof CountersignError && error instanceof Error);
      assert.equal(error.code, "config.invalid");
      assert.match(error.message, /^routes\[0\]/m);
      assert.match(error.message, /^routes\[1\]\.match/m);
      return true;
    },
  );
});

test("a configuration that is no TOML or JSON is an Error with the line and column, and nothing of what is written there", () => {
  const wrong = [
    ['origin = "https://a.example"\n\n  origin = "s3cret"\n', "line 3, column 3: duplicate key"],
    ['{\n  "origin": "https://a.example",\n  "origin": "s3cret"\n}', "line 1, column 2: json object has a member twice"],
  ];
  for (const [config = "", message] of wrong) assert.throws(() => createGate(config), { code: "config.invalid", message });
});

test("what describes no request is an Error, not a refusal", async () => {
  const gate = gateOf();
  const wrong = [
    { method: "GET", headers: {} },
    { url: world.url, headers: {} },
    { method: "GET", url: world.url, headers: "accept: */*" },
    { method: "GET", url: world.url, headers: { accept: 7 } },
    { method: "GET", url: world.url, headers: [["accept", undefined, 7], [1, "x"]] },
  ];
  for (const request of wrong) {
    await assert.rejects(gate.check(/** @type {any} */ (request)), { name: "CountersignError", code: "request.invalid" });
  }
});

test("what no server can have received is a refusal", async () => {
  const gate = gateOf();
  for (const request of [
    { method: "GET", url: "/public/hello", headers: {} },
    { method: "GET", url: `${world.url}/public/hello#part`, headers: {} },
    { method: "GET", url: `${world.url}/public/hello`, headers: { "x y": "z" } },
    { method: "GET", url: `${world.url}/public/hello`, headers: { x: "a\nb: c" } },
  ]) {
    const decision = await gate.check(request);
    assert.equal(decision.outcome, "deny");
    assert.equal(decision.status, 400);
    assert.equal(decision.outcome === "deny" && decision.problem.decision, decision.id);
  }
});

test("a Request is decided on, and its body stays whole", async () => {
  const request = asRequest(await make(world, NOTE));
  const { outcome, code, agent } = await gateOf().check(request);
  assert.equal(outcome, "allow", code);
  assert.equal(agent?.id, `${AGENT}/.well-known/http-message-signatures-directory`);
  assert.equal(await request.text(), NOTE.body);
});

test("field lines may be pairs, Headers, or lists by name", async () => {
  const gate = gateOf();
  const wire = await make(world, { path: "/api/v1/catalogue", signature: { form: "dictionary" } });
  const { method, url, headers } = wire;
  const byName = Object.fromEntries(headers.map(([name, value]) => [name, [value]]));
  for (const form of [headers, new Headers(headers), byName, { ...byName, absent: undefined }]) {
    assert.equal((await gate.check({ method, url, headers: form })).code, "ok");
  }
  const twice = { ...byName, "Signature-Input": [byName["Signature-Input"][0], byName["Signature-Input"][0]] };
  assert.equal((await gate.check({ method, url, headers: twice })).code, "signature.duplicate_label");
});

test("a body is streamed no further than the bound, and not at all without a signature that holds", async () => {
  const gate = gateOf({ max_body_bytes: 1024 });
  let read = 0;
  async function* endless() {
    for (;;) yield new Uint8Array(512).fill((read += 1));
  }
  const { body, ...wire } = await make(world, NOTE);
  const forged = { ...wire, method: "PUT", body: endless() };
  assert.equal((await gate.check(forged)).code, "signature.invalid");
  assert.equal(read, 0);
  const decision = await gate.check({ ...wire, body: endless() });
  assert.equal(decision.status, 413);
  assert.equal(read, 3);
});

test("a body that breaks off is a refusal", async () => {
  const { body, ...wire } = await make(world, NOTE);
  async function* broken() {
    yield new Uint8Array(1);
    throw new Error("reset");
  }
  assert.equal((await gateOf().check({ ...wire, body: broken() })).code, "request.body_unreadable");
});

test("fifty cold requests at once fetch a key set once", async () => {
  const wires = await Promise.all(Array.from({ length: 50 }, () => make(world, { path: "/api/v1/orders", token: true })));
  const gate = gateOf();
  const before = world.issuer.fetches;
  const decisions = await Promise.all(wires.map((wire) => gate.check(wire)));
  assert.deepEqual([...new Set(decisions.map(({ code }) => code))], ["ok"]);
  assert.equal(world.issuer.fetches - before, 1);
});

test("keys are not taken from where a redirect leads, nor from more than 64 KiB, nor from a dead source", async () => {
  const published = JSON.stringify({ keys: world.issuer.published });
  const wire = await make(world, { path: "/api/v1/orders", token: true });
  const source = await serve((request, response) => {
    if (request.url === "/redirect/jwks.json") return response.writeHead(302, { location: "/whole/jwks.json" }).end();
    if (request.url === "/whole/jwks.json") return response.end(published);
    if (request.url === "/large/jwks.json") return response.end(published + " ".repeat(64 * 1024));
    response.destroy();
  });
  /** @param {string} kind */
  const codeFrom = async (kind) => (await gateOf({}, { fetch: outside({ [ISSUER]: `${source.url}/${kind}` }) }).check(wire)).code;
  try {
    assert.equal(await codeFrom("whole"), "ok");
    for (const kind of ["redirect", "large", "dead"]) assert.equal(await codeFrom(kind), "keys.unavailable", kind);
  } finally {
    await source.close();
  }
});

test("the time is the host's", async () => {
  const wire = await make(world, { path: "/api/v1/orders", token: true });
  const gate = gateOf({}, { now: () => Date.now() + 3_600_000 });
  assert.equal((await gate.check(wire)).code, "token.expired");
});
