// Pages of other origins at the gate, in workerd: preflights, and what is put on answers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { freePort, json, send, sendJson, serve } from "../lib/net.mjs";
import { EVENTS_PATH } from "../lib/origin.mjs";
import { make } from "../lib/recipe.mjs";
import { ROUTES, startWorld } from "../lib/world.mjs";

const PAGE = "https://app.example";
const EVIL = "https://evil.example";
const METADATA = "/.well-known/oauth-protected-resource";

/** An origin that has its own word on CORS, which is another. */
const OWN = {
  "access-control-allow-origin": "*",
  "access-control-allow-credentials": "true",
  "access-control-expose-headers": "x-secret",
  "access-control-max-age": "1",
  vary: "Accept-Encoding",
  etag: '"1"',
};

/** @type {{ url: string, close: () => Promise<void> }} */
let origin;
/** What reached it. @type {string[]} */
const seen = [];
/** @type {import("../lib/world.mjs").World} */
let world;
/** @type {import("../lib/world.mjs").World} */
let plain;

before(async () => {
  origin = await serve((request, response) => {
    if (request.url !== EVENTS_PATH) seen.push(`${request.method} ${request.url}`);
    sendJson(response, 200, { origin: request.headers.origin }, OWN);
  });
  const routes = [{ match: "OPTIONS /api/v1/notes", require: [] }, ...ROUTES];
  const config = { origin: origin.url, events: { url: origin.url + EVENTS_PATH }, routes };
  world = await startWorld({ config: { ...config, cors: { origins: [PAGE], expose: ["ETag"] } } });
  plain = await startWorld({ config });
});
after(() => Promise.all([world.close(), plain.close(), origin.close()]));

/**
 * @param {string} path
 * @param {string} [from]
 * @param {string} [method]
 * @param {{ url: string }} [to]
 */
const preflight = (path, from = PAGE, method = "POST", to = world) =>
  send({
    method: "OPTIONS",
    url: to.url + path,
    headers: [
      ["Origin", from],
      ["Access-Control-Request-Method", method],
      ["Access-Control-Request-Headers", "content-digest,content-type,signature,signature-agent,signature-input"],
    ],
  });

/** @param {import("../lib/net.mjs").Answer} answer */
const corsOf = ({ headers }) => Object.keys(headers).filter((name) => name.startsWith("access-control-"));

test("without [cors] a preflight is a request like any other, and the origin's word goes through", async () => {
  const refused = await preflight("/api/v1/checkout", PAGE, "POST", plain);
  assert.equal(refused.status, 403);
  assert.equal(json(refused).code, "policy.no_route");
  assert.deepEqual(corsOf(refused), []);
  const forwarded = await preflight("/api/v1/notes", PAGE, "POST", plain);
  assert.equal(forwarded.status, 200);
  assert.equal(seen.at(-1), "OPTIONS /api/v1/notes");
  assert.equal(forwarded.headers["access-control-expose-headers"], "x-secret");
});

test("a preflight of another page is refused, with nothing that allows", async () => {
  for (const from of [EVIL, "null", `${PAGE}:443`]) {
    const answer = await preflight("/api/v1/checkout", from);
    assert.equal(answer.status, 403);
    assert.deepEqual(corsOf(answer), []);
    assert.match(answer.headers.vary ?? "", /Origin/);
    assert.equal(json(answer).code, "cors.origin_not_allowed");
  }
});

test("a preflight is answered by the gate, and never reaches the origin", async () => {
  const before = seen.length;
  const answer = await preflight("/api/v1/notes");
  assert.equal(answer.status, 204);
  assert.equal(answer.body.length, 0);
  assert.equal(answer.headers["access-control-allow-origin"], PAGE);
  assert.match(answer.headers["access-control-allow-methods"] ?? "", /POST/);
  for (const name of ["authorization", "dpop", "signature", "signature-input", "signature-agent", "content-digest", "content-type"]) {
    assert.ok(answer.headers["access-control-allow-headers"]?.split(", ").includes(name), name);
  }
  assert.equal(answer.headers["access-control-max-age"], "600");
  assert.equal(seen.length, before);
});

