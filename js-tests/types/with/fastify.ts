import Fastify from "fastify";
import { createGate, type Decision } from "countersign";
import { countersign } from "countersign/fastify";

const gate = createGate({});
const app = Fastify();
app.register(countersign(gate));
app.register(countersign(gate, { trustProxy: 1, client: (_request, known) => ({ ...known, country: "DE" }) }));
await app.register(countersign(gate), { prefix: "/api" });
Fastify({ http2: true }).register(countersign(gate));
app.get("/orders", async (request) => {
  const decision: Decision = request.countersign;
  if (request.countersign.outcome !== "allow") return request.countersign.problem.code;
  // @ts-expect-error what is let in has no problem
  request.countersign.problem;
  return decision.scope satisfies readonly string[];
});
// @ts-expect-error there is no such option
countersign(gate, { trust: 1 });
