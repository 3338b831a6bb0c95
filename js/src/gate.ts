import { platform } from "#platform";
import { type AgentsHost, bringAgents, bringDenials } from "./agents.js";
import { askBy } from "./ask.js";
import { coreClient } from "./client.js";
import type { Decision, Problem } from "./decision.js";
import { Documents } from "./documents.js";
import { EventTeller } from "./event.js";
import { entropy } from "./entropy.js";
import { checkGateOptions, coreGate, type GateOptions } from "./gate-options.js";
import { bringAnswers } from "./inquiries.js";
import { bringKeys, type Host } from "./keys.js";
import { countsOf, floodsOf, tellLimits } from "./limits.js";
import { invalid, optionalText } from "./options.js";
import { verdictsOf } from "./platform.js";
import { checkFacts, type RequestDescriptor, type RequestFacts, type Viewed, viewOf } from "./request.js";
import { type Served, type ServedRequest, serveWith } from "./serve.js";
import { askSubjects } from "./state.js";
import type { Stores } from "./stores.js";
import { pause } from "./timing.js";
import { quietly } from "./told.js";
import { type Gate as CoreGate, isPublicAddress, type KeySource, Memory, Session, settlement, type Step, type SubjectCall } from "./wasm.js";

/** How long a request waits before it looks again whether another has fetched what it needs, in milliseconds. */
const PATIENCE = 10;
/** How long at the most: it doubles, so that many requests that wait long cost little. */
const MOST_PATIENCE = 160;

/** What the origin answered: its status and its field `Countersign-Budget`, nothing, or it was not even asked. */
export type OriginAnswer = { readonly status: number; readonly budget?: string | undefined } | "lost" | "not sent";

/** A gate in this process. */
export interface Gate {
  /** Decides on a request. Throws only where it, or what is known beside it, is described wrongly: a refusal is a decision. */
  check(request: RequestDescriptor | Request, facts?: RequestFacts): Promise<Decision>;
  /**
   * Says what became of a request that was allowed, where its route has budgets: what was reserved for it is committed,
   * released or held. Without it the money stays held. Pass the decision that `check` gave, itself. Only the first word
   * on a decision counts.
   */
  settle(decision: Decision, answer: OriginAnswer, facts?: RequestFacts): Promise<void>;
  /**
   * What this process has decided since the gate was made, as text of OpenMetrics 1.0
   * (`application/openmetrics-text; version=1.0.0; charset=utf-8`).
   */
  metrics(): string;
  /** The origins that it answers for, as configured: scheme, host, and the port where it is not the scheme's own. */
  readonly publicOrigins: readonly string[];
  /** Most bytes of a body that it reads, as configured (`max_body_bytes`). */
  readonly maxBodyBytes: number;
  /**
   * What the gate answers itself instead of deciding: metadata of resources (RFC 9728), and preflights where the
   * configuration has `[cors]`. Ask it before `check`, and write its answer as it is. Throws only where `request` describes
   * none.
   */
  serve(request: ServedRequest | Request): Served | undefined;
  /**
   * The configuration has `[cors]`. `decision.headers` then say which pages see an answer: take `Access-Control-*` of a
   * handler's own away before you put them on, and append `Vary` to a handler's own.
   */
  readonly hasCors: boolean;
}

/**
 * A gate of this configuration: a text in TOML or JSON, or the same document as an object. Throws a
 * `CountersignError` with the code `config.invalid`, whose message has a line for each fault, with its path.
 */
export function createGate(config: string | object, options: GateOptions = {}): Gate {
  return new InProcessGate(config, options);
}

type GateHost = Host & AgentsHost;

/** A step that asks for something. */
type Asking = Exclude<Step, { readonly step: "done" | "wait" }>;

/** What a gate has once it has to decide: on Workers there is no randomness before the first request. */
interface Deciding {
  readonly host: GateHost;
  readonly events: EventTeller | undefined;
}

class InProcessGate implements Gate {
  readonly #gate: CoreGate;
  readonly #options: GateOptions;
  readonly #stores: Stores;
  readonly #log: (line: string) => void;
  readonly #now: () => number;
  #deciding: Deciding | undefined;
  /** What is reserved for decisions, as long as somebody has them. */
  readonly #reservations = new WeakMap<Decision, string>();
  /** Decisions for which something was reserved, also when it is settled. */
  readonly #reserved = new WeakSet<Decision>();

