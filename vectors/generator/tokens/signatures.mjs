import { KEYS, ed25519, setOf } from '../keys.mjs'
import { TOKEN_KEYS, token } from './vector.mjs'

export const title = 'Signatures: zero, truncated, in another form, forged'

const vectors = []
const add = (definition) => vectors.push(token({ code: 'token.signature_invalid', ...definition }))

const SETS = {
  EdDSA: KEYS.ed25519, ES256: KEYS.p256, ES384: KEYS.p384, RS256: KEYS.rsaAny, RS384: KEYS.rsaAny, RS512: KEYS.rsaAny, PS256: KEYS.rsaAny, PS384: KEYS.rsaAny, PS512: KEYS.rsaAny,
}
const changes = [
  ['empty', 'has no bytes', () => Buffer.alloc(0)],
  ['zero', 'is all zeros', (made) => Buffer.alloc(made.length)],
  ['all-ones', 'is all ones', (made) => Buffer.alloc(made.length, 0xff)],
  ['cut-by-a-byte', 'lacks its last byte', (made) => made.subarray(0, -1)],
  ['cut-in-half', 'is its first half', (made) => made.subarray(0, made.length / 2)],
  ['longer-by-a-byte', 'has a byte too many', (made) => Buffer.concat([made, Buffer.alloc(1)])],
  ['twice', 'is there twice', (made) => Buffer.concat([made, made])],
  ['with-a-bit-flipped', 'has a bit flipped', (made) => Buffer.concat([made.subarray(0, -1), Buffer.from([made.at(-1) ^ 1])])],
  ['reversed', 'is written from its end', (made) => Buffer.from(made).reverse()],
]
for (const [alg, key] of Object.entries(SETS)) {
  for (const [name, what, change] of changes) {
    add({
      name: `${alg.toLowerCase()}-signature-${name}`,
      description: `The signature of ${alg} ${what}.`,
      source: 'RFC 7515 §5.2',
      sound: { key, header: { alg, kid: key.kid } },
      fault: { signature: (_, make) => change(make()) },
    })
  }
}

// ECDSA (RFC 7518 §3.4): r and s, as long as a coordinate each, in 1..n.
const P256_N = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
const ecdsa = [
  ['r-and-s-are-the-order', 'r and s are the order of the group, which is zero to who reduces them', () => Buffer.concat([P256_N, P256_N])],
  ['r-is-zero', 'r is zero', (made) => Buffer.concat([Buffer.alloc(32), made.subarray(32)])],
  ['s-is-zero', 's is zero', (made) => Buffer.concat([made.subarray(0, 32), Buffer.alloc(32)])],
  ['r-is-one-and-s-is-one', 'r and s are one', () => Buffer.concat([Buffer.alloc(31), Buffer.from([1]), Buffer.alloc(31), Buffer.from([1])])],
  ['r-and-s-are-swapped', 'r and s are swapped', (made) => Buffer.concat([made.subarray(32), made.subarray(0, 32)])],
]
for (const [name, what, change] of ecdsa) {
  add({
    name: `es256-${name}`,
    description: `In the signature ${what}.`,
    source: 'RFC 7518 §3.4, FIPS 186-5 §6.4.2',
    sound: { key: KEYS.p256, header: { alg: 'ES256', kid: 'p256' } },
    fault: { signature: (_, make) => change(make()) },
  })
}
for (const [alg, key, signer] of [['ES256', KEYS.p256, 'ecdsa-p256-sha256 in DER'], ['ES384', KEYS.p384, 'ecdsa-p384-sha384 in DER']]) {
  add({
    name: `${alg.toLowerCase()}-signature-in-der`,
    description: 'The signature is in DER, as X.509 has it.',
    source: 'RFC 7518 §3.4: r and s concatenated',
    sound: { key, header: { alg, kid: key.kid } },
    fault: { signer },
  })
}
add({
  name: 'es384-called-es256',
  description: 'The key and the signature are of P-384, and `alg` is ES256.',
  source: 'RFC 7518 §3.4: the curve goes with the algorithm',
  code: 'token.key_unknown',
  sound: { key: KEYS.p384, header: { alg: 'ES384', kid: 'p384' } },
  fault: { header: { alg: 'ES256' }, signer: 'ecdsa-p384-sha384' },
})

