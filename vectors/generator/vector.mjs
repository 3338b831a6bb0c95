// A vector: one fault, and the same exchange without it.

import { setOf, KEYS } from './keys.mjs'
import { NOW, request, response } from './message.mjs'

// Codes that say that nothing could be judged; all others say that something was judged and refused.
const UNVERIFIED = ['signature.missing', 'signature.tag_unknown', 'signature.key_unknown', 'signature.component_unsupported',
  'signature.agent_unsupported', 'signature.agent_untrusted', 'signature.directory_invalid', 'agent.unknown', 'agents.unavailable',
  'keys.unavailable']

const DEFAULT_KEYS = setOf(KEYS.p256, KEYS.ed25519)

/** The members that a runner gives to a verifier. */
function input(spec, defaults) {
  const { now = NOW, scheme = 'https', keys, directories, trust, earlier } = { ...defaults, ...spec }
  const exchange = {}
  let made
  if (spec.response) {
    if (spec.request !== null) exchange.request = request(spec.request ?? {}).text
    made = response(spec.response)
    exchange.response = made.text
  } else {
    made = request(spec)
    exchange.request = made.text
  }
  const before = earlier && { earlier: earlier.map((one) => request(one).text) }
  const source = directories ? { trust, directories } : { keys: keys ?? DEFAULT_KEYS }
  return { made, fields: { now, scheme, ...before, ...exchange, ...source } }
}

/**
 * Puts a vector together. `sound` describes the exchange that verifies, `fault` what is different in the one that
 * does not: its members replace those of `sound`, and those of `fault.sig` replace those of `sound.sig`.
 */
export function vector(definition) {
  const { name, description, source, basis = 'standard', profile = 'rfc9421', require, sound, fault, code, defaults } = definition
  const merge = (a, b) => ({ ...a, ...b, ...(b.sig && a.sig ? { sig: { ...a.sig, ...b.sig } } : {}) })
  const faulty = merge(sound, fault)
  if (sound.response && fault.response) faulty.response = merge(sound.response, fault.response)
  const good = input(sound, defaults)
  const bad = input(faulty, defaults)
  const accepted = good.made.signatures.at(definition.judged ?? -1)
  if (accepted && !definition.unchecked && !accepted.verifies()) throw new Error(`${name}: the twin does not verify`)
  if (JSON.stringify(good.fields) === JSON.stringify(bad.fields)) throw new Error(`${name}: no fault`)
  return {
    name, description, source, basis, profile,
    ...(require && { require }),
    refused: { ...bad.fields, expected: { outcome: UNVERIFIED.includes(code) ? 'unverified' : 'invalid', code } },
    verified: { ...good.fields, ...(accepted && { base: accepted.base }), expected: { outcome: 'verified', code: 'ok' } },
  }
}
