// State by subject in Redis.
import { TooLate, withinMillis } from "../calls.js";
import { CountersignError } from "../error.js";
import type { StateStore } from "../stores.js";
import { Beliefs } from "./belief.js";
import { answerFirst, type Host, type Waiting } from "./subject.js";
import { errorCode, type Script } from "./transport.js";

/** What names of subjects look like: what it is, and 16 bytes in base64url. */
const SUBJECT = /^[a-z]{1,16}:[A-Za-z0-9_-]{22}$/;
/** Longest call, as `state::subject::MAX_CALL_BYTES` has it. */
const MAX_CALL = 64 * 1024;
/** Most calls that wait at a time. */
const MAX_WAITING = 20_000;

/** What keeping state takes. */
export interface StateHost {
  readonly script: Script;
  readonly prefix: string;
  readonly timeoutMillis: number;
  /** Takes what went wrong, in few words. */
  readonly failed: (what: string) => void;
}

/** Answers calls to subjects. Rejects with `store.unavailable` where Redis cannot be asked, or not in time. */
export function redisState(host: StateHost): StateStore {
  const state = new State(host);
  return (subject, call, now) => state.ask(subject, call, now);
}

class State {
  readonly #host: StateHost;
  readonly #beliefs = new Beliefs();
  readonly #queues = new Map<string, Waiting[]>();
  readonly #ids = idsOf(crypto.randomUUID());
  #waiting = 0;

  constructor(host: StateHost) {
    this.#host = host;
  }

  async ask(subject: string, call: string, now: number): Promise<string> {
    if (!SUBJECT.test(subject) || typeof call !== "string" || call.length > MAX_CALL || !Number.isSafeInteger(now) || now < 0) {
      throw new CountersignError("request.invalid", "is no call to a subject");
    }
    if (this.#waiting >= MAX_WAITING) throw this.#unavailable("too many calls wait");
    this.#waiting += 1;
    try {
      return await this.#answer(subject, call, now);
    } catch (error) {
      throw this.#unavailable(reasonOf(error));
    } finally {
      this.#waiting -= 1;
    }
  }

  #answer(subject: string, call: string, now: number): Promise<string> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = <T>(how: (value: T) => void) => (value: T) => {
        isOver = true;
        clearTimeout(limit);
        how(value);
      };
      const waiting: Waiting = {
        call,
        now,
        isAgain: false,
        get isOver() {
          return isOver;
        },
        resolve: end(resolve),
        reject: end(reject),
      };
      const limit = setTimeout(() => waiting.reject(new TooLate()), this.#host.timeoutMillis);
      const queue = this.#queues.get(subject);
      if (queue) queue.push(waiting);
      else void this.#serve(subject, [waiting]);
    });
  }

  /** Answers the calls to a subject, and forgets it when there are none. */
  async #serve(subject: string, queue: Waiting[]): Promise<void> {
    this.#queues.set(subject, queue);
    const belief = this.#beliefs.take(subject);
    const host: Host = { newId: this.#ids, run: (args) => this.#run(subject, args) };
    while (queue.length > 0) await answerFirst(queue, belief, host);
    // Nothing waits between this and the look for calls before: no call comes to a queue that nobody serves.
    this.#queues.delete(subject);
    this.#beliefs.put(subject, belief);
  }

  /** What takes longer than callers wait is left to itself, so that it holds up nobody after it. */
  #run(subject: string, args: readonly string[]): Promise<string> {
    const { script, prefix, timeoutMillis } = this.#host;
    // In braces is what says which node of a cluster has it: one for all that a subject has.
    const keys = ["rows", "ends", "clock"].map((what) => `${prefix}{${subject}}:${what}`);
    return withinMillis(timeoutMillis, script.run(keys as [string, ...string[]], args));
  }

  #unavailable(reason: string): CountersignError {
    this.#host.failed(reason);
    return new CountersignError("store.unavailable", `Redis cannot say: ${reason}`);
  }
}

/** Why it failed, without what clients put into messages: addresses, and what was sent. */
export function reasonOf(error: unknown): string {
  if (error instanceof TooLate) return error.message;
  const code = errorCode(error);
  // The script's own: see there.
  if (code === "COUNTERSIGN") return "rows are missing that should be there";
  return code === undefined ? "it cannot be reached, or did not answer as it should" : `it said ${code}`;
}

function idsOf(process: string): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${process}-${count}`;
  };
}
