// The entry module of a gate whose bindings can fail, and which counts what is written to them. It stands before the
// built Worker, which notices nothing: bindings are what `env` says they are.
//
// `env.FAULTS` says which calls fail: { queue: "fails" }, { kv: "fails" } for writes, { kv: "hangs" } for all.
// @ts-expect-error: workerd brings it
import { WorkerEntrypoint } from "cloudflare:workers";
// @ts-expect-error: the built Worker, beside which this is put
import Gate from "./index.js";

// @ts-expect-error: the same
export * from "./index.js";

/** Where the counts are asked for. */
const COUNTS_PATH = "/__counts";
const counts = { kvWrites: 0, kvRemovals: 0, messages: 0, batches: 0 };

/** @param {any} kv @param {string | undefined} fault */
function countingKv(kv, fault) {
  const never = () => new Promise(() => {});
  return {
    get: (/** @type {any[]} */ ...args) => (fault === "hangs" ? never() : kv.get(...args)),
    getWithMetadata: (/** @type {any[]} */ ...args) => kv.getWithMetadata(...args),
    list: (/** @type {any[]} */ ...args) => kv.list(...args),
    async put(/** @type {any[]} */ ...args) {
      counts.kvWrites += 1;
      if (fault === "fails") throw new Error("KV takes no writes");
      return fault === "hangs" ? never() : kv.put(...args);
    },
    async delete(/** @type {any[]} */ ...args) {
      counts.kvRemovals += 1;
      if (fault === "fails") throw new Error("KV takes no writes");
      return kv.delete(...args);
    },
  };
}

// The name is what bindings are recognised by.
class WorkerQueue {
  /** @param {any} queue @param {string | undefined} fault */
  constructor(queue, fault) {
    this.queue = queue;
    this.fault = fault;
  }

  /** @param {Iterable<any>} messages */
  async sendBatch(messages) {
    const all = [...messages];
    counts.batches += 1;
    counts.messages += all.length;
    if (this.fault === "fails") throw new Error("the queue takes nothing");
    return this.queue.sendBatch(all);
  }
}

/** @param {any} env */
function faulty(env) {
  const faults = env.FAULTS ?? {};
  const bindings = { ...env, COUNTERSIGN_KV: countingKv(env.COUNTERSIGN_KV, faults.kv) };
  if (env.EVENTS_QUEUE) bindings.EVENTS_QUEUE = new WorkerQueue(env.EVENTS_QUEUE, faults.queue);
  return bindings;
}

export default class extends WorkerEntrypoint {
  /** @param {any} ctx @param {any} env */
  constructor(ctx, env) {
    super(ctx, env);
    this.gate = new /** @type {any} */ (Gate)(ctx, faulty(env));
  }

  /** @param {Request} request */
  fetch(request) {
    return new URL(request.url).pathname === COUNTS_PATH ? Response.json(counts) : this.gate.fetch(request);
  }

  /** @param {any} batch */
  queue(batch) {
    return this.gate.queue(batch);
  }

  /** @param {any} event */
  scheduled(event) {
    return this.gate.scheduled(event);
  }
}