test("what no route takes is refused like any other request, so that a page can read why", async () => {
  const answer = await preflight("/nowhere");
  assert.equal(answer.status, 403);
  assert.equal(json(answer).code, "policy.no_route");
  assert.equal(answer.headers["access-control-allow-origin"], PAGE);
});

test("a refusal can be read by the pages that may ask, with its challenge, and by no others", async () => {
  const ask = (/** @type {string} */ from) =>
    send({ method: "GET", url: `${world.url}/api/v1/account`, headers: [["Origin", from]] });
  const mine = await ask(PAGE);
  assert.equal(mine.status, 401);
  assert.equal(mine.headers["access-control-allow-origin"], PAGE);
  const exposed = mine.headers["access-control-expose-headers"]?.split(", ") ?? [];
  for (const name of ["www-authenticate", "countersign-decision"]) assert.ok(exposed.includes(name) && mine.headers[name], name);
  const other = await ask(EVIL);
  assert.equal(other.status, 401);
  assert.deepEqual(corsOf(other), []);
  assert.equal(other.headers.vary, "Origin");
});

test("a proven request of a page reaches the origin, and the gate's word replaces the origin's", async () => {
  const recipe = { method: "POST", path: "/api/v1/notes", body: "{}", signature: true };
  /** @param {[string, string][]} headers */
  const ask = async (headers) => send(await make(world, { ...recipe, headers }));
  const mine = await ask([["Origin", PAGE]]);
  assert.equal(mine.status, 200, mine.body.toString());
  assert.equal(json(mine).origin, PAGE);
  assert.equal(mine.headers["access-control-allow-origin"], PAGE);
  assert.match(mine.headers["access-control-expose-headers"] ?? "", /, etag$/);
  assert.deepEqual(corsOf(mine).sort(), ["access-control-allow-origin", "access-control-expose-headers"]);
  assert.equal(mine.headers.vary, "Accept-Encoding, Origin");
  assert.equal(mine.headers.etag, '"1"');
  for (const answer of [await ask([["Origin", EVIL]]), await ask([])]) {
    assert.equal(answer.status, 200, answer.body.toString());
    assert.deepEqual(corsOf(answer), []);
    assert.equal(answer.headers.vary, "Accept-Encoding, Origin");
  }
});

test("metadata and the key set can be read by every page", async () => {
  for (const path of [METADATA, "/.well-known/countersign/jwks.json"]) {
    const answer = await send({ method: "GET", url: world.url + path, headers: [["Origin", EVIL]] });
    assert.deepEqual([answer.status, answer.headers["access-control-allow-origin"]], [200, "*"], path);
  }
  const asked = await preflight(METADATA, EVIL, "GET");
  assert.deepEqual([asked.status, asked.headers["access-control-allow-origin"]], [204, "*"]);
});

test("that the origin cannot be reached can be read by the pages that may ask", async () => {
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const lost = await startWorld({ config: { origin: nobody, events: { url: nobody + EVENTS_PATH }, cors: { origins: [PAGE] } } });
  try {
    const answer = await send({ method: "GET", url: `${lost.url}/public/a`, headers: [["Origin", PAGE]] });
    assert.equal(answer.status, 502);
    assert.equal(json(answer).code, "origin.unreachable");
    assert.equal(answer.headers["access-control-allow-origin"], PAGE);
    assert.equal(answer.headers["countersign-decision"], json(answer).decision);
  } finally {
    await lost.close();
  }
});

test("every page may ask where the configuration says so", async () => {
  const open = await startWorld({ config: { cors: { origins: ["*"] } } });
  try {
    for (const from of [PAGE, EVIL, "null"]) {
      const asked = await preflight("/api/v1/checkout", from, "POST", open);
      assert.deepEqual([asked.status, asked.headers["access-control-allow-origin"]], [204, "*"]);
    }
    const answer = await send({ method: "GET", url: `${open.url}/public/a`, headers: [] });
    assert.equal(answer.headers["access-control-allow-origin"], "*");
    assert.equal(answer.headers["access-control-allow-credentials"], undefined);
  } finally {
    await open.close();
  }
});
