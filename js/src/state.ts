// State by subject: who keeps it, and what they say.
import { Subjects, type SubjectCall } from "./wasm.js";

/**
 * Answers calls to the state of subjects. `subject` says what it is and has a digest of which one; `call` and the answer
 * are JSON. Calls to one subject must be answered one after another. What throws, or answers nothing, is unavailable.
 */
export type StateHost = (subject: string, call: string) => Promise<string>;

/** State in the memory of this process, for which alone it holds. */
export function memoryState(now: () => number): StateHost {
  const subjects = new Subjects();
  return async (subject, call) => subjects.answer(subject, call, now());
}

/** What each of them says, in order; nothing where one cannot be asked. */
export function ask(state: StateHost | undefined, calls: readonly SubjectCall[]): Promise<string[]> {
  const unavailable = () => "";
  return Promise.all(calls.map(({ subject, call }) => state?.(subject, call).catch(unavailable) ?? ""));
}
