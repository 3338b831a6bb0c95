// npm `oauth4webapi`, as a verifier of access tokens and their proofs.
import { allowInsecureRequests, jwksCache, validateJwtAccessToken } from "oauth4webapi";
import { ISSUER, JWKS_PATH } from "../lib/names.mjs";

/** The key set as it was fetched before, so that nothing is measured or judged but the verification. */
/** @type {WeakMap<object, import("oauth4webapi").JWKSCacheInput>} */
const caches = new WeakMap();

/** @type {import("./peers.mjs").Verify} */
export async function verifyOauth4webapi({ method, url, headers }, { issuerKeys, audience }) {
  let cache = caches.get(issuerKeys);
  if (!cache) {
    cache = { jwks: { keys: /** @type {any} */ (issuerKeys) }, uat: Math.floor(Date.now() / 1000) };
    caches.set(issuerKeys, cache);
  }
  const credentials = headers.filter(([name]) => ["authorization", "dpop"].includes(name.toLowerCase()));
  await validateJwtAccessToken(
    { issuer: ISSUER, jwks_uri: ISSUER + JWKS_PATH },
    new Request(url, { method, headers: credentials }),
    audience,
    { [jwksCache]: cache, [allowInsecureRequests]: true },
  );
}
