import { Hono } from "hono";
import { createGate, type Decision } from "countersign";
import { countersign } from "countersign/hono";

const gate = createGate({});
const app = new Hono();
app.use(countersign(gate));
app.use("/api/*", countersign(gate, { client: (_context, known) => known, trustProxy: ["::1"] }));
app.get("/orders", countersign(gate), (c) => {
  const decision: Decision = c.var.countersign;
  const same: Decision = c.get("countersign");
  if (same.outcome !== "allow") return c.json(same.problem);
  // @ts-expect-error what is let in has no problem
  same.problem;
  return c.json(decision.agent?.id satisfies string | undefined);
});
// Applications with bindings and variables of their own.
const bound = new Hono<{ Bindings: { KEY: string }; Variables: { user: string } }>();
bound.use(countersign(gate));
bound.get("/", (c) => c.text(c.var.user + c.env.KEY + c.var.countersign.id));
// @ts-expect-error there is no such variable
bound.get("/", (c) => c.text(c.var.counter));
