/**
 * A gate in front of a Hono application, on Node, Workers, Bun and Deno.
 *
 * ```js
 * import { Hono } from "hono";
 * import { createGate } from "countersign";
 * import { countersign } from "countersign/hono";
 *
 * const app = new Hono();
 * app.use(countersign(createGate(config)));
 * app.get("/orders", (c) => c.json({ agent: c.var.countersign.agent?.id }));
 * ```
 *
 * @module
 */
import type { Decision } from "./decision.js";
import type { OriginAnswer } from "./gate.js";
import { answerOf, errorOf } from "./middleware/answer.js";
import { BUDGET_FIELD, isCorsField, isOwnField, mergeVary } from "./middleware/fields.js";
import { Proxies } from "./middleware/forwarded.js";
import { isMuchToCome, outgoingOf, SeenRequest } from "./middleware/fetched.js";
import { checkMiddleware, type GuardingGate, type MiddlewareOptions } from "./middleware/options.js";
import { PublicOrigins } from "./middleware/origins.js";
import type { RequestFacts } from "./request.js";
import type { Served } from "./serve.js";
import { errorTaker } from "./told.js";

export type { ProxyTrust, TrustProxy } from "./middleware/forwarded.js";
export type { GuardingGate, MiddlewareOptions } from "./middleware/options.js";

/** @ts-ignore who has no Hono has none to tell of this */
declare module "hono" {
  interface ContextVariableMap {
    /** What the gate decided, where it was asked: `outcome` is `allow`, as others are answered by the gate. */
    countersign: Decision;
  }
}

/** What is needed of Hono's context. */
export interface GuardedContext {
  readonly req: { raw: Request };
  readonly res: Response;
  /** The bindings: on Node the request and response of `node:http`. */
  readonly env: unknown;
  header(name: string, value?: string): void;
  set(key: "countersign", value: Decision): void;
}

/** How an application is guarded. */
export type HonoOptions = MiddlewareOptions<GuardedContext>;

/** What `app.use` takes. */
export type HonoMiddleware = (context: GuardedContext, next: () => Promise<void>) => Promise<Response | undefined>;

/**
 * Middleware that answers what may not go through, and sets `countersign` to the decision of what may. It stands before whatever
 * reads bodies. What fails goes to `app.onError`.
 *
 * Of the client it knows what the runtime says: on Node its connection, on Workers `cf`. Elsewhere say it in `client`.
 */
export function countersign(gate: GuardingGate, options: HonoOptions = {}): HonoMiddleware {
  const guard = new HonoGuard(gate, options);
  return (context, next) => guard.answer(context, next).catch((thrown: unknown) => Promise.reject(errorOf(thrown)));
}

class HonoGuard {
  readonly #gate: GuardingGate;
  readonly #options: HonoOptions;
  readonly #origins: PublicOrigins;
  readonly #proxies: Proxies | undefined;

  constructor(gate: GuardingGate, options: HonoOptions) {
    checkMiddleware(gate, options);
    this.#gate = gate;
    this.#options = options;
    this.#origins = new PublicOrigins(gate.publicOrigins);
    this.#proxies = options.trustProxy === undefined ? undefined : new Proxies(options.trustProxy);
  }

