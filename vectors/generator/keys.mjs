// The keys of the vectors. Ed25519 keys and the shared secret come from a text, so that nothing has to be kept; ECDSA
// and RSA keys were made once for this set and are in test-keys.json. Everybody can read them: they protect nothing.

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const FILE = new URL('test-keys.json', import.meta.url)

export const sha256 = (data) => createHash('sha256').update(data).digest()

const made = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : { warning: 'Test keys. Everybody can sign with them.', keys: {} }

/** The private key of this name, made when it is asked for the first time. */
function fixed(name, type, options) {
  if (made.keys[name] === undefined) {
    made.keys[name] = generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' })
    writeFileSync(FILE, `${JSON.stringify(made, null, 2)}\n`)
  }
  return createPrivateKey({ key: made.keys[name], format: 'jwk' })
}

const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const ed25519Of = (seed) => createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, seed]), format: 'der', type: 'pkcs8' })

/** RFC 7638, RFC 8037 §2: the members that make the key, in order, without white space. */
export function thumbprint(jwk) {
  const members = { OKP: ['crv', 'kty', 'x'], EC: ['crv', 'kty', 'x', 'y'], RSA: ['e', 'kty', 'n'] }[jwk.kty]
  return sha256(JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]])))).toString('base64url')
}

/** A key: how it signs (`algorithm`), what its holder has, and the JWK that verifiers get. */
function pair(kid, algorithm, privateKey, members = {}, seed) {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  return { kid, algorithm, privateKey, seed, thumbprint: thumbprint(jwk), public: jwk, jwk: { ...jwk, kid, ...members } }
}

export function ed25519(kid, members = {}) {
  const seed = sha256(`countersign vectors: ${kid}`)
  return pair(kid, 'ed25519', ed25519Of(seed), members, seed)
}

function hmac(kid) {
  const secret = sha256(`countersign vectors: ${kid}`)
  return { kid, algorithm: 'hmac-sha256', secret, jwk: { kty: 'oct', k: secret.toString('base64url'), kid, alg: 'HS256' } }
}

const rsa = (modulusLength) => ['rsa', { modulusLength }]

export const KEYS = {
  ed25519: ed25519('ed25519'),
  other: ed25519('other'),
  proxy: ed25519('proxy'),
  p256: pair('p256', 'ecdsa-p256-sha256', fixed('p256', 'ec', { namedCurve: 'P-256' }), { alg: 'ES256' }),
  p384: pair('p384', 'ecdsa-p384-sha384', fixed('p384', 'ec', { namedCurve: 'P-384' }), { alg: 'ES384' }),
  rsaPss: pair('rsa-pss', 'rsa-pss-sha512', fixed('rsa-pss', ...rsa(2048)), { alg: 'PS512' }),
  rsaV15: pair('rsa-v1_5', 'rsa-v1_5-sha256', fixed('rsa-v1_5', ...rsa(2048)), { alg: 'RS256' }),
  rsaAny: pair('rsa-any', 'rsa-pss-sha512', fixed('rsa-any', ...rsa(2048))),
  rsaShort: pair('rsa-1024', 'rsa-v1_5-sha256', fixed('rsa-1024', ...rsa(1024)), { alg: 'RS256' }),
  hmac: hmac('shared'),
  agent: ed25519('agent'),
  rival: ed25519('rival'),
  // `test-key-ed25519`, printed in RFC 9421 §B.1.4.
  printed: pair('test-key-ed25519', 'ed25519',
    ed25519Of(Buffer.from('n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU', 'base64url'))),
}

export const setOf = (...jwks) => ({ keys: jwks.map((key) => key.jwk ?? key) })
