import express, { Router } from "express";
import { createGate, memoryStores, type Decision } from "countersign";
import { countersign, type ExpressOptions } from "countersign/express";

const gate = createGate({}, { stores: memoryStores() });
const options: ExpressOptions = { trustProxy: { proxies: ["10.0.0.0/8"], fields: "forwarded" }, onDecision: ({ id }, request) => void [id, request.socket] };
const app = express();
app.use(countersign(gate));
app.use("/api", countersign(gate, options));
Router().get("/orders", countersign(gate), (req, res) => {
  const decision: Decision = req.countersign;
  if (req.countersign.outcome === "allow") {
    const status: 200 = req.countersign.status;
    // @ts-expect-error what is let in has no problem
    req.countersign.problem;
    res.status(status).json(decision.agent?.id satisfies string | undefined);
  } else {
    const title: string = req.countersign.problem.title;
    const outcome: "challenge" | "deny" | "throttle" | "approve" = req.countersign.outcome;
    res.send(title + outcome);
  }
  // @ts-expect-error there is no such outcome
  req.countersign.outcome === "allowed";
});
// @ts-expect-error there is no such option
countersign(gate, { trustProxies: 1 });
// @ts-expect-error an address is in a list
countersign(gate, { trustProxy: "10.0.0.1" });
// @ts-expect-error this is no gate
countersign({});
