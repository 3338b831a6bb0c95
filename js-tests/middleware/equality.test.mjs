// The demo's requests, to the Worker in workerd and to the package under each framework: they decide alike, answer alike, and
// let the same bytes through.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CASES } from "../demo/cases.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { HOSTS } from "./hosts.mjs";
import { startParity } from "./parity.mjs";

/** @type {import("./parity.mjs").Parity} */
let world;
before(async () => void (world = await startParity()));
after(() => world.close());

// In the order of the demo: limits and risk remember what came before.
for (const { name, expect, recipe, run, check } of CASES) {
  test(`the Worker and the package alike: ${name}`, async () => {
    const before = world.compared();
    const verdict = recipe ? await judge(await make(world, await recipe(world))) : await run?.(world);
    assert.ok(verdict);
    const { outcome, status, code } = verdict;
    assert.deepEqual({ outcome, status, code }, expect, verdict.answer.body.toString());
    assert.equal(check?.(verdict), undefined);
    assert.deepEqual(world.differences(), []);
    assert.ok(world.compared() - before >= Object.keys(HOSTS).length, "nothing was compared");
  });
}
