// Cases that a backend could judge wrongly: right signatures, what is one step from them, and forms that other
// verifiers are known to differ about. What the verdict should be is not said here.
import { createHash, createPrivateKey, createPublicKey, generateKeyPair, privateEncrypt, sign } from "node:crypto";
import { constants, createECDH, getDiffieHellman } from "node:crypto";
import { promisify } from "node:util";
import * as edwards from "./edwards.mjs";
import { bytesOf, inverse, littleBytesOf, littleNumberOf, mod, numberOf } from "./numbers.mjs";
import { Random } from "./random.mjs";

/**
 * @typedef {object} Case
 * @property {string} kind what was done to it
 * @property {string} alg
 * @property {Record<string, string>} key a public JWK
 * @property {Buffer} message
 * @property {Buffer} signature
 */
/** @typedef {Pick<Case, "kind" | "key" | "message" | "signature">} Made */
/** @typedef {{key: Record<string, string>, sign(message: Buffer): Buffer, crafted(message: Buffer): Generator<Made>}} Signer */

/**
 * @param {string} seed
 * @param {number} rounds
 * @returns {Promise<Case[]>}
 */
export async function makeCases(seed, rounds) {
  const random = new Random(seed);
  const rsa = await rsaKeys();
  const cases = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const [alg, signers] of Object.entries(signersOf(random, rsa, round))) {
      for (const [index, signer] of signers.entries()) {
        const other = signers[(index + 1) % signers.length];
        for (const made of casesOf(random, signer, other)) cases.push({ alg, ...made });
      }
    }
  }
  return [...cases, ...(await rareExponents(random))];
}

/** @param {Random} random @param {RsaKey[]} rsa @param {number} round @returns {Record<string, Signer[]>} */
function signersOf(random, rsa, round) {
  // The largest keys are slow to sign with, and every round of theirs is much like another.
  const keys = rsa.filter(({ bits }) => bits <= 4096 || round === 0);
  return {
    EdDSA: [ed25519(random), ed25519(random)],
    ES256: [ecdsa(random, P256), ecdsa(random, P256)],
    ES384: [ecdsa(random, P384), ecdsa(random, P384)],
    PS512: keys.map((key) => pss(random, key, "sha512", 64)),
    PS256: keys.map((key) => pss(random, key, "sha256", 32)),
    RS256: keys.map((key) => pkcs1(random, key)),
  };
}

/** @param {Random} random @param {Signer} signer @param {Signer} other @returns {Generator<Made>} */
function* casesOf(random, signer, other) {
  const { key } = signer;
  const message = random.bytes(random.below(300));
  const signature = signer.sign(message);
  const { length } = signature;
  yield { kind: "right", key, message, signature };
  yield { kind: "right, of an empty message", key, message: Buffer.alloc(0), signature: signer.sign(Buffer.alloc(0)) };
  for (let i = 0; i < 4; i += 1) {
    yield { kind: "a bit of the signature", key, message, signature: random.flipped(signature) };
    const [wrong, padded] = [Buffer.concat([message, random.bytes(1)]), Buffer.concat([message, Buffer.alloc(1)])];
    yield { kind: "a bit of the message", key, message: random.flipped(wrong), signature };
    yield { kind: "a longer message", key, message: padded, signature };
    yield { kind: "a bit of the key", key: flippedKey(random, key), message, signature };
    yield { kind: "random signature", key, message, signature: random.bytes(length) };
    const below = Buffer.concat([Buffer.from([random.below(0x80)]), random.bytes(length - 1)]);
    yield { kind: "random signature, not too large", key, message, signature: below };
    yield { kind: "random everything", key: randomKey(random, key), message, signature: random.bytes(length) };
  }
  yield { kind: "another's key", key: other.key, message, signature };
  for (const cut of [1, 2, length >> 1, length - 1, length]) {
    yield { kind: "cut at the end", key, message, signature: signature.subarray(0, length - cut) };
    yield { kind: "cut at the front", key, message, signature: signature.subarray(cut) };
  }
  for (const more of [Buffer.alloc(1), random.bytes(1), random.bytes(length)]) {
    yield { kind: "with more behind", key, message, signature: Buffer.concat([signature, more]) };
    yield { kind: "with more before", key, message, signature: Buffer.concat([more, signature]) };
  }
  const halves = [signature.subarray(length >> 1), signature.subarray(0, length >> 1)];
  yield { kind: "halves swapped", key, message, signature: Buffer.concat(halves) };
  yield { kind: "bytes reversed", key, message, signature: Buffer.from(signature).reverse() };
  for (const byte of [0, 1, 0xff]) yield { kind: `all ${byte}`, key, message, signature: Buffer.alloc(length, byte) };
  yield* signer.crafted(message);
}

