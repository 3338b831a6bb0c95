// The demo's requests through the npm package. What they expect is what the demo finds the Worker to say.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CASES } from "../demo/cases.mjs";
import { startInProcess } from "../lib/in-process.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

/** About what a Worker forwards; the package forwards nothing. */
const ABOUT_FORWARDING = ["forged Countersign-* fields"];

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => void (world = await startWorld({ start: startInProcess })));
after(() => world.close());

// In the order of the demo: limits and risk remember what came before.
for (const { name, expect, recipe, run, check } of CASES.filter(({ name }) => !ABOUT_FORWARDING.includes(name))) {
  test(`in-process as in the Worker: ${name}`, async () => {
    const verdict = recipe ? await judge(await make(world, await recipe(world))) : await run?.(world);
    assert.ok(verdict);
    const { outcome, status, code } = verdict;
    assert.deepEqual({ outcome, status, code }, expect, verdict.answer.body.toString());
    // Of what goes through, the checks ask the origin.
    if (outcome !== "allow") assert.equal(check?.(verdict), undefined);
  });
}