  constructor(config: string | object, options: GateOptions) {
    checkGateOptions(options);
    this.#gate = coreGate(config, options);
    this.#options = options;
    this.#stores = options.stores ?? {};
    this.#log = quietly(options.log ?? (() => {}));
    this.#now = options.now ?? Date.now;
  }

  get publicOrigins(): readonly string[] {
    return this.#gate.publicOrigins;
  }

  get maxBodyBytes(): number {
    return this.#gate.maxBodyBytes;
  }

  async check(request: RequestDescriptor | Request, facts: RequestFacts = {}): Promise<Decision> {
    const viewed = viewOf(request);
    checkFacts(facts);
    const { method, url, fields, hasBody } = viewed;
    const client = coreClient(facts.client);
    const session = new Session(this.#gate, method, url, fields.text, fields.lengths, hasBody, this.#now(), entropy(), client);
    try {
      return await this.#decide(session, viewed, facts);
    } finally {
      session.free();
    }
  }

  metrics(): string {
    return this.#ready().host.memory.metrics();
  }

  serve(request: ServedRequest | Request): Served | undefined {
    return serveWith(this.#gate, request);
  }

  get hasCors(): boolean {
    return this.#gate.hasCors;
  }

  async settle(decision: Decision, answer: OriginAnswer, facts: RequestFacts = {}): Promise<void> {
    checkFacts(facts);
    const { status, budget } = answerOf(answer);
    const reservations = this.#reservations.get(decision);
    if (reservations === undefined) return this.#checkGiven(decision);
    this.#reservations.delete(decision);
    await this.#keep(facts, this.#askSubjects(settlement(reservations, answer !== "not sent", status, budget)));
  }

  /** A copy that somebody settles would leave the money held, and nobody would know. */
  #checkGiven(decision: Decision): void {
    if (typeof decision !== "object" || decision === null) throw invalid("options.invalid", "what is settled is a decision of check");
    if (decision.budget === undefined || this.#reserved.has(decision)) return;
    throw invalid("options.invalid", "the decision is a copy, or another gate's: settle takes the one that check gave, itself");
  }

  #ready(): Deciding {
    if (this.#deciding) return this.#deciding;
    const { fetch, agents, denyList, events } = this.#options;
    const { documents: store } = this.#stores;
    const [seed = 0] = crypto.getRandomValues(new Uint32Array(1));
    const [gate, log, now, memory] = [this.#gate, this.#log, this.#now, new Memory(seed)];
    memory.countFor(gate);
    if (store) memory.withStore();
    const host: GateHost = {
      gate,
      memory,
      documents: new Documents(store, log),
      imported: platform.keys(),
      ask: fetch ? askBy(fetch) : platform.client(isPublicAddress),
      agents: agents ?? (store && (() => store.get("agents"))),
      denyList: denyList ?? (store && (() => store.get("denials"))),
      log,
      now,
    };
    return (this.#deciding = { host, events: events && new EventTeller(gate, memory, events, log) });
  }

  async #decide(session: Session, viewed: Viewed, facts: RequestFacts): Promise<Decision> {
    const { host, events } = this.#ready();
    const { memory, now } = host;
    const began = performance.now();
    let patience = PATIENCE;
    let next: Step = session.step(memory, now());
    while (next.step !== "done") {
      const { step } = next;
      const asked = performance.now();
      if (step === "wait") {
        await pause(patience);
        patience = Math.min(2 * patience, MOST_PATIENCE);
        next = session.step(memory, now());
      } else {
        const answered = this.#answer(host, session, next, viewed, facts);
        // Waiting for what is there already would cost each request a turn.
        next = answered instanceof Promise ? await answered : answered;
      }
      memory.countStep(step, performance.now() - asked);
    }
    memory.countStep("decision", performance.now() - began);
    this.#after(host, next, facts);
    events?.tell(next.events, now(), (work) => this.#keep(facts, work));
    const decided = JSON.parse(next.decision) as Decision;
    const decision = next.problem === undefined ? decided : ({ ...decided, problem: JSON.parse(next.problem) as Problem } as Decision);
    if (decision.budget !== undefined) this.#reserved.add(decision);
    if (next.reservations !== undefined) this.#reservations.set(decision, next.reservations);
    return decision;
  }

  /** What is done after the decision, so that no request waits for what only later ones need. */
  #after(host: GateHost, done: Extract<Step, { step: "done" }>, facts: RequestFacts): void {
    const { memory, documents, now } = host;
    if (done.tell.length > 0) this.#keep(facts, tellLimits(memory, documents, done.tell, now));
    if (done.store) this.#keep(facts, documents.put([done.store]));
    if (done.refresh.length > 0) void this.#bringKeys(host, done.refresh, facts);
    if (done.refreshAgents) this.#keep(facts, bringAgents(host));
    if (done.refreshDenials) this.#keep(facts, bringDenials(host));
    if (done.inquiries.length > 0) this.#keep(facts, bringAnswers(host, done.inquiries));
    if (done.after.length > 0) this.#keep(facts, this.#askSubjects(done.after));
  }

  /** Does what the session cannot do itself, and goes on. */
  #answer(host: GateHost, session: Session, next: Asking, viewed: Viewed, facts: RequestFacts): Step | Promise<Step> {
    const { memory, documents, log, now } = host;
    const step = () => session.step(memory, now());
    switch (next.step) {
      case "keys":
        return this.#bringKeys(host, next.sources, facts).then(step);
      case "fetch":
        return this.#keep(facts, bringAnswers(host, next.inquiries)).then(step);
      case "agents":
        return this.#keep(facts, bringAgents(host)).then(step);
      case "denials":
        return this.#keep(facts, bringDenials(host)).then(step);
      case "checks": {
        const conclude = (verdicts: Uint8Array) => session.stepWithVerdicts(memory, now(), verdicts);
        const verdicts = verdictsOf(host.imported, next.checks);
        return verdicts instanceof Promise ? verdicts.then(conclude) : conclude(verdicts);
      }
      case "body":
        return this.#readBody(host, session, viewed);
      case "state":
        return this.#askSubjects(next.calls).then((replies) => session.stepWithReplies(memory, now(), replies));
      case "flood":
        return floodsOf(this.#stores.floods ?? {}, next.floods, log).then((said) => session.stepWithFloods(memory, now(), said));
      case "limits":
        return countsOf(documents, next.names).then((counts) => session.stepWithCounts(memory, now(), counts));
    }
  }

  /** Others wait for the keys too. What is to be stored of them nobody waits for. */
  #bringKeys(host: GateHost, sources: readonly KeySource[], facts: RequestFacts): Promise<unknown> {
    const brought = bringKeys(host, sources);
    this.#keep(facts, brought.then((stored) => host.documents.put(stored)));
    return brought;
  }

  #askSubjects(calls: readonly SubjectCall[]): Promise<string[]> {
    return askSubjects(this.#stores.state, calls, this.#now());
  }

  /** Has work go on where its request ends before it, as where the client goes away. */
  #keep<T>(facts: RequestFacts, work: Promise<T>): Promise<T> {
    const failed = (error: unknown) => this.#log(`countersign could not finish what it began: ${String(error)}`);
    const done = work.then(() => {}, failed);
    try {
      facts.waitUntil?.(done);
    } catch (error) {
      this.#log(`countersign cannot wait after the response: ${String(error)}`);
    }
    return work;
  }

  async #readBody({ memory, now }: Host, session: Session, viewed: Viewed): Promise<Step> {
    const body = await viewed.body(this.maxBodyBytes);
    return typeof body === "string"
      ? session.stepWithoutBody(memory, now(), body === "too large")
      : session.stepWithBody(memory, now(), body);
  }
}

/** What the core takes of an answer. Throws where it is none: what it would make of that, nobody meant. */
function answerOf(answer: OriginAnswer): { readonly status?: number; readonly budget?: string | undefined } {
  if (answer === "lost" || answer === "not sent") return {};
  const { status, budget } = Object(answer) as Partial<Exclude<OriginAnswer, string>>;
  if (status === undefined || !Number.isInteger(status) || status < 100 || status > 999) {
    throw invalid("options.invalid", 'an answer has a status, or is "lost" or "not sent"');
  }
  return { status, budget: optionalText(budget, "budget") };
}
