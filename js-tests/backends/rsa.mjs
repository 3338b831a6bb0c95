// Signatures of RSA with both paddings, and encodings that a lax verifier takes.
import { constants, createHash, createPrivateKey, generateKeyPair, getDiffieHellman, privateEncrypt } from "node:crypto";
import { promisify } from "node:util";
import { publicJwk } from "./jwk.mjs";
import { bytesOf, inverse, numberOf } from "./numbers.mjs";

/** @typedef {import("./random.mjs").Random} Random */
/** @typedef {import("./cases.mjs").Made} Made */
/** @typedef {import("./cases.mjs").Signer} Signer */

/** @typedef {{bits: number, key: Record<string, string>, n: bigint, length: number, raw(encoded: Buffer): Buffer}} RsaKey */

/** Sizes with and without a byte that is not full, every exponent that is taken, and the largest size. */
export async function rsaKeys() {
  const sizes = [[2048, 65537], [2048, 3], [2049, 65537], [2052, 17], [2055, 37], [3072, 65537], [4096, 65537]];
  const generate = promisify(generateKeyPair);
  const generated = sizes.map(([modulusLength, publicExponent]) => generate("rsa", { modulusLength, publicExponent }));
  const privateKeys = (await Promise.all(generated)).map(({ privateKey }) => privateKey);
  return [...privateKeys, largest()].map(rsaKey);
}

/** @param {import("node:crypto").KeyObject} privateKey @returns {RsaKey} */
function rsaKey(privateKey) {
  const key = publicJwk(privateKey);
  const modulus = Buffer.from(key.n, "base64url");
  const n = numberOf(modulus);
  const raw = (/** @type {Buffer} */ encoded) => privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encoded);
  return { bits: n.toString(2).length, key, n, length: modulus.length, raw };
}

/** Right signatures under keys that some hosts import and others do not. @param {Random} random @returns {Promise<import("./cases.mjs").Case[]>} */
export async function rareExponents(random) {
  const keys = [35, 257, 65539].map((publicExponent) => promisify(generateKeyPair)("rsa", { modulusLength: 2048, publicExponent }));
  return (await Promise.all(keys)).flatMap(({ privateKey }) => {
    const rsa = rsaKey(privateKey);
    const signers = {
      PS512: pss(random, rsa, "sha512", 64),
      PS384: pss(random, rsa, "sha384", 48),
      PS256: pss(random, rsa, "sha256", 32),
      RS256: pkcs1(random, rsa),
      RS384: pkcs1(random, rsa, "sha384"),
      RS512: pkcs1(random, rsa, "sha512"),
    };
    const message = random.bytes(20);
    return Object.entries(signers).map(([alg, { key, sign }]) => ({ kind: "a rare exponent", alg, key, message, signature: sign(message) }));
  });
}

