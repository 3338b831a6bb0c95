// The demo MCP server: two tools of a shop, over Streamable HTTP. It is the origin behind the gate and knows nothing of
// tokens: who may call what was decided before, and who calls is told by the gate's fields.
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import { serve } from "./net.mjs";

export const MCP_PATH = "/mcp";

/** What tools may do to the world, by their names. */
export const TOOLS = { read: "stock_level", write: "place_order", slow: "recount" };

/** How many steps the slow one takes, each of which it tells the client. */
export const STEPS = 3;

const ITEM = /** @type {import("@modelcontextprotocol/server").StandardSchemaWithJSON<{item: string}>} */ (
  fromJsonSchema({ type: "object", properties: { item: { type: "string" } }, required: ["item"] })
);

export async function startMcpServer() {
  /** The header fields of each request. @type {import("node:http").IncomingHttpHeaders[]} */
  const requests = [];
  const handler = createMcpHandler(shop);
  const handle = toNodeHandler(handler);
  const server = await serve((request, response) => {
    requests.push(request.headers);
    if (request.url !== MCP_PATH) return response.writeHead(404).end();
    handle(request, response);
  });
  return {
    ...server,
    requests,
    async close() {
      await handler.close();
      await server.close();
    },
  };
}

function shop() {
  const server = new McpServer({ name: "demo-shop", version: "1.0.0" });
  server.registerTool(TOOLS.read, { description: "How many of an item there are", inputSchema: ITEM }, ({ item }) => says(`7 of ${item}`));
  server.registerTool(TOOLS.write, { description: "Orders one of an item", inputSchema: ITEM }, ({ item }) => says(`ordered ${item}`));
  server.registerTool(TOOLS.slow, { description: "Counts an item again", inputSchema: ITEM }, async ({ item }, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (let progress = 1; progressToken !== undefined && progress <= STEPS; progress += 1) {
      await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: STEPS } });
    }
    return says(`counted ${item}`);
  });
  return server;
}

/** @param {string} text */
function says(text) {
  return { content: [{ type: /** @type {const} */ ("text"), text }] };
}
