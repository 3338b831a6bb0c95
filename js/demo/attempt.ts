// One press of the button: the agent sends its request, and everything that happened is kept to be shown.
import { type AgentKey, createAgent, type Exchange } from "countersign/agent";
import type { Means, Mischief } from "./mischief.js";
import type { ProfileName } from "./presets.js";
import { tokenFor, type World } from "./world.js";

/** Who sends. */
export interface Sender {
  readonly key: AgentKey;
  /** The URL of the key set that has its key. */
  readonly keySet: string;
}

export interface Wanted {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly profile: ProfileName;
  readonly token: boolean;
  readonly mischief: Mischief;
}

export interface Outcome {
  readonly exchanges: readonly Exchange[];
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly answer: Answer;
  readonly milliseconds: number;
}

/** What came back: the gate's refusal (RFC 9457), or what the API behind it says that it saw. */
export interface Answer {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly outcome?: string;
  readonly evidence?: readonly Evidence[];
  readonly explanation?: Explanation;
  /** Of the API: the fields that came to it. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Evidence {
  readonly check: string;
  readonly result: "pass" | "fail" | "skipped";
  readonly code?: string;
  readonly detail?: string;
}

export interface Explanation {
  readonly base?: string;
  readonly hint?: { readonly code?: string; readonly text?: string };
}

export async function attempt(world: World, { key, keySet }: Sender, wanted: Wanted): Promise<Outcome> {
  const exchanges: Exchange[] = [];
  const means = await wanted.mischief.spoil({ key, fetch: (input, init) => fetch(input, init), now: Date.now });
  const { method, path, body, profile, token } = wanted;
  const init = { method, ...(body !== "" && method !== "GET" && { body, headers: { "Content-Type": "application/json" } }) };
  const began = performance.now();
  const send = profile === "none" && !token ? means.fetch : fetchOf(world, { ...means, keySet }, wanted, (exchange) => exchanges.push(exchange));
  const response = await send(new URL(path, world.gate), init);
  const answer = (await response.json().catch(() => ({}))) as Answer;
  const milliseconds = performance.now() - began;
  return { exchanges, status: response.status, fields: [...response.headers], answer, milliseconds };
}

function fetchOf(
  { gate, agent }: World,
  { key, keySet, fetch, now }: Means & Sender,
  { profile, token }: Wanted,
  onExchange: (exchange: Exchange) => void,
): typeof globalThis.fetch {
  // The first deployments named the origin, and no key set.
  const form = { signatureAgent: profile === "string" ? agent : keySet, signatureAgentForm: profile === "string" ? "string" : "dictionary" } as const;
  const signed = profile === "none" ? { dpop: key } : { key, ...form };
  const tokens = token ? { token: () => tokenFor(key), tokenOrigins: [gate] } : {};
  return createAgent({ ...signed, ...tokens, fetch, now, onExchange }).fetch;
}