// RSA (RFC 8017): a number below the modulus, as long as it.
const plus = (made, n) => {
  const sum = (BigInt(`0x${made.toString('hex')}`) + BigInt(`0x${n.toString('hex')}`)).toString(16)
  return Buffer.from(sum.length % 2 ? `0${sum}` : sum, 'hex')
}
add({
  name: 'rs256-signature-plus-the-modulus',
  description: 'The modulus is added to the signature: the same to who reduces it, in a byte more.',
  source: 'RFC 8017 §5.2.2 step 1: a representative out of range',
  sound: { key: KEYS.rsaAny, header: { alg: 'RS256', kid: 'rsa-any' } },
  fault: { signature: (_, make) => plus(make(), Buffer.from(KEYS.rsaAny.public.n, 'base64url')) },
})
add({
  name: 'ps512-with-a-salt-of-32',
  description: 'The signature of PS512 has a salt of 32 bytes.',
  source: 'RFC 7518 §3.5: the salt is as long as the hash',
  sound: { key: KEYS.rsaAny, header: { alg: 'PS512', kid: 'rsa-any' } },
  fault: { signer: 'rsa-pss-sha512 with a salt of 32' },
})
add({
  name: 'ps256-with-the-longest-salt',
  description: 'The signature of PS256 has a salt as long as fits.',
  source: 'RFC 7518 §3.5',
  sound: { key: KEYS.rsaAny, header: { alg: 'PS256', kid: 'rsa-any' } },
  fault: { signer: 'rsa-pss-sha256' },
})

// Ed25519 (RFC 8032 §5.1.7): S below the order; R and key of large order.
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const little = (n) => Buffer.from(n.toString(16).padStart(64, '0'), 'hex').reverse()
const number = (bytes) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
add({
  name: 'eddsa-with-the-order-added',
  description: 'The order of the group is added to S: another signature over the same, which nobody with the key made.',
  source: 'RFC 8032 §5.1.7: S in 0..L',
  fault: { signature: (_, make) => { const made = make(); return Buffer.concat([made.subarray(0, 32), little(number(made.subarray(32)) + L)]) } },
})
const SMALL = Buffer.from('0100000000000000000000000000000000000000000000000000000000000000', 'hex')
add({
  name: 'eddsa-by-a-key-of-small-order',
  description: 'The key of the set is the neutral element: R neutral and S zero verify over anything.',
  source: 'RFC 8032 §5.1.7 does not demand it; cofactorless strict verification does',
  basis: 'policy',
  code: 'token.key_unknown',
  fault: {
    keys: setOf({ ...KEYS.ed25519.jwk, x: SMALL.toString('base64url') }),
    signature: () => Buffer.concat([SMALL, Buffer.alloc(32)]),
  },
})

// Whose signature, and over what.
const stranger = ed25519('stranger')
add({
  name: 'signed-by-a-stranger',
  description: 'Somebody else signed the token under the issuer\'s `kid`.',
  source: 'RFC 7515 §5.2',
  fault: { key: stranger },
})
add({
  name: 'signed-by-a-stranger-without-kid',
  description: 'Somebody else signed the token, and it names no key.',
  source: 'RFC 7515 §5.2',
  sound: { header: { kid: undefined } },
  fault: { key: stranger },
})
add({
  name: 'signed-by-the-second-of-a-name',
  description: 'Two keys of the set have the same `kid`. The token that is signed by neither is refused, and the one by the second is not.',
  source: 'RFC 7517 §4.5: kids should be distinct, and are not always',
  sound: { keys: setOf({ ...KEYS.other.jwk, kid: 'ed25519' }, KEYS.ed25519) },
  fault: { key: stranger },
})
add({
  name: 'key-not-in-the-set',
  description: 'The set has no key of this name.',
  source: 'RFC 7515 §6',
  code: 'token.key_unknown',
  fault: { keys: setOf(KEYS.other, KEYS.p256) },
})
add({
  name: 'set-without-keys',
  description: 'The set is empty.',
  source: 'RFC 7517 §5',
  code: 'token.key_unknown',
  fault: { keys: { keys: [] } },
})
add({
  name: 'payload-of-another-token',
  description: 'Header and signature are of one token, the claims of another.',
  source: 'RFC 7515 §5.2',
  fault: { parts: (header, payload, signature) => [header, Buffer.from(Buffer.from(payload, 'base64url').toString().replace('order:read', 'order:writ')).toString('base64url'), signature] },
})
add({
  name: 'header-of-another-token',
  description: 'The header has one member more than what was signed.',
  source: 'RFC 7515 §5.2: the header is signed as it is written',
  fault: { parts: (header, payload, signature) => [Buffer.from(Buffer.from(header, 'base64url').toString().replace('{', '{"x":1,')).toString('base64url'), payload, signature] },
})

export { TOKEN_KEYS as keys, vectors }
