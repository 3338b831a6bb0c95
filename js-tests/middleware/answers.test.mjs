// What becomes of a response: the decision's fields are on it, what is for the gate is not, and budgets are settled by it.
import assert from "node:assert/strict";
import http from "node:http";
import { after, afterEach, before, test } from "node:test";
import { createGate, memoryStores } from "countersign";
import { guard } from "countersign/node";
import { countersign as onExpress } from "countersign/express";
import { countersign as onFastify } from "countersign/fastify";
import express from "express";
import Fastify from "fastify";
import { outside } from "../lib/in-process.mjs";
import { json, send } from "../lib/net.mjs";
import { make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";
import { redirect } from "./city.mjs";
import { HOSTS, listen } from "./hosts.mjs";

const amount = { field: "x-amount", currency: "EUR" };
const BUDGETS = [{ name: "agent", per: "agent", amount: 300, currency: "EUR", period: "total", reservation: "1h" }];
const ROUTES = [{ match: "POST /pay/**", require: ["token"], replay: "none", amount, budget: ["agent"] }];

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => {
  // No gate of its own: each test makes one.
  world = await startWorld({ config: { routes: ROUTES, budgets: BUDGETS }, start: async () => /** @type {any} */ ({ close: async () => {} }) });
});
after(() => world.close());

/** What listens, for as long as a test. @type {import("./hosts.mjs").Running[]} */
const open = [];
afterEach(() => Promise.all(open.splice(0).map(({ close }) => close())));
/** @param {import("./hosts.mjs").Running} running */
const until = (running) => (open.push(running), running);

/** A gate that says what it was told of decisions. */
function bank() {
  const gate = createGate(world.config, { fetch: outside(world.hosts), stores: memoryStores() });
  /** @type {any[]} */
  const told = [];
  /** @type {(() => void)[]} */
  const waiting = [];
  /** @type {import("countersign/node").GuardingGate} */
  const settling = {
    publicOrigins: gate.publicOrigins,
    maxBodyBytes: gate.maxBodyBytes,
    hasCors: gate.hasCors,
    check: gate.check.bind(gate),
    serve: gate.serve.bind(gate),
    async settle(decision, answer, facts) {
      await gate.settle(decision, answer, facts);
      told.push(answer);
      for (const each of waiting.splice(0)) each();
    },
  };
  const settled = async () => {
    while (told.length === 0) await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    return told.splice(0);
  };
  return { gate: settling, settled };
}

/** A payment by an agent that has a budget of its own. @param {string} agent @param {number} value */
const payment = (agent, value, path = "/pay/a") =>
  make(world, { method: "POST", path, headers: [["X-Amount", String(value)]], token: { claims: { client_id: agent } } });

/** @param {string} url @param {import("../lib/net.mjs").Wire} wire */
const ask = (url, wire) => send(redirect(wire, world.url, url));

for (const [host, start] of Object.entries(HOSTS)) {
  test(`${host}: a budget is settled by what the handler answers, and the client does not see it`, async () => {
    const { gate, settled } = bank();
    const said = { status: 201, headers: { "Countersign-Budget": "commit=120", "Countersign-Decision": "forged", Vary: "Accept" } };
    const running = until(await start(gate, () => said, {}));
    const answer = await ask(running.url, await payment("spender", 300));
    assert.equal(answer.status, 201, answer.body.toString());
    assert.equal(answer.headers["countersign-budget"], undefined);
    assert.match(String(answer.headers["countersign-decision"]), /^[0-9A-Z]{26}$/);
    assert.equal(answer.headers["vary"], "Accept");
    assert.deepEqual(await settled(), [{ status: 201, budget: "commit=120" }]);
    // What was not spent is there again.
    assert.equal((await ask(running.url, await payment("spender", 180))).status, 201);
    const more = await ask(running.url, await payment("spender", 100));
    assert.equal(json(more)?.code, "budget.exhausted", more.body.toString());
  });

  test(`${host}: a handler that fails spends nothing`, async () => {
    const { gate, settled } = bank();
    const fails = () => {
      throw new Error("out of tea");
    };
    // Plain Node has nobody who would answer for a handler.
    const running = until(await start(gate, host === "node" ? () => ({ status: 500 }) : fails, {}));
    assert.equal((await ask(running.url, await payment("unlucky", 300))).status, 500);
    assert.deepEqual(await settled(), [{ status: 500, budget: undefined }]);
  });
}

/** Handlers of one response, each with what it writes. */
const WRITERS = /** @type {Record<string, (response: http.ServerResponse) => void>} */ ({
  "an object in writeHead": (response) => response.writeHead(200, { "Countersign-Budget": "commit=1", "X-Kept": "a" }).end("ok"),
  "names and values by turns": (response) => response.writeHead(200, ["countersign-budget", "commit=1", "X-Kept", "a"]).end("ok"),
  "a reason and an object": (response) => response.writeHead(200, "Fine", { "COUNTERSIGN-BUDGET": "commit=1", "X-Kept": "a" }).end("ok"),
  "fields that were set before": (response) => {
    response.setHeader("Countersign-Budget", "commit=1").setHeader("X-Kept", "b");
    response.writeHead(200, { "X-Kept": "a" }).end("ok");
  },
  "a head that nobody writes": (response) => response.setHeader("Countersign-Budget", "commit=1").setHeader("X-Kept", "a").end("ok"),
  "a head before the body": (response) => {
    response.setHeader("Countersign-Budget", "commit=1").setHeader("X-Kept", "a");
    response.flushHeaders();
    response.end("ok");
  },
});

