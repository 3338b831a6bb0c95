// Tokens without a gate: one JWT (RFC 7519, RFC 9068) against keys that the caller has, one DPoP proof (RFC 9449)
// against a request. The core decides; ECDSA and RSA are native.
import { platform } from "#platform";
import type { ReasonCode } from "./codes.js";
import { checkOptions, type Names } from "./names.js";
import { coded, invalid, keyDocument, lengthOf, optionalText, secondsOf, textOf, textsOf } from "./options.js";
import { verdictsOf } from "./platform.js";
import { ProofInspection, TokenInspection, TokenKeys } from "./wasm.js";

/** A signature algorithm, by its name in JOSE. `Ed25519` (RFC 9864) and `EdDSA` are the same here. */
export type TokenAlgorithm =
  | "EdDSA"
  | "Ed25519"
  | "ES256"
  | "ES384"
  | "PS256"
  | "PS384"
  | "PS512"
  | "RS256"
  | "RS384"
  | "RS512";

/** What a token is judged by. */
export type VerifyJwtOptions = VerifyTokenOptions | VerifyJwsOptions;

/** What tokens and proofs alike are judged by. */
export interface VerifyTimeOptions {
  /** The only algorithms that are accepted. Default: all of them. */
  readonly algorithms?: readonly TokenAlgorithm[];
  /** Seconds that clocks may differ, at most 60. Default: 30. */
  readonly clockSkew?: number;
  /** The time, as seconds since 1970 or a `Date`. Default: the clock's. */
  readonly now?: number | Date;
}

/** What an access token is judged by. */
export interface VerifyTokenOptions extends VerifyTimeOptions {
  /** The issuer's keys: a JWK Set, a list of JWKs, one JWK, or the JSON of either. */
  readonly keys: object | string;
  /** What `iss` must be. */
  readonly issuer: string;
  /** What `aud` must name, or one of several. */
  readonly audience: string | readonly string[];
  /**
   * `at+jwt` (RFC 9068), or `jwt` for issuers that do not emit that `typ`; `any` is the one of the two that the token's
   * `typ` names. What is typed for another purpose is refused by all. Default: `at+jwt`.
   */
  readonly profile?: "at+jwt" | "jwt" | "any";
  /** Most seconds from `iat` to `exp`. Default: no limit. */
  readonly maxLifetime?: number;
}

/** What a JWS is judged by: header and signature. This is no check of a token: no claim is looked at, not even a time. */
export interface VerifyJwsOptions extends Pick<VerifyTimeOptions, "algorithms"> {
  /** The keys that count: a JWK Set, a list of JWKs, one JWK, or the JSON of either. */
  readonly keys: object | string;
  readonly profile: "jws";
  readonly issuer?: never;
  readonly audience?: never;
  readonly clockSkew?: never;
  readonly maxLifetime?: never;
  readonly now?: never;
}

/** What was found out about a token. Members are there as far as they are known. */
export type JwtReport = VerifiedJwt | VerifiedJws | RefusedJwt;

