// The registry of agents: one document of a store that the Worker keeps. The core says when to read it anew.
import { setTimeout as pause } from "node:timers/promises";
import type { Memory } from "./wasm.js";

/** How long a store may take to answer, in milliseconds. */
const TIMEOUT = 5_000;

/** Reads the document that a store has under `agents`; nothing where it has none. */
export type AgentsReader = () => Promise<string | null | undefined>;

/** What reading the registry takes. */
export interface AgentsHost {
  readonly memory: Memory;
  readonly agents: AgentsReader | undefined;
  readonly now: () => number;
}

/** Brings the registry into memory. A store that fails, hangs, or is not there, is remembered as that. */
export async function bringAgents({ memory, agents, now }: AgentsHost): Promise<void> {
  const document = await read(agents);
  if (typeof document === "string") memory.agentsLoaded(document, now());
  else memory.agentsFailed(now());
}

async function read(agents: AgentsReader | undefined): Promise<string | null | undefined> {
  const over = new AbortController();
  try {
    return await Promise.race([agents?.(), pause(TIMEOUT, undefined, { signal: over.signal, ref: false })]);
  } catch {
    return undefined;
  } finally {
    over.abort();
  }
}
