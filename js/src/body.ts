import { concatenated } from "./bytes.js";
import { CountersignError } from "./error.js";

/** What became of a body: its bytes, or why there are none. */
export type Body = Uint8Array | "too large" | "unreadable";

/** Where the bytes of a body come from. */
export type Chunks = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * Reads a body to its end, but not beyond `most` bytes. What is longer is not read on. Throws where its chunks are no bytes:
 * a host's mistake.
 */
export async function readBody(chunks: Chunks, most: number): Promise<Body> {
  const read: Uint8Array[] = [];
  let length = 0;
  try {
    // Leaving the loop cancels a stream.
    for await (const chunk of iterable(chunks)) {
      if (!(chunk instanceof Uint8Array)) throw new CountersignError("request.invalid", "a body's chunks are each a Uint8Array");
      length += chunk.byteLength;
      if (length > most) return "too large";
      read.push(chunk);
    }
  } catch (error) {
    if (error instanceof CountersignError) throw error;
    return "unreadable";
  }
  const [only] = read;
  return only && read.length === 1 ? only : concatenated(read);
}

/** Streams cannot be iterated over in every runtime. */
function iterable(chunks: Chunks): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  return Symbol.asyncIterator in chunks || Symbol.iterator in chunks ? chunks : chunksOf(chunks);
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    // At its end there is nothing to cancel any more; before it, nobody wants the rest.
    await reader.cancel();
  }
}
