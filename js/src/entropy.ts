/** Random bytes for one decision's identifier. */
const BYTES = 10;

/** Drawn for many decisions at once, as each call of the system costs more than the bytes. */
const pool = new Uint8Array(BYTES * 400);
let used = pool.length;

/** Ten random bytes that nobody got before; valid until the next call. */
export function entropy(): Uint8Array {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  used += BYTES;
  return pool.subarray(used - BYTES, used);
}
