// What middleware does on `node:http` and `node:http2`, whatever the framework is.
import { clientOf, type ClientDescriptor } from "../client.js";
import type { Decision } from "../decision.js";
import type { RequestDescriptor } from "../request.js";
import type { Served } from "../serve.js";
import { errorTaker } from "../told.js";
import { answerOf } from "./answer.js";
import { Proxies } from "./forwarded.js";
import { awaitsContinue, fieldLines, fieldOf, hasBody, type Incoming, stripOwnFields, targetOf } from "./incoming.js";
import { checkMiddleware, type GuardingGate, type MiddlewareOptions } from "./options.js";
import { PublicOrigins } from "./origins.js";
import { isOver, onAnswer, type Outgoing, stripCorsFields, writeAnswer } from "./outgoing.js";
import { PeekedBody } from "./peek.js";
import { urlOf } from "./target.js";

/** Let in, to be answered with this, or nobody is there any more. */
export type Verdict = { readonly decision: Decision } | { readonly answer: Served } | "over";

/** A request, and the other end of its connection. */
export interface Described {
  readonly request: RequestDescriptor;
  readonly client: ClientDescriptor;
}

/** Who stands at the door of a server. `Request` is what its options are told of. */
export class Door<Request> {
  readonly #gate: GuardingGate;
  readonly #options: MiddlewareOptions<Request>;
  readonly #origins: PublicOrigins;
  readonly #proxies: Proxies | undefined;

  /** Throws a `CountersignError` with the code `options.invalid`. */
  constructor(gate: GuardingGate, options: MiddlewareOptions<Request>) {
    checkMiddleware(gate, options);
    this.#gate = gate;
    this.#options = options;
    this.#origins = new PublicOrigins(gate.publicOrigins);
    this.#proxies = options.trustProxy === undefined ? undefined : new Proxies(options.trustProxy);
  }

  /** Decides, and writes what is to be said. Gives the decision where the request may go on to its handler. */
  async admit(request: Incoming, response: Outgoing, outer: Request): Promise<Decision | undefined> {
    const verdict = await this.decide(request, response, outer);
    if (verdict === "over") return undefined;
    if ("decision" in verdict) return verdict.decision;
    await writeAnswer(request, response, verdict.answer);
    return undefined;
  }

  /** Decides. What is let in is ready for its handler: without forged fields, with the response watched. */
  async decide(request: Incoming, response: Outgoing, outer: Request): Promise<Verdict> {
    const earlier = decisions.get(request)?.get(this.#gate);
    // Mounted twice: the second time each proof would be a replay.
    if (earlier !== undefined) return { decision: earlier };
    const { request: descriptor, client: known } = this.describe(request);
    const served = this.#gate.serve(descriptor);
    if (served !== undefined) return this.#answer(response, served);
    const goOn = goOnce(request, response);
    const body = hasBody(request) ? new PeekedBody(request, this.#gate.maxBodyBytes, goOn) : null;
    const client = await this.#client(known, outer);
    const decision = await this.#gate.check({ ...descriptor, body }, { client });
    if (body?.fault !== undefined) throw body.fault;
    await this.#options.onDecision?.(decision, outer);
    if (decision.outcome !== "allow") return isOver(response) ? "over" : this.#answer(response, answerOf(decision));
    if (isOver(response)) {
      await this.#gate.settle(decision, "not sent");
      return "over";
    }
    goOn();
    stripOwnFields(request);
    decisions.set(request, (decisions.get(request) ?? new Map<object, Decision>()).set(this.#gate, decision));
    onAnswer(response, { fields: decision.headers, hasCors: this.#gate.hasCors }, (answer) => {
      void this.#gate.settle(decision, answer ?? "lost").catch(errorTaker(this.#options.onError));
    });
    return { decision };
  }

  /** An answer of the gate's own, on a response that others may have put fields on before it was asked. */
  #answer(response: Outgoing, answer: Served): Verdict {
    if (this.#gate.hasCors) stripCorsFields(response);
    return { answer };
  }

  /** Answers a turn later, also where there is nothing to ask: by then an empty body in chunks has been seen to end. */
  async #client(known: ClientDescriptor, outer: Request): Promise<ClientDescriptor> {
    return this.#options.client === undefined ? known : this.#options.client(outer, known);
  }

  /** What there is to see of a request, without its body. */
  describe(request: Incoming): Described {
    const { authority, path, own } = targetOf(request);
    const forwarded = this.#proxies?.forwarded(request.socket.remoteAddress, (name) => fieldOf(request, name));
    const named = forwarded?.authority ?? authority;
    const scheme = forwarded?.scheme ?? this.#origins.schemeOf(named, own);
    return {
      request: { method: request.method ?? "", url: urlOf(scheme, named, path), headers: fieldLines(request) },
      // A certificate behind a proxy is the proxy's.
      client: forwarded === undefined ? clientOf(request.socket) : { address: forwarded.address },
    };
  }
}

/** What was decided on a request, by the gate. */
const decisions = new WeakMap<Incoming, Map<object, Decision>>();

/** Tells the client once that it may send the body, where nobody has yet. */
function goOnce(request: Incoming, response: Outgoing): () => void {
  // Servers say so themselves, unless somebody wants to be asked.
  let isSaid = !awaitsContinue(request) || !hearsExpectations(request);
  return () => {
    if (!isSaid && !isOver(response)) response.writeContinue();
    isSaid = true;
  };
}

function hearsExpectations({ socket }: Incoming): boolean {
  const server: unknown = Reflect.get(socket, "server");
  if (typeof server !== "object" || server === null || !("listenerCount" in server)) return false;
  return typeof server.listenerCount === "function" && server.listenerCount("checkContinue") > 0;
}
