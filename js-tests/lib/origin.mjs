// The demo origin: the API behind the gate. It checks nothing, says what it saw, and takes events.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { bytes, sendJson, serve } from "./net.mjs";

export const EVENTS_PATH = "/countersign/events";
/** Marks an answer as the origin's own, so that it cannot be taken for the gate's. */
export const ORIGIN_MARK = "demo-origin";

/**
 * @typedef {object} Seen what the origin saw of a request
 * @property {string} method
 * @property {string} url
 * @property {Record<string, string>} headers
 * @property {number} length
 * @property {string} sha256 of the body, in hex
 */

/** @param {number} [port] */
export async function startOrigin(port) {
  const origin = new Origin();
  const server = await serve((request, response) => origin.answer(request, response), port);
  return Object.assign(origin, server);
}

export class Origin {
  /** @type {Seen[]} */
  requests = [];
  /** Security Event Tokens (RFC 8417), as they came. @type {string[]} */
  events = [];
  /** The CloudEvents that they came in, where they did. @type {any[]} */
  envelopes = [];
  /** How many events to refuse with 500 before the next is taken. */
  failEvents = 0;
  eventAttempts = 0;
  /** Events as each try brought them, taken or not. @type {string[]} */
  tried = [];
  /**
   * How it answers events meanwhile, instead of taking them; `hang` is never.
   * @type {{ status: number, body?: string, headers?: Record<string, string> } | "hang" | null}
   */
  answersEvents = null;

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async answer(request, response) {
    const url = request.url ?? "/";
    if (url === EVENTS_PATH) return this.#event(request, response);

    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of request) {
      hash.update(chunk);
      length += chunk.length;
    }
    const headers = /** @type {Record<string, string>} */ (request.headers);
    const seen = { method: request.method ?? "", url, headers, length, sha256: hash.digest("hex") };
    this.requests.push(seen);
    // Tests look at the latest; a benchmark must not make this grow.
    if (this.requests.length > 1000) this.requests.shift();
    if (url.endsWith("/compressed")) return this.#compressed(response, seen);
    sendJson(response, 200, seen, { [ORIGIN_MARK]: "1" });
  }

  /**
   * @param {import("node:http").ServerResponse} response
   * @param {Seen} seen
   */
  #compressed(response, seen) {
    const body = gzipSync(JSON.stringify(seen));
    response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip", [ORIGIN_MARK]: "1" });
    response.end(body);
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async #event(request, response) {
    const body = (await bytes(request)).toString();
    this.eventAttempts += 1;
    // A CloudEvent carries the token in `data`.
    const isCloudEvent = request.headers["content-type"] === "application/cloudevents+json";
    const token = isCloudEvent ? JSON.parse(body).data : body;
    if (request.method !== "POST" || !(isCloudEvent || request.headers["content-type"] === "application/secevent+jwt")) {
      return sendJson(response, 400, { err: "invalid_request" });
    }
    this.tried.push(token);
    if (this.answersEvents === "hang") return;
    if (this.answersEvents) {
      response.writeHead(this.answersEvents.status, this.answersEvents.headers).end(this.answersEvents.body);
      return;
    }
    if (this.failEvents > 0) {
      this.failEvents -= 1;
      return sendJson(response, 500, {});
    }
    if (isCloudEvent) this.envelopes.push(JSON.parse(body));
    this.events.push(token);
    response.writeHead(202).end();
  }
}
