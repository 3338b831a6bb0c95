// The registry of agents and the deny list: documents of a store that the Worker keeps. The core says when to read them
// anew.
import { within } from "./timing.js";
import type { Memory } from "./wasm.js";

/** How long a store may take to answer, in milliseconds. */
const TIMEOUT = 5_000;

/** Reads the document that a store has under `agents`; nothing where it has none. */
export type AgentsReader = () => Promise<string | null | undefined>;

/** Reads the document that a store has under `denials`; nothing where it has none. */
export type DenyListReader = () => Promise<string | null | undefined>;

/** What reading them takes. @internal */
export interface AgentsHost {
  readonly memory: Memory;
  readonly agents: AgentsReader | undefined;
  readonly denyList: DenyListReader | undefined;
  readonly now: () => number;
}

/** Brings the registry into memory. A store that fails, hangs, or is not there, is remembered as that. @internal */
export async function bringAgents({ memory, agents, now }: AgentsHost): Promise<void> {
  const document = await read(agents);
  if (typeof document === "string") memory.agentsLoaded(document, now());
  else memory.agentsFailed(now());
}

/** Brings the deny list into memory. A store that fails, hangs, or is not there, is remembered as that. @internal */
export async function bringDenials({ memory, denyList, now }: AgentsHost): Promise<void> {
  const document = await read(denyList);
  if (typeof document === "string") memory.denialsLoaded(document, now());
  else memory.denialsFailed(now());
}

function read(reader: AgentsReader | undefined): Promise<string | null | undefined> {
  return within(TIMEOUT, () => reader?.());
}
