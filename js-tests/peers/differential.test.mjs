// The same requests before our gate and before other people's libraries: where the verdicts differ, we know why.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";
import { DIFFERENCES } from "./differences.mjs";
import { PEERS } from "./peers.mjs";
import { PROOF_REQUESTS, SIGNATURE_REQUESTS, TOKEN_REQUESTS } from "./requests.mjs";

/** @typedef {keyof typeof PEERS} Layer */

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => void (world = await startWorld()));
after(() => world.close());

for (const [layer, requests] of /** @type {const} */ ([
  ["signature", SIGNATURE_REQUESTS],
  ["token", TOKEN_REQUESTS],
  ["proof", PROOF_REQUESTS],
])) {
  test(`every difference from the peers' verdicts on a ${layer} is known`, async () => {
    /** @type {string[]} */
    const found = [];
    for (const [name, recipe] of Object.entries(requests)) found.push(...(await compare(layer, name, recipe)));
    const known = DIFFERENCES.filter((each) => each.layer === layer).flatMap(({ request, peers, ours }) =>
      peers.map((peer) => difference(request, peer, ours)),
    );
    assert.deepEqual(found.sort(), known.sort());
  });
}

/**
 * Prints the verdicts on a request, and gives those that differ from ours.
 *
 * @param {Layer} layer
 * @param {string} name
 * @param {import("./requests.mjs").MakeRecipe} recipe
 */
async function compare(layer, name, recipe) {
  const wire = await make(world, await recipe(world));
  // The peers first: ours may record the proof, and their verdict must not come after it has grown old.
  const known = { agentKeys: [world.agent.publicJwk], issuerKeys: world.issuer.published, audience: world.url };
  /** @type {[string, string][]} */
  const theirs = [];
  for (const [peer, verify] of Object.entries(PEERS[layer])) {
    const verdict = await verify(wire, known).then(
      () => "accept",
      () => "refuse",
    );
    theirs.push([peer, verdict]);
  }
  const { outcome, code } = await judge(wire);
  const ours = outcome === "allow" ? "accept" : "refuse";

  const shown = theirs.map(([peer, verdict]) => `${peer} ${verdict === ours ? "same" : verdict}`).join(", ");
  console.log(`${layer.padEnd(10)}${name.padEnd(34)}${ours} ${code.padEnd(32)}${shown}`);
  const why = DIFFERENCES.find((each) => each.layer === layer && each.request === name)?.why;
  if (why) console.log(`${"".padEnd(44)}${why}`);
  return theirs.filter(([, verdict]) => verdict !== ours).map(([peer]) => difference(name, peer, ours));
}

/**
 * @param {string} request
 * @param {string} peer
 * @param {string} ours
 */
function difference(request, peer, ours) {
  return `${request}: we ${ours}, ${peer} does not`;
}
