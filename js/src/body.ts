/** What became of a body: its bytes, or why there are none. */
export type Body = Uint8Array | "too large" | "unreadable";

/** Reads a body to its end, but not beyond `most` bytes. What is longer is not read on. */
export async function readBody(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, most: number): Promise<Body> {
  const read: Uint8Array[] = [];
  let length = 0;
  try {
    // Leaving the loop cancels a stream.
    for await (const chunk of chunks) {
      length += chunk.byteLength;
      if (length > most) return "too large";
      read.push(chunk);
    }
  } catch {
    return "unreadable";
  }
  return Buffer.concat(read, length);
}
