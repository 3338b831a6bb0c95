// Names of options: one that is misspelt must not be left out of account.
import { CountersignError } from "./error.js";

/** Which members an object may have: every one of its type, so that none is forgotten here. */
export type Names<T> = Readonly<Record<T extends unknown ? keyof T : never, true>>;

/**
 * Throws where `options` is no object, or has a member that `names` has not; with the name that was probably meant. What is
 * `undefined` is as what is not there.
 */
export function checkOptions<T extends object>(options: T, names: Names<T>, what: string): void {
  if (typeof options !== "object" || options === null) throw invalid(`${what} are an object`);
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(names, name)) throw invalid(`${what} have no ${name}${meant(name, Object.keys(names))}`);
  }
}

/** Throws where an option is there and no function. */
export function checkFunction(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== "function") throw invalid(`${name} is a function`);
}

function meant(name: string, known: readonly string[]): string {
  const distances = known.map((other) => ({ other, far: distance(name.toLowerCase(), other.toLowerCase()) }));
  const nearest = distances.reduce((best, next) => (next.far < best.far ? next : best));
  return nearest.far <= Math.max(2, nearest.other.length / 2) ? `; did you mean ${nearest.other}?` : "";
}

/** How many letters have to be put in, taken out or changed (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  // As many letters as the longest name has, and some; a name may be any text.
  for (const [above, letter] of [...from.slice(0, 40)].entries()) {
    const next = [above + 1];
    for (const [at, other] of [...to].entries()) {
      const [left = 0, up = 0, corner = 0] = [next[at], row[at + 1], row[at]];
      next.push(Math.min(left + 1, up + 1, corner + Number(letter !== other)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function invalid(message: string): CountersignError {
  return new CountersignError("options.invalid", message);
}
