/**
 * A gate in front of a plain `node:http`, `node:https` or `node:http2` server.
 *
 * ```js
 * import { createServer } from "node:http";
 * import { createGate } from "countersign";
 * import { guard } from "countersign/node";
 *
 * const gate = createGate(config);
 * createServer(guard(gate, (request, response) => response.end(`hello ${request.countersign.agent?.id}`))).listen(8080);
 * ```
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Decision } from "./decision.js";
import { CountersignError } from "./error.js";
import { errorOf } from "./middleware/answer.js";
import { type Described, Door } from "./middleware/door.js";
import { hasBody } from "./middleware/incoming.js";
import type { GuardingGate, MiddlewareOptions } from "./middleware/options.js";
import { isOver, writeAnswer } from "./middleware/outgoing.js";
import { errorTaker } from "./told.js";
import { PeekedBody } from "./middleware/peek.js";

export type { Described } from "./middleware/door.js";
export type { ProxyTrust, TrustProxy } from "./middleware/forwarded.js";
export type { GuardingGate, MiddlewareOptions } from "./middleware/options.js";

/** A request of a server. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;
/** A response of a server. */
export type NodeResponse = ServerResponse | Http2ServerResponse;
/** How a server is guarded. */
export type NodeOptions = MiddlewareOptions<NodeRequest>;

/**
 * Decides on a request of `node:http`, also below a framework that has none of the other entry points. Gives the decision where the
 * request may go on, and has put it at `request.countersign`; `undefined` where it was answered, or its client has gone:
 * then there is nothing left to do. Rejects where the server's own parts fail, and nothing was answered.
 */
export function countersign(
  gate: GuardingGate,
  options: NodeOptions = {},
): (request: NodeRequest, response: NodeResponse) => Promise<Decision | undefined> {
  const door = new Door(gate, options);
  return async (request, response) => {
    const decision = await door.admit(request, response, request);
    if (decision !== undefined) Object.assign(request, { countersign: decision });
    return decision;
  };
}

/**
 * What `gate.serve` and `gate.check` must know of a request, for who asks them without middleware: `request` for both, `client`
 * for `check`. The URL is put together of parts that were looked at first, and where they are none the gate refuses it. A body
 * that the gate reads is whole again for the handler; one that was read before cannot be read, and the gate refuses it.
 *
 * ```js
 * const describe = describer(gate);
 * const { request, client } = describe(incoming);
 * const decision = await gate.check(request, { client });
 * ```
 */
export function describer(gate: GuardingGate, options: Pick<NodeOptions, "trustProxy"> = {}): (request: NodeRequest) => Described {
  const door = new Door(gate, options);
  return (incoming) => {
    const { request, client } = door.describe(incoming);
    const body = hasBody(incoming) ? new PeekedBody(incoming, gate.maxBodyBytes, () => {}) : null;
    return { request: { ...request, body }, client };
  };
}

/**
 * A listener that calls `handler` with requests that may go through, and with their decisions. Where the gate fails, the
 * client gets a 500 that says nothing, `onError` the error, and the handler nothing. What the handler throws is passed on.
 *
 * It may also listen to `checkContinue`: then a body that the gate refuses is not asked for.
 */
export function guard<Request extends NodeRequest = IncomingMessage, Response extends NodeResponse = ServerResponse>(
  gate: GuardingGate,
  handler: (request: Request & { readonly countersign: Decision }, response: Response) => unknown,
  options: NodeOptions = {},
): (request: Request, response: Response) => Promise<void> {
  const admit = countersign(gate, options);
  if (typeof handler !== "function") throw new CountersignError("options.invalid", "guard(gate, handler) needs the handler that it guards");
  return async (request, response) => {
    let decision: Decision | undefined;
    try {
      decision = await admit(request, response);
    } catch (thrown) {
      errorTaker(options.onError)(errorOf(thrown));
      if (!isOver(response)) await writeAnswer(request, response, FAILURE);
      return;
    }
    if (decision !== undefined) await handler(Object.assign(request, { countersign: decision }), response);
  };
}

/** What a client is told where the server is not as it should be. */
const FAILURE = {
  status: 500,
  headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store" },
  body: JSON.stringify({ type: "about:blank", title: "Internal Server Error", status: 500 }),
};
