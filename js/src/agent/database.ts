// IndexedDB as promises, and what goes wrong with it as errors of this package.
import { CountersignError, type ErrorCode } from "../error.js";

/** A database of this version, which is opened again where it was closed from outside. */
export class Database {
  readonly #name: string;
  readonly #stores: readonly string[];
  #opened: Promise<IDBDatabase> | undefined;

  private constructor(name: string, stores: readonly string[]) {
    this.#name = name;
    this.#stores = stores;
  }

  /** Opens a database that has these object stores; makes it where there is none. */
  static async open(name: string, stores: readonly string[]): Promise<Database> {
    const database = new Database(name, stores);
    await database.#open();
    return database;
  }

  /**
   * Runs one transaction, and is done when it is: when what was written is on the disk. `work` asks its requests and
   * waits for nothing else: a transaction ends as soon as nothing is asked of it.
   */
  async run<T>(store: string, mode: IDBTransactionMode, work: (store: IDBObjectStore) => Promise<T> | T): Promise<T> {
    const database = await this.#open();
    let transaction: IDBTransaction;
    try {
      transaction = database.transaction(store, mode, { durability: "strict" });
    } catch (cause) {
      throw failure(cause);
    }
    const done = finished(transaction);
    // Whichever fails first says why; the other's failure is the same one.
    done.catch(() => {});
    try {
      const result = await work(transaction.objectStore(store));
      await done;
      return result;
    } catch (cause) {
      abort(transaction);
      throw failure(cause);
    }
  }

  /** Closes it. The next transaction opens it again. */
  close(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.then((database) => database.close(), () => {});
  }

  #open(): Promise<IDBDatabase> {
    this.#opened ??= opened(this.#name, this.#stores, () => (this.#opened = undefined)).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }
}

/** The result of a request. */
export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function opened(name: string, stores: readonly string[], onClosed: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = requested(name);
    let refused = false;
    request.onupgradeneeded = () => {
      for (const store of stores) request.result.createObjectStore(store);
    };
    request.onblocked = () => {
      refused = true;
      reject(new CountersignError("key.store_blocked", "another page holds the store of keys open; close it, or load it anew"));
    };
    request.onerror = () => reject(failure(request.error));
    request.onsuccess = () => {
      const database = request.result;
      if (refused) return database.close();
      // A later version of a page may not wait for this one, nor may somebody who deletes the database.
      database.onversionchange = () => {
        database.close();
        onClosed();
      };
      database.onclose = onClosed;
      resolve(database);
    };
  });
}

function requested(name: string): IDBOpenDBRequest {
  // Types say that it is always there. To look is refused in a sandboxed frame, and by some where cookies are.
  try {
    const { indexedDB } = globalThis as { readonly indexedDB?: IDBFactory };
    if (indexedDB) return indexedDB.open(name, 1);
  } catch (cause) {
    throw failure(cause);
  }
  throw new CountersignError("key.store_unavailable", "there is no IndexedDB here; outside of browsers, keep a JWK in a file, or use a remote key");
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException("given up", "AbortError"));
  });
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It has ended already.
  }
}

const REASONS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  QuotaExceededError: ["key.store_full", "there is no room left for keys"],
  DataCloneError: ["key.not_storable", "this browser cannot keep such a key; try ES256"],
  VersionError: ["key.store_unavailable", "a later version of this package made this store"],
  SecurityError: ["key.store_unavailable", "this page may not keep anything: its frame, or a setting, forbids it"],
  InvalidStateError: ["key.store_unavailable", "this browser keeps nothing now, as in some private windows"],
};

/** What is no exception of the database's is the caller's own, and thrown on. */
function failure(cause: unknown): unknown {
  if (!(cause instanceof DOMException)) return cause;
  const [code, message] = REASONS[cause.name] ?? ["key.store_unavailable", "the store of keys failed"];
  return new CountersignError(code, message, { cause });
}
