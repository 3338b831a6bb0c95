// What can go wrong with a request between the agent and the gate, done on purpose.
import { type AgentKey, generateKey } from "countersign/agent";

/** What an attempt is made with. */
export interface Means {
  readonly key: AgentKey;
  /** Sends what was signed. */
  readonly fetch: typeof globalThis.fetch;
  /** The time of the agent's clock, in milliseconds since 1970. */
  readonly now: () => number;
}

export interface Mischief {
  readonly name: string;
  readonly label: string;
  /** What is done, for people; nothing where all is well. */
  readonly what?: string;
  readonly spoil: (means: Means) => Promise<Means> | Means;
}

const HOUR = 3_600_000;

export const MISCHIEF: readonly Mischief[] = [
  { name: "nothing", label: "Nothing", spoil: (means) => means },
  {
    name: "body",
    label: "The body is changed",
    what: "Somebody on the way changed the body after it was signed.",
    spoil: (means) => ({ ...means, fetch: changing(withOtherBody) }),
  },
  {
    name: "target",
    label: "It is sent elsewhere",
    what: "Somebody on the way added ?admin=1 after it was signed.",
    spoil: (means) => ({ ...means, fetch: changing(withOtherTarget) }),
  },
  {
    name: "expired",
    label: "It arrives late",
    what: "The request was signed an hour ago.",
    spoil: (means) => ({ ...means, now: () => Date.now() - HOUR }),
  },
  {
    name: "key",
    label: "Another key signs",
    what: "A key signed that the agent's directory does not have.",
    spoil: async (means) => ({ ...means, key: await generateKey() }),
  },
  {
    name: "replay",
    label: "It comes twice",
    what: "Somebody on the way kept a copy, and sent it again.",
    spoil: (means) => ({ ...means, fetch: repeating }),
  },
];

function changing(change: (request: Request) => Promise<Request> | Request): typeof globalThis.fetch {
  return async (input, init) => fetch(await change(new Request(input, init)));
}

async function withOtherBody(request: Request): Promise<Request> {
  const body = await request.clone().text();
  // What has none gets one.
  if (request.method === "GET" || request.method === "HEAD") return request;
  return new Request(request, { body: body.includes("2") ? body.replace("2", "2000") : `${body} ` });
}

async function withOtherTarget(request: Request): Promise<Request> {
  const { method, headers } = request;
  const body = method === "GET" || method === "HEAD" ? null : await request.arrayBuffer();
  return new Request(`${request.url}${request.url.includes("?") ? "&" : "?"}admin=1`, { method, headers, body });
}

const repeating: typeof globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  const first = await fetch(request.clone());
  // What is refused already need not be repeated.
  return first.ok ? fetch(request) : first;
};
