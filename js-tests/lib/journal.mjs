// A gate with all that its audit log and metrics use: a queue, a bucket, the journal, Analytics Engine; and a hand on what
// fails. Several Workers are several isolates, which share what they write to.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startGate } from "./gate.mjs";
import { startWorld } from "./world.mjs";

export const AUDIT_TOKEN = "an-audit-token-of-more-than-thirty-two-characters";
export const METRICS_TOKEN = "a-metrics-token-of-more-than-thirty-two-characters";

// The gate with bindings that ask the test whether they work, and tell it of every point.
const ENTRY = `
import Gate from "./index.js";
export { AgentRegistry, Journal, Subject } from "./index.js";
const asking = (env, binding, method) => async (...parts) => {
  const answer = await env.TEST.fetch("http://test/" + method);
  if (answer.status !== 200) throw new Error("broken by the test");
  return binding[method](...parts);
};
export default class extends Gate {
  constructor(context, env) {
    super(context, {
      ...env,
      AUDIT_BUCKET: env.AUDIT_BUCKET && { put: asking(env, env.AUDIT_BUCKET, "put") },
      AUDIT_QUEUE: env.AUDIT_QUEUE && { send: asking(env, env.AUDIT_QUEUE, "send") },
      ANALYTICS: { writeDataPoint: (point) => context.waitUntil(env.TEST.fetch("http://test/point", { method: "POST", body: JSON.stringify(point) })) },
    });
  }
}
`;

/** @typedef {Awaited<ReturnType<typeof startJournal>>} JournalWorld */

/**
 * @param {object} config laid over the usual one
 * @param {object} [options]
 * @param {number} [options.isolates] how many Workers there are
 * @param {Record<string, string>} [options.secrets]
 * @param {any} [options.without] bindings that are left out, by their names
 */
export async function startJournal(config, { isolates = 1, secrets, without = {} } = {}) {
  const state = {
    /** Whether queue and bucket take something; "hang" has them never answer. @type {boolean | "hang"} */
    takes: true,
    /** How often they were asked. */
    asked: 0,
    /** Points of Analytics Engine. @type {any[]} */
    points: [],
    /** What the gate logged. @type {string[]} */
    lines: [],
  };
  /** @param {Request} request */
  const test = async (request) => {
    if (request.url.endsWith("/point")) state.points.push(await request.json());
    else state.asked += 1;
    if (state.takes === "hang") await new Promise(() => {});
    return new Response("", { status: state.takes ? 200 : 503 });
  };
  /** @param {any} gate */
  const workers = (gate) =>
    Array.from({ length: isolates }, (_, index) => {
      const isFirst = index === 0;
      const ofFirst = (/** @type {any} */ object) => (isFirst ? object : { ...object, scriptName: "gate" });
      const objects = { ...gate.durableObjects, JOURNAL: { className: "Journal", useSQLite: true } };
      const durableObjects = Object.fromEntries(
        Object.entries(objects).filter(([name]) => !(name in without)).map(([name, object]) => [name, ofFirst(object)]),
      );
      return {
        ...gate,
        name: isFirst ? "gate" : `gate-${index + 1}`,
        modules: [{ type: "ESModule", path: join(gate.modulesRoot, "entry.mjs"), contents: ENTRY }, ...gate.modules],
        durableObjects,
        serviceBindings: { TEST: test },
        r2Buckets: "AUDIT_BUCKET" in without ? {} : { AUDIT_BUCKET: "audit" },
        queueProducers: "AUDIT_QUEUE" in without ? {} : { AUDIT_QUEUE: "countersign-audit" },
        ...(isFirst && { queueConsumers: { "countersign-audit": { maxBatchTimeout: 1, maxRetries: 10, retryDelay: 1 } } }),
      };
    });
  const world = await startWorld({
    config,
    secrets: secrets ?? { ...("audit" in config && { GATE_AUDIT_TOKEN: AUDIT_TOKEN }), GATE_METRICS_TOKEN: METRICS_TOKEN },
    start: (options) => startGate({ ...options, workers, log: (line) => state.lines.push(line) }),
  });
  const { miniflare } = world.gate;
  return Object.assign(world, {
    state,
    /**
     * Asks one of the isolates, counted from 0.
     *
     * @param {number} isolate
     * @param {string} path
     * @param {any} [init]
     */
    async ask(isolate, path, init) {
      const worker = await miniflare.getWorker(isolate === 0 ? "gate" : `gate-${isolate + 1}`);
      return worker.fetch(world.url + path, init);
    },
    /** The objects of the bucket: text by name, in the order of names. */
    async objects() {
      const bucket = await miniflare.getR2Bucket("AUDIT_BUCKET", "gate");
      const names = (await bucket.list()).objects.map((/** @type {any} */ object) => object.key).sort();
      /** @type {Map<string, string>} */
      const objects = new Map();
      for (const name of names) objects.set(name, await (await bucket.get(name)).text());
      return objects;
    },
    /** The ledger, as an auditor fetches it. */
    async ledger() {
      const answer = await this.ask(0, "/.well-known/countersign/audit", { headers: { authorization: `Bearer ${AUDIT_TOKEN}` } });
      if (answer.status !== 200) throw new Error(`no ledger: ${answer.status}`);
      return answer.text();
    },
    /** The gate's public keys. */
    async keys() {
      return (await this.ask(0, "/.well-known/countersign/jwks.json")).text();
    },
  });
}

