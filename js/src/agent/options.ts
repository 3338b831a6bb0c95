// What an agent is made of, checked once: what is unknown or contradicts itself is refused, not guessed at.
import { pause } from "./abort.js";
import type { DigestAlgorithm } from "./body.js";
import { type Component, isSame, parseComponent } from "./components.js";
import type { Exchange } from "./exchange.js";
import { fail } from "./fail.js";
import type { AgentKey } from "./key.js";
import { isSecure, parseOrigins } from "./origins.js";
import { type AgentProfile, PROFILES, type Profile } from "./profiles.js";
import type { TokenSource } from "./tokens.js";

/** Names of the fields of the plain header scheme. */
export interface HeaderNames {
  /** Default: `Agent-ID`. */
  readonly agent?: string;
  /** Default: `Timestamp`. */
  readonly timestamp?: string;
  /** Default: `Signature`. */
  readonly signature?: string;
}

/** Who the agent is, and how it behaves. */
export interface AgentOptions {
  /** Signs requests, and DPoP proofs unless `dpop` is another key. Without it requests are not signed. */
  readonly key?: AgentKey;
  /** Default: `web-bot-auth` where there is a `signatureAgent`, else `rfc9421`. */
  readonly profile?: AgentProfile;
  /** The https URL of the agent's keys: the origin of its directory, or the key set itself (`web-bot-auth`). */
  readonly signatureAgent?: string;
  /**
   * How `Signature-Agent` names it: as a member of a Dictionary, or as the String of the first deployments, which is an
   * origin. Default: `dictionary`.
   */
  readonly signatureAgentForm?: "dictionary" | "string";
  /** The name under which the agent is registered (`agent-headers`). */
  readonly agentId?: string;
  /** The fields of `agent-headers`, where a server has other ones. */
  readonly headerNames?: HeaderNames;
  /** What signatures are for: `agent-browser-auth` (default) or `agent-payer-auth` for `tap`; any or none for `rfc9421`. */
  readonly tag?: string;
  /**
   * What is covered, in order: `@method`, `content-type`, or an identifier in full, `"x";key="a"`. A field that is not
   * there is an error, but for `content-digest`, `authorization` and `dpop`, which are covered where they are. What the
   * profile demands is covered in any case.
   * Default: `@method`, `@authority`, `@path`, `@query` where there is one, `content-digest`, `authorization`, `dpop`.
   */
  readonly components?: readonly string[];
  /** Seconds until a signature expires, 1 to 86400 (480 for `tap`). Default: 60. */
  readonly expiresIn?: number;
  /** Whether each signature has a nonce, so that a verifier can see to it that it passes once. Default: `true`. */
  readonly nonce?: boolean;
  /** Whether signatures state their algorithm. Default: only where the profile demands it. */
  readonly alg?: boolean;
  /** The algorithm of `Content-Digest` (RFC 9530), `false` for none. Default: `sha-256`. */
  readonly contentDigest?: DigestAlgorithm | false;
  /**
   * What becomes of a body that is a stream, which has no digest before its end: `buffer` reads it first, up to
   * `maxBufferedBytes`, so that it is digested and can be sent again; `refuse` throws; `unsigned` sends it without a
   * digest, once. A `Request`'s body is a stream. Default: `buffer`.
   */
  readonly streams?: "buffer" | "refuse" | "unsigned";
  /** Most bytes of a stream, a Blob or a form that are kept for their digest. Default: 8 MiB, as much as a gate reads. */
  readonly maxBufferedBytes?: number;
  /** An access token, or who gives one. Nothing of it goes to origins other than `tokenOrigins`. */
  readonly token?: TokenSource;
  /**
   * The origins that get the token: `https`, or loopback; after a redirect from another origin, if that is one of them, too.
   * Needed where there is a token.
   */
  readonly tokenOrigins?: readonly string[];
  /**
   * The origins for which requests are signed. Default: whichever one a caller asks for, and of those that are redirected
   * to, the same origin and `tokenOrigins`. A redirect to another origin by one on no list has neither signed nor given a token.
   * Needed where a signature does not say whom it is for (`agent-headers`, `components` without `@authority` and `@target-uri`):
   * who gets one can use it at every server that knows the key.
   */
  readonly signedOrigins?: readonly string[];
  /**
   * Whether tokens go out with DPoP proofs (RFC 9449), or the key that makes these. A token that says `token_type` goes out
   * under that. Default: `true` where there is a `key`.
   */
  readonly dpop?: boolean | AgentKey;
  /**
   * What is done where a caller's `redirect` is `follow`: `sign` follows and signs anew, `refuse` throws, `platform` leaves
   * it to the platform, which repeats fields that were made for another URL. Browsers do not say where a redirect leads:
   * there `sign` refuses. Default: `sign`.
   */
  readonly redirects?: "sign" | "refuse" | "platform";
  /**
   * Whether a `Retry-After` (429, and 503 for GET, HEAD and OPTIONS) is waited for, once, and for how many seconds at most;
   * in one call, with all its redirects, for twice that. Default: 30.
   */
  readonly retry?: false | { readonly maxDelay?: number };
  /** Sends requests. Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch;
  /** The time in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
  /** Waits, for `Retry-After`. Default: a timer. */
  readonly pause?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** Is told of each request that was sent, for debugging. What it throws is nobody's. */
  readonly onExchange?: (exchange: Exchange) => void;
}

