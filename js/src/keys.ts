// Key sets over `fetch`. The core says which, when, and what an answer is worth; here they are only brought.
import { readBody } from "./body.js";
import { type Gate, type KeyResponse, type KeySource, maxKeyDocumentBytes, type Memory } from "./wasm.js";

/** How long a source may take to answer, in milliseconds. */
const TIMEOUT = 5_000;

/** What bringing keys takes. */
export interface Host {
  readonly gate: Gate;
  readonly memory: Memory;
  readonly fetch: typeof globalThis.fetch;
  readonly now: () => number;
}

/** Brings the keys of each source into memory, all at once. Sources that fail are remembered as that. */
export async function bringKeys(host: Host, sources: readonly KeySource[]): Promise<void> {
  await Promise.all(
    sources.map(async (source) => {
      const response = await ask(host, source).catch(() => undefined);
      if (response) host.memory.keysFetched(source.name, response, host.now());
      else host.memory.keysFailed(source.name, host.now());
    }),
  );
}

async function ask(host: Host, { name, url, accept }: KeySource): Promise<KeyResponse | undefined> {
  const { gate, memory, fetch, now } = host;
  if (!gate.mayFetch(url) || !memory.mayFetch(name, now())) return undefined;
  const signal = AbortSignal.timeout(TIMEOUT);
  const { status, headers, body } = await fetch(url, { redirect: "manual", headers: { accept }, signal });
  const bytes = body === null ? new Uint8Array() : await readBody(body, maxKeyDocumentBytes());
  if (typeof bytes === "string") return undefined;
  const field = (name: string) => headers.get(name) ?? undefined;
  return {
    status,
    contentType: field("content-type"),
    cacheControl: field("cache-control"),
    age: field("age"),
    retryAfter: field("retry-after"),
    body: bytes,
  };
}
