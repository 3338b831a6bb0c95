// The requests that we and the peers judge. Each fault is in one layer alone, so that a verdict speaks of it.
import { randomUUID } from "node:crypto";
import { CompactSign } from "jose";
import { seconds } from "../lib/issuer.mjs";
import { ISSUER } from "../lib/names.mjs";
import { change } from "../lib/recipe.mjs";

/** @typedef {Pick<import("../lib/world.mjs").World, "url" | "agent" | "holders" | "stranger" | "issuer">} Makings */
/** @typedef {(makings: Makings) => import("../lib/recipe.mjs").Recipe | Promise<import("../lib/recipe.mjs").Recipe>} MakeRecipe */

const PATH = "/api/v1/catalogue";
const TOKEN_PATH = "/api/v1/orders";
const BOUND_PATH = "/api/v1/account";

/** @type {Record<string, MakeRecipe>} */
export const SIGNATURE_REQUESTS = {
  "legacy string": () => ({ path: PATH, signature: { form: "legacy" } }),
  "dictionary of origins": () => ({ path: PATH, signature: { form: "dictionary" } }),
  "direct key set URL": () => ({ path: PATH, signature: { form: "direct" } }),
  "query covered": () => ({ path: `${PATH}?q=tea%20pot`, signature: { components: ["@authority", "@query"] } }),
  "no query, covered": () => ({ path: PATH, signature: { form: "dictionary", components: ["@authority", "@query"] } }),
  "target URI covered": () => ({ path: `${PATH}?a=1`, signature: { components: ["@target-uri"] } }),
  "inner white space kept": () => ({
    path: PATH,
    headers: [["x-note", "two  spaces"]],
    signature: { form: "dictionary", components: ["@authority", "x-note"] },
  }),
  expired: () => ({ path: PATH, signature: { created: seconds() - 600, lifetime: 300 } }),
  "created in the future": () => ({ path: PATH, signature: { created: seconds() + 600 } }),
  "window of a week": () => ({ path: PATH, signature: { lifetime: 7 * 24 * 3600 } }),
  "another tag": () => ({ path: PATH, signature: { form: "dictionary", tag: "something-else" } }),
  "another authority": () => ({ path: PATH, signature: { url: `https://other.example${PATH}` } }),
  "unknown key": ({ stranger }) => ({ path: PATH, signature: { key: stranger.EdDSA } }),
  "one bit of the signature flipped": () => ({
    path: PATH,
    signature: true,
    tamper: (wire) => change(wire, "signature", (value) => value.replace(/:(.)/, (_, c) => `:${c === "A" ? "B" : "A"}`)),
  }),
  "label twice": () => ({
    path: PATH,
    signature: true,
    tamper: (wire) => change(wire, "signature-input", (value) => `${value}, ${value}`),
  }),
  "a second signature, of nobody": () => ({
    path: PATH,
    signature: true,
    tamper: (wire) => {
      change(wire, "signature-input", (value) => `other=("@authority");created=1;keyid="x", ${value}`);
      change(wire, "signature", (value) => `other=:AAAA:, ${value}`);
    },
  }),
  "parameter changed after signing": () => ({
    path: PATH,
    signature: true,
    tamper: (wire) => change(wire, "signature-input", (value) => value.replace(/expires=(\d+)/, (_, n) => `expires=${Number(n) + 60}`)),
  }),
  "body changed": () => ({
    path: "/api/v1/notes",
    method: "POST",
    body: "{}",
    signature: true,
    tamper: (wire) => void (wire.body = Buffer.from("[]")),
  }),
  "agent not covered": () => ({
    path: PATH,
    signature: true,
    tamper: (wire) => change(wire, "signature-agent", () => '"https://evil.example"'),
  }),
};

