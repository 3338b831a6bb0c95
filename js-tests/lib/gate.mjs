// The gate: the built Worker in workerd, with the world around it redirected to loopback.
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { makeKey } from "./keys.mjs";

/** Where `cargo xtask build` puts the Worker. */
export const BUILD = fileURLToPath(new URL("../../worker/build", import.meta.url));

/** The day whose runtime behaviour the Worker is built for; the same as in wrangler.toml. */
export const COMPATIBILITY_DATE = "2026-07-01";

/** The queue that events go into; its end is what the Worker knows it by. */
export const EVENTS_QUEUE = "tests-events";
const FAULTS = fileURLToPath(new URL("event-faults.mjs", import.meta.url));

// Names that exist nowhere stand for the issuer and the agent, so that the gate fetches from https as it must.
// This Worker is what the gate sees as the internet: it takes such names to loopback, and lets nothing else out.
/** The script that is the outside. */
export const OUTSIDE = `export default {
  async fetch(request, { HOSTS }) {
    const url = new URL(request.url);
    const target = HOSTS[url.origin];
    if (target) return fetch(new Request(target + url.pathname + url.search, request));
    if (url.hostname === "127.0.0.1") return fetch(request);
    throw new Error("no such host: " + url.hostname);
  },
};`;

/**
 * @typedef {object} GateOptions
 * @property {object} config `COUNTERSIGN_CONFIG`
 * @property {number} port
 * @property {Record<string, string>} [hosts] origins, and the loopback servers that answer for them
 * @property {string} [build] the folder of another built Worker
 * @property {boolean} [registry] `false` binds no registry of agents
 * @property {boolean} [subjects] `false` binds no objects for state by subject
 * @property {Record<string, string>} [secrets] more of the Worker's secrets, by their names
 * @property {(gate: any) => any[]} [workers] the Workers that run, from the options of the usual one; requests from
 *   outside go to the first
 * @property {boolean} [queues] `true` binds a queue for events, with one for dead letters
 * @property {Record<string, string>} [faults] what fails, by the names of bindings; see event-faults.mjs
 * @property {string} [persist] a folder where KV is kept when the gate ends
 * @property {(line: string) => void} [log] takes each line that the Workers log
 * @property {import("./keys.mjs").Key} [signing] the gate's key; default: a new one
 */

/**
 * @param {GateOptions} options
 */
export async function startGate({ config, port, hosts = {}, build = BUILD, registry = true, subjects = true, secrets = {}, ...more }) {
  if (!existsSync(`${build}/index.js`)) throw new Error(`no Worker in ${build}; run: cargo xtask build`);
  const { queues = false, faults, persist, log, signing = await makeKey("EdDSA") } = more;
  const { workers = (/** @type {any} */ gate) => [gate] } = more;
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port,
    ...(persist && { kvPersist: persist }),
    // The gate logs decisions; what prints to standard output is ours to say.
    handleRuntimeStdio: (/** @type {import("node:stream").Readable} */ stdout, /** @type {import("node:stream").Readable} */ stderr) => {
      for (const stream of [stdout, stderr]) {
        if (log) createInterface({ input: stream }).on("line", log);
        else if (process.env.GATE_LOG) stream.pipe(process.stderr);
        else stream.resume();
      }
    },
    workers: [
      ...workers({
        name: "gate",
        modulesRoot: build,
        modules: [
          ...(faults ? [{ type: /** @type {const} */ ("ESModule"), path: `${build}/faults.mjs`, contents: readFileSync(FAULTS, "utf8") }] : []),
          { type: "ESModule", path: `${build}/index.js` },
          ...(existsSync(`${build}/index_bg.wasm`)
            ? [{ type: /** @type {const} */ ("CompiledWasm"), path: `${build}/index_bg.wasm` }]
            : []),
        ],
        compatibilityDate: COMPATIBILITY_DATE,
        bindings: {
          COUNTERSIGN_CONFIG: /** @type {any} */ (config),
          GATE_SIGNING_KEY: JSON.stringify({ ...signing.privateJwk, kid: signing.kid, alg: "EdDSA" }),
          ...secrets,
          ...(faults && { FAULTS: faults }),
        },
        kvNamespaces: ["COUNTERSIGN_KV"],
        ...(queues && {
          queueProducers: { EVENTS_QUEUE: { queueName: EVENTS_QUEUE } },
          // As in wrangler.toml.
          queueConsumers: {
            [EVENTS_QUEUE]: { maxBatchSize: 20, maxBatchTimeout: 1, maxRetries: 100, deadLetterQueue: `${EVENTS_QUEUE}-dead-letters` },
            [`${EVENTS_QUEUE}-dead-letters`]: { maxRetries: 100 },
          },
        }),
        durableObjects: {
          ...(registry && { AGENT_REGISTRY: { className: "AgentRegistry", useSQLite: true } }),
          ...(subjects && { SUBJECTS: { className: "Subject", useSQLite: true } }),
        },
        outboundService: "outside",
      }),
      { name: "outside", modules: true, script: OUTSIDE, compatibilityDate: COMPATIBILITY_DATE, bindings: { HOSTS: hosts } },
    ],
  });
  await miniflare.ready;
  return {
    url: `http://127.0.0.1:${port}`,
    signing,
    /** Sends a request with what the platform says of its connection in `cf`, which no client can. @param {string} url @param {any} init */
    dispatch: (url, init) => miniflare.dispatchFetch(url, init),
    // Without the platform's own types, of which this is all that is missing, Miniflare's are not those of a namespace.
    kv: () => /** @type {Promise<any>} */ (miniflare.getKVNamespace("COUNTERSIGN_KV", "gate")),
    /** What holds the Workers. */
    miniflare: /** @type {any} */ (miniflare),
    /** What the platform calls besides `fetch`: the cron and queues. @returns {Promise<any>} */
    worker: () => miniflare.getWorker("gate"),
    close: () => miniflare.dispose(),
  };
}
