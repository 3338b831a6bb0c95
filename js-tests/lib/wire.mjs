// A server that keeps what comes over the wire, as it comes: what an agent signed must be that.
import { bytes, serve } from "./net.mjs";

/**
 * @typedef {object} Received
 * @property {string} method
 * @property {string} url absolute, of the `Host` and the request target as they were sent
 * @property {[string, string][]} headers
 * @property {Buffer} body
 */

/**
 * @typedef {object} Reply
 * @property {number} [status]
 * @property {Record<string, string | string[]>} [headers]
 * @property {string | Buffer} [body]
 */

/** @param {(received: Received, index: number) => Reply | void | Promise<Reply | void>} [answer] */
export async function startWire(answer = () => {}) {
  /** @type {Received[]} */
  const received = [];
  const server = await serve(async (request, response) => {
    const raw = request.rawHeaders;
    /** @type {Received} */
    const one = {
      method: request.method ?? "",
      url: `http://${request.headers.host}${request.url}`,
      headers: Array.from({ length: raw.length / 2 }, (_, line) => [raw[2 * line] ?? "", raw[2 * line + 1] ?? ""]),
      body: await bytes(request),
    };
    received.push(one);
    const { status = 200, headers = {}, body = "" } = (await answer(one, received.length - 1)) ?? {};
    response.writeHead(status, headers).end(body);
  });
  return { ...server, received };
}

/** @param {Received | undefined} received @param {string} name @returns {string | undefined} */
export function field(received, name) {
  return received?.headers.find(([other]) => other.toLowerCase() === name)?.[1];
}
