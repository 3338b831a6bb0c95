// In one process: what verifying costs, without HTTP, on the requests that the gates get.
import { make } from "../../js-tests/lib/recipe.mjs";
import { verifyOauth4webapi } from "../../js-tests/peers/oauth4webapi.mjs";
import { verifyWebBotAuth } from "../../js-tests/peers/web-bot-auth.mjs";
import { compare } from "./measure.mjs";
import { verifyCountersign } from "./our-gate.mjs";

const REQUESTS = 200;

/**
 * Who can decide on a whole request in this process.
 *
 * @type {Record<string, import("../../js-tests/peers/peers.mjs").Verify>}
 */
const CONTENDERS = {
  countersign: verifyCountersign,
  "web-bot-auth": verifyWebBotAuth,
  oauth4webapi: verifyOauth4webapi,
  "both peers": async (wire, known) => {
    await verifyOauth4webapi(wire, known);
    await verifyWebBotAuth(wire, known);
  },
};

/**
 * @param {import("../../js-tests/lib/recipe.mjs").Makings} makings
 * @param {import("../../js-tests/lib/recipe.mjs").Recipe} recipe
 * @param {number} rounds
 */
export async function benchInNode(makings, recipe, rounds) {
  const known = { agentKeys: [makings.agent.publicJwk], issuerKeys: makings.issuer.published, audience: makings.url };
  return compare(CONTENDERS, rounds, async (verify) => {
    const wires = await Promise.all(Array.from({ length: REQUESTS }, () => make(makings, recipe)));
    const start = performance.now();
    for (const wire of wires) await verify(wire, known);
    return { micros: ((performance.now() - start) * 1000) / REQUESTS };
  });
}
