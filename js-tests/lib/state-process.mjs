// A process with stores in Redis of its own, as one of several servers has; or, in the process that forks them, a hand on it.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { redisStores } from "countersign/redis";

/** @typedef {readonly [subject: string, call: string, now: number]} Asked */

/**
 * Starts one. What it cannot be told is an empty text.
 *
 * @param {{port: number}} redis
 * @param {"redis" | "ioredis"} client
 */
export async function startProcess({ port }, client) {
  const child = fork(fileURLToPath(import.meta.url), [String(port), client]);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  /** @type {Map<number, (replies: string[]) => void>} */
  const waiting = new Map();
  let asked = 0;
  await new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("the process ended")));
    child.once("message", resolve);
  });
  child.on("message", (/** @type {any} */ [id, replies]) => {
    waiting.get(id)?.(replies);
    waiting.delete(id);
  });
  // Whom it owes an answer it has none for.
  child.once("exit", () => {
    for (const answer of waiting.values()) answer([]);
  });
  return {
    /** Asks all of these at once. @param {readonly Asked[]} calls @returns {Promise<string[]>} nothing where it ends before */
    ask: (calls) =>
      new Promise((resolve) => {
        waiting.set((asked += 1), resolve);
        child.send([asked, calls], (error) => error && resolve([]));
      }),
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Starts four, of both clients, and ends them with the test. @param {{port: number}} redis @param {import("node:test").TestContext} t */
export async function startFour(redis, t) {
  const clients = /** @type {const} */ (["redis", "ioredis", "redis", "ioredis"]);
  const processes = await Promise.all(clients.map((client) => startProcess(redis, client)));
  t.after(() => Promise.all(processes.map((process) => process.kill())));
  return processes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , port, kind] = process.argv;
  const client = kind === "redis" ? createClient({ url: `redis://127.0.0.1:${port}` }) : new Redis(Number(port));
  client.on("error", () => {});
  if ("isOpen" in client) await client.connect();
  const { state } = redisStores(/** @type {any} */ (client), { timeoutMillis: 30_000 });
  process.on("message", async (/** @type {any} */ [id, calls]) => {
    const replies = calls.map((/** @type {Asked} */ [subject, call, now]) => state(subject, call, now).catch(() => ""));
    process.send?.([id, await Promise.all(replies)]);
  });
  process.send?.("ready");
}
