// Calls to stores: how long they may take, and that a call is made again.

/** It took too long. */
export class TooLate extends Error {
  override readonly message = "it took too long";
}

/** What a promise comes to, if it does within so many milliseconds; else it fails with `TooLate`. */
export function withinMillis<T>(millis: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new TooLate()), millis);
    promise.then(resolve, reject).finally(() => clearTimeout(limit));
  });
}

/** The same call, where nobody knows what came of it (`Call::is_again`). Not parsed: its numbers may be larger than ours. */
export function again(call: string): string {
  return call.endsWith('"g":true}') ? call : call.replace(/\}\s*$/, ',"g":true}');
}
