// As much of the two model APIs as their SDKs need to believe them: one answer whole, one as server-sent events.
import { bytes, sendJson, serve } from "./net.mjs";

/** What the model says, in pieces. */
export const PIECES = ["Seven", " of", " tea"];

export async function startModelServer() {
  /** @type {{url: string, headers: import("node:http").IncomingHttpHeaders, body: any}[]} */
  const requests = [];
  const server = await serve(async (request, response) => {
    const body = JSON.parse((await bytes(request)).toString());
    requests.push({ url: request.url ?? "", headers: request.headers, body });
    const isChat = request.url === "/v1/chat/completions";
    if (!body.stream) return sendJson(response, 200, isChat ? completion(PIECES.join("")) : message(PIECES.join("")));
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of isChat ? chunks() : events()) response.write(event);
    response.end();
  });
  return { ...server, requests };
}

/** @param {string} content */
function completion(content) {
  return { id: "c1", object: "chat.completion", created: 1, model: "m", choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }] };
}

function* chunks() {
  for (const content of PIECES) {
    yield `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content } }] })}\n\n`;
  }
  yield "data: [DONE]\n\n";
}

/** @param {string} text */
function message(text) {
  return { id: "m1", type: "message", role: "assistant", model: "m", stop_reason: "end_turn", stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 }, content: [{ type: "text", text }] };
}

function* events() {
  const event = (/** @type {any} */ data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
  yield event({ type: "message_start", message: { ...message(""), content: [] } });
  yield event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } });
  for (const text of PIECES) yield event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } });
  yield event({ type: "content_block_stop", index: 0 });
  yield event({ type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 3 } });
  yield event({ type: "message_stop" });
}
