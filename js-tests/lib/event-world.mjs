// What tests of events have in common: making some, looking at where they wait, and letting time pass.
import { decodeJwt } from "jose";
import { judge, make } from "./recipe.mjs";
import { startWorld } from "./world.mjs";

/** Proven who it is, and refused: what adds to the risk of an agent. */
export const FORBIDDEN = { path: "/api/v1/admin", signature: true, token: true };
/** More than it takes to change the level twice. */
export const MANY = 20;
/** The event that says how many requests were refused. */
export const REFUSALS = "https://github.com/countersign/countersign/event-type/refusals";
/** A bound for what never comes, not a measure of how soon it should. */
const PATIENCE = 60_000;

/** @typedef {import("./world.mjs").World} World */

/**
 * @param {Parameters<typeof startWorld>[0]} options
 * @param {(world: World) => Promise<void>} body
 */
export async function withWorld(options, body) {
  const world = await startWorld(options);
  try {
    await body(world);
  } finally {
    await world.close();
  }
}

/** Makes an agent's level change, to medium and to high. @param {World} world */
export async function misbehave(world) {
  for (let i = 0; i < MANY; i += 1) await judge(await make(world, FORBIDDEN));
}

/**
 * @template T
 * @param {() => Promise<T | undefined | false> | T | undefined | false} look
 * @param {string} what
 * @returns {Promise<T>}
 */
export async function until(look, what) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @param {string} token */
export const jti = (token) => String(decodeJwt(token).jti);

/**
 * What waits in KV, or is a dead letter there.
 *
 * @param {World["gate"]} gate
 * @param {"outbox:" | "dead:"} prefix
 * @returns {Promise<{ name: string, text: string, entry: { since: number, events: any[], error?: string } }[]>}
 */
export async function kept(gate, prefix) {
  const kv = await gate.kv();
  const { keys } = await kv.list({ prefix });
  const texts = await Promise.all(keys.map((/** @type {{name: string}} */ { name }) => kv.get(name)));
  return keys.flatMap((/** @type {{name: string}} */ { name }, /** @type {number} */ i) =>
    texts[i] === null ? [] : [{ name, text: texts[i], entry: JSON.parse(texts[i]) }],
  );
}

/** @param {World["gate"]} gate @param {"outbox:" | "dead:"} prefix */
export const keptIds = async (gate, prefix) =>
  (await kept(gate, prefix)).flatMap(({ entry }) => entry.events.map(({ jti }) => /** @type {string} */ (jti))).sort();

/** How many refusals events tell of. @param {any[]} claims */
export const refusalsOf = (claims) => claims.reduce((sum, { events }) => sum + (events[REFUSALS]?.count ?? 0), 0);

/** The same of what waits in KV, or is a dead letter there. @param {World["gate"]} gate @param {"outbox:" | "dead:"} prefix */
export const keptRefusals = async (gate, prefix) => refusalsOf((await kept(gate, prefix)).flatMap(({ entry }) => entry.events));

/** Lets what waits in KV be due, as time does. @param {World["gate"]} gate */
export async function later(gate) {
  const kv = await gate.kv();
  for (const { name, text, entry } of await kept(gate, "outbox:")) {
    await kv.delete(name);
    await kv.put(`outbox:0000000000000:${entry.events[0].jti}`, text);
  }
}

/** What the platform does every minute. @param {World["gate"]} gate */
export async function cron(gate) {
  const { outcome } = await (await gate.worker()).scheduled({ cron: "* * * * *" });
  if (outcome !== "ok") throw new Error(`the cron ended with ${outcome}`);
}
