// Which pages see an answer: with `[cors]` that is the gate's to say, whatever handlers and what stands before the gate say.
import assert from "node:assert/strict";
import http from "node:http";
import { after, afterEach, before, test } from "node:test";
import { serve as serveHono } from "@hono/node-server";
import { createGate } from "countersign";
import { countersign as onExpress } from "countersign/express";
import { countersign as onFastify } from "countersign/fastify";
import { countersign as onHono } from "countersign/hono";
import { guard } from "countersign/node";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import { send } from "../lib/net.mjs";
import { startCity } from "./city.mjs";
import { HOSTS, listen } from "./hosts.mjs";

const PAGE = "https://app.example";
const OTHER = "https://evil.example";
/** What a handler says that would share its answers with everybody. */
const LAX = { "Access-Control-Allow-Origin": "*", "access-control-allow-credentials": "true", "ACCESS-CONTROL-EXPOSE-HEADERS": "X-Secret", Vary: "Accept" };

/** @type {Record<"with" | "without", import("./city.mjs").City>} */
let cities;
before(async () => {
  const handler = () => ({ headers: LAX, body: "{}" });
  cities = { with: await startCity({ handler, config: { cors: { origins: [PAGE] } } }), without: await startCity({ handler }) };
});
after(() => Promise.all(Object.values(cities).map((city) => city.close())));

/** @type {(() => unknown)[]} */
const open = [];
afterEach(() => Promise.all(open.splice(0).map((close) => close())));

/** @param {http.IncomingHttpHeaders} headers */
const corsOf = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("access-control-")));
/** @param {http.IncomingHttpHeaders} headers */
const varyOf = ({ vary = "" }) => vary.split(",").map((member) => member.trim().toLowerCase()).sort();

for (const host of Object.keys(HOSTS)) {
  /** @param {"with" | "without"} cors @param {[string, string][]} headers */
  const ask = (cors, headers, path = "/public/a") => cities[cors].send(host, { method: "GET", url: `${cities[cors].url}${path}`, headers });

  test(`${host}: a handler shares nothing with pages that the gate does not know`, async () => {
    for (const headers of /** @type {[string, string][][]} */ ([[], [["Origin", OTHER]]])) {
      const answer = await ask("with", headers);
      assert.equal(answer.status, 200);
      assert.deepEqual(corsOf(answer.headers), {});
      assert.deepEqual(varyOf(answer.headers), ["accept", "origin"]);
    }
  });

  test(`${host}: of a page that the gate knows it says what the page may see, and the handler nothing`, async () => {
    const { headers } = await ask("with", [["Origin", PAGE]]);
    assert.equal(headers["access-control-allow-origin"], PAGE);
    assert.equal(headers["access-control-allow-credentials"], undefined);
    assert.doesNotMatch(String(headers["access-control-expose-headers"]), /x-secret/i);
    assert.deepEqual(varyOf(headers), ["accept", "origin"]);
  });

  test(`${host}: without [cors] a handler says it itself`, async () => {
    const { headers } = await ask("without", [["Origin", OTHER]]);
    assert.deepEqual([headers["access-control-allow-origin"], headers["access-control-allow-credentials"], headers.vary], ["*", "true", "Accept"]);
  });
}

/** Applications with a layer before the gate that shares everything, as those for CORS do. @type {Record<string, (gate: import("countersign").Gate) => Promise<string>>} */
const LAYERED = {
  async node(gate) {
    const listener = guard(gate, (_request, response) => response.end("{}"));
    const running = await listen(
      http.createServer((request, response) => {
        for (const [name, value] of Object.entries(LAX)) response.setHeader(name, value);
        void listener(request, response);
      }),
    );
    open.push(running.close);
    return running.url;
  },
  async express(gate) {
    const app = express();
    app.use((_request, response, next) => void (response.set(LAX), next()));
    app.use(onExpress(gate));
    app.use((_request, response) => void response.end("{}"));
    const running = await listen(http.createServer(app));
    open.push(running.close);
    return running.url;
  },
  async fastify(gate) {
    const app = Fastify({ forceCloseConnections: true });
    app.addHook("onRequest", async (_request, reply) => void reply.headers(LAX));
    app.register(onFastify(gate));
    app.all("/*", async () => "{}");
    open.push(() => app.close());
    return app.listen({ port: 0, host: "127.0.0.1" });
  },
  async hono(gate) {
    const app = new Hono();
    app.use(async (c, next) => {
      for (const [name, value] of Object.entries(LAX)) c.res.headers.set(name, value);
      await next();
    });
    app.use(onHono(gate));
    app.all("*", (c) => c.body("{}"));
    const server = await new Promise((resolve) => {
      const made = serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () => resolve(made));
    });
    open.push(() => new Promise((resolve) => (server.close(() => resolve(undefined)), server.closeAllConnections())));
    return `http://127.0.0.1:${server.address().port}`;
  },
};

for (const [host, start] of Object.entries(LAYERED)) {
  test(`${host}: what stands before the gate shares neither answers nor refusals nor preflights`, async () => {
    const url = await start(createGate({ ...cities.with.config }));
    const named = /** @type {[string, string]} */ (["Host", new URL(cities.with.url).host]);
    const preflight = /** @type {[string, string]} */ (["Access-Control-Request-Method", "GET"]);
    for (const [method, path, status, more] of /** @type {[string, string, number, [string, string][]][]} */ ([
      ["GET", "/public/a", 200, []],
      ["GET", "/api/v1/orders", 401, []],
      ["OPTIONS", "/api/v1/orders", 403, [preflight]],
    ])) {
      const other = await send({ method, url: url + path, headers: [named, ["Origin", OTHER], ...more] });
      assert.equal(other.status, status, other.body.toString());
      assert.deepEqual(corsOf(other.headers), {}, `${method} ${path}`);
      assert.ok(varyOf(other.headers).includes("origin"), `${method} ${path}`);
    }
    const known = await send({ method: "GET", url: `${url}/api/v1/orders`, headers: [named, ["Origin", PAGE]] });
    assert.equal(known.headers["access-control-allow-origin"], PAGE);
    assert.equal(known.headers["access-control-allow-credentials"], undefined);
  });
}
