// HTTP/2 and client certificates through the middleware, and clients that wait to be asked for a body.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http from "node:http";
import http2 from "node:http2";
import { after, afterEach, before, test } from "node:test";
import { createGate } from "countersign";
import { countersign as onExpress } from "countersign/express";
import { countersign as onFastify } from "countersign/fastify";
import { guard } from "countersign/node";
import express from "express";
import Fastify from "fastify";
import { Authority } from "../lib/certificates.mjs";
import { outside } from "../lib/in-process.mjs";
import { bytes } from "../lib/net.mjs";
import { make } from "../lib/recipe.mjs";
import { ROUTES, startWorld } from "../lib/world.mjs";
import { listen } from "./hosts.mjs";
import { connect, head } from "./raw.mjs";

const MAX_BODY = 64 * 1024;
const authority = new Authority("An authority");
const [server, agent] = [authority.issue("server"), authority.issue("agent")];

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => {
  const routes = [{ match: "GET /certified", require: ["mtls"] }, { match: "* /open/**", require: [] }, ...ROUTES];
  const config = { routes, max_body_bytes: MAX_BODY };
  world = await startWorld({ config, start: async () => /** @type {any} */ ({ close: async () => {} }) });
});
after(() => world.close());

/** @type {(() => unknown)[]} */
const open = [];
afterEach(() => Promise.all(open.splice(0).reverse().map((close) => close())));
const makeGate = () => createGate(world.config, { fetch: outside(world.hosts) });

/** What servers of HTTP/2 answer. @param {any} request @param {any} response */
const answer = async (request, response) => {
  const body = await bytes(request);
  const forged = [...Object.keys(request.headers), ...request.rawHeaders].filter((name) => /^countersign-/i.test(name));
  response.writeHead(200, { "content-type": "application/json", "countersign-budget": "hold" });
  response.end(JSON.stringify({ sha256: createHash("sha256").update(body).digest("hex"), forged, decision: request.countersign.id }));
};

const TLS = { key: server.key, cert: server.pem, ca: [authority.certificate.pem], requestCert: true, rejectUnauthorized: false };

/** Servers that speak HTTP/2. @type {Record<string, () => Promise<number>>} */
const SERVERS = {
  async node() {
    const listener = guard(makeGate(), answer);
    const made = http2.createSecureServer(TLS, /** @type {any} */ (listener));
    await new Promise((resolve) => made.listen(0, "127.0.0.1", () => resolve(undefined)));
    open.push(() => made.close());
    return /** @type {import("node:net").AddressInfo} */ (made.address()).port;
  },
  async fastify() {
    const app = Fastify({ http2: true, https: TLS });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, _payload, done) => done(null));
    app.register(/** @type {any} */ (onFastify(makeGate())));
    app.all("/*", (request, reply) => {
      reply.hijack();
      return answer(Object.assign(request.raw, { countersign: /** @type {any} */ (request).countersign }), reply.raw);
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    open.push(() => app.close());
    return /** @type {import("node:net").AddressInfo} */ (app.server.address()).port;
  },
};

/**
 * Sends a request over HTTP/2.
 *
 * @param {http2.ClientHttp2Session} session
 * @param {import("../lib/net.mjs").Wire} wire
 * @param {Record<string, string>} [more]
 */
