// Cases that a backend could judge wrongly: right signatures, what is one step from them, and forms that other
// verifiers are known to differ about. What the verdict should be is not said here.
import { ed25519 } from "./ed25519.mjs";
import { ecdsa, P256, P384 } from "./ecdsa.mjs";
import { Random } from "./random.mjs";
import { pkcs1, pss, rareExponents, rsaKeys } from "./rsa.mjs";

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

/** @param {Random} random @param {import("./rsa.mjs").RsaKey[]} rsa @param {number} round @returns {Record<string, Signer[]>} */
function signersOf(random, rsa, round) {
  // The largest keys are slow to sign with, and every round of theirs is much like another.
  const keys = rsa.filter(({ bits }) => bits <= 4096 || round === 0);
  const small = rsa.filter(({ bits }) => bits < 3072);
  return {
    EdDSA: [ed25519(random), ed25519(random)],
    ES256: [ecdsa(random, P256), ecdsa(random, P256)],
    ES384: [ecdsa(random, P384), ecdsa(random, P384)],
    PS512: keys.map((key) => pss(random, key, "sha512", 64)),
    PS256: keys.map((key) => pss(random, key, "sha256", 32)),
    RS256: keys.map((key) => pkcs1(random, key)),
    // The same arithmetic with other hashes.
    PS384: small.map((key) => pss(random, key, "sha384", 48)),
    RS384: small.map((key) => pkcs1(random, key, "sha384")),
    RS512: small.map((key) => pkcs1(random, key, "sha512")),
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
