import { createServer, createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createGate } from "countersign";
import { guard } from "countersign/node";

const gate = createGate({});
createServer(guard(gate, (request, response) => void response.end(request.authority)));
createSecureServer({}).on("request", guard(gate, (request, response) => void response.end(request.authority + request.countersign.id)));
const listener = guard<Http2ServerRequest, Http2ServerResponse>(gate, (request, response) => void response.end(request.authority));
createSecureServer({}, listener).on("checkContinue", listener);
// @ts-expect-error the types of this one tell nobody what it will call: it is taken for a listener of node:http
createSecureServer({}, guard(gate, (request, response) => void response.end("x")));
