/**
 * Stores in Redis, for gates in several processes: `countersign/redis`.
 *
 * ```js
 * import { createClient } from "redis";
 * import { createGate } from "countersign";
 * import { redisStores } from "countersign/redis";
 *
 * const client = await createClient({ url: process.env.REDIS_URL }).on("error", console.error).connect();
 * const gate = createGate(config, { stores: redisStores(client) });
 * ```
 *
 * What a call does is judged here, by the same functions as in an object of the Worker. Redis runs one script for each
 * batch of calls, which compares what they were judged by with what is there and writes what they write, in one step; or
 * says what is there, by which they are judged anew. So a proof passes once, and limits and budgets hold, over all
 * processes that have the same Redis and the same prefix.
 *
 * @module
 */
import { CountersignError } from "./error.js";
import { checkOptions, type Names } from "./names.js";
import { redisDocuments } from "./redis/documents.js";
import { redisState } from "./redis/state.js";
import { type RedisClient, Script, sendWith } from "./redis/transport.js";
import type { DocumentStore, StateStore, Stores } from "./stores.js";
import { quietly } from "./told.js";

export type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
  RedisSender,
} from "./redis/transport.js";

/** How stores use Redis. */
export interface RedisStoresOptions {
  /**
   * What all keys begin with: at most 64 characters that can be seen, without braces. Gates with the same prefix share what
   * they know. Default: `countersign:`.
   */
  readonly prefix?: string;
  /**
   * How long Redis may take to answer, in milliseconds: 10 to 30,000. After that it is unavailable, and the route says what
   * becomes of the request (`on_unavailable`). Default: 2,000, as an object of the Worker has.
   */
  readonly timeoutMillis?: number;
  /** Takes lines on what went wrong, at most one a second, without names, addresses and values. Default: nobody. */
  readonly log?: (line: string) => void;
}

/** Stores in Redis. */
export interface RedisStores extends Stores {
  readonly state: StateStore;
  readonly documents: DocumentStore;
}

const OPTIONS: Names<RedisStoresOptions> = { prefix: true, timeoutMillis: true, log: true };
/** What prefixes look like. A brace would say which node of a cluster has a key. */
const PREFIX = /^[!-z|~]{0,64}$/;

/** Stores in the Redis of this client, which its caller connects and closes. Redis is of version 7.0 or later. */
export function redisStores(client: RedisClient, options: RedisStoresOptions = {}): RedisStores {
  checkOptions(options, OPTIONS, "options of stores in Redis");
  const { prefix = "countersign:", timeoutMillis = 2_000, log = () => {} } = options;
  if (typeof prefix !== "string" || !PREFIX.test(prefix)) {
    throw new CountersignError("options.invalid", "prefix is at most 64 characters of ASCII that can be seen, without braces");
  }
  if (!Number.isInteger(timeoutMillis) || timeoutMillis < 10 || timeoutMillis > 30_000) {
    throw new CountersignError("options.invalid", "timeoutMillis is 10 to 30,000 whole milliseconds");
  }
  if (typeof log !== "function") throw new CountersignError("options.invalid", "log is a function");
  const send = sendWith(client);
  const host = { send, script: new Script(send), prefix, timeoutMillis, failed: onceASecond(quietly(log)) };
  return { state: redisState(host), documents: redisDocuments(host) };
}

/** Tells the first failure of each second, and how many there were before that nobody was told of. */
function onceASecond(log: (line: string) => void): (what: string) => void {
  let next = 0;
  let untold = 0;
  return (what) => {
    const now = performance.now();
    untold += 1;
    if (now < next) return;
    const times = untold === 1 ? "" : ` (${untold} times)`;
    untold = 0;
    next = now + 1_000;
    log(`countersign cannot ask Redis: ${what}${times}`);
  };
}
