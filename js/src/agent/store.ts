// Keys that outlive a page: in the IndexedDB of its origin. A `CryptoKey` is kept as what it is, so that nobody can export
// it, neither here nor from there. A seed of Ed25519 in WebAssembly is bytes; it is encrypted by a `CryptoKey` beside it,
// which keeps it from whoever reads the files of the database as bytes, and from nobody who runs in the origin.
import { CountersignError } from "../error.js";
import { Database, resultOf } from "./database.js";
import { utf8 } from "./encoding.js";
import { type PublicJwk, readPublicJwk } from "./jwk.js";
import { type AgentKey, generateKey, type GenerateKeyOptions } from "./key.js";
import { demandWebCrypto, type NativeCryptoKey, NativeKey } from "./native.js";
import type { RotationState } from "./rotation.js";
import { SoftwareKey } from "./software.js";

/** Keys by name, kept by the browser for this origin. */
export interface KeyStore {
  /** The key of this name; `undefined` where there is none. */
  get(name: string): Promise<AgentKey | undefined>;
  /**
   * Keeps a key, in place of the one that had the name. Throws `key.not_storable` for a key that is elsewhere: what could
   * be kept of it is its public half, which is no secret.
   */
  put(name: string, key: AgentKey): Promise<void>;
  /**
   * The key of this name; where there is none it is made and kept. Pages that ask at once get the same key. Throws
   * `key.invalid` where it is not the one that `thumbprint` says.
   */
  obtain(name: string, options?: ObtainKeyOptions): Promise<AgentKey>;
  /** Forgets a key, and says whether there was one. */
  delete(name: string): Promise<boolean>;
  /** What there is, by name. */
  list(): Promise<KeyEntry[]>;
  /**
   * Changes the rotation of this name, in one transaction: `change` gets what is kept, and gives what is to be kept. It is
   * called once, and not asynchronous.
   */
  revise(name: string, change: (state: RotationState | undefined) => RotationState): Promise<RotationState>;
  /** Closes the database, until the next call. */
  close(): void;
}

/** What kind of key to make, or which one it must be. */
export interface ObtainKeyOptions extends GenerateKeyOptions {
  /** The key that is expected: none is made then, as a new one would be another. */
  readonly thumbprint?: string;
}

/** What the store has, without the key. */
export interface KeyEntry {
  readonly name: string;
  readonly algorithm: AgentKey["algorithm"];
  readonly thumbprint: string;
  readonly publicJwk: PublicJwk;
  /** When it was put there: seconds since 1970, by this machine's clock. */
  readonly created: number;
  /** Who holds what is private: WebCrypto, or this store, as bytes that it encrypts. */
  readonly held: "webcrypto" | "encrypted";
}

/** A key, as it is kept. */
type Stored = Facts & (Native | Encrypted);

interface Facts {
  readonly algorithm: AgentKey["algorithm"];
  readonly thumbprint: string;
  readonly publicJwk: PublicJwk;
  readonly created: number;
}

interface Native {
  readonly held: "webcrypto";
  readonly privateKey: NativeCryptoKey;
}

interface Encrypted {
  readonly held: "encrypted";
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly seed: ArrayBuffer;
}

const KEYS = "keys";
const SECRETS = "secrets";
const ROTATIONS = "rotations";
/** What seeds are encrypted by. */
const SEEDS = "seeds";
/** Longest name, in characters. */
const MOST_NAME = 256;

/**
 * Opens the store of keys of this origin, or makes it. Throws `key.store_unavailable` where the browser has none or lets
 * this page have none.
 *
 * @param name of the database, for agents that share an origin. Default: `countersign`.
 */
export async function openKeyStore(name = "countersign"): Promise<KeyStore> {
  demandWebCrypto();
  return new IndexedKeyStore(await Database.open(named(name), [KEYS, SECRETS, ROTATIONS]));
}

