import { CountersignError } from "../error.js";

/** A body was read before the gate was asked, so that it cannot be compared with what was signed. */
export function bodyConsumed(): CountersignError {
  const message = "the body was read before the gate; put countersign before the body parser, or keep its bytes in `rawBody`";
  return new CountersignError("body.consumed", message);
}

/** The URL was rewritten before the gate was asked: what the client signed, and what the handler gets, are two requests. */
export function urlRewritten(): CountersignError {
  const message = "the URL was rewritten before the gate; put countersign before what rewrites it, or rewrite in front of the server";
  return new CountersignError("url.rewritten", message);
}
