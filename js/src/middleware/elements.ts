// `Forwarded` (RFC 7239 §4), which clients write as well: so it is read from left to right, each character once.

/** One proxy's word: whom it was asked by, and how. */
export interface Hop {
  readonly address: string | undefined;
  readonly authority?: string | undefined;
  readonly scheme?: string | undefined;
}

/** Longest `Forwarded` that is read, in characters. */
const MOST_LENGTH = 4096;
/** Most elements: one for each proxy, and few requests have come by more than three. */
const MOST_ELEMENTS = 64;

/**
 * The elements of a `Forwarded`, in order; `undefined` where any of it is malformed, as its parts could be anybody's, or where
 * there is more of it than is read.
 */
export function parseForwarded(value: string): Hop[] | undefined {
  if (value.length > MOST_LENGTH) return undefined;
  const scanner = new Scanner(value);
  const hops: Hop[] = [];
  do {
    const params = scanner.element();
    if (params === undefined) return undefined;
    if (params.size > 0) hops.push({ address: params.get("for"), authority: params.get("host"), scheme: params.get("proto") });
    if (hops.length > MOST_ELEMENTS) return undefined;
  } while (scanner.eat(","));
  return scanner.isAtEnd ? hops : undefined;
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Its parameters, by their names in lower case. There may be none: lists have empty members too (RFC 9110 §5.6.1.2). */
  element(): Map<string, string> | undefined {
    const params = new Map<string, string>();
    do {
      this.#skip(isSpace);
      const name = this.#skip(isTokenCharacter).toLowerCase();
      if (name !== "") {
        const value = this.eat("=") ? this.#value() : undefined;
        if (value === undefined || params.has(name)) return undefined;
        params.set(name, value);
      }
      this.#skip(isSpace);
    } while (this.eat(";"));
    return params;
  }

  /** Whether this comes next; then it is passed. */
  eat(character: string): boolean {
    const isNext = this.#text.charAt(this.#at) === character;
    if (isNext) this.#at += 1;
    return isNext;
  }

  #value(): string | undefined {
    if (this.eat('"')) return this.#quoted();
    const token = this.#skip(isTokenCharacter);
    return token === "" ? undefined : token;
  }

  /** What is left of a quoted-string (RFC 9110 §5.6.4); `undefined` where it does not end. */
  #quoted(): string | undefined {
    let value = "";
    while (!this.isAtEnd) {
      if (this.eat('"')) return value;
      this.eat("\\");
      value += this.#text.charAt(this.#at);
      this.#at += 1;
    }
    return undefined;
  }

  /** Passes all that are of a kind, and gives them. */
  #skip(isOfKind: (character: string) => boolean): string {
    const from = this.#at;
    while (!this.isAtEnd && isOfKind(this.#text.charAt(this.#at))) this.#at += 1;
    return this.#text.slice(from, this.#at);
  }
}

function isSpace(character: string): boolean {
  return character === " " || character === "\t";
}

/** RFC 9110 §5.6.2. */
function isTokenCharacter(character: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9a-z]$/i.test(character);
}
