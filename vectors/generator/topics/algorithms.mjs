import { vector } from '../vector.mjs'
import { AUTHORITY, METHOD, params } from '../message.mjs'
import { KEYS, setOf } from '../keys.mjs'
import { createHash, createHmac } from 'node:crypto'

const LINES = [METHOD, AUTHORITY]
const by = (key, more = {}) => ({ keys: setOf(key), sig: { lines: LINES, key, ...more } })
const withAlg = (alg, key = KEYS.ed25519) => ({ sig: { params: params(key, { alg }) } })
const jwk = (key, members) => {
  const { alg, ...rest } = key.jwk
  return { ...rest, ...members }
}

// Ed25519 in numbers, for signatures that no library makes.
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const toNumber = (bytes) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex') || '0'}`)
const toBytes = (number) => Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()
const IDENTITY = Buffer.from(`01${'00'.repeat(31)}`, 'hex')
const NONCANONICAL_IDENTITY = Buffer.from(`ee${'ff'.repeat(30)}7f`, 'hex') // y = p + 1

/** S + L in place of S: the same to who reduces it. */
const malleated = (bytes) => Buffer.concat([bytes.subarray(0, 32), toBytes(toNumber(bytes.subarray(32)) + L)])

/** A signature whose R is the identity: S = k·a. Without strictness it verifies. */
function smallOrderR(key, base) {
  const half = createHash('sha512').update(key.seed).digest().subarray(0, 32)
  const scalar = Buffer.from(half)
  scalar[0] &= 248
  scalar[31] = (scalar[31] & 127) | 64
  const A = Buffer.from(key.public.x, 'base64url')
  const k = toNumber(createHash('sha512').update(Buffer.concat([IDENTITY, A, Buffer.from(base)])).digest()) % L
  return Buffer.concat([IDENTITY, toBytes((k * toNumber(scalar)) % L)])
}

