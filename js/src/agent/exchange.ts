// What an agent shows of its work to those who look for a fault.
import type { Component } from "./components.js";

/** What an agent does about a response, by itself. */
export type Answer = "nonce" | "signature" | "token" | "wait" | "redirect";

/** One request and what came back, for debugging. What others must not see is shown as `***`. */
export interface Exchange {
  /** From 1, for each call of `fetch`. */
  readonly attempt: number;
  readonly method: string;
  readonly url: string;
  /** The fields that the agent added. */
  readonly fields: Readonly<Record<string, string>>;
  /** The signature base (RFC 9421 §2.5), where it signed, with the values of fields that are in `components` and no credentials. */
  readonly base?: string;
  /** The claims of the DPoP proof, where it made one. */
  readonly proof?: Readonly<Record<string, string | number>>;
  /** None where nothing came back. */
  readonly status?: number;
  /** The gate's `Countersign-Decision`. */
  readonly decision?: string;
  /** What the agent does next; nothing where the caller gets the response. */
  readonly answers: readonly Answer[];
}

/** Fields whose values are nobody else's: never shown, and not sent to another origin that is redirected to. */
export const CREDENTIALS: readonly string[] = (
  "authorization proxy-authorization cookie dpop api-key apikey x-api-key x-goog-api-key x-functions-key ocp-apim-subscription-key " +
  "private-token job-token x-auth-token x-access-token x-amz-security-token x-vault-token x-csrf-token x-xsrf-token mcp-session-id"
).split(" ");

/** What an agent writes itself. */
const OWN = ["content-digest", "signature-agent"];

/**
 * A signature base without the values of fields that may be secret: whatever a server asks to be covered, and the agent
 * would not cover by itself.
 */
export function withoutCredentials(base: string, configured: readonly Component[]): string {
  const isShown = (name: string): boolean => {
    return name.startsWith("@") || (!CREDENTIALS.includes(name) && (OWN.includes(name) || configured.some((one) => one.name === name)));
  };
  const lines = base.split("\n").map((line) => {
    const name = /^"([^"]+)"/.exec(line)?.[1];
    return name === undefined || isShown(name) ? line : line.replace(/: .*$/, ": ***");
  });
  return lines.join("\n");
}
