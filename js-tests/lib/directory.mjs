// The agent's key directory: at the well-known path of Web Bot Auth, and as a plain key set at a URL of its own.
import { AGENT_JWKS_PATH, DIRECTORY_PATH, DIRECTORY_TYPE } from "./names.mjs";
import { sendJson, serve } from "./net.mjs";

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
    const type = types.get(request.url ?? "");
    if (type === undefined) return sendJson(response, 404, {});
    this.fetches += 1;
    if (this.failing) return sendJson(response, 503, {});
    return sendJson(response, 200, { keys: this.keys }, { "content-type": type, "cache-control": "max-age=300" });
  }
}
