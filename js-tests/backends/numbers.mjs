// Arithmetic for making keys and signatures that no library would make. Slow, and not for secrets.

/** @param {bigint} value @param {bigint} modulus */
export const mod = (value, modulus) => ((value % modulus) + modulus) % modulus;

/** @param {bigint} base @param {bigint} exponent @param {bigint} modulus */
export function power(base, exponent, modulus) {
  let [result, square] = [1n, mod(base, modulus)];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** @param {bigint} value @param {bigint} modulus */
export function inverse(value, modulus) {
  let [a, b, x, y] = [mod(value, modulus), modulus, 1n, 0n];
  while (a > 1n) {
    const quotient = b / a;
    [a, b] = [b - quotient * a, a];
    [x, y] = [y - quotient * x, x];
    if (a === 0n) throw new Error("no inverse");
  }
  return mod(x, modulus);
}

/** Big-endian. @param {Uint8Array} bytes */
export const numberOf = (bytes) => BigInt(`0x0${Buffer.from(bytes).toString("hex")}`);

/** Big-endian. @param {bigint} number @param {number} length */
export const bytesOf = (number, length) => Buffer.from(number.toString(16).padStart(2 * length, "0"), "hex");

/** Little-endian. @param {Uint8Array} bytes */
export const littleNumberOf = (bytes) => numberOf(Uint8Array.from(bytes).reverse());

/** Little-endian. @param {bigint} number @param {number} length */
export const littleBytesOf = (number, length) => bytesOf(number, length).reverse();