/** The options, each with its value. */
export interface Settings {
  readonly signing: Signing | undefined;
  readonly token: TokenSource | undefined;
  readonly tokenOrigins: ReadonlySet<string>;
  readonly signedOrigins: ReadonlySet<string> | undefined;
  /** Makes proofs. */
  readonly holder: AgentKey | undefined;
  readonly contentDigest: DigestAlgorithm | false;
  readonly streams: "buffer" | "refuse" | "unsigned";
  readonly maxBufferedBytes: number;
  readonly redirects: "sign" | "refuse" | "platform";
  /** Milliseconds; 0 waits for nothing. */
  readonly maxDelay: number | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly now: () => number;
  readonly pause: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  readonly onExchange: ((exchange: Exchange) => void) | undefined;
}

/** How requests are signed. */
export interface Signing {
  readonly key: AgentKey;
  readonly profile: Profile;
  readonly keyid: string;
  readonly tag: string | undefined;
  readonly components: readonly Component[];
  /** Whether `@query` is covered where there is none, too. Widely deployed verifiers have another value for that than RFC 9421 §2.2.7. */
  readonly coversNoQuery: boolean;
  readonly expiresIn: number;
  readonly nonce: boolean;
  readonly alg: boolean;
  readonly agent: { readonly url: string; readonly form: "dictionary" | "string" } | undefined;
  readonly plain: { readonly agentId: string; readonly names: Required<HeaderNames> } | undefined;
}

const NAMES: readonly (keyof AgentOptions)[] = [
  "key", "profile", "signatureAgent", "signatureAgentForm", "agentId", "headerNames", "tag", "components", "expiresIn", "nonce",
  "alg", "contentDigest", "streams", "maxBufferedBytes", "token", "tokenOrigins", "signedOrigins", "dpop", "redirects", "retry",
  "fetch", "now", "pause", "onExchange",
];

const DEFAULT_COMPONENTS = ["@method", "@authority", "@path", "@query", "content-digest", "authorization", "dpop"];

