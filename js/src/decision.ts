// What the gate says to a request. The JSON is the core's (`src/decision.rs`), the same on every host.
import type { ReasonCode } from "./codes.js";

/** What the gate says to a request. */
export type Decision = Allowed | Refused;

interface Common {
  /** A ULID. */
  readonly id: string;
  /** `ok`, or the code of the refusal, as `signature.expired`. On a `shadow` route also of one that is not enforced. */
  readonly code: "ok" | ReasonCode;
  /** The route that matched, as it was written. */
  readonly route?: string;
  /** The route only watches. */
  readonly shadow?: true;
  readonly agent?: Agent;
  readonly principal?: Principal;
  /** The token's actors, outermost first (RFC 8693 §4.1). */
  readonly delegation: readonly string[];
  /** What the agent was sent for, where the token says so. */
  readonly task?: Task;
  /** The token's scopes. */
  readonly scope: readonly string[];
  /** How fresh each answer was by which the token still is good; absent where nobody was asked. */
  readonly revocation?: readonly Freshness[];
  readonly evidence: readonly Evidence[];
  readonly guarantees: Guarantees;
  /** What was reserved of budgets, the innermost first; absent where nothing was. Say what became of it: `gate.settle`. */
  readonly budget?: readonly Budget[];
  readonly risk: Risk;
  /** Absent where nothing was counted. */
  readonly observed?: Observation;
  /** The fields to put on the response. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The request may go through. */
export interface Allowed extends Common {
  readonly outcome: "allow";
  readonly status: 200;
}

/** The request may not go through, or not yet. */
export interface Refused extends Common {
  readonly code: ReasonCode;
  /** `approve`: somebody must approve the request first. */
  readonly outcome: "challenge" | "deny" | "throttle" | "approve";
  /** The status to answer with. */
  readonly status: number;
  /** The body to answer with; its media type is in `headers`. */
  readonly problem: Problem;
}

/** The agent that sent the request, as far as it was proven. */
export interface Agent {
  /**
   * As registered, else the directory's URL (Web Bot Auth), the key set's URL and the key's thumbprint,
   * `shared-key:` and the key's name, the token's `client_id`, its `sub`, `certificate:` and the certificate's thumbprint.
   */
  readonly id: string;
  /** The profile of the signature, else how the token was proven. */
  readonly method: "web-bot-auth" | "tap" | "tap-deployed" | "agent-headers" | "rfc9421" | "dpop" | "mtls" | "token";
  /** The thumbprint (RFC 7638) of the key that it proved to hold; with `mtls` its certificate's (`x5t#S256`). */
  readonly key?: string;
  /** Who answers for it: as registered, else the origin of its directory. */
  readonly operator?: string;
  /** What it is for, as registered. */
  readonly purpose?: string;
}

/** Whom the agent acts for, by a verified token. */
export interface Principal {
  readonly iss: string;
  readonly sub?: string;
  readonly client_id?: string;
}

/** What the agent was sent for, by a verified token. */
export interface Task {
  readonly id?: string;
  /** The task that it came from. */
  readonly parent?: string;
  /** The identifier of the token that the token was derived from. */
  readonly parent_token?: string;
  /** Who delegated. */
  readonly delegator?: string;
  /** What for, in the issuer's words. */
  readonly purpose?: string;
}

/** One check that was made. */
export interface Evidence {
  readonly check: string;
  readonly result: "pass" | "fail" | "skipped";
  readonly code: "ok" | ReasonCode;
  readonly detail?: string;
}

/** How fresh an answer was when the decision was made by it. */
export interface Freshness {
  readonly source: string;
  readonly age_secs: number;
}

/** What the decision can promise. */
export interface Guarantees {
  /** `isolate`: this process accepts a proof once. */
  readonly replay: "exact" | "isolate" | "none";
  readonly rate: "exact" | "bounded" | "approximate" | "none";
  /** `exact`: from all requests of the key; `isolate`: from those that this process has seen. */
  readonly risk: "exact" | "isolate" | "none";
  /** `exact`: what the request may spend is reserved of each budget of the route; absent where it has none. */
  readonly budget?: "exact" | "none";
}

/** What was reserved of a budget, in minor units. */
export interface Budget {
  readonly name: string;
  readonly reserved: number;
  /** How much can still be reserved. */
  readonly remaining: number;
  readonly currency: string;
}

/** The agent's risk when the decision was made. */
export interface Risk {
  /** 0 to 100. */
  readonly score: number;
  readonly level: "low" | "medium" | "high";
  /** The codes of the signals that add to it, the largest first. */
  readonly reasons: readonly string[];
  /** Of the weights. */
  readonly version: number;
  /** What would have been done about it, where risk is only watched. */
  readonly would?: "throttle" | "challenge" | "approve" | "deny" | "break";
}

/** What was observed of a request, and of whom: all that its score was made from. */
export interface Observation {
  /** A digest of who it was, or `unidentified`. */
  readonly subject: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** How many requests it stands for, where that is not one. */
  readonly requests?: number;
  /** How often each signal was there. */
  readonly incidents?: Readonly<Record<string, number>>;
  /** A digest of what was asked for. */
  readonly resource?: string;
  /** A digest of the network that it came from. */
  readonly network?: string;
  readonly country?: string;
  /** Degrees north and east, whole. */
  readonly place?: readonly [number, number];
  /** Minor units. */
  readonly amount?: number;
  /** How many actors stand between the person and the request. */
  readonly depth?: number;
}

/** A refusal for the client (RFC 9457), as much of it as `disclosure` allows. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** The decision's `id`. */
  readonly decision: string;
  readonly code?: ReasonCode;
  readonly evidence?: readonly Evidence[];
  readonly guarantees?: Guarantees;
  /** Why a signature does not hold, with `disclosure = "explain"`. */
  readonly explanation?: Explanation;
}

/** What was signed, as the gate expected it, and what the signer did otherwise. */
export interface Explanation {
  /** The signature base, without the values of fields that carry credentials. */
  readonly base?: string;
  /** The base under which the signature does hold: what the signer apparently signed, where that can be told. */
  readonly signed?: string;
  readonly hint?: { readonly code: string; readonly text: string };
}
