// npm `jose`, as a verifier of access tokens.
import { createLocalJWKSet, jwtVerify } from "jose";
import { ISSUER } from "../lib/names.mjs";

/** @type {import("./peers.mjs").Verify} */
export async function verifyJose({ headers }, { issuerKeys, audience }) {
  const authorization = headers.find(([name]) => name.toLowerCase() === "authorization")?.[1] ?? "";
  const token = authorization.split(" ")[1] ?? "";
  await jwtVerify(token, createLocalJWKSet({ keys: issuerKeys }), {
    issuer: ISSUER,
    audience,
    typ: "at+jwt",
    algorithms: ["EdDSA", "ES256", "RS256"],
    requiredClaims: ["sub", "exp", "iat", "jti", "client_id"],
  });
}
