// Redirects as `fetch` follows them (Fetch §4.4, HTTP-redirect fetch), so that each hop gets a signature of its own.
import { canRepeat } from "./body.js";
import { CREDENTIALS } from "./exchange.js";
import { fail } from "./fail.js";
import type { Outgoing } from "./outgoing.js";

/** Most redirects that are followed, as in `fetch`. */
export const MOST_REDIRECTS = 20;

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Gone with the body that they describe. */
const OF_CONTENT = ["content-encoding", "content-language", "content-location", "content-type", "content-length", "content-digest", "repr-digest"];

/** Made for one URL, and no proof for another. */
const OF_URL = ["signature", "signature-input", "signature-agent", "dpop"];

/** Whether a response sends its client elsewhere; a browser that will not say where gives status 0. */
export function isRedirect(response: Response): boolean {
  return response.type === "opaqueredirect" || (REDIRECTS.includes(response.status) && response.headers.has("location"));
}

/** The request to where a response redirects. Throws where it is not to be followed. */
export function redirected(outgoing: Outgoing, response: Response): Outgoing {
  if (response.type === "opaqueredirect" || response.status === 0) {
    throw fail("agent.redirect_refused", "the platform does not say where the redirect leads, so that nothing can be signed for it");
  }
  const url = targetOf(response, outgoing.url);
  if (!canRepeat(outgoing.body) && response.status !== 303) {
    throw fail("agent.redirect_refused", "the redirect wants the body again, which was a stream");
  }
  const isGet = becomesGet(response.status, outgoing.method);
  const headers = new Headers(outgoing.headers);
  for (const name of [...OF_URL, ...(isGet ? OF_CONTENT : [])]) headers.delete(name);
  if (url.origin !== outgoing.url.origin) for (const name of CREDENTIALS) headers.delete(name);
  return { ...outgoing, url, headers, ...(isGet && { method: "GET", body: { kind: "none" } }) };
}

function targetOf(response: Response, from: URL): URL {
  const location = response.headers.get("location") ?? "";
  if (!URL.canParse(location, from.href)) throw fail("agent.redirect_refused", "the redirect leads to what is no URL");
  const url = new URL(location, from);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw fail("agent.redirect_refused", "the redirect leads out of http");
  if (from.protocol === "https:" && url.protocol === "http:") throw fail("agent.redirect_refused", "the redirect leads from https to http");
  if (url.username !== "" || url.password !== "") throw fail("agent.redirect_refused", "the redirect leads to a URL with a user in it");
  url.hash = "";
  if (url.search === "") url.search = "";
  return url;
}

function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== "GET" && method !== "HEAD";
  return (status === 301 || status === 302) && method === "POST";
}
