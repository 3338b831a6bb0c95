// A request as the Fetch API has it, with what its runtime knows besides.
import { clientOf, type ClientDescriptor } from "../client.js";
import type { CountersignError } from "../error.js";
import type { RequestDescriptor } from "../request.js";
import { cloudflareClient } from "./cloudflare.js";
import { bodyConsumed } from "./fault.js";
import type { Forwarded, Proxies } from "./forwarded.js";
import { fieldLines, fieldOf, hasBody, type Incoming, stripOwnFields, type Target, targetOf, withoutOrigin } from "./incoming.js";
import { isLong } from "./outgoing.js";
import type { PublicOrigins } from "./origins.js";
import { urlOf } from "./target.js";

/** What a gate must know of a `Request`. */
export class SeenRequest {
  readonly descriptor: RequestDescriptor;
  readonly client: ClientDescriptor;
  /** The request of `node:http` below, on Node: it has the lines as they came. */
  readonly #incoming: Incoming | undefined;
  /** What was sent, as far as handlers find it in `Request`, which somebody may have put in the place of another. */
  readonly #sent: Incoming | undefined;
  #fault: CountersignError | undefined;

  constructor(request: Request, env: unknown, origins: PublicOrigins, proxies: Proxies | undefined) {
    this.#incoming = incomingOf(env);
    this.#sent = this.#incoming !== undefined && isOf(request, this.#incoming) ? this.#incoming : undefined;
    const known = (this.#incoming === undefined ? cloudflareClient(request) : clientOf(this.#incoming.socket)) ?? {};
    const forwarded = proxies?.forwarded(known.address, (name) => this.#field(request, name));
    this.client = forwarded === undefined ? known : { address: forwarded.address };
    this.descriptor = {
      method: request.method,
      url: this.#url(request, forwarded, origins),
      headers: this.#incoming === undefined ? request.headers : fieldLines(this.#incoming),
      body: this.#hasBody(request) ? { [Symbol.asyncIterator]: () => this.#read(request) } : null,
    };
  }

  /** What is wrong with how the server is built: no fault of the client's. */
  get fault(): CountersignError | undefined {
    return this.#fault;
  }

  stripOwnFields(): void {
    if (this.#incoming !== undefined) stripOwnFields(this.#incoming);
  }

  #url(request: Request, forwarded: Forwarded | undefined, origins: PublicOrigins): string {
    const { authority, path, own } = this.#target(request);
    const named = forwarded?.authority ?? authority;
    return urlOf(forwarded?.scheme ?? origins.schemeOf(named, own), named, path);
  }

  /** The lines say where the client sent it to, and the `Request` what handlers are to do. */
  #target(request: Request): Target {
    if (this.#incoming === undefined) return fetchedTarget(request);
    const target = targetOf(this.#incoming);
    return this.#sent === undefined ? { ...target, path: fetchedTarget(request).path } : target;
  }

  #field(request: Request, name: string): string | undefined {
    return this.#incoming === undefined ? (request.headers.get(name) ?? undefined) : fieldOf(this.#incoming, name);
  }

  #hasBody(request: Request): boolean {
    if (this.#sent !== undefined) return hasBody(this.#sent);
    return request.body !== null && request.headers.get("content-length") !== "0";
  }

  async *#read(request: Request): AsyncGenerator<Uint8Array> {
    // A clone, so that the handler still finds the body whole.
    const { body } = this.#clone(request);
    if (body === null) return;
    const reader = body.getReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    } finally {
      // The other branch is the handler's: this one has had enough. That answers only when both have.
      void reader.cancel().catch(() => {});
    }
  }

  #clone(request: Request): Request {
    try {
      if (!request.bodyUsed) return request.clone();
    } catch {
      // Somebody has its reader.
    }
    throw (this.#fault = bodyConsumed());
  }
}

function fetchedTarget({ url }: Pick<Request, "url">): Target {
  const { protocol, host, pathname, search } = new URL(url);
  return { authority: host, path: pathname + search, own: protocol === "https:" ? "https" : "http" };
}

/** Whether handlers that look at `request` see the method and the target that were sent: `Request` normalises them. */
function isOf(request: Request, { method, url = "" }: Incoming): boolean {
  // A host of ours, so that nothing of the path can be taken for one.
  const sent = `http://host${withoutOrigin(url)}`;
  return request.method === method && URL.canParse(sent) && fetchedTarget({ url: sent }).path === fetchedTarget(request).path;
}

/** The response of `node:http` below, on Node. */
export function outgoingOf(env: unknown): { readonly destroyed?: unknown } | undefined {
  return memberOf(env, "outgoing");
}

/** Whether more of a body is still to come than anybody would read to use its connection again. */
export function isMuchToCome(env: unknown): boolean {
  const incoming = incomingOf(env);
  return incoming !== undefined && incoming.httpVersionMajor < 2 && !incoming.complete && isLong(incoming);
}

function incomingOf(env: unknown): Incoming | undefined {
  const incoming = memberOf(env, "incoming");
  return incoming !== undefined && "rawHeaders" in incoming && "socket" in incoming ? (incoming as Incoming) : undefined;
}

function memberOf(env: unknown, name: string): object | undefined {
  const value: unknown = typeof env === "object" && env !== null ? Reflect.get(env, name) : undefined;
  return typeof value === "object" && value !== null ? value : undefined;
}
