// The world around a real issuer: provider, clients, user, origin, and a gate that trusts the provider alone.
import * as oauth from "openid-client";
import { startGate } from "./gate.mjs";
import { outside } from "./in-process.mjs";
import { freePort } from "./net.mjs";
import { startOrigin } from "./origin.mjs";
import { CALLBACK, CLIENTS, PROVIDER, PROVIDER_JWKS, startProvider } from "./provider.mjs";
import { User } from "./user.mjs";

/** @typedef {Awaited<ReturnType<typeof startProviderWorld>>} ProviderWorld */

/** Another name under which the provider can be reached, and that is not its own. */
export const IMPOSTOR = "https://impostor.example";

/** The routes: a token alone, a token and who holds it, and one that few tokens are good for. */
export const ROUTES = [
  { match: "GET /api/v1/orders", require: ["token"], scope: ["order:read"] },
  { match: "GET /api/v1/account", require: ["token", "dpop"], scope: ["order:read"] },
  { match: "POST /api/v1/orders", require: ["token", "dpop"], scope: ["order:write"] },
];

const SCOPE = "order:read order:write";

/**
 * @typedef {object} ProviderWorldOptions
 * @property {object} [config] laid over the gate's
 * @property {object} [issuer] laid over the gate's entry for the provider; `undefined` takes a field away
 * @property {(options: import("./gate.mjs").GateOptions) => Promise<any>} [start] a gate that is no Worker
 * @property {Partial<import("./gate.mjs").GateOptions>} [gate] more of the gate's options
 * @property {Partial<import("./provider.mjs").ProviderOptions>} [provider]
 */

/** @param {ProviderWorldOptions} [options] */
export async function startProviderWorld(options = {}) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const elsewhere = "https://other-api.example";
  const provider = await startProvider({
    resources: {
      [url]: { scope: SCOPE },
      [`${url}/late`]: { scope: SCOPE, change: (claims) => Object.assign(claims, hourOld(claims), { aud: url }) },
      [`${url}/opaque`]: { scope: SCOPE, format: "opaque" },
      [elsewhere]: { scope: SCOPE },
      [`${elsewhere}/opaque`]: { scope: SCOPE, format: "opaque" },
      [`${url}/mixed-up`]: { scope: SCOPE, change: (claims) => Object.assign(claims, { aud: url, iss: IMPOSTOR }) },
    },
    ...options.provider,
  });
  const origin = await startOrigin();
  const hosts = { [PROVIDER]: provider.url, [IMPOSTOR]: provider.url };
  const issuer = {
    issuer: PROVIDER,
    jwks_uri: PROVIDER_JWKS,
    audience: [url, `${url}/opaque`],
    algorithms: ["ES256"],
    profile: "at+jwt",
    ...options.issuer,
  };
  const config = {
    origin: origin.url,
    public_origins: [url],
    disclosure: "full",
    issuers: [JSON.parse(JSON.stringify(issuer))],
    routes: ROUTES,
    ...options.config,
  };
  const gate = await (options.start ?? startGate)({ ...options.gate, config, port, hosts });
  const reach = reaching(hosts);
  return {
    url,
    elsewhere,
    provider,
    origin,
    gate,
    reach,
    user: new User(reach),
    /** @param {keyof typeof CLIENTS} name */
    client: (name) => clientOf(CLIENTS[name], reach),
    async close() {
      await gate.close();
      await Promise.all([provider.close(), origin.close()]);
    },
  };
}

/** @param {Record<string, any>} claims */
function hourOld({ iat, exp }) {
  return { iat: iat - 3600, exp: exp - 3600 };
}

/**
 * The `fetch` of everyone outside of the gate: names that exist nowhere are taken to loopback, and loopback is reached.
 *
 * @param {Record<string, string>} hosts
 * @returns {typeof fetch}
 */
export function reaching(hosts) {
  const named = outside(hosts);
  return (input, init) => (new URL(String(input)).hostname === "127.0.0.1" ? fetch(input, init) : named(input, init));
}

/**
 * `openid-client`, as its users set it up.
 *
 * @param {{id: string, secret?: string}} client
 * @param {typeof fetch} reach
 */
