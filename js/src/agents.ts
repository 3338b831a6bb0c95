// The registry of agents: one document of a store that the Worker keeps. The core says when to read it anew.
import type { Memory } from "./wasm.js";

/** Reads the document that a store has under `agents`; nothing where it has none. */
export type AgentsReader = () => Promise<string | null | undefined>;

/** What reading the registry takes. */
export interface AgentsHost {
  readonly memory: Memory;
  readonly agents: AgentsReader | undefined;
  readonly now: () => number;
}

/** Brings the registry into memory. A store that fails, or is not there, is remembered as that. */
export async function bringAgents({ memory, agents, now }: AgentsHost): Promise<void> {
  const document = await agents?.().catch(() => undefined);
  if (typeof document === "string") memory.agentsLoaded(document, now());
  else memory.agentsFailed(now());
}
