// The demo's cases: what is sent, and what the gate must say to it. Each is a request that a real client made or
// that an attacker would make of it.
import { seconds } from "../lib/issuer.mjs";
import { change, judge, make } from "../lib/recipe.mjs";

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {Expectation} expect
 * @property {(world: World) => import("../lib/recipe.mjs").Recipe | Promise<import("../lib/recipe.mjs").Recipe>} [recipe]
 * @property {(world: World) => Promise<import("../lib/recipe.mjs").Verdict>} [run] in place of a recipe, where one
 *   request is not enough
 * @property {(verdict: import("../lib/recipe.mjs").Verdict) => string | undefined} [check] what is wrong besides
 */
/** @typedef {import("../lib/world.mjs").World} World */
/** @typedef {{outcome: string, status: number, code: string}} Expectation */

/** @type {Expectation} */
const ALLOW = { outcome: "allow", status: 200, code: "ok" };
/** @param {string} code @returns {Expectation} */
const challenge = (code) => ({ outcome: "challenge", status: 401, code });
/** @param {string} code @returns {Expectation} */
const deny = (code, status = 403) => ({ outcome: "deny", status, code });

const ORDER = JSON.stringify({ sku: "tea-42", quantity: 2 });
const CHECKOUT = { method: "POST", path: "/api/v1/checkout", body: ORDER, signature: true, token: true, dpop: true };
const NOTE = { method: "POST", path: "/api/v1/notes", body: '{"note":"hello"}', signature: true };

