// A vector of a token or of a proof: one fault, and the same without it.

import { KEYS, setOf } from '../keys.mjs'
import { NOW } from '../message.mjs'
import { AUDIENCE, ISSUER, accessToken, compact } from './jws.mjs'

const UNVERIFIED = ['token.key_unknown']

const merge = (a = {}, b = {}) => {
  const one = { ...a, ...b }
  for (const name of ['header', 'claims']) {
    if (a[name] && b[name]) one[name] = { ...a[name], ...b[name] }
  }
  return one
}

function vector({ name, description, source, basis = 'standard', sound, fault, code, unchecked }, input) {
  const good = input(sound ?? {})
  const bad = input(merge(sound, fault))
  if (!unchecked && !good.made.verifies()) throw new Error(`${name}: the twin does not verify`)
  if (JSON.stringify(good.fields) === JSON.stringify(bad.fields)) throw new Error(`${name}: no fault`)
  const expected = { outcome: UNVERIFIED.includes(code) ? 'unverified' : 'invalid', code }
  return {
    name, description, source, basis,
    refused: { ...bad.fields, expected },
    verified: { ...good.fields, expected: { outcome: 'verified', code: 'ok' } },
  }
}

const HEADER = { alg: 'EdDSA', typ: 'at+jwt', kid: 'ed25519' }
const ALGORITHMS = ['EdDSA', 'ES256', 'ES384', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
export const TOKEN_KEYS = setOf(KEYS.p256, KEYS.p384, KEYS.rsaAny, KEYS.ed25519)

/** A vector of an access token: `sound` and `fault` say what `compact` takes, and what the verifier is told. */
export const token = (definition) => vector(definition, (spec) => {
  const { now = NOW, issuer = ISSUER, audience = AUDIENCE, profile = 'at+jwt', algorithms = ALGORITHMS, keys } = spec
  const made = compact({ ...spec, header: { ...HEADER, ...spec.header }, claims: accessToken(spec.claims) })
  return { made, fields: { now, token: made.value, issuer, audience, profile, algorithms, ...(keys && { keys }) } }
})

export const METHOD = 'POST'
export const URL_OF_REQUEST = 'https://shop.example/orders?page=2'

/** The claims of RFC 9449 §4.2, a second old. */
export const proofClaims = (changes = {}) => ({
  htm: METHOD, htu: 'https://shop.example/orders', iat: NOW - 1, jti: 'e1j3V_bKic8-LAEB', ...changes,
})

/** A vector of a DPoP proof. */
export const proof = (definition) => vector(definition, (spec) => {
  const { now = NOW, method = METHOD, url = URL_OF_REQUEST, accessToken: bound, nonce, algorithms = ALGORITHMS, key = KEYS.ed25519 } = spec
  const header = { typ: 'dpop+jwt', alg: 'EdDSA', jwk: key.public, ...spec.header }
  const made = compact({ ...spec, key, header, claims: proofClaims(spec.claims) })
  return { made, fields: { now, proof: made.value, method, url, ...(bound && { token: bound }), ...(nonce && { nonce }), algorithms } }
})
