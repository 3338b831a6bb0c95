// The vectors of `vectors/tokens` before `jose` and `oauth4webapi`, each told what we are told.
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

/** @typedef {(side: TokenSide) => Promise<unknown>} VerifyToken */

/**
 * The vectors of tokens of one file, each side with the keys of the file where it has none of its own.
 *
 * @param {"serialisation" | "headers" | "signatures" | "claims"} topic
 * @returns {TokenVector[]}
 */
export function tokenVectors(topic) {
  const { keys, vectors } = JSON.parse(readFileSync(new URL(`../../vectors/tokens/${topic}.json`, import.meta.url), "utf8"));
  return vectors.map((/** @type {TokenVector} */ vector) => ({
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
  const clock = Math.floor(Date.now() / 1000);
  await validateJwtAccessToken(
    { issuer, jwks_uri: `${issuer}/jwks.json` },
    new Request(audience, { headers: { authorization: `Bearer ${token}` } }),
    audience,
    {
      // Nothing is fetched: the set is as fresh as can be.
      [jwksCache]: { jwks: /** @type {any} */ (keys), uat: clock },
      [clockSkew]: now - clock,
      [clockTolerance]: SKEW,
      signingAlgorithms: algorithms,
    },
  );
}