/** @param {Random} random @param {Record<string, string>} key */
function flippedKey(random, key) {
  const member = random.pick(["x", "y", "n", "e"].filter((name) => name in key));
  return { ...key, [member]: random.flipped(Buffer.from(key[member], "base64url")).toString("base64url") };
}

/** @param {Random} random @param {Record<string, string>} key */
function randomKey(random, key) {
  const numbers = ["x", "y", "n"].filter((name) => name in key);
  const values = numbers.map((name) => {
    const value = random.bytes(Buffer.from(key[name], "base64url").length);
    // What is no modulus at all is refused early; this one may be asked about.
    if (name === "n") [value[0], value[value.length - 1]] = [value[0] | 0x80, value[value.length - 1] | 1];
    return [name, value.toString("base64url")];
  });
  return { ...key, ...Object.fromEntries(values) };
}

// --- Ed25519 ---

/** @param {Random} random @returns {Signer} */
function ed25519(random) {
  const seed = random.bytes(32);
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_OF_ED25519, seed]), format: "der", type: "pkcs8" });
  const key = publicJwk(privateKey);
  const scalar = littleNumberOf(random.bytes(31));
  const point = edwards.multiply(scalar, edwards.B);
  const jwk = (/** @type {Buffer} */ bytes) => ({ kty: "OKP", crv: "Ed25519", x: bytes.toString("base64url") });
  return {
    key,
    sign: (message) => sign(null, message, privateKey),
    *crafted(message) {
      const signature = sign(null, message, privateKey);
      const [r, s] = [signature.subarray(0, 32), littleNumberOf(signature.subarray(32))];
      const public32 = Buffer.from(key.x, "base64url");
      for (const times of [1n, 2n, 8n]) {
        const larger = s + times * edwards.L;
        if (larger >= 2n ** 256n) continue;
        yield { kind: "s + L", key, message, signature: Buffer.concat([r, littleBytesOf(larger, 32)]) };
      }
      const negative = littleBytesOf(mod(-s, edwards.L), 32);
      yield { kind: "L - s", key, message, signature: Buffer.concat([r, negative]) };
      yield { kind: "sign of x", key: jwk(signFlipped(public32)), message, signature };
      yield { kind: "sign of R's x", key, message, signature: Buffer.concat([signFlipped(r), signature.subarray(32)]) };
      for (const small of SMALL_ORDER) {
        yield { kind: "R of small order", key, message, signature: Buffer.concat([small, signature.subarray(32)]) };
        yield { kind: "key of small order", key: jwk(small), message, signature };
        // [0]B − [k]A is of small order too, and so equals such an R for one in a few messages.
        const zero = Buffer.concat([random.pick(SMALL_ORDER), Buffer.alloc(32)]);
        yield { kind: "key and R of small order, s is 0", key: jwk(small), message, signature: zero };
      }
      const neutral = littleBytesOf(1n, 32);
      const zero = Buffer.concat([neutral, Buffer.alloc(32)]);
      yield { kind: "key and R neutral, s is 0", key: jwk(neutral), message, signature: zero };
      for (const y of NOT_CANONICAL) {
        yield { kind: "key not canonical", key: jwk(y), message, signature };
        yield { kind: "R not canonical", key, message, signature: Buffer.concat([y, signature.subarray(32)]) };
      }
      // Keys and Rs with a part of small order: with the cofactor in the equation all would be valid, without it
      // those where the parts happen to cancel.
      for (let i = 0; i < 24; i += 1) {
        const [a, b] = [BigInt(random.below(8)), BigInt(random.below(8))];
        const mixedKey = edwards.encode(edwards.add(point, edwards.multiply(a, edwards.T8)));
        const nonce = littleNumberOf(random.bytes(31));
        const mixedR = edwards.encode(edwards.add(edwards.multiply(nonce, edwards.B), edwards.multiply(b, edwards.T8)));
        const hash = createHash("sha512").update(mixedR).update(mixedKey).update(message).digest();
        const k = mod(littleNumberOf(hash), edwards.L);
        const s = mod(nonce + k * scalar, edwards.L);
        const crafted = Buffer.concat([mixedR, littleBytesOf(s, 32)]);
        yield { kind: "parts of small order", key: jwk(mixedKey), message, signature: crafted };
      }
    },
  };
}

