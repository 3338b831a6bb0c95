// URLs that are rewritten before the gate, and those that routers only cut the front off: the one goes no further, the other is
// judged whole. And slashes at the end, of which routers make something.
import assert from "node:assert/strict";
import http from "node:http";
import { after, afterEach, before, test } from "node:test";
import { createGate } from "countersign";
import { countersign as onExpress } from "countersign/express";
import { countersign as onFastify } from "countersign/fastify";
import express from "express";
import Fastify from "fastify";
import { outside } from "../lib/in-process.mjs";
import { send } from "../lib/net.mjs";
import { startWorld } from "../lib/world.mjs";
import { listen } from "./hosts.mjs";
import { connect } from "./raw.mjs";

const ROUTES = [
  { match: "GET /open/**", require: [] },
  { match: "GET /v1", require: [] },
  { match: "GET /v1/open/**", require: [] },
  { match: "GET /orders", require: ["signature"] },
  { match: "GET /v1/orders", require: ["signature"] },
  { match: "GET /users/*/posts", require: [] },
  { match: "GET /users/*/posts/*", require: ["signature"] },
];

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => {
  world = await startWorld({ config: { routes: ROUTES }, start: async () => /** @type {any} */ ({ close: async () => {} }) });
});
after(() => world.close());
/** @type {(() => unknown)[]} */
const open = [];
afterEach(() => Promise.all(open.splice(0).map((close) => close())));
const makeGate = () => createGate(world.config, { fetch: outside(world.hosts) });

/** What came of a request: its status, and the code of a refusal or the path that a handler got. @param {string} url @param {string} path */
async function ask(url, path) {
  const { status, body } = await send({ method: "GET", url: url + path, headers: [["Host", new URL(world.url).host]] });
  const text = body.toString();
  return [status, status === 200 ? text : JSON.parse(text).code];
}

/** @param {(app: express.Express) => void} build */
async function withExpress(build) {
  const app = express();
  build(app);
  app.use((/** @type {any} */ error, /** @type {any} */ _request, /** @type {any} */ response, /** @type {any} */ _next) => {
    response.status(500).json({ code: error.code });
  });
  const running = await listen(http.createServer(app));
  open.push(running.close);
  return running.url;
}

/** @param {any} rewriteUrl */
async function withFastify(rewriteUrl) {
  const app = Fastify({ rewriteUrl, forceCloseConnections: true });
  app.register(onFastify(makeGate()));
  app.get("/*", async (request) => request.url);
  app.setErrorHandler((error, _request, reply) => reply.code(500).send({ code: /** @type {any} */ (error).code }));
  open.push(() => app.close());
  return app.listen({ port: 0, host: "127.0.0.1" });
}

test("express: what was rewritten before the gate goes no further", async () => {
  for (const to of ["/orders", "/open/b", "/", "/?x", "/a", "/open/a?x", "http://elsewhere.example/orders"]) {
    const url = await withExpress((app) => {
      app.use((request, _response, next) => void ((request.url = to), next()));
      app.use(onExpress(makeGate()));
      app.use((request, response) => void response.end(request.url));
    });
    assert.deepEqual(await ask(url, "/open/a"), [500, "url.rewritten"], to);
  }
});

test("express: in routers that are mounted the whole URL is judged", async () => {
  const url = await withExpress((app) => {
    const inner = express.Router();
    inner.use(onExpress(makeGate()));
    inner.use((request, response) => void response.end(request.url));
    const router = express.Router();
    router.use("/open", inner);
    app.use("/v1", router, inner);
  });
  assert.deepEqual(await ask(url, "/v1/open/a?b=/c"), [200, "/a?b=/c"]);
  assert.deepEqual(await ask(url, "/v1"), [200, "/"]);
  assert.deepEqual(await ask(url, "/v1?x=1"), [200, "/?x=1"]);
  assert.deepEqual(await ask(url, "/v1?"), [200, "/?"]);
  assert.deepEqual(await ask(url, "/v1/orders"), [401, "signature.missing"]);
  const { host } = new URL(world.url);
  const connection = await connect(url);
  connection.write(`GET http://${host}/v1/open/a HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  assert.equal((await connection.response()).status, 200);
  connection.close();
});

test("fastify: what rewriteUrl made another goes no further, and what it left is judged whole", async () => {
  const to = (/** @type {string} */ path) => withFastify(() => path);
  for (const path of ["/orders", "/open/b", "/open/a?x"]) assert.deepEqual(await ask(await to(path), "/open/a"), [500, "url.rewritten"], path);
  const unprefixed = await withFastify((/** @type {any} */ { url }) => url.replace(/^\/v1/, ""));
  assert.deepEqual(await ask(unprefixed, "/v1/open/a?b"), [200, "/open/a?b"]);
  assert.deepEqual(await ask(unprefixed, "/v1/orders"), [401, "signature.missing"]);
  assert.deepEqual(await ask(unprefixed, "/open/a"), [200, "/open/a"]);
});

test("fastify: with ignoreTrailingSlash a slash at the end leads to the handler that the gate means", async () => {
  const app = Fastify({ routerOptions: { ignoreTrailingSlash: true }, forceCloseConnections: true });
  app.register(onFastify(makeGate()));
  app.get("/users/:id/posts", async () => "all");
  app.get("/users/:id/posts/:pid", async () => "one");
  open.push(() => app.close());
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  for (const path of ["/users/1/posts", "/users/1/posts/", "/users/1/posts/?a"]) assert.deepEqual(await ask(url, path), [200, "all"], path);
  assert.deepEqual(await ask(url, "/users/1/posts//"), [400, "request.path_ambiguous"]);
  for (const path of ["/users/1/posts/2", "/users/1/posts/2/"]) assert.deepEqual(await ask(url, path), [401, "signature.missing"], path);
});

test("fastify: what rewriteUrl takes out of the query is no front that was cut off", async () => {
  const url = await withFastify((/** @type {any} */ { url: sent }) => sent.split("?to=")[1] ?? sent);
  assert.deepEqual(await ask(url, "/open/a?to=/orders"), [500, "url.rewritten"]);
  assert.deepEqual(await ask(url, "/open/a?x=/orders"), [200, "/open/a?x=/orders"]);
});
