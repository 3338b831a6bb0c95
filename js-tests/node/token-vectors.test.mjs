// The vectors of ../../vectors/tokens through the npm package: the verdicts that the native test gets, on Node's
// cryptography.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { verifyDpopProof, verifyJwt } from "countersign";

const TOPICS = ["serialisation", "headers", "signatures", "claims", "proofs"];
/** What the set's tokens may live at most, in seconds; the clocks and a proof's age are the package's defaults. */
const DAY = 24 * 60 * 60;

/** @param {any} side @param {object} keys */
const judgeToken = ({ now, token, issuer, audience, profile, algorithms, keys: own }, keys) =>
  verifyJwt(token, { now, issuer, audience, profile, algorithms, keys: own ?? keys, maxLifetime: DAY });

/** @param {any} side */
const judgeProof = ({ now, proof, method, url, token, nonce, algorithms }) =>
  verifyDpopProof(proof, { now, method, url, algorithms, ...(token && { token }), ...(nonce && { nonce }) });

for (const topic of TOPICS) {
  const { keys, vectors } = JSON.parse(readFileSync(new URL(`../../vectors/tokens/${topic}.json`, import.meta.url), "utf8"));
  test(`${topic}: ${vectors.length} vectors, each with its twin`, async () => {
    /** @type {string[]} */
    const disagreements = [];
    for (const vector of vectors) {
      for (const side of ["refused", "verified"]) {
        const input = vector[side];
        const { outcome, code } = await (topic === "proofs" ? judgeProof(input) : judgeToken(input, keys));
        const agrees = outcome === input.expected.outcome && code === input.expected.code;
        if (!agrees) disagreements.push(`${vector.name} (${side}): ${JSON.stringify({ expected: input.expected, outcome, code })}`);
      }
    }
    assert.deepEqual(disagreements, []);
    assert.ok(vectors.length > 50, "the set is there");
  });
}