const PKCS8_OF_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");
/** The eight points, and the second spelling of those that have one by the sign of x. */
const SMALL_ORDER = [
  ...Array.from({ length: 8 }, (_, times) => edwards.encode(edwards.multiply(BigInt(times), edwards.T8))),
  signFlipped(littleBytesOf(1n, 32)),
  signFlipped(littleBytesOf(2n ** 255n - 20n, 32)),
];
/** y and y + p, which fits into 255 bits for y below 19 only. */
const NOT_CANONICAL = Array.from({ length: 19 }, (_, y) => littleBytesOf(2n ** 255n - 19n + BigInt(y), 32)).flatMap(
  (y) => [y, signFlipped(y)],
);

/** @param {Uint8Array} bytes */
function signFlipped(bytes) {
  const copy = Buffer.from(bytes);
  copy[31] ^= 0x80;
  return copy;
}

// --- ECDSA ---

/** @typedef {{name: string, openssl: string, hash: string, length: number, order: bigint}} Curve */

/** @type {Curve} */
const P256 = {
  name: "P-256",
  openssl: "prime256v1",
  hash: "sha256",
  length: 32,
  order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
};
/** @type {Curve} */
const P384 = {
  name: "P-384",
  openssl: "secp384r1",
  hash: "sha384",
  length: 48,
  order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
};

