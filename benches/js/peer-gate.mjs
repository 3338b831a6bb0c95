// The gate as one would build it today from npm packages: the same bindings, the same answers where it counts, and
// the same work for a fully proven request. It knows one agent, one issuer and no limits, so it does rather less.
//
// Fair where it can be: keys are imported once, the key set is cached for ever, Ed25519, ECDSA and RSA run on the
// platform's WebCrypto.
import { AGENT, DIRECTORY_PATH, ISSUER, JWKS_PATH } from "../../js-tests/lib/names.mjs";
import { importJWK, SignJWT } from "../../js-tests/peers/libraries.mjs";
import { verifyOauth4webapi } from "../../js-tests/peers/oauth4webapi.mjs";
import { verifyWebBotAuth } from "../../js-tests/peers/web-bot-auth.mjs";

/** @type {{agentKeys: any[], issuerKeys: any[], signing: any, kid: string} | undefined} */
let warm;

export default {
  /**
   * @param {Request} request
   * @param {{COUNTERSIGN_CONFIG: any, GATE_SIGNING_KEY: string}} env
   */
  async fetch(request, env) {
    const config = env.COUNTERSIGN_CONFIG;
    const known = (warm ??= await load(env));
    const { pathname, search } = new URL(request.url);
    const required = demanded(config, request.method, pathname);
    const wire = { method: request.method, url: request.url, headers: [...request.headers] };
    const audience = config.public_origins[0];
    let body = null;
    try {
      if (required.includes("token")) await verifyOauth4webapi(wire, { ...known, audience });
      if (required.includes("signature")) await verifyWebBotAuth(wire, { ...known, audience });
      if (request.body) body = await digested(request);
    } catch (error) {
      return Response.json({ code: "refused", detail: String(error) }, { status: 401 });
    }
    const headers = new Headers(request.headers);
    if (required.length > 0) headers.set("countersign-assertion", await assertion(known, config.origin, audience));
    return fetch(config.origin + pathname + search, { method: request.method, headers, body });
  },
};

/** @param {any} config @param {string} method @param {string} pathname @returns {string[]} */
function demanded(config, method, pathname) {
  const route = config.routes.find((/** @type {any} */ { match }) => [`${method} ${pathname}`, `* ${pathname}`].includes(match));
  return route?.require ?? [];
}

/** @param {any} env */
async function load(env) {
  const keys = async (/** @type {string} */ url) => (await (await fetch(url)).json()).keys;
  const jwk = JSON.parse(env.GATE_SIGNING_KEY);
  return {
    agentKeys: await keys(AGENT + DIRECTORY_PATH),
    issuerKeys: await keys(ISSUER + JWKS_PATH),
    signing: await importJWK(jwk, "EdDSA"),
    kid: jwk.kid,
  };
}

/** @param {Request} request */
async function digested(request) {
  const body = await request.arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const digest = `sha-256=:${btoa(String.fromCharCode(...hash))}:`;
  if (request.headers.get("content-digest") !== digest) throw new Error("another body");
  return body;
}

/** @param {any} known @param {string} audience @param {string} issuer */
function assertion({ signing, kid }, audience, issuer) {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iss: issuer, aud: audience, iat: now, exp: now + 60, jti: crypto.randomUUID(), agent: { id: AGENT } })
    .setProtectedHeader({ alg: "EdDSA", typ: "countersign-assertion+jwt", kid })
    .sign(signing);
}
