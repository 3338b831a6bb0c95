// Whole gates in workerd, over HTTP on loopback: ours, the peers' and one that only forwards.
import { Agent } from "node:http";
import { fileURLToPath } from "node:url";
import { bundle } from "../../js-tests/lib/bundle.mjs";
import { judge, make } from "../../js-tests/lib/recipe.mjs";
import { startWorld } from "../../js-tests/lib/world.mjs";
import { children, compare, cpuMicros } from "./measure.mjs";

const REQUESTS = 1000;
const WARM_UP = 500;
const AT_ONCE = 8;

/**
 * @param {import("../../js-tests/lib/recipe.mjs").Recipe} recipe
 * @param {number} rounds
 */
export async function benchInWorkerd(recipe, rounds) {
  const entry = (/** @type {string} */ name) => fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
  /** @type {Record<string, {world: import("../../js-tests/lib/world.mjs").World, pid: number | undefined}>} */
  const gates = {};
  try {
    gates.countersign = await start(undefined);
    gates.peers = await start(await bundle(entry("peer-gate"), "peer-gate"));
    gates.forwarding = await start(await bundle(entry("bare-gate"), "bare-gate"));
    for (const { world } of Object.values(gates)) await load(world, recipe, WARM_UP);
    return await compare(gates, rounds, ({ world, pid }) => measure(world, pid, recipe));
  } finally {
    for (const { world } of Object.values(gates)) await world.close();
  }
}

/** @param {string | undefined} build */
async function start(build) {
  const before = new Set(children("workerd"));
  // A limit would end the measurement; everything else is as in the demo.
  const world = await startWorld({ build, withoutLimits: true });
  return { world, pid: children("workerd").find((pid) => !before.has(pid)) };
}

/**
 * @param {import("../../js-tests/lib/world.mjs").World} world
 * @param {number | undefined} pid
 * @param {import("../../js-tests/lib/recipe.mjs").Recipe} recipe
 * @returns {Promise<Record<string, number>>}
 */
async function measure(world, pid, recipe) {
  const before = cpuMicros(pid);
  const seconds = await load(world, recipe, REQUESTS);
  const after = cpuMicros(pid);
  const perSecond = REQUESTS / seconds;
  if (before === undefined || after === undefined) return { perSecond };
  return { perSecond, cpuMicros: (after - before) / REQUESTS };
}

/**
 * Signs first, then sends; every request is a new one, and every answer must be the origin's.
 *
 * @param {import("../../js-tests/lib/world.mjs").World} world
 * @param {import("../../js-tests/lib/recipe.mjs").Recipe} recipe
 * @param {number} count
 * @returns {Promise<number>} seconds
 */
async function load(world, recipe, count) {
  const wires = await Promise.all(Array.from({ length: count }, () => make(world, recipe)));
  const connections = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const start = performance.now();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let wire = wires.pop(); wire; wire = wires.pop()) {
        const { outcome, code, answer } = await judge(wire, connections);
        if (outcome !== "allow") throw new Error(`a right request was refused: ${code} ${answer.body}`);
      }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  connections.destroy();
  return seconds;
}
