// A response as `node:http` and `node:http2` have it.
import type { OutgoingHttpHeader } from "node:http";
import type { Served } from "../serve.js";
import { BUDGET_FIELD, isCorsField, mergeVary } from "./fields.js";
import { declaredLength, type Incoming } from "./incoming.js";
import { isReceived } from "./peek.js";

/** What `ServerResponse` and `Http2ServerResponse` have in common. */
export interface Outgoing {
  statusCode: number;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  readonly destroyed?: boolean;
  /** Of HTTP/2 alone. */
  readonly stream?: { readonly destroyed: boolean; close(): void };
  setHeader(name: string, value: number | string | readonly string[]): unknown;
  getHeader(name: string): OutgoingHttpHeader | undefined;
  getHeaderNames(): string[];
  appendHeader(name: string, value: string | string[]): unknown;
  removeHeader(name: string): unknown;
  writeHead(status: number, ...rest: never[]): unknown;
  writeContinue(): unknown;
  write(chunk: Uint8Array): boolean;
  end(): unknown;
  end(chunk: Uint8Array): unknown;
  once(event: "close" | "finish", listener: () => void): unknown;
}

/** Most bytes that are read of a body that nobody wants: 1 MiB, so that most clients come to read the answer. */
const MOST_UNWANTED_BYTES = 1024 * 1024;
/** How long they are waited for, in milliseconds. */
const UNWANTED_PATIENCE = 5_000;

/** Whether nobody is there to be answered, or somebody else has answered. */
export function isOver(response: Outgoing): boolean {
  return response.headersSent || response.writableEnded || response.destroyed === true || response.stream?.destroyed === true;
}

/** Answers a request whose body may still be coming. */
export async function writeAnswer(request: Incoming, response: Outgoing, { status, headers, body }: Served): Promise<void> {
  const bytes = Buffer.from(body ?? "");
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (body !== null) response.setHeader("content-length", bytes.byteLength);
  if (isReceived(request) || request.httpVersionMajor >= 2 || bytes.byteLength === 0) {
    if (request.httpVersionMajor >= 2) response.once("finish", () => response.stream?.close());
    response.end(bytes);
    request.resume();
    return;
  }
  if (isLong(request)) response.setHeader("connection", "close");
  // By its length the client knows that this is all of it; that the connection stays open a little is for the client to come
  // and read it: data that arrives at a closed one would destroy what was sent (RFC 9112 §9.6).
  response.write(bytes);
  await drained(request);
  response.end();
}

/** Whether a body is not worth reading for the sake of the connection. */
export function isLong(request: Incoming): boolean {
  return (declaredLength(request) ?? Infinity) > MOST_UNWANTED_BYTES;
}

/** Reads on and forgets: to the end of the body, or until it has been enough. */
export function drained(request: Incoming): Promise<void> {
  return new Promise((resolve) => {
    let length = 0;
    const count = (chunk: Uint8Array) => {
      length += chunk.byteLength;
      if (length > MOST_UNWANTED_BYTES) end();
    };
    const end = () => {
      clearTimeout(timer);
      request.off("data", count).off("end", end).off("close", end).off("error", end).pause();
      resolve();
    };
    const timer = setTimeout(end, UNWANTED_PATIENCE).unref();
    if (request.destroyed || request.readableEnded) return end();
    request.on("data", count).once("end", end).once("close", end).once("error", end);
    // The gate may have listened for what is readable: then data does not flow by itself.
    request.resume();
  });
}

/** Takes away what others have said of which pages see the answer. */
export function stripCorsFields(response: Outgoing): void {
  for (const name of response.getHeaderNames().filter(isCorsField)) response.removeHeader(name);
}

/** What a gate puts on a response that a handler is to write. */
export interface Additions {
  readonly fields: Readonly<Record<string, string>>;
  /** Which pages see it is the gate's to say: what the handler says of that is taken away. */
  readonly hasCors: boolean;
}

/** What a handler answered: the status, and what it says was spent. `undefined` where the connection died before. */
export type HandlersAnswer = { readonly status: number; readonly budget: string | undefined } | undefined;

/**
 * Puts fields on a response that a handler is to write, keeps from the client what is for the gate, and tells what was
 * answered: once, when the response has ended or the connection has.
 */
export function onAnswer(response: Outgoing, { fields, hasCors }: Additions, tell: (answer: HandlersAnswer) => void): void {
  let answer: HandlersAnswer;
  const { writeHead } = response;
  // All responses pass here, also those whose head nobody writes.
  response.writeHead = function head(this: Outgoing, status: number, ...rest: never[]): unknown {
    if (response.headersSent) return Reflect.apply(writeHead, response, [status, ...rest]);
    const reason = rest.find((part) => typeof part === "string");
    putFields(response, rest.find((part) => typeof part === "object" && part !== null));
    const budget = response.getHeader(BUDGET_FIELD);
    response.removeHeader(BUDGET_FIELD);
    if (hasCors) stripCorsFields(response);
    for (const [name, value] of Object.entries(fields)) putDecisionField(response, name, value);
    const written: unknown = Reflect.apply(writeHead, response, reason === undefined ? [status] : [status, reason]);
    answer = { status: Number(status), budget: budget === undefined ? undefined : [budget].flat().join(", ") };
    return written;
  };
  let isTold = false;
  const end = () => {
    if (!isTold) tell(answer);
    isTold = true;
  };
  response.once("finish", end);
  response.once("close", end);
}

function putDecisionField(response: Outgoing, name: string, value: string): void {
  const present = name.toLowerCase() === "vary" ? response.getHeader(name) : undefined;
  response.setHeader(name, present === undefined ? value : mergeVary([present].flat().join(", "), value));
}

/** The fields of `writeHead`, in each of its forms: an object, names and values by turns, or pairs of them. */
function putFields(response: Outgoing, fields: unknown): void {
  if (typeof fields !== "object" || fields === null) return;
  if (!Array.isArray(fields)) {
    for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
    return;
  }
  const pairs: [string, OutgoingHttpHeader][] = Array.isArray(fields[0])
    ? fields
    : Array.from({ length: Math.floor(fields.length / 2) }, (_, at) => [fields[2 * at], fields[2 * at + 1]]);
  // What is said here overrides what was said before, but may be said more than once.
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, typeof value === "number" ? String(value) : value);
}
