// What an agent shows of its work to those who look for a fault.

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
  /** The signature base (RFC 9421 §2.5), where it signed. */
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

/** Fields whose values are nobody else's. */
export const CREDENTIALS: readonly string[] = ["authorization", "proxy-authorization", "cookie", "dpop", "x-api-key"];

/** A signature base without credentials. */
export function withoutCredentials(base: string): string {
  const lines = base.split("\n").map((line) => {
    const name = /^"([^"]+)"/.exec(line)?.[1];
    return name !== undefined && CREDENTIALS.includes(name) ? line.replace(/: .*$/, ": ***") : line;
  });
  return lines.join("\n");
}