  async answer(context: GuardedContext, next: () => Promise<void>): Promise<Response | undefined> {
    const passed = decisions.get(context.req)?.get(this.#gate);
    // Mounted twice: the second time each proof would be a replay.
    if (passed !== undefined) return next().then(() => undefined);
    const seen = new SeenRequest(context.req.raw, context.env, this.#origins, this.#proxies);
    const served = this.#gate.serve(seen.descriptor);
    if (served !== undefined) return this.#answerWith(context, served);
    const client = this.#options.client === undefined ? seen.client : await this.#options.client(context, seen.client);
    const waitUntil = waitUntilOf(context);
    const decision = await this.#gate.check(seen.descriptor, { client, ...(waitUntil && { waitUntil }) });
    if (seen.fault !== undefined) throw seen.fault;
    await this.#options.onDecision?.(decision, context);
    if (decision.outcome !== "allow") return this.#answerWith(context, answerOf(decision));
    if (outgoingOf(context.env)?.destroyed === true) {
      await this.#gate.settle(decision, "not sent");
      return new Response(null, { status: 503 });
    }
    stripOwnFields(context, seen);
    decisions.set(context.req, (decisions.get(context.req) ?? new Map<object, Decision>()).set(this.#gate, decision));
    context.set("countersign", decision);
    await this.#handle(context, next, decision, { ...(waitUntil && { waitUntil }) });
    return undefined;
  }

  /** An answer of the gate's own. Hono puts on it what others have said before: over what it says itself. */
  #answerWith(context: GuardedContext, served: Served): Response {
    const response = responseOf(served);
    // The server soon closes a connection with an unread body: what the client sent next on it would be lost.
    if (isMuchToCome(context.env)) response.headers.set("connection", "close");
    if (!this.#gate.hasCors) return response;
    stripCorsFields(context);
    const [earlier, vary] = [context.res.headers.get("vary"), response.headers.get("vary")];
    if (earlier !== null && vary !== null) context.header("vary", mergeVary(earlier, vary));
    return response;
  }

  async #handle(context: GuardedContext, next: () => Promise<void>, decision: Decision, facts: RequestFacts): Promise<void> {
    const settle = (answer: OriginAnswer) =>
      void this.#gate.settle(decision, answer, facts).catch(errorTaker(this.#options.onError));
    try {
      await next();
    } catch (error) {
      settle("lost");
      throw error;
    }
    const { status, headers } = context.res;
    settle({ status, budget: headers.get(BUDGET_FIELD) ?? undefined });
    // To change one that switches protocols would cut its socket off.
    if (status === 101) return;
    if (headers.has(BUDGET_FIELD)) context.header(BUDGET_FIELD, undefined);
    if (this.#gate.hasCors) stripCorsFields(context);
    for (const [name, value] of Object.entries(decision.headers)) {
      const present = name.toLowerCase() === "vary" ? headers.get(name) : null;
      context.header(name, present === null ? value : mergeVary(present, value));
    }
  }
}

type WaitUntil = NonNullable<RequestFacts["waitUntil"]>;

/** What was decided on a request, by the gate. */
const decisions = new WeakMap<object, Map<object, Decision>>();

function responseOf({ status, headers, body }: Served): Response {
  return new Response(body, { status, headers: { ...headers } });
}

/** Takes away what only a gate may say, wherever handlers look for it. */
function stripOwnFields({ req }: GuardedContext, seen: SeenRequest): void {
  seen.stripOwnFields();
  const names = [...req.raw.headers.keys()].filter(isOwnField);
  if (names.length === 0) return;
  try {
    for (const name of names) req.raw.headers.delete(name);
  } catch {
    // Some runtimes let nobody change what came from outside.
    const kept = [...req.raw.headers].filter(([name]) => !isOwnField(name));
    req.raw = new Request(req.raw, { headers: kept });
  }
}

/** Takes away what others have said of which pages see the answer. */
function stripCorsFields(context: GuardedContext): void {
  for (const name of [...context.res.headers.keys()].filter(isCorsField)) context.header(name, undefined);
}

/** What keeps work going after the response, where the runtime has such a thing: to ask where there is none throws. */
function waitUntilOf(context: GuardedContext): WaitUntil | undefined {
  try {
    const execution: unknown = Reflect.get(context, "executionCtx");
    if (typeof execution !== "object" || execution === null || !("waitUntil" in execution)) return undefined;
    const { waitUntil } = execution;
    return typeof waitUntil === "function" ? (work) => void Reflect.apply(waitUntil, execution, [work]) : undefined;
  } catch {
    return undefined;
  }
}
