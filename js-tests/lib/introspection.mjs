// An issuer's introspection endpoint (RFC 7662): knows its tokens and its client, counts what it is asked, and has the
// faults of real ones to order.
import { createLocalJWKSet, jwtVerify } from "jose";
import { bytes, sendJson, serve } from "./net.mjs";

/** Where it is, below an issuer of its own: names that exist nowhere. */
export const OPAQUE_ISSUER = "https://opaque.example";
/** With what a form would encode. */
export const CLIENT_ID = "gate:1 of a";
export const CLIENT_SECRET = "s3cret word/+%";

/** @typedef {"client_secret_basic" | "client_secret_post" | "private_key_jwt"} Authentication */

/**
 * @param {object} options
 * @param {Authentication} [options.authentication]
 * @param {import("jose").JWK} [options.clientKey] of the client, public
 */
export async function startIntrospection({ authentication = "client_secret_basic", clientKey } = {}) {
  const endpoint = new Introspection(authentication, clientKey);
  const server = await serve((request, response) => void endpoint.answer(request, response));
  return Object.assign(endpoint, server);
}

export class Introspection {
  /** What is said of each token; all others are not active. @type {Map<string, object>} */
  tokens = new Map();
  /** The tokens it was asked about, in order. @type {string[]} */
  asked = [];
  /** The answers 401, as the client did not prove who it is. */
  refused = 0;
  /** Answers with this status instead, and leads elsewhere, while it is set. @type {number | undefined} */
  failing = undefined;
  /** Never answers while it is set. */
  hanging = false;
  /** Milliseconds that an answer takes. */
  delay = 0;
  /** Of the assertions it has taken: each is good once. @type {Set<string>} */
  assertions = new Set();

  /**
   * @param {Authentication} authentication
   * @param {import("jose").JWK | undefined} clientKey
   */
  constructor(authentication, clientKey) {
    this.authentication = authentication;
    this.keys = clientKey && createLocalJWKSet({ keys: [clientKey] });
  }

  /**
   * Says that a token is active, and returns it.
   *
   * @param {string} token
   * @param {string} audience
   * @param {object} [claims]
   */
  knows(token, audience, claims = {}) {
    const now = Math.floor(Date.now() / 1000);
    const usual = { sub: "user-7", client_id: "shopping-agent", scope: "order:read", aud: audience, iss: OPAQUE_ISSUER };
    this.tokens.set(token, { active: true, ...usual, iat: now, exp: now + 300, token_type: "Bearer", ...claims });
    return token;
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async answer(request, response) {
    const form = new URLSearchParams((await bytes(request)).toString());
    const token = form.get("token") ?? "";
    this.asked.push(token);
    if (this.hanging) return;
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay));
    const elsewhere = "/elsewhere";
    if (this.failing && request.url !== elsewhere) {
      return sendJson(response, this.failing, { active: true }, { location: OPAQUE_ISSUER + elsewhere });
    }
    const proper =
      request.method === "POST" &&
      request.headers["content-type"] === "application/x-www-form-urlencoded" &&
      request.headers.accept === "application/json" &&
      form.get("token_type_hint") === "access_token";
    if (!proper) return sendJson(response, 400, { error: "invalid_request" });
    if (!(await this.#knowsClient(request, form))) {
      this.refused += 1;
      return sendJson(response, 401, { error: "invalid_client" });
    }
    return sendJson(response, 200, this.tokens.get(token) ?? { active: false }, { "cache-control": "no-store" });
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {URLSearchParams} form
   */
  async #knowsClient(request, form) {
    switch (this.authentication) {
      case "client_secret_basic": {
        const [scheme, credentials = ""] = (request.headers.authorization ?? "").split(" ");
        const [id = "", secret = ""] = Buffer.from(credentials, "base64").toString().split(":");
        const decode = (/** @type {string} */ text) => new URLSearchParams(`x=${text}`).get("x");
        return scheme === "Basic" && decode(id) === CLIENT_ID && decode(secret) === CLIENT_SECRET && !form.has("client_secret");
      }
      case "client_secret_post":
        return (
          request.headers.authorization === undefined &&
          form.get("client_id") === CLIENT_ID &&
          form.get("client_secret") === CLIENT_SECRET
        );
      case "private_key_jwt": {
        const type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        if (!this.keys || form.get("client_assertion_type") !== type || form.get("client_id") !== CLIENT_ID) return false;
        const options = { issuer: CLIENT_ID, subject: CLIENT_ID, audience: OPAQUE_ISSUER, maxTokenAge: 60 };
        const verified = await jwtVerify(form.get("client_assertion") ?? "", this.keys, options).catch(() => undefined);
        const jti = verified?.payload.jti;
        if (typeof jti !== "string" || this.assertions.has(jti)) return false;
        this.assertions.add(jti);
        return true;
      }
    }
  }
}

/**
 * An issuer with opaque tokens, for a configuration.
 *
 * @param {string} audience
 * @param {object} [introspection] laid over the usual one
 */
export function opaqueIssuer(audience, introspection = {}) {
  return {
    issuer: OPAQUE_ISSUER,
    jwks_uri: `${OPAQUE_ISSUER}/jwks.json`,
    audience: [audience],
    algorithms: ["EdDSA", "ES256"],
    introspection: { endpoint: `${OPAQUE_ISSUER}/introspect`, client_id: CLIENT_ID, ...introspection },
  };
}
