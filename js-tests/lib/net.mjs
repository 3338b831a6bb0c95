// HTTP on loopback: servers on a free port, and a client that sends exactly what it is told.
import http from "node:http";

/**
 * @typedef {object} Wire a request, as it goes over the wire
 * @property {string} method
 * @property {string} url
 * @property {[string, string][]} headers in order; a name may occur more than once
 * @property {Buffer} [body]
 */

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {http.IncomingHttpHeaders} headers
 * @property {Buffer} body
 * @property {number} ms from the first byte sent to the last received
 */

/**
 * Starts a server on a port of 127.0.0.1; 0 takes a free one.
 *
 * @param {http.RequestListener} listener
 * @param {number} [port]
 * @returns {Promise<{url: string, close: () => Promise<void>}>}
 */
export async function serve(listener, port = 0) {
  const server = http.createServer(listener);
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(undefined));
  });
  return {
    url: `http://127.0.0.1:${addressPort(server)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

// Below the ports that systems give to connections (32768 and up; 49152 by RFC 6335), of which any may be taken between
// looking and listening; and for each process elsewhere, as test files run side by side.
const PORTS = { from: 10_000, count: 20_000, perProcess: 40 };
let lastPort = PORTS.from + ((process.pid * PORTS.perProcess) % PORTS.count);

/**
 * The preferred port if it is free, else one that is and that nobody else will take.
 *
 * @param {number} [preferred]
 * @returns {Promise<number>}
 */
export async function freePort(preferred) {
  if (preferred && (await isFree(preferred))) return preferred;
  for (let tries = 0; tries < PORTS.count; tries += 1) {
    lastPort = lastPort + 1 < PORTS.from + PORTS.count ? lastPort + 1 : PORTS.from;
    // Its own from here on: meanwhile others look for theirs.
    const port = lastPort;
    if (await isFree(port)) return port;
  }
  throw new Error("no port is free");
}

/** @param {number} port @returns {Promise<boolean>} */
async function isFree(port) {
  const probe = http.createServer();
  const listening = await new Promise((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (listening) await new Promise((resolve) => probe.close(resolve));
  return listening;
}

/** @param {http.Server} server */
function addressPort(server) {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

/**
 * Sends a request. Not `fetch`: that joins repeated fields, normalises the URL and adds fields of its own, and
 * a gate must be tested with what others put on the wire.
 *
 * @param {Wire} wire
 * @param {http.Agent | false} [agent] keeps connections; without one each request has its own
 * @returns {Promise<Answer>}
 */
export function send({ method, url, headers, body }, agent = false) {
  const { hostname, port, host } = new URL(url);
  const path = url.slice(url.indexOf(host) + host.length) || "/";
  const fields = headers.flat();
  if (!headers.some(([name]) => name.toLowerCase() === "host")) fields.push("host", host);
  if (body) fields.push("content-length", String(body.length));
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const request = http.request({ method, hostname, port, path, headers: fields, agent }, async (response) => {
      try {
        const received = await bytes(response);
        const ms = performance.now() - start;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: received, ms });
      } catch (error) {
        reject(error);
      }
    });
    request.once("error", reject);
    request.end(body);
  });
}

/**
 * @param {AsyncIterable<Uint8Array>} stream
 * @returns {Promise<Buffer>}
 */
export async function bytes(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * The value of a JSON answer; `undefined` where it is none.
 *
 * @param {Answer} answer
 * @returns {any}
 */
export function json(answer) {
  try {
    return JSON.parse(answer.body.toString());
  } catch {
    return undefined;
  }
}

/**
 * @param {http.ServerResponse} response
 * @param {number} status
 * @param {unknown} value
 * @param {Record<string, string>} [headers]
 */
export function sendJson(response, status, value, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}
