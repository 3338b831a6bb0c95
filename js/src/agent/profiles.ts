// How requests are signed: what a profile demands, and the fields that it writes beside the signature.
import type { AgentKey, KeyAlgorithm } from "./key.js";

/** What a signature must cover and state, and in which fields. */
export type AgentProfile = "web-bot-auth" | "tap" | "agent-headers" | "rfc9421";

/** A profile, as the agent follows it. */
export interface Profile {
  readonly name: AgentProfile;
  /** The tags that it has; the first where none is chosen. None: any, or none. */
  readonly tags: readonly string[];
  /** What must be covered. */
  readonly components: readonly string[];
  /** Most seconds from `created` to `expires`. */
  readonly maxWindow: number;
  /** Whether `alg` must be stated. */
  readonly alg: boolean;
  /** Whether a nonce must be stated. */
  readonly nonce: boolean;
  /** The algorithms of keys, by their names in JOSE. */
  readonly algorithms: readonly KeyAlgorithm[];
}

/** The names that RFC 9421 §6.2.2 has for algorithms. It has none for PS256. */
export const ALGORITHMS: Readonly<Partial<Record<KeyAlgorithm, string>>> = {
  EdDSA: "ed25519",
  ES256: "ecdsa-p256-sha256",
  ES384: "ecdsa-p384-sha384",
  PS512: "rsa-pss-sha512",
  RS256: "rsa-v1_5-sha256",
};

const ANY: readonly KeyAlgorithm[] = ["EdDSA", "ES256", "ES384", "PS512", "RS256"];
const DAY = 24 * 3600;

export const PROFILES: Readonly<Record<AgentProfile, Profile>> = {
  "web-bot-auth": {
    name: "web-bot-auth",
    tags: ["web-bot-auth"],
    components: ["@authority"],
    maxWindow: DAY,
    alg: false,
    nonce: false,
    algorithms: ANY,
  },
  tap: {
    name: "tap",
    tags: ["agent-browser-auth", "agent-payer-auth"],
    components: ["@authority", "@path"],
    maxWindow: 8 * 60,
    alg: true,
    nonce: true,
    algorithms: ANY,
  },
  "agent-headers": {
    name: "agent-headers",
    tags: [],
    components: [],
    maxWindow: 5 * 60,
    alg: false,
    nonce: false,
    algorithms: ["EdDSA", "RS256"],
  },
  rfc9421: { name: "rfc9421", tags: [], components: [], maxWindow: DAY, alg: false, nonce: false, algorithms: ANY },
};

/** Tags that say what a signature is for. Under another profile nobody gets a signature with one of them from us. */
export const RESERVED_TAGS: ReadonlySet<string> = new Set([
  ...Object.values(PROFILES).flatMap(({ tags }) => tags),
  "http-message-signatures-directory",
]);

/** How long signatures by a key are, in bytes; of RSA keys as long as the modulus. */
const LENGTHS: Readonly<Partial<Record<KeyAlgorithm, number>>> = { EdDSA: 64, ES256: 64, ES384: 96 };

/** Whether these bytes can be a signature by the key: services often give ECDSA in DER, which none reads here. */
export function isSignature(bytes: unknown, { algorithm }: AgentKey): bytes is Uint8Array {
  if (!(bytes instanceof Uint8Array)) return false;
  const length = LENGTHS[algorithm];
  return length === undefined ? bytes.byteLength >= 256 && bytes.byteLength <= 1024 : bytes.byteLength === length;
}
