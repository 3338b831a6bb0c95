// What a process counts: its own decisions, as OpenMetrics.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGate } from "countersign";
import { parse, valueOf } from "../lib/openmetrics.mjs";

const CONFIG = {
  origin: "https://origin.example",
  public_origins: ["https://api.example"],
  metrics: { agents: 2 },
  routes: [{ match: "GET /public/**", require: [] }],
};

/** @param {string} path */
const get = (path, client = {}) => ({ method: "GET", url: `https://api.example${path}`, headers: {}, ...client });

test("decisions are counted by route, outcome and code, each gate for itself", async () => {
  const [gate, other] = [createGate(CONFIG), createGate(CONFIG)];
  for (let i = 0; i < 3; i += 1) assert.equal((await gate.check(get("/public/1"))).outcome, "allow");
  assert.equal((await gate.check(get("/nowhere"))).code, "policy.no_route");
  const families = parse(gate.metrics());
  assert.equal(valueOf(families, "countersign_decisions_total", { route: "GET /public/**", outcome: "allow" }), 3);
  assert.equal(valueOf(families, "countersign_failures_total", { agent: "unidentified", code: "policy.no_route" }), 1);
  assert.equal(valueOf(families, "countersign_failure_networks_total", { asn: "unknown" }), 1);
  assert.equal(valueOf(families, "countersign_step_duration_seconds_count", { step: "decision" }), 4);
  assert.equal(valueOf(families, "countersign_isolates_total"), 1);
  assert.equal(valueOf(parse(other.metrics()), "countersign_decisions_total"), 0);
});

test("a flood of paths that lead nowhere does not make the text grow", async () => {
  const gate = createGate(CONFIG);
  await gate.check(get("/nowhere"));
  const length = () => gate.metrics().split("\n").length;
  const before = length();
  for (let i = 0; i < 500; i += 1) await gate.check(get(`/nowhere-${i}`));
  assert.equal(length(), before);
});
