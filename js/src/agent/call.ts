// One call of `fetch`: sent, and sent again as long as a response asks for something that the agent can give and has not
// given yet.
import { type Accepted, chooseAccepted, isFulfilledBy } from "./accept.js";
import { author, type Authored, canSign } from "./author.js";
import { canRepeat } from "./body.js";
import { asksForNonce, parseChallenges, tokenChallenge } from "./challenges.js";
import { nonceOf, type Proofs } from "./dpop.js";
import { type Answer, CREDENTIALS, withoutCredentials } from "./exchange.js";
import { fail } from "./fail.js";
import type { Settings, Signing } from "./options.js";
import type { Outgoing } from "./outgoing.js";
import { isRedirect, MOST_REDIRECTS, redirected } from "./redirect.js";
import { retryAfter } from "./retry-after.js";
import type { Credential, Tokens } from "./tokens.js";

/** Most answers in one call, whatever it is redirected to. */
const MOST_ANSWERS = 12;

const SAFE: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/** What the calls of an agent share. */
export interface Household {
  readonly settings: Settings;
  readonly tokens: Tokens | undefined;
  readonly proofs: Proofs | undefined;
}

export class Call {
  readonly #house: Household;
  #outgoing: Outgoing;
  #attempt = 0;
  #redirects = 0;
  #answers = 0;
  /** Milliseconds. */
  #waited = 0;
  /** What was answered since the last redirect: each kind once. */
  #answered = new Set<Answer>();
  #accepted: Accepted | undefined;
  #credential: Credential | undefined;
  /** The turn of the tokens when the last one was got. */
  #since = 0;
  /** Whether the origin that the call began with is still the one that is asked. */
  #isAtHome = true;
  /** Whether an origin that is on no list has sent the call to another: then whatever it is sent to gets no proof from us. */
  #isSteered = false;
  /** The same for the token, by an origin that would not get it itself. */
  #isTokenSteered = false;

  constructor(house: Household, outgoing: Outgoing) {
    this.#house = house;
    this.#outgoing = outgoing;
  }

  async run(): Promise<Response> {
    this.#credential = await this.#token();
    for (;;) {
      const authored = await this.author();
      const response = await this.#send(authored);
      const next = await this.#next(response, authored);
      if (!next) return this.#redirects > 0 ? asRedirected(response) : response;
      this.#outgoing.signal?.throwIfAborted();
    }
  }

  /** The request as it would be sent now. */
  async authorOnce(): Promise<Authored> {
    this.#credential = await this.#token();
    return this.author();
  }

  author(): Promise<Authored> {
    const { settings, proofs } = this.#house;
    const wanted = { credential: this.#credential, signing: this.#signing, accepted: this.#accepted };
    return author(this.#outgoing, wanted, settings, proofs);
  }

  /** How this origin's requests are signed, if they are. */
  get #signing(): Signing | undefined {
    const { signing, signedOrigins, tokenOrigins } = this.#house.settings;
    const { origin } = this.#outgoing.url;
    const isSigned = signedOrigins ? signedOrigins.has(origin) : this.#isAtHome || tokenOrigins.has(origin);
    return isSigned && !this.#isSteered ? signing : undefined;
  }

  #isListed(origin: string): boolean {
    const { tokenOrigins, signedOrigins } = this.#house.settings;
    return tokenOrigins.has(origin) || signedOrigins?.has(origin) === true;
  }

