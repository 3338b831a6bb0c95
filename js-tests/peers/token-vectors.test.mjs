// The vectors of `vectors/tokens`, both sides of each, before our rules and before other people's libraries. Our verdicts
// are those that the vectors have: the native test, the command and the npm package show that they are ours, and the
// native test also that a whole gate comes to the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TOKEN_DIFFERENCES } from "./token-differences.mjs";
import { proofVectors, tokenVectors, verifyProofWithOauth4webapi, verifyWithJose, verifyWithOauth4webapi } from "./token-vectors.mjs";

/** @typedef {{layer: "token" | "proof", peer: string, ours: "accept" | "refuse", vector: string}} Difference */

const TOKENS = /** @type {const} */ (["serialisation", "headers", "signatures", "claims"]).flatMap(tokenVectors);

/** @type {Difference[]} */
const LISTED = TOKEN_DIFFERENCES.flatMap(({ layer, seen }) =>
  seen.flatMap(({ peers, ours, vectors }) => peers.flatMap((peer) => vectors.map((vector) => ({ layer, peer, ours, vector })))),
);

/** @param {Difference} difference */
const line = ({ peer, ours, vector }) => `${vector}: we ${ours}, ${peer} does not`;

/**
 * @template {{expected: {outcome: string}}} Side
 * @param {"token" | "proof"} layer
 * @param {string} peer
 * @param {(side: Side) => Promise<void>} verify
 * @param {{name: string, refused: Side, verified: Side}[]} vectors
 */
async function differences(layer, peer, verify, vectors) {
  /** @type {Difference[]} */
  const found = [];
  for (const { name, refused, verified } of vectors) {
    for (const side of [refused, verified]) {
      const ours = side.expected.outcome === "verified" ? "accept" : "refuse";
      const theirs = await verify(side).then(
        () => "accept",
        () => "refuse",
      );
      if (theirs !== ours) found.push({ layer, peer, ours, vector: name });
    }
  }
  return found;
}

/** @param {Difference[]} found @param {number} judged */
function show(found, judged) {
  const [{ layer, peer }] = /** @type {[Difference]} */ (found);
  console.log(`${peer}, ${layer}s: ${found.length} differences on ${judged} vectors and their twins`);
  for (const { cause, why, ...group } of TOKEN_DIFFERENCES.filter((each) => each.layer === layer)) {
    const names = found.filter(({ ours, vector }) =>
      group.seen.some((seen) => seen.peers.includes(peer) && seen.ours === ours && seen.vectors.includes(vector)),
    );
    if (names.length === 0) continue;
    console.log(`  ${String(names.length).padStart(3)}  ${cause}: ${peer} ${why}`);
    console.log(`       ${names.map(({ ours, vector }) => (ours === "accept" ? `${vector} (ours accepts)` : vector)).join(", ")}`);
  }
}

for (const { peer, verify } of [
  { peer: "jose", verify: verifyWithJose },
  { peer: "oauth4webapi", verify: verifyWithOauth4webapi },
]) {
  test(`every difference from the verdicts of ${peer} on tokens is listed`, async () => {
    const found = await differences("token", peer, verify, TOKENS);
    show(found, TOKENS.length);
    assert.deepEqual(found.map(line).sort(), known("token", peer));
  });
}

test("every difference from the verdicts of oauth4webapi on proofs is listed", async () => {
  const proofs = proofVectors();
  const found = await differences("proof", "oauth4webapi", verifyProofWithOauth4webapi, proofs);
  show(found, proofs.length);
  assert.deepEqual(found.map(line).sort(), known("proof", "oauth4webapi"));
});

test("no difference is listed twice, and each has its cause", () => {
  const all = LISTED.map(({ layer, ...difference }) => `${layer} ${line({ layer, ...difference })}`);
  assert.deepEqual(all, [...new Set(all)]);
  for (const { cause, why } of TOKEN_DIFFERENCES) assert.ok(why.length > 40, cause);
});

/** @param {"token" | "proof"} layer @param {string} peer */
function known(layer, peer) {
  return LISTED.filter((each) => each.layer === layer && each.peer === peer).map(line).sort();
}
