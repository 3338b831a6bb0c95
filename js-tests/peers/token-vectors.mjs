// The vectors of `vectors/tokens` before `jose` and `oauth4webapi`, each told what we are told.
//
// `jose` knows nothing of proofs, and `oauth4webapi` judges one together with the token that it comes with. The wire
// cannot carry everything that a vector has; what `Request` does not take is not judged.
import { readFileSync } from "node:fs";
import { createLocalJWKSet, jwtVerify } from "jose";
import { clockSkew, clockTolerance, jwksCache, validateJwtAccessToken } from "oauth4webapi";

/** How far clocks may differ, in seconds. */
const SKEW = 30;

/**
 * @typedef {object} TokenSide
 * @property {number} now
 * @property {string} token
 * @property {import("jose").JSONWebKeySet} keys
 * @property {string} issuer
 * @property {string} audience
 * @property {"at+jwt" | "jwt"} profile
 * @property {string[]} algorithms
 * @property {{outcome: string, code: string}} expected
 */

/**
 * @typedef {object} TokenVector
 * @property {string} name
 * @property {string} description
 * @property {"standard" | "policy"} basis
 * @property {TokenSide} refused
 * @property {TokenSide} verified
 */

/**
 * @typedef {object} ProofSide
 * @property {number} now
 * @property {string} proof
 * @property {string} method
 * @property {string} url
 * @property {string} [token]
 * @property {string} [nonce]
 * @property {import("jose").JSONWebKeySet} keys of the token's issuer
 * @property {string[]} algorithms
 * @property {{outcome: string, code: string}} expected
 */

/** @typedef {Omit<TokenVector, "refused" | "verified"> & {refused: ProofSide, verified: ProofSide}} ProofVector */

/** @typedef {(side: TokenSide) => Promise<void>} VerifyToken throws to refuse */

/**
 * The vectors of tokens of one file, each side with the keys of the file where it has none of its own.
 *
 * @param {"serialisation" | "headers" | "signatures" | "claims"} topic
 * @returns {TokenVector[]}
 */
export function tokenVectors(topic) {
  return read(topic);
}

/**
 * The vectors of proofs that come with a token.
 *
 * @returns {ProofVector[]}
 */
export function proofVectors() {
  return read("proofs").filter((/** @type {ProofVector} */ { refused, verified }) => refused.token && verified.token);
}

/** @param {string} topic */
function read(topic) {
  const { keys, vectors } = JSON.parse(readFileSync(new URL(`../../vectors/tokens/${topic}.json`, import.meta.url), "utf8"));
  return vectors.map((/** @type {any} */ vector) => ({
    ...vector,
    refused: { keys, ...vector.refused },
    verified: { keys, ...vector.verified },
  }));
}

/** @type {VerifyToken} */
export async function verifyWithJose({ now, token, keys, issuer, audience, profile, algorithms }) {
  const required = profile === "at+jwt" ? ["iss", "exp", "aud", "sub", "iat", "jti", "client_id"] : ["iss", "exp", "aud"];
  await jwtVerify(token, createLocalJWKSet(keys), {
    issuer,
    audience,
    algorithms,
    requiredClaims: required,
    clockTolerance: SKEW,
    currentDate: new Date(now * 1000),
    ...(profile === "at+jwt" ? { typ: "at+jwt" } : {}),
  });
}

/** @type {VerifyToken} */
export async function verifyWithOauth4webapi({ now, token, keys, issuer, audience, algorithms }) {
  const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } });
  await validateJwtAccessToken({ issuer, jwks_uri: `${issuer}/jwks.json` }, request, audience, settings(now, keys, algorithms));
}

/** The issuer and the audience of the tokens that proofs come with. */
const ISSUER = "https://auth.shop.example";
const AUDIENCE = "https://shop.example";

/** @param {ProofSide} side */
export async function verifyProofWithOauth4webapi({ now, proof, token, method, url, keys, algorithms }) {
  const request = new Request(url, { method, headers: { authorization: `DPoP ${token}`, dpop: proof } });
  // The algorithms are of tokens and proofs alike here; the vector's are of the proof.
  const allowed = [...new Set(["EdDSA", ...algorithms])];
  await validateJwtAccessToken({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks.json` }, request, AUDIENCE, settings(now, keys, allowed));
}

/**
 * @param {number} now
 * @param {import("jose").JSONWebKeySet} keys
 * @param {string[]} algorithms
 */
function settings(now, keys, algorithms) {
  const clock = Math.floor(Date.now() / 1000);
  return {
    // Nothing is fetched: the set is as fresh as can be.
    [jwksCache]: { jwks: /** @type {any} */ (keys), uat: clock },
    [clockSkew]: now - clock,
    [clockTolerance]: SKEW,
    signingAlgorithms: algorithms,
  };
}