/** Throws a `CountersignError` with the code `agent.options_invalid`. */
export function parseOptions(options: AgentOptions): Settings {
  if (typeof options !== "object" || options === null) throw invalid("options are an object");
  knownMembers(options, NAMES, "option");
  const { key, token, dpop = true } = options;
  if (key === undefined && token === undefined) throw invalid("an agent has a key, a token, or both");
  if (key !== undefined) checkKey(key, "key");
  if (token !== undefined && typeof token !== "function") checkToken(token);
  if (token !== undefined && options.tokenOrigins === undefined) throw invalid("a token needs tokenOrigins: who gets it");
  if (token === undefined && options.tokenOrigins !== undefined) throw invalid("tokenOrigins are of a token, and there is none");
  if (typeof dpop !== "boolean") checkKey(dpop, "dpop");
  if (options.dpop === true && key === undefined) throw invalid("dpop needs a key");
  if (options.retry !== undefined && options.retry !== false) knownMembers(options.retry, ["maxDelay"], "member of retry");
  const signing = key && parseSigning(key, options);
  if (signing && !namesHost(signing) && options.signedOrigins === undefined) {
    throw invalid("signatures that do not cover @authority or @target-uri hold at every server: signedOrigins says who gets them");
  }
  return {
    signing,
    token,
    tokenOrigins: token === undefined ? new Set() : parseOrigins(options.tokenOrigins, "tokenOrigins"),
    signedOrigins: options.signedOrigins && parseOrigins(options.signedOrigins, "signedOrigins"),
    holder: dpop === true ? key : dpop === false ? undefined : dpop,
    contentDigest: oneOf(options.contentDigest ?? "sha-256", ["sha-256", "sha-512", false], "contentDigest"),
    streams: oneOf(options.streams ?? "buffer", ["buffer", "refuse", "unsigned"], "streams"),
    maxBufferedBytes: whole(options.maxBufferedBytes ?? 8 * 1024 * 1024, 0, Number.MAX_SAFE_INTEGER, "maxBufferedBytes"),
    redirects: oneOf(options.redirects ?? "sign", ["sign", "refuse", "platform"], "redirects"),
    maxDelay: options.retry === false ? undefined : whole(options.retry?.maxDelay ?? 30, 0, 3600, "retry.maxDelay") * 1000,
    // Looked up when it is needed, and called as the platform demands it: as nobody's method.
    fetch: callable(options.fetch, "fetch") ?? ((input, init) => globalThis.fetch(input, init)),
    now: callable(options.now, "now") ?? Date.now,
    pause: callable(options.pause, "pause") ?? pause,
    onExchange: callable(options.onExchange, "onExchange"),
  };
}

function parseSigning(key: AgentKey, options: AgentOptions): Signing {
  const { signatureAgent, agentId, headerNames, tag } = options;
  const name = options.profile ?? (signatureAgent === undefined ? "rfc9421" : "web-bot-auth");
  const profile = PROFILES[oneOf(name, ["web-bot-auth", "tap", "agent-headers", "rfc9421"], "profile")];
  const isPlain = profile.name === "agent-headers";
  if ((profile.name === "web-bot-auth") !== (signatureAgent !== undefined)) {
    throw invalid("signatureAgent is of the profile web-bot-auth, which needs it");
  }
  if (isPlain !== (agentId !== undefined) || (headerNames !== undefined && !isPlain)) {
    throw invalid("agentId is of the profile agent-headers, which needs it; headerNames are too");
  }
  if (!profile.algorithms.includes(key.algorithm)) {
    throw invalid(`the profile ${profile.name} has no signatures by ${key.algorithm} keys`);
  }
  if (isPlain && (options.components ?? tag ?? options.expiresIn ?? options.nonce ?? options.alg) !== undefined) {
    throw invalid("agent-headers signs the body and the time: it has no components and no parameters");
  }
  if (profile.nonce && options.nonce === false) throw invalid(`the profile ${profile.name} demands a nonce`);
  if (profile.alg && options.alg === false) throw invalid(`the profile ${profile.name} demands alg`);
  return {
    key,
    profile,
    // Directories have keys under their thumbprints.
    keyid: profile.name === "web-bot-auth" ? key.thumbprint : (key.kid ?? key.thumbprint),
    tag: parseTag(tag, profile),
    components: parseComponents(options.components ?? DEFAULT_COMPONENTS, profile),
    coversNoQuery: options.components !== undefined,
    expiresIn: whole(options.expiresIn ?? 60, 1, profile.maxWindow, "expiresIn"),
    nonce: flag(options.nonce, true, "nonce"),
    alg: flag(options.alg, profile.alg, "alg"),
    agent: signatureAgent === undefined ? undefined : parseAgent(signatureAgent, options.signatureAgentForm),
    plain: agentId === undefined ? undefined : { agentId: parseAgentId(agentId), names: parseHeaderNames(headerNames) },
  };
}

/** Whether a signature says which server it is for. */
function namesHost({ plain, components }: Signing): boolean {
  return !plain && components.some(({ name }) => name === "@authority" || name === "@target-uri");
}

