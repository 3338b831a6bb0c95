// Key sets over HTTP. The core says which, when, and what an answer is worth; here they are only brought.
import { readBody } from "./body.js";
import type { ImportedKeys } from "./checks.js";
import { type Answer, type Ask, ask as askDirectly } from "./https.js";
import { pack } from "./request.js";
import { type Gate, type KeySource, maxKeyDocumentBytes, type Memory } from "./wasm.js";

/** How long a source may take to answer, in milliseconds. */
export const TIMEOUT = 5_000;

/** What bringing keys takes. */
export interface Host {
  readonly gate: Gate;
  readonly memory: Memory;
  readonly imported: ImportedKeys;
  readonly ask: Ask;
  readonly log: (line: string) => void;
  readonly now: () => number;
}

/** How sources are asked: by the caller's `fetch`, if there is one, who then minds himself what it connects to. */
export function askWith(fetch: typeof globalThis.fetch | undefined): Ask {
  if (!fetch) return askDirectly;
  return async ({ url }, headers, signal, post) => {
    const sent = post === undefined ? {} : { method: "POST", body: post };
    const response = await fetch(url, { redirect: "manual", headers, signal, ...sent });
    return { status: response.status, fields: [...response.headers].flat(), body: response.body ?? [] };
  };
}

/** Brings the keys of each source into memory, all at once. Sources that fail are remembered as that. */
export async function bringKeys(host: Host, sources: readonly KeySource[]): Promise<void> {
  await Promise.all(
    sources.map(async (source) => {
      const answer = await reach(host, source).catch(() => undefined);
      if (answer) take(host, source, answer);
      else host.memory.keysFailed(source.name, host.now());
    }),
  );
}

/** An answer whose body was read; `undefined` where it is too long. */
type Read = Omit<Answer, "body"> & { readonly body: Uint8Array | undefined };

async function reach({ gate, memory, ask, now }: Host, source: KeySource): Promise<Read | undefined> {
  if (!gate.mayFetch(source.url) || !memory.mayFetch(source.name, now())) return undefined;
  const stop = new AbortController();
  const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT), stop.signal]);
  // Digests are those of what was sent, before any coding is undone.
  const { status, fields, body } = await ask(source, { accept: source.accept, "accept-encoding": "identity" }, signal);
  if (status !== 200) {
    // What else it says is in its status and fields.
    stop.abort();
    return { status, fields, body: new Uint8Array() };
  }
  const read = await readBody(body, maxKeyDocumentBytes());
  if (read === "unreadable") return undefined;
  return { status, fields, body: read === "too large" ? undefined : read };
}

function take({ memory, imported, log, now }: Host, { name }: KeySource, { status, fields, body }: Read): void {
  const { text, lengths } = pack(fields);
  const checks = memory.keysFetched(name, status, text, lengths, body, now());
  const verdicts = new Uint8Array(checks.map((check) => Number(imported.verify(check))));
  for (const line of memory.keysVerified(name, verdicts, now())) log(`countersign ${line}`);
}
