// What a page in TypeScript writes, for its types: it is never run.
import { createGate, verifySignature } from "countersign";
import { type Agent, type AgentKey, createAgent, generateKey, openKeyStore } from "countersign/agent";

export async function tell(request: Request): Promise<string> {
  const report = await verifySignature(request, { keys: { keys: [] }, explain: true });
  const decision = await createGate({}, { fetch: (input, init) => fetch(input, init) }).check(request);
  return `${report.code} ${decision.code}`;
}

export async function act(): Promise<Response> {
  const store = await openKeyStore();
  const key: AgentKey = (await store.get("agent")) ?? (await generateKey());
  await store.put("agent", key);
  const agent: Agent = createAgent({ key, signatureAgent: "https://agents.example" });
  // @ts-expect-error: there is no such profile.
  createAgent({ key, profile: "web-bot" });
  // @ts-expect-error: keys are not texts.
  createAgent({ key: "secret" });
  return agent.fetch("https://api.shop.example/", { method: "POST", body: new FormData() });
}
