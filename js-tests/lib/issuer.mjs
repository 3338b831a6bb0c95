// The demo issuer: an authorization server reduced to a key set and tokens (RFC 9068), with the faults of real
// ones to order.
import { randomUUID } from "node:crypto";
import { deflateSync } from "node:zlib";
import { SignJWT } from "jose";
import { makeKey } from "./keys.mjs";
import { ISSUER, JWKS_PATH } from "./names.mjs";
import { sendJson, serve } from "./net.mjs";

/** Where metadata is, by the names of the configuration. */
const WELL_KNOWN = { rfc8414: "/.well-known/oauth-authorization-server", openid: "/.well-known/openid-configuration" };

/** Where its status list is (draft-ietf-oauth-status-list), by the names of the configuration. */
export const STATUS_LIST_URI = `${ISSUER}/statuslists/1`;

/**
 * @typedef {object} TokenOptions
 * @property {"EdDSA" | "ES256" | "RS256"} [alg]
 * @property {string} [jkt] binds the token to a key (RFC 9449 §6)
 * @property {number} [now] seconds; when it is issued
 * @property {number} [lifetime] seconds
 * @property {Record<string, unknown>} [claims] added to the usual ones; `undefined` takes one away
 * @property {Record<string, unknown>} [header] likewise
 * @property {import("./keys.mjs").Key} [key] signs instead of the issuer's own
 */

/** @param {{audience: string, port?: number}} options */
export async function startIssuer({ audience, port }) {
  const issuer = new Issuer(audience);
  await issuer.rotate();
  const server = await serve((request, response) => issuer.answer(request, response), port);
  return Object.assign(issuer, server);
}

export class Issuer {
  /** How often the key set was asked for. */
  fetches = 0;
  /** How often metadata was asked for, whether or not it is there. */
  metadataFetches = 0;
  /** The statuses of its tokens, eight bits each; without them it has no list. @type {Uint8Array | undefined} */
  statuses;
  /** What its status list is signed with. @type {"EdDSA" | "ES256" | "RS256"} */
  statusListAlg = "ES256";
  /** How often its status list was asked for. */
  statusListFetches = 0;
  /** Which metadata it publishes. @type {keyof typeof WELL_KNOWN} */
  publishes = "rfc8414";
  /** The `Retry-After` of a failing answer, in seconds. @type {number | undefined} */
  retryAfter;
  /** Answers 500 while it is set. */
  failing = false;
  /** Milliseconds that an answer takes. */
  delay = 0;
  /** The `Cache-Control` of the key set. */
  cacheControl = "max-age=300";
  /** Which keys sign, by algorithm. @type {Map<string, import("./keys.mjs").Key>} */
  signing = new Map();
  /** What the key set holds. @type {import("jose").JWK[]} */
  published = [];

  /** @param {string} audience */
  constructor(audience) {
    this.audience = audience;
  }

  /** Signs with new keys from now on, and publishes only them unless the old ones are kept. */
  async rotate({ keepOld = false } = {}) {
    const keys = await Promise.all([makeKey("EdDSA"), makeKey("ES256"), makeKey("RS256")]);
    for (const key of keys) this.signing.set(key.alg, key);
    this.published = [...keys.map((key) => key.publicJwk), ...(keepOld ? this.published : [])];
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async answer(request, response) {
    const url = new URL(request.url ?? "/", ISSUER);
    if (url.pathname === "/token") return this.#tokenFor(url, response);
    if (url.href === STATUS_LIST_URI) return this.#statusList(response);
    const isMetadata = Object.values(WELL_KNOWN).includes(url.pathname);
    if (isMetadata) this.metadataFetches += 1;
    if (url.pathname !== JWKS_PATH && url.pathname !== WELL_KNOWN[this.publishes]) return sendJson(response, 404, {});
    if (!isMetadata) this.fetches += 1;
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay));
    if (this.failing) return sendJson(response, 500, {}, this.retryAfter ? { "retry-after": `${this.retryAfter}` } : {});
    if (isMetadata) return sendJson(response, 200, { issuer: ISSUER, jwks_uri: ISSUER + JWKS_PATH });
    return sendJson(response, 200, { keys: this.published }, { "cache-control": this.cacheControl });
  }

  /** @param {import("node:http").ServerResponse} response */
  async #statusList(response) {
    this.statusListFetches += 1;
    const signer = this.signing.get(this.statusListAlg);
    if (this.failing || !this.statuses || !signer) return sendJson(response, this.failing ? 500 : 404, {});
    const lst = deflateSync(this.statuses).toString("base64url");
    const list = await new SignJWT({ sub: STATUS_LIST_URI, iat: seconds(), ttl: 300, status_list: { bits: 8, lst } })
      .setProtectedHeader({ alg: this.statusListAlg, typ: "statuslist+jwt", kid: signer.kid })
      .sign(signer.privateKey);
    response.writeHead(200, { "content-type": "application/statuslist+jwt" }).end(list);
  }

  /**
   * Mints a token for whoever asks: this issuer is for demos.
   *
   * @param {URL} url
   * @param {import("node:http").ServerResponse} response
   */
  async #tokenFor(url, response) {
    const alg = /** @type {"EdDSA" | "ES256" | "RS256"} */ (url.searchParams.get("alg") ?? "EdDSA");
    const jkt = url.searchParams.get("jkt") ?? undefined;
    const scope = url.searchParams.get("scope");
    if (!this.signing.has(alg)) return sendJson(response, 400, { error: "invalid_request" });
    const token = await this.mint({ alg, jkt, lifetime: 3600, claims: scope === null ? {} : { scope } });
    return sendJson(response, 200, { access_token: token, token_type: jkt ? "DPoP" : "Bearer", expires_in: 3600 });
  }

  /**
   * @param {TokenOptions} [options]
   * @returns {Promise<string>}
   */
  async mint({ alg = "EdDSA", jkt, now = seconds(), lifetime = 300, claims = {}, header = {}, key } = {}) {
    const signer = key ?? this.signing.get(alg);
    if (!signer) throw new Error(`the issuer has no ${alg} key`);
    const payload = {
      iss: ISSUER,
      aud: this.audience,
      sub: "user-7",
      client_id: "shopping-agent",
      scope: "order:read order:write",
      iat: now,
      exp: now + lifetime,
      jti: randomUUID(),
      ...(jkt === undefined ? {} : { cnf: { jkt } }),
      ...claims,
    };
    return new SignJWT(payload)
      .setProtectedHeader({ alg, typ: "at+jwt", kid: signer.kid, ...header })
      .sign(signer.privateKey);
  }
}

/** @returns {number} */
export function seconds() {
  return Math.floor(Date.now() / 1000);
}
