// What a page in TypeScript writes, for its types: it is never run.
import { createGate, verifySignature } from "countersign";

export async function tell(request: Request): Promise<string> {
  const report = await verifySignature(request, { keys: { keys: [] }, explain: true });
  const decision = await createGate({}, { fetch: (input, init) => fetch(input, init) }).check(request);
  return `${report.code} ${decision.code}`;
}
