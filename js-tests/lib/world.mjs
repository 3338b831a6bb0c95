// Everything at once: origin, issuer, agent, directory and the gate between them.
import { startDirectory } from "./directory.mjs";
import { startGate } from "./gate.mjs";
import { startIssuer } from "./issuer.mjs";
import { makeKey } from "./keys.mjs";
import { AGENT, ISSUER, JWKS_PATH } from "./names.mjs";
import { freePort } from "./net.mjs";
import { EVENTS_PATH, startOrigin } from "./origin.mjs";

/**
 * The routes of the demo and of most tests: one for each way of proving, and one for each thing that can be
 * asked besides.
 */
export const ROUTES = [
  { match: "GET /public/**", require: [] },
  // Reading twice does no harm, so that the same signed request may be sent again.
  { match: "GET /api/v1/catalogue", require: ["signature"], replay: "none" },
  { match: "* /api/v1/notes", require: ["signature"], components: ["@method", "@path", "content-digest"] },
  {
    match: "GET /api/v1/search",
    require: ["signature"],
    rate: [{ per: "agent", limit: 3, window: "1m", burst: 3, store: "kv" }],
  },
  { match: "GET /api/v1/orders", require: ["token"], scope: ["order:read"] },
  { match: "GET /api/v1/admin", require: ["signature", "token"], scope: ["admin:read"] },
  { match: "* /api/v1/account", require: ["token", "dpop"] },
  {
    match: "POST /api/v1/checkout",
    require: ["signature", "token", "dpop"],
    scope: ["order:write"],
    components: ["@method", "@path", "content-digest"],
    replay: "isolate",
    rate: [{ per: "agent", limit: 600, window: "1m", burst: 100, store: "kv" }],
  },
];

/**
 * @typedef {Awaited<ReturnType<typeof startWorld>>} World
 */

/**
 * @param {object} [options]
 * @param {object} [options.config] laid over the usual one
 * @param {boolean} [options.withoutLimits] leaves out the limits of the routes
 * @param {number} [options.port] of the gate, if it is free
 * @param {string} [options.build] the folder of another built Worker
 * @param {Record<string, string>} [options.secrets] of the gate
 * @param {object} [options.events] laid over the usual `[events]`
 * @param {Partial<import("./gate.mjs").GateOptions>} [options.gate] more of the gate
 * @param {(options: import("./gate.mjs").GateOptions) => Promise<any>} [options.start] a gate that is no Worker
 */
export async function startWorld({ config = {}, withoutLimits = false, port: preferred, build, secrets, start, events = {}, gate: more = {} } = {}) {
  const port = await freePort(preferred);
  const url = `http://127.0.0.1:${port}`;
  const agent = await makeKey("EdDSA");
  const others = { rsa: await makeKey("PS512"), suspended: await makeKey("EdDSA") };
  const holders = { ES256: await makeKey("ES256"), EdDSA: await makeKey("EdDSA"), RS256: await makeKey("RS256") };
  const stranger = { EdDSA: await makeKey("EdDSA"), ES256: await makeKey("ES256") };

  const [origin, issuer, directory] = await Promise.all([
    startOrigin(),
    startIssuer({ audience: url }),
    startDirectory([agent, others.rsa, others.suspended].map((key) => key.publicJwk)),
  ]);
  const whole = {
    origin: origin.url,
    public_origins: [url],
    disclosure: "full",
    issuers: [
      {
        issuer: ISSUER,
        jwks_uri: ISSUER + JWKS_PATH,
        audience: [url],
        algorithms: ["EdDSA", "ES256", "RS256"],
        profile: "at+jwt",
      },
    ],
    signatures: { profiles: ["web-bot-auth"], trust: [AGENT] },
    agents: [
      {
        id: "suspended",
        operator: AGENT,
        purpose: "Was too eager",
        contact: "ops@agents.example",
        keys: [{ jwk: others.suspended.publicJwk }],
        suspended: true,
      },
    ],
    events: { url: origin.url + EVENTS_PATH, ...events },
    routes: withoutLimits ? ROUTES.map(({ rate, ...route }) => route) : ROUTES,
    ...config,
  };
  const hosts = { [ISSUER]: issuer.url, [AGENT]: directory.url };
  const closeServers = () => Promise.all([origin.close(), issuer.close(), directory.close()]);
  /** @type {ReturnType<typeof startGate>} */
  const starting = (start ?? startGate)({ config: whole, port, hosts, build, ...(secrets && { secrets }), ...more });
  // Servers that nobody closes would keep the process, and whoever waits for it.
  const gate = await starting.catch((error) => closeServers().then(() => Promise.reject(error)));
  return {
    url,
    config: whole,
    hosts,
    origin,
    issuer,
    directory,
    gate,
    /** The key the agent signs requests with. */
    agent,
    /** More keys in its directory: one of another algorithm, and one that is registered as a suspended agent's. */
    others,
    /** The keys the agent holds tokens with. */
    holders,
    /** Keys that nobody published. */
    stranger,
    async close() {
      await gate.close();
      await closeServers();
    },
  };
}