/** @type {Case[]} */
export const CASES = [
  // What each proof looks like when it is right.
  { name: "open route", expect: ALLOW, recipe: () => ({ path: "/public/hello" }) },
  {
    name: "signature, legacy string",
    expect: ALLOW,
    recipe: () => ({ path: "/api/v1/catalogue?q=tea%20pot&page=2", signature: { form: "legacy" } }),
    check: ({ seen }) =>
      seen?.headers["countersign-assertion"] === undefined ? "the origin got no assertion" : undefined,
  },
  {
    name: "signature, dictionary of origins",
    expect: ALLOW,
    recipe: () => ({ path: "/api/v1/catalogue", signature: { form: "dictionary" } }),
  },
  {
    name: "signature, direct key set URL",
    expect: ALLOW,
    recipe: () => ({ path: "/api/v1/catalogue", signature: { form: "direct" } }),
  },
  {
    name: "signature, RSA-PSS key",
    expect: ALLOW,
    recipe: ({ others }) => ({ path: "/api/v1/catalogue", signature: { form: "dictionary", key: others.rsa } }),
  },
  { name: "signed body", expect: ALLOW, recipe: () => NOTE, check: bodyArrived(NOTE.body) },
  ...tokenCases(),
  ...proofCases(),
  { name: "signature, token and proof", expect: ALLOW, recipe: () => CHECKOUT, check: bodyArrived(ORDER) },
  {
    name: "forged Countersign-* fields",
    expect: ALLOW,
    recipe: () => ({
      path: "/public/hello",
      headers: [["Countersign-Agent", "admin"], ["Countersign-Assertion", "forged"], ["countersign-subject", "root"]],
    }),
    check: ({ seen }) => {
      const reached = Object.entries(seen?.headers ?? {}).filter(([name]) => name.startsWith("countersign-"));
      const forged = reached.filter(([, value]) => ["admin", "forged", "root"].includes(value));
      return forged.length > 0 ? `reached the origin: ${forged.map(([name]) => name)}` : undefined;
    },
  },

  // Signatures.
  { name: "no proof at all", expect: challenge("signature.missing"), recipe: () => ({ path: "/api/v1/catalogue" }) },
  {
    name: "signature of a suspended agent",
    expect: deny("agent.suspended"),
    recipe: ({ others }) => ({ path: "/api/v1/catalogue", signature: { form: "dictionary", key: others.suspended } }),
  },
  {
    name: "signature expired",
    expect: challenge("signature.expired"),
    recipe: () => ({ path: "/api/v1/catalogue", signature: { created: seconds() - 600, lifetime: 300 } }),
  },
  {
    name: "signature from the future",
    expect: challenge("signature.created_in_future"),
    recipe: () => ({ path: "/api/v1/catalogue", signature: { created: seconds() + 600 } }),
  },
  {
    name: "body tampered with",
    expect: deny("signature.digest_mismatch"),
    recipe: () => ({ ...NOTE, tamper: (wire) => void (wire.body = Buffer.from('{"note":"hullo"}')) }),
  },
  {
    name: "method tampered with",
    expect: deny("signature.invalid"),
    recipe: () => ({ ...NOTE, tamper: (wire) => void (wire.method = "PUT") }),
  },
  {
    name: "signed for another authority",
    expect: deny("signature.invalid"),
    recipe: () => ({
      path: "/api/v1/catalogue",
      signature: { url: "https://api.other.example/api/v1/catalogue" },
    }),
  },
  {
    name: "body not covered",
    expect: challenge("signature.component_not_covered"),
    recipe: () => ({ ...NOTE, signature: { components: ["@method", "@authority", "@path"] } }),
  },
  {
    name: "signed with an unknown key",
    expect: challenge("signature.key_unknown"),
    recipe: ({ stranger }) => ({ path: "/api/v1/catalogue", signature: { key: stranger.EdDSA } }),
  },
  {
    name: "directory that nobody trusts",
    expect: challenge("signature.agent_untrusted"),
    recipe: () => ({ path: "/api/v1/catalogue", signature: { agent: "https://evil.example" } }),
  },
  {
    name: "label twice",
    expect: deny("signature.duplicate_label", 400),
    recipe: () => ({
      path: "/api/v1/catalogue",
      signature: true,
      tamper: (wire) => change(wire, "signature-input", (value) => `${value}, ${value}`),
    }),
  },
  {
    name: "signature that is none",
    expect: deny("signature.malformed", 400),
    recipe: () => ({
      path: "/api/v1/catalogue",
      signature: true,
      tamper: (wire) => change(wire, "signature-input", (value) => value.replace("(", "((")),
    }),
  },
  {
    name: "signature replayed",
    expect: deny("signature.replayed"),
    run: (world) => twice(world, NOTE),
  },

  // Tokens.
  { name: "no token", expect: challenge("token.missing"), recipe: () => ({ path: "/api/v1/orders" }) },
  {
    name: "token for another audience",
    expect: challenge("token.audience_mismatch"),
    recipe: () => ({ path: "/api/v1/orders", token: { claims: { aud: "https://api.other.example" } } }),
  },
  {
    name: "token expired",
    expect: challenge("token.expired"),
    recipe: () => ({ path: "/api/v1/orders", token: { now: seconds() - 600, lifetime: 300 } }),
  },
  {
    name: "token of an unknown issuer",
    expect: challenge("token.issuer_unknown"),
    recipe: () => ({ path: "/api/v1/orders", token: { claims: { iss: "https://evil.example" } } }),
  },
  {
    name: "token with a forged kid",
    expect: challenge("token.key_unknown"),
    recipe: ({ stranger }) => ({ path: "/api/v1/orders", token: { key: stranger.EdDSA } }),
  },
  {
    name: "token signed by a stranger",
    expect: challenge("token.signature_invalid"),
    recipe: ({ stranger, issuer }) => ({
      path: "/api/v1/orders",
      token: { key: stranger.EdDSA, header: { kid: issuer.signing.get("EdDSA")?.kid } },
    }),
  },
  {
    name: "token with alg none",
    expect: challenge("token.algorithm_not_allowed"),
    recipe: async ({ issuer }) => ({ path: "/api/v1/orders", token: { raw: unsecured(await issuer.mint()) } }),
  },
  {
    name: "scope missing",
    expect: deny("policy.scope_missing"),
    recipe: () => ({ path: "/api/v1/orders", token: { claims: { scope: "order:write" } } }),
  },

  // Proof of possession.
  {
    name: "bound token sent as bearer",
    expect: challenge("token.bound_used_as_bearer"),
    recipe: () => ({ path: "/api/v1/account", token: { bound: true, scheme: "Bearer" } }),
  },
  {
    name: "unbound token sent as DPoP",
    expect: challenge("token.not_bound"),
    recipe: () => ({ path: "/api/v1/account", token: { bound: false }, dpop: true }),
  },
  {
    name: "bound token without proof",
    expect: challenge("dpop.missing"),
    recipe: () => ({ path: "/api/v1/account", token: { bound: true, scheme: "DPoP" } }),
  },
  {
    name: "proof for another URL",
    expect: challenge("dpop.url_mismatch"),
    recipe: ({ url }) => ({ path: "/api/v1/account", token: true, dpop: { htu: `${url}/api/v1/orders` } }),
  },
  {
    name: "proof for another method",
    expect: challenge("dpop.method_mismatch"),
    recipe: () => ({ path: "/api/v1/account", token: true, dpop: { htm: "POST" } }),
  },
  {
    name: "proof made for another token",
    expect: challenge("dpop.token_hash_mismatch"),
    recipe: async ({ issuer, holders }) => ({
      path: "/api/v1/account",
      token: true,
      dpop: { token: await issuer.mint({ jkt: holders.ES256.kid }) },
    }),
  },
  {
    name: "proof by another key",
    expect: challenge("dpop.key_mismatch"),
    recipe: ({ holders, stranger }) => ({
      path: "/api/v1/account",
      token: { jkt: holders.ES256.kid },
      dpop: { key: stranger.ES256 },
    }),
  },
  {
    name: "proof too old",
    expect: challenge("dpop.expired"),
    recipe: () => ({ path: "/api/v1/account", token: true, dpop: { iat: seconds() - 300 } }),
  },
  {
    name: "proof replayed",
    expect: challenge("dpop.proof_replayed"),
    run: (world) => twice(world, { path: "/api/v1/account", token: true, dpop: true }),
  },

  // What is proven is not yet permitted.
  { name: "no such route", expect: deny("policy.no_route"), recipe: () => ({ path: "/internal/metrics" }) },
  {
    name: "over the limit",
    expect: { outcome: "throttle", status: 429, code: "rate.exceeded" },
    run: (world) => last(world, { path: "/api/v1/search", signature: true }, 12),
    check: ({ answer }) => (answer.headers["retry-after"] === undefined ? "Retry-After is missing" : undefined),
  },
  {
    name: "agent that keeps trying",
    expect: deny("policy.scope_missing"),
    run: (world) => last(world, { path: "/api/v1/admin", signature: true, token: true }, 20),
  },
];

