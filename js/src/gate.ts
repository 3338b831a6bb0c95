import { setTimeout as pause } from "node:timers/promises";
import { type AgentsHost, type AgentsReader, bringAgents, bringDenials, type DenyListReader } from "./agents.js";
import { ImportedKeys } from "./checks.js";
import { coreClient } from "./client.js";
import type { Decision, Problem } from "./decision.js";
import { CountersignError } from "./error.js";
import { EventTeller, type SecurityEvent } from "./event.js";
import { entropy } from "./entropy.js";
import { bringAnswers } from "./inquiries.js";
import { askWith, bringKeys, type Host } from "./keys.js";
import { ask as askSubjects, memoryState, type StateHost } from "./state.js";
import { type Facts, factsOf, type RequestDescriptor } from "./request.js";
import { type Served, type ServedRequest, serveWith } from "./serve.js";
import { Gate as CoreGate, Memory, Session, settlement, type Step } from "./wasm.js";

/** How long a request waits before it looks again whether another has fetched what it needs, in milliseconds. */
const PATIENCE = 10;

/** What a gate takes from its host. */
export interface GateOptions {
  /**
   * Fetches key sets. Default: a client that connects to public addresses only where an agent chose the name. A `fetch`
   * of yours must see to that itself: agents name URLs below the origins that `signatures.trust` lists.
   */
  readonly fetch?: typeof globalThis.fetch;
  /** Takes lines on key sets that cannot be used, and why. Default: nobody. */
  readonly log?: (line: string) => void;
  /** The time in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
  /**
   * Reads the registry of agents as the Worker publishes it in its store under `agents`, where the configuration has
   * `[admin]`. It is read anew every 30 seconds; a document that was published more than 10 minutes ago is a failure. Without it such a gate refuses what the registry must be asked for.
   */
  readonly agents?: AgentsReader;
  /**
   * Reads the deny list as the Worker publishes it in its store under `denials`, where the configuration has `[admin]`. It
   * is read anew every 30 seconds; a document that was published more than 10 minutes ago is a failure. Without it such a
   * gate refuses every request that brings a proof: what is denied in `[revocation]` alone needs no reader.
   */
  readonly denyList?: DenyListReader;
  /** The secrets shared with clients that sign with `hmac-sha256`: a JWK Set of `oct` keys, each with a `kid`. */
  readonly sharedKeys?: string | object;
  /**
   * The secrets that make nonces, where a route has `dpop_nonce`: a text of 32 to 128 random bytes, or several, of which
   * the first makes nonces and all are accepted. All processes that answer for one origin share them.
   */
  readonly nonceSecrets?: string | readonly string[];
  /**
   * What the gate authenticates with at issuers that it asks about tokens (`[issuers.introspection]`): an object with a
   * member for each of them, under its `issuer`: `{ "client_secret": "…" }`, or a private JWK.
   */
  readonly issuerCredentials?: string | object;
  /**
   * Who keeps what is exact, where a route asks for it (`replay = "exact"`, `budget`): `"memory"` is the memory of this process, so
   * that it is exact for this one process alone. Other processes do not know of it, and a restart forgets it.
   */
  readonly state?: "memory";
  /** Takes security events, as the claims of tokens. Nothing here delivers them; the Worker does. Default: nobody. */
  readonly events?: (event: SecurityEvent) => void;
}

/** What the origin answered: its status and its field `Countersign-Budget`, nothing, or it was not even asked. */
export type OriginAnswer = { readonly status: number; readonly budget?: string | undefined } | "lost" | "not sent";

/** A gate in this process. */
export interface Gate {
  /** Decides on a request. Throws only where `request` describes none: a refusal is a decision. */
  check(request: RequestDescriptor | Request): Promise<Decision>;
  /**
   * Says what became of a request that was allowed, where its route has budgets: what was reserved for it is committed,
   * released or held. Without it the money stays held. Pass the decision that `check` gave, itself. Only the first word
   * on a decision counts.
   */
  settle(decision: Decision, answer: OriginAnswer): Promise<void>;
  /**
   * What this process has decided since the gate was made, as text of OpenMetrics 1.0
   * (`application/openmetrics-text; version=1.0.0; charset=utf-8`).
   */
  metrics(): string;
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

class InProcessGate implements Gate {
  readonly #host: Host & AgentsHost;
  readonly #state: StateHost | undefined;
  /** What is reserved for decisions, as long as somebody has them. */
  readonly #reservations = new WeakMap<Decision, string>();
  readonly #events: EventTeller | undefined;

  constructor(config: string | object, options: GateOptions) {
    const { fetch, log = () => {}, now = Date.now, agents, denyList } = options;
    const [seed = 0] = crypto.getRandomValues(new Uint32Array(1));
    const core = { gate: coreGate(config, options), memory: new Memory(seed) };
    core.memory.countFor(core.gate);
    this.#host = { ...core, imported: new ImportedKeys(), ask: askWith(fetch), log, now, agents, denyList };
    this.#state = options.state === "memory" ? memoryState(now) : undefined;
    const { events } = options;
    this.#events = events && new EventTeller(core.gate, core.memory, events, log);
  }

  async check(request: RequestDescriptor | Request): Promise<Decision> {
    const facts = factsOf(request);
    const { gate, now } = this.#host;
    const { method, url, fields, hasBody } = facts;
    const client = coreClient(facts.client);
    const session = new Session(gate, method, url, fields.text, fields.lengths, hasBody, now(), entropy(), client);
    try {
      return await this.#decide(session, facts);
    } finally {
      session.free();
    }
  }

