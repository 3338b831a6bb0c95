/** `host [":" port]` and nothing else (RFC 3986 §3.2.2 and §3.2.3): neither a user nor anything that would end it. */
const AUTHORITY = /^(?:\[[0-9a-f:.]+\]|(?:[a-z0-9\-._~!$&'()*+,;=]|%[0-9a-f]{2})+)(?::\d{1,5})?$/i;

/**
 * The absolute URL of parts that come from different hands: parsers of HTTP/1.1 let anything pass as `Host`, and `a?` before
 * `/b` would make a query of the path. What is no authority, or no path, is left out: no gate lets a URL without an authority
 * pass, and nothing is guessed of it.
 */
export function urlOf(scheme: string, authority: string, path: string): string {
  // An absolute-form may end with its authority. Before a query alone servers do not agree where the path begins.
  const isWhole = AUTHORITY.test(authority) && (path === "" || path.startsWith("/"));
  return isWhole ? `${scheme}://${authority}${path}` : `${scheme}://`;
}
