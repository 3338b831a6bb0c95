// Body parsers, before and after the gate, and what handlers then have: every byte, or a plain refusal to go on.
import assert from "node:assert/strict";
import http from "node:http";
import { after, afterEach, before, test } from "node:test";
import { serve as serveHono } from "@hono/node-server";
import { createGate } from "countersign";
import { countersign as onExpress } from "countersign/express";
import { countersign as onFastify } from "countersign/fastify";
import { countersign as onHono } from "countersign/hono";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import { outside } from "../lib/in-process.mjs";
import { send } from "../lib/net.mjs";
import { make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";
import { redirect } from "./city.mjs";
import { listen } from "./hosts.mjs";

const BODY = JSON.stringify({ note: "zwölf Tassen Tee", n: 12 });

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => {
  world = await startWorld({ start: async () => /** @type {any} */ ({ close: async () => {} }) });
});
after(() => world.close());

/** @type {import("./hosts.mjs").Running[]} */
const open = [];
afterEach(() => Promise.all(open.splice(0).map(({ close }) => close())));

const makeGate = () => createGate(world.config, { fetch: outside(world.hosts) });

/** A signed note, and what came of it. @param {import("./hosts.mjs").Running} running */
async function post(running, path = "/api/v1/notes", body = BODY) {
  open.push(running);
  const wire = await make(world, { method: "POST", path, body, signature: true });
  const answer = await send(redirect(wire, world.url, running.url));
  return [answer.status, answer.body.toString()];
}

/** @param {(app: express.Express) => void} build */
function withExpress(build) {
  const app = express();
  build(app);
  app.use((/** @type {Error} */ error, /** @type {any} */ _request, /** @type {any} */ response, /** @type {any} */ _next) => {
    response.status(500).json({ code: /** @type {any} */ (error).code, message: error.message });
  });
  return listen(http.createServer(app));
}

test("express: parsers after the gate find the body", async () => {
  for (const [parser, expected] of /** @type {const} */ ([
    [express.json(), BODY],
    [express.text({ type: "*/*" }), JSON.stringify(BODY)],
  ])) {
    const running = await withExpress((app) => {
      app.use(onExpress(makeGate()), parser);
      app.post("/api/v1/notes", (request, response) => void response.json(request.body));
    });
    assert.deepEqual(await post(running), [200, expected]);
  }
});

test("express: handlers may pipe, listen or iterate instead", async () => {
  const running = await withExpress((app) => {
    app.use(onExpress(makeGate()));
    app.post("/api/v1/notes", (request, response) => void request.pipe(response));
  });
  assert.deepEqual(await post(running), [200, BODY]);
  const listening = await withExpress((app) => {
    app.use(onExpress(makeGate()));
    app.post("/api/v1/notes", (request, response) => {
      /** @type {Buffer[]} */
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk)).on("end", () => response.end(Buffer.concat(chunks)));
    });
  });
  assert.deepEqual(await post(listening), [200, BODY]);
});

test("express: after a parser that left no bytes nothing goes on, and the error says what to do", async () => {
  let handled = 0;
  for (const parser of [express.json(), express.text({ type: "*/*" })]) {
    const running = await withExpress((app) => {
      app.use(parser, onExpress(makeGate()));
      app.use((_request, response) => void (handled += 1, response.end()));
    });
    const [status, answer] = await post(running);
    assert.equal(status, 500);
    assert.equal(JSON.parse(String(answer)).code, "body.consumed");
    assert.match(String(answer), /put countersign before/);
  }
  assert.equal(handled, 0);
});

test("express: a parser before the gate may keep the bytes", async () => {
  /** @type {(request: any, response: any, bytes: Buffer) => void} */
  const verify = (request, _response, bytes) => void (request.rawBody = bytes);
  for (const [parser, expected] of /** @type {const} */ ([
    [express.json({ verify }), BODY],
    [express.raw({ type: "*/*" }), JSON.stringify(Buffer.from(BODY))],
  ])) {
    const running = await withExpress((app) => {
      app.use(parser, onExpress(makeGate()));
      app.post("/api/v1/notes", (request, response) => void response.json(request.body));
    });
    assert.deepEqual(await post(running), [200, expected]);
  }
});

test("express: requests whose body nobody must see do not mind a parser", async () => {
  const running = await withExpress((app) => {
    app.use(express.json(), onExpress(makeGate()));
    app.use((request, response) => void response.json(request.countersign.code));
  });
  open.push(running);
  for (const wire of [await make(world, { path: "/public/a" }), await make(world, { path: "/api/v1/notes", signature: true })]) {
    assert.equal((await send(redirect(wire, world.url, running.url))).status, 200);
  }
});

test("express: mounted at a path and in routers, the gate sees the whole path; mounted twice, it decides once", async () => {
  const running = await withExpress((app) => {
    const gate = makeGate();
    const [outer, inner] = [express.Router(), express.Router()];
    inner.post("/notes", onExpress(gate), express.json(), (request, response) => {
      response.json([request.countersign.outcome, request.url, request.originalUrl, request.body]);
    });
    outer.use("/v1", onExpress(gate), inner);
    app.use("/api", onExpress(gate), outer);
  });
  assert.deepEqual(await post(running), [200, JSON.stringify(["allow", "/notes", "/api/v1/notes", JSON.parse(BODY)])]);
});

