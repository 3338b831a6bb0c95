// Waiting for what knows nothing of an `AbortSignal`.

/** What the work gives, unless the signal aborts first: then its reason is thrown. */
export async function unlessAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T> | T): Promise<T> {
  if (signal === undefined) return work();
  signal.throwIfAborted();
  const ended = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true, signal: ended.signal });
  });
  try {
    // The race awaits both, so that whichever comes later is nobody's rejection any more.
    return await Promise.race([work(), aborted]);
  } finally {
    ended.abort();
  }
}

/** Waits so many milliseconds; an abort ends it at once. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const waited = (): Promise<void> =>
    new Promise((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
  await unlessAborted(signal, waited).finally(() => clearTimeout(timer));
}
