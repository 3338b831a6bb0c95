// The MCP demo: an MCP server that knows nothing of tokens, the gate in front of it, and the official client, which knows
// nothing of the gate. Prints what goes over the wire until a tool was called that needs more than the client asked for.
import { McpAgent } from "../lib/mcp-agent.mjs";
import { TOOLS } from "../lib/mcp-server.mjs";
import { AGENT_DOCUMENT, startMcpWorld } from "../lib/mcp-world.mjs";
import { PROVIDER } from "../lib/provider.mjs";

const world = await startMcpWorld();
const agent = new McpAgent({ reach: world.reach, url: world.resource, clientMetadataUrl: AGENT_DOCUMENT });
try {
  console.log(`gate ${world.url}   MCP server ${world.server.url}   issuer ${PROVIDER} (${world.provider.url})`);
  await show(TOOLS.read);
  await show(TOOLS.write);
} finally {
  await agent.close();
  await world.close();
}

/** @param {string} tool */
async function show(tool) {
  const [exchanges, logins, challenges] = [agent.exchanges.length, agent.keeper.sentTo.length, agent.challenges.length];
  const result = await agent.call(tool, { item: "tea" });
  console.log(`\n${tool}`);
  for (const exchange of agent.exchanges.slice(exchanges)) console.log(`  ${exchange.replace(world.url, "gate ")}`);
  for (const challenge of agent.challenges.slice(challenges)) console.log(`  the gate asked: ${challenge}`);
  for (const url of agent.keeper.sentTo.slice(logins)) console.log(`  the person agreed to: ${url.searchParams.get("scope")}`);
  console.log(`  ${JSON.stringify(result.content)}`);
}