/** A key of 8192 bits would take minutes to make: this one is of two primes that RFC 3526 has. */
function largest() {
  const [p, q] = ["modp17", "modp14"].map((name) => numberOf(getDiffieHellman(name).getPrime()));
  const d = inverse(65537n, (p - 1n) * (q - 1n));
  const numbers = { n: p * q, e: 65537n, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const text = (/** @type {bigint} */ number) => bytesOf(number, Math.ceil(number.toString(16).length / 2)).toString("base64url");
  const members = Object.entries(numbers).map(([name, number]) => [name, text(number)]);
  return createPrivateKey({ key: { kty: "RSA", ...Object.fromEntries(members) }, format: "jwk" });
}

/** What both paddings have in common. @param {RsaKey} rsa @param {Buffer} message @param {Buffer} signature @returns {Generator<Made>} */
function* craftedRsa({ key, n, length }, message, signature) {
  const s = numberOf(signature);
  for (const [kind, value] of Object.entries({ 0: 0n, 1: 1n, "n - 1": n - 1n, n, "n + 1": n + 1n, "n - s": n - s, "n + s": n + s })) {
    // Where a byte of the modulus is not full, n + s is as long as n.
    if (value < 2n ** BigInt(8 * length)) yield { kind: `signature ${kind}`, key, message, signature: bytesOf(value, length) };
  }
  const modulus = Buffer.concat([Buffer.alloc(1), Buffer.from(key.n, "base64url")]);
  yield { kind: "modulus with a zero", key: { ...key, n: modulus.toString("base64url") }, message, signature };
  for (const e of ["AQ", "Ag", "AQAA", "BQ", "Iw", "AQAD", "AAEAAQ", "Aw", "EQ", "JQ", "AQAB"]) {
    yield { kind: "another exponent", key: { ...key, e }, message, signature };
  }
}

/** @param {Random} random @param {RsaKey} rsa @param {Hash} [hashName] @returns {Signer} */
export function pkcs1(random, rsa, hashName = "sha256") {
  const { key, length, raw } = rsa;
  const algorithmId = prefixOf(hashName);
  const digestInfo = (/** @type {Buffer} */ message, of = hashName) => Buffer.concat([prefixOf(of), createHash(of).update(message).digest()]);
  /** @param {Buffer} info @param {{start?: number[], fill?: number, behind?: Buffer, shorter?: number}} [options] */
  const encoded = (info, { start = [0, 1], fill = 0xff, behind = Buffer.alloc(0), shorter = 0 } = {}) => {
    const padding = Buffer.alloc(length - start.length - 1 - info.length - behind.length - shorter, fill);
    return Buffer.concat([Buffer.alloc(shorter), Buffer.from(start), padding, Buffer.alloc(1), info, behind]);
  };
  return {
    key,
    sign: (message) => raw(encoded(digestInfo(message))),
    *crafted(message) {
      const info = digestInfo(message);
      yield* craftedRsa(rsa, message, raw(encoded(info)));
      const hash = info.subarray(algorithmId.length);
      const other = hashName === "sha512" ? "sha256" : "sha512";
      const patched = (/** @type {number} */ at) => {
        const copy = Buffer.from(info);
        copy[at] ^= 1;
        return copy;
      };
      /** @type {Record<string, Buffer>} */
      const encodings = {
        "block type 2": encoded(info, { start: [0, 2] }),
        "block type 0": encoded(info, { start: [0, 0], fill: 0 }),
        "begins with 1": encoded(info, { start: [1, 1] }),
        "one byte short": encoded(info, { shorter: 1 }),
        "padding of zeros": encoded(info, { fill: 0 }),
        "padding of fe": encoded(info, { fill: 0xfe }),
        "more behind": encoded(info, { behind: random.bytes(11) }),
        "a zero behind": encoded(info, { behind: Buffer.alloc(1) }),
        "8 bytes of padding": encoded(info, { behind: random.bytes(length - 11 - info.length) }),
        "no padding": encoded(info, { behind: random.bytes(length - 3 - info.length) }),
        "no algorithm": encoded(hash),
        "no NULL": encoded(Buffer.concat([prefixOf(hashName, { withNull: false }), hash])),
        "BER length": encoded(Buffer.concat([prefixOf(hashName, { outer: "81" }), hash])),
        "BER length of the hash": encoded(Buffer.concat([prefixOf(hashName, { inner: "81" }), hash])),
        "another OID": encoded(Buffer.concat([prefixOf(hashName, { of: other }), hash])),
        "a cut hash": encoded(info.subarray(0, -1)),
        "SHA-1": encoded(Buffer.concat([Buffer.from("3021300906052b0e03021a05000414", "hex"), createHash("sha1").update(message).digest()])),
        "another of SHA-2": encoded(digestInfo(message, other)),
        PSS: encodedPss(random, rsa, message, { hash: hashName, salt: random.bytes(hash.length) }),
        random: Buffer.concat([Buffer.alloc(1), random.bytes(length - 1)]),
      };
      for (let at = 0; at < algorithmId.length; at += 1) encodings[`byte ${at} of the algorithm`] = encoded(patched(at));
      for (const [kind, encoding] of Object.entries(encodings)) {
        if (numberOf(encoding) < rsa.n) yield { kind: `PKCS #1: ${kind}`, key, message, signature: raw(encoding) };
      }
    },
  };
}

/** @typedef {"sha256" | "sha384" | "sha512"} Hash */

/** The last arc of each hash's object identifier, and how long it is. */
const HASHES = { sha256: ["01", 32], sha384: ["02", 48], sha512: ["03", 64] };

/**
 * What comes before the hash in a DigestInfo (RFC 8017 §9.2, note 1), also as nobody should write it: without the NULL,
 * with another hash's identifier, with lengths of a byte more.
 *
 * @param {Hash} hash
 * @param {{withNull?: boolean, of?: Hash, outer?: string, inner?: string}} [options]
 */
function prefixOf(hash, { withNull = true, of = hash, outer = "", inner = "" } = {}) {
  const hex = (/** @type {number} */ number) => number.toString(16).padStart(2, "0");
  const [length, [arc]] = [/** @type {number} */ (HASHES[hash][1]), HASHES[of]];
  const algorithm = `300${withNull ? "d" : "b"}06096086480165030402${arc}${withNull ? "0500" : ""}`;
  const rest = `${algorithm}04${inner}${hex(length)}`;
  return Buffer.from(`30${outer}${hex(rest.length / 2 + length)}${rest}`, "hex");
}

/** @param {Random} random @param {RsaKey} rsa @param {Hash} hash @param {number} saltLength @returns {Signer} */
export function pss(random, rsa, hash, saltLength) {
  const { key, raw, length } = rsa;
  const other = hash === "sha256" ? "sha512" : "sha256";
  /** @param {Buffer} message @param {Partial<PssOptions>} [options] */
  const encoded = (message, options = {}) =>
    encodedPss(random, rsa, message, { hash, salt: random.bytes(saltLength), ...options });
  return {
    key,
    sign: (message) => raw(encoded(message)),
    *crafted(message) {
      yield* craftedRsa(rsa, message, raw(encoded(message)));
      const longest = Math.ceil((rsa.bits - 1) / 8) - createHash(hash).digest().length - 2;
      for (const salt of [0, 1, 20, 31, 32, 33, 47, 48, 49, 63, 64, 65, longest]) {
        yield { kind: `PSS: salt of ${salt === longest ? "any" : salt}`, key, message, signature: raw(encoded(message, { salt: random.bytes(salt) })) };
      }
      yield { kind: "PSS: salt of zeros", key, message, signature: raw(encoded(message, { salt: Buffer.alloc(saltLength) })) };
      /** @type {Record<string, Partial<PssOptions>>} */
      const variants = {
        "another hash": { hash: other },
        "another hash for the mask": { maskHash: other },
        "SHA-1 for the mask": { maskHash: "sha1" },
        "hash of another": { of: other },
        "another trailer": { trailer: 0xbd },
        "trailer cc": { trailer: 0xcc },
        "another separator": { separator: 2 },
        "no separator": { separator: 0 },
        "padding not zero": { fill: 1 },
        "padding ff": { fill: 0xff },
        "a bit above": { above: true },
        "salt of another": { hashedSalt: random.bytes(saltLength) },
      };
      for (const [kind, options] of Object.entries(variants)) {
        const encoding = fitting(rsa.n, () => encoded(message, options));
        if (encoding) yield { kind: `PSS: ${kind}`, key, message, signature: raw(encoding) };
      }
      const pkcs = Buffer.concat([prefixOf(hash), createHash(hash).update(message).digest()]);
      const padded = Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(length - 3 - pkcs.length, 0xff), Buffer.alloc(1), pkcs]);
      yield { kind: "PSS: PKCS #1", key, message, signature: raw(padded) };
    },
  };
}

