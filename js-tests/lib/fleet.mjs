// Several gates and one place for their objects, as isolates of one Worker in several places are: each gate is a script of
// its own in workerd, with its own memory, on its own port, and all of them call the objects of another.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Miniflare } from "miniflare";
import { FAULTS, FAULTY } from "./faults.mjs";
import { BUILD, COMPATIBILITY_DATE, OUTSIDE } from "./gate.mjs";
import { makeKey } from "./keys.mjs";
import { freePort, send } from "./net.mjs";

/**
 * @typedef {Omit<import("./gate.mjs").GateOptions, "faults"> & FleetOptions} Options
 * @typedef {object} FleetOptions
 * @property {number} [gates] how many
 * @property {string} [persist] the folder that objects are stored in
 * @property {import("./faults.mjs").Faults} [faults] what breaks, if anything may
 */

/** @param {Options} options */
export async function startFleet({ config, port, hosts = {}, build = BUILD, secrets = {}, gates = 3, persist, faults, registry = false }) {
  if (!existsSync(`${build}/index.js`)) throw new Error(`no Worker in ${build}; run: cargo xtask build`);
  const signing = await makeKey("EdDSA");
  const ports = [port];
  while (ports.length < gates) ports.push(await freePort());
  const entry = faults
    ? { type: /** @type {const} */ ("ESModule"), path: `${build}/faults.js`, contents: FAULTY }
    : { type: /** @type {const} */ ("ESModule"), path: `${build}/index.js` };
  const whole = {
    modulesRoot: build,
    modules: [
      entry,
      ...(faults ? [{ type: /** @type {const} */ ("ESModule"), path: `${build}/index.js` }] : []),
      { type: /** @type {const} */ ("CompiledWasm"), path: `${build}/index_bg.wasm` },
    ],
    compatibilityDate: COMPATIBILITY_DATE,
    bindings: {
      COUNTERSIGN_CONFIG: /** @type {any} */ (config),
      GATE_SIGNING_KEY: JSON.stringify({ ...signing.privateJwk, kid: signing.kid, alg: "EdDSA" }),
      ...secrets,
    },
    kvNamespaces: ["COUNTERSIGN_KV"],
    ...(faults && { serviceBindings: { [FAULTS]: /** @type {any} */ (faults.answer) } }),
    outboundService: "outside",
  };
  const classes = { SUBJECTS: "Subject", ...(registry && { AGENT_REGISTRY: "AgentRegistry" }) };
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port,
    ...(persist && { durableObjectsPersist: persist }),
    handleRuntimeStdio: (/** @type {import("node:stream").Readable} */ stdout, /** @type {import("node:stream").Readable} */ stderr) => {
      for (const stream of [stdout, stderr]) {
        if (process.env.GATE_LOG) stream.pipe(process.stderr);
        else stream.resume();
      }
    },
    workers: [
      ...ports.map((own, index) => ({
        ...whole,
        name: `gate-${index}`,
        durableObjects: Object.fromEntries(
          Object.entries(classes).map(([name, className]) => [name, { className, scriptName: "objects", useSQLite: true }]),
        ),
        ...(index > 0 && { unsafeDirectSockets: [{ host: "127.0.0.1", port: own }] }),
      })),
      {
        ...whole,
        name: "objects",
        durableObjects: Object.fromEntries(
          Object.entries(classes).map(([name, className]) => [name, { className, useSQLite: true }]),
        ),
      },
      { name: "outside", modules: true, script: OUTSIDE, compatibilityDate: COMPATIBILITY_DATE, bindings: { HOSTS: hosts } },
    ],
  });
  await miniflare.ready;
  return {
    url: `http://127.0.0.1:${port}`,
    signing,
    /** How many gates there are. */
    gates,
    /**
     * Sends a request to one of the gates, whatever it is addressed to.
     *
     * @param {import("./net.mjs").Wire} wire
     * @param {number} gate
     */
    send(wire, gate) {
      const { host, pathname, search } = new URL(wire.url);
      const url = `http://127.0.0.1:${ports[gate % ports.length]}${pathname}${search}`;
      return send({ ...wire, url, headers: [...wire.headers, ["Host", host]] });
    },
    /** How many rows the object of a key has, and when its alarm goes off; only with `faults`. @param {string} thumbprint */
    async rows(thumbprint) {
      const namespace = /** @type {any} */ (await miniflare.getDurableObjectNamespace("SUBJECTS", "objects"));
      const object = namespace.get(namespace.idFromName(subjectOfKey(thumbprint)));
      return /** @type {Promise<{rows: number, alarm: number | null}>} */ ((await object.fetch("http://object/rows")).json());
    },
    /** Ends workerd as a crash does: nothing is written any more. */
    kill() {
      for (const pid of childrenNamed("workerd")) process.kill(pid, "SIGKILL");
    },
    close: () => miniflare.dispose(),
    dispatch: (/** @type {string} */ url, /** @type {any} */ init) => miniflare.dispatchFetch(url, init),
    kv: () => /** @type {Promise<any>} */ (miniflare.getKVNamespace("COUNTERSIGN_KV", "gate-0")),
  };
}

/** The name of the object of a key (`state::subject::SubjectName`). @param {string} thumbprint */
export function subjectOfKey(thumbprint) {
  const hash = createHash("sha256");
  for (const part of ["jkt", thumbprint]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(part)));
    hash.update(length).update(part);
  }
  return `key:${hash.digest().subarray(0, 16).toString("base64url")}`;
}

/** The processes of this name that this process started. @param {string} name */
export function childrenNamed(name) {
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  return pids.map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [, comm, , ppid] = /^\d+ \((.*)\) (\S) (\d+)/.exec(stat) ?? [];
      return comm === name && Number(ppid) === process.pid;
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}
