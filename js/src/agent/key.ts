// A key that an agent signs with. Its private half stays where it is: WebCrypto, a file, a service.
import { CountersignError } from "../error.js";
import { base64url, utf8 } from "./encoding.js";

/** The algorithms of keys, by their names in JOSE (RFC 7518, RFC 8037). */
export type KeyAlgorithm = "EdDSA" | "ES256" | "ES384" | "PS256" | "PS512" | "RS256";

/** The public half of a key, as it is published (RFC 7517). */
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

/** What signs for an agent. */
export interface AgentKey {
  readonly algorithm: KeyAlgorithm;
  /** Public members only. */
  readonly publicJwk: PublicJwk;
  /** The thumbprint (RFC 7638), SHA-256, base64url. */
  readonly thumbprint: string;
  /** What signatures name it by. Default: the thumbprint. */
  readonly kid?: string;
  /** Signs: 64 bytes for Ed25519, r‖s for ECDSA, as long as the modulus for RSA. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** How to make a key. */
export interface GenerateKeyOptions {
  /** Default: `EdDSA`. */
  readonly algorithm?: "EdDSA" | "ES256";
}

type Algorithm = NonNullable<GenerateKeyOptions["algorithm"]>;

const GENERATED = {
  EdDSA: { name: "Ed25519" },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
} as const;

const SIGNED = {
  EdDSA: { name: "Ed25519" },
  ES256: { name: "ECDSA", hash: "SHA-256" },
} as const;

/** Makes a key whose private half cannot be exported. */
export async function generateKey(options: GenerateKeyOptions = {}): Promise<AgentKey> {
  const algorithm: Algorithm = options.algorithm ?? "EdDSA";
  if (!Object.hasOwn(GENERATED, algorithm)) throw new CountersignError("key.invalid", "algorithm is EdDSA or ES256");
  const pair = await crypto.subtle.generateKey(GENERATED[algorithm], false, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new CountersignError("key.invalid", "the platform made no pair of keys");
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  if ((kty !== "OKP" && kty !== "EC") || crv === undefined || x === undefined) {
    throw new CountersignError("key.invalid", "the platform exports no public key");
  }
  const publicJwk: PublicJwk = { kty, crv, x, ...(y !== undefined && { y }) };
  const required = y === undefined ? { crv, kty, x } : { crv, kty, x, y };
  const digest = await crypto.subtle.digest("SHA-256", utf8(JSON.stringify(required)));
  return {
    algorithm,
    publicJwk,
    thumbprint: base64url(new Uint8Array(digest)),
    async sign(data) {
      return new Uint8Array(await crypto.subtle.sign(SIGNED[algorithm], pair.privateKey, data as Uint8Array<ArrayBuffer>));
    },
  };
}
