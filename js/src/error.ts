/**
 * What is wrong: the configuration (`config.invalid`), what describes a request or a response (`request.invalid`), keys
 * (`keys.invalid`), an option (`options.invalid`), a field that was to be read (`field.invalid`), or what was to be
 * signed cannot be (`message.unsignable`). Or a store cannot say
 * (`store.unavailable`), or before the gate was asked a body was read (`body.consumed`) or a URL rewritten
 * (`url.rewritten`).
 *
 * Of an agent: its options (`agent.options_invalid`), what it is to send (`agent.request_invalid`), a part of it that is
 * not there or cannot be signed (`agent.unsignable`), a body that cannot be digested (`agent.body_refused`), a body that is
 * longer than it may keep (`agent.body_too_large`), a token that is none (`agent.token_invalid`), a redirect that it does
 * not follow (`agent.redirect_refused`); and a key (`key.invalid`).
 *
 * Of its keys: the platform cannot compute with one (`key.unsupported`), or what signs for it elsewhere gave no signature
 * of its (`key.signature_invalid`). Of the store of keys: it is not there or fails (`key.store_unavailable`), another page
 * holds it open as it was before (`key.store_blocked`), it is full (`key.store_full`), or it keeps no such key
 * (`key.not_storable`).
 */
export type ErrorCode =
  | "config.invalid"
  | "request.invalid"
  | "keys.invalid"
  | "options.invalid"
  | "field.invalid"
  | "message.unsignable"
  | "store.unavailable"
  | "body.consumed"
  | "url.rewritten"
  | "agent.options_invalid"
  | "agent.request_invalid"
  | "agent.unsignable"
  | "agent.body_refused"
  | "agent.body_too_large"
  | "agent.token_invalid"
  | "agent.redirect_refused"
  | "key.invalid"
  | "key.unsupported"
  | "key.signature_invalid"
  | "key.store_unavailable"
  | "key.store_blocked"
  | "key.store_full"
  | "key.not_storable";

/** Something is wrong with how the package is used. A request that is refused is a decision, not an error. */
export class CountersignError extends Error {
  override readonly name = "CountersignError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
