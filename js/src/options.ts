// What callers give beside the thing to verify: keys, times and lengths of time, checked before the core sees them.
import { CountersignError, type ErrorCode } from "./error.js";

/** Numbers from here on are milliseconds: as seconds they would be in the year 5138. */
const NO_SECONDS = 1e11;

/** The JSON of keys: of a JWK Set, of a list of JWKs, or of one. Text is taken as it is. */
export function keyDocument(keys: object | string): string {
  if (typeof keys === "string") return keys;
  if (typeof keys !== "object" || keys === null) throw invalid("keys.invalid", "keys are a JWK Set");
  const unwritable = () => invalid("keys.invalid", "keys cannot be written as JSON");
  return jsonOf(Array.isArray(keys) ? { keys } : keys, unwritable);
}

/** The JSON of an object; throws what `fault` makes where it has none. */
export function jsonOf(value: object, fault: (cause: unknown) => Error): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw fault(cause);
  }
  // A `toJSON` may give nothing.
  if (typeof text !== "string") throw fault(undefined);
  return text;
}

/** Whole seconds; a year is long enough for everything. */
export function lengthOf(seconds: number, name: string): number {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= 366 * 24 * 3600) return seconds;
  throw invalid("options.invalid", `${name} is whole seconds, at most a year`);
}

/** Seconds since 1970. */
export function secondsOf(time: number | Date, name: string): number {
  const seconds = time instanceof Date ? Math.floor(time.getTime() / 1000) : time;
  if (!Number.isSafeInteger(seconds) || seconds < 0 || seconds >= NO_SECONDS) {
    throw invalid("options.invalid", `${name} is whole seconds since 1970, or a Date`);
  }
  return seconds;
}

/** A list of texts; nothing where there is none. */
export function textsOf(texts: readonly string[] | undefined, name: string): string[] | undefined {
  if (texts === undefined) return undefined;
  if (!Array.isArray(texts)) throw invalid("options.invalid", `${name} are a list`);
  return texts.map((text) => textOf(text, `each of ${name}`));
}

/** A text, and nothing that could be written as one. */
export function textOf(value: unknown, name: string): string {
  if (typeof value !== "string") throw invalid("options.invalid", `${name} is a string`);
  return value;
}

/** A text; nothing where there is none. */
export function optionalText(value: unknown, name: string): string | undefined {
  return value === undefined ? undefined : textOf(value, name);
}

/** What the core throws is an `Error` without a code. */
export function coded<T>(code: ErrorCode, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    if (cause instanceof CountersignError) throw cause;
    throw new CountersignError(code, (cause as Error).message, { cause });
  }
}

export function invalid(code: ErrorCode, message: string): CountersignError {
  return new CountersignError(code, message);
}
