// The content of a request: brought into the bytes that are digested and sent, once, so that both are the same.
import { pause, unlessAborted } from "./abort.js";
import { base64 } from "./encoding.js";
import { fail } from "./fail.js";

/** What is sent as content. */
export type Body =
  | { readonly kind: "none" }
  /** At hand: it can be digested, and sent again. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  /** A Blob or a form that nobody wants digested: the platform sends it, and can send it again. */
  | { readonly kind: "platform"; readonly content: Blob | FormData }
  /** Gone once it was sent. */
  | { readonly kind: "stream"; readonly stream: Streamed };

export type Streamed = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export type DigestAlgorithm = "sha-256" | "sha-512";

/** How bodies are taken. */
export interface BodyRules {
  /** Whether the bytes are needed. */
  readonly digested: boolean;
  readonly streams: "buffer" | "refuse" | "unsigned";
  readonly maxBufferedBytes: number;
}

/** A body, and the `Content-Type` that `fetch` would give it. */
export interface TypedBody {
  readonly body: Body;
  readonly type: string | null;
}

const NONE: TypedBody = { body: { kind: "none" }, type: null };

/** The body of a request: `content` is what `init` has, or the `Request` itself. */
export async function takeBody(content: unknown, rules: BodyRules, signal: AbortSignal | undefined): Promise<TypedBody> {
  if (content === undefined || content === null) return NONE;
  if (isStream(content)) return { body: await takeStream(content, rules, signal), type: null };
  const isLarge = content instanceof Blob || content instanceof FormData;
  if (isLarge && !rules.digested) return { body: { kind: "platform", content }, type: null };
  if (isLarge && sizeOf(content) > rules.maxBufferedBytes) throw tooLarge();
  // The platform's own conversion: it knows the types, makes the boundary of a form, and copies what may change.
  const converted = new Response(content as ConstructorParameters<typeof Response>[0]);
  const bytes = await unlessAborted(signal, () => bytesOf(converted));
  return { body: { kind: "bytes", bytes }, type: converted.headers.get("content-type") };
}

/** Bytes, or a little fewer: a form has boundaries besides. */
function sizeOf(content: Blob | FormData): number {
  if (content instanceof Blob) return content.size;
  let size = 0;
  content.forEach((value) => (size += typeof value === "string" ? value.length : value.size));
  return size;
}

/** Whether a body can be sent once more. */
export function canRepeat(body: Body): boolean {
  return body.kind !== "stream";
}

/** The value of a `Content-Digest` (RFC 9530). */
export async function contentDigest(bytes: Uint8Array<ArrayBuffer>, algorithm: DigestAlgorithm): Promise<string> {
  const digest = await crypto.subtle.digest(algorithm.toUpperCase(), bytes);
  return `${algorithm}=:${base64(new Uint8Array(digest))}:`;
}

async function takeStream(stream: Streamed, rules: BodyRules, signal: AbortSignal | undefined): Promise<Body> {
  if (rules.streams === "unsigned" || (!rules.digested && rules.streams === "buffer")) return { kind: "stream", stream };
  if (rules.streams === "refuse") throw fail("agent.body_refused", "a stream cannot be digested before it is sent");
  return { kind: "bytes", bytes: await collect(stream, rules.maxBufferedBytes, signal) };
}

/** How many chunks without a byte are read before timers, and so an `AbortSignal`, get their turn. */
const EMPTY_CHUNKS = 64;

/** Reads a stream to its end, and no further than allowed. */
async function collect(stream: Streamed, most: number, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(Math.min(most, 4096));
  let length = 0;
  let empty = 0;
  const source = readerOf(stream);
  try {
    for (;;) {
      const { done, value } = await unlessAborted(signal, () => source.next());
      if (done === true) return bytes.subarray(0, length);
      if (!(value instanceof Uint8Array)) throw fail("agent.body_refused", "a stream that is sent gives Uint8Arrays");
      if (value.byteLength === 0) {
        empty += 1;
        if (empty % EMPTY_CHUNKS === 0) await pause(0, signal);
        continue;
      }
      if (value.byteLength > most - length) throw tooLarge();
      bytes = roomFor(bytes, length + value.byteLength, most);
      bytes.set(value, length);
      length += value.byteLength;
    }
  } catch (error) {
    source.cancel(error);
    throw error;
  }
}

/** The same bytes, with room for so many: twice as much as before, if that is enough and no more than allowed. */
function roomFor(bytes: Uint8Array<ArrayBuffer>, length: number, most: number): Uint8Array<ArrayBuffer> {
  if (length <= bytes.byteLength) return bytes;
  const larger = new Uint8Array(Math.min(most, Math.max(length, 2 * bytes.byteLength)));
  larger.set(bytes);
  return larger;
}

interface Source {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  cancel(reason: unknown): void;
}

/** Not every browser iterates over its streams. */
function readerOf(stream: Streamed): Source {
  if (stream instanceof ReadableStream) {
    const reader = lock(stream);
    return { next: () => reader.read(), cancel: (reason) => void reader.cancel(reason).catch(() => {}) };
  }
  const iterator = stream[Symbol.asyncIterator]();
  return { next: () => iterator.next(), cancel: () => void Promise.resolve(iterator.return?.()).catch(() => {}) };
}

function lock(stream: ReadableStream<Uint8Array>): ReadableStreamDefaultReader<Uint8Array> {
  try {
    return stream.getReader();
  } catch {
    throw fail("agent.body_refused", "the stream is read by somebody else");
  }
}

async function bytesOf(converted: Response): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await converted.arrayBuffer());
}

export function isStream(content: unknown): content is Streamed {
  if (content instanceof ReadableStream) return true;
  return typeof content === "object" && content !== null && Symbol.asyncIterator in content;
}

function tooLarge(): Error {
  return fail("agent.body_too_large", "the body is longer than maxBufferedBytes, and would be kept for its digest");
}
