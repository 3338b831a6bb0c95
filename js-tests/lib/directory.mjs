// The agent's key directory: at the well-known path of Web Bot Auth, and as a plain key set at a URL of its own.
import { KeyObject, sign as rawSign } from "node:crypto";
import { contentDigest } from "./agent.mjs";
import { seconds } from "./issuer.mjs";
import { AGENT_JWKS_PATH, DIRECTORY_PATH, DIRECTORY_TYPE } from "./names.mjs";
import { sendJson, serve } from "./net.mjs";

/** Where a key is alone, so that gates that know the directory from before find it at once. @param {string} kid */
export const agentKeyPath = (kid) => `/keys/${kid}.json`;

/**
 * @param {import("jose").JWK[]} keys
 * @param {number} [port]
 */
export async function startDirectory(keys, port) {
  const directory = new Directory(keys);
  const server = await serve((request, response) => directory.answer(request, response), port);
  return Object.assign(directory, server);
}

export class Directory {
  /** How often keys were asked for. */
  fetches = 0;
  failing = false;
  /** Takes requests, and never answers. */
  hanging = false;
  /** Answers in its place. @type {((response: import("node:http").ServerResponse) => void) | undefined} */
  instead;
  /** Signs each answer with these keys, for this authority. @type {{keys: import("./keys.mjs").Key[], authority: string} | undefined} */
  signing;

  /** @param {import("jose").JWK[]} keys */
  constructor(keys) {
    this.keys = keys;
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  answer(request, response) {
    const types = new Map([
      [DIRECTORY_PATH, DIRECTORY_TYPE],
      [AGENT_JWKS_PATH, "application/jwk-set+json"],
    ]);
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const alone = this.keys.find(({ kid }) => path === agentKeyPath(kid ?? ""));
    if (alone) return sendJson(response, 200, { keys: [alone] }, { "content-type": "application/jwk-set+json" });
    const type = types.get(path);
    if (type === undefined) return sendJson(response, 404, {});
    this.fetches += 1;
    if (this.hanging) return;
    if (this.instead) return this.instead(response);
    if (this.failing) return sendJson(response, 503, {});
    const document = { keys: this.keys };
    const signed = this.signing ? signatures(JSON.stringify(document), this.signing) : {};
    return sendJson(response, 200, document, { "content-type": type, "cache-control": "max-age=300", ...signed });
  }
}

/**
 * The fields that bind a directory to its authority, with one signature for each key. The libraries that sign requests
 * here do not know `req`, so that the base is written out.
 *
 * @param {string} body
 * @param {{keys: import("./keys.mjs").Key[], authority: string}} signing
 */
function signatures(body, { keys, authority }) {
  const digest = contentDigest(Buffer.from(body));
  const members = keys.map((key, index) => {
    const created = seconds();
    const params = `("@authority";req "content-digest");created=${created};expires=${created + 60};keyid="${key.kid}";tag="http-message-signatures-directory"`;
    const base = `"@authority";req: ${authority}\n"content-digest": ${digest}\n"@signature-params": ${params}`;
    const hash = key.alg === "EdDSA" ? null : "sha256";
    const signature = rawSign(hash, Buffer.from(base), { key: KeyObject.from(key.privateKey), dsaEncoding: "ieee-p1363" });
    return { input: `sig${index}=${params}`, signature: `sig${index}=:${signature.toString("base64")}:` };
  });
  return {
    "content-digest": digest,
    "signature-input": members.map(({ input }) => input).join(", "),
    signature: members.map(({ signature }) => signature).join(", "),
  };
}
