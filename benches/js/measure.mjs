// Rounds, medians and the CPU time of another process.
import { readdirSync, readFileSync } from "node:fs";

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Measures the contenders in turn, round after round, so that what slows the machine for a while slows all;
 * another one begins each round, so that none is always the first.
 *
 * @template T
 * @param {Record<string, T>} contenders
 * @param {number} rounds
 * @param {(contender: T) => Promise<Record<string, number>>} measure
 * @returns {Promise<Record<string, Record<string, number>>>} the median of each figure
 */
export async function compare(contenders, rounds, measure) {
  /** @type {Record<string, Record<string, number[]>>} */
  const all = Object.fromEntries(Object.keys(contenders).map((name) => [name, {}]));
  for (let round = 0; round < rounds; round += 1) {
    const order = Object.entries(contenders);
    order.push(...order.splice(0, round % order.length));
    for (const [name, contender] of order) {
      for (const [figure, value] of Object.entries(await measure(contender))) {
        (all[name][figure] ??= []).push(value);
      }
    }
  }
  return mapValues(all, (figures) => mapValues(figures, median));
}

/**
 * @template T, U
 * @param {Record<string, T>} object
 * @param {(value: T) => U}  map
 * @returns {Record<string, U>}
 */
function mapValues(object, map) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]));
}

/** The ids of our child processes of this name; none where there is no /proc. @param {string} name */
export function children(name) {
  try {
    return readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .filter((pid) => {
        const stat = fields(pid);
        return stat?.parent === process.pid && stat.name === name;
      });
  } catch {
    return [];
  }
}

/** Microseconds of CPU that a process has used; `undefined` where it cannot be known. @param {number | undefined} pid */
export function cpuMicros(pid) {
  const ticks = pid === undefined ? undefined : fields(pid)?.ticks;
  return ticks === undefined ? undefined : ticks * 10_000; // USER_HZ is 100 on every Linux
}

/** @param {number} pid */
function fields(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const end = stat.lastIndexOf(")");
    const rest = stat.slice(end + 2).split(" ");
    return { name: stat.slice(stat.indexOf("(") + 1, end), parent: Number(rest[1]), ticks: Number(rest[11]) + Number(rest[12]) };
  } catch {
    return undefined;
  }
}
