// How sources of keys and issuers are asked.
import type { Chunks } from "./body.js";
import type { KeySource } from "./wasm.js";

/** What a source answered. */
export interface Answer {
  readonly status: number;
  /** The name and the value of each field line in turn. */
  readonly fields: readonly string[];
  readonly body: Chunks;
}

/** Asks a source, with `POST` where there is something to post. Follows no redirect. */
export type Ask = (
  source: Pick<KeySource, "url" | "publicOnly">,
  headers: Record<string, string>,
  signal: AbortSignal,
  post?: string,
) => Promise<Answer>;

/** Asks by a `fetch`, whose giver minds himself what it connects to. */
export function askBy(fetch: typeof globalThis.fetch): Ask {
  return async ({ url }, headers, signal, post) => {
    const sent = post === undefined ? {} : { method: "POST", body: post };
    const response = await fetch(url, { redirect: "manual", headers, signal, ...sent });
    return { status: response.status, fields: [...response.headers].flat(), body: response.body ?? [] };
  };
}
