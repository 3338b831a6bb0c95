// The npm package in front of a plain `node:http` server, where the Worker stands in the demo: the same requests, over
// HTTP, to a gate in this process.
import { clientOf, createGate } from "countersign";
import { bytes, sendJson, serve } from "./net.mjs";
import { ORIGIN_MARK } from "./origin.mjs";

// For code outside of this folder, which has no packages of its own.
export { createGate };

/**
 * Takes the names of the demo's world to loopback, as the Worker's outside does.
 *
 * @param {Record<string, string>} hosts
 * @returns {typeof fetch}
 */
export function outside(hosts) {
  return async (input, init) => {
    const { origin, pathname, search } = new URL(String(input));
    if (!hosts[origin]) throw new Error(`no such host: ${origin}`);
    return fetch(hosts[origin] + pathname + search, init);
  };
}

/** @param {import("./gate.mjs").GateOptions} options */
export async function startInProcess({ config, port, hosts = {}, secrets = {} }) {
  const issuerCredentials = secrets.GATE_ISSUER_CREDENTIALS;
  const nonceSecrets = secrets.GATE_NONCE_SECRET;
  const gate = createGate(config, /** @type {any} */ ({ fetch: outside(hosts), ...(issuerCredentials ? { issuerCredentials } : {}), nonceSecrets }));
  return serve(async (request, response) => {
    const body = await bytes(request);
    const described = {
      method: request.method ?? "",
      url: `http://${request.headers.host}${request.url}`,
      headers: pairs(request.rawHeaders),
      body: request.headers["content-length"] === undefined ? null : body,
    };
    const decision = await gate.check(described, { client: clientOf(request.socket) });
    if (decision.outcome === "allow") return sendJson(response, 200, { length: body.length }, { [ORIGIN_MARK]: "1" });
    sendJson(response, decision.status, decision.problem, decision.headers);
  }, port);
}

/** @param {string[]} raw @returns {[string, string][]} */
function pairs(raw) {
  return Array.from({ length: raw.length / 2 }, (_, line) => [raw[2 * line], raw[2 * line + 1]]);
}
