// What a process believes of subjects, from what Redis last said. The script compares, so that nothing hangs on it but how
// often it must be asked.

/** Most characters of rows that are kept: 8 Mi. */
const MAX_CHARACTERS = 8 * 1024 * 1024;
/** Most rows that are kept of one subject. */
const MAX_ROWS = 64;
/** What keeping a subject or a row takes beside its text, roughly. */
const OVERHEAD = 128;
/** How many rows of a kind there are taken to be where nobody has counted: far fewer than any limit of the core. */
const FEW = 1024;

/** What is believed of one subject. */
export class Belief {
  /** The latest time that Redis told. */
  at = 0;
  version = "0";
  weight = OVERHEAD;
  /** How many calls go together: few, where other processes come in between. */
  batch = 64;
  readonly #rows = new Map<string, string>();
  readonly #counts = new Map<number, number>();

  /** The text of a row; an empty one where there is none, as far as is known. */
  row(field: string): string {
    return this.#rows.get(field) ?? "";
  }

  learnRow(field: string, text: string): void {
    this.#forget(field);
    if (text === "") return;
    this.#rows.set(field, text);
    this.weight += text.length + OVERHEAD;
    if (this.#rows.size <= MAX_ROWS) return;
    // The one that was learned first.
    for (const oldest of this.#rows.keys()) return this.#forget(oldest);
  }

  /** How many rows of a kind there are at most. */
  most(kind: number): number {
    return this.#counts.get(kind) ?? FEW;
  }

  /** Leaves room for as many more as come before it matters. */
  learnCount(kind: number, count: number): void {
    this.#counts.set(kind, count + Math.max(FEW / 4, Math.ceil(count / 64)));
  }

  #forget(field: string): void {
    const text = this.#rows.get(field);
    if (text === undefined) return;
    this.#rows.delete(field);
    this.weight -= text.length + OVERHEAD;
  }
}

/** What is believed of all subjects, bounded: those that nobody asked about for the longest time are forgotten. */
export class Beliefs {
  readonly #subjects = new Map<string, Belief>();
  #weight = 0;

  /** Takes out what is believed of a subject, for one who puts it back. */
  take(subject: string): Belief {
    const belief = this.#subjects.get(subject);
    if (belief === undefined) return new Belief();
    this.#subjects.delete(subject);
    this.#weight -= belief.weight;
    return belief;
  }

  put(subject: string, belief: Belief): void {
    this.#subjects.set(subject, belief);
    this.#weight += belief.weight;
    for (const [oldest, { weight }] of this.#subjects) {
      if (this.#weight <= MAX_CHARACTERS) return;
      this.#subjects.delete(oldest);
      this.#weight -= weight;
    }
  }
}
