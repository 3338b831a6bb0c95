// Keys that are elsewhere: in an HSM, a KMS, an agent of the operating system. Here is only what they are asked for.
import { CountersignError } from "../error.js";
import { fromBase64url } from "./encoding.js";
import type { AgentKey } from "./key.js";
import { type KeyAlgorithm, PublicHalf, type ReadJwk, readPublicJwk, thumbprintOf } from "./jwk.js";
import { demandWebCrypto, isUnsupported, verifyNatively } from "./native.js";
import { verifyInSoftware } from "./software.js";

/** A key that signs elsewhere. */
export interface RemoteKeyOptions {
  /** The public key, as a JWK. */
  readonly publicJwk: object;
  /** What it signs with. Needed for RSA without `alg`, which has several; else what the key says. */
  readonly algorithm?: KeyAlgorithm;
  /**
   * Signs these bytes, which it hashes itself as its algorithm says: no digest of them. What it throws is thrown on;
   * nothing is tried twice.
   */
  readonly sign: (data: Uint8Array) => Promise<Uint8Array> | Uint8Array;
  /**
   * How `sign` gives ECDSA signatures: as r‖s, or as the DER of most HSMs and cloud KMS, which is then translated.
   * Default: `raw`.
   */
  readonly encoding?: "raw" | "der";
}

/**
 * A key of which only the public half is here. Every signature that `sign` gives is checked for its length; until one of
 * them verified by `publicJwk`, each is verified. Throws `key.invalid` where `publicJwk` is none; its `sign` throws
 * `key.signature_invalid`.
 */
export async function remoteKey(options: RemoteKeyOptions): Promise<AgentKey> {
  demandWebCrypto();
  const { publicJwk, algorithm, sign, encoding = "raw" } = options;
  if (typeof sign !== "function") throw new CountersignError("options.invalid", "sign is a function");
  if (encoding !== "raw" && encoding !== "der") throw new CountersignError("options.invalid", 'encoding is "raw" or "der"');
  const read = readPublicJwk(publicJwk, algorithm);
  if (encoding === "der" && read.required.kty !== "EC") {
    throw new CountersignError("options.invalid", 'encoding "der" is for ECDSA alone');
  }
  return new RemoteKey(read, await thumbprintOf(read.required), sign, encoding);
}

class RemoteKey extends PublicHalf implements AgentKey {
  readonly #read: ReadJwk;
  readonly #sign: RemoteKeyOptions["sign"];
  readonly #encoding: "raw" | "der";
  #proven = false;

  constructor(read: ReadJwk, thumbprint: string, sign: RemoteKeyOptions["sign"], encoding: "raw" | "der") {
    super(read, thumbprint);
    this.#read = read;
    this.#sign = sign;
    this.#encoding = encoding;
  }

  async sign(data: Uint8Array): Promise<Uint8Array> {
    const given: unknown = await this.#sign(data);
    const signature = this.#signatureOf(given);
    if (!this.#proven && !(await verify(this.#read, signature, data))) {
      throw wrong("what sign gave is no signature by publicJwk");
    }
    this.#proven = true;
    return signature;
  }

  #signatureOf(given: unknown): Uint8Array {
    if (!(given instanceof Uint8Array)) throw wrong("sign gives no Uint8Array");
    const length = signatureLength(this.#read);
    const signature = this.#encoding === "der" ? rawOfDer(given, length / 2) : given;
    if (signature?.length === length) return signature;
    const hint = this.#read.required.kty === "EC" && given[0] === 0x30 ? '; if it is DER, say encoding: "der"' : "";
    throw wrong(`a signature of ${this.algorithm} has ${length} bytes, sign gave ${given.length}${hint}`);
  }
}

/** Bytes of a signature (RFC 7518 §3.3 to §3.5, RFC 8032 §5.1.6). */
function signatureLength({ required }: ReadJwk): number {
  if (required.kty === "RSA") return fromBase64url(required.n)?.length ?? 0;
  return required.crv === "P-384" ? 96 : 64;
}

/** r‖s of a DER `ECDSA-Sig-Value` (RFC 3279 §2.2.3); `undefined` where it is none. Such a sequence is short. */
function rawOfDer(der: Uint8Array, width: number): Uint8Array | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der[1] >= 0x80) return undefined;
  const r = integerAt(der, 2, width);
  const s = r && integerAt(der, r.end, width);
  if (r === undefined || s?.end !== der.length) return undefined;
  return new Uint8Array([...r.bytes, ...s.bytes]);
}

/** A positive integer of at most `width` bytes, filled up to that. */
function integerAt(der: Uint8Array, at: number, width: number): { bytes: Uint8Array; end: number } | undefined {
  const length = der[at + 1];
  if (der[at] !== 0x02 || length === undefined || length === 0) return undefined;
  const [start, end] = [at + 2, at + 2 + length];
  const [first = 0, second = 0] = der.subarray(start, end);
  // Negative, or longer than it need be: DER has one encoding of each number.
  if (end > der.length || first >= 0x80 || (first === 0 && length > 1 && second < 0x80)) return undefined;
  const digits = der.subarray(first === 0 ? start + 1 : start, end);
  if (digits.length > width) return undefined;
  const bytes = new Uint8Array(width);
  bytes.set(digits, width - digits.length);
  return { bytes, end };
}

async function verify(read: ReadJwk, signature: Uint8Array, data: Uint8Array): Promise<boolean> {
  try {
    return await verifyNatively(read, signature, data);
  } catch (error) {
    if (read.algorithm === "EdDSA" && isUnsupported(error)) return verifyInSoftware(read, signature, data);
    throw new CountersignError("key.invalid", "publicJwk is no key that WebCrypto takes", { cause: error });
  }
}

function wrong(message: string): CountersignError {
  return new CountersignError("key.signature_invalid", message);
}