/** @type {Record<string, MakeRecipe>} */
export const TOKEN_REQUESTS = {
  "bearer EdDSA": () => ({ path: TOKEN_PATH, token: true }),
  "bearer ES256": () => ({ path: TOKEN_PATH, token: { alg: "ES256" } }),
  "bearer RS256": () => ({ path: TOKEN_PATH, token: { alg: "RS256" } }),
  "audience among others": ({ url }) => ({ path: TOKEN_PATH, token: { claims: { aud: ["https://a.example", url] } } }),
  expired: () => ({ path: TOKEN_PATH, token: { now: seconds() - 600, lifetime: 300 } }),
  "not valid yet": () => ({ path: TOKEN_PATH, token: { claims: { nbf: seconds() + 600 } } }),
  "issued in the future": () => ({ path: TOKEN_PATH, token: { now: seconds() + 600 } }),
  "lives for a year": () => ({ path: TOKEN_PATH, token: { lifetime: 365 * 24 * 3600 } }),
  "another audience": () => ({ path: TOKEN_PATH, token: { claims: { aud: "https://other.example" } } }),
  "another issuer": () => ({ path: TOKEN_PATH, token: { claims: { iss: "https://evil.example" } } }),
  "an ID token": () => ({ path: TOKEN_PATH, token: { header: { typ: "JWT" } } }),
  "no client_id": () => ({ path: TOKEN_PATH, token: { claims: { client_id: undefined } } }),
  "no jti": () => ({ path: TOKEN_PATH, token: { claims: { jti: undefined } } }),
  "scope twice": async (makings) => ({ path: TOKEN_PATH, token: { raw: await withDuplicate(makings) } }),
  "forged kid": ({ stranger }) => ({ path: TOKEN_PATH, token: { key: stranger.EdDSA } }),
  "padded signature": async ({ issuer }) => ({ path: TOKEN_PATH, token: { raw: `${await issuer.mint()}==` } }),
};

/** @type {Record<string, MakeRecipe>} */
export const PROOF_REQUESTS = {
  "proof ES256": () => ({ path: BOUND_PATH, token: true, dpop: true }),
  "proof EdDSA": ({ holders }) => ({ path: BOUND_PATH, token: true, dpop: { key: holders.EdDSA } }),
  "proof with query and fragment": ({ url }) => ({
    path: `${BOUND_PATH}?a=1`,
    token: true,
    dpop: { htu: `${url}${BOUND_PATH}?b=2#c` },
  }),
  "bound, as bearer": () => ({ path: BOUND_PATH, token: { bound: true, scheme: "Bearer" } }),
  "unbound, with proof": () => ({ path: BOUND_PATH, token: { bound: false }, dpop: true }),
  "proof for another URL": ({ url }) => ({ path: BOUND_PATH, token: true, dpop: { htu: `${url}/elsewhere` } }),
  "proof for another method": () => ({ path: BOUND_PATH, token: true, dpop: { htm: "POST" } }),
  "proof for method in lower case": () => ({ path: BOUND_PATH, token: true, dpop: { htm: "get" } }),
  "proof for another token": async ({ issuer, holders }) => ({
    path: BOUND_PATH,
    token: true,
    dpop: { token: await issuer.mint({ jkt: holders.ES256.kid }) },
  }),
  "proof by another key": ({ holders, stranger }) => ({
    path: BOUND_PATH,
    token: { jkt: holders.ES256.kid },
    dpop: { key: stranger.ES256 },
  }),
  "proof two minutes old": () => ({ path: BOUND_PATH, token: true, dpop: { iat: seconds() - 120 } }),
  "proof ten minutes old": () => ({ path: BOUND_PATH, token: true, dpop: { iat: seconds() - 600 } }),
  "proof two minutes ahead": () => ({ path: BOUND_PATH, token: true, dpop: { iat: seconds() + 120 } }),
  "proof of another type": () => ({ path: BOUND_PATH, token: true, dpop: { header: { typ: "JWT" } } }),
  "proof with the private key": ({ holders }) => ({
    path: BOUND_PATH,
    token: true,
    dpop: { header: { jwk: holders.ES256.privateJwk } },
  }),
};

/**
 * A rightly signed token whose claims have `scope` twice: a reader that keeps the first and one that keeps the
 * last grant different things.
 *
 * @param {Makings} makings
 */
async function withDuplicate({ issuer, url }) {
  const key = issuer.signing.get("EdDSA");
  if (!key) throw new Error("the issuer has no key");
  const now = seconds();
  const claims = { iss: ISSUER, aud: url, sub: "user-7", client_id: "c", iat: now, exp: now + 300, jti: randomUUID() };
  const text = `${JSON.stringify(claims).slice(0, -1)},"scope":"order:read","scope":"order:read order:write"}`;
  return new CompactSign(new TextEncoder().encode(text))
    .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: key.kid })
    .sign(key.privateKey);
}
