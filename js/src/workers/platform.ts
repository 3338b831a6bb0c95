// What is used of Cloudflare's objects, as far as it is used: the platform's own types fit them.

/** A KV namespace. */
export interface KvNamespace {
  get(name: string): Promise<string | null>;
  put(name: string, text: string, options: { expirationTtl: number }): Promise<void>;
}

/** A namespace of Durable Objects. */
export interface ObjectNamespace<Id = unknown> {
  idFromName(name: string): Id;
  get(id: Id): { fetch(url: string, init: { method: string; body: string }): Promise<ObjectAnswer> };
}

/** What an object answered. */
export interface ObjectAnswer {
  readonly status: number;
  text(): Promise<string>;
}

/** What a Durable Object has of its state. */
export interface ObjectState {
  readonly storage: ObjectStorage;
}

/** Where a Durable Object keeps what it has. */
export interface ObjectStorage {
  readonly sql: SqlStorage;
  getAlarm(): Promise<number | null>;
  setAlarm(at: number): Promise<void>;
  deleteAlarm(): Promise<void>;
  deleteAll(): Promise<void>;
  transactionSync<T>(write: () => T): T;
}

/** The SQLite of a Durable Object. */
export interface SqlStorage {
  exec(query: string, ...values: SqlValue[]): { raw(): Iterable<readonly unknown[]> };
}

/** What a statement is given. */
export type SqlValue = ArrayBuffer | string | number | null;
