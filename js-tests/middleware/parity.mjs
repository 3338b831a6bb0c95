// One world, the Worker in it, and the package under each framework beside it: whatever is asked, all are asked, with the
// same bytes, and what they make of it is compared.
import http from "node:http";
import { createGate } from "countersign";
import { freePort, bytes, serve } from "../lib/net.mjs";
import { startGate } from "../lib/gate.mjs";
import { outside } from "../lib/in-process.mjs";
import { startWorld } from "../lib/world.mjs";
import { ORIGIN_MARK } from "../lib/origin.mjs";
import { echo, HOSTS } from "./hosts.mjs";

/** What may differ, by its path in what is compared, and why. */
export const ALLOWED = {
  "decision.observed.country": "the platform of the Worker knows where an address is; Node does not",
  "decision.observed.place": "as the country",
  "decision.observed.network": "that of the autonomous system where the platform knows it, else that of the address",
};

/** What is another at each time, by its path. */
const VOLATILE = ["decision.id", "decision.observed.at", "body.decision"];
/** Fields of responses that say something of the connection or of the moment. */
const OF_TRANSPORT = ["connection", "date", "keep-alive", "transfer-encoding", "content-length", "countersign-decision"];
/** Fields of responses that frameworks choose for what handlers write. */
const OF_FRAMEWORK = ["content-type", "etag"];
/** Fields of requests that the Worker and its platform set for the origin, and those of the hop. */
const OF_PLATFORM = /^(countersign-|cf-|mf-|x-forwarded-|(connection|host|accept-encoding|content-length|transfer-encoding|cdn-loop|cache-control|pragma)$)/;

/** @typedef {{ host: string, path: string, worker: unknown, package: unknown }} Difference */
/** @typedef {Awaited<ReturnType<typeof startParity>>} Parity */

/**
 * @param {object} [options]
 * @param {any} [options.config] laid over the usual one
 */
export async function startParity({ config = {} } = {}) {
  /** Decisions by their identifiers, as those who made them tell of them. @type {Map<string, any>} */
  const decisions = new Map();
  /** @type {Difference[]} */
  const differences = [];
  let compared = 0;

  /** @param {string} line */
  const log = (line) => {
    if (!line.startsWith('{"shard":')) return;
    const { decision } = JSON.parse(line);
    if (decision !== undefined) decisions.set(decision.id, decision);
  };
  /** @param {any} gate */
  const workers = (gate) => [{ ...gate, durableObjects: { ...gate.durableObjects, JOURNAL: { className: "Journal", useSQLite: true } } }];

  const world = await startWorld({
    config: { audit: { sink: "console", level: "all" }, ...config },
    start: async (options) => {
      // Before anything runs that somebody would have to end.
      const gates = Object.keys(HOSTS).map(() => createGate(options.config, { fetch: outside(options.hosts ?? {}) }));
      const worker = await startGate({ ...options, port: await freePort(), workers, log });
      /** @type {Map<string, import("./hosts.mjs").Running>} */
      const hosts = new Map();
      const onDecision = (/** @type {any} */ decision) => void decisions.set(decision.id, decision);
      for (const [at, [name, start]] of Object.entries(HOSTS).entries()) hosts.set(name, await start(gates[at], echo, { onDecision }));
      const ask = async (/** @type {http.IncomingMessage} */ request, /** @type {http.ServerResponse} */ response) => {
        const body = await bytes(request);
        const [theirs, ...ours] = await Promise.all([worker, ...hosts.values()].map(({ url }) => pass(url, request, body)));
        const expected = await outline(theirs, decisions);
        for (const [at, host] of [...hosts.keys()].entries()) {
          compared += 1;
          differences.push(...differ(host, expected, await outline(ours[at], decisions)));
        }
        response.writeHead(theirs.status, theirs.lines).end(theirs.body);
      };
      // What cannot be compared is no answer.
      const front = await serve((request, response) => void ask(request, response).catch((error) => response.destroy(error)), options.port);
      const close = () => Promise.all([front.close(), worker.close(), ...[...hosts.values()].map((host) => host.close())]);
      return { ...worker, ...front, close };
    },
  });
  return {
    ...world,
    /** What was different since it was last asked, but for what may be. @returns {Difference[]} */
    differences: () => differences.splice(0).filter(({ path }) => !(path in ALLOWED)),
    /** How many answers were compared. */
    compared: () => compared,
  };
}

/** @typedef {{ status: number, lines: string[], headers: http.IncomingHttpHeaders, body: Buffer }} Answer */

/**
 * The same request, line by line.
 *
 * @param {string} url
 * @param {http.IncomingMessage} request
 * @param {Buffer} body
 * @returns {Promise<Answer>}
 */
function pass(url, request, body) {
  const { hostname, port } = new URL(url);
  // What is compressed differs by who compresses it.
  const headers = request.rawHeaders.filter((_, at, lines) => lines[at - (at % 2)].toLowerCase() !== "accept-encoding");
  return new Promise((resolve, reject) => {
    const passed = http.request({ hostname, port, method: request.method, path: request.url, headers, agent: false }, async (response) => {
      const { statusCode: status = 0, rawHeaders: lines, headers } = response;
      resolve({ status, lines: lines.filter((_, at) => !/^(transfer-encoding|connection|keep-alive)$/i.test(lines[at - (at % 2)])), headers, body: await bytes(response) });
    });
    passed.once("error", reject);
    passed.end(body);
  });
}

/** What is compared of an answer. @param {Answer} answer @param {Map<string, any>} decisions */
async function outline({ status, headers, body }, decisions) {
  const id = String(headers["countersign-decision"]);
  // The Worker's come by its log, which may be behind its answer.
  for (let looked = 0; !decisions.has(id) && looked < 1000; looked += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  // The fields are on the answer, and the problem is its body.
  const { problem: _, headers: __, ...decision } = decisions.get(id) ?? { missing: true };
  const others = [...OF_TRANSPORT, ...(ORIGIN_MARK in headers ? OF_FRAMEWORK : [])];
  const fields = Object.entries(/** @type {Record<string, unknown>} */ (headers)).filter(([name]) => !others.includes(name));
  return { status, headers: Object.fromEntries(fields), body: content(body), decision };
}

/** @param {Buffer} body */
function content(body) {
  if (body.length === 0) return null;
  const value = JSON.parse(body.toString());
  if (value.headers === undefined) return value;
  const reached = Object.entries(value.headers).filter(([name]) => !OF_PLATFORM.test(name));
  return { ...value, headers: Object.fromEntries(reached.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/**
 * @param {string} host
 * @param {any} left
 * @param {any} right
 * @param {string} [path]
 * @returns {Difference[]}
 */
function differ(host, left, right, path = "") {
  if (VOLATILE.includes(path)) return left && right ? [] : [{ host, path, worker: left, package: right }];
  /** @type {(value: unknown) => boolean} */
  const isObject = (value) => typeof value === "object" && value !== null;
  if (!isObject(left) || !isObject(right)) return Object.is(left, right) ? [] : [{ host, path, worker: left, package: right }];
  /** @type {Set<string>} */
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].flatMap((name) => differ(host, left[name], right[name], path === "" ? name : `${path}.${name}`));
}
