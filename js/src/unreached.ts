// What a log says of a source that cannot be reached: where, and why in few words, without what may be secret.
import type { KeySource } from "./wasm.js";

/** Where it is: the origin, and the path unless an agent may have chosen it. Never a query. */
export function placeOf({ url, publicOnly }: Pick<KeySource, "url" | "publicOnly">): string {
  const { origin, pathname } = new URL(url);
  return publicOnly ? origin : origin + pathname;
}

/** What went wrong, by the code that runtimes give; messages may have addresses and more in them. */
export function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return "it failed";
  if (error.name === "TimeoutError") return "it took too long";
  // `fetch` says why only in the cause of what it throws.
  const code = codeOf(error) ?? codeOf(error.cause);
  return code === undefined ? "no connection" : (WORDS[code] ?? code);
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection broke off",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "its name cannot be resolved now",
  ETIMEDOUT: "it took too long",
};

function codeOf(error: unknown): string | undefined {
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{2,40}$/.test(code) ? code : undefined;
}
