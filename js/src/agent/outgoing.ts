// A call of `fetch`, read as the platform reads it, before anything is added to it.
import { type Body, type BodyRules, takeBody } from "./body.js";
import { fail } from "./fail.js";

/** What `fetch` takes first. */
export type Input = string | URL | Request;

/** What is to be sent. */
export interface Outgoing {
  /** As the platform spells it: `get` is `GET`, `patch` stays. */
  readonly method: string;
  /** As it goes over the wire: normalised, without fragment. */
  readonly url: URL;
  /** The caller's fields, without those that the platform does not let through, with the type of the body. */
  readonly headers: Headers;
  readonly body: Body;
  readonly redirect: "follow" | "error" | "manual";
  readonly signal: AbortSignal | undefined;
  /** What else `fetch` is told: cache, credentials, mode, and what only one platform knows. */
  readonly rest: Omit<RequestInit, "body" | "headers" | "method" | "signal" | "redirect">;
}

/** What a `Request` says beside what is signed. Members that a platform lacks are left out. */
const OF_REQUEST = ["cache", "credentials", "integrity", "keepalive", "mode", "referrer", "referrerPolicy", "cf"] as const;

/** Reads what `fetch` is called with. `init` takes precedence, as there. */
export async function readOutgoing(input: Input, init: RequestInit, rules: BodyRules, keep: boolean): Promise<Outgoing> {
  const request = isRequest(input) ? input : undefined;
  const url = urlOf(request?.url ?? input);
  const { body: content, headers: fields, method: named, signal: abort, redirect: policy, ...others } = init;
  const rest = { ...(request && membersOf(request)), ...others };
  if (rest.mode === "no-cors") throw fail("agent.request_invalid", "a request in the mode no-cors cannot carry what is added");
  const method = methodOf(named ?? request?.method ?? "GET", url);
  const headers = headersOf(fields ?? request?.headers, url, method);
  const signal = (abort === undefined ? request?.signal : abort) ?? undefined;
  signal?.throwIfAborted();
  const { body, type } = await takeBody(content ?? (request && contentOf(request, keep)), rules, signal);
  if (body.kind !== "none" && (method === "GET" || method === "HEAD")) {
    throw fail("agent.request_invalid", `a ${method} has no body`);
  }
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
  return { method, url, headers, body, redirect: policy ?? request?.redirect ?? "follow", signal, rest };
}

/** Not by its class: other realms and other versions of a library have their own. */
function isRequest(input: Input): input is Request {
  return typeof input === "object" && "url" in input && "method" in input && "headers" in input;
}

function urlOf(input: string | URL | Request): URL {
  // The platform knows what a relative URL is relative to, if to anything.
  const text = attempt(() => new Request(String(input)).url, "what is fetched is no URL, or one with a user in it");
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw fail("agent.request_invalid", "only http and https are fetched");
  url.hash = "";
  // Some platforms send an empty query's question mark and some do not: it is not sent.
  if (url.search === "") url.search = "";
  return url;
}

function methodOf(method: string, url: URL): string {
  return attempt(() => new Request(url, { method }).method, "the method is not one that can be sent");
}

/** As the platform lets them through: browsers keep some to themselves. */
function headersOf(fields: RequestInit["headers"], url: URL, method: string): Headers {
  const init = fields === undefined ? { method } : { method, headers: fields };
  const { headers } = attempt(() => new Request(url, init), "the fields are not ones that can be sent");
  const own = new Headers(headers);
  // Browsers and Workers send the URL's in any case: so it is everywhere, and what is signed is what is sent.
  own.delete("host");
  return own;
}

function contentOf(request: Request, keep: boolean): unknown {
  if (request.bodyUsed) throw fail("agent.request_invalid", "the body of the request was read already");
  const hasNone = request.method === "GET" || request.method === "HEAD" || request.body === null;
  if (hasNone) return undefined;
  const read = keep ? request.clone() : request;
  // Where a platform does not show the stream, it still gives the bytes.
  return read.body ?? blobOf(read);
}

async function* blobOf(request: Request): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(await request.arrayBuffer());
}

function membersOf(request: Request): Omit<RequestInit, "body"> {
  const members = OF_REQUEST.map((name) => [name, Reflect.get(request, name)] as const);
  // A page's own navigation is repeated as an ordinary request.
  return Object.fromEntries(members.filter(([, value]) => value !== undefined && value !== "navigate"));
}

/** The platform's own words may repeat what was given, and that may be a secret. */
function attempt<T>(build: () => T, message: string): T {
  try {
    return build();
  } catch {
    throw fail("agent.request_invalid", message);
  }
}
