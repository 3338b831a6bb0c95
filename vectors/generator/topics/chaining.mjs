import { vector } from '../vector.mjs'
import { AUTHORITY, METHOD, NOW, PATH, QUERY, signature } from '../message.mjs'
import { KEYS, setOf } from '../keys.mjs'

// A client signs (`sig1`); a proxy in front of the verifier signs what it adds, and the client's signature with it.
// The verifier asks for the proxy's, by its tag.
const client = (more = {}) => signature({ label: 'sig1', lines: [METHOD, AUTHORITY, PATH, QUERY], ...more })
const inner = client()
const another = client({ params: { nonce: 'another' } })
const known = client({ params: { tag: 'client' } })
const unproven = client({ key: KEYS.other, params: { tag: 'client' } })
const renamed = client({ label: 'client' })
const FORWARDED = ['"forwarded"', 'for=192.0.2.123']
const over = (lines, more = {}) => signature({ label: 'proxy', key: KEYS.proxy, lines, params: { tag: 'proxy' }, ...more })
const outer = over([['"signature";key="sig1"', inner.value], FORWARDED])
const outerOfBoth = over([['"signature-input";key="sig1"', inner.input], ['"signature";key="sig1"', inner.value], FORWARDED])
const keys = setOf(KEYS.ed25519, KEYS.proxy)
const message = (...sigs) => ({ keys, fields: [['Forwarded', 'for=192.0.2.123']], sigs })
const require = { tags: ['proxy'], components: ['"forwarded"'] }
const common = { require, source: 'RFC 9421 §4.3' }

export const title = 'Chains: a signature that covers another one'
export const vectors = [
  vector({
    ...common,
    name: 'inner-signature-replaced',
    description: 'The client\'s signature was replaced by another good one after the proxy signed.',
    code: 'signature.invalid',
    sound: message(inner, outer),
    fault: { sigs: [another, outer] },
  }),
  vector({
    ...common,
    name: 'inner-signature-removed',
    description: 'The client\'s signature, which the proxy\'s covers, was removed.',
    code: 'signature.component_missing',
    sound: message(inner, outer),
    fault: { sigs: [outer] },
  }),
  vector({
    ...common,
    name: 'inner-signature-relabelled',
    description: 'The client\'s signature has another label than the one that the proxy covers.',
    source: 'RFC 9421 §4.3, §7.2.5',
    code: 'signature.component_missing',
    sound: message(inner, outer),
    fault: { sigs: [renamed, outer] },
  }),
  vector({
    ...common,
    name: 'inner-parameters-changed',
    description: 'The proxy covers the parameters of the client\'s signature too; they were changed after it signed.',
    code: 'signature.invalid',
    sound: message(inner, outerOfBoth),
    fault: { sigs: [{ ...inner, input: inner.input.replace(String(NOW + 50), String(NOW + 500)) }, outerOfBoth] },
  }),
  vector({
    ...common,
    name: 'inner-signature-signed-without-its-colons',
    description: 'A member of Signature is serialised as the Byte Sequence that it is, with colons.',
    source: 'RFC 9421 §2.1.2, §4.3',
    code: 'signature.invalid',
    sound: message(inner, outer),
    fault: { sigs: [inner, over([['"signature";key="sig1"', inner.value.slice(1, -1)], FORWARDED])] },
  }),
  vector({
    ...common,
    name: 'inner-signature-signed-with-its-label',
    description: 'A member is its value, without its key.',
    source: 'RFC 9421 §2.1.2: not including the dictionary key itself',
    code: 'signature.invalid',
    sound: message(inner, outer),
    fault: { sigs: [inner, over([['"signature";key="sig1"', `sig1=${inner.value}`], FORWARDED])] },
  }),
  vector({
    ...common,
    name: 'whole-signature-field-covered',
    description: 'The proxy covered the whole field as it was before its own signature joined it.',
    source: 'RFC 9421 §4.3, §7.2.7',
    code: 'signature.invalid',
    sound: message(inner, outer),
    fault: { sigs: [inner, over([['"signature"', `sig1=${inner.value}`], FORWARDED])] },
  }),
  vector({
    ...common,
    name: 'outer-signature-covers-itself',
    description: 'The proxy\'s signature covers its own value, which nobody can have signed.',
    source: 'RFC 9421 §4.3',
    code: 'signature.invalid',
    sound: message(inner, outer),
    fault: { sigs: [inner, over([['"signature";key="proxy"', ':AAAA:'], FORWARDED])] },
  }),
  vector({
    ...common,
    name: 'inner-signature-accepted-for-the-outer',
    description: 'The proxy\'s signature does not verify; the client\'s, which anybody may have, does.',
    source: 'RFC 9421 §3.2 step 1.1, §4.3',
    code: 'signature.invalid',
    sound: message(inner, outer),
    fault: { fields: [['Forwarded', 'for=198.51.100.9']] },
  }),
  vector({
    name: 'outer-signature-accepted-for-the-inner',
    description: 'The verifier asks for the client\'s signature. The proxy vouches for it, and it does not verify: in this message the proxy\'s word is about bytes, not about their truth.',
    source: 'RFC 9421 §4.3, §3.2',
    require: { tags: ['client'], components: ['"@method"', '"@authority"'] },
    judged: 0,
    code: 'signature.key_unknown',
    sound: message(known, over([['"signature";key="sig1"', known.value], FORWARDED])),
    fault: { sigs: [unproven, over([['"signature";key="sig1"', unproven.value], FORWARDED])] },
  }),
  vector({
    ...common,
    name: 'chain-of-another-request',
    description: 'Both signatures are taken from another request with the same Forwarded field. The proxy\'s own components do not bind the request, so that the verifier demands @authority of it.',
    source: 'RFC 9421 §4.3, §7.2.1',
    require: { tags: ['proxy'], components: ['"@authority"'] },
    code: 'signature.invalid',
    sound: message(inner, over([AUTHORITY, ['"signature";key="sig1"', inner.value]])),
    fault: { host: 'bank.example' },
  }),
]
