/**
 * A gate in front of a Fastify application.
 *
 * ```js
 * import Fastify from "fastify";
 * import { createGate } from "countersign";
 * import { countersign } from "countersign/fastify";
 *
 * const app = Fastify();
 * app.register(countersign(createGate(config)));
 * app.get("/orders", (request) => ({ agent: request.countersign.agent?.id }));
 * ```
 *
 * @module
 */
import { Readable } from "node:stream";
import type { Decision } from "./decision.js";
import { errorOf } from "./middleware/answer.js";
import { Door } from "./middleware/door.js";
import { isCorsField } from "./middleware/fields.js";
import type { Incoming } from "./middleware/incoming.js";
import type { GuardingGate, MiddlewareOptions } from "./middleware/options.js";
import { drained, isLong, type Outgoing } from "./middleware/outgoing.js";
import { isReceived } from "./middleware/peek.js";
import type { Served } from "./serve.js";

export type { ProxyTrust, TrustProxy } from "./middleware/forwarded.js";
export type { GuardingGate, MiddlewareOptions } from "./middleware/options.js";

/** @ts-ignore who has no Fastify has none to tell of this */
declare module "fastify" {
  interface FastifyRequest {
    /** What the gate decided, where it was asked: `outcome` is `allow`, as others are answered by the gate. */
    countersign: Decision;
  }
}

/** What is needed of a Fastify request. */
export interface GuardedRequest {
  readonly raw: object;
}

/** What is needed of a Fastify reply. */
export interface GuardedReply {
  readonly raw: object;
  code(status: number): unknown;
  header(name: string, value: string | number): unknown;
  getHeaders(): object;
  removeHeader(name: string): unknown;
  send(payload: Uint8Array | Readable): unknown;
  hijack(): unknown;
}

/** What is needed of a Fastify instance. */
export interface GuardedInstance {
  hasRequestDecorator(property: "countersign"): boolean;
  decorateRequest(property: "countersign", value: null): unknown;
  addHook(name: "onRequest", hook: (request: GuardedRequest, reply: GuardedReply) => Promise<unknown>): unknown;
}

/** How an application is guarded. */
export type FastifyOptions = MiddlewareOptions<GuardedRequest>;

/** What `app.register` takes. */
export type FastifyGuard = (instance: GuardedInstance) => Promise<void>;

/**
 * A plugin that answers what may not go through, before its body is parsed, and puts the decision at
 * `request.countersign` of what may. It holds for the instance that it is registered with, and for all that are made of that one
 * afterwards. What fails goes to the error handler.
 */
export function countersign(gate: GuardingGate, options: FastifyOptions = {}): FastifyGuard {
  const door = new Door(gate, options);
  const plugin: FastifyGuard = async (instance) => {
    // Registered twice it decides once.
    if (!instance.hasRequestDecorator("countersign")) instance.decorateRequest("countersign", null);
    instance.addHook("onRequest", async (request, reply) => {
      const [incoming, outgoing] = [request.raw as Incoming, reply.raw as Outgoing];
      const verdict = await door.decide(incoming, outgoing, request).catch((thrown: unknown) => Promise.reject(errorOf(thrown)));
      if (verdict === "over") return reply.hijack();
      if ("answer" in verdict) {
        if (gate.hasCors) stripCorsFields(reply);
        return answer(incoming, reply, verdict.answer);
      }
      Object.assign(request, { countersign: verdict.decision });
      return undefined;
    });
  };
  // By these symbols Fastify knows plugins that are for whoever registers them, and what they are called.
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "countersign",
    [Symbol.for("plugin-meta")]: { name: "countersign", fastify: ">=4" },
  });
}

/** Fastify keeps the fields of its own until it writes the head. */
function stripCorsFields(reply: GuardedReply): void {
  for (const name of Object.keys(reply.getHeaders()).filter(isCorsField)) reply.removeHeader(name);
}

function answer(request: Incoming, reply: GuardedReply, { status, headers, body }: Served): unknown {
  const bytes = Buffer.from(body ?? "");
  reply.code(status);
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  const isComing = !isReceived(request) && request.httpVersionMajor < 2;
  if (!isComing) {
    // The gate may have begun to read.
    request.resume();
    return reply.send(bytes);
  }
  reply.header("content-length", bytes.byteLength);
  if (isLong(request)) reply.header("connection", "close");
  return reply.send(Readable.from(unhurried(request, bytes)));
}

/** The answer, which ends when the client has had time to read it. */
async function* unhurried(request: Incoming, bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
  await drained(request);
}
