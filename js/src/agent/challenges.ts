// What a refusal asks for: challenges (RFC 9110 §11.6.1) of the Bearer (RFC 6750), DPoP (RFC 9449) and step-up (RFC 9470)
// kinds, with the metadata of the resource (RFC 9728 §5.1).

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
  /** Every scope that the request needs. */
  readonly scopes?: readonly string[];
  /** Where the resource says which issuers it trusts (RFC 9728). */
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

function read({ params }: Challenge): TokenChallenge {
  const words = (name: string): string[] => (params.get(name) ?? "").split(" ").filter((word) => word !== "");
  const [error, metadata, age] = [params.get("error"), params.get("resource_metadata"), params.get("max_age")];
  const [scopes, acr_values] = [words("scope"), words("acr_values")];
  return {
    ...(error !== undefined && { error }),
    ...(scopes.length > 0 && { scopes }),
    ...(metadata !== undefined && { resource_metadata: metadata }),
    ...(acr_values.length > 0 && { acr_values }),
    ...(age !== undefined && /^\d{1,9}$/.test(age) && { max_age: Number(age) }),
  };
}
