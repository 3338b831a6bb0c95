import type { ClientDescriptor } from "../client.js";
import type { Decision } from "../decision.js";
import type { Gate } from "../gate.js";
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
  /** Is told of each decision before it is carried out: for logs. What it throws is passed on, and the request goes no further. */
  readonly onDecision?: (decision: Decision, request: Request) => void;
  /** Takes what goes wrong where nobody waits any more: when budgets are settled after the response. Default: `console.error`. */
  readonly onError?: (error: unknown) => void;
}
