// A Worker: no Node, whose types would be errors of their own.
import { createGate } from "countersign";
import { countersign } from "countersign/hono";

export const middleware = countersign(createGate({}), { trustProxy: 1 });
// @ts-expect-error there is no such option
countersign(createGate({}), { proxies: 1 });
