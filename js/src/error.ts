/** Whose fault it is: `config.invalid` the configuration's, `request.invalid` the caller's. */
export type ErrorCode = "config.invalid" | "request.invalid";

/** Something is wrong with how the gate is used. A request that is refused is a decision, not an error. */
export class CountersignError extends Error {
  override readonly name = "CountersignError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