function parseTag(tag: string | undefined, { name, tags }: Profile): string | undefined {
  if (tag === undefined) return tags[0];
  if (typeof tag !== "string" || !/^[\x20-\x7e]{1,256}$/.test(tag)) throw invalid("tag is printable ASCII, at most 256 characters");
  if (tags.length > 0 && !tags.includes(tag)) throw invalid(`the tag of the profile ${name} is ${tags.join(" or ")}`);
  return tag;
}

function parseComponents(list: readonly string[], profile: Profile): readonly Component[] {
  if (!Array.isArray(list)) throw invalid("components are a list");
  const components: Component[] = [];
  for (const text of [...list, ...profile.components]) {
    const component = typeof text === "string" ? parseComponent(text) : undefined;
    if (!component) throw invalid("components are those of requests (RFC 9421 §2), in lower case");
    const isOurs = component.name === "signature" || component.name === "signature-input" || component.name === "signature-agent";
    if (isOurs && component.member === undefined) throw invalid(`${component.name} changes with the signature: cover a member`);
    if (!components.some((other) => isSame(other, component))) components.push(component);
  }
  return components;
}

function parseAgent(text: string, form: AgentOptions["signatureAgentForm"] = "dictionary"): Signing["agent"] {
  oneOf(form, ["dictionary", "string"], "signatureAgentForm");
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url && isSecure(url) && url.username === "" && url.password === "" && url.hash === "" && url.href.length <= 2048;
  if (!url || !isPlain) throw invalid("signatureAgent is an https URL without user and fragment");
  const isOrigin = url.pathname === "/" && url.search === "";
  if (form === "string" && !isOrigin) throw invalid("as a String, signatureAgent is an origin");
  return { url: isOrigin ? url.origin : url.href, form };
}

function parseAgentId(agentId: string): string {
  if (typeof agentId === "string" && /^[\x21-\x2b\x2d-\x7e]{1,256}$/.test(agentId)) return agentId;
  throw invalid("agentId is printable ASCII without spaces and commas, at most 256 characters");
}

function parseHeaderNames(names: HeaderNames = {}): Required<HeaderNames> {
  knownMembers(names, ["agent", "timestamp", "signature"], "member of headerNames");
  const all = { agent: names.agent ?? "Agent-ID", timestamp: names.timestamp ?? "Timestamp", signature: names.signature ?? "Signature" };
  const values: string[] = Object.values(all);
  const areNames = values.every((name) => typeof name === "string" && /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(name));
  if (!areNames || new Set(values.map((name) => name.toLowerCase())).size !== 3) throw invalid("headerNames are three names of fields");
  return all;
}

function checkKey(key: AgentKey, name: string): void {
  const isKey =
    typeof key === "object" && key !== null && typeof key.sign === "function" &&
    typeof key.publicJwk === "object" && key.publicJwk !== null && typeof key.thumbprint === "string";
  if (!isKey) throw invalid(`${name} is an AgentKey: of generateKey, importKey, remoteKey or a store`);
  oneOf(key.algorithm, ["EdDSA", "ES256", "ES384", "PS256", "PS512", "RS256"], `the algorithm of ${name}`);
}

function checkToken(token: unknown): void {
  if (typeof token !== "string" || token === "") throw invalid("token is a text, or a function that gives one");
}

function knownMembers(object: object, names: readonly string[], what: string): void {
  if (typeof object !== "object" || object === null) throw invalid(`a ${what} is looked for in what is no object`);
  const unknown = Object.keys(object).find((name) => !names.includes(name));
  if (unknown !== undefined) throw invalid(`${JSON.stringify(unknown.slice(0, 40))} is no ${what}`);
}

function oneOf<const T>(value: unknown, values: readonly T[], name: string): T {
  const found = values.find((other) => other === value);
  if (found === undefined) throw invalid(`${name} is one of ${values.join(", ")}`);
  return found;
}

function whole(value: number, least: number, most: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw invalid(`${name} is a whole number from ${least} to ${most}`);
}

function flag(value: boolean | undefined, otherwise: boolean, name: string): boolean {
  if (value === undefined || typeof value === "boolean") return value ?? otherwise;
  throw invalid(`${name} is true or false`);
}

function callable<T>(value: T | undefined, name: string): T | undefined {
  if (value === undefined || typeof value === "function") return value;
  throw invalid(`${name} is a function`);
}

function invalid(message: string): Error {
  return fail("agent.options_invalid", message);
}
