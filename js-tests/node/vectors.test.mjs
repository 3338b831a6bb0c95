// The vectors of ../../vectors through the npm package: the verdicts that the native test gets, on Node's cryptography.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import * as countersign from "countersign";
import { judgeSignatures } from "../lib/judge.mjs";

const FOLDER = new URL("../../vectors/", import.meta.url);

const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json") && !["schema.json", "directories.json"].includes(name));
for (const name of names.sort()) {
  test(`${name}: its vectors, each with its twin`, async (t) => {
    const { judged, disagreements } = await judgeSignatures(countersign, JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")));
    t.diagnostic(`${judged} vectors`);
    assert.deepEqual(disagreements, []);
    assert.ok(judged > 0, "the set is there");
  });
}

test("the vectors are what their generator writes", async () => {
  const { execFileSync } = await import("node:child_process");
  const said = execFileSync(process.execPath, [new URL("generate.mjs", FOLDER).pathname, "--check"], { encoding: "utf8" });
  assert.match(said, /^\d+ vectors/);
});
