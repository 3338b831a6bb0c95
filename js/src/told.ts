// Callbacks that are told of something and asked nothing. A caller may give an `async` one: what it rejects with must be
// somebody's, as a rejection that is nobody's ends a process.

/** Calls `tell` with what there is to tell. What it throws, or rejects with, goes to `failed`. */
export function tellSafely<Told extends readonly unknown[]>(tell: (...told: Told) => unknown, failed: (error: unknown) => void, ...told: Told): void {
  try {
    const said = tell(...told);
    if (isThenable(said)) Promise.resolve(said).catch(failed);
  } catch (error) {
    failed(error);
  }
}

/** A taker of lines that never fails: there is nobody to tell that a log does. */
export function quietly(log: (line: string) => void): (line: string) => void {
  return (line) => tellSafely(log, () => {}, line);
}

/** A taker of errors that never fails: where it does, the console has what it was given. */
export function errorTaker(onError: (error: unknown) => void = console.error): (error: unknown) => void {
  return (error) => tellSafely(onError, () => console.error(error), error);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
