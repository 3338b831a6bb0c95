// The calls to one subject: they queue up, go together, and are judged anew where another process came in between.
import { again } from "../calls.js";
import { pause } from "../timing.js";
import { applyCall } from "../wasm.js";
import { Attempt, type Truth, Wish } from "./attempt.js";
import type { Belief } from "./belief.js";
import { errorCode } from "./transport.js";

/** Most calls that go together: 64. */
const MAX_BATCH = 64;
/** Most characters of them: 256 Ki. */
const MAX_BATCH_CHARACTERS = 256 * 1024;
/** How often a batch is judged at most: 64 times. Of 16 processes that all write the same row, each has its turn by then. */
const MAX_TRIES = 64;
/** From which try on it pauses before, as others are at it too. */
const FIRST_PAUSED = 4;
/** The longest pause in milliseconds. */
const MAX_PAUSE = 16;

/** A call that waits for its answer. */
export interface Waiting {
  /** JSON. */
  readonly call: string;
  readonly now: number;
  /** Whether its caller has given up. */
  readonly isOver: boolean;
  /** Whether it was sent before, and nobody knows what came of it. */
  isAgain: boolean;
  resolve(reply: string): void;
  reject(error: unknown): void;
}

/** What a batch needs of its store. */
export interface Host {
  /** Runs the script for a subject. Rejects after the time limit. */
  run(args: readonly string[]): Promise<string>;
  /** Something that nobody else is called. */
  newId(): string;
}

/** Answers the first of the calls that wait: as many as go together. */
export async function answerFirst(queue: Waiting[], belief: Belief, host: Host): Promise<void> {
  const batch = new Batch(take(queue, belief.batch), belief, host);
  try {
    await batch.answer();
  } catch (error) {
    batch.reject(error);
  }
  queue.unshift(...batch.left);
}

function take(queue: Waiting[], most: number): Waiting[] {
  let characters = 0;
  const fits = queue.findIndex(({ call }, place) => {
    characters += call.length;
    return place >= most || (place > 0 && characters > MAX_BATCH_CHARACTERS);
  });
  return queue.splice(0, fits < 0 ? queue.length : fits).filter(({ isOver }) => !isOver);
}

class Batch {
  /** Calls that have to go without those before them. */
  left: Waiting[] = [];
  #calls: Waiting[];
  readonly #belief: Belief;
  readonly #host: Host;
  /** Whether a script was sent once more. */
  #hasRepeated = false;

  constructor(calls: Waiting[], belief: Belief, host: Host) {
    this.#calls = calls;
    this.#belief = belief;
    this.#host = host;
  }

  reject(error: unknown): void {
    for (const call of this.#calls) call.reject(error);
  }

  async answer(): Promise<void> {
    let truth: Truth | undefined;
    for (let tried = 0; tried < MAX_TRIES; tried += 1) {
      if (tried >= FIRST_PAUSED) await pause(delayOf(tried));
      this.#calls = this.#calls.filter(({ isOver }) => !isOver);
      if (this.#calls.length === 0) return;
      const attempt = new Attempt(this.#belief, truth, Math.max(...this.#calls.map(({ now }) => now)));
      const { replies, wish } = this.#judge(attempt);
      if (wish === undefined && attempt.isKnownToHold) return this.#resolve(replies);
      const said = await this.#run(attempt.args(this.#host.newId(), wish));
      if (said === "ok" && wish === undefined) {
        attempt.learnWritten();
        if (tried === 0) this.#belief.batch = Math.min(2 * this.#belief.batch, MAX_BATCH);
        return this.#resolve(replies);
      }
      truth = attempt.learn(said, wish);
      if (wish === undefined) this.#shrink();
    }
    throw new Error("other processes always came in between");
  }

  /** What the calls come to one after another, and what they cannot go on without. */
  #judge(attempt: Attempt): { readonly replies: string[]; readonly wish?: Wish } {
    const replies: string[] = [];
    for (const { call, isAgain } of this.#calls) {
      try {
        replies.push(applyCall(attempt, isAgain ? again(call) : call, attempt.now));
      } catch (wish) {
        if (!(wish instanceof Wish)) throw wish;
        if (replies.length === 0) {
          this.#leave(1);
          return { replies, wish };
        }
        this.#leave(replies.length);
        return { replies };
      }
    }
    return { replies };
  }

  /** Who is judged faster is less often too late: where others come in between, fewer go together, down to one. */
  #shrink(): void {
    this.#belief.batch = Math.max(Math.ceil(this.#calls.length / 2), 1);
    this.#leave(this.#belief.batch);
  }

  /** Goes on with the first calls; the others come after them. */
  #leave(first: number): void {
    this.left.unshift(...this.#calls.splice(first));
  }

  /** Runs the script, and once more where it may help: Redis then recognises what it has done. */
  async #run(args: readonly string[]): Promise<string> {
    try {
      return await this.#host.run(args);
    } catch (error) {
      const isPointless = errorCode(error) !== undefined || this.#calls.every(({ isOver }) => isOver);
      if (isPointless || this.#hasRepeated) throw error;
      this.#hasRepeated = true;
      for (const call of this.#calls) call.isAgain = true;
      return this.#host.run(args);
    }
  }

  #resolve(replies: readonly string[]): void {
    for (const [place, call] of this.#calls.entries()) call.resolve(replies[place] ?? "");
  }
}

/** How long a try waits for others, in milliseconds: the longer, the more often they came in between. */
function delayOf(tried: number): number {
  return Math.random() * Math.min(2 ** (tried - FIRST_PAUSED), MAX_PAUSE);
}
