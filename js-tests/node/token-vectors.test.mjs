// The vectors of ../../vectors/tokens through the npm package: the verdicts that the native test gets, on Node's
// cryptography.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as countersign from "countersign";
import { judgeTokens } from "../lib/judge.mjs";

const TOPICS = ["serialisation", "headers", "signatures", "claims", "proofs"];

for (const topic of TOPICS) {
  const file = JSON.parse(readFileSync(new URL(`../../vectors/tokens/${topic}.json`, import.meta.url), "utf8"));
  test(`${topic}: ${file.vectors.length} vectors, each with its twin`, async () => {
    const { judged, disagreements } = await judgeTokens(countersign, topic, file);
    assert.deepEqual(disagreements, []);
    assert.ok(judged > 50, "the set is there");
  });
}
