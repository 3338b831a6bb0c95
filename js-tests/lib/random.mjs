// Numbers that look random and come again with the same seed (mulberry32).

/** @param {number} seed */
export function randomOf(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    /** A whole number below this. @param {number} most */
    below: (most) => Math.floor(next() * most),
    /** @template T @param {readonly T[]} of @returns {T} */
    one(of) {
      const found = of[Math.floor(next() * of.length)];
      if (found === undefined) throw new Error("there is none");
      return found;
    },
  };
}
