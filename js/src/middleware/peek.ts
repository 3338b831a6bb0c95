// Reading a body that somebody else is to read again.
import type { CountersignError } from "../error.js";
import { bodyConsumed } from "./fault.js";
import { declaredLength, hasBody, type Incoming } from "./incoming.js";

/** The body of a request, for the gate, which reads it only where it must. It stays whole for the handler. */
export class PeekedBody {
  readonly #request: Incoming;
  readonly #most: number;
  readonly #before: () => void;
  #fault: CountersignError | undefined;

  /** `before` is called before the body is read. */
  constructor(request: Incoming, most: number, before: () => void) {
    this.#request = request;
    this.#most = most;
    this.#before = before;
  }

  /** What is wrong with how the server is built: no fault of the client's. */
  get fault(): CountersignError | undefined {
    return this.#fault;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const kept = keptBytes(this.#request);
    if (kept !== undefined) return yield kept;
    // Bytes that were decoded cannot be had back.
    if (isConsumed(this.#request) || this.#request.readableEncoding !== null) throw (this.#fault = bodyConsumed());
    // One that says that it is too long need not be read to know it.
    if ((declaredLength(this.#request) ?? 0) > this.#most) return yield new Uint8Array(this.#most + 1);
    this.#before();
    yield await peek(this.#request, this.#most);
  }
}

/** Requests whose body was read, and put back. */
const restored = new WeakSet<Incoming>();

/**
 * Reads a body to its end, or to just beyond `most` bytes, and puts back what was read. It must be put back before the stream
 * has ended: a stream that said so says nothing more, however much is in it.
 */
export function peek(request: Incoming, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const declared = declaredLength(request);
  const isWhole = () => isReceived(request) || length === declared;
  return new Promise((resolve, reject) => {
    const end = () => {
      request.off("readable", read).off("close", fail).off("error", fail);
      const bytes = Buffer.concat(chunks, length);
      if (length > 0) request.unshift(bytes);
      restored.add(request);
      resolve(bytes);
    };
    const read = () => {
      // To read when there is nothing would end the stream.
      while (request.readableLength > 0) {
        const chunk: Uint8Array | null = request.read();
        if (chunk === null) break;
        chunks.push(chunk);
        length += chunk.byteLength;
        if (length > most) return end();
      }
      if (isWhole()) end();
    };
    const fail = () => {
      request.off("readable", read).off("close", fail).off("error", fail);
      reject(new Error("the body broke off"));
    };
    if (request.destroyed) return fail();
    // Also to listen would end a stream that has nothing more.
    if (isWhole() && request.readableLength === 0) return end();
    request.on("readable", read).once("close", fail).once("error", fail);
  });
}

/** Whether all of the body has arrived. */
export function isReceived(request: Incoming): boolean {
  return request.httpVersionMajor >= 2 && request.stream ? request.stream.readableEnded : request.complete;
}

/** The bytes, as body parsers keep them: `rawBody`, or a `body` that is nothing else. */
function keptBytes(request: Incoming): Uint8Array | undefined {
  return (["rawBody", "body"] as const).map((name) => (name in request ? Reflect.get(request, name) : undefined))
    .find((value): value is Uint8Array => value instanceof Uint8Array);
}

function isConsumed(request: Incoming): boolean {
  return hasBody(request) && (request.readableEnded || (request.readableDidRead && !restored.has(request)));
}
