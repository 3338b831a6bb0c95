// A server's process with a gate of its own and stores in Redis that it shares; or, in the process that forks it, a hand on it.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createGate } from "countersign";
import { redisStores } from "countersign/redis";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { outside } from "./in-process.mjs";

/**
 * @typedef {object} Told what a process is told of a decision
 * @property {string} code
 * @property {number} status
 * @property {string} [replay] how sure it is that there was no replay
 */

/**
 * @param {{port: number}} redis
 * @param {"redis" | "ioredis"} client
 * @param {object} config
 * @param {Record<string, string>} hosts
 */
export async function startGateProcess({ port }, client, config, hosts) {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify({ port, client, config, hosts })], { serialization: "advanced" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  /** @type {Map<number, (told: Told[]) => void>} */
  const waiting = new Map();
  let asked = 0;
  await new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("the process ended")));
    child.once("message", resolve);
  });
  child.on("message", (/** @type {any} */ [id, told]) => {
    waiting.get(id)?.(told);
    waiting.delete(id);
  });
  return {
    /**
     * Has all of these requests decided, at once, and tells the gate what became of those that were allowed.
     *
     * @param {import("./net.mjs").Wire[]} wires
     * @param {number} [status] what the origin answers
     * @returns {Promise<Told[]>}
     */
    check: (wires, status) =>
      new Promise((resolve) => {
        waiting.set((asked += 1), resolve);
        child.send([asked, wires, status]);
      }),
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { port, client: kind, config, hosts } = JSON.parse(process.argv[2] ?? "");
  const client = kind === "redis" ? createClient({ url: `redis://127.0.0.1:${port}` }) : new Redis(port);
  client.on("error", () => {});
  if ("isOpen" in client) await client.connect();
  const gate = createGate(config, { fetch: outside(hosts), stores: redisStores(client, { timeoutMillis: 30_000 }) });
  process.on("message", async (/** @type {any} */ [id, wires, status]) => {
    const told = await Promise.all(
      wires.map(async (/** @type {any} */ wire) => {
        const decision = await gate.check(wire);
        if (decision.outcome === "allow" && status !== undefined) await gate.settle(decision, { status });
        return { code: decision.code, status: decision.status, replay: decision.guarantees.replay };
      }),
    );
    process.send?.([id, told]);
  });
  process.send?.("ready");
}