class IndexedKeyStore implements KeyStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async get(name: string): Promise<AgentKey | undefined> {
    const stored = await this.#database.run(KEYS, "readonly", (keys) => resultOf<Stored | undefined>(keys.get(named(name))));
    return stored && this.#restored(stored);
  }

  async put(name: string, key: AgentKey): Promise<void> {
    const stored = await this.#storable(key);
    await this.#database.run(KEYS, "readwrite", (keys) => resultOf(keys.put(stored, named(name))));
  }

  async obtain(name: string, { thumbprint, ...options }: ObtainKeyOptions = {}): Promise<AgentKey> {
    const present = await this.get(name);
    if (thumbprint !== undefined && present?.thumbprint !== thumbprint) {
      throw new CountersignError("key.invalid", "the store does not have the key of this thumbprint under this name");
    }
    if (present !== undefined) return present;
    const key = await generateKey(options);
    const stored = await this.#storable(key);
    const kept = await this.#database.run(KEYS, "readwrite", (keys) => putIfAbsent(keys, named(name), stored));
    return kept === stored ? key : this.#restored(kept);
  }

  delete(name: string): Promise<boolean> {
    return this.#database.run(KEYS, "readwrite", async (keys) => {
      const count = await resultOf(keys.count(named(name)));
      await resultOf(keys.delete(name));
      return count > 0;
    });
  }

  async list(): Promise<KeyEntry[]> {
    const [names, stored] = await this.#database.run(KEYS, "readonly", (keys) =>
      Promise.all([resultOf(keys.getAllKeys()), resultOf<Stored[]>(keys.getAll())]),
    );
    return stored.map(({ algorithm, thumbprint, publicJwk, created, held }, index) => {
      return { name: String(names[index]), algorithm, thumbprint, publicJwk, created, held };
    });
  }

  revise(name: string, change: (state: RotationState | undefined) => RotationState): Promise<RotationState> {
    return this.#database.run(ROTATIONS, "readwrite", async (rotations) => {
      const state = change(await resultOf<RotationState | undefined>(rotations.get(named(name))));
      await resultOf(rotations.put(state, name));
      return state;
    });
  }

  close(): void {
    this.#database.close();
  }

  async #storable(key: AgentKey): Promise<Stored> {
    const { algorithm, thumbprint, publicJwk } = key;
    const facts = { algorithm, thumbprint, publicJwk, created: Math.floor(Date.now() / 1000) };
    if (key instanceof NativeKey) return { ...facts, held: "webcrypto", privateKey: NativeKey.privateKeyOf(key) };
    if (key instanceof SoftwareKey) return { ...facts, held: "encrypted", ...(await this.#encrypted(key)) };
    throw new CountersignError("key.not_storable", "a key can be kept that generateKey, importKey or fromCryptoKeyPair gave");
  }

  /** The key again. That its halves belong together, and to its name, is looked at anew. */
  async #restored(stored: Stored): Promise<AgentKey> {
    const read = readPublicJwk(stored.publicJwk, stored.algorithm);
    const key =
      stored.held === "webcrypto"
        ? await NativeKey.ofPrivateKey(read, stored.privateKey)
        : await SoftwareKey.ofSeed(await this.#decrypted(stored), read.kid);
    if (key.thumbprint === stored.thumbprint && key.publicJwk.x === read.required.x) return key;
    throw new CountersignError("key.invalid", "what the store has under this name is not the key that was put there");
  }

  async #encrypted(key: SoftwareKey): Promise<Pick<Encrypted, "iv" | "seed">> {
    const secret = await this.#secret();
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const seed = await SoftwareKey.encrypt(key, (bytes) => crypto.subtle.encrypt(bound(iv, key.thumbprint), secret, bytes));
    return { iv, seed };
  }

  async #decrypted({ iv, seed, thumbprint }: Facts & Encrypted): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return new Uint8Array(await crypto.subtle.decrypt(bound(iv, thumbprint), await this.#secret(), seed));
    } catch (cause) {
      throw new CountersignError("key.invalid", "the key in the store cannot be decrypted", { cause });
    }
  }

  /** What seeds are encrypted by: made once, never extractable. */
  async #secret(): Promise<NativeCryptoKey> {
    const fresh = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    return this.#database.run(SECRETS, "readwrite", (secrets) => putIfAbsent(secrets, SEEDS, fresh));
  }
}

/** Puts a value where none is, and gives what is there then. */
async function putIfAbsent<T>(store: IDBObjectStore, name: string, value: T): Promise<T> {
  const present = await resultOf<T | undefined>(store.get(name));
  if (present !== undefined) return present;
  await resultOf(store.put(value, name));
  return value;
}

/** A seed is encrypted for one key: put under another's name it cannot be read. */
function bound(iv: Uint8Array<ArrayBuffer>, thumbprint: string): AesGcmParams {
  return { name: "AES-GCM", iv, additionalData: utf8(thumbprint) };
}

function named(name: string): string {
  if (typeof name === "string" && name.length > 0 && name.length <= MOST_NAME) return name;
  throw new CountersignError("options.invalid", `a name is a text of 1 to ${MOST_NAME} characters`);
}
