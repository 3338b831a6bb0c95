// IP addresses, without anything of a runtime.

/** An address as the 16 bytes of IPv6; IPv4 is mapped (RFC 4291 §2.5.5.2). `undefined` where the text is no address. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (!text.includes(":")) return mapped(text);
  // Nothing else may be in the brackets below: a zone names a network of this machine, and no other.
  if (!/^[0-9a-f:.]+$/i.test(text) || !URL.canParse(`http://[${text}]`)) return undefined;
  // The canonical form is groups in hex with one gap.
  const [head = "", tail = ""] = new URL(`http://[${text}]`).hostname.slice(1, -1).split("::");
  const [before, after] = [groups(head), groups(tail)];
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Addresses and ranges of addresses (CIDR). */
export class AddressSet {
  readonly #ranges: readonly { readonly base: Uint8Array; readonly bits: number }[];

  /** Throws a `RangeError` where a text is neither an address nor a range. */
  constructor(texts: readonly string[]) {
    this.#ranges = texts.map(parseRange);
  }

  has(address: Uint8Array): boolean {
    return this.#ranges.some(({ base, bits }) => isSamePrefix(base, address, bits));
  }
}

function mapped(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  // `010` is eight to some and ten to others.
  const isPart = (part: string) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255;
  if (parts.length !== 4 || !parts.every(isPart)) return undefined;
  return Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...parts.map(Number)]);
}

function groups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

function parseRange(text: string): { base: Uint8Array; bits: number } {
  const [address = "", length, ...more] = text.split("/");
  const base = parseAddress(address);
  const most = address.includes(":") ? 128 : 32;
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (base === undefined || more.length > 0 || !(bits <= most)) throw new RangeError("neither an address nor a range of addresses");
  return { base, bits: bits + 128 - most };
}

function isSamePrefix(left: Uint8Array, right: Uint8Array, bits: number): boolean {
  return left.every((byte, index) => {
    const here = Math.min(Math.max(bits - index * 8, 0), 8);
    return ((byte ^ (right[index] ?? 0)) & (0xff00 >> here) & 0xff) === 0;
  });
}