/** @returns {Case[]} */
function tokenCases() {
  return /** @type {const} */ (["EdDSA", "ES256", "RS256"]).map((alg) => ({
    name: `bearer token, ${alg}`,
    expect: ALLOW,
    recipe: () => ({ path: "/api/v1/orders", token: { alg } }),
  }));
}

/** @returns {Case[]} */
function proofCases() {
  return /** @type {const} */ (["ES256", "EdDSA", "RS256"]).map((alg) => ({
    name: `DPoP proof, ${alg}`,
    expect: ALLOW,
    recipe: ({ holders }) => ({ path: "/api/v1/account?verbose=1", token: true, dpop: { key: holders[alg] } }),
  }));
}

/**
 * Sends the same request again, byte for byte, and gives the second verdict.
 *
 * @param {World} world
 * @param {import("../lib/recipe.mjs").Recipe} recipe
 */
async function twice(world, recipe) {
  const wire = await make(world, recipe);
  await judge(wire);
  return judge(wire);
}

/**
 * Sends a request anew several times, and gives the last verdict.
 *
 * @param {World} world
 * @param {import("../lib/recipe.mjs").Recipe} recipe
 * @param {number} times
 */
async function last(world, recipe, times) {
  for (let sent = 1; sent < times; sent += 1) await judge(await make(world, recipe));
  return judge(await make(world, recipe));
}

/** @param {string} body @returns {Case["check"]} */
function bodyArrived(body) {
  return ({ seen }) => (seen?.length === Buffer.byteLength(body) ? undefined : "the body did not reach the origin whole");
}

/**
 * The same claims under `alg: none`, without a signature.
 *
 * @param {string} token
 */
function unsecured(token) {
  const header = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url");
  return `${header}.${token.split(".")[1]}.`;
}