/** @param {Random} random @param {Curve} curve @returns {Signer} */
function ecdsa(random, { name, openssl, hash, length, order }) {
  const secret = mod(numberOf(random.bytes(length)), order - 1n) + 1n;
  const d = bytesOf(secret, length);
  const pair = createECDH(openssl);
  pair.setPrivateKey(d);
  const point = pair.getPublicKey().subarray(1);
  const [x, y] = [point.subarray(0, length), point.subarray(length)].map((bytes) => bytes.toString("base64url"));
  const key = { kty: "EC", crv: name, x, y };
  const privateKey = createPrivateKey({ key: { ...key, d: d.toString("base64url") }, format: "jwk" });
  const signed = (/** @type {Buffer} */ message, by = hash) => sign(by, message, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const pairOf = (/** @type {bigint} */ r, /** @type {bigint} */ s) => Buffer.concat([bytesOf(r, length), bytesOf(s, length)]);
  return {
    key,
    sign: (message) => signed(message),
    *crafted(message) {
      const signature = signed(message);
      const [r, s] = [numberOf(signature.subarray(0, length)), numberOf(signature.subarray(length))];
      yield { kind: "n - s", key, message, signature: pairOf(r, order - s) };
      yield { kind: "n - r", key, message, signature: pairOf(order - r, s) };
      for (const edge of [0n, 1n, order - 1n, order, order + 1n, 2n ** BigInt(8 * length) - 1n]) {
        yield { kind: "r at the edge", key, message, signature: pairOf(edge, s) };
        yield { kind: "s at the edge", key, message, signature: pairOf(r, edge) };
        yield { kind: "r and s at the edge", key, message, signature: pairOf(edge, edge) };
      }
      for (const other of ["sha1", "sha256", "sha384", "sha512"].filter((other) => other !== hash)) {
        yield { kind: "another hash", key, message, signature: signed(message, other) };
      }
      yield { kind: "DER", key, message, signature: sign(hash, message, privateKey) };
      // [e/s]G + [r/s]Q is the point at infinity, which has no x.
      const e = numberOf(createHash(hash).update(message).digest());
      const infinite = mod(-e * inverse(secret, order), order);
      yield { kind: "infinity", key, message, signature: pairOf(infinite, s) };
      // The two points of the sum are the same, or opposite: [e/s]G = ±[r/s]Q.
      yield { kind: "doubling", key, message, signature: pairOf(mod(e * inverse(secret, order), order), s) };
      for (const part of [0, length]) {
        let short = signature;
        for (let tries = 0; tries < 2000 && short[part] !== 0; tries += 1) short = signed(message);
        yield { kind: "right, begins with a zero", key, message, signature: short };
        const cut = Buffer.concat([short.subarray(0, part), short.subarray(part + 1)]);
        yield { kind: "without the zero", key, message, signature: cut };
      }
      const minusY = { ...key, y: random.flipped(Buffer.from(y, "base64url")).toString("base64url") };
      yield { kind: "not on the curve", key: minusY, message, signature };
      yield { kind: "no point", key: { ...key, x: bytesOf(0n, length).toString("base64url") }, message, signature };
    },
  };
}

// --- RSA ---

/** @typedef {{bits: number, key: Record<string, string>, n: bigint, length: number, raw(encoded: Buffer): Buffer}} RsaKey */

/** Sizes with and without a byte that is not full, every exponent that is taken, and the largest size. */
async function rsaKeys() {
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

/** Right signatures under keys that some hosts import and others do not. @param {Random} random @returns {Promise<Case[]>} */
async function rareExponents(random) {
  const keys = [35, 257, 65539].map((publicExponent) => promisify(generateKeyPair)("rsa", { modulusLength: 2048, publicExponent }));
  return (await Promise.all(keys)).flatMap(({ privateKey }) => {
    const rsa = rsaKey(privateKey);
    const signers = { PS512: pss(random, rsa, "sha512", 64), PS256: pss(random, rsa, "sha256", 32), RS256: pkcs1(random, rsa) };
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

/** @param {Random} random @param {RsaKey} rsa @returns {Signer} */
function pkcs1(random, rsa) {
  const { key, length, raw } = rsa;
  const digestInfo = (/** @type {Buffer} */ message) => Buffer.concat([OF_SHA256, createHash("sha256").update(message).digest()]);
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
      const hash = info.subarray(OF_SHA256.length);
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
        "no NULL": encoded(Buffer.concat([Buffer.from("302f300b0609608648016503040201", "hex"), Buffer.from([4, 32]), hash])),
        "BER length": encoded(Buffer.concat([Buffer.from("308131300d060960864801650304020105000420", "hex"), hash])),
        "BER length of the hash": encoded(Buffer.concat([Buffer.from("3032300d06096086480165030402010500048120", "hex"), hash])),
        "another OID": encoded(Buffer.concat([Buffer.from("3031300d060960864801650304020305000420", "hex"), hash])),
        "a cut hash": encoded(info.subarray(0, -1)),
        "SHA-1": encoded(Buffer.concat([Buffer.from("3021300906052b0e03021a05000414", "hex"), createHash("sha1").update(message).digest()])),
        "SHA-512": encoded(Buffer.concat([Buffer.from("3051300d060960864801650304020305000440", "hex"), createHash("sha512").update(message).digest()])),
        PSS: encodedPss(random, rsa, message, { hash: "sha256", salt: random.bytes(32) }),
        random: Buffer.concat([Buffer.alloc(1), random.bytes(length - 1)]),
      };
      for (let at = 0; at < OF_SHA256.length; at += 1) encodings[`byte ${at} of the algorithm`] = encoded(patched(at));
      for (const [kind, encoding] of Object.entries(encodings)) {
        if (numberOf(encoding) < rsa.n) yield { kind: `PKCS #1: ${kind}`, key, message, signature: raw(encoding) };
      }
    },
  };
}

const OF_SHA256 = Buffer.from("3031300d060960864801650304020105000420", "hex");

/** @param {Random} random @param {RsaKey} rsa @param {"sha256" | "sha512"} hash @param {number} saltLength @returns {Signer} */
function pss(random, rsa, hash, saltLength) {
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
      for (const salt of [0, 1, 20, 31, 32, 33, 48, 63, 64, 65, longest]) {
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
      const pkcs = Buffer.concat([OF_SHA256, createHash("sha256").update(message).digest()]);
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

/** @param {import("node:crypto").KeyObject} privateKey */
function publicJwk(privateKey) {
  return /** @type {Record<string, string>} */ (createPublicKey(privateKey).export({ format: "jwk" }));
}
