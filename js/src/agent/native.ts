// Keys that WebCrypto holds: what is private in them stays inside of it, unless they were made to be extractable.
import { CountersignError } from "../error.js";
import { utf8 } from "./encoding.js";
import { type KeyAlgorithm, PublicHalf, type ReadJwk, readPublicJwk, thumbprintOf } from "./jwk.js";

/** A `CryptoKey`, by whichever types a project has: those of browsers or those of Node. */
export type NativeCryptoKey = InstanceType<typeof CryptoKey>;

/** What WebCrypto is asked for: when a key comes in, and when it signs. */
interface Scheme {
  readonly held: EcKeyImportParams | RsaHashedImportParams | Algorithm;
  readonly signs: EcdsaParams | RsaPssParams | Algorithm;
}

const SCHEMES: Readonly<Record<KeyAlgorithm, Scheme>> = {
  EdDSA: { held: { name: "Ed25519" }, signs: { name: "Ed25519" } },
  ES256: ecdsa("P-256", "SHA-256"),
  ES384: ecdsa("P-384", "SHA-384"),
  PS256: rsa("RSA-PSS", "SHA-256", { saltLength: 32 }),
  PS512: rsa("RSA-PSS", "SHA-512", { saltLength: 64 }),
  RS256: rsa("RSASSA-PKCS1-v1_5", "SHA-256", {}),
};

/** Members of a private key beside those that are public. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi"] as const;

/** What is signed to see whether two halves belong together. */
const PROBE = utf8("do these two halves belong together?");

/** A key pair of WebCrypto, whose private half need not be extractable. */
export class NativeKey extends PublicHalf {
  readonly #privateKey: NativeCryptoKey;

  private constructor(read: ReadJwk, thumbprint: string, privateKey: NativeCryptoKey) {
    super(read, thumbprint);
    this.#privateKey = privateKey;
  }

  /** A new pair, of which nothing private can be exported. */
  static async generate(algorithm: "EdDSA" | "ES256", kid: string | undefined): Promise<NativeKey> {
    const pair = await crypto.subtle.generateKey(SCHEMES[algorithm].held, false, ["sign", "verify"]);
    // For every algorithm here there are two keys.
    return NativeKey.ofPair(pair as { publicKey: NativeCryptoKey; privateKey: NativeCryptoKey }, kid);
  }

  /** Takes a private JWK whose public members were read. The copy that WebCrypto holds is not extractable. */
  static async ofJwk(read: ReadJwk, jwk: object): Promise<NativeKey> {
    const members = jwk as JsonWebKey;
    const secret = Object.fromEntries(PRIVATE_MEMBERS.map((name) => [name, members[name]]).filter(([, value]) => value !== undefined));
    const { held } = SCHEMES[read.algorithm];
    const privateKey = await crypto.subtle.importKey("jwk", { ...read.required, ...secret }, held, false, ["sign"]);
    return NativeKey.ofPrivateKey(read, privateKey);
  }

  /** Takes a pair as WebCrypto made it. */
  static async ofPair(pair: { publicKey: NativeCryptoKey; privateKey: NativeCryptoKey }, kid: string | undefined): Promise<NativeKey> {
    const algorithm = algorithmOf(pair.privateKey);
    const exported = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const { key_ops: _, alg: __, ext: ___, ...members } = exported;
    return NativeKey.ofPrivateKey(readPublicJwk({ ...members, ...(kid !== undefined && { kid }) }, algorithm), pair.privateKey);
  }

  /** Takes a private key, if it is that of this public key. */
  static async ofPrivateKey(read: ReadJwk, privateKey: NativeCryptoKey): Promise<NativeKey> {
    const key = new NativeKey(read, await thumbprintOf(read.required), privateKey);
    const verified = await verifyNatively(read, await key.sign(PROBE), PROBE);
    if (!verified) throw new CountersignError("key.invalid", "the private and the public half are of two keys");
    return key;
  }

  /** What the store keeps of a key of this kind. */
  static privateKeyOf(key: NativeKey): NativeCryptoKey {
    return key.#privateKey;
  }

  /** Signs: 64 bytes for Ed25519, r‖s for ECDSA, as long as the modulus for RSA. */
  async sign(data: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array(await crypto.subtle.sign(SCHEMES[this.algorithm].signs, this.#privateKey, new Uint8Array(data)));
  }
}

/** Whether this is the signature of `data` by a public key. Throws what WebCrypto throws where it lacks the algorithm. */
export async function verifyNatively(read: ReadJwk, signature: Uint8Array, data: Uint8Array): Promise<boolean> {
  const { held, signs } = SCHEMES[read.algorithm];
  const publicKey = await crypto.subtle.importKey("jwk", { ...read.required }, held, true, ["verify"]);
  return crypto.subtle.verify(signs, publicKey, new Uint8Array(signature), new Uint8Array(data));
}

/** Refuses where there is no WebCrypto, which pages have in secure contexts alone. */
export function demandWebCrypto(): void {
  // Types say that it is always there; a page that came over http has none.
  const { subtle } = crypto as { readonly subtle?: unknown };
  if (subtle !== undefined) return;
  throw new CountersignError("key.unsupported", "there is no crypto.subtle: a page needs a secure context (https, or loopback)");
}

/**
 * Whether WebCrypto failed for want of the algorithm. Engines do not agree on how they say so; what they agree on is how
 * they refuse a key (`DataError`) and how they fail (`OperationError`).
 */
export function isUnsupported(error: unknown): boolean {
  return !(error instanceof CountersignError) && !["DataError", "OperationError"].includes((error as Error).name);
}

function algorithmOf(key: NativeCryptoKey): KeyAlgorithm {
  const { name, namedCurve, hash } = key.algorithm as { name: string; namedCurve?: string; hash?: { name: string } };
  const found = Object.entries(SCHEMES).find(([, { held }]) => {
    const wanted = held as { name: string; namedCurve?: string; hash?: string };
    return wanted.name === name && wanted.namedCurve === namedCurve && wanted.hash === hash?.name;
  });
  if (found === undefined) throw new CountersignError("key.invalid", `no key here is ${name} with such a curve or hash`);
  return found[0] as KeyAlgorithm;
}

function ecdsa(namedCurve: string, hash: string): Scheme {
  return { held: { name: "ECDSA", namedCurve }, signs: { name: "ECDSA", hash } };
}

function rsa(name: string, hash: string, parameters: { saltLength?: number }): Scheme {
  return { held: { name, hash }, signs: { name, ...parameters } };
}
