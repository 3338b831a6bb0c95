// The agent: signs requests with other people's libraries, in the three forms of Web Bot Auth that are live.
import { createHash } from "node:crypto";
import * as sig from "http-message-sig";
import * as wba from "web-bot-auth";
import { signerFromJWK } from "web-bot-auth/crypto";
import { seconds } from "./issuer.mjs";
import { AGENT, AGENT_JWKS_PATH } from "./names.mjs";

/** @typedef {"legacy" | "dictionary" | "direct"} Form */

/**
 * @typedef {object} SignOptions
 * @property {Form} [form]
 * @property {string} [agent] the origin, or for `direct` the URL, that `Signature-Agent` names
 * @property {string[]} [components] covered, besides `signature-agent`
 * @property {number} [created] seconds
 * @property {number} [lifetime] seconds
 * @property {string} [url] signed instead of the one the request goes to
 * @property {string} [label]
 * @property {string} [tag]
 * @property {string} [nonce] of the forms other than `legacy`
 * @property {import("./keys.mjs").Key} [key]
 */

/** What the demo's routes want covered. */
export const COMPONENTS = ["@method", "@authority", "@path"];

/**
 * The fields of a signed request.
 *
 * @param {import("./net.mjs").Wire} wire
 * @param {import("./keys.mjs").Key} key
 * @param {SignOptions} [options]
 * @returns {Promise<[string, string][]>}
 */
export async function sign(wire, key, options = {}) {
  const form = options.form ?? "legacy";
  const components = options.components ?? COMPONENTS;
  const message = { ...wire, url: options.url ?? wire.url };
  const signer = { ...options, key: options.key ?? key, components };
  return form === "legacy" ? signLegacy(message, signer) : signMember(message, signer, form);
}

/**
 * `Signature-Agent: "https://…"`, covered whole: what `web-bot-auth` writes.
 *
 * @param {import("./net.mjs").Wire} wire
 * @param {SignOptions & {key: import("./keys.mjs").Key, components: string[]}} options
 * @returns {Promise<[string, string][]>}
 */
async function signLegacy(wire, { key, agent = AGENT, components, created = seconds(), lifetime = 60, label = "sig1" }) {
  const signatureAgent = `"${agent}"`;
  const headers = { ...record(wire.headers), "signature-agent": signatureAgent };
  const signed = await wba.signatureHeaders(
    { method: wire.method, url: wire.url, headers },
    await signerFromJWK(key.privateJwk),
    {
      created: new Date(created * 1000),
      expires: new Date((created + lifetime) * 1000),
      key: label,
      components: [...components, "signature-agent"],
    },
  );
  return [
    ["Signature-Agent", signatureAgent],
    ["Signature-Input", signed["Signature-Input"]],
    ["Signature", signed.Signature],
  ];
}

/**
 * `Signature-Agent: sig1="https://…"`, of which one member is covered. `web-bot-auth` 0.1 signs the whole field
 * under the name of the member, so this is its sibling `http-message-sig`, which reads the Dictionary.
 *
 * @param {import("./net.mjs").Wire} wire
 * @param {SignOptions & {key: import("./keys.mjs").Key, components: string[]}} options
 * @param {Form} form
 * @returns {Promise<[string, string][]>}
 */
async function signMember(wire, options, form) {
  const { key, components, created = seconds(), lifetime = 60, label = "sig1", tag = "web-bot-auth", nonce } = options;
  const agent = options.agent ?? (form === "direct" ? AGENT + AGENT_JWKS_PATH : AGENT);
  const signatureAgent = `${label}="${agent}"`;
  const fields = [...wire.headers, ["signature-agent", signatureAgent]].map(([name, value]) => ({ name, value }));
  const signer = sig.webcrypto.signer(key.privateKey);
  const signed = await sig.createSignature(
    { kind: "request", method: wire.method, targetUri: wire.url, fields },
    {
      label,
      components: [...components, sig.component("signature-agent", { key: label })],
      parameters: { created, expires: created + lifetime, keyid: key.kid, alg: signer.algorithm, tag, ...(nonce && { nonce }) },
      signer,
    },
  );
  return [
    ["Signature-Agent", signatureAgent],
    ["Signature-Input", signed.signatureInput],
    ["Signature", signed.signature],
  ];
}

/**
 * `Content-Digest` (RFC 9530) of a body.
 *
 * @param {Uint8Array} body
 */
export function contentDigest(body) {
  return `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
}

/** @param {[string, string][]} headers */
function record(headers) {
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}
