// What a gate answers itself instead of deciding: the metadata of resources (RFC 9728), and preflights (Fetch §4.9).
import { CountersignError } from "./error.js";
import { type FieldLines, fieldsOf } from "./request.js";
import type { CoreGate } from "./wasm.js";

/** What such an answer depends on: of a `RequestDescriptor` all but the body. */
export interface ServedRequest {
  /** As received: `get` is not `GET`. */
  readonly method: string;
  /** Absolute, with the authority that the client sent to: see `RequestDescriptor`. */
  readonly url: string;
  /** Every line, each value as received. */
  readonly headers: FieldLines;
}

/** An answer of the gate's own, whole: to be written as it is, without asking `check`. */
export interface Served {
  readonly status: number;
  /** All its fields. */
  readonly headers: Readonly<Record<string, string>>;
  /** `null` where it has no content. */
  readonly body: string | null;
}

/** Throws where `request` describes none: a host's mistake. A request that cannot be viewed is left to a decision. @internal */
export function serveWith(gate: CoreGate, request: ServedRequest | Request): Served | undefined {
  if (typeof request !== "object" || request === null) throw invalid("a request is an object");
  const { method, url } = request;
  if (typeof method !== "string" || typeof url !== "string") throw invalid("method and url are strings");
  // Cheap for everything else: nearly no request is for these.
  if (method !== "OPTIONS" && !url.includes("/.well-known/")) return undefined;
  const fields = fieldsOf(request.headers);
  // A fragment is no part of a request; `Request` keeps what its maker put there.
  const target = request instanceof Request ? (url.split("#", 1)[0] ?? url) : url;
  const served = gate.serve(method, target, fields.text, fields.lengths);
  return served === undefined ? undefined : (JSON.parse(served) as Served);
}

function invalid(message: string): CountersignError {
  return new CountersignError("request.invalid", message);
}
