// What a user of the package does with it, wherever that is: run as it is by Node and by browsers, and as bundlers make it.
// It asserts nothing itself: it tells what happened, which is the same everywhere.
import { createGate, verifyJwt, verifySignature, signMessage } from "countersign";
import { createAgent, generateKey } from "countersign/agent";

const API = "https://api.shop.example";
const ISSUER = "https://auth.shop.example";

/** What everything comes to. */
export const EXPECTED = {
  decisions: {
    "nothing asked, nothing brought": "ok",
    "a signature that holds": "ok",
    "a signature of another path": "signature.invalid",
    "no signature": "signature.missing",
    "a token of the issuer's": "ok",
    "a token of another key": "token.signature_invalid",
    "a route that is not there": "policy.no_route",
  },
  signature: ["verified", "ok"],
  token: ["verified", "ok"],
  agent: "ok",
  faults: "config.invalid",
};

/** @returns {Promise<typeof EXPECTED>} */
export async function exercise() {
  const [agent, issuer, stranger] = await Promise.all([makeKey("Ed25519"), makeKey("P-256"), makeKey("P-256")]);
  const gate = createGate(configuration(agent.jwk), { fetch: async () => Response.json({ keys: [issuer.jwk] }) });
  const signed = await sign(agent, "/signed/1");
  const [good, bad] = [await makeToken(issuer), await makeToken(stranger, issuer.jwk.kid)];
  const requests = {
    "nothing asked, nothing brought": get("/public"),
    "a signature that holds": get("/signed/1", signed),
    "a signature of another path": get("/signed/2", signed),
    "no signature": get("/signed/1"),
    "a token of the issuer's": get("/orders", { authorization: `Bearer ${good}` }),
    "a token of another key": get("/orders", { authorization: `Bearer ${bad}` }),
    "a route that is not there": get("/elsewhere"),
  };
  const decided = await Promise.all(
    Object.entries(requests).map(async ([name, request]) => [name, (await gate.check(request)).code]),
  );
  const signature = await verifySignature(get("/signed/1", signed), { keys: agent.jwk });
  const token = await verifyJwt(good, { keys: issuer.jwk, issuer: ISSUER, audience: API });
  return {
    decisions: Object.fromEntries(decided),
    signature: [signature.outcome, signature.code],
    token: [token.outcome, token.code],
    agent: await fetchAsAgent(),
    faults: faultsOf({ origin: "nowhere" }),
  };
}

/** What a gate says to an agent's own `fetch`. */
async function fetchAsAgent() {
  const key = await generateKey();
  const gate = createGate(configuration(key.publicJwk));
  const agent = createAgent({
    key,
    fetch: async (input, init) => Response.json((await gate.check(new Request(input, init))).code),
  });
  return (await agent.fetch(`${API}/signed/2`)).json();
}

/** @param {object} jwk */
function configuration(jwk) {
  return {
    origin: "https://origin.shop.example",
    public_origins: [API],
    issuers: [{ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks.json`, audience: [API], algorithms: ["ES256"] }],
    signatures: { profiles: ["rfc9421"], rules: { rfc9421: { components: ["@method", "@authority", "@path"] } } },
    agents: [{ id: "agent", operator: "https://agents.example", purpose: "Tries the package", contact: "ops@agents.example", keys: [{ jwk }] }],
    routes: [
      { match: "GET /public", require: [] },
      { match: "GET /signed/**", require: ["signature"] },
      { match: "GET /orders", require: ["token"] },
    ],
  };
}

/** @param {object} config */
function faultsOf(config) {
  try {
    createGate(config);
    return "none";
  } catch (error) {
    return /** @type {{ code: string }} */ (error).code;
  }
}

/** @param {string} path @param {Record<string, string>} [headers] */
function get(path, headers = {}) {
  return { method: "GET", url: API + path, headers };
}

/** @param {Key} key @param {string} path */
async function sign({ privateKey, jwk }, path) {
  const fields = await signMessage(get(path), {
    components: ["@method", "@authority", "@path"],
    keyid: jwk.kid,
    expires: new Date(Date.now() + 60_000),
    nonce: crypto.randomUUID(),
    sign: async (base) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, new Uint8Array(base))),
  });
  return { ...fields };
}

/** @param {Key} key @param {string} [kid] */
async function makeToken({ privateKey, jwk }, kid = jwk.kid) {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: API, sub: "somebody", client_id: "shop", iat, exp: iat + 300, jti: crypto.randomUUID() };
  const text = [{ alg: "ES256", typ: "at+jwt", kid }, claims].map((part) => base64url(new TextEncoder().encode(JSON.stringify(part)))).join(".");
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, new TextEncoder().encode(text));
  return `${text}.${base64url(new Uint8Array(signature))}`;
}

/**
 * @typedef {object} Key
 * @property {CryptoKey} privateKey
 * @property {JsonWebKey & { kid: string }} jwk
 */

/** @param {"Ed25519" | "P-256"} kind @returns {Promise<Key>} */
async function makeKey(kind) {
  const algorithm = kind === "P-256" ? { name: "ECDSA", namedCurve: kind } : { name: kind };
  const { privateKey, publicKey } = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]));
  // Some runtimes add members to what they export, like `alg`, of which not all say the same.
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  return { privateKey, jwk: { kty, crv, x, ...(y && { y }), kid: crypto.randomUUID() } };
}

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