test("express: gates that are not the same one each decide", async () => {
  const running = await withExpress((app) => {
    const strict = createGate({ ...world.config, routes: [{ match: "GET /nothing", require: [] }] }, { fetch: outside(world.hosts) });
    app.use(onExpress(makeGate()), onExpress(strict));
    app.use((_request, response) => void response.end("served"));
  });
  assert.equal((await post(running))[0], 403);
});

test("fastify: its own parser finds the body, also when it is injected", async () => {
  const app = Fastify();
  app.register(onFastify(makeGate()));
  app.post("/api/v1/notes", async (request) => [/** @type {any} */ (request).countersign.outcome, request.body]);
  const running = { url: await app.listen({ port: 0, host: "127.0.0.1" }), close: () => app.close().then(() => undefined) };
  const expected = JSON.stringify(["allow", JSON.parse(BODY)]);
  assert.deepEqual(await post(running), [200, expected]);
  const wire = await make(world, { method: "POST", path: "/api/v1/notes", body: BODY, signature: true });
  const headers = { ...Object.fromEntries(wire.headers), host: new URL(world.url).host };
  const injected = await app.inject({ method: "POST", url: "/api/v1/notes", headers, payload: BODY });
  assert.deepEqual([injected.statusCode, injected.body], [200, expected]);
});

test("fastify: a gate that is registered twice decides once", async () => {
  const gate = makeGate();
  const app = Fastify();
  await app.register(onFastify(gate));
  await app.register(onFastify(gate));
  app.post("/api/v1/notes", async (request) => /** @type {any} */ (request).countersign.outcome);
  const running = { url: await app.listen({ port: 0, host: "127.0.0.1" }), close: () => app.close().then(() => undefined) };
  // Decided a second time, its nonce would be known.
  assert.deepEqual(await post(running), [200, "allow"]);
});

test("fastify: the gate holds for the instance and its children, not for others, and for what is not found", async () => {
  const app = Fastify();
  app.register(async (guarded) => {
    guarded.register(onFastify(makeGate()));
    guarded.register(async (child) => void child.get("/api/v1/orders", async () => "secret"));
  });
  app.get("/health", async () => "well");
  const host = new URL(world.url).host;
  assert.equal((await app.inject({ url: "/api/v1/orders", headers: { host } })).statusCode, 401);
  assert.equal((await app.inject({ url: "/health" })).statusCode, 200);

  const whole = Fastify();
  await whole.register(onFastify(makeGate()));
  assert.equal((await whole.inject({ url: "/nowhere", headers: { host } })).statusCode, 403);
});

test("fastify: hooks of the application see refusals too", async () => {
  const app = Fastify();
  app.addHook("onSend", async (_request, reply, payload) => (reply.header("x-hooked", "yes"), payload));
  app.register(onFastify(makeGate()));
  app.get("/api/v1/orders", async () => "secret");
  const answer = await app.inject({ url: "/api/v1/orders", headers: { host: new URL(world.url).host } });
  assert.deepEqual([answer.statusCode, answer.headers["x-hooked"], answer.headers["content-type"]], [401, "yes", "application/problem+json"]);
});

/** @param {(app: Hono) => void} build @returns {Promise<import("./hosts.mjs").Running>} */
async function withHono(build) {
  const app = new Hono();
  build(app);
  app.onError((error, c) => c.json({ code: /** @type {any} */ (error).code }, 500));
  const server = await new Promise((resolve) => {
    const made = serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () => resolve(made));
  });
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((resolve) => (server.close(() => resolve()), server.closeAllConnections())) };
}

test("hono: each way of reading a body finds it", async () => {
  /** @type {Record<string, (c: import("hono").Context) => Promise<string>>} */
  const ways = {
    json: async (c) => JSON.stringify(await c.req.json()),
    text: (c) => c.req.text(),
    arrayBuffer: async (c) => Buffer.from(await c.req.arrayBuffer()).toString(),
    blob: async (c) => (await c.req.blob()).text(),
    stream: async (c) => new Response(c.req.raw.body).text(),
  };
  for (const [name, read] of Object.entries(ways)) {
    const running = await withHono((app) => {
      app.use(onHono(makeGate()));
      app.post("/api/v1/notes", async (c) => c.text(await read(c)));
    });
    assert.deepEqual(await post(running), [200, BODY], name);
  }
});

test("hono: form data comes whole", async () => {
  const running = await withHono((app) => {
    app.use(onHono(makeGate()));
    app.post("/api/v1/notes", async (c) => c.json([...(await c.req.formData()).entries()]));
  });
  open.push(running);
  const wire = await make(world, { method: "POST", path: "/api/v1/notes", body: "a=1&b=%C3%A9", signature: true });
  wire.headers = wire.headers.map(([name, value]) => [name, name === "Content-Type" ? "application/x-www-form-urlencoded" : value]);
  const answer = await send(redirect(wire, world.url, running.url));
  assert.deepEqual(JSON.parse(answer.body.toString()), [["a", "1"], ["b", "é"]]);
});

test("hono: after whoever read the body nothing goes on", async () => {
  let handled = 0;
  const running = await withHono((app) => {
    app.use(async (c, next) => (await c.req.json(), next()));
    app.use(onHono(makeGate()));
    app.post("/api/v1/notes", (c) => ((handled += 1), c.text("served")));
  });
  assert.deepEqual(await post(running), [500, '{"code":"body.consumed"}']);
  assert.equal(handled, 0);
});
