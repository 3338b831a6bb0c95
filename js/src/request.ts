import { type Body, readBody } from "./body.js";
import { concatenated } from "./bytes.js";
import type { ClientDescriptor } from "./client.js";
import { CountersignError } from "./error.js";
import { checkOptions, type Names } from "./names.js";

/** Field lines: pairs in the order received, or values by name. */
export type FieldLines =
  | Iterable<readonly [name: string, value: string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** What the gate must know of a request. */
export interface RequestDescriptor {
  /** As received: `get` is not `GET`. */
  readonly method: string;
  /**
   * Absolute, with the authority that the client sent to. Do not join it from `Host` as it came: no server checks what is in it,
   * and `api.example/open?` before `/orders` makes another path. On Node `describer` of `countersign/node` says
   * what it is; elsewhere give the gate the `Request`.
   */
  readonly url: string;
  /**
   * Every line, each value as received. For `node:http` that is `rawHeaders` in pairs, or `headersDistinct`;
   * `headers` drops repeated lines that the gate must see.
   */
  readonly headers: FieldLines;
  /**
   * The body, or where to read it from; `null` where none follows. A stream is read only where a signature that holds
   * covers the body's digest, and no further than `max_body_bytes`; what was read is gone from it.
   */
  readonly body?: Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | null;
}

/** What a host knows of a request beside it. */
export interface RequestFacts {
  /** The connection that it came on, where policy or client certificates (RFC 8705) ask for it: see `clientOf`. */
  readonly client?: ClientDescriptor | undefined;
  /**
   * Keeps work going after the response, where the runtime would end it: `waitUntil` of a Worker's context, bound to
   * that. Default: the work goes on by itself, as in Node.
   */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}

/** A request, as the core wants it. */
export interface Viewed {
  readonly method: string;
  readonly url: string;
  readonly fields: Fields;
  readonly hasBody: boolean;
  /** Reads the body, up to so many bytes. */
  body(most: number): Promise<Body>;
}

/** The name and the value of each line in turn, as one text: strings cross to the core one by one, at a price each. */
export interface Fields {
  /** UTF-8. */
  readonly text: Uint8Array;
  /** How many bytes each has. No separator could do: a value may hold any. */
  readonly lengths: Uint32Array;
}

/** Throws where this is no description of a request: a host's mistake, for which no client must be refused. */
export function viewOf(request: RequestDescriptor | Request): Viewed {
  if (typeof request !== "object" || request === null) throw invalid("a request is an object");
  const { method, url } = request;
  if (typeof method !== "string" || typeof url !== "string") throw invalid("method and url are strings");
  return {
    method,
    // A fragment is no part of a request; `Request` keeps what its maker put there.
    url: isRequest(request) ? (url.split("#", 1)[0] ?? url) : url,
    fields: fieldsOf(request.headers),
    hasBody: hasBody(request.body),
    body: (most) => bodyOf(request, most),
  };
}

const FACTS: Names<RequestFacts> = { client: true, waitUntil: true };

/** Throws where these are no facts. */
export function checkFacts(facts: RequestFacts): void {
  checkOptions(facts, FACTS, "facts");
  if (facts.waitUntil !== undefined && typeof facts.waitUntil !== "function") throw invalid("waitUntil is a function");
}

/** Throws where these are no field lines. */
export function fieldsOf(headers: FieldLines): Fields {
  return pack(lines(headers));
}

/** The name and the value of each line in turn. */
function lines(headers: FieldLines): string[] {
  if (typeof headers !== "object" || headers === null) throw invalid("headers are pairs, or values by name");
  const fields: string[] = [];
  for (const [name, value] of isPairs(headers) ? headers : Object.entries(headers)) {
    if (value === undefined) continue;
    for (const line of Array.isArray(value) ? value : [value]) {
      if (typeof name !== "string" || typeof line !== "string") throw invalid("a field's name and value are strings");
      fields.push(name, line);
    }
  }
  return fields;
}

/** Whether a body follows. An empty one that is at hand does not. */
export function hasBody(body: RequestDescriptor["body"] | Request["body"]): boolean {
  return body !== undefined && body !== null && !(body instanceof Uint8Array && body.byteLength === 0);
}

const encoder = new TextEncoder();

/** Joins names and values. */
export function pack(strings: readonly string[]): Fields {
  const joined = strings.join("");
  const text = encoder.encode(joined);
  // Each character is a byte where there are as many of both. What is not so is rare: a value that is cut within a character
  // does not join the next one either.
  if (text.length === joined.length) return { text, lengths: Uint32Array.from(strings, ({ length }) => length) };
  const encoded = strings.map((string) => encoder.encode(string));
  const lengths = Uint32Array.from(encoded, ({ length }) => length);
  return { text: concatenated(encoded), lengths };
}

function isPairs(headers: FieldLines): headers is Iterable<readonly [string, string]> {
  return Symbol.iterator in headers;
}

/** Whether it is a `Request`, of this runtime or of a library that brings its own. */
export function isRequest(request: object): request is Request {
  return request instanceof Request || ("clone" in request && "bodyUsed" in request);
}

async function bodyOf(request: RequestDescriptor | Request, most: number): Promise<Body> {
  if (!isRequest(request)) return bytesOf(request.body, most);
  if (request.bodyUsed) throw invalid("the body of the Request was read before");
  // A clone, so that the handler still finds the body whole.
  return bytesOf(request.clone().body, most);
}

/** Reads a body, up to so many bytes. */
export async function bytesOf(body: RequestDescriptor["body"], most: number): Promise<Body> {
  if (body === undefined || body === null) return new Uint8Array();
  if (body instanceof Uint8Array) return body.byteLength > most ? "too large" : body;
  const isStream = typeof body === "object" && (Symbol.asyncIterator in body || "getReader" in body);
  if (!isStream) throw invalid("a body is a Uint8Array, a stream of them, or null");
  return readBody(body, most);
}

function invalid(message: string): CountersignError {
  return new CountersignError("request.invalid", message);
}
