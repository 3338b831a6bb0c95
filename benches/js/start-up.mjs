// What a cold isolate costs: compiling the module, and the first answer of a gate that was just started.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { send } from "../../js-tests/lib/net.mjs";
import { startWorld } from "../../js-tests/lib/world.mjs";
import { median } from "./measure.mjs";

const MODULE = fileURLToPath(new URL("../../worker/build/index_bg.wasm", import.meta.url));

/** @param {number} rounds */
export async function benchStartUp(rounds) {
  const bytes = await readFile(MODULE);
  const compiled = await repeat(rounds, async () => WebAssembly.compile(bytes));
  const firsts = [];
  const seconds = [];
  for (let i = 0; i < Math.min(rounds, 5); i += 1) {
    const world = await startWorld();
    const wire = { method: "GET", url: `${world.url}/.well-known/countersign/health`, headers: [] };
    firsts.push((await send(wire)).ms);
    seconds.push((await send(wire)).ms);
    await world.close();
  }
  return { compileMs: compiled, firstMs: median(firsts), secondMs: median(seconds) };
}

/** @param {number} rounds @param {() => Promise<unknown>} work */
async function repeat(rounds, work) {
  const times = [];
  for (let i = 0; i < rounds; i += 1) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return median(times);
}
