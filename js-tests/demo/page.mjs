// The page of the demo, on an origin of its own: js/demo, built by Vite, and what its operator would do for the agent in it.
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { keySet } from "countersign/agent";
import { build } from "vite";
import { serveFiles } from "../lib/agent-page.mjs";
import { agentKeyPath } from "../lib/directory.mjs";
import { AGENT } from "../lib/names.mjs";
import { bytes, freePort, sendJson } from "../lib/net.mjs";
import { ROUTES, startWorld } from "../lib/world.mjs";

const SOURCE = fileURLToPath(new URL("../../js/demo/", import.meta.url));
const BUILT = fileURLToPath(new URL("../../target/demo/page/", import.meta.url));

/** Most keys that pages may publish, and most bytes of one. */
const MOST = { keys: 32, bytes: 4096 };

/**
 * A world for the page at this URL: the usual one, whose gate lets that page read its answers, explains its refusals, and
 * asks for nonces.
 *
 * @param {string} page
 * @param {Parameters<typeof startWorld>[0]} [options]
 */
export function startWorldFor(page, options = {}) {
  const routes = ROUTES.map((route) => (route.require.includes("dpop") ? { ...route, dpop_nonce: "required" } : route));
  const config = { disclosure: "explain", cors: { origins: [page] }, routes, ...options.config };
  return startWorld({ ...options, secrets: { GATE_NONCE_SECRET: randomBytes(32).toString("base64") }, config });
}

/**
 * Builds the page and serves it, with a world around it.
 *
 * @param {{ page?: number, folder?: string } & Parameters<typeof startWorld>[0]} [options] `page` is its port, if that is free
 */
export async function startPage({ page = 8788, folder = BUILT, ...options } = {}) {
  const built = build({ root: SOURCE, configFile: `${SOURCE}vite.config.mjs`, logLevel: "warn", build: { outDir: folder, emptyOutDir: true } });
  const at = await freePort(page);
  const world = await startWorldFor(`http://127.0.0.1:${at}`, options);
  await built;
  const policy =
    `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self' ${world.url}; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  const server = await serveFiles(folder, policy, at, (request, response) => answer(world, `127.0.0.1:${at}`, request, response));
  return { url: server.url, world, close: () => Promise.all([server.close(), world.close()]) };
}

/**
 * What the operator of the agent does. The page may ask for it, and no other.
 *
 * @param {import("../lib/world.mjs").World} world
 * @param {string} host of the page: under a name of its own that leads here, another page would be asking
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 * @returns {Promise<boolean>} whether it was asked for
 */
async function answer(world, host, request, response) {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const name = `${request.method} ${pathname}`;
  if (!["GET /world.json", "GET /token", "POST /keys"].includes(name)) return false;
  const { origin } = request.headers;
  if (request.headers.host !== host || (origin !== undefined && origin !== `http://${host}`)) sendJson(response, 403, {});
  else if (name === "GET /world.json") sendJson(response, 200, { gate: world.url, agent: AGENT });
  else if (name === "GET /token") sendJson(response, 200, await token(world, searchParams.get("jkt")));
  else await publish(world, request, response);
  return true;
}

/** @param {import("../lib/world.mjs").World} world @param {string | null} jkt */
async function token({ issuer }, jkt) {
  return { access_token: await issuer.mint({ ...(jkt !== null && { jkt }), lifetime: 300 }), token_type: "DPoP" };
}

/**
 * Publishes a key, and says where.
 *
 * @param {import("../lib/world.mjs").World} world
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
async function publish({ directory }, request, response) {
  const jwk = Number(request.headers["content-length"]) <= MOST.bytes ? publicKey(await bytes(request)) : undefined;
  const others = directory.keys.filter(({ kid }) => kid !== jwk?.kid);
  if (jwk?.kid === undefined || others.length >= MOST.keys) return sendJson(response, 400, {});
  directory.keys = [...others, /** @type {import("jose").JWK} */ (jwk)];
  return sendJson(response, 201, { keySet: AGENT + agentKeyPath(jwk.kid) });
}

/** @param {Buffer} text */
function publicKey(text) {
  try {
    return keySet([JSON.parse(text.toString())]).keys[0];
  } catch {
    return undefined;
  }
}
