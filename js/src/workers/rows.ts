// The rows of a Durable Object, in its SQLite: the same tables as those of the Worker's objects.
import type { Change, NamedRow, Row, Rows } from "../wasm.js";
import type { ObjectStorage, SqlStorage, SqlValue } from "./platform.js";

/** How far the stored time may be behind the time of the object, in milliseconds: what it saves is a write for each call. */
const CLOCK_STEP = 10_000;

const TABLES = [
  `CREATE TABLE IF NOT EXISTS state (kind INTEGER NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL,
   until INTEGER NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS state_until ON state (until)",
  "CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL)",
];
const ENDED = "SELECT kind, name FROM state WHERE until <= ? ORDER BY until LIMIT ?";
const PUT = `INSERT INTO state (kind, name, value, until) VALUES (?, ?, ?, ?)
  ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, until = excluded.until`;

/** An object's rows. */
export class SqlRows implements Rows {
  readonly #storage: ObjectStorage;
  readonly #sql: SqlStorage;
  /** The latest time that the object has seen, and the one that is stored, in milliseconds. */
  #latest: number;
  #storedClock: number;
  /** How many rows of each kind there are at most. */
  readonly #counts = new Map<number, number>();
  /** When the first of the rows ends that were written since somebody looked. */
  #firstEnd: number | undefined;
  /** Whether somebody calls, so that the stored time shows when the object was last called. */
  isCalled = true;

  constructor(storage: ObjectStorage, latest: number) {
    this.#storage = storage;
    this.#sql = storage.sql;
    for (const table of TABLES) this.#all(table);
    this.#storedClock = this.#number("SELECT at FROM clock") ?? 0;
    this.#latest = Math.max(latest, this.#storedClock);
  }

  /** The latest time that the object has seen. */
  get latest(): number {
    return this.#latest;
  }

  /** How long ago somebody called, to some seconds. */
  get idleFor(): number {
    return this.#latest - this.#storedClock;
  }

  /** When the first of the rows ends that were written since this was last asked. */
  takeFirstEnd(): number | undefined {
    const first = this.#firstEnd;
    this.#firstEnd = undefined;
    return first;
  }

  get(kind: number, name: Uint8Array): Row | undefined {
    const [row] = this.#all("SELECT value, until FROM state WHERE kind = ? AND name = ?", kind, blob(name));
    return row && rowOf(row[0], row[1]);
  }

  count(kind: number): number {
    const known = this.#counts.get(kind) ?? this.#number("SELECT COUNT(*) FROM state WHERE kind = ?", kind) ?? 0;
    this.#counts.set(kind, known);
    return known;
  }

  list(kind: number, after: Uint8Array, atMost: number): NamedRow[] {
    const query = "SELECT name, value, until FROM state WHERE kind = ? AND name > ? ORDER BY name LIMIT ?";
    return this.#all(query, kind, blob(after), atMost).map(([name, value, until]) => ({ name: bytes(name), ...rowOf(value, until) }));
  }

  commit(changes: readonly Change[]): void {
    try {
      // All of them or none, which a statement each would not.
      this.#storage.transactionSync(() => {
        for (const change of changes) this.#write(change);
      });
    } catch (error) {
      this.#counts.clear();
      throw error;
    }
  }

  advance(now: number): number {
    this.#latest = Math.max(this.#latest, now);
    if (this.isCalled && this.idleFor >= CLOCK_STEP) this.#storeClock();
    return this.#latest;
  }

  purge(now: number, atMost: number): number {
    const count = this.#number(`SELECT COUNT(*) FROM (${ENDED})`, now, atMost) ?? 0;
    if (count === 0) return 0;
    // First, so that nothing is removed by a time that is not stored.
    this.#latest = Math.max(this.#latest, now);
    this.#storeClock();
    this.#all(`DELETE FROM state WHERE (kind, name) IN (${ENDED})`, now, atMost);
    this.#counts.clear();
    return count;
  }

  earliest(): number | undefined {
    return this.#number("SELECT until FROM state ORDER BY until LIMIT 1");
  }

  #write({ kind, name, row }: Change): void {
    if (row === undefined) {
      this.#all("DELETE FROM state WHERE kind = ? AND name = ?", kind, blob(name));
      return;
    }
    this.#all(PUT, kind, blob(name), blob(row.value), row.until);
    this.#firstEnd = Math.min(this.#firstEnd ?? row.until, row.until);
    const count = this.#counts.get(kind);
    if (count !== undefined) this.#counts.set(kind, count + 1);
  }

  #storeClock(): void {
    this.#all("INSERT INTO clock (one, at) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET at = excluded.at", this.#latest);
    this.#storedClock = this.#latest;
  }

  #all(query: string, ...values: SqlValue[]): (readonly unknown[])[] {
    return [...this.#sql.exec(query, ...values).raw()];
  }

  /** The number in the first column of the first row, if there is one. */
  #number(query: string, ...values: SqlValue[]): number | undefined {
    const [row] = this.#all(query, ...values);
    if (row === undefined) return undefined;
    if (typeof row[0] !== "number") throw unreadable();
    return row[0];
  }
}

/** A copy: what the core gives is good for one call only. */
function blob(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function rowOf(value: unknown, until: unknown): Row {
  if (typeof until !== "number") throw unreadable();
  return { value: bytes(value), until };
}

function bytes(value: unknown): Uint8Array {
  if (!(value instanceof ArrayBuffer)) throw unreadable();
  return new Uint8Array(value);
}

function unreadable(): Error {
  return new Error("a row cannot be read");
}
