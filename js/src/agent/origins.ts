// Which origins get what.
import { fail } from "./fail.js";

/** Whether a URL's host is this machine: the only one that may be talked to in the clear with a credential. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}

/** Origins as they were configured, each in its one spelling. */
export function parseOrigins(list: unknown, name: string): ReadonlySet<string> {
  if (!Array.isArray(list) || list.length === 0) throw fail("agent.options_invalid", `${name} is a list of origins`);
  return new Set(list.map((text: unknown) => parseOrigin(text, name)));
}

function parseOrigin(text: unknown, name: string): string {
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  const isBare = url?.pathname === "/" && url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  if (!url || !isBare) throw fail("agent.options_invalid", `${name} has origins only, such as https://api.shop.example`);
  if (!isSecure(url)) throw fail("agent.options_invalid", `${name} is https, but for this machine's own addresses`);
  return url.origin;
}

/** Whether what is sent there is kept from others on the way. */
export function isSecure(url: URL): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url));
}
