// The same application under each of the frameworks, guarded by its entry point of the package.
import { createHash } from "node:crypto";
import http from "node:http";
import { serve as serveHono } from "@hono/node-server";
import { countersign as onExpress } from "countersign/express";
import { countersign as onFastify } from "countersign/fastify";
import { countersign as onHono } from "countersign/hono";
import { guard } from "countersign/node";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import { bytes } from "../lib/net.mjs";
import { ORIGIN_MARK } from "../lib/origin.mjs";

/**
 * @typedef {object} Handled what a handler got
 * @property {any} decision
 * @property {string} method
 * @property {string} url
 * @property {Record<string, any>} headers
 * @property {string[]} names of fields, as handlers that look at lines find them
 * @property {Buffer} body
 * @property {Record<string, unknown>} [trailers]
 */

/** @typedef {{ status?: number, headers?: Record<string, string>, body?: string }} Answer */
/** @typedef {(handled: Handled) => Answer | Promise<Answer>} Handler */
/** @typedef {import("countersign/node").GuardingGate} Gate */
/** @typedef {{ url: string, close: () => Promise<void> }} Running */

/** Says what it saw, as the origin of the demo does. @type {Handler} */
export const echo = ({ method, url, headers, body }) => ({
  body: JSON.stringify({ method, url, headers, length: body.length, sha256: createHash("sha256").update(body).digest("hex") }),
});

/** @param {Answer} answer */
const headersOf = ({ headers = {} }) => ({ "content-type": "application/json", [ORIGIN_MARK]: "1", ...headers });

/** @type {Record<string, (gate: Gate, handler: Handler, options: any) => Promise<Running>>} */
export const HOSTS = {
  node: (gate, handler, options) =>
    listen(
      http.createServer(
        guard(
          gate,
          async (request, response) => {
            const answer = await handler(await handled(request, request.countersign));
            response.writeHead(answer.status ?? 200, headersOf(answer)).end(answer.body ?? "");
          },
          options,
        ),
      ),
    ),

  express: (gate, handler, options) => {
    const app = express();
    app.disable("x-powered-by");
    app.use(onExpress(gate, options));
    app.use(async (request, response) => {
      const answer = await handler(await handled(request, request.countersign));
      response.status(answer.status ?? 200).set(headersOf(answer)).send(Buffer.from(answer.body ?? ""));
    });
    // Errors are the tests' to see, not the console's.
    app.use((/** @type {Error} */ error, /** @type {any} */ _request, /** @type {any} */ response, /** @type {any} */ _next) => {
      response.status(500).json({ error: error.message });
    });
    return listen(http.createServer(app));
  },

  fastify: async (gate, handler, options) => {
    const app = Fastify({ bodyLimit: 64 * 1024 * 1024, forceCloseConnections: true });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    app.register(onFastify(gate, options));
    app.all("/*", async (request, reply) => {
      const body = /** @type {Buffer | undefined} */ (request.body) ?? Buffer.alloc(0);
      // Here the package is linked from a folder that has no Fastify, whose types it could add to.
      const { countersign: decision } = /** @type {any} */ (request);
      const answer = await handler({ ...outline(request.raw), decision, body, trailers: { ...request.raw.trailers } });
      return reply.code(answer.status ?? 200).headers(headersOf(answer)).send(answer.body ?? "");
    });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    return { url, close: () => app.close().then(() => undefined) };
  },

  hono: async (gate, handler, options) => {
    const app = new Hono();
    app.use(onHono(gate, options));
    app.all("*", async (c) => {
      const body = Buffer.from(await c.req.arrayBuffer());
      const incoming = /** @type {http.IncomingMessage} */ (/** @type {any} */ (c.env).incoming);
      const names = [...incoming.rawHeaders.filter((_, at) => at % 2 === 0), ...Object.keys(c.req.header())];
      const { countersign: decision } = /** @type {any} */ (c.var);
      const url = c.req.url.slice(new URL(c.req.url).origin.length);
      const answer = await handler({ method: c.req.method, url, headers: c.req.header(), names, decision, body });
      return c.body(answer.body ?? "", /** @type {any} */ (answer.status ?? 200), headersOf(answer));
    });
    app.onError((error, c) => c.json({ error: error.message }, 500));
    return new Promise((resolve) => {
      const server = /** @type {http.Server} */ (
        serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => resolve({ url: `http://127.0.0.1:${port}`, close: () => close(server) }))
      );
    });
  },
};

/** @param {http.Server} server @returns {Promise<Running>} */
export async function listen(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}`, close: () => close(server) };
}

/** @param {http.Server} server @returns {Promise<void>} */
function close(server) {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** @param {http.IncomingMessage} request @param {any} decision @returns {Promise<Handled>} */
async function handled(request, decision) {
  const body = await bytes(request);
  return { ...outline(request), decision, body, trailers: { ...request.trailers } };
}

/** @param {http.IncomingMessage} request */
function outline(request) {
  const names = [...request.rawHeaders.filter((_, at) => at % 2 === 0), ...Object.keys(request.headers), ...Object.keys(request.headersDistinct)];
  const { originalUrl = request.url } = /** @type {any} */ (request);
  return { method: request.method ?? "", url: originalUrl ?? "", headers: request.headers, names };
}
