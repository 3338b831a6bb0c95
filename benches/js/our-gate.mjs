// The npm package as one of the contenders in Node. It does rather more than the peers: it looks for replays, compares
// the body's digest, weighs risk and writes down what it checked.
import { createGate } from "../../js-tests/lib/in-process.mjs";
import { AGENT, DIRECTORY_TYPE, ISSUER, JWKS_PATH } from "../../js-tests/lib/names.mjs";
import { ROUTES } from "../../js-tests/lib/world.mjs";

/** A gate for each that is known, warm after its first request. @type {WeakMap<object, ReturnType<typeof createGate>>} */
const gates = new WeakMap();

/** @type {import("../../js-tests/peers/peers.mjs").Verify} */
export async function verifyCountersign(wire, known) {
  let gate = gates.get(known);
  if (!gate) gates.set(known, (gate = makeGate(known)));
  const decision = await gate.check(wire);
  if (decision.outcome !== "allow") throw new Error(`a right request was refused: ${decision.code}`);
}

/** @param {import("../../js-tests/peers/peers.mjs").Known} known */
function makeGate({ agentKeys, issuerKeys, audience }) {
  const issuer = { issuer: ISSUER, jwks_uri: ISSUER + JWKS_PATH, audience: [audience], algorithms: ["EdDSA", "RS256"] };
  const config = {
    origin: "http://127.0.0.1:9000",
    public_origins: [audience],
    issuers: [issuer],
    signatures: { trust: [AGENT] },
    // A limit would end the measurement; everything else is as in the demo.
    routes: ROUTES.map(({ rate, ...route }) => route),
  };
  const fetch = async (/** @type {unknown} */ url) => {
    if (url === issuer.jwks_uri) return Response.json({ keys: issuerKeys });
    return Response.json({ keys: agentKeys }, { headers: { "content-type": DIRECTORY_TYPE } });
  };
  return createGate(config, { fetch });
}
