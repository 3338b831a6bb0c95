// Public keys as they are published (RFC 7517, RFC 7518 §6, RFC 8037 §2), and their names (RFC 7638). What is read here is
// rebuilt from the members that are known to be public: nothing else that a caller's object has can come through.
import { CountersignError } from "../error.js";
import { base64url, fromBase64url, utf8 } from "./encoding.js";

/** What a key signs with, by its name in JOSE (RFC 7518 §3.1, RFC 8037 §3.1). `EdDSA` is Ed25519. */
export type KeyAlgorithm = "EdDSA" | "ES256" | "ES384" | "PS256" | "PS512" | "RS256";

/** The public half of a key, as it is published (RFC 7517), and nothing that is private. */
export interface PublicJwk {
  readonly kty: "OKP" | "EC" | "RSA";
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
  readonly kid?: string;
  readonly alg?: string;
  readonly use?: string;
}

/** Smallest RSA modulus, in bits (RFC 7518 §3.3). */
const LEAST_RSA_BITS = 2048;
/** Largest RSA modulus, in bits: what verifiers are willing to compute with. */
const MOST_RSA_BITS = 8192;
/** Longest `kid`, in characters. */
const MOST_KID = 1024;

/** Members that only private keys have (RFC 7518 §6.2.2, §6.3.2, §6.4; RFC 8037 §2). */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/** The algorithms of each kind of key; where there is but one, a key need not say it. */
const ALGORITHMS: Readonly<Record<string, readonly KeyAlgorithm[]>> = {
  Ed25519: ["EdDSA"],
  "P-256": ["ES256"],
  "P-384": ["ES384"],
  RSA: ["PS256", "PS512", "RS256"],
};

/** Bytes of a coordinate. */
const COORDINATE: Readonly<Record<string, number>> = { Ed25519: 32, "P-256": 32, "P-384": 48 };

/** Other names that directories and WebCrypto give to algorithms: RFC 9864's, and those of RFC 9421's registry. */
const ALIASES: Readonly<Record<string, KeyAlgorithm>> = {
  Ed25519: "EdDSA",
  ed25519: "EdDSA",
  "ecdsa-p256-sha256": "ES256",
  "ecdsa-p384-sha384": "ES384",
  "rsa-pss-sha512": "PS512",
  "rsa-v1_5-sha256": "RS256",
};

/** A public key that was read. */
export interface ReadJwk {
  /** The required members of its kind alone, in the order of RFC 7638 §3.2. */
  readonly required: PublicJwk;
  readonly algorithm: KeyAlgorithm;
  readonly kid: string | undefined;
}

/**
 * Reads a public key. Throws `key.invalid` where it is none, is not for signatures, or has private members: whoever
 * publishes those has no key any more.
 *
 * @param algorithm demanded where the key itself does not say
 */
export function readPublicJwk(jwk: unknown, algorithm?: KeyAlgorithm): ReadJwk {
  const members = membersOf(jwk);
  if (PRIVATE_MEMBERS.some((name) => members[name] !== undefined)) throw invalid("a public key has no private members");
  return readMembers(members, algorithm);
}

/** Reads the public half of a private key, and throws `key.invalid` where it is none. */
export function readPrivateJwk(jwk: unknown, algorithm?: KeyAlgorithm): ReadJwk {
  const members = membersOf(jwk);
  if (members.k !== undefined || members.kty === "oct") throw invalid("a shared secret is no key pair");
  if (typeof members.d !== "string") throw invalid("a private key has the member d");
  return readMembers(members, algorithm);
}

/** The half of a key that everyone may know. */
export class PublicHalf {
  readonly algorithm: KeyAlgorithm;
  readonly publicJwk: PublicJwk;
  readonly thumbprint: string;
  readonly kid: string;

  constructor({ required, algorithm, kid }: ReadJwk, thumbprint: string) {
    this.algorithm = algorithm;
    this.thumbprint = thumbprint;
    this.kid = kid ?? thumbprint;
    this.publicJwk = Object.freeze({ ...required, kid: this.kid, alg: algorithm, use: "sig" });
  }
}

