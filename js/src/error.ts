/**
 * What is wrong: the configuration (`config.invalid`), what describes a request or a response (`request.invalid`), keys
 * (`keys.invalid`), an option (`options.invalid`), a field that was to be read (`field.invalid`), or what was to be
 * signed cannot be (`message.unsignable`), or a body was read before the gate was asked (`body.consumed`).
 */
export type ErrorCode =
  | "config.invalid"
  | "request.invalid"
  | "keys.invalid"
  | "options.invalid"
  | "field.invalid"
  | "message.unsignable"
  | "body.consumed";

/** Something is wrong with how the package is used. A request that is refused is a decision, not an error. */
export class CountersignError extends Error {
  override readonly name = "CountersignError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
