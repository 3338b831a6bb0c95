// A real issuer: `oidc-provider` on loopback, in the place of the demo's. It stands behind what would end TLS for it,
// so that it is `https://login.example` to the gate, to its clients and to itself.
// @ts-expect-error: it comes without types
import { errors, Provider } from "oidc-provider";
import { decodeJwt } from "jose";
import { makeKey } from "./keys.mjs";
import { bytes, sendJson, serve } from "./net.mjs";
import { ProviderMemory } from "./provider-memory.mjs";

export const PROVIDER = "https://login.example";
export const PROVIDER_JWKS = `${PROVIDER}/jwks`;
export const INTROSPECTION_PATH = "/token/introspection";
const REVOCATION_PATH = "/token/revocation";
/** Where clients take the user's browser back to: nobody listens there, the code is read from the address. */
export const CALLBACK = "https://shop.example/callback";

/** The page that tells a user that the device may go on. */
export const DEVICE_APPROVED = "The device is approved.";

/** The clients that are registered with it. Their secrets are worth nothing: they are good at this provider only. */
export const CLIENTS = {
  /** Acts for itself. */
  service: { id: "stock-agent", secret: "a secret of this test run" },
  /** Acts for a user, in a browser. */
  shop: { id: "shopping-agent" },
  /** Acts for a user, without a browser of its own. */
  television: { id: "television-agent" },
  /** The gate, which may ask about tokens. */
  gate: { id: "gate", secret: "another secret of this test run" },
};

/**
 * @typedef {object} Resource an API that tokens can be asked for (RFC 8707)
 * @property {string} scope all that there are
 * @property {"jwt" | "opaque"} [format] default: `jwt`
 * @property {number} [lifetime] seconds
 * @property {(claims: Record<string, any>) => void} [change] makes of a token's claims what no issuer should say
 * @property {"ES256" | "RS256" | "EdDSA"} [alg] default: ES256
 */

/**
 * @typedef {object} ProviderOptions
 * @property {Record<string, Resource>} resources by their names, which are URLs
 * @property {object} [features] laid over the usual ones
 * @property {object} [settings] likewise, of the provider's configuration
 * @property {import("jose").JWK} [gateKey] with which the gate authenticates, instead of its secret
 */

/** @param {ProviderOptions} options */
export async function startProvider(options) {
  const provider = new RealIssuer(options);
  await provider.rotate();
  const server = await serve((request, response) => provider.answer(request, response));
  return Object.assign(provider, server);
}

export class RealIssuer {
  /** How often each path was asked for. @type {Record<string, number>} */
  fetches = {};
  /** Paths that answer 503 while they are in here. @type {Set<string>} */
  failing = new Set();
  /** Paths that answer 404 while they are in here. @type {Set<string>} */
  absent = new Set();
  /** What went wrong inside of it; a test that has not caused it is wrong. @type {Error[]} */
  faults = [];
  /** Private keys, in the order in which they are published; the first of an algorithm signs. @type {any[]} */
  #keys = [];
  /** Tokens by `jti` that were revoked although they are JWTs. @type {Set<unknown>} */
  #revoked = new Set();
  #memory = new ProviderMemory();
  #options;
  /** @type {import("node:http").RequestListener | undefined} */
  #listener;

  /** @param {ProviderOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** How often its key set was asked for. */
  get keySetFetches() {
    return this.fetches["/jwks"] ?? 0;
  }

  /** How often it was asked about a token. */
  get introspections() {
    return this.fetches[INTROSPECTION_PATH] ?? 0;
  }

  /**
   * New keys, which sign from now on unless they are only announced. The old ones stay published if they are kept.
   *
   * @param {{keepOld?: boolean, announceOnly?: boolean}} [options]
   */
  async rotate({ keepOld = false, announceOnly = false } = {}) {
    const made = await Promise.all([makeKey("ES256"), makeKey("RS256"), makeKey("EdDSA")]);
    const keys = made.map((key) => ({ ...key.privateJwk, kid: key.kid, alg: key.alg, use: "sig" }));
    this.#use(announceOnly ? [...this.#keys, ...keys] : [...keys, ...(keepOld ? this.#keys : [])]);
  }

  /** The keys that were announced last take over; the others stay published, or not. */
  promote({ keepOld = true } = {}) {
    const half = this.#keys.length / 2;
    const old = this.#keys.slice(0, half);
    this.#use([...this.#keys.slice(half), ...(keepOld ? old : [])]);
  }