/** A "key" for which R = identity and S = 0 verifies whatever is signed, unless the key is refused. */
const smallOrderKey = (bytes) => ({ kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url'), kid: 'ed25519' })
const FORGED = Buffer.concat([IDENTITY, Buffer.alloc(32)])

const ED_BASE = `"@method": GET\n"@authority": shop.example\n"@signature-params": ("@method" "@authority")${params(KEYS.ed25519)}`
const forgedR = smallOrderR(KEYS.ed25519, ED_BASE)
const publicBytes = Buffer.from(KEYS.ed25519.public.x, 'base64url')

export const title = 'Algorithms and keys: the key decides, everything else must agree'
export const vectors = [
  ...[
    ['ed25519', KEYS.ed25519], ['p256', KEYS.p256], ['p384', KEYS.p384], ['rsa-pss', KEYS.rsaPss], ['rsa-v1_5', KEYS.rsaV15], ['hmac', KEYS.hmac],
  ].map(([name, key]) => vector({
    name: `${name}-over-other-bytes`,
    description: `A signature by ${key.algorithm} over another method than the message has.`,
    source: 'RFC 9421 §3.3',
    code: 'signature.invalid',
    sound: by(key),
    fault: { sig: { lines: [['"@method"', 'PUT'], AUTHORITY], input: `("@method" "@authority")${params(key)}` } },
  })),
  ...[
    ['ed25519', KEYS.ed25519, 'ecdsa-p256-sha256'], ['p256', KEYS.p256, 'ecdsa-p384-sha384'], ['p384', KEYS.p384, 'ecdsa-p256-sha256'],
    ['rsa-pss', KEYS.rsaPss, 'rsa-v1_5-sha256'], ['rsa-v1_5', KEYS.rsaV15, 'rsa-pss-sha512'], ['hmac', KEYS.hmac, 'ed25519'],
  ].map(([name, key, alg]) => vector({
    name: `${name}-called-${alg}`,
    description: `The signature is good by the key's algorithm, ${key.algorithm}, and calls itself ${alg}.`,
    source: 'RFC 9421 §3.2 step 6.4: if the algorithms are not the same, the verifier MUST fail the verification',
    code: 'signature.algorithm_mismatch',
    sound: by(key, { params: params(key, { alg: key.algorithm }) }),
    fault: withAlg(alg, key),
  })),
  vector({
    name: 'alg-unknown',
    description: '`alg` is no algorithm of the registry.',
    source: 'RFC 9421 §3.3: values from the HTTP Signature Algorithms registry',
    code: 'signature.algorithm_not_allowed',
    sound: by(KEYS.ed25519, { params: params(KEYS.ed25519, { alg: 'ed25519' }) }),
    fault: withAlg('ed448'),
  }),
  vector({
    name: 'alg-in-another-case',
    description: 'Names of algorithms are compared exactly.',
    source: 'RFC 9421 §6.2.1: consisting only of lower-case characters',
    code: 'signature.algorithm_not_allowed',
    sound: by(KEYS.ed25519, { params: params(KEYS.ed25519, { alg: 'ed25519' }) }),
    fault: withAlg('Ed25519'),
  }),
  vector({
    name: 'alg-by-its-jose-name',
    description: '`alg` has a name of JOSE, which is none of the registry.',
    source: 'RFC 9421 §3.3.7: the explicit alg signature parameter is not used at all when using JOSE signing algorithms',
    code: 'signature.algorithm_not_allowed',
    sound: by(KEYS.ed25519, { params: params(KEYS.ed25519, { alg: 'ed25519' }) }),
    fault: withAlg('EdDSA'),
  }),
  vector({
    name: 'alg-none',
    description: '`alg` is none, and the signature is one byte.',
    source: 'RFC 9421 §3.3.7: MUST NOT be none',
    code: 'signature.algorithm_not_allowed',
    sound: by(KEYS.ed25519, { params: params(KEYS.ed25519, { alg: 'ed25519' }) }),
    fault: { sig: { params: params(KEYS.ed25519, { alg: 'none' }), signature: Buffer.from([0]) } },
  }),
  vector({
    name: 'rsa-key-and-signature-silent-about-the-algorithm',
    description: 'Neither the key nor the signature says which of the two RSA algorithms it is: nothing is tried out.',
    source: 'RFC 9421 §3.2 step 6',
    code: 'signature.algorithm_ambiguous',
    sound: by(KEYS.rsaAny, { params: params(KEYS.rsaAny, { alg: 'rsa-pss-sha512' }) }),
    fault: { sig: { params: params(KEYS.rsaAny) } },
  }),
  vector({
    name: 'algorithm-not-allowed',
    description: 'The verifier allows ed25519 only; the signature is a good one of another algorithm.',
    source: 'RFC 9421 §3.2.1: prohibiting the use of certain algorithms',
    require: { algorithms: ['ed25519'] },
    code: 'signature.algorithm_not_allowed',
    sound: { keys: setOf(KEYS.ed25519, KEYS.p256), sig: { lines: LINES } },
    fault: { sig: { key: KEYS.p256 } },
  }),
  vector({
    name: 'hmac-keyed-with-a-public-key',
    description: 'An HMAC keyed with the bytes of a public key, which everybody knows, under `alg` hmac-sha256.',
    source: 'RFC 9421 §7.3.6, §3.2 step 6.4',
    code: 'signature.algorithm_not_allowed',
    sound: by(KEYS.ed25519, { params: params(KEYS.ed25519, { alg: 'ed25519' }) }),
    fault: {
      sig: {
        params: params(KEYS.ed25519, { alg: 'hmac-sha256' }),
        signature: createHmac('sha256', publicBytes).update(ED_BASE.replace(/$/, ';alg="hmac-sha256"')).digest(),
      },
    },
  }),
  vector({
    name: 'hmac-truncated',
    description: 'The first sixteen bytes of the right tag.',
    source: 'RFC 9421 §3.3.3: compared bytewise',
    code: 'signature.invalid',
    sound: by(KEYS.hmac),
    fault: { sig: { change: (bytes) => bytes.subarray(0, 16) } },
  }),
  vector({
    name: 'ecdsa-p256-in-der',
    description: 'The signature is the DER structure, not r and s of 32 octets each.',
    source: 'RFC 9421 §3.3.4',
    code: 'signature.invalid',
    sound: by(KEYS.p256),
    fault: { sig: { algorithm: 'ecdsa-p256-sha256 in DER' } },
  }),
  vector({
    name: 'ecdsa-p384-in-der',
    description: 'The signature is the DER structure, not r and s of 48 octets each.',
    source: 'RFC 9421 §3.3.5',
    code: 'signature.invalid',
    sound: by(KEYS.p384),
    fault: { sig: { algorithm: 'ecdsa-p384-sha384 in DER' } },
  }),
  vector({
    name: 'ecdsa-p256-of-zeros',
    description: 'r and s are zero, which verifies everything for who leaves the range out.',
    source: 'RFC 9421 §3.3.4, FIPS 186-5 §6.4.2 step 1',
    code: 'signature.invalid',
    sound: by(KEYS.p256),
    fault: { sig: { signature: Buffer.alloc(64) } },
  }),
  vector({
    name: 'ecdsa-p384-of-zeros',
    description: 'r and s are zero.',
    source: 'RFC 9421 §3.3.5, FIPS 186-5 §6.4.2 step 1',
    code: 'signature.invalid',
    sound: by(KEYS.p384),
    fault: { sig: { signature: Buffer.alloc(96) } },
  }),
  vector({
    name: 'ecdsa-p256-halves-swapped',
    description: 's before r.',
    source: 'RFC 9421 §3.3.4',
    code: 'signature.invalid',
    sound: by(KEYS.p256),
    fault: { sig: { change: (bytes) => Buffer.concat([bytes.subarray(32), bytes.subarray(0, 32)]) } },
  }),
  vector({
    name: 'rsa-pss-with-a-salt-of-32',
    description: 'The salt has 32 bytes in place of 64.',
    source: 'RFC 9421 §3.3.1: the salt length (sLen) is 64 bytes',
    code: 'signature.invalid',
    sound: by(KEYS.rsaPss),
    fault: { sig: { algorithm: 'rsa-pss-sha512 with a salt of 32' } },
  }),
  vector({
    name: 'rsa-pss-with-sha-256',
    description: 'The hash is SHA-256 in place of SHA-512.',
    source: 'RFC 9421 §3.3.1',
    code: 'signature.invalid',
    sound: by(KEYS.rsaPss),
    fault: { sig: { algorithm: 'rsa-pss-sha256' } },
  }),
  vector({
    name: 'rsa-pkcs1-under-a-pss-key',
    description: 'A good PKCS #1 v1.5 signature by a key whose JWK says PS512.',
    source: 'RFC 9421 §3.2 step 6.2',
    code: 'signature.invalid',
    sound: by(KEYS.rsaPss),
    fault: { sig: { algorithm: 'rsa-v1_5-sha256' } },
  }),
  vector({
    name: 'rsa-key-of-1024-bits',
    description: 'A key that is too short to be trusted is no key.',
    source: 'RFC 9421 §3.2.1: requiring keys to be of a certain size; RFC 7518 §3.3, §3.5: 2048 bits or larger MUST be used',
    code: 'signature.key_unknown',
    sound: by(KEYS.rsaV15),
    fault: by(KEYS.rsaShort),
  }),
  vector({
    name: 'ed25519-s-not-reduced',
    description: 'S is larger by the order of the group: a second signature that anybody can make from the first.',
    source: 'RFC 8032 §5.1.7 step 1: S in the range 0 <= s < L',
    code: 'signature.invalid',
    sound: by(KEYS.ed25519),
    fault: { sig: { change: malleated } },
  }),
  vector({
    name: 'ed25519-r-of-small-order',
    description: 'R is the identity. RFC 8032 lets it pass; no honest signer makes it, and libraries disagree.',
    source: 'RFC 8032 §5.1.7, strictly; the verdict must be one on every backend',
    basis: 'policy',
    code: 'signature.invalid',
    sound: by(KEYS.ed25519),
    fault: { sig: { signature: forgedR } },
  }),
  vector({
    name: 'ed25519-key-of-small-order',
    description: 'The key is the identity: one signature verifies every message under it.',
    source: 'RFC 9421 §7.3.1; RFC 8032 §5.1.7, strictly',
    basis: 'policy',
    code: 'signature.key_unknown',
    sound: by(KEYS.ed25519),
    fault: { keys: setOf(smallOrderKey(IDENTITY)), sig: { signature: FORGED } },
  }),
  vector({
    name: 'ed25519-key-not-canonical',
    description: 'The key is the identity in its other encoding, y = p + 1.',
    source: 'RFC 8032 §5.1.3 step 1: if the resulting value is >= p, decoding fails',
    code: 'signature.key_unknown',
    sound: by(KEYS.ed25519),
    fault: { keys: setOf(smallOrderKey(NONCANONICAL_IDENTITY)), sig: { signature: FORGED } },
  }),
  vector({
    name: 'key-for-encryption',
    description: 'The key may be used for encryption only.',
    source: 'RFC 7517 §4.2',
    code: 'signature.key_unknown',
    sound: by(KEYS.ed25519),
    fault: { keys: setOf(jwk(KEYS.ed25519, { use: 'enc' })) },
  }),
  vector({
    name: 'key-that-may-not-verify',
    description: 'The operations of the key do not include verify.',
    source: 'RFC 7517 §4.3',
    code: 'signature.key_unknown',
    sound: { ...by(KEYS.ed25519), keys: setOf(jwk(KEYS.ed25519, { key_ops: ['verify'] })) },
    fault: { keys: setOf(jwk(KEYS.ed25519, { key_ops: ['sign'] })) },
  }),
  vector({
    name: 'key-with-the-algorithm-of-another',
    description: 'The key is an Ed25519 key and says that it is for ES256.',
    source: 'RFC 9421 §3.2 steps 6.2 and 8, RFC 7517 §4.4',
    code: 'signature.key_unknown',
    sound: by(KEYS.ed25519),
    fault: { keys: setOf(jwk(KEYS.ed25519, { alg: 'ES256' })) },
  }),
  vector({
    name: 'no-key-of-several-with-one-kid',
    description: 'Two keys have the `kid`. In the twin the second one made the signature; here neither did.',
    source: 'RFC 7517 §4.5: kid values within a JWK Set SHOULD be distinct; RFC 9421 §3.2 step 5',
    code: 'signature.invalid',
    sound: { ...by(KEYS.ed25519), keys: setOf(jwk(KEYS.other, { kid: 'ed25519' }), KEYS.ed25519) },
    fault: { keys: setOf(jwk(KEYS.other, { kid: 'ed25519' }), jwk(KEYS.proxy, { kid: 'ed25519' })) },
  }),
  vector({
    name: 'set-with-the-kid-only-on-an-unusable-key',
    description: 'One key of the set cannot be used. In the twin that is another one, and does not spoil the set.',
    source: 'RFC 7517 §5: implementations SHOULD ignore JWKs that they do not understand',
    code: 'signature.key_unknown',
    sound: { ...by(KEYS.ed25519), keys: setOf({ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA', kid: 'new' }, KEYS.ed25519) },
    fault: { keys: setOf({ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA', kid: 'ed25519' }, KEYS.other) },
  }),
]