/** A token that holds. Whether it is revoked, or sent by whom it is bound to (`cnf`), was not asked. */
export interface VerifiedJwt extends JwtFacts {
  readonly outcome: "verified";
  readonly code: "ok";
  /** The profile that its `typ` names. */
  readonly profile: "at+jwt" | "jwt";
  readonly algorithm: TokenAlgorithm;
  /** The thumbprint of the key that made it (RFC 7638). */
  readonly key: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** A JWS that holds, whatever its payload is. */
export interface VerifiedJws extends JwtFacts {
  readonly outcome: "verified";
  readonly code: "ok";
  readonly profile: "jws";
  readonly algorithm: TokenAlgorithm;
  /** The thumbprint of the key that made it (RFC 7638). */
  readonly key: string;
  /** SHA-256 of the payload, in base64url. */
  readonly payload_sha256: string;
}

/** `invalid`: it was judged, and refused. `unverified`: there is no key for it. */
export interface RefusedJwt extends JwtFacts {
  readonly outcome: "invalid" | "unverified";
  /** Why: one of the codes that `countersign codes` lists. */
  readonly code: ReasonCode;
  readonly profile: "at+jwt" | "jwt" | "any" | "jws";
}

/** What a token's header says, whether the token holds or not. */
export interface JwtFacts {
  readonly typ?: string;
  /** `alg` as written. */
  readonly algorithm?: string;
  readonly kid?: string;
}

/** What a proof is judged by. */
export interface VerifyDpopProofOptions extends VerifyTimeOptions {
  /** What `htm` must be, exactly. */
  readonly method: string;
  /** What `htu` must be, without query and fragment. */
  readonly url: string;
  /**
   * The access token that is sent with the proof: `ath` must be its hash, and its `cnf`, where it is a JWT that has one,
   * must name the proof's key. The token itself is not verified.
   */
  readonly token?: string;
  /** How many seconds old the proof may be. Default: 60. */
  readonly maxAge?: number;
  /** The nonce that the proof must have. Default: any, or none. */
  readonly nonce?: string;
}

/** What was found out about a proof. Members are there as far as they are known. */
export type DpopReport = VerifiedDpopProof | RefusedDpopProof;

/** A proof that holds. Whether it was seen before is the caller's to know. */
export interface VerifiedDpopProof extends Required<DpopFacts> {
  readonly outcome: "verified";
  readonly code: "ok";
  /** The thumbprint of the proof's key: what `cnf.jkt` of a token must be. */
  readonly jkt: string;
  readonly algorithm: TokenAlgorithm;
  /** Whether the token says that it is this key's; only where one was given. An opaque token says nothing. */
  readonly bound?: boolean;
}

/** A proof that does not hold. */
export interface RefusedDpopProof extends DpopFacts {
  readonly outcome: "invalid" | "unverified";
  /** Why: one of the codes that `countersign codes` lists. */
  readonly code: ReasonCode;
}

/** What a proof says, whether it holds or not. */
export interface DpopFacts {
  readonly jti?: string;
  readonly htm?: string;
  readonly htu?: string;
  /** Seconds since 1970. */
  readonly iat?: number;
}

const JWT_OPTIONS: Names<VerifyJwtOptions> = {
  keys: true,
  issuer: true,
  audience: true,
  profile: true,
  algorithms: true,
  clockSkew: true,
  maxLifetime: true,
  now: true,
};

const PROOF_OPTIONS: Names<VerifyDpopProofOptions> = {
  method: true,
  url: true,
  token: true,
  algorithms: true,
  maxAge: true,
  clockSkew: true,
  nonce: true,
  now: true,
};

const imported = platform.keys();

/**
 * Verifies a token with its issuer's keys. What is refused is a report, whose `code` says why; an error is thrown where
 * the keys or an option are none.
 */
export function verifyJwt(token: string, options: VerifyTokenOptions): Promise<VerifiedJwt | RefusedJwt>;
export function verifyJwt(token: string, options: VerifyJwsOptions): Promise<VerifiedJws | RefusedJwt>;
export function verifyJwt(token: string, options: VerifyJwtOptions): Promise<JwtReport>;
export async function verifyJwt(token: string, options: VerifyJwtOptions): Promise<JwtReport> {
  checkOptions(options, JWT_OPTIONS, "options of verifyJwt");
  const { profile = "at+jwt", algorithms, clockSkew = 30, maxLifetime, now = new Date() } = options;
  const text = textOf(token, "token");
  const [issuer, audiences] = profile === "jws" ? claimless(options) : demanded(options);
  const skew = lengthOf(clockSkew, "clockSkew");
  const lifetime = maxLifetime === undefined ? undefined : lengthOf(maxLifetime, "maxLifetime");
  const [at, names] = [secondsOf(now, "now"), textsOf(algorithms, "algorithms")];
  const document = keyDocument(options.keys);
  const keys = coded("keys.invalid", () => TokenKeys.parse(document));
  // It owns what it is given.
  using inspection = coded("options.invalid", () => {
    return new TokenInspection(text, keys, textOf(profile, "profile"), issuer, audiences, names, skew, lifetime, at);
  });
  return JSON.parse(inspection.conclude(await verdictsOf(imported, inspection.checks()))) as JwtReport;
}

/**
 * Verifies a DPoP proof for a request. What is refused is a report, whose `code` says why; an error is thrown where an
 * option is none.
 */
export async function verifyDpopProof(proof: string, options: VerifyDpopProofOptions): Promise<DpopReport> {
  checkOptions(options, PROOF_OPTIONS, "options of verifyDpopProof");
  const { token, algorithms, maxAge = 60, clockSkew = 30, nonce, now = new Date() } = options;
  const [text, method, url] = [textOf(proof, "proof"), textOf(options.method, "method"), textOf(options.url, "url")];
  const [sent, stated] = [optionalText(token, "token"), optionalText(nonce, "nonce")];
  const [age, skew, at] = [lengthOf(maxAge, "maxAge"), lengthOf(clockSkew, "clockSkew"), secondsOf(now, "now")];
  const names = textsOf(algorithms, "algorithms");
  using inspection = coded("options.invalid", () => {
    return new ProofInspection(text, method, url, sent, names, age, skew, stated, at);
  });
  return JSON.parse(inspection.conclude(await verdictsOf(imported, inspection.checks()))) as DpopReport;
}

/** Whoever gives one of these wants it to count. */
function claimless(options: VerifyJwtOptions): [string, string[]] {
  for (const name of ["issuer", "audience", "clockSkew", "maxLifetime", "now"] as const) {
    if (options[name] !== undefined) throw invalid("options.invalid", `the profile jws looks at no claim: leave ${name} out`);
  }
  return ["", []];
}

function demanded({ issuer, audience }: VerifyJwtOptions): [string, string[]] {
  const audiences = [audience ?? []].flat();
  if (audiences.length === 0) throw invalid("options.invalid", "audience is what aud must name");
  return [textOf(issuer, "issuer"), audiences.map((name) => textOf(name, "audience"))];
}
