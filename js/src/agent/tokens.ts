// Access tokens: where they come from, how long they are kept, and what they are asked for.
import { unlessAborted } from "./abort.js";
import type { TokenChallenge } from "./challenges.js";
import { fail } from "./fail.js";

/** What a token is needed for. */
export interface TokenNeed extends TokenChallenge {
  /** Without fragment. */
  readonly url: string;
  readonly method: string;
  /** The thumbprint of the key that the token is to be bound to (RFC 9449 §10), where there is one. */
  readonly dpop_jkt?: string;
}

/** What an issuer answers (RFC 6749 §5.1), as far as an agent reads it. */
export interface TokenResponse {
  readonly access_token: string;
  /** `DPoP` or `Bearer`. Default: what the agent's `dpop` says. */
  readonly token_type?: string;
  /** Seconds. Default: good until a server refuses it. */
  readonly expires_in?: number;
}

/**
 * A token, or who gives one: asked before each request, and once more with the challenge where a server asks for another. A
 * text is not kept: whoever gives it keeps it. A `TokenResponse` is, for each origin, until it expires or is refused. With
 * nothing the request goes out without.
 */
export type TokenSource = string | ((need: TokenNeed) => TokenGiven | Promise<TokenGiven>);

type TokenGiven = string | TokenResponse | null | undefined;

/** A token that goes out. */
export interface Credential {
  readonly token: string;
  readonly scheme: "DPoP" | "Bearer";
}

interface Kept extends Credential {
  /** Milliseconds since 1970. */
  readonly until: number;
  /** Which of all questions it answers: one that was asked earlier and is answered later changes nothing. */
  readonly question: number;
}

/** A question that is not answered yet. */
interface Asked {
  readonly answer: Promise<Credential | undefined>;
  /** How many calls wait for it. */
  waiting: number;
}

/** How long before its end a token is not used any more, in milliseconds: a request takes its time. */
const MARGIN = 10_000;

/** Most challenges whose answers are remembered. */
const MOST_CHALLENGES = 64;

/** Longest token, as in the verifier. */
const MOST_TOKEN = 8 * 1024;

export class Tokens {
  readonly #source: TokenSource;
  readonly #jkt: string | undefined;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #asked = new Map<string, Asked>();
  #questions = 0;
  /** The last answer to each challenge, and which of all answers it was. */
  readonly #answered = new Map<string, { readonly credential: Credential; readonly turn: number }>();
  #turn = 0;

  constructor(source: TokenSource, jkt: string | undefined, now: () => number) {
    this.#source = source;
    this.#jkt = jkt;
    this.#now = now;
  }

  /** Whether a challenge can be answered at all. */
  get canAsk(): boolean {
    return typeof this.#source === "function";
  }

  /** Counts the answers: what was answered later than a request began may be news to it. */
  get turn(): number {
    return this.#turn;
  }

  /** The token for a request. */
  async for(url: URL, method: string, signal: AbortSignal | undefined): Promise<Credential | undefined> {
    const source = this.#source;
    if (typeof source === "string") return this.#credential(source, undefined);
    const kept = this.#kept.get(url.origin);
    if (kept !== undefined && kept.until > this.#now()) return kept;
    const need = this.#need(url, method);
    return this.#ask(JSON.stringify(need), url.origin, signal, () => source(need));
  }

  /** Another token than was sent, for a request that began at this turn. */
  async forChallenge(
    url: URL,
    method: string,
    signal: AbortSignal | undefined,
    challenge: TokenChallenge,
    since: number,
  ): Promise<Credential | undefined> {
    const source = this.#source;
    if (typeof source === "string") return undefined;
    // One question for all that a challenge asks of an origin: it may be a person who answers.
    const question = JSON.stringify([url.origin, challenge]);
    const answered = this.#answered.get(question);
    if (answered && answered.turn > since) return answered.credential;
    const need = { ...this.#need(url, method), ...challenge };
    const credential = await this.#ask(question, url.origin, signal, () => source(need));
    if (credential && this.#answered.get(question)?.credential !== credential) this.#note(question, credential);
    return credential;
  }

  #need(url: URL, method: string): TokenNeed {
    return { url: url.href, method, ...(this.#jkt !== undefined && { dpop_jkt: this.#jkt }) };
  }

  #note(question: string, credential: Credential): void {
    this.#turn += 1;
    this.#answered.delete(question);
    this.#answered.set(question, { credential, turn: this.#turn });
    if (this.#answered.size > MOST_CHALLENGES) this.#answered.delete([...this.#answered.keys()][0] ?? "");
  }

  /** Asks, or waits with those who have asked. What nobody waits for any more is asked anew by the next who needs it. */
  async #ask(
    question: string,
    origin: string,
    signal: AbortSignal | undefined,
    give: () => TokenGiven | Promise<TokenGiven>,
  ): Promise<Credential | undefined> {
    signal?.throwIfAborted();
    const asked = this.#asked.get(question) ?? this.#put(question, origin, give);
    asked.waiting += 1;
    try {
      return await unlessAborted(signal, () => asked.answer);
    } finally {
      asked.waiting -= 1;
      if (asked.waiting === 0 && this.#asked.get(question) === asked) this.#asked.delete(question);
    }
  }

  #put(question: string, origin: string, give: () => TokenGiven | Promise<TokenGiven>): Asked {
    this.#questions += 1;
    const number = this.#questions;
    const asked: Asked = { answer: (async () => this.#take(origin, number, await give()))(), waiting: 0 };
    // Whoever waits for it may have gone.
    asked.answer.catch(() => {});
    this.#asked.set(question, asked);
    return asked;
  }

  #take(origin: string, question: number, given: TokenGiven): Credential | undefined {
    const isLate = (this.#kept.get(origin)?.question ?? 0) > question;
    if (given === null || given === undefined || typeof given === "string") {
      if (!isLate) this.#kept.delete(origin);
      return typeof given === "string" ? this.#credential(given, undefined) : undefined;
    }
    if (typeof given !== "object") throw fail("agent.token_invalid", "token gives a text, a token response, or nothing");
    const { access_token, token_type, expires_in } = given;
    const credential = this.#credential(access_token, token_type);
    const isLength = typeof expires_in === "number" && expires_in >= 0;
    if (expires_in !== undefined && !isLength) throw fail("agent.token_invalid", "expires_in is a number of seconds");
    const until = expires_in === undefined ? Number.POSITIVE_INFINITY : this.#now() + expires_in * 1000 - MARGIN;
    if (!isLate) this.#kept.set(origin, { ...credential, until, question });
    return credential;
  }

  #credential(token: unknown, type: unknown): Credential {
    if (typeof token !== "string" || token.length > MOST_TOKEN || !/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
      throw fail("agent.token_invalid", "a token is Base64-like text (RFC 6750 §2.1) of at most 8 KiB");
    }
    if (type === undefined) return { token, scheme: this.#jkt === undefined ? "Bearer" : "DPoP" };
    const scheme = typeof type === "string" ? type.toLowerCase() : "";
    if (scheme === "bearer") return { token, scheme: "Bearer" };
    if (scheme === "dpop" && this.#jkt !== undefined) return { token, scheme: "DPoP" };
    throw fail("agent.token_invalid", "the token is of a type that this agent does not send");
  }
}
