// Documents in Redis: a text under a name, which ends.
import { withinMillis } from "../calls.js";
import { CountersignError } from "../error.js";
import type { DocumentStore } from "../stores.js";
import { reasonOf } from "./state.js";
import { type RedisSender, textReply } from "./transport.js";

/** Longest text that is kept or read: 4 Mi characters, twice what any document of a gate's has. */
const MAX_TEXT = 4 * 1024 * 1024;
/** Longest name. */
const MAX_NAME = 4096;
/** Longest life of a document: a year. */
const MAX_TTL_SECONDS = 366 * 24 * 3600;

/** What keeping documents takes. */
export interface DocumentsHost {
  readonly send: RedisSender["send"];
  readonly prefix: string;
  readonly timeoutMillis: number;
  /** Takes what went wrong, in few words. */
  readonly failed: (what: string) => void;
}

/** Texts in Redis. Rejects with `store.unavailable` where it cannot be asked, or not in time. */
export function redisDocuments({ send, prefix, timeoutMillis, failed }: DocumentsHost): DocumentStore {
  const ask = async (name: string, args: (key: string) => string[]) => {
    if (typeof name !== "string" || name.length > MAX_NAME) throw new CountersignError("options.invalid", "is no name of a document");
    const key = `${prefix}documents:${name}`;
    try {
      return await withinMillis(timeoutMillis, send(args(key), key));
    } catch (error) {
      const reason = reasonOf(error);
      failed(reason);
      throw new CountersignError("store.unavailable", `Redis cannot say: ${reason}`);
    }
  };
  return {
    async get(name) {
      const reply = await ask(name, (key) => ["GET", key]);
      if (reply === null || reply === undefined) return undefined;
      const text = textReply(reply);
      if (text.length > MAX_TEXT) throw new CountersignError("store.unavailable", "the document is too long");
      return text;
    },
    async put(name, text, ttlSeconds) {
      if (typeof text !== "string" || text.length > MAX_TEXT) {
        throw new CountersignError("options.invalid", `a document is a text of at most ${MAX_TEXT} characters`);
      }
      if (!(ttlSeconds > 0) || ttlSeconds > MAX_TTL_SECONDS) {
        throw new CountersignError("options.invalid", "a document is kept for some seconds, at most a year");
      }
      await ask(name, (key) => ["SET", key, text, "PX", String(Math.ceil(ttlSeconds * 1000))]);
    },
  };
}
