// What a gate keeps outside of its own memory, and who keeps it.
import { Subjects } from "./wasm.js";

/** Stores that a gate may have. Each is there or is not: what needs one that is not there is refused as the gate is made. */
export interface Stores {
  /** Keeps what is exact, by subject: `replay = "exact"`, budgets, and limits with `store = "durable-object"`. */
  readonly state?: StateStore | undefined;
  /**
   * Keeps texts that processes share: key sets, what issuers said, counts of limits with `store = "kv"`, and the registry and
   * the deny list as the Worker publishes them. Without it each process knows what it has seen itself.
   */
  readonly documents?: DocumentStore | undefined;
  /** Rate limiters of Cloudflare's, by the names of their bindings, as `FLOOD_100_10`: limits with `store = "binding"`. */
  readonly floods?: Readonly<Record<string, FloodLimiter>> | undefined;
}

/**
 * Answers a call to the state of a subject. `subject` says what it is and has a digest of which one; `call` and the answer
 * are JSON; `now` is in milliseconds since 1970. Calls to one subject are answered one after another. What rejects, or
 * answers an empty text, is unavailable.
 */
export type StateStore = (subject: string, call: string, now: number) => Promise<string>;

/** Texts by name. It may be eventually consistent, and it may forget: nothing that must be exact is in it. */
export interface DocumentStore {
  /** The text under a name; nothing where there is none. */
  get(name: string): Promise<string | null | undefined>;
  /** Keeps a text under a name, for so many seconds; 60 at the least. */
  put(name: string, text: string, ttlSeconds: number): Promise<void>;
}

/** A rate limiter of Cloudflare's, which counts at one location by itself. */
export interface FloodLimiter {
  /** Counts a request under a key, and says whether it may go through. */
  limit(options: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

/**
 * Stores in the memory of this process, bounded. What they promise holds for this process alone: others do not know of it,
 * and a restart forgets it.
 */
export function memoryStores(): Stores {
  const subjects = new Subjects();
  return { state: async (subject, call, now) => subjects.answer(subject, call, now) };
}
