// The keys of an agent: made, taken over, or asked for elsewhere. An agent knows them by what they can do, and by their
// public half; only the store knows more.
import { CountersignError } from "../error.js";
export type { KeyAlgorithm, PublicJwk } from "./jwk.js";
import { isKeyAlgorithm, type KeyAlgorithm, type PublicJwk, readPrivateJwk } from "./jwk.js";
import { demandWebCrypto, isUnsupported, type NativeCryptoKey, NativeKey } from "./native.js";
import { SoftwareKey } from "./software.js";

/** A key of an agent. Any object with these members is one. */
export interface AgentKey {
  /** What it signs with, by its name in JOSE. */
  readonly algorithm: KeyAlgorithm;
  /** The public half as it is published, with `kid`, `alg` and `use`; nothing in it is private. */
  readonly publicJwk: PublicJwk;
  /** The thumbprint of the public half, by SHA-256 (RFC 7638). */
  readonly thumbprint: string;
  /** What signatures name it by, where their profile leaves that open. Default: the thumbprint. */
  readonly kid?: string;
  /** Signs: 64 bytes for Ed25519, r‖s for ECDSA, as long as the modulus for RSA. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** What kind of key to make. */
export interface GenerateKeyOptions {
  /** Default: `EdDSA`, Ed25519, which every verifier of Web Bot Auth knows. */
  readonly algorithm?: "EdDSA" | "ES256";
  /** The name it is published under. Default: its thumbprint, which directories of Web Bot Auth demand. */
  readonly kid?: string;
}

/** What a private key does not say itself. */
export interface ImportKeyOptions {
  /** Needed for an RSA key without `alg`. */
  readonly algorithm?: KeyAlgorithm;
}

/** A key pair of WebCrypto. */
export interface NativeKeyPair {
  /** Extractable, as public keys are that WebCrypto made. */
  readonly publicKey: NativeCryptoKey;
  /** May sign. */
  readonly privateKey: NativeCryptoKey;
}

/**
 * Makes a key. WebCrypto holds it and exports it to nobody. Where it has no Ed25519, that is computed in WebAssembly, and
 * the seed is in the memory of the page or process: `ES256` is then the better choice, if the verifier takes it. Throws
 * `key.unsupported` where neither is to be had.
 */
export async function generateKey(options: GenerateKeyOptions = {}): Promise<AgentKey> {
  demandWebCrypto();
  if (typeof options !== "object" || options === null) {
    throw new CountersignError("options.invalid", 'options of a new key are an object: { algorithm: "ES256" }');
  }
  const { algorithm = "EdDSA", kid } = options;
  if (algorithm !== "EdDSA" && algorithm !== "ES256") {
    throw new CountersignError("options.invalid", "algorithm of a new key is EdDSA or ES256");
  }
  try {
    return await NativeKey.generate(algorithm, kid);
  } catch (error) {
    if (algorithm === "EdDSA" && isUnsupported(error)) return SoftwareKey.generate(kid);
    throw refusal(error, algorithm);
  }
}

/**
 * Takes over a private key, as a JWK. What is made of it cannot be exported; the JWK is the caller's to destroy. Throws
 * `key.invalid` where it is none, or its two halves are of two keys.
 */
export async function importKey(jwk: object, options: ImportKeyOptions = {}): Promise<AgentKey> {
  demandWebCrypto();
  const { algorithm } = options;
  if (algorithm !== undefined && !isKeyAlgorithm(algorithm)) {
    throw new CountersignError("options.invalid", "algorithm is EdDSA, ES256, ES384, PS256, PS512 or RS256");
  }
  const read = readPrivateJwk(jwk, algorithm);
  try {
    return await NativeKey.ofJwk(read, jwk);
  } catch (error) {
    if (read.algorithm === "EdDSA" && isUnsupported(error)) return SoftwareKey.ofJwk(read, jwk);
    throw refusal(error, read.algorithm);
  }
}

/**
 * Takes a pair that WebCrypto made. It is as extractable as it was made. Throws `key.invalid` where it is no pair that
 * signs.
 */
export async function fromCryptoKeyPair(pair: NativeKeyPair, options: { readonly kid?: string } = {}): Promise<AgentKey> {
  demandWebCrypto();
  const { publicKey, privateKey } = pair;
  if (publicKey?.type !== "public" || privateKey?.type !== "private") {
    throw new CountersignError("key.invalid", "a pair has a publicKey and a privateKey");
  }
  if (!privateKey.usages.includes("sign")) throw new CountersignError("key.invalid", "the private key may not sign");
  if (!publicKey.extractable) throw new CountersignError("key.invalid", "the public key must be extractable: it is published");
  try {
    return await NativeKey.ofPair(pair, options.kid);
  } catch (error) {
    throw refusal(error, "such a key");
  }
}

/** What WebCrypto throws has names, and is no error of this package. */
function refusal(error: unknown, what: string): CountersignError {
  if (error instanceof CountersignError) return error;
  if (isUnsupported(error)) {
    return new CountersignError("key.unsupported", `WebCrypto here does not compute with ${what}`, { cause: error });
  }
  return new CountersignError("key.invalid", "WebCrypto takes no such key", { cause: error });
}
