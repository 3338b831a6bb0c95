import type { Refused } from "../decision.js";
import type { Served } from "../serve.js";

/** How a refusal is answered. */
export function answerOf({ status, headers, problem }: Refused): Served {
  return { status, headers, body: JSON.stringify(problem) };
}

/** An error that frameworks take for one, whatever was thrown: some read others as no error, or as where to go on. */
export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error("the gate failed", { cause: thrown });
}
