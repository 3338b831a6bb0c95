/**
 * A gate in front of an Express application: 4 and 5, and what else calls `(request, response, next)`.
 *
 * ```js
 * import express from "express";
 * import { createGate } from "countersign";
 * import { countersign } from "countersign/express";
 *
 * const app = express();
 * app.use(countersign(createGate(config)));
 * app.get("/orders", (req, res) => res.json({ agent: req.countersign.agent?.id }));
 * ```
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Decision } from "./decision.js";
import { errorOf } from "./middleware/answer.js";
import { Door } from "./middleware/door.js";
import type { GuardingGate, MiddlewareOptions } from "./middleware/options.js";

export type { ProxyTrust, TrustProxy } from "./middleware/forwarded.js";
export type { GuardingGate, MiddlewareOptions } from "./middleware/options.js";

declare global {
  namespace Express {
    interface Request {
      /** What the gate decided, where it was asked: `outcome` is `allow`, as others are answered by the gate. */
      countersign: Decision;
    }
  }
}

/** How an application is guarded. */
export type ExpressOptions = MiddlewareOptions<IncomingMessage>;

/** What `app.use` takes. */
export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Middleware that answers what may not go through, and puts the decision at `req.countersign` of what may. It stands before body
 * parsers, which find the body whole. What fails goes to the application's error handler, and to no other.
 */
export function countersign(gate: GuardingGate, options: ExpressOptions = {}): ExpressMiddleware {
  const door = new Door(gate, options);
  return (request, response, next) => {
    door.admit(request, response, request).then(
      (decision) => {
        if (decision === undefined) return;
        Object.assign(request, { countersign: decision });
        next();
      },
      (thrown: unknown) => next(errorOf(thrown)),
    );
  };
}
