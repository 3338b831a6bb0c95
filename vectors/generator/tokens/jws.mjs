// JWS in compact serialisation, right or wrong as a vector wants it.

import { KEYS } from '../keys.mjs'
import { NOW } from '../message.mjs'
import { sign, verify } from '../sign.mjs'

export const ISSUER = 'https://auth.shop.example'
export const AUDIENCE = 'https://shop.example'

/** The names of RFC 7518 §3.1 and RFC 9864, and what signs. */
const SIGNERS = {
  EdDSA: 'ed25519', Ed25519: 'ed25519', ES256: 'ecdsa-p256-sha256', ES384: 'ecdsa-p384-sha384',
  RS256: 'rsa-v1_5-sha256', RS384: 'rsa-v1_5-sha384', RS512: 'rsa-v1_5-sha512',
  PS256: 'rsa-pss-sha256 with a salt of 32', PS384: 'rsa-pss-sha384', PS512: 'rsa-pss-sha512',
}

export const b64 = (data) => Buffer.from(data).toString('base64url')

/** A value that stands in JSON as it is written here. */
export const raw = (text) => ({ [RAW]: text })
const RAW = Symbol('raw')

/** JSON with `raw` values as they are, and members that are `undefined` left out. */
export function json(value) {
  if (value?.[RAW] !== undefined) return value[RAW]
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${json(member)}`).join(',')}}`
}

/** The claims of RFC 9068 §2.2: issued ten seconds ago, good for five minutes. */
export const accessToken = (changes = {}) => ({
  iss: ISSUER, aud: AUDIENCE, sub: 'person-7', client_id: 'shopper', scope: 'order:read', jti: 'token-1', iat: NOW - 10, exp: NOW + 290,
  ...changes,
})

/**
 * A compact serialisation. `header` and `claims` are objects; `headerText` and `payload` replace what they would be in bytes; `spell`
 * changes header and payload as they are written, before they are signed; `key` signs as `header.alg` says, or as `signer`
 * does, and `signature` may make another of that; `parts` changes the three parts once they are made, `text` the whole.
 */
export function compact({ header, headerText, claims, payload, spell, key = KEYS.ed25519, signer, signature, parts, text }) {
  const written = [b64(headerText ?? json(header)), b64(payload ?? json(claims))]
  const [head, body] = spell ? spell(...written) : written
  const input = `${head}.${body}`
  const name = signer ?? SIGNERS[header?.alg] ?? key.algorithm
  const made = typeof signature === 'function' ? signature(input, () => sign(key, input, name)) : sign(key, input, name)
  const all = [head, body, b64(made)]
  const joined = (parts ? parts(...all) : all).join('.')
  return { value: text ? text(joined) : joined, verifies: () => verify({ ...key, algorithm: name }, input, made) }
}
