// A request as `node:http` and `node:http2` have it, also under the frameworks that pass it on.
import type { IncomingHttpHeaders } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { urlRewritten } from "./fault.js";
import { isOwnField } from "./fields.js";

/** What `IncomingMessage` and `Http2ServerRequest` have in common. */
export interface Incoming extends Readable {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** What the client sent, where a framework has changed `url`: routers that are mounted at a path, rewriting. */
  readonly originalUrl?: unknown;
  /** What a router has cut off of it, in Express. */
  readonly baseUrl?: unknown;
  readonly httpVersionMajor: number;
  readonly rawHeaders: string[];
  readonly headers: IncomingHttpHeaders;
  /** What frameworks inject has none. */
  readonly rawTrailers?: string[];
  readonly complete: boolean;
  readonly socket: Socket;
  /** Of HTTP/2 alone. */
  readonly stream?: ServerHttp2Stream;
}

/** The field lines, in the order received. */
export function fieldLines(request: Incoming): [name: string, value: string][] {
  const { rawHeaders } = request;
  const lines: [string, string][] = [];
  const cookies: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = [rawHeaders[at], rawHeaders[at + 1]];
    // Not fields, but how HTTP/2 has the method and the target.
    if (name.startsWith(":")) continue;
    // It also may split this one field, to be joined again (RFC 9113 §8.2.3).
    if (request.httpVersionMajor >= 2 && name.toLowerCase() === "cookie") cookies.push(value);
    else lines.push([name, value]);
  }
  if (cookies.length > 0) lines.push(["cookie", cookies.join("; ")]);
  return lines;
}

/** All lines of a field, joined. */
export function fieldOf(request: Incoming, name: string): string | undefined {
  const values = valuesOf(request, name);
  return values.length === 0 ? undefined : values.join(", ");
}

/** Where a request was sent. */
export interface Target {
  /** Empty where there is none, or more than one: no gate has such an authority. */
  readonly authority: string;
  /** With the query. */
  readonly path: string;
  /** The scheme of the connection. */
  readonly own: "http" | "https";
}

/** Where a request was sent, by what the client sent and the connection is. Throws where handlers get another path. */
export function targetOf(request: Incoming): Target {
  const own = "encrypted" in request.socket && request.socket.encrypted === true ? "https" : "http";
  const { originalUrl, url = "", baseUrl } = request;
  const target = typeof originalUrl === "string" ? originalUrl : url;
  if (!isMounted(withoutOrigin(target), withoutOrigin(url), baseUrl)) throw urlRewritten();
  const named = authorityOf(request);
  if (target.startsWith("/")) return { authority: named, path: target, own };
  // The absolute-form (RFC 9112 §3.2.2). Handlers look at `Host`, so that it must say the same.
  const [, authority = "", path = ""] = ABSOLUTE.exec(target) ?? [];
  return { authority: authority.toLowerCase() === named.toLowerCase() ? named : "", path, own };
}

const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/is;

/** The path and the query of a target, in both of its forms. */
export function withoutOrigin(target: string): string {
  return target.startsWith("/") ? target : (ABSOLUTE.exec(target)?.[2] ?? target);
}

/** Whether a target is what routers leave of `whole` when they are mounted at the front of it: they always leave a slash. */
function isMounted(whole: string, rest: string, base: unknown): boolean {
  if (whole === rest) return true;
  const bare = rest.replace(/^\/(?=\?|$)/, "");
  if (typeof base === "string") return whole === base + rest || whole === base + bare;
  // What stands in the query is no front that was cut off.
  const isEnd = whole.endsWith(rest) && !whole.slice(0, whole.length - rest.length).includes("?");
  return isEnd || (bare !== rest && whole.replace(/^[^?]*/, "") === bare);
}

/** Whether a body follows. Clients state a length of zero for one that does not. */
export function hasBody(request: Incoming): boolean {
  if (request.httpVersionMajor >= 2) return request.stream?.endAfterHeaders !== true && declaredLength(request) !== 0;
  return request.headers["transfer-encoding"] !== undefined || (declaredLength(request) ?? 0) > 0;
}

/** The length of the body, where the client said it. */
export function declaredLength(request: Incoming): number | undefined {
  const length = request.headers["content-length"];
  return length === undefined || request.headers["transfer-encoding"] !== undefined ? undefined : Number(length);
}

/** Whether the client waits to be told that it may send the body (RFC 9110 §10.1.1). */
export function awaitsContinue(request: Incoming): boolean {
  return request.headers.expect?.toLowerCase() === "100-continue";
}

/** Takes away what only a gate may say, wherever handlers look for it. */
export function stripOwnFields(request: Incoming): void {
  strip(request, "rawHeaders", ["headers", "headersDistinct"]);
  // Trailers are there when the body is.
  request.prependOnceListener("end", () => strip(request, "rawTrailers", ["trailers", "trailersDistinct"]));
}

function strip(request: Incoming, raw: "rawHeaders" | "rawTrailers", names: readonly string[]): void {
  const lines = request[raw];
  if (!lines?.some((name, at) => at % 2 === 0 && isOwnField(name))) return;
  // They are made when they are first looked at, of as many lines as there once were: so before lines go.
  const views = names.map((name): unknown => (name in request ? Reflect.get(request, name) : undefined));
  for (let at = lines.length - 2; at >= 0; at -= 2) {
    if (isOwnField(lines[at] ?? "")) lines.splice(at, 2);
  }
  for (const view of views) {
    if (typeof view === "object" && view !== null) stripMembers(view);
  }
}

function stripMembers(members: object): void {
  for (const name of Object.keys(members).filter(isOwnField)) Reflect.deleteProperty(members, name);
}

/** The one authority that the request names: which of several is meant, servers do not agree (RFC 9112 §3.2). */
function authorityOf(request: Incoming): string {
  const hosts = valuesOf(request, "host");
  const pseudo = valuesOf(request, ":authority");
  const [first = "", ...others] = [...pseudo, ...hosts];
  const isOne = hosts.length <= 1 && others.every((other) => other.toLowerCase() === first.toLowerCase());
  return isOne ? first : "";
}

function valuesOf({ rawHeaders }: Incoming, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}
