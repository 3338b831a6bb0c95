// A vector of a token or of a proof: one fault, and the same without it.

import { KEYS, setOf, sha256 } from '../keys.mjs'
import { NOW } from '../message.mjs'
import { AUDIENCE, ISSUER, accessToken, b64, compact } from './jws.mjs'

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

/** The keys of the issuer of the tokens that proofs come with. */
export const PROOF_KEYS = setOf(KEYS.other)

/** An access token that is bound to the key of this thumbprint. */
export const boundTo = (jkt) => compact({ header: { ...HEADER, kid: 'other' }, key: KEYS.other, claims: accessToken({ cnf: { jkt } }) }).value

/** What `ath` must be. */
export const ath = (text) => b64(sha256(text))

/** A vector of a DPoP proof. It comes with a token that is bound to its key, or with `accessToken`, which may be `null`: none. */
export const proof = (definition) => vector(definition, (spec) => {
  const { now = NOW, method = METHOD, url = URL_OF_REQUEST, nonce, algorithms = ALGORITHMS, key = KEYS.ed25519 } = spec
  const { accessToken: bound = boundTo(key.thumbprint) } = spec
  const header = { typ: 'dpop+jwt', alg: 'EdDSA', jwk: key.public, ...spec.header }
  const claims = proofClaims({ ...(bound && { ath: ath(bound) }), ...spec.claims })
  const made = compact({ ...spec, key, header, claims })
  return { made, fields: { now, proof: made.value, method, url, ...(bound && { token: bound }), ...(nonce && { nonce }), algorithms } }
})