  /** A provider's keys are fixed when it starts: another one takes its place, with the same memory. @param {any[]} keys */
  #use(keys) {
    this.#keys = keys;
    const { resources, features = {}, settings = {}, gateKey } = this.#options;
    const provider = quietly(() => new Provider(PROVIDER, /** @type {any} */ ({
      adapter: (/** @type {string} */ model) => this.#memory.adapter(model),
      clients: clients(gateKey),
      jwks: { keys },
      cookies: { keys: ["a cookie key of this test run"] },
      clientBasedCORS: () => false,
      findAccount: (/** @type {unknown} */ _, /** @type {string} */ accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
      formats: {
        customizers: {
          jwt: (/** @type {unknown} */ _, /** @type {unknown} */ token, /** @type {any} */ { payload }) =>
            resources[payload.aud]?.change?.(payload),
        },
      },
      renderError: (/** @type {any} */ ctx, /** @type {object} */ out) => void (ctx.body = out),
      ttl: {
        AccessToken: lifetime,
        ClientCredentials: lifetime,
        AuthorizationCode: 60,
        DeviceCode: 60,
        Interaction: 60,
        IdToken: 300,
        Grant: 3600,
        RefreshToken: 3600,
        Session: 3600,
      },
      features: {
        clientCredentials: { enabled: true },
        deviceFlow: { enabled: true, ...DEVICE_PAGES },
        introspection: {
          enabled: true,
          allowedPolicy: (/** @type {unknown} */ _, /** @type {any} */ client) => client.clientId === CLIENTS.gate.id,
        },
        revocation: {
          enabled: true,
          allowedPolicy: (/** @type {unknown} */ _, /** @type {any} */ client, /** @type {any} */ token) =>
            token.clientId === client.clientId,
        },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (/** @type {unknown} */ _, /** @type {string} */ name) => resourceServer(resources, name),
          useGrantedResource: () => true,
        },
        ...features,
      },
      ...settings,
    })));
    provider.proxy = true;
    provider.on("server_error", (/** @type {unknown} */ _, /** @type {Error} */ error) => this.faults.push(error));
    this.#listener = provider.callback();
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async answer(request, response) {
    const { pathname, host } = new URL(request.url ?? "/", PROVIDER);
    this.fetches[pathname] = (this.fetches[pathname] ?? 0) + 1;
    if (this.absent.has(pathname)) return sendJson(response, 404, {});
    if (this.failing.has(pathname)) return sendJson(response, 503, {});
    request.headers["x-forwarded-proto"] = "https";
    request.headers["x-forwarded-host"] = host;
    if (pathname === INTROSPECTION_PATH || pathname === REVOCATION_PATH) {
      const body = await bytes(request);
      const token = new URLSearchParams(body.toString()).get("token") ?? "";
      if (token.split(".").length === 3) return this.#structured(pathname, token, request, response);
      // `oidc-provider` takes a body that was read before as text.
      /** @type {any} */ (request).body = body.toString();
    }
    this.#listener?.(request, response);
  }

  /**
   * `oidc-provider` neither revokes JWTs nor introspects them (`unsupported_token_type`); other issuers do both. This
   * is as much of it as a gate can see.
   *
   * @param {string} pathname
   * @param {string} token
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  #structured(pathname, token, request, response) {
    const [, basic = ""] = /^Basic (.*)$/.exec(request.headers.authorization ?? "") ?? [];
    const [id, secret] = Buffer.from(basic, "base64").toString().split(":").map((part) => decodeURIComponent(part.replaceAll("+", " ")));
    const client = Object.values(CLIENTS).find((client) => client.id === id);
    if (!client || !("secret" in client) || client.secret !== secret) return sendJson(response, 401, { error: "invalid_client" });
    const claims = decodeJwt(token);
    if (pathname === REVOCATION_PATH) {
      this.#revoked.add(claims.jti);
      return response.writeHead(200).end();
    }
    const active = !this.#revoked.has(claims.jti) && (claims.exp ?? 0) > Date.now() / 1000;
    return sendJson(response, 200, active ? { active, ...claims } : { active });
  }
}

/** @param {unknown} _ @param {any} token */
function lifetime(_, { resourceServer }) {
  return resourceServer?.accessTokenTTL ?? 300;
}

/** What a user sees who enters a device's code. */
const DEVICE_PAGES = {
  userCodeInputSource: (/** @type {any} */ ctx, /** @type {string} */ form) => void (ctx.body = form),
  userCodeConfirmSource: (/** @type {any} */ ctx, /** @type {string} */ form) => void (ctx.body = form),
  successSource: (/** @type {any} */ ctx) => void (ctx.body = DEVICE_APPROVED),
};

/** @param {import("jose").JWK} [gateKey] */
function clients(gateKey) {
  const { service, shop, television, gate } = CLIENTS;
  const alone = { redirect_uris: [], response_types: [] };
  return [
    { client_id: service.id, client_secret: service.secret, grant_types: ["client_credentials"], ...alone },
    {
      client_id: shop.id,
      token_endpoint_auth_method: "none",
      redirect_uris: [CALLBACK],
      grant_types: ["authorization_code", "refresh_token"],
    },
    {
      client_id: television.id,
      token_endpoint_auth_method: "none",
      grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
      ...alone,
    },
    gateKey
      ? { client_id: gate.id, token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [gateKey] }, grant_types: [], ...alone }
      : { client_id: gate.id, client_secret: gate.secret, grant_types: [], ...alone },
  ];
}

/**
 * @param {Record<string, Resource>} resources
 * @param {string} name
 */
function resourceServer(resources, name) {
  const resource = resources[name];
  if (!resource) throw new errors.InvalidTarget();
  const { scope, format = "jwt", lifetime = 300, alg = "ES256" } = resource;
  return {
    scope,
    audience: name,
    accessTokenTTL: lifetime,
    accessTokenFormat: format,
    ...(format === "jwt" ? { jwt: { sign: { alg } } } : {}),
  };
}

/**
 * Without the warnings that say that this is no production: it is none.
 *
 * @template T
 * @param {() => T} body
 * @returns {T}
 */
function quietly(body) {
  const { warn, info } = console;
  console.warn = console.info = () => {};
  try {
    return body();
  } finally {
    Object.assign(console, { warn, info });
  }
}
