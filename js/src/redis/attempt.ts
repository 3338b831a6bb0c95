// One try at a batch of calls: rows as the process takes them to be, what was read of them, and what is to be written.
import type { Change, NamedRow, Row, Rows } from "../wasm.js";
import type { Belief } from "./belief.js";
import { endOf, fieldOf, nameOf, rowOf, textOf } from "./text.js";

/** Proofs: they are read again only where one is sent again, and are not worth remembering. */
const REPLAY = "1:";

/** How many rows of a kind the calls were told that there are, and whether that is exact. */
interface Count {
  readonly told: number;
  readonly isExact: boolean;
}

/** Rows that Redis was asked to list. */
interface List {
  readonly kind: number;
  readonly after: string;
  readonly atMost: number;
}

/** What Redis said there is, at one instant. */
export interface Truth {
  readonly isPurged: boolean;
  readonly rows: ReadonlyMap<string, string>;
  readonly counts: ReadonlyMap<number, number>;
  readonly list: { readonly of: List; readonly rows: readonly (readonly [string, string])[] } | undefined;
}

/** What a try cannot go on without: rows that nobody has listed yet, or that what has ended is removed. */
export class Wish {
  readonly list: List | undefined;

  constructor(list?: List) {
    this.list = list;
  }
}

/** The rows of one subject, for one try. */
export class Attempt implements Rows {
  readonly now: number;
  readonly #belief: Belief;
  readonly #truth: Truth | undefined;
  readonly #reads = new Map<string, string>();
  readonly #writes = new Map<string, Row | undefined>();
  readonly #counts = new Map<number, Count>();
  /** How many rows of a kind are put. */
  readonly #put = new Map<number, number>();
  #hasListed = false;

  constructor(belief: Belief, truth: Truth | undefined, now: number) {
    this.#belief = belief;
    this.#truth = truth;
    this.now = Math.max(now, belief.at);
  }

  get(kind: number, name: Uint8Array): Row | undefined {
    const field = fieldOf(kind, name);
    if (this.#writes.has(field)) return this.#writes.get(field);
    const text = this.#stored(field);
    return text === "" ? undefined : rowOf(text);
  }

  count(kind: number): number {
    const known = this.#counts.get(kind);
    const exact = this.#truth?.isPurged ? this.#truth.counts.get(kind) : undefined;
    const count = known ?? { told: exact ?? this.#belief.most(kind), isExact: exact !== undefined };
    this.#counts.set(kind, count);
    // Those that are written over count twice, which is too many and harmless.
    return count.told + (this.#put.get(kind) ?? 0);
  }

  list(kind: number, after: Uint8Array, atMost: number): NamedRow[] {
    const of = { kind, after: fieldOf(kind, after), atMost };
    const listed = this.#truth?.list;
    // What the calls before have changed is not in it.
    if (this.#writes.size > 0 || listed?.of.kind !== kind || listed.of.after !== of.after || listed.of.atMost !== atMost) {
      throw new Wish(of);
    }
    this.#hasListed = true;
    return listed.rows.map(([field, text]) => ({ name: nameOf(field), ...rowOf(text) }));
  }

  commit(changes: readonly Change[]): void {
    for (const { kind, name, row } of changes) {
      if (row) this.#put.set(kind, (this.#put.get(kind) ?? 0) + 1);
      this.#writes.set(fieldOf(kind, name), row);
    }
  }

  advance(): number {
    return this.now;
  }

  purge(): number {
    if (!this.#truth?.isPurged || this.#writes.size > 0) throw new Wish();
    this.#counts.clear();
    return 0;
  }

  earliest(): undefined {
    return undefined;
  }

  /** Whether Redis has said all that this was judged by, in one answer, and nothing is to be written: then it is done. */
  get isKnownToHold(): boolean {
    const truth = this.#truth;
    return (
      truth !== undefined &&
      this.#writes.size === 0 &&
      [...this.#reads.keys()].every((field) => truth.rows.has(field)) &&
      [...this.#counts.keys()].every((kind) => truth.counts.has(kind))
    );
  }

  /** The arguments of the script: see there. */
  args(id: string, wish: Wish | undefined): string[] {
    const what = wish === undefined ? "commit" : wish.list === undefined ? "purge" : "look";
    const { list } = wish ?? {};
    const counts = [...this.#counts].flatMap(([kind, { told, isExact }]) => [kind, isExact ? "=" : "<", told].map(String));
    const writes = [...this.#writes].flatMap(([field, row]) => [field, String(row?.until ?? 0), row ? textOf(row) : ""]);
    return [
      ...[id, String(this.now), what, this.#hasListed ? this.#belief.version : ""],
      ...[String(this.#counts.size), ...counts],
      ...[String(this.#reads.size), ...[...this.#reads].flat()],
      ...(list ? ["1", String(list.kind), list.after, String(list.atMost)] : ["0"]),
      ...(wish ? ["0"] : [String(this.#writes.size), ...writes]),
    ];
  }

  /** Reads what the script said instead of `ok`, and learns from it. Throws where that is not what it says. */
  learn(reply: string, wish: Wish | undefined): Truth {
    const lines = reply.split("\n");
    const take = () => {
      const line = lines.shift();
      if (line === undefined) throw new Error("the reply is too short");
      return line;
    };
    const number = () => {
      const line = take();
      if (!/^\d{1,16}$/.test(line)) throw new Error("the reply has no number where there should be one");
      return Number(line);
    };
    if (take() !== "no") throw new Error("the reply is none of the script's");
    const belief = this.#belief;
    belief.at = Math.max(belief.at, number());
    belief.version = String(number());
    const counts = new Map(Array.from(this.#counts.keys(), (kind) => [kind, number()]));
    const rows = new Map(Array.from(this.#reads.keys(), (field) => [field, take()]));
    const listed = wish?.list && { of: wish.list, rows: Array.from({ length: number() }, () => entry(take())) };
    if (lines.length > 0) throw new Error("the reply is too long");
    for (const text of rows.values()) if (text !== "") rowOf(text);
    for (const [kind, count] of counts) belief.learnCount(kind, count);
    for (const [field, text] of rows) belief.learnRow(field, text);
    return { isPurged: wish !== undefined && wish.list === undefined, rows, counts, list: listed };
  }

  /** Learns that what was to be written is. */
  learnWritten(): void {
    for (const [field, row] of this.#writes) {
      if (!field.startsWith(REPLAY)) this.#belief.learnRow(field, row ? textOf(row) : "");
    }
  }

  /** The text of a row as Redis is taken to have it. One that has ended is as good as none, to Redis too. */
  #stored(field: string): string {
    const read = this.#reads.get(field);
    if (read !== undefined) return read;
    const text = this.#truth?.rows.get(field) ?? this.#belief.row(field);
    const stored = text !== "" && endOf(text) > this.now ? text : "";
    this.#reads.set(field, stored);
    return stored;
  }
}

function entry(line: string): readonly [string, string] {
  const at = line.indexOf("=");
  if (at < 0) throw new Error("the reply has no row where there should be one");
  return [line.slice(0, at), line.slice(at + 1)];
}
