// Random values that a seed repeats.
import { createHash } from "node:crypto";

export class Random {
  #block = Buffer.alloc(0);
  #count = 0;

  /** @param {string} seed */
  constructor(seed) {
    this.seed = seed;
  }

  /** @param {number} length */
  bytes(length) {
    while (this.#block.length < length) {
      const next = createHash("sha512").update(`${this.seed} ${(this.#count += 1)}`).digest();
      this.#block = Buffer.concat([this.#block, next]);
    }
    const bytes = Buffer.from(this.#block.subarray(0, length));
    this.#block = this.#block.subarray(length);
    return bytes;
  }

  /** A whole number from 0 to `end`, which is not among them. @param {number} end */
  below(end) {
    return this.bytes(4).readUInt32BE() % end;
  }

  /** @template T @param {readonly T[]} values @returns {T} */
  pick(values) {
    return values[this.below(values.length)];
  }

  /** The same bytes but for one bit. @param {Uint8Array} bytes */
  flipped(bytes) {
    const copy = Buffer.from(bytes);
    const bit = this.below(8 * copy.length);
    copy[bit >> 3] ^= 1 << (bit & 7);
    return copy;
  }
}