  metrics(): string {
    return this.#host.memory.metrics();
  }

  serve(request: ServedRequest | Request): Served | undefined {
    return serveWith(this.#host.gate, request);
  }

  get hasCors(): boolean {
    return this.#host.gate.hasCors;
  }

  async #decide(session: Session, facts: Facts): Promise<Decision> {
    const { memory, now } = this.#host;
    const began = performance.now();
    let next: Step = session.step(memory, now());
    while (next.step !== "done") {
      const { step } = next;
      const asked = performance.now();
      next = await this.#answer(session, next, facts);
      memory.countStep(step, performance.now() - asked);
    }
    memory.countStep("decision", performance.now() - began);
    // After the decision, so that no request waits for what only later ones need.
    if (next.refresh.length > 0) void bringKeys(this.#host, next.refresh);
    if (next.refreshAgents) void bringAgents(this.#host);
    if (next.refreshDenials) void bringDenials(this.#host);
    if (next.inquiries.length > 0) void bringAnswers(this.#host, next.inquiries);
    if (next.after.length > 0) void askSubjects(this.#state, next.after);
    this.#events?.tell(next.events, now());
    const decision = JSON.parse(next.decision) as Decision;
    if (next.reservations !== undefined) this.#reservations.set(decision, next.reservations);
    return next.problem === undefined ? decision : { ...decision, problem: JSON.parse(next.problem) as Problem } as Decision;
  }

  async settle(decision: Decision, answer: OriginAnswer): Promise<void> {
    const reservations = this.#reservations.get(decision);
    if (reservations === undefined) return;
    this.#reservations.delete(decision);
    const { status, budget } = typeof answer === "string" ? { status: undefined, budget: undefined } : answer;
    await askSubjects(this.#state, settlement(reservations, answer !== "not sent", status, budget));
  }

  /** Does what the session cannot do itself, and goes on. */
  #answer(session: Session, next: Exclude<Step, { step: "done" }>, facts: Facts): Step | Promise<Step> {
    const { memory, now } = this.#host;
    switch (next.step) {
      case "keys":
        return bringKeys(this.#host, next.sources).then(() => session.step(memory, now()));
      case "fetch":
        return bringAnswers(this.#host, next.inquiries).then(() => session.step(memory, now()));
      case "agents":
        return bringAgents(this.#host).then(() => session.step(memory, now()));
      case "denials":
        return bringDenials(this.#host).then(() => session.step(memory, now()));
      case "wait":
        return pause(PATIENCE).then(() => session.step(memory, now()));
      case "checks": {
        const verdicts = new Uint8Array(next.checks.map((check) => Number(this.#host.imported.verify(check))));
        return session.stepWithVerdicts(memory, now(), verdicts);
      }
      case "body":
        return this.#readBody(session, facts);
      case "state":
        return askSubjects(this.#state, next.calls).then((replies) => session.stepWithReplies(memory, now(), replies));
      case "flood":
        // No gate that needs a shield is made here; what cannot be asked is as the route says.
        return session.step(memory, now());
      case "limits":
        // This process is all that counts here, so that no store has anything to add.
        return session.stepWithCounts(memory, now(), []);
    }
  }

  async #readBody(session: Session, facts: Facts): Promise<Step> {
    const { gate, memory, now } = this.#host;
    const body = await facts.body(gate.maxBodyBytes);
    return typeof body === "string"
      ? session.stepWithoutBody(memory, now(), body === "too large")
      : session.stepWithBody(memory, now(), body);
  }
}

function coreGate(config: string | object, options: GateOptions): CoreGate {
  const { sharedKeys, nonceSecrets, issuerCredentials, state } = options;
  const fault = (message: string, cause?: unknown) => new CountersignError("config.invalid", message, { cause });
  let gate: CoreGate;
  try {
    gate = new CoreGate(text(config));
    if (sharedKeys !== undefined) gate = gate.withSharedKeys(text(sharedKeys));
    if (nonceSecrets !== undefined) gate = gate.withNonceSecrets(text(nonceSecrets));
    if (issuerCredentials !== undefined) gate = gate.withIssuerCredentials(text(issuerCredentials));
  } catch (cause) {
    throw fault((cause as Error).message, cause);
  }
  if (gate.needsSharedKeys && sharedKeys === undefined) {
    throw fault("a profile accepts hmac-sha256, and there are no sharedKeys");
  }
  if (gate.needsNonceSecrets) {
    throw fault("a route has dpop_nonce, and there are no nonceSecrets");
  }
  if (gate.needsIssuerCredentials && issuerCredentials === undefined) {
    throw fault("an issuer has [issuers.introspection], and there are no issuerCredentials");
  }
  if (state !== undefined && state !== "memory") {
    throw fault('state is "memory"');
  }
  if (gate.needsSubjects && state === undefined) {
    throw fault('a route has replay = "exact", budgets or a limit with store = "durable-object", and there is no state to keep it in');
  }
  if (gate.needsFloodShield) {
    throw fault('a limit has store = "binding", and there is none outside of Cloudflare Workers; write "durable-object" or "kv"');
  }
  return state === undefined ? gate : gate.withSubjects();
}

function text(document: string | object): string {
  return typeof document === "string" ? document : JSON.stringify(document);
}
