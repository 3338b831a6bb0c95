// The world of the demo with a guarded application under each framework, where the gate stands there.
import { createGate } from "countersign";
import { outside } from "../lib/in-process.mjs";
import { send } from "../lib/net.mjs";
import { judge } from "../lib/recipe.mjs";
import { ROUTES, startWorld } from "../lib/world.mjs";
import { echo, HOSTS } from "./hosts.mjs";

/** A route that anybody may use, besides those of the demo. */
export const OPEN = { match: "* /open/**", require: [] };

/** @typedef {Awaited<ReturnType<typeof startCity>>} City */

/**
 * @param {object} [options]
 * @param {object} [options.config] laid over the usual one
 * @param {object} [options.gateOptions] of `createGate`
 * @param {any} [options.options] of the middleware
 * @param {import("./hosts.mjs").Handler} [options.handler]
 */
export async function startCity({ config = {}, gateOptions = {}, options = {}, handler = echo } = {}) {
  /** @type {Map<string, import("./hosts.mjs").Running>} */
  const running = new Map();
  const world = await startWorld({
    config: { routes: [OPEN, ...ROUTES], ...config },
    start: async ({ config, hosts = {} }) => {
      for (const [name, start] of Object.entries(HOSTS)) {
        const gate = createGate(config, /** @type {any} */ ({ fetch: outside(hosts), ...gateOptions }));
        running.set(name, await start(gate, handler, options));
      }
      return { close: () => Promise.all([...running.values()].map((each) => each.close())) };
    },
  });
  /** @param {string} name @param {import("../lib/net.mjs").Wire} wire */
  const toward = (name, wire) => redirect(wire, world.url, running.get(name)?.url ?? "");
  return {
    ...world,
    /** What listens, by the name of the framework. */
    running,
    /** @param {string} name @param {import("../lib/net.mjs").Wire} wire */
    judge: (name, wire) => judge(toward(name, wire)),
    /** @param {string} name @param {import("../lib/net.mjs").Wire} wire */
    send: (name, wire) => send(toward(name, wire)),
  };
}

/**
 * The same request to another server: the authority stays the one that it was made for.
 *
 * @param {import("../lib/net.mjs").Wire} wire
 * @param {string} from
 * @param {string} to
 */
export function redirect(wire, from, to) {
  const named = wire.headers.some(([name]) => name.toLowerCase() === "host");
  const host = /** @type {[string, string]} */ (["Host", new URL(from).host]);
  return { ...wire, url: to + wire.url.slice(from.length), headers: named ? wire.headers : [host, ...wire.headers] };
}