/** What raw signing takes: a number below the modulus. @param {bigint} n @param {() => Buffer} make */
function fitting(n, make) {
  for (let tries = 0; tries < 50; tries += 1) {
    const encoding = make();
    if (numberOf(encoding) < n) return encoding;
  }
  return undefined;
}

/**
 * @typedef {object} PssOptions
 * @property {string} hash
 * @property {string} [of] the hash of the message, where it is not that
 * @property {string} [maskHash] of the mask, likewise
 * @property {Buffer} salt
 * @property {Buffer} [hashedSalt] what is hashed, where it is not the salt
 * @property {number} [trailer]
 * @property {number} [separator]
 * @property {number} [fill] the first byte of the padding
 * @property {boolean} [above] whether to set a bit above those that the encoding has
 */

/** EMSA-PSS (RFC 8017 §9.1.1). @param {Random} random @param {RsaKey} rsa @param {Buffer} message @param {PssOptions} options */
function encodedPss(random, { bits, length }, message, options) {
  const { hash, of = hash, maskHash = hash, salt, hashedSalt = salt, trailer = 0xbc, separator = 1, fill = 0, above = false } = options;
  const digest = (/** @type {string} */ name, /** @type {Buffer[]} */ ...parts) => createHash(name).update(Buffer.concat(parts)).digest();
  const emLength = Math.ceil((bits - 1) / 8);
  const h = digest(hash, Buffer.alloc(8), digest(of, message), hashedSalt);
  const db = Buffer.concat([Buffer.alloc(emLength - salt.length - h.length - 2), Buffer.from([separator]), salt]);
  if (fill) db[random.below(Math.max(1, db.length - salt.length - 1))] ^= fill;
  for (let at = 0, count = 0; at < db.length; count += 1) {
    for (const byte of digest(maskHash, h, bytesOf(BigInt(count), 4))) {
      if (at < db.length) db[at] ^= byte;
      at += 1;
    }
  }
  const unused = 8 * emLength - (bits - 1);
  db[0] &= 0xff >> unused;
  if (above && unused > 0) db[0] |= 0x100 >> unused;
  const encoded = Buffer.concat([Buffer.alloc(length - emLength), db, h, Buffer.from([trailer])]);
  // Where the encoding fills its bytes, the bit above is in the byte before, where there is one.
  if (above && unused === 0) encoded[0] |= 1;
  return encoded;
}
