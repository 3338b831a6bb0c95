// An MCP server behind the gate, which does all of its authorization, and the issuer that it trusts.
import assert from "node:assert/strict";
import { startGate } from "./gate.mjs";
import { MCP_CALLBACK } from "./mcp-agent.mjs";
import { MCP_PATH, startMcpServer, TOOLS } from "./mcp-server.mjs";
import { freePort } from "./net.mjs";
import { reaching } from "./provider-world.mjs";
import { PROVIDER, PROVIDER_JWKS, startProvider } from "./provider.mjs";

/** What tokens may be for: the server at all, and what its tools do. */
export const SCOPE = { use: "mcp:use", order: "order:write" };
/** Where the agent publishes what an issuer must know of it (client id metadata document). */
export const AGENT_DOCUMENT = "https://agent.example/client.json";
/** Where the gate says whose tokens the MCP server takes (RFC 9728 §3.1). */
export const METADATA = `/.well-known/oauth-protected-resource${MCP_PATH}`;
/** An MCP server of somebody else's, for which the issuer has tokens too. */
export const OTHER_RESOURCE = "https://other.example/mcp";

/** @typedef {Awaited<ReturnType<typeof startMcpWorld>>} McpWorld */

/**
 * @param {object} [options]
 * @param {string[]} [options.require] what the MCP endpoint demands
 */
export async function startMcpWorld({ require = ["token"] } = {}) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const resource = url + MCP_PATH;
  const server = await startMcpServer();
  const provider = await startProvider({
    resources: { [resource]: { scope: `${SCOPE.use} ${SCOPE.order}` }, [OTHER_RESOURCE]: { scope: SCOPE.use } },
    features: {
      registration: { enabled: true },
      clientIdMetadataDocument: { enabled: true, ack: "draft-02" },
    },
    // Who registers with a scope registers with one that the issuer knows.
    settings: { fetch: publishedByAgent, scopes: ["openid", ...Object.values(SCOPE)] },
  });
  const hosts = { [PROVIDER]: provider.url };
  const config = {
    origin: server.url,
    public_origins: [url],
    strip_credentials: true,
    issuers: [{ issuer: PROVIDER, jwks_uri: PROVIDER_JWKS, audience: [resource], algorithms: ["ES256"], profile: "at+jwt" }],
    resources: [{ path: MCP_PATH, name: "Demo shop" }],
    routes: [
      {
        match: `POST ${MCP_PATH}`,
        require,
        scope: [SCOPE.use],
        mcp: { legacy: true, operations: [{ method: "tools/call", name: TOOLS.write, scope: [SCOPE.order] }] },
      },
      // Before 2026-07-28 clients ask for a stream by GET, which is no operation; this server has none (405).
      { match: `GET ${MCP_PATH}`, require, scope: [SCOPE.use] },
    ],
  };
  const gate = await startGate({ config, port, hosts });
  return {
    url,
    resource,
    server,
    provider,
    reach: reaching(hosts),
    async close() {
      await gate.close();
      await Promise.all([server.close(), provider.close()]);
      assert.deepEqual(provider.faults, []);
    },
  };
}

/** @param {unknown} url @returns {Promise<Response>} */
async function publishedByAgent(url) {
  if (String(url) !== AGENT_DOCUMENT) return new Response(null, { status: 404 });
  return Response.json({
    client_id: AGENT_DOCUMENT,
    client_name: "Demo agent",
    redirect_uris: [MCP_CALLBACK],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    application_type: "native",
  });
}
