// From a description of a request to the request: what it proves, and what is wrong with it.
import { contentDigest, COMPONENTS, sign } from "./agent.mjs";
import { json, send } from "./net.mjs";
import { ORIGIN_MARK } from "./origin.mjs";
import { prove } from "./proof.mjs";

/**
 * @typedef {object} Recipe
 * @property {string} [method]
 * @property {string} path with the query
 * @property {string} [body]
 * @property {[string, string][]} [headers]
 * @property {boolean | import("./agent.mjs").SignOptions} [signature] by the agent's key
 * @property {boolean | TokenRecipe} [token]
 * @property {boolean | ProofRecipe} [dpop] a proof for the token, which is bound to its key
 * @property {(wire: import("./net.mjs").Wire) => void} [tamper] changes the request after it was made
 */

/**
 * @typedef {import("./issuer.mjs").TokenOptions & {scheme?: "Bearer" | "DPoP", bound?: boolean, raw?: string}} TokenRecipe
 *   `raw` is sent as it is; `bound: false` leaves out the binding to the key of the proof
 */

/** @typedef {import("./proof.mjs").ProofOptions & {key?: import("./keys.mjs").Key}} ProofRecipe */

/**
 * @typedef {object} Verdict what the gate made of a request
 * @property {"allow" | "challenge" | "approve" | "deny" | "throttle" | "unavailable" | "error"} outcome
 * @property {number} status
 * @property {string} code
 * @property {number} ms
 * @property {import("./net.mjs").Answer} answer
 * @property {import("./origin.mjs").Seen} [seen] by the origin, where it was allowed
 */

/** What a request is made of: a part of a world, so that it can be made without a gate too. */
/** @typedef {Pick<import("./world.mjs").World, "url" | "agent" | "holders" | "issuer">} Makings */

/**
 * @param {Makings} world
 * @param {Recipe} recipe
 * @returns {Promise<import("./net.mjs").Wire>}
 */
export async function make(world, recipe) {
  const { method = "GET", path, headers = [], tamper } = recipe;
  /** @type {import("./net.mjs").Wire} */
  const wire = { method, url: world.url + path, headers: [...headers] };
  if (recipe.body !== undefined) {
    wire.body = Buffer.from(recipe.body);
    wire.headers.push(["Content-Type", "application/json"], ["Content-Digest", contentDigest(wire.body)]);
  }
  if (recipe.token) wire.headers.push(...(await credentials(world, wire, recipe)));
  if (recipe.signature) {
    const options = recipe.signature === true ? {} : recipe.signature;
    const components = options.components ?? (wire.body ? [...COMPONENTS, "content-digest"] : COMPONENTS);
    wire.headers.push(...(await sign(wire, world.agent, { ...options, components })));
  }
  tamper?.(wire);
  return wire;
}

/**
 * @param {Makings} world
 * @param {import("./net.mjs").Wire} wire
 * @param {Recipe} recipe
 * @returns {Promise<[string, string][]>}
 */
async function credentials(world, wire, recipe) {
  const tokenRecipe = typeof recipe.token === "object" ? recipe.token : {};
  const { scheme, bound, raw, ...tokenOptions } = tokenRecipe;
  const { key, ...proofOptions } = typeof recipe.dpop === "object" ? recipe.dpop : {};
  const holder = key ?? world.holders.ES256;
  const jkt = tokenOptions.jkt ?? (bound ?? Boolean(recipe.dpop) ? holder.kid : undefined);
  const token = raw ?? (await world.issuer.mint({ ...tokenOptions, jkt }));
  /** @type {[string, string][]} */
  const fields = [["Authorization", `${scheme ?? (recipe.dpop ? "DPoP" : "Bearer")} ${token}`]];
  if (recipe.dpop) fields.push(["DPoP", await prove(wire, holder, token, proofOptions)]);
  return fields;
}

/**
 * @param {import("./net.mjs").Wire} wire
 * @param {import("node:http").Agent} [agent] keeps connections
 * @returns {Promise<Verdict>}
 */
export async function judge(wire, agent) {
  const answer = await send(wire, agent);
  const { status, ms } = answer;
  if (answer.headers[ORIGIN_MARK]) {
    return { outcome: "allow", status, code: "ok", ms, answer, seen: json(answer) };
  }
  const code = json(answer)?.code ?? "(none)";
  return { outcome: outcomeOf(status, code), status, code, ms, answer };
}

/**
 * @param {number} status
 * @param {string} code
 * @returns {Verdict["outcome"]}
 */
function outcomeOf(status, code) {
  if (code === "policy.approval_required") return "approve";
  if (status === 401) return "challenge";
  if (status === 429) return "throttle";
  if (status === 503) return "unavailable";
  return status >= 400 && status < 500 ? "deny" : "error";
}

/**
 * Replaces the value of a field.
 *
 * @param {import("./net.mjs").Wire} wire
 * @param {string} name
 * @param {(value: string) => string} change
 */
export function change(wire, name, change) {
  wire.headers = wire.headers.map(([field, value]) =>
    field.toLowerCase() === name.toLowerCase() ? [field, change(value)] : [field, value],
  );
}
