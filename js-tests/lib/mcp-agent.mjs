// The MCP agent: the official client, with a person at hand who logs in where it is sent to.
import { Client, DpopSession, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { User } from "./user.mjs";

/** Where the browser comes back to; nobody listens there, the code is read from the address. */
export const MCP_CALLBACK = "http://127.0.0.1:53682/callback";

/**
 * @typedef {object} McpAgentOptions
 * @property {typeof fetch} reach
 * @property {string} url of the MCP server, as the agent's operator wrote it
 * @property {"legacy" | "auto" | {pin: string}} [mode] which revisions it speaks
 * @property {string} [clientMetadataUrl] its client id metadata document; without one it registers itself
 * @property {import("@modelcontextprotocol/client").StoredOAuthClientInformation} [registered] or was registered before
 * @property {boolean} [dpop] asks for tokens that are bound to its key
 */

/** What a host does around the client: keeps what the client wants kept, and notes where it sends the person. */
export class Keeper {
  redirectUrl = MCP_CALLBACK;
  /** Where the person was sent to, each time. @type {URL[]} */
  sentTo = [];
  clientMetadata = {
    client_name: "Demo agent",
    redirect_uris: [MCP_CALLBACK],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  /** @type {import("@modelcontextprotocol/client").StoredOAuthClientInformation | undefined} */
  #client;
  /** @type {import("@modelcontextprotocol/client").StoredOAuthTokens | undefined} */
  #tokens;
  /** @type {import("@modelcontextprotocol/client").OAuthDiscoveryState | undefined} */
  #discovered;
  #verifier = "";
  /** @type {Promise<DpopSession> | undefined} */
  #session;

  /** @param {McpAgentOptions} options */
  constructor({ clientMetadataUrl, registered, dpop }) {
    /** @type {string | undefined} */
    this.clientMetadataUrl = clientMetadataUrl;
    this.#client = registered;
    // A member that is there at all switches proofs on.
    if (dpop) this.dpop = () => (this.#session ??= DpopSession.create());
  }

  /** @type {(() => Promise<DpopSession>) | undefined} */
  dpop;

  clientInformation() {
    return this.#client;
  }
  /** @param {import("@modelcontextprotocol/client").StoredOAuthClientInformation} client */
  saveClientInformation(client) {
    this.#client = client;
  }
  tokens() {
    return this.#tokens;
  }
  /** @param {import("@modelcontextprotocol/client").StoredOAuthTokens} tokens */
  saveTokens(tokens) {
    this.#tokens = tokens;
  }
  /** @param {URL} url */
  redirectToAuthorization(url) {
    this.sentTo.push(url);
  }
  /** @param {string} verifier */
  saveCodeVerifier(verifier) {
    this.#verifier = verifier;
  }
  codeVerifier() {
    return this.#verifier;
  }
  /** @param {import("@modelcontextprotocol/client").OAuthDiscoveryState} state */
  saveDiscoveryState(state) {
    this.#discovered = state;
  }
  discoveryState() {
    return this.#discovered;
  }
}

/** No call needs the person more often. */
const MOST_LOGINS = 2;

export class McpAgent {
  /** What it asked others for, and what came back: `METHOD URL status`. @type {string[]} */
  exchanges = [];
  /** `WWW-Authenticate` of each refusal. @type {string[]} */
  challenges = [];
  #client;
  #connected = false;
  #options;
  #user;

  /** @param {McpAgentOptions} options */
  constructor(options) {
    this.#options = options;
    this.keeper = new Keeper(options);
    this.#user = new User(options.reach);
    this.#client = this.#newClient();
    this.transport = this.#newTransport();
  }

  /**
   * Calls a tool; logs in as often as the client wants it.
   *
   * @param {string} name
   * @param {Record<string, unknown>} args
   * @param {import("@modelcontextprotocol/client").RequestOptions} [options]
   */
  async call(name, args, options) {
    for (let logins = 0; ; logins += 1) {
      try {
        if (!this.#connected) await this.#client.connect(this.transport);
        this.#connected = true;
        return await this.#client.callTool({ name, arguments: args }, options);
      } catch (error) {
        if (!(error instanceof UnauthorizedError) || logins === MOST_LOGINS) throw error;
        await this.#login();
      }
    }
  }

  /** As the client's documentation says: the person logs in, the transport gets the code, and one starts again. */
  async #login() {
    const address = this.keeper.sentTo.at(-1);
    if (!address) throw new Error("the client did not say where to log in");
    const callback = await this.#user.authorize(address, MCP_CALLBACK);
    await this.transport.finishAuth(callback.searchParams);
    if (this.#connected) return;
    this.#client = this.#newClient();
    this.transport = this.#newTransport();
  }

  close() {
    return this.#client.close();
  }

  #newClient() {
    return new Client({ name: "demo-agent", version: "1.0.0" }, { versionNegotiation: { mode: this.#options.mode ?? "auto" } });
  }

  #newTransport() {
    const { url, reach } = this.#options;
    return new StreamableHTTPClientTransport(new URL(url), {
      authProvider: this.keeper,
      fetch: async (input, init) => {
        const response = await reach(/** @type {URL} */ (input), init);
        this.exchanges.push(`${init?.method ?? "GET"} ${input} ${response.status}`);
        const challenge = response.headers.get("www-authenticate");
        if (challenge) this.challenges.push(challenge);
        return response;
      },
    });
  }
}