function clientOf({ id, secret }, reach) {
  const authentication = secret === undefined ? oauth.None() : oauth.ClientSecretBasic(secret);
  return oauth.discovery(new URL(PROVIDER), id, undefined, authentication, {
    [oauth.customFetch]: /** @type {any} */ (reach),
    // The gate of a test has no certificate.
    execute: [oauth.allowInsecureRequests],
  });
}

/**
 * A token for the client itself.
 *
 * @param {ProviderWorld} world
 * @param {{resource?: string, scope?: string, dpop?: boolean}} [options]
 */
export async function byClientCredentials(world, { resource = world.url, scope = SCOPE, dpop = false } = {}) {
  const client = await world.client("service");
  const DPoP = dpop ? await handle(client) : undefined;
  return held(client, await oauth.clientCredentialsGrant(client, { resource, scope }, { DPoP }), DPoP);
}

/**
 * A token that a user agreed to in the browser: the code flow with PKCE (RFC 7636).
 *
 * @param {ProviderWorld} world
 * @param {{resource?: string, scope?: string, dpop?: boolean}} [options]
 */
export async function byCode(world, { resource = world.url, scope = SCOPE, dpop = false } = {}) {
  const client = await world.client("shop");
  const DPoP = dpop ? await handle(client) : undefined;
  const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
  const expectedState = oauth.randomState();
  const address = oauth.buildAuthorizationUrl(client, {
    redirect_uri: CALLBACK,
    scope: `openid ${scope}`,
    resource,
    state: expectedState,
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  });
  const callback = await world.user.authorize(address, CALLBACK);
  const checks = { pkceCodeVerifier, expectedState, idTokenExpected: true };
  return held(client, await oauth.authorizationCodeGrant(client, callback, checks, { resource }, { DPoP }), DPoP);
}

/**
 * A token that a user agreed to on another device (RFC 8628).
 *
 * @param {ProviderWorld} world
 * @param {{resource?: string, scope?: string, dpop?: boolean}} [options]
 */
export async function byDevice(world, { resource = world.url, scope = SCOPE, dpop = false } = {}) {
  const client = await world.client("television");
  const DPoP = dpop ? await handle(client) : undefined;
  const device = await oauth.initiateDeviceAuthorization(client, { scope: `openid ${scope}`, resource });
  await world.user.approveDevice(device.verification_uri, device.user_code);
  const answer = await oauth.pollDeviceAuthorizationGrant(client, { ...device, interval: 0.01 }, { resource }, { DPoP });
  return held(client, answer, DPoP);
}

/** @param {oauth.Configuration} client */
async function handle(client) {
  return oauth.getDPoPHandle(client, await oauth.randomDPoPKeyPair("ES256"));
}

/** @typedef {Awaited<ReturnType<typeof byClientCredentials>>} Held */

/**
 * A token and what uses it.
 *
 * @param {oauth.Configuration} client
 * @param {oauth.TokenEndpointResponse & oauth.TokenEndpointResponseHelpers} answer
 * @param {oauth.DPoPHandle} [DPoP]
 */
function held(client, answer, DPoP) {
  return {
    client,
    answer,
    token: answer.access_token,
    /** Tells the issuer that the token is not needed any more (RFC 7009). */
    revoke: () => oauth.tokenRevocation(client, answer.access_token),
    /**
     * Calls the gate with the token, and with a proof if it is bound to a key.
     *
     * @param {ProviderWorld} world
     * @param {string} path
     * @param {{method?: string, token?: string}} [options]
     */
    call: async (world, path, { method = "GET", token = answer.access_token } = {}) => {
      const url = new URL(world.url + path);
      try {
        return await verdictOf(await oauth.fetchProtectedResource(client, token, url, method, null, undefined, { DPoP }));
      } catch (error) {
        // The client throws what it reads in `WWW-Authenticate`.
        if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
        return verdictOf(error.response);
      }
    },
  };
}

/** @param {Response} response */
async function verdictOf(response) {
  /** @type {any} */
  const body = await response.json();
  return { status: response.status, code: response.ok ? "ok" : body.code, challenge: response.headers.get("www-authenticate"), body };
}