/** The thumbprint of a public key, by SHA-256 (RFC 7638): its name that everyone computes alike. */
export async function thumbprintOf(required: PublicJwk): Promise<string> {
  // Its members stand in the order that is hashed.
  const digest = await crypto.subtle.digest("SHA-256", utf8(JSON.stringify(required)));
  return base64url(new Uint8Array(digest));
}

/** Whether this is the name of an algorithm that keys have here. */
export function isKeyAlgorithm(name: unknown): name is KeyAlgorithm {
  return Object.values(ALGORITHMS).flat().some((known) => known === name);
}

function readMembers(members: Readonly<Record<string, unknown>>, demanded: KeyAlgorithm | undefined): ReadJwk {
  const required = requiredMembers(members);
  const algorithm = algorithmOf(members, required, demanded);
  mustSign(members);
  const { kid } = members;
  if (kid !== undefined && (typeof kid !== "string" || kid.length > MOST_KID)) {
    throw invalid(`kid is a text of at most ${MOST_KID} characters`);
  }
  return { required, algorithm, kid };
}

function requiredMembers(members: Readonly<Record<string, unknown>>): PublicJwk {
  const { kty, crv, x, y, n, e } = members;
  if (kty === "OKP" && crv === "Ed25519") return { crv, kty, x: coordinate(x, crv) };
  if (kty === "EC" && (crv === "P-256" || crv === "P-384")) {
    return { crv, kty, x: coordinate(x, crv), y: coordinate(y, crv) };
  }
  if (kty === "RSA") return { e: exponent(e), kty, n: modulus(n) };
  throw invalid("keys are Ed25519, P-256, P-384 or RSA");
}

function coordinate(value: unknown, curve: string): string {
  const length = COORDINATE[curve];
  if (fromBase64url(value)?.length === length && typeof value === "string") return value;
  throw invalid(`x and y of ${curve} are ${length} bytes in base64url`);
}

function modulus(value: unknown): string {
  const bits = (fromBase64url(value)?.length ?? 0) * 8;
  if (bits >= LEAST_RSA_BITS && bits <= MOST_RSA_BITS && typeof value === "string") return value;
  throw invalid(`n of an RSA key has ${LEAST_RSA_BITS} to ${MOST_RSA_BITS} bits, in base64url`);
}

function exponent(value: unknown): string {
  const bytes = fromBase64url(value);
  if (bytes && bytes.length > 0 && bytes.length <= 8 && typeof value === "string") return value;
  throw invalid("e of an RSA key is a number in base64url");
}

function algorithmOf(
  { alg }: Readonly<Record<string, unknown>>,
  { kty, crv }: PublicJwk,
  demanded: KeyAlgorithm | undefined,
): KeyAlgorithm {
  const fitting = ALGORITHMS[crv ?? kty] ?? [];
  const stated = typeof alg === "string" ? (ALIASES[alg] ?? alg) : alg;
  const named = stated ?? demanded ?? (fitting.length === 1 ? fitting[0] : undefined);
  const algorithm = fitting.find((name) => name === named);
  if (algorithm === undefined) throw invalid(`alg of such a key is one of ${fitting.join(", ")}`);
  if (demanded !== undefined && algorithm !== demanded) throw invalid(`the key is not one for ${demanded}`);
  return algorithm;
}

/** RFC 7517 §4.2 and §4.3; where both are there, both must allow it. A private key signs, its public half verifies. */
function mustSign(members: Readonly<Record<string, unknown>>): void {
  const { use, key_ops: operations } = members;
  const wanted = members.d === undefined ? "verify" : "sign";
  const allowed = operations === undefined || (Array.isArray(operations) && operations.includes(wanted));
  if ((use !== undefined && use !== "sig") || !allowed) throw invalid("the key is not one for signatures, as use or key_ops says");
}

function membersOf(jwk: unknown): Readonly<Record<string, unknown>> {
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) throw invalid("a key is a JWK object");
  return jwk as Readonly<Record<string, unknown>>;
}

function invalid(message: string): CountersignError {
  return new CountersignError("key.invalid", message);
}
