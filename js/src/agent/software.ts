// Ed25519 where WebCrypto lacks it: computed in WebAssembly, with a seed that this realm holds itself. The module is
// loaded when a key needs it, and never otherwise.
import { CountersignError } from "../error.js";
import { base64url, bytesOf, fromBase64url } from "./encoding.js";
import { PublicHalf, type ReadJwk, readPublicJwk, thumbprintOf } from "./jwk.js";

type Ed25519 = typeof import("./wasm/ed25519.js");

/** Asked for once; asked for again only after it failed, as a chunk may on a bad connection. */
let loading: Promise<Ed25519> | undefined;

/** An Ed25519 key whose seed is bytes of this realm: whatever runs in it can get at them. */
export class SoftwareKey extends PublicHalf {
  readonly #ed25519: Ed25519;
  readonly #seed: Uint8Array<ArrayBuffer>;

  private constructor(ed25519: Ed25519, read: ReadJwk, thumbprint: string, seed: Uint8Array<ArrayBuffer>) {
    super(read, thumbprint);
    this.#ed25519 = ed25519;
    this.#seed = seed;
  }

  /** A new key. */
  static async generate(kid: string | undefined): Promise<SoftwareKey> {
    const ed25519 = await load();
    return SoftwareKey.#of(ed25519, new Uint8Array(ed25519.generateSeed()), kid);
  }

  /** Takes a private JWK whose public members were read. */
  static async ofJwk(read: ReadJwk, jwk: object): Promise<SoftwareKey> {
    const seed = fromBase64url((jwk as JsonWebKey).d);
    if (seed?.length !== 32) throw new CountersignError("key.invalid", "d of Ed25519 is 32 bytes in base64url");
    const key = await SoftwareKey.#of(await load(), seed, read.kid);
    if (key.publicJwk.x === read.required.x) return key;
    throw new CountersignError("key.invalid", "the private and the public half are of two keys");
  }

  /** Takes a seed: of the store, to which it comes back. */
  static async ofSeed(seed: Uint8Array<ArrayBuffer>, kid: string | undefined): Promise<SoftwareKey> {
    return SoftwareKey.#of(await load(), seed, kid);
  }

  /** What the store keeps of a key of this kind, encrypted by a key of its own. */
  static encrypt(key: SoftwareKey, encrypt: (seed: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>): Promise<ArrayBuffer> {
    return encrypt(key.#seed);
  }

  static async #of(ed25519: Ed25519, seed: Uint8Array<ArrayBuffer>, kid: string | undefined): Promise<SoftwareKey> {
    const x = base64url(ed25519.publicKey(seed));
    const read = readPublicJwk({ kty: "OKP", crv: "Ed25519", x, ...(kid !== undefined && { kid }) });
    return new SoftwareKey(ed25519, read, await thumbprintOf(read.required), seed);
  }

  /** Signs: 64 bytes. */
  async sign(data: Uint8Array): Promise<Uint8Array> {
    return this.#ed25519.sign(this.#seed, data);
  }
}

/** Whether this is the signature of `data` by a public Ed25519 key. */
export async function verifyInSoftware({ required }: ReadJwk, signature: Uint8Array, data: Uint8Array): Promise<boolean> {
  const publicKey = fromBase64url(required.x) ?? new Uint8Array();
  return (await load()).verify(publicKey, data, signature);
}

function load(): Promise<Ed25519> {
  loading ??= instantiate().catch((cause: unknown) => {
    loading = undefined;
    throw new CountersignError(
      "key.unsupported",
      "WebCrypto has no Ed25519 here, and its WebAssembly cannot be loaded; a page's Content-Security-Policy needs " +
        "'wasm-unsafe-eval' in script-src. An ES256 key needs neither",
      { cause },
    );
  });
  return loading;
}

async function instantiate(): Promise<Ed25519> {
  const [ed25519, { default: base64 }] = await Promise.all([import("./wasm/ed25519.js"), import("./wasm/base64.js")]);
  await ed25519.default({ module_or_path: bytesOf(base64) });
  return ed25519;
}
