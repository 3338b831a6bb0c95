// Commands over whatever client there is.
import { CountersignError } from "../error.js";
import { SCRIPT } from "./script.js";

/**
 * A client of Redis: of `redis` (node-redis: a client, a pool, a cluster or a sentinel), of `ioredis` (`Redis` or
 * `Cluster`), or anything with `send`.
 */
export type RedisClient = NodeRedisClient | NodeRedisCluster | NodeRedisSentinel | IoRedisClient | RedisSender;

/** A client, or a pool of them, of `redis`. */
export interface NodeRedisClient {
  sendCommand(args: string[]): Promise<unknown>;
}

/** A cluster of `redis`. */
export interface NodeRedisCluster {
  readonly slots: unknown;
  sendCommand(firstKey: string, isReadonly: boolean, args: string[]): Promise<unknown>;
}

/** A sentinel of `redis`. */
export interface NodeRedisSentinel {
  getSentinelNode(): unknown;
  sendCommand(isReadonly: boolean, args: string[]): Promise<unknown>;
}

/** A `Redis` or a `Cluster` of `ioredis`. */
export interface IoRedisClient {
  call(command: string, args: string[]): Promise<unknown>;
}

/** Sends a command. `key` is one of the keys that it is about, all of which have one hash tag: it says which node of a cluster. */
export interface RedisSender {
  send(args: string[], key: string): Promise<unknown>;
}

type Send = RedisSender["send"];

/** How this client sends a command. */
export function sendWith(client: RedisClient): Send {
  if (typeof client !== "object" || client === null) throw invalid();
  if ("send" in client && typeof client.send === "function") return (args, key) => client.send(args, key);
  if ("call" in client && typeof client.call === "function") {
    return ([command = "", ...args]) => client.call(command, args);
  }
  if (!("sendCommand" in client) || typeof client.sendCommand !== "function") throw invalid();
  if ("slots" in client) return (args, key) => client.sendCommand(key, false, args);
  if ("getSentinelNode" in client) return (args) => client.sendCommand(false, args);
  return (args) => client.sendCommand(args);
}

function invalid(): CountersignError {
  return new CountersignError("options.invalid", "client is one of redis or ioredis, or has send(args, key)");
}

/** Runs the script: by its digest, and whole where Redis does not know it (any more). */
export class Script {
  readonly #send: Send;
  readonly #digest = digestOf(SCRIPT);

  constructor(send: Send) {
    this.#send = send;
  }

  async run(keys: readonly [string, ...string[]], args: readonly string[]): Promise<string> {
    const rest = [String(keys.length), ...keys, ...args];
    const send = async (command: string, script: string) => textReply(await this.#send([command, script, ...rest], keys[0]));
    try {
      return await send("EVALSHA", await this.#digest);
    } catch (error) {
      if (errorCode(error) !== "NOSCRIPT") throw error;
      return send("EVAL", SCRIPT);
    }
  }
}

async function digestOf(script: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(script));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A reply that is a text, however the client is set to bring it. */
export function textReply(reply: unknown): string {
  if (typeof reply === "string") return reply;
  if (reply instanceof Uint8Array) return new TextDecoder().decode(reply);
  throw new Error("the reply is no text");
}

/** The code that an error reply of Redis begins with; nothing where the command may have been carried out. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error ? /^[A-Z]{2,}(?= |$)/.exec(error.message)?.[0] : undefined;
}