for (const [name, write] of Object.entries(WRITERS)) {
  test(`whichever way a head is written: ${name}`, async () => {
    const { gate, settled } = bank();
    const running = until(await listen(http.createServer(guard(gate, (_request, response) => write(response)))));
    const { status, headers, body } = await ask(running.url, await payment("writer", 1));
    assert.deepEqual([status, body.toString(), headers["x-kept"], headers["countersign-budget"]], [200, "ok", "a", undefined]);
    assert.ok(headers["countersign-decision"]);
    assert.deepEqual(await settled(), [{ status: 200, budget: "commit=1" }]);
  });
}

test("cookies of a handler stay two lines", async () => {
  const { gate } = bank();
  const lines = [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]];
  const running = until(await listen(http.createServer(guard(gate, (_request, response) => response.writeHead(200, lines.flat()).end()))));
  assert.deepEqual((await ask(running.url, await payment("baker", 1))).headers["set-cookie"], ["a=1", "b=2"]);
});

test("a connection that dies before a head is lost, and one that dies after is answered", async () => {
  for (const [dies, expected] of /** @type {const} */ ([
    [(/** @type {http.ServerResponse} */ response) => response.destroy(), "lost"],
    [(/** @type {http.ServerResponse} */ response) => void response.writeHead(200, { "Content-Length": "9" }).write("tea", () => response.destroy()), { status: 200, budget: undefined }],
  ])) {
    const { gate, settled } = bank();
    const running = until(await listen(http.createServer(guard(gate, (_request, response) => dies(response)))));
    await assert.rejects(ask(running.url, await payment("mortal", 1)));
    assert.deepEqual(await settled(), [expected]);
  }
});

test("a client that is gone before its decision is not served, and pays nothing", async () => {
  const { gate, settled } = bank();
  let handled = 0;
  /** @type {() => void} */
  let goOn = () => {};
  const gone = new Promise((resolve) => (goOn = () => resolve(undefined)));
  const client = async (/** @type {any} */ request, /** @type {any} */ known) => {
    request.socket.once("close", () => goOn());
    dropped();
    await gone;
    return known;
  };
  /** @type {() => void} */
  let dropped = () => {};
  const running = until(await listen(http.createServer(guard(gate, () => void (handled += 1), { client }))));
  const wire = redirect(await payment("hasty", 300), world.url, running.url);
  const { hostname, port, pathname } = new URL(wire.url);
  const request = http.request({ method: wire.method, hostname, port, path: pathname, headers: wire.headers.flat(), agent: false });
  request.on("error", () => {});
  dropped = () => request.destroy();
  request.end();
  assert.deepEqual(await settled(), ["not sent"]);
  assert.equal(handled, 0);
});

test("what the gate's own parts throw goes to the error handler, and to no other", async () => {
  for (const thrown of [new Error("broken"), undefined, "route", "router", null]) {
    const { gate } = bank();
    let handled = 0;
    const client = () => Promise.reject(thrown);
    const errors = /** @type {unknown[]} */ ([]);

    const app = express();
    const router = express.Router();
    router.use(onExpress(gate, { client }));
    router.use((_request, response) => void (handled += 1, response.end()));
    app.use(router);
    app.use((_request, response) => void (handled += 1, response.end()));
    app.use((/** @type {unknown} */ error, /** @type {any} */ _request, /** @type {any} */ response, /** @type {any} */ _next) => {
      errors.push(error);
      response.status(500).end();
    });
    const servers = [until(await listen(http.createServer(app)))];

    const onError = (/** @type {unknown} */ error) => void errors.push(error);
    servers.push(until(await listen(http.createServer(guard(gate, () => void (handled += 1), { client, onError })))));

    const fastify = Fastify();
    fastify.register(onFastify(gate, { client }));
    fastify.post("/*", async () => void (handled += 1));
    fastify.setErrorHandler((error, _request, reply) => {
      errors.push(error);
      return reply.code(500).send();
    });
    servers.push(until({ url: await fastify.listen({ port: 0, host: "127.0.0.1" }), close: () => fastify.close().then(() => undefined) }));

    for (const { url } of servers) {
      const answer = await ask(url, await payment("anybody", 1));
      assert.equal(answer.status, 500);
      assert.doesNotMatch(answer.body.toString(), /broken/);
    }
    assert.equal(handled, 0);
    assert.equal(errors.length, servers.length);
    assert.ok(errors.every((error) => error instanceof Error && (thrown instanceof Error ? error === thrown : error.cause === thrown)));
  }
});
