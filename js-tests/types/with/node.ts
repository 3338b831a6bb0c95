import { createServer } from "node:http";
import { createServer as createHttps } from "node:https";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createGate, type Decision } from "countersign";
import { countersign, guard } from "countersign/node";

const gate = createGate({});
const listener = guard(gate, (request, response) => {
  const decision: Decision = request.countersign;
  if (request.countersign.outcome === "allow") request.countersign.status satisfies 200;
  else request.countersign.problem.code satisfies string | undefined;
  response.writeHead(200).end(`${decision.id}${request.headersDistinct.accept}`);
  // @ts-expect-error the decision is there to be read
  request.countersign = decision;
});
createServer(listener).on("checkContinue", listener);
createHttps({}, listener);
createSecureServer({}, guard(gate, (request: Http2ServerRequest & { readonly countersign: Decision }, response: Http2ServerResponse) => void response.end(request.authority)));
const admit = countersign(gate, { trustProxy: 1 });
createServer(async (request, response) => {
  const decision: Decision | undefined = await admit(request, response);
  // @ts-expect-error nothing is let in where there is no decision
  decision.id;
});
