// The group of Ed25519 (RFC 8032 §5.1), for keys and signatures with a part of small order.
import { inverse, littleBytesOf, littleNumberOf, mod, power } from "./numbers.mjs";

const P = 2n ** 255n - 19n;
/** The order of the base point. */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * inverse(121666n, P), P);

/** x/z, y/z, and t = xy/z (RFC 8032 §5.1.4). @typedef {readonly [x: bigint, y: bigint, z: bigint, t: bigint]} Point */

/** The base point. */
export const B = decode(littleBytesOf(mod(4n * inverse(5n, P), P), 32));

/** A point of order 8; its multiples are all points of small order. */
export const T8 = decode(Buffer.from("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "hex"));

/** RFC 8032 §5.1.4. @param {Point} p @param {Point} q @returns {Point} */
export function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const [a, b] = [mod((y1 - x1) * (y2 - x2), P), mod((y1 + x1) * (y2 + x2), P)];
  const [c, d] = [mod(2n * t1 * t2 * D, P), mod(2n * z1 * z2, P)];
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f, P), mod(g * h, P), mod(f * g, P), mod(e * h, P)];
}

/** @param {bigint} scalar @param {Point} point @returns {Point} */
export function multiply(scalar, point) {
  /** @type {Point} */
  let sum = [0n, 1n, 1n, 0n];
  for (let [left, double] = [scalar, point]; left > 0n; left >>= 1n, double = add(double, double)) {
    if (left & 1n) sum = add(sum, double);
  }
  return sum;
}

/** @param {Point} point */
export function encode([x, y, z]) {
  const unit = inverse(z, P);
  return littleBytesOf(mod(y * unit, P) | ((mod(x * unit, P) & 1n) << 255n), 32);
}

/** RFC 8032 §5.1.3. @param {Uint8Array} bytes @returns {Point} */
export function decode(bytes) {
  const number = littleNumberOf(bytes);
  const y = number & (2n ** 255n - 1n);
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n, P), P);
  let x = power(square, (P + 3n) / 8n, P);
  if ((x * x) % P !== square) x = (x * power(2n, (P - 1n) / 4n, P)) % P;
  if ((x * x) % P !== square) throw new Error("no point");
  if ((x & 1n) !== number >> 255n) x = mod(-x, P);
  return [x, y, 1n, (x * y) % P];
}