/**
 * Waits until something holds, within a bound that says that it never will.
 *
 * @template T
 * @param {() => Promise<T> | T} look
 * @param {(found: T) => boolean} holds
 */
export async function until(look, holds) {
  const end = Date.now() + 60_000;
  for (;;) {
    const found = await look();
    if (holds(found)) return found;
    if (Date.now() > end) throw new Error("it never came to that");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The command, as cargo builds it. It is built by the first test that needs it. */
let command = /** @type {Promise<string> | undefined} */ (undefined);

async function countersign() {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  await run("cargo", ["build", "--quiet", "-p", "countersign-cli"], root);
  const { stdout } = await run("cargo", ["metadata", "--format-version", "1", "--no-deps"], root);
  const path = join(JSON.parse(stdout).target_directory, "debug", "countersign");
  if (!existsSync(path)) throw new Error(`no command at ${path}`);
  return path;
}

/**
 * @param {string} program
 * @param {string[]} parts
 * @param {string} [cwd]
 * @param {string} [stdin]
 * @returns {Promise<{code: number, stdout: string, stderr: string}>}
 */
function run(program, parts, cwd, stdin) {
  return new Promise((resolve, reject) => {
    const child = execFile(program, parts, { cwd, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error ? Number(error.code) : 0;
      if (Number.isInteger(code)) resolve({ code, stdout, stderr });
      else reject(error);
    });
    child.stdin?.end(stdin);
  });
}

/**
 * `countersign audit verify` on these files.
 *
 * @param {Map<string, string>} files
 * @param {{keys: string, ledger?: string}} known
 * @returns {Promise<any>} its report, with the exit code
 */
export async function verify(files, { keys, ledger }) {
  const folder = await mkdtemp(join(tmpdir(), "countersign-audit-"));
  try {
    await writeFile(join(folder, "keys.json"), keys);
    const names = [];
    for (const [name, text] of files) {
      names.push(name.replaceAll("/", "_"));
      await writeFile(join(folder, name.replaceAll("/", "_")), text);
    }
    const known = ["--keys", "keys.json"];
    if (ledger !== undefined) {
      await writeFile(join(folder, "ledger.txt"), ledger);
      known.push("--ledger", "ledger.txt");
    }
    command ??= countersign();
    const { code, stdout, stderr } = await run(await command, ["audit", "verify", ...names, ...known, "--json"], folder);
    if (!stdout) throw new Error(stderr);
    return { code, ...JSON.parse(stdout) };
  } finally {
    await rm(folder, { recursive: true });
  }
}
