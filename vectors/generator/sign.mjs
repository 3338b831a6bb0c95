// The six algorithms of RFC 9421 §3.3, by node:crypto. ECDSA and PSS signatures differ at each signing, so that those
// that were made are kept (signatures.json), and a second run writes the same files.

import { constants, createHmac, sign as nodeSign, verify as nodeVerify, createPublicKey } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

import { sha256 } from './keys.mjs'

const FILE = new URL('signatures.json', import.meta.url)
const kept = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {}
const used = {}

const pss = (saltLength) => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
const SIGNERS = {
  'ed25519': [null, {}],
  'ecdsa-p256-sha256': ['sha256', { dsaEncoding: 'ieee-p1363' }],
  'ecdsa-p384-sha384': ['sha384', { dsaEncoding: 'ieee-p1363' }],
  'rsa-v1_5-sha256': ['sha256', { padding: constants.RSA_PKCS1_PADDING }],
  'rsa-pss-sha512': ['sha512', pss(64)],
  // Of JOSE (RFC 7518 §3.3, §3.5), which RFC 9421 has no names for.
  'rsa-v1_5-sha384': ['sha384', { padding: constants.RSA_PKCS1_PADDING }],
  'rsa-v1_5-sha512': ['sha512', { padding: constants.RSA_PKCS1_PADDING }],
  'rsa-pss-sha256 with a salt of 32': ['sha256', pss(32)],
  'rsa-pss-sha384': ['sha384', pss(48)],
  // What the next four make is no algorithm of the RFC: for faults, and for what some deployments send.
  'rsa-pss-sha512 with a salt of 32': ['sha512', pss(32)],
  'rsa-pss-sha256': ['sha256', pss(constants.RSA_PSS_SALTLEN_MAX_SIGN)],
  'ecdsa-p256-sha256 in DER': ['sha256', { dsaEncoding: 'der' }],
  'ecdsa-p384-sha384 in DER': ['sha384', { dsaEncoding: 'der' }],
}
const DETERMINISTIC = ['ed25519', 'rsa-v1_5-sha256', 'rsa-v1_5-sha384', 'rsa-v1_5-sha512']

export function sign(key, base, algorithm = key.algorithm) {
  const data = Buffer.from(base)
  if (algorithm === 'hmac-sha256') return createHmac('sha256', key.secret).update(data).digest()
  const [hash, options] = SIGNERS[algorithm]
  const make = () => nodeSign(hash, data, { key: key.privateKey, ...options })
  if (DETERMINISTIC.includes(algorithm)) return make()
  const name = sha256(`${algorithm}\n${key.thumbprint}\n${base}`).toString('base64url')
  const known = used[name] ?? kept[name]
  used[name] = known ?? make().toString('base64')
  return Buffer.from(used[name], 'base64')
}

export function verify(key, base, signature) {
  if (key.algorithm === 'hmac-sha256') return sign(key, base).equals(signature)
  const [hash, options] = SIGNERS[key.algorithm]
  return nodeVerify(hash, Buffer.from(base), { key: createPublicKey(key.privateKey), ...options }, signature)
}

export function keepSignatures() {
  const sorted = Object.fromEntries(Object.entries(used).sort(([a], [b]) => (a < b ? -1 : 1)))
  return [FILE, `${JSON.stringify(sorted, null, 1)}\n`]
}
