import { Call, type Household } from "./call.js";
import { type BodyRules, isStream } from "./body.js";
import { Proofs } from "./dpop.js";
import { fail } from "./fail.js";
import { type AgentOptions, parseOptions, type Settings } from "./options.js";
import { type Input, type Outgoing, readOutgoing } from "./outgoing.js";
import { Tokens } from "./tokens.js";

/** Makes requests that prove whose they are. */
export interface Agent {
  /**
   * `fetch`, with proofs: what is sent is signed, and what a server asks for is given, once. Takes and gives what the
   * platform's takes and gives; bound, so that it can be handed on. What the agent refuses to send is a `CountersignError`.
   */
  readonly fetch: typeof globalThis.fetch;
  /**
   * The fields that a request would get, each with its whole value, for those who send it themselves: set them. A `Request`
   * stays as it was. Streams and forms cannot be signed so: they would be sent as other bytes than were signed.
   */
  sign(input: string | URL | Request, init?: RequestInit): Promise<Headers>;
}

/** An agent. Throws a `CountersignError` with the code `agent.options_invalid`. */
export function createAgent(options: AgentOptions): Agent {
  const settings = parseOptions(options);
  const proofs = settings.holder && new Proofs(settings.holder);
  const tokens = settings.token === undefined ? undefined : new Tokens(settings.token, proofs?.thumbprint, settings.now);
  const house: Household = { settings, tokens, proofs };
  return {
    fetch: async (input, init) => new Call(house, await read(settings, input, init, false)).run(),
    async sign(input, init) {
      const content = init?.body;
      if (content instanceof FormData || (isStream(content) && settings.streams !== "unsigned")) {
        throw fail("agent.body_refused", "a form or a stream would be sent as other bytes than are signed here");
      }
      const outgoing = await read(settings, input, init, true);
      const { headers, added } = await new Call(house, outgoing).authorOnce();
      return new Headers(added.map((name): [string, string] => [name, headers.get(name) ?? ""]));
    },
  };
}

function read(settings: Settings, input: Input, init: RequestInit | undefined, keep: boolean): Promise<Outgoing> {
  const { signing, contentDigest, streams, maxBufferedBytes } = settings;
  const digested = signing !== undefined && (contentDigest !== false || signing.plain !== undefined);
  const rules: BodyRules = { digested, streams: signing ? streams : "unsigned", maxBufferedBytes };
  return readOutgoing(input, init ?? {}, rules, keep);
}
