// State by subject: what those say who keep it.
import type { StateStore } from "./stores.js";
import type { SubjectCall } from "./wasm.js";

/** What each of them says, in order; nothing where one cannot be asked. */
export function askSubjects(state: StateStore | undefined, calls: readonly SubjectCall[], now: number): Promise<string[]> {
  return Promise.all(calls.map((call) => askSubject(state, call, now)));
}

/** A store that throws, or answers no text, is unavailable. */
async function askSubject(state: StateStore | undefined, { subject, call }: SubjectCall, now: number): Promise<string> {
  try {
    const reply: unknown = await state?.(subject, call, now);
    return typeof reply === "string" ? reply : "";
  } catch {
    return "";
  }
}