async function ask(session, { method, url, headers, body }, more = {}) {
  const { host, pathname, search } = new URL(url);
  const fields = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
  const stream = session.request({ ":method": method, ":path": pathname + search, ":authority": host, ...fields, ...more }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const received = await new Promise((resolve, reject) => stream.once("response", resolve).once("error", reject));
  const text = (await bytes(stream)).toString();
  return { status: received[":status"], headers: received, body: text === "" ? undefined : JSON.parse(text) };
}

for (const [name, start] of Object.entries(SERVERS)) {
  /** @param {object} [options] */
  const connected = async (options = {}) => {
    const session = http2.connect(`https://127.0.0.1:${await start()}`, { ca: [authority.certificate.pem], checkServerIdentity: () => undefined, ...options });
    open.push(() => session.destroy());
    session.on("error", () => {});
    return session;
  };

  test(`${name}, HTTP/2: requests are judged by their pseudo fields, and bodies are whole`, async () => {
    const session = await connected();
    const forged = { "countersign-agent": "admin" };
    for (const body of ["{}", "", "x".repeat(MAX_BODY)]) {
      const wire = await make(world, { method: "POST", path: "/api/v1/notes?a=1", body, signature: true });
      const { status, headers, body: told } = await ask(session, wire, forged);
      assert.equal(status, 200, JSON.stringify(told));
      assert.equal(told.sha256, createHash("sha256").update(body).digest("hex"));
      assert.deepEqual(told.forged, []);
      assert.equal(headers["countersign-decision"], told.decision);
      assert.equal(headers["countersign-budget"], undefined);
    }
    const other = await ask(session, await make(world, { path: "/public/a" }), { host: "other.example" });
    assert.deepEqual([other.status, other.body.code], [400, "request.malformed"]);
  });

  test(`${name}, HTTP/2: a refusal comes before the body that nobody reads, and the session goes on`, async () => {
    const session = await connected();
    const refused = await make(world, { method: "POST", path: "/api/v1/checkout", body: "{}" });
    const stream = session.request({ ":method": "POST", ":path": "/api/v1/checkout", ":authority": new URL(refused.url).host });
    stream.on("error", () => {});
    const received = await new Promise((resolve) => stream.once("response", resolve));
    assert.equal(received[":status"], 401);
    assert.equal(JSON.parse((await bytes(stream)).toString()).status, 401);
    const large = await make(world, { method: "POST", path: "/api/v1/notes", body: "x".repeat(MAX_BODY + 1), signature: true });
    assert.equal((await ask(session, large)).body.code, "request.body_too_large");
    assert.equal((await ask(session, await make(world, { path: "/public/a" }))).status, 200);
  });

  test(`${name}, HTTP/2: a client certificate is the connection's`, async () => {
    const wire = await make(world, { path: "/certified" });
    const without = await ask(await connected(), wire);
    assert.deepEqual([without.status, without.body.code], [401, "mtls.missing"]);
    const holding = await ask(await connected({ key: agent.key, cert: agent.pem }), wire);
    assert.equal(holding.status, 200, JSON.stringify(holding.body));
  });
}

/** Servers that are asked whether a body may come. @type {Record<string, () => Promise<import("./hosts.mjs").Running>>} */
const EXPECTING = {
  async node() {
    const listener = guard(makeGate(), async (request, response) => void response.end(await bytes(request)));
    return listen(http.createServer(listener).on("checkContinue", listener));
  },
  async express() {
    const app = express();
    app.use(onExpress(makeGate()));
    app.use(async (request, response) => void response.end(await bytes(request)));
    return listen(http.createServer(app).on("checkContinue", app));
  },
};

for (const [name, start] of Object.entries(EXPECTING)) {
  test(`${name}: a client that waits is asked for a body that is wanted, once, and not for one that is not`, async () => {
    const running = await start();
    open.push(running.close);
    const connection = await connect(running.url);
    const expects = /** @type {[string, string][]} */ ([["Expect", "100-continue"], ["Content-Length", "2"]]);
    for (const path of ["/api/v1/notes", "/open/a"]) {
      connection.write(head(await make(world, { method: "POST", path, body: "{}", signature: true }), expects));
      assert.equal((await connection.response()).status, 100);
      connection.write("{}");
      const whole = await connection.response();
      assert.deepEqual([whole.status, whole.body.replace(/^\d+\r\n|\r\n.*$/gs, "")], [200, "{}"]);
    }
    const large = await make(world, { method: "POST", path: "/api/v1/notes", body: "x".repeat(MAX_BODY + 1), signature: true });
    connection.write(head(large, [["Expect", "100-continue"], ["Content-Length", String(MAX_BODY + 1)]]));
    assert.equal((await connection.response()).status, 413);
    connection.close();
  });
}

test("a server that asks by itself asks once", async () => {
  const listener = guard(makeGate(), async (request, response) => void response.end(await bytes(request)));
  const running = await listen(http.createServer(listener));
  open.push(running.close);
  const connection = await connect(running.url);
  connection.write(head(await make(world, { method: "POST", path: "/api/v1/notes", body: "{}", signature: true }), [["Expect", "100-continue"], ["Content-Length", "2"]]));
  assert.equal((await connection.response()).status, 100);
  connection.write("{}");
  assert.equal((await connection.response()).status, 200);
  connection.close();
});
