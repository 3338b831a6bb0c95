// What is around the page: the gate, and a server that does for this agent what its operator would: publishes its key, and
// gets tokens for it.
import type { AgentKey, PublicJwk } from "countersign/agent";

/** Where everything is. */
export interface World {
  /** The origin of the gate. */
  readonly gate: string;
  /** The origin of the agent's directory. */
  readonly agent: string;
}

export async function worldAround(): Promise<World> {
  const response = await fetch("./world.json");
  return (await response.json()) as World;
}

/** Has the key published in the agent's directory, and gives the URL of the key set that has it alone. */
export async function publish(jwk: PublicJwk): Promise<string> {
  const response = await fetch("./keys", { method: "POST", body: JSON.stringify(jwk) });
  if (!response.ok) throw new Error("the directory takes no more keys; start the demo anew");
  const { keySet } = (await response.json()) as { keySet: string };
  return keySet;
}

/** A token that is bound to the key (RFC 9449 §6), from the demo's issuer. */
export async function tokenFor({ thumbprint }: AgentKey): Promise<string> {
  const response = await fetch(`./token?jkt=${encodeURIComponent(thumbprint)}`);
  const { access_token: token } = (await response.json()) as { access_token: string };
  return token;
}
