// What a server in TypeScript writes, for its types: it is never run.
import { createServer } from "node:http";
import {
  type Agent,
  clientOf,
  CountersignError,
  createGate,
  type Decision,
  type ErrorCode,
  type Gate,
  type RequestDescriptor,
  signMessage,
  verifyDpopProof,
  verifyJwt,
  verifySignature,
} from "countersign";

const gate: Gate = createGate({ origin: "https://origin.shop.example" }, { now: () => 0, log: (line: string) => console.log(line) });
// @ts-expect-error: there is no such option.
createGate("", { clock: () => 0 });
// @ts-expect-error: a configuration is a text or an object.
createGate(7);

export async function decide(request: RequestDescriptor): Promise<Agent | undefined> {
  const decision: Decision = await gate.check(request);
  // @ts-expect-error: only a refusal has a problem.
  decision.problem;
  if (decision.outcome === "allow") return decision.agent;
  const status: number = decision.status;
  const fields: Readonly<Record<string, string>> = decision.headers;
  console.log(status, fields, decision.problem.code, decision.problem.title);
  return undefined;
}

createServer(async (request, response) => {
  const decision = await gate.check({ method: request.method ?? "", url: `https://api.shop.example${request.url}`, headers: request.headersDistinct });
  // @ts-expect-error: outcomes are words.
  if (decision.outcome === 200) return;
  response.end(clientOf(request.socket).address);
});

export async function pieces(): Promise<void> {
  const report = await verifySignature({ method: "GET", url: "https://api.shop.example/", headers: {} }, { keys: [], profile: "web-bot-auth" });
  if (report.outcome === "verified") console.log(report.algorithm satisfies string);
  else console.log(report.hint?.text satisfies string | undefined);
  const jwt = await verifyJwt("", { keys: [], issuer: "https://auth.shop.example", audience: ["https://api.shop.example"] });
  if (jwt.outcome === "verified") console.log(jwt.claims["sub"]);
  // @ts-expect-error: an access token is for an audience.
  await verifyJwt("", { keys: [], issuer: "https://auth.shop.example" });
  console.log((await verifyDpopProof("", { method: "POST", url: "https://api.shop.example/" })).outcome);
  const fields = await signMessage({ method: "GET", url: "https://api.shop.example/", headers: {} }, { components: ["@method"], sign: (base) => base });
  console.log(fields["Signature-Input"], fields.Signature);
}

export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof CountersignError ? error.code : undefined;
}

// @ts-expect-error: codes are known.
export const unknown: ErrorCode = "config.unknown";
