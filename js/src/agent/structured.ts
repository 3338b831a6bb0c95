// Structured fields (RFC 9651): read strictly, written in the one form that the standard has for each value. What is given
// twice, a key of a Dictionary or a parameter, is refused: readers differ in which they take.

/** A bare item, and how it is written. */
export interface Bare {
  readonly kind: "integer" | "decimal" | "string" | "token" | "bytes" | "boolean" | "date" | "display";
  /** What a String or a Token says; else the text in which it is written. */
  readonly value: string;
  readonly text: string;
}

export type Params = ReadonlyMap<string, Bare>;

export interface Item {
  readonly bare: Bare;
  readonly params: Params;
}

export interface InnerList {
  readonly items: readonly Item[];
  readonly params: Params;
}

export type Member = Item | InnerList;

export type Dictionary = ReadonlyMap<string, Member>;

/** Longest field that is read: 16 KiB, as in the verifier. */
const MOST_TEXT = 16 * 1024;

/** A Dictionary; `undefined` where the text is none. An empty text is an empty one. */
export function parseDictionary(text: string): Dictionary | undefined {
  return whole(text, (reader) => reader.dictionary());
}

/** A List; `undefined` where the text is none. */
export function parseList(text: string): readonly Member[] | undefined {
  return whole(text, (reader) => reader.list());
}

/** An Item; `undefined` where the text is none. */
export function parseItem(text: string): Item | undefined {
  return whole(text, (reader) => reader.item());
}

export function isInnerList(member: Member): member is InnerList {
  return "items" in member;
}

/** Whether a text can be a key of a Dictionary or of parameters (RFC 9651 §3.1.2). */
export function isKey(text: string): boolean {
  return /^[a-z*][a-z0-9_.*-]*$/.test(text);
}

/** A String as it is written. `undefined` where it holds what no String can. */
export function stringText(value: string): string | undefined {
  return /^[\x20-\x7e]*$/.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : undefined;
}

export function writeParams(params: Params): string {
  return [...params].map(([key, { kind, text }]) => (kind === "boolean" && text === "?1" ? `;${key}` : `;${key}=${text}`)).join("");
}

export function writeMember(member: Member): string {
  if (isInnerList(member)) return `(${member.items.map(writeMember).join(" ")})${writeParams(member.params)}`;
  return member.bare.text + writeParams(member.params);
}

export function writeList(list: readonly Member[]): string {
  return list.map(writeMember).join(", ");
}

export function writeDictionary(members: Dictionary): string {
  const written = [...members].map(([key, member]) => {
    const isFlag = !isInnerList(member) && member.bare.text === "?1" && member.bare.kind === "boolean";
    return isFlag ? key + writeParams(member.params) : `${key}=${writeMember(member)}`;
  });
  return written.join(", ");
}

/** Says that a text is not what was looked for. Never leaves this file. */
class Malformed extends Error {}

function whole<T>(text: string, read: (reader: Reader) => T): T | undefined {
  if (text.length > MOST_TEXT) return undefined;
  const reader = new Reader(text);
  try {
    reader.take(/ */y);
    const value = read(reader);
    reader.take(/ */y);
    return reader.isAtEnd ? value : undefined;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** Reads a text from its start, as RFC 9651 §4.2 walks it. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** What a sticky pattern matches here; `undefined` where it does not. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  dictionary(): Dictionary {
    const members = new Map<string, Member>();
    this.#separated(() => {
      const key = this.#key();
      if (members.has(key)) throw new Malformed();
      members.set(key, this.take(/=/y) === undefined ? { bare: TRUE, params: this.#params() } : this.#member());
    });
    return members;
  }

  list(): readonly Member[] {
    const members: Member[] = [];
    this.#separated(() => members.push(this.#member()));
    return members;
  }

  item(): Item {
    return { bare: this.#bare(), params: this.#params() };
  }

  #separated(readOne: () => void): void {
    if (this.isAtEnd) return;
    do readOne();
    while (this.take(/[ \t]*,[ \t]*(?=.)/y) !== undefined);
  }

  #member(): Member {
    if (this.take(/\(/y) === undefined) return this.item();
    const items: Item[] = [];
    for (;;) {
      this.take(/ */y);
      if (this.take(/\)/y) !== undefined) return { items, params: this.#params() };
      items.push(this.item());
      this.#must(/(?=[ )])/y);
    }
  }

  #params(): Params {
    const params = new Map<string, Bare>();
    while (this.take(/; */y) !== undefined) {
      const key = this.#key();
      if (params.has(key)) throw new Malformed();
      params.set(key, this.take(/=/y) === undefined ? TRUE : this.#bare());
    }
    return params;
  }

  #key(): string {
    return this.#must(/[a-z*][a-z0-9_.*-]*/y);
  }

  #bare(): Bare {
    const decimal = this.take(/-?[0-9]{1,12}\.[0-9]{1,3}(?![0-9.])/y);
    if (decimal !== undefined) return plain("decimal", canonicalDecimal(decimal));
    const integer = this.take(/-?[0-9]{1,15}(?![0-9.])/y);
    if (integer !== undefined) return plain("integer", canonicalInteger(integer));
    const string = this.take(/"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/y);
    if (string !== undefined) return { kind: "string", value: string.slice(1, -1).replace(/\\(.)/g, "$1"), text: string };
    const token = this.take(/[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y);
    if (token !== undefined) return plain("token", token);
    const bytes = this.take(/:[A-Za-z0-9+/]*={0,2}:/y);
    if (bytes !== undefined) return plain("bytes", canonicalBytes(bytes));
    const date = this.take(/@-?[0-9]{1,15}(?![0-9.])/y);
    if (date !== undefined) return plain("date", `@${canonicalInteger(date.slice(1))}`);
    const display = this.take(/%"(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*"/y);
    if (display !== undefined) return plain("display", canonicalDisplay(display));
    return plain("boolean", this.#must(/\?[01]/y));
  }

  #must(pattern: RegExp): string {
    const found = this.take(pattern);
    if (found === undefined) throw new Malformed();
    return found;
  }
}

const TRUE: Bare = { kind: "boolean", value: "?1", text: "?1" };

function plain(kind: Bare["kind"], text: string): Bare {
  return { kind, value: text, text };
}

function canonicalInteger(text: string): string {
  return text.replace(/^(-?)0+(?=[0-9])/, "$1").replace(/^-0$/, "0");
}

function canonicalDecimal(text: string): string {
  const trimmed = text.replace(/^(-?)0+(?=[0-9]+\.)/, "$1").replace(/(\.[0-9]+?)0+$/, "$1");
  return trimmed === "-0.0" ? "0.0" : trimmed;
}

/** With the padding that was left out, and without bits that no byte has. */
function canonicalBytes(text: string): string {
  try {
    return `:${btoa(atob(text.slice(1, -1)))}:`;
  } catch {
    throw new Malformed();
  }
}

/** A Display String is percent-encoded UTF-8 (RFC 9651 §4.2.10), and only what must be is encoded (§4.1.11). */
function canonicalDisplay(text: string): string {
  const bytes = Uint8Array.from(
    [...text.slice(2, -1).matchAll(/%([0-9a-f]{2})|./g)].map(([plain, hex]) =>
      hex === undefined ? plain.charCodeAt(0) : Number.parseInt(hex, 16),
    ),
  );
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Malformed();
  }
  const written = [...bytes].map((byte) => {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x25;
    return isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, "0")}`;
  });
  return `%"${written.join("")}"`;
}
