// What a refusal asks for: challenges (RFC 9110 §11.6.1) of the Bearer (RFC 6750), DPoP (RFC 9449) and step-up (RFC 9470)
// kinds, with the metadata of the resource (RFC 9728 §5.1).
import { isSecure } from "./origins.js";

/** One challenge of a `WWW-Authenticate`. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** By names in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

/** What a token is asked for, where a server has asked for another one. */
export interface TokenChallenge {
  /** `invalid_token`, `insufficient_scope` or `insufficient_user_authentication`; none where no token was sent. */
  readonly error?: string;
  /**
   * Every scope that the request needs, as the server says: not more than 64, of the characters that scopes have, and no more
   * to be trusted. Ask an issuer for those of them that the agent is to have.
   */
  readonly scopes?: readonly string[];
  /** Where the resource says which issuers it trusts (RFC 9728), by its own account: an `https` URL, or loopback. */
  readonly resource_metadata?: string;
  /** How the person should have authenticated, best first (RFC 9470). */
  readonly acr_values?: readonly string[];
  /** How long ago that may be, in seconds. */
  readonly max_age?: number;
}

/** Longest field that is read. */
const MOST_TEXT = 16 * 1024;

const TOKEN_ERRORS: readonly (string | undefined)[] = ["invalid_token", "insufficient_scope", "insufficient_user_authentication"];

/** The challenges of a field's lines, joined; those before the first that is malformed. One with a parameter twice is none. */
export function parseChallenges(value: string | null): readonly Challenge[] {
  const challenges: Challenge[] = [];
  if (value === null || value.length > MOST_TEXT) return challenges;
  let rest = value;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    const found = pattern.exec(rest);
    rest = rest.slice(found?.[0].length ?? 0);
    return found;
  };
  for (;;) {
    take(/^[ \t,]*/);
    const scheme = take(/^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ ]+|(?=[ \t]*(?:,|$)))/)?.[1];
    if (scheme === undefined) return challenges;
    const params = new Map<string, string>();
    let isSound = take(/^[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/) === null;
    for (;;) {
      const found = take(/^[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))(?=[ \t]*(?:,|$))/);
      if (found === null) break;
      const name = (found[1] ?? "").toLowerCase();
      isSound &&= !params.has(name);
      params.set(name, found[2]?.replace(/\\(.)/g, "$1") ?? found[3] ?? "");
    }
    if (isSound) challenges.push({ scheme: scheme.toLowerCase(), params });
  }
}

/** Whether a proof with the nonce that came along is asked for (RFC 9449 §9). */
export function asksForNonce(challenges: readonly Challenge[]): boolean {
  return challenges.some(({ scheme, params }) => scheme === "dpop" && params.get("error") === "use_dpop_nonce");
}

/** What token is asked for, if another one is. Without an `error` nothing is wrong with one that was sent (RFC 6750 §3.1). */
export function tokenChallenge(challenges: readonly Challenge[], wasSent: boolean): TokenChallenge | undefined {
  const ofTokens = challenges.filter(({ scheme }) => scheme === "bearer" || scheme === "dpop");
  const found = wasSent
    ? ofTokens.find(({ params }) => TOKEN_ERRORS.includes(params.get("error")))
    : ofTokens.find(({ params }) => TOKEN_ERRORS.includes(params.get("error")) || !params.has("error"));
  return found && read(found);
}

/** Most words of a list of scopes or of classes of authentication, and longest text of such a list or of a URL. */
const MOST_WORDS = 64;
const MOST_VALUE = 2048;

/** What a challenge says, without what is malformed in it: it comes from a server, and goes to the agent's own code. */
function read({ params }: Challenge): TokenChallenge {
  const [error, age] = [params.get("error"), params.get("max_age")];
  const [scopes, acr_values] = [wordsOf(params.get("scope")), wordsOf(params.get("acr_values"))];
  const metadata = urlOf(params.get("resource_metadata"));
  return {
    ...(error !== undefined && { error }),
    ...(scopes && { scopes }),
    ...(metadata !== undefined && { resource_metadata: metadata }),
    ...(acr_values && { acr_values }),
    ...(age !== undefined && /^\d{1,9}$/.test(age) && { max_age: Number(age) }),
  };
}

/** Words of the characters that scopes have (RFC 6749 §3.3); `undefined` where there are none, or other ones. */
function wordsOf(text = ""): string[] | undefined {
  if (text.length > MOST_VALUE || !/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(text)) return undefined;
  const words = text.split(" ").filter((word) => word !== "");
  return words.length > 0 && words.length <= MOST_WORDS ? words : undefined;
}

/** A URL that may be fetched: `https`, or loopback, and no user in it. */
function urlOf(text = ""): string | undefined {
  const url = text.length <= MOST_VALUE && URL.canParse(text) ? new URL(text) : undefined;
  return url && isSecure(url) && url.username === "" && url.password === "" ? url.href : undefined;
}
