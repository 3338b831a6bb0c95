// Limits between processes: counts in a store, asked once a subject, told now and then after the response; and the flood
// shields of the platform, asked before anything is verified.
import type { Documents } from "./documents.js";
import type { FloodLimiter } from "./stores.js";
import { within } from "./timing.js";
import type { Flood, Memory } from "./wasm.js";

/** How long a shield may take to answer, in milliseconds. */
const TIMEOUT = 5_000;
/** What the core takes for a shield that does not answer. */
const UNAVAILABLE = 2;

/** What the store has for each limit, in order; an empty text where it has nothing. */
export function countsOf(documents: Documents, names: readonly string[]): Promise<string[]> {
  return Promise.all(names.map(async (name) => (await documents.get(name)) ?? ""));
}

/** Adds what this process counted to what is stored, of one limit after the other. */
export async function tellLimits(memory: Memory, documents: Documents, names: readonly string[], now: () => number): Promise<void> {
  for (const name of names) {
    const told = memory.tell(name, await documents.get(name), now());
    if (told) await documents.put([told]);
  }
}

/** What each shield says, in order, for the core. */
export async function floodsOf(
  limiters: Readonly<Record<string, FloodLimiter>>,
  floods: readonly Flood[],
  log: (line: string) => void,
): Promise<Uint8Array> {
  const verdicts = new Uint8Array(floods.length);
  // One after the other: each counts.
  for (const [at, { binding, key }] of floods.entries()) {
    const outcome = await within(TIMEOUT, () => limiters[binding]?.limit({ key }));
    verdicts[at] = typeof outcome?.success === "boolean" ? Number(outcome.success) : UNAVAILABLE;
    if (verdicts[at] === UNAVAILABLE) log(`countersign cannot ask the flood shield ${binding}`);
  }
  return verdicts;
}
