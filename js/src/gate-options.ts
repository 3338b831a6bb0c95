// What a gate is made of: a configuration, and what its host brings for it. Whatever is missing or unknown is refused here,
// before there is a gate.
import type { AgentsReader, DenyListReader } from "./agents.js";
import { CountersignError } from "./error.js";
import type { SecurityEvent } from "./event.js";
import { checkFunction, checkOptions, type Names } from "./names.js";
import { invalid, jsonOf } from "./options.js";
import type { Stores } from "./stores.js";
import { Gate } from "./wasm.js";

/** What a gate takes from its host. */
export interface GateOptions {
  /**
   * Fetches key sets. Default: a client that connects to public addresses only where an agent chose the name. A `fetch`
   * of yours must see to that itself: agents name URLs below the origins that `signatures.trust` lists.
   */
  readonly fetch?: typeof globalThis.fetch;
  /** Takes lines on what cannot be used or reached, and why: key sets, metadata, status lists, introspection. Default: nobody. */
  readonly log?: (line: string) => void;
  /** The time in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
  /**
   * Reads the registry of agents as the Worker publishes it in its store under `agents`, where the configuration has
   * `[admin]`. Default: from `stores.documents`. It is read anew every 30 seconds; a document that was published more than 10 minutes ago is a failure. Without it such a gate refuses what the registry must be asked for.
   */
  readonly agents?: AgentsReader;
  /**
   * Reads the deny list as the Worker publishes it in its store under `denials`, where the configuration has `[admin]`.
   * Default: from `stores.documents`. It is read anew every 30 seconds; a document that was published more than 10 minutes ago is a failure. Without it such a
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
  /** What the gate keeps outside of its own memory: `memoryStores()` for one process. Default: nothing. */
  readonly stores?: Stores;
  /** Takes security events, as the claims of tokens. Nothing here delivers them; the Worker does. Default: nobody. */
  readonly events?: (event: SecurityEvent) => void;
}

const OPTIONS: Names<GateOptions> = {
  fetch: true,
  log: true,
  now: true,
  agents: true,
  denyList: true,
  sharedKeys: true,
  nonceSecrets: true,
  issuerCredentials: true,
  stores: true,
  events: true,
};

const STORES: Names<Stores> = { state: true, documents: true, floods: true };

/** Throws where an option is none, or not what it must be. @internal */
export function checkGateOptions(options: GateOptions): void {
  checkOptions(options, OPTIONS, "options of a gate");
  for (const name of ["fetch", "log", "now", "agents", "denyList", "events"] as const) checkFunction(options[name], name);
  if (options.stores === undefined) return;
  checkOptions(options.stores, STORES, "stores");
  const { state, documents, floods } = options.stores;
  checkFunction(state, "stores.state");
  if (documents !== undefined) {
    checkFunction(documents?.get ?? null, "stores.documents.get");
    checkFunction(documents?.put ?? null, "stores.documents.put");
  }
  if (floods !== undefined && (typeof floods !== "object" || floods === null)) throw invalid("options.invalid", "stores.floods is an object");
}

/** The gate of a configuration, with what its host has for it. @internal */
export function coreGate(config: string | object, options: GateOptions): Gate {
  const { sharedKeys, nonceSecrets, issuerCredentials, stores } = options;
  const fault = (message: string, cause?: unknown) => new CountersignError("config.invalid", message, { cause });
  let gate: Gate;
  try {
    gate = new Gate(configText(config));
    if (sharedKeys !== undefined) gate = gate.withSharedKeys(text(sharedKeys, "sharedKeys"));
    if (nonceSecrets !== undefined) gate = gate.withNonceSecrets(text(nonceSecrets, "nonceSecrets"));
    if (issuerCredentials !== undefined) gate = gate.withIssuerCredentials(text(issuerCredentials, "issuerCredentials"));
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
  const state = stores?.state;
  if (gate.needsSubjects && state === undefined) {
    throw fault('a route has replay = "exact", budgets or a limit with store = "durable-object", and there is no state to keep it in: give stores');
  }
  const shield = gate.floodBindings.find((name) => typeof stores?.floods?.[name]?.limit !== "function");
  if (shield !== undefined) {
    throw fault(`a limit has store = "binding", and there is no ${shield} in floods of the stores; outside of Cloudflare Workers write "durable-object" or "kv"`);
  }
  return state === undefined ? gate : gate.withSubjects();
}

/** The text of a configuration, and not what is often taken for one. */
function configText(config: string | object): string {
  if (config instanceof Uint8Array) throw new Error('the configuration is bytes; read it as text: readFile(path, "utf8")');
  if (typeof config === "string" && /^[^\n={[]+\.(?:toml|json)\s*$/i.test(config)) {
    throw new Error('the configuration looks like the name of a file; give what is in it: readFile(path, "utf8")');
  }
  return text(config, "the configuration");
}

/** The text of a document; of an object, its JSON. */
function text(document: string | object, name: string): string {
  if (typeof document === "string") return document;
  if (typeof document !== "object" || document === null) throw new Error(`${name} is a text or an object`);
  return jsonOf(document, (cause) => new Error(`${name} cannot be written as JSON`, { cause }));
}
