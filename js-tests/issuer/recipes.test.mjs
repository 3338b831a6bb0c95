// The recipes of docs/issuers.md: each block loads, takes the tokens that its issuer is documented to sign, and refuses
// those that it warns of. The claims are the issuers' (fixtures/issuers), the keys are the test's.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { SignJWT } from "jose";
import { createGate } from "../lib/in-process.mjs";
import { makeKey } from "../lib/keys.mjs";
import { prove } from "../lib/proof.mjs";

/**
 * @typedef {object} Token
 * @property {string} name
 * @property {Record<string, any>} header
 * @property {Record<string, any>} claims `cnf.jkt` is `*` where the key of the proof belongs
 * @property {string} [client_id] that the gate must read, where it takes the token
 * @property {string} [code] of the refusal, where it does not
 *
 * @typedef {object} Fixture
 * @property {string} recipe
 * @property {number} now seconds; the time of the test
 * @property {{url: string, date: string}[]} sources
 * @property {Token[]} accepted
 * @property {Token[]} refused
 */

const URL_OF_A_REQUEST = "https://api.shop.example/orders/7";

const FOLDER = new URL("../fixtures/issuers/", import.meta.url);
/** @type {Fixture[]} */
const FIXTURES = readdirSync(FOLDER).map((file) => JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")));

const DOCUMENT = readFileSync(new URL("../../docs/issuers.md", import.meta.url), "utf8");
const RECIPES = new Map([...DOCUMENT.matchAll(/^```toml (\S+)\n(.*?)^```$/gms)].map(([, name, toml]) => [name, toml]));

/** The issuer's key and a stranger's, by algorithm; and that of the holder of bound tokens. */
const KEYS = {
  ES256: [await makeKey("ES256"), await makeKey("ES256")],
  RS256: [await makeKey("RS256"), await makeKey("RS256")],
};
const holder = await makeKey("ES256");

test("each recipe has a fixture, and each fixture a recipe and its sources", () => {
  assert.deepEqual([...RECIPES.keys()].sort(), FIXTURES.map(({ recipe }) => recipe).sort());
  for (const { recipe, sources, accepted, refused } of FIXTURES) {
    assert.ok(sources.length > 0 && sources.every(({ url, date }) => url.startsWith("https://") && /^\d{4}-\d\d-\d\d$/.test(date)), recipe);
    assert.ok(accepted.length > 0 && refused.length > 1, recipe);
  }
});

for (const fixture of FIXTURES) {
  describe(fixture.recipe, () => {
    for (const token of fixture.refused) {
      test(`refuses ${token.name}`, async () => {
        const decision = await decide(fixture, token);
        assert.deepEqual([decision.outcome === "allow", decision.code], [false, token.code]);
      });
    }

    for (const token of fixture.accepted) {
      test(`takes ${token.name}`, async () => {
        const decision = await decide(fixture, token);
        assert.deepEqual([decision.outcome, decision.code], ["allow", "ok"]);
        const { iss, sub } = token.claims;
        assert.deepEqual(decision.principal, { iss, sub, client_id: token.client_id });
      });

      test(`refuses ${token.name} if another key signed it`, async () => {
        const decision = await decide(fixture, token, { forged: true });
        assert.equal(decision.code, "token.signature_invalid");
      });
    }
  });
}

/**
 * @param {Fixture} fixture
 * @param {Token} token
 * @param {{forged?: boolean}} [options]
 */
async function decide({ recipe, now }, token, { forged = false } = {}) {
  const [key, stranger] = token.header.alg === "ES256" ? KEYS.ES256 : KEYS.RS256;
  const toml = RECIPES.get(recipe) ?? "";
  const gate = createGate(toml, {
    now: () => now * 1000,
    fetch: async (url) => {
      assert.ok(toml.includes(`jwks_uri = "${url}"`), `${url} is not in the recipe`);
      return Response.json({ keys: [key.publicJwk] });
    },
  });
  const { cnf, ...claims } = token.claims;
  const payload = cnf ? { ...claims, cnf: { jkt: holder.kid } } : claims;
  const signed = await new SignJWT(payload)
    .setProtectedHeader(/** @type {any} */ ({ ...token.header, kid: key.kid }))
    .sign((forged ? stranger : key).privateKey);
  const proves = /require = .*"dpop"/.test(toml);
  /** @type {[string, string][]} */
  const headers = [["authorization", `${proves ? "DPoP" : "Bearer"} ${signed}`]];
  const wire = { method: "GET", url: URL_OF_A_REQUEST, headers };
  if (proves) headers.push(["dpop", await prove(wire, holder, signed, { iat: now })]);
  return gate.check({ ...wire, body: null });
}
