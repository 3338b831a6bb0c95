// The gate: the built Worker in workerd, with the world around it redirected to loopback.
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { makeKey } from "./keys.mjs";

/** Where `cargo xtask build` puts the Worker. */
export const BUILD = fileURLToPath(new URL("../../worker/build", import.meta.url));

/** The day whose runtime behaviour the Worker is built for; the same as in wrangler.toml. */
export const COMPATIBILITY_DATE = "2026-07-01";

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
 * @property {(line: string) => void} [onLog] takes each line that they log
 */

/**
 * @param {GateOptions} options
 */
export async function startGate({ config, port, hosts = {}, build = BUILD, registry = true, subjects = true, secrets = {}, workers = (gate) => [gate], onLog }) {
  if (!existsSync(`${build}/index.js`)) throw new Error(`no Worker in ${build}; run: cargo xtask build`);
  const signing = await makeKey("EdDSA");
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port,
    // The gate logs decisions; what prints to standard output is ours to say.
    handleRuntimeStdio: (/** @type {import("node:stream").Readable} */ stdout, /** @type {import("node:stream").Readable} */ stderr) => {
      for (const stream of [stdout, stderr]) {
        if (onLog) createInterface({ input: stream }).on("line", onLog);
        else if (process.env.GATE_LOG) stream.pipe(process.stderr);
        else stream.resume();
      }
    },
    workers: [
      ...workers({
        name: "gate",
        modulesRoot: build,
        modules: [
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
        },
        kvNamespaces: ["COUNTERSIGN_KV"],
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
    close: () => miniflare.dispose(),
  };
}
