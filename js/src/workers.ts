/**
 * Stores on Cloudflare's platform, for a gate inside of a Worker of your own: `countersign/workers`.
 *
 * ```js
 * import { createGate } from "countersign";
 * import { workersStores } from "countersign/workers";
 * export { Subject } from "countersign/workers";
 *
 * let gate;
 * export default {
 *   async fetch(request, env, ctx) {
 *     gate ??= createGate(env.COUNTERSIGN_CONFIG, { stores: workersStores(env) });
 *     const decision = await gate.check(request, { waitUntil: (work) => ctx.waitUntil(work) });
 *     …
 *   },
 * };
 * ```
 *
 * @module
 */
import { again, withinMillis } from "./calls.js";
import { CountersignError } from "./error.js";
import { checkOptions, type Names } from "./names.js";
import type { DocumentStore, FloodLimiter, StateStore, Stores } from "./stores.js";
import type { KvNamespace, ObjectNamespace } from "./workers/platform.js";

export type { KvNamespace, ObjectAnswer, ObjectNamespace, ObjectState, ObjectStorage, SqlStorage, SqlValue } from "./workers/platform.js";
export { Subject } from "./workers/subject.js";

/** Under which names what is bound. */
export interface WorkersStoresOptions {
  /** The KV namespace for documents. Default: `COUNTERSIGN_KV`, where that is bound. */
  readonly kv?: string;
  /** The namespace of the class `Subject`. Default: `SUBJECTS`, where that is bound. */
  readonly subjects?: string;
}

const OPTIONS: Names<WorkersStoresOptions> = { kv: true, subjects: true };
/** How long an object may take to answer: 2 s. One that must be started on another continent takes some hundred milliseconds. */
const PATIENCE = 2_000;
/** Where an object answers; no host is asked. */
const CALL_URL = "https://subject.internal/call";
/** KV takes no shorter expiry. */
const LEAST_EXPIRY_SECONDS = 60;
/** Names of rate limiters: so many requests in so many seconds. */
const FLOOD = /^FLOOD_[1-9]\d{0,8}_(?:10|60)$/;

/**
 * Stores on what is bound in `env`: documents in KV, what is exact in objects of the class `Subject`, and the rate limiters
 * that have names like `FLOOD_100_10`. What is not bound is not there.
 */
export function workersStores(env: object, options: WorkersStoresOptions = {}): Stores {
  checkOptions(options, OPTIONS, "options of stores on Workers");
  if (typeof env !== "object" || env === null) throw new CountersignError("options.invalid", "env is the object of bindings that a Worker is given");
  const bindings = new Map<string, unknown>(Object.entries(env));
  const { kv = "COUNTERSIGN_KV", subjects = "SUBJECTS" } = options;
  for (const name of [options.kv, options.subjects]) {
    if (name !== undefined && !bindings.has(name)) throw new CountersignError("options.invalid", `nothing is bound as ${name}`);
  }
  const namespace = bindings.get(kv);
  const objects = bindings.get(subjects);
  const floods = [...bindings].filter((binding): binding is [string, FloodLimiter] => FLOOD.test(binding[0]) && isFlood(binding[1]));
  return {
    ...(namespace !== undefined && { documents: documentsIn(bound(namespace, isKv, kv)) }),
    ...(objects !== undefined && { state: stateIn(bound(objects, isNamespace, subjects)) }),
    ...(floods.length > 0 && { floods: Object.fromEntries(floods) }),
  };
}

function documentsIn(kv: KvNamespace): DocumentStore {
  return {
    get: (name) => unavailableIfFails("KV", kv.get(name)),
    put: (name, text, ttlSeconds) =>
      unavailableIfFails("KV", kv.put(name, text, { expirationTtl: Math.max(Math.ceil(ttlSeconds), LEAST_EXPIRY_SECONDS) })),
  };
}

function stateIn(namespace: ObjectNamespace): StateStore {
  return (subject, call) => unavailableIfFails("an object", withinMillis(PATIENCE, answer(namespace, subject, call)));
}

/**
 * What the object says. It is asked again once where the platform says that this may help; where the object has too much to
 * do it would not. The second call says that it is one, as the first may have been acted upon.
 */
async function answer(namespace: ObjectNamespace, subject: string, call: string): Promise<string> {
  try {
    return await post(namespace, subject, call);
  } catch (error) {
    if (!is(error, "retryable") || is(error, "overloaded")) throw error;
    return post(namespace, subject, again(call));
  }
}

async function post(namespace: ObjectNamespace, subject: string, body: string): Promise<string> {
  const object = namespace.get(namespace.idFromName(subject));
  const response = await object.fetch(CALL_URL, { method: "POST", body });
  const text = await response.text();
  if (response.status !== 200) throw new Error("it could not answer");
  return text;
}

async function unavailableIfFails<T>(what: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (cause) {
    throw new CountersignError("store.unavailable", `${what} cannot be asked`, { cause });
  }
}

function bound<T>(binding: unknown, is: (binding: unknown) => binding is T, name: string): T {
  if (is(binding)) return binding;
  throw new CountersignError("options.invalid", `${name} is not bound to what it should be`);
}

function is(error: unknown, property: "retryable" | "overloaded"): boolean {
  return typeof error === "object" && error !== null && property in error && Boolean(Object(error)[property]);
}

const has = (binding: unknown, ...methods: string[]) =>
  typeof binding === "object" && binding !== null && methods.every((method) => typeof Reflect.get(binding, method) === "function");
const isKv = (binding: unknown): binding is KvNamespace => has(binding, "get", "put", "getWithMetadata");
const isNamespace = (binding: unknown): binding is ObjectNamespace => has(binding, "idFromName", "get");
const isFlood = (binding: unknown): binding is FloodLimiter => has(binding, "limit");
