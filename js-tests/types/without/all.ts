// Somebody who has none of the frameworks, and whose compiler looks into the packages that are there.
import { createGate } from "countersign";
import { countersign as onExpress } from "countersign/express";
import { countersign as onFastify } from "countersign/fastify";
import { countersign as onHono } from "countersign/hono";
import { countersign as onNode, guard } from "countersign/node";

const gate = createGate({});
export const all = [onExpress(gate), onFastify(gate), onHono(gate), onNode(gate), guard(gate, (request) => request.countersign.id)] as const;
// @ts-expect-error one of the parts is no gate
onHono({ check: gate.check });
