// A real Redis on a free port, for as long as a test takes.
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createClient } from "redis";
import { Redis } from "ioredis";
import { freePort } from "./net.mjs";

/**
 * @typedef {object} Options
 * @property {boolean} [persist] whether every write is stored before it is answered (`appendonly`, `appendfsync always`)
 * @property {boolean} [cluster] whether it is a cluster, of one node
 * @property {string[]} [args] more arguments of `redis-server`
 */

/** Where `redis-server` is. Without it these tests fail: what they show cannot be shown otherwise. */
function server() {
  if (process.env.REDIS_SERVER) return process.env.REDIS_SERVER;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, "redis-server");
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // It may be in another folder.
    }
  }
  throw new Error("there is no redis-server in PATH; install Redis 7.0 or later (Debian: redis-server)");
}

/** @param {Options} [options] */
export async function startRedis({ persist = false, cluster = false, args = [] } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "countersign-redis-"));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const config = [
    ...["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--maxmemory-policy", "noeviction"],
    ...(persist ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"]),
    ...(cluster ? ["--cluster-enabled", "yes", "--cluster-port", `${await freePort()}`, "--cluster-announce-ip", "127.0.0.1"] : []),
    ...args,
  ];
  const start = () => {
    const child = spawn(server(), config, { stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    return { child, ended };
  };
  let { child, ended } = start();
  const admin = createClient({ url });
  // It is stopped and started as tests say.
  admin.on("error", () => {});
  await admin.connect();
  if (cluster) {
    await admin.sendCommand(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    while (!String(await admin.sendCommand(["CLUSTER", "INFO"])).includes("cluster_state:ok")) await new Promise(setImmediate);
  }
  /** @type {(() => Promise<unknown> | unknown)[]} */
  const closing = [];
  return {
    url,
    port,
    /** A command by itself. @param {string[]} args @returns {Promise<any>} */
    command: (...args) => admin.sendCommand(args),
    /** A client of `redis`. @param {any} [options] @returns {Promise<any>} */
    async nodeRedis(options) {
      const client = createClient({ url, ...options });
      client.on("error", () => {});
      await client.connect();
      closing.push(() => client.isOpen && client.destroy());
      return client;
    },
    /** A client of `ioredis`. @param {any} [options] */
    ioredis(options = {}) {
      const client = new Redis(port, "127.0.0.1", options);
      client.on("error", () => {});
      closing.push(() => client.disconnect());
      return client;
    },
    /** Ends it as a crash does. */
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    /** Starts it again, and answers when it has read what it had stored. */
    async restart() {
      ({ child, ended } = start());
      for (;;) {
        const pong = await admin.ping().catch(() => undefined);
        if (pong === "PONG") return;
        await new Promise(setImmediate);
      }
    },
    async close() {
      for (const close of closing) await close();
      admin.destroy();
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
