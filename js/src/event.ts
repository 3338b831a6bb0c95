// What the gate would tell the origin. The JSON is the core's (`src/event/`), the same on every host.
import { platform } from "#platform";
import { tellSafely } from "./told.js";
import type { CoreGate, CoreMemory } from "./wasm.js";

/**
 * The claims of a Security Event Token (RFC 8417). The same event has the same `jti`, however often it is told. How many
 * requests were refused is told by subject, reason and minute, some ten seconds after the first of them.
 */
export interface SecurityEvent {
  /** The first of the gate's `public_origins`. */
  readonly iss: string;
  /** The gate's `origin`. */
  readonly aud: string;
  /** When it happened, in seconds since 1970. */
  readonly iat: number;
  readonly jti: string;
  /** The id of the decision that it happened with. */
  readonly txn: string;
  /** Whom it is about (RFC 9493). */
  readonly sub_id: { readonly format: string; readonly [member: string]: unknown };
  /** One event: its name, a URI, and what it says. */
  readonly events: { readonly [name: string]: { readonly event_timestamp: number; readonly [member: string]: unknown } };
}

/** How long after counted refusals should have been told nobody is believed to be about to tell them, in milliseconds. */
const GRACE = 5_000;

/** Gives events to the caller. What the caller throws, or rejects with, is a line of the log. @internal */
export class EventTeller {
  readonly #gate: CoreGate;
  readonly #memory: CoreMemory;
  readonly #take: (event: SecurityEvent) => void;
  readonly #log: (line: string) => void;
  /** Until when, by `performance.now()`, somebody is about to tell what was refused. */
  #plannedUntil = 0;

  constructor(gate: CoreGate, memory: CoreMemory, take: (event: SecurityEvent) => void, log: (line: string) => void) {
    this.#gate = gate;
    this.#memory = memory;
    this.#take = take;
    this.#log = log;
  }

  /** The events of a decision, in JSON; and later how many requests were refused. `keep` keeps that alive. */
  tell(events: readonly string[], now: number, keep: (work: Promise<void>) => void): void {
    for (const event of events) this.#tell(event);
    if (this.#plannedUntil > performance.now()) return;
    const due = this.#memory.refusalsDue(now);
    if (due === undefined) return;
    this.#plannedUntil = performance.now() + due + GRACE;
    // Nobody has to wait for it to end the process.
    keep(new Promise((told) => platform.after(due, () => told(this.#tellRefusals()))));
  }

  #tellRefusals(): void {
    this.#plannedUntil = 0;
    for (const event of this.#memory.takeRefusals(this.#gate)) this.#tell(event);
  }

  #tell(event: string): void {
    tellSafely(this.#take, (error) => this.#log(`the taker of events failed: ${String(error)}`), JSON.parse(event) as SecurityEvent);
  }
}
