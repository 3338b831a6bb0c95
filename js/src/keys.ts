// Key sets over HTTP. The core says which, when, and what an answer is worth; here they are only brought.
import type { Answer, Ask } from "./ask.js";
import { readBody } from "./body.js";
import type { Documents } from "./documents.js";
import { placeOf, whyOf } from "./unreached.js";
import { type ImportedKeys, verdictsOf } from "./platform.js";
import { pack } from "./request.js";
import { type Gate, type KeySource, maxKeyDocumentBytes, type Memory, type Stored } from "./wasm.js";

/** How long a source may take to answer, in milliseconds. */
export const TIMEOUT = 5_000;

/** What bringing keys takes. */
export interface Host {
  readonly gate: Gate;
  readonly memory: Memory;
  readonly documents: Documents;
  readonly imported: ImportedKeys;
  readonly ask: Ask;
  readonly log: (line: string) => void;
  readonly now: () => number;
}

/**
 * Brings the keys of each source into memory, all at once: from the store where another process has left them, else from the
 * source. Sources that fail are remembered as that. Gives what to store.
 */
export async function bringKeys(host: Host, sources: readonly KeySource[]): Promise<Stored[]> {
  const stored = await Promise.all(sources.map((source) => bring(host, source)));
  return stored.filter((text) => text !== undefined);
}

async function bring(host: Host, source: KeySource): Promise<Stored | undefined> {
  const { memory, documents, now } = host;
  const text = await documents.get(source.name);
  if (text !== undefined && memory.keysLoaded(source.name, text, now())) return undefined;
  const answer = await reach(host, source).catch((error: unknown) => host.log(`countersign cannot reach ${placeOf(source)}: ${whyOf(error)}`));
  return answer ? take(host, source, answer) : memory.keysFailed(source.name, now());
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

async function take(host: Host, { name }: KeySource, { status, fields, body }: Read): Promise<Stored | undefined> {
  const { memory, imported, log, now } = host;
  const { text, lengths } = pack(fields);
  const checks = memory.keysFetched(name, status, text, lengths, body, now());
  const taken = memory.keysVerified(name, await verdictsOf(imported, checks), now());
  for (const line of taken?.lines ?? []) log(`countersign ${line}`);
  return taken?.store;
}