  /** Whether the agent has a say in what token goes out: not where the caller sends one. */
  get #givesToken(): boolean {
    const { url, headers } = this.#outgoing;
    return this.#house.settings.tokenOrigins.has(url.origin) && !this.#isTokenSteered && !headers.has("authorization");
  }

  async #token(): Promise<Credential | undefined> {
    const { url, method, signal } = this.#outgoing;
    this.#since = this.#house.tokens?.turn ?? 0;
    return this.#givesToken ? this.#house.tokens?.for(url, method, signal) : undefined;
  }

  async #send(authored: Authored): Promise<Response> {
    this.#attempt += 1;
    const { method, url, body, signal, rest, redirect } = this.#outgoing;
    const { settings, proofs } = this.#house;
    const content = body.kind === "bytes" ? body.bytes : body.kind === "stream" ? body.stream : body.kind === "platform" ? body.content : undefined;
    const follows = redirect === "follow" && settings.redirects !== "platform";
    const init = {
      ...rest,
      method,
      headers: authored.headers,
      // Not "error", which Workers do not have.
      redirect: follows ? "manual" : redirect,
      ...(signal && { signal }),
      ...(content !== undefined && { body: content }),
      ...(body.kind === "stream" && { duplex: "half" }),
    } as RequestInit;
    try {
      const response = await settings.fetch(url.href, init);
      if (isOwn(response, url)) proofs?.remember(url, response.headers);
      return response;
    } catch (error) {
      this.#tell(authored, undefined, []);
      throw error;
    }
  }

  /** Prepares what comes next; says whether anything does. */
  async #next(response: Response, authored: Authored): Promise<boolean> {
    const { settings } = this.#house;
    if (!isOwn(response, this.#outgoing.url)) {
      this.#tell(authored, response, []);
      return false;
    }
    const follows = this.#outgoing.redirect === "follow" && settings.redirects !== "platform";
    if (follows && isRedirect(response)) return this.#redirect(response, authored);
    const delay = this.#delay(response);
    const answers = delay === undefined ? await this.#answer(response, authored).catch(discarding(response)) : (["wait"] as const);
    this.#tell(authored, response, answers);
    if (answers.length === 0) return false;
    this.#answers += 1;
    discard(response);
    this.#waited += delay ?? 0;
    if (delay !== undefined) await settings.pause(delay, this.#outgoing.signal);
    return true;
  }

  async #redirect(response: Response, authored: Authored): Promise<true> {
    const isRefused = this.#house.settings.redirects === "refuse";
    this.#tell(authored, response, isRefused ? [] : ["redirect"]);
    discard(response);
    if (isRefused) throw fail("agent.redirect_refused", "the agent follows no redirects");
    this.#redirects += 1;
    if (this.#redirects > MOST_REDIRECTS) throw fail("agent.redirect_refused", `more than ${MOST_REDIRECTS} redirects`);
    const from = this.#outgoing.url.origin;
    this.#outgoing = redirected(this.#outgoing, response);
    const leaves = this.#outgoing.url.origin !== from;
    this.#isAtHome &&= !leaves;
    this.#isSteered ||= leaves && !this.#isListed(from);
    this.#isTokenSteered ||= leaves && !this.#house.settings.tokenOrigins.has(from);
    this.#accepted = undefined;
    this.#answered = new Set();
    this.#credential = await this.#token();
    return true;
  }

  /** Gets ready whatever the response asks for and was not asked for before. */
  async #answer(response: Response, authored: Authored): Promise<readonly Answer[]> {
    if ((response.status !== 401 && response.status !== 403) || !this.#mayRepeat) return [];
    const answers: Answer[] = [];
    if (this.#answersNonce(response, authored)) answers.push("nonce");
    if (this.#answersSignature(response, authored)) answers.push("signature");
    if (await this.#answersToken(response, authored)) answers.push("token");
    return answers;
  }

  get #mayRepeat(): boolean {
    return canRepeat(this.#outgoing.body) && this.#answers < MOST_ANSWERS;
  }

  #answersNonce(response: Response, { proof }: Authored): boolean {
    const challenges = parseChallenges(response.headers.get("www-authenticate"));
    return proof !== undefined && asksForNonce(challenges) && nonceOf(response.headers) !== undefined && this.#once("nonce");
  }

  #answersSignature(response: Response, authored: Authored): boolean {
    const { signature, credential } = authored;
    const signing = this.#signing;
    const accepted = signing && signature && chooseAccepted(response.headers.get("accept-signature"), signing);
    if (!signing || !accepted || isFulfilledBy(accepted, signature.label, signature.components, signature.params)) return false;
    const wanted = { credential, signing, accepted };
    if (!canSign(authored, this.#outgoing, wanted, this.#house.settings) || !this.#once("signature")) return false;
    this.#accepted = accepted;
    return true;
  }

  async #answersToken(response: Response, { credential }: Authored): Promise<boolean> {
    const { tokens } = this.#house;
    const { url, method, signal } = this.#outgoing;
    if (!tokens?.canAsk || !this.#givesToken) return false;
    const challenge = tokenChallenge(parseChallenges(response.headers.get("www-authenticate")), credential !== undefined);
    if (!challenge || !this.#once("token")) return false;
    const given = await tokens.forChallenge(url, method, signal, challenge, this.#since);
    if (!given) return false;
    this.#credential = given;
    return true;
  }

  /** Milliseconds to wait. 429 says that nothing was done; 503 may come after something was. */
  #delay(response: Response): number | undefined {
    const { maxDelay, now } = this.#house.settings;
    const isRefusal = response.status === 429 || (response.status === 503 && SAFE.includes(this.#outgoing.method));
    if (!isRefusal || maxDelay === undefined || !this.#mayRepeat) return undefined;
    const delay = retryAfter(response.headers.get("retry-after"), now());
    const isShort = delay !== undefined && delay <= maxDelay && this.#waited + delay <= 2 * maxDelay;
    return isShort && this.#once("wait") ? delay : undefined;
  }

  #once(answer: Answer): boolean {
    const isFirst = !this.#answered.has(answer);
    this.#answered.add(answer);
    return isFirst;
  }

  #tell({ headers, added, signature, proof }: Authored, response: Response | undefined, answers: readonly Answer[]): void {
    const { onExchange, signing } = this.#house.settings;
    if (!onExchange) return;
    const { method, url } = this.#outgoing;
    const shown = (name: string): string => (CREDENTIALS.includes(name) ? "***" : (headers.get(name) ?? ""));
    const decision = response?.headers.get("countersign-decision");
    try {
      onExchange({
        attempt: this.#attempt,
        method,
        url: url.href,
        fields: Object.fromEntries(added.map((name) => [name, shown(name)])),
        ...(signature && { base: withoutCredentials(signature.base, signing?.components ?? []) }),
        ...(proof && { proof: proof.claims }),
        ...(response && { status: response.status }),
        ...(decision && { decision }),
        answers,
      });
    } catch {
      // Whoever only looks on does not stop a request.
    }
  }
}

/** Whether the origin that was asked has answered, and not one that the platform has followed a redirect to. */
function isOwn({ redirected: wasRedirected, url }: Response, { origin }: URL): boolean {
  return !wasRedirected || (URL.canParse(url) && new URL(url).origin === origin);
}

/** Frees the connection of a response that nobody reads. */
function discard(response: Response): void {
  response.body?.cancel().catch(() => {});
}

/** The same where what the response asks for ended in an error, which is the caller's. */
function discarding(response: Response): (error: unknown) => never {
  return (error) => {
    discard(response);
    throw error;
  };
}

/** As `fetch` says it of what it followed itself. */
function asRedirected(response: Response): Response {
  return Object.defineProperty(response, "redirected", { value: true });
}
