import type { ClientDescriptor } from "../client.js";
import type { Decision } from "../decision.js";
import type { Gate } from "../gate.js";
import { checkFunction, checkOptions, type Names } from "../names.js";
import { invalid } from "../options.js";
import type { TrustProxy } from "./forwarded.js";

/** What middleware needs of a gate: `createGate` makes them. */
export type GuardingGate = Pick<Gate, "check" | "serve" | "settle" | "publicOrigins" | "maxBodyBytes" | "hasCors">;

/** How middleware finds and tells what there is beside a request. */
export interface MiddlewareOptions<Request> {
  /**
   * The proxies that are believed what they say of the client: its address, and the scheme and the authority that it asked
   * for. Default: none, so that whatever a client writes into `X-Forwarded-*` and `Forwarded` means nothing.
   */
  readonly trustProxy?: TrustProxy;
  /**
   * Says more of the client, or otherwise, than the connection does: its network and country, or a certificate that a proxy has
   * verified. It is given what is known. What it throws is passed on, and the request goes no further.
   */
  readonly client?: (request: Request, client: ClientDescriptor) => ClientDescriptor | Promise<ClientDescriptor>;
  /**
   * Is told of each decision before it is carried out: for logs. What it throws is passed on, and the request goes no further.
   * Where it gives a promise, the request waits for that.
   */
  readonly onDecision?: (decision: Decision, request: Request) => void | Promise<void>;
  /**
   * Takes what goes wrong where nobody waits any more: when budgets are settled after the response. Default: `console.error`,
   * which also has what it could not take because it failed itself.
   */
  readonly onError?: (error: unknown) => void | Promise<void>;
}

const OPTIONS: Names<MiddlewareOptions<never>> = { trustProxy: true, client: true, onDecision: true, onError: true };

/** Throws `options.invalid` where this is no gate, or an option is none, or not what it must be. */
export function checkMiddleware<Request>(gate: GuardingGate, options: MiddlewareOptions<Request>): void {
  const parts = Object(gate) as Partial<GuardingGate>;
  const isGate = [parts.check, parts.serve, parts.settle].every((part) => typeof part === "function") && Array.isArray(parts.publicOrigins);
  if (!isGate) throw invalid("options.invalid", "middleware needs a gate first: createGate(config) makes one");
  checkOptions(options, OPTIONS, "options of middleware");
  for (const name of ["client", "onDecision", "onError"] as const) checkFunction(options[name], name);
}
