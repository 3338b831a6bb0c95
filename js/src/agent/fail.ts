import { CountersignError, type ErrorCode } from "../error.js";

/** The error of an agent. It says what is wrong, never what was there: that may be a secret. */
export function fail(code: ErrorCode & `agent.${string}`, message: string): CountersignError {
  return new CountersignError(code, message);
}
