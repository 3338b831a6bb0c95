import { createHmac } from 'node:crypto'

import { KEYS, ed25519, sha256 } from '../keys.mjs'
import { NOW } from '../message.mjs'
import { b64, raw } from './jws.mjs'
import { PROOF_KEYS, ath, boundTo, proof } from './vector.mjs'

export const title = 'DPoP proofs: whose key, which request, which token, when'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const vectors = []
const add = (definition) => vectors.push(proof(definition))

const TOKEN = boundTo(KEYS.ed25519.thumbprint)

// The header.
for (const typ of ['jwt', 'at+jwt', 'dpop', 'dpop+jwtx', 'jwt+dpop', '']) {
  add({
    name: `proof-typ-${typ || 'empty'}`,
    description: `\`typ\` is ${JSON.stringify(typ)}.`,
    source: 'RFC 9449 §4.2, §4.3 check 4',
    code: 'dpop.type_mismatch',
    sound: { header: { typ: 'DPoP+jwt' } },
    fault: { header: { typ } },
  })
}
add({ name: 'proof-typ-absent', description: '`typ` is not there.', source: 'RFC 9449 §4.2', code: 'dpop.type_mismatch', fault: { header: { typ: undefined } } })
for (const alg of ['none', 'None', 'HS256', 'ES512', 'eddsa']) {
  add({
    name: `proof-alg-${alg === 'None' ? 'None-in-capital' : alg}`,
    description: `\`alg\` is ${JSON.stringify(alg)}.`,
    source: 'RFC 9449 §4.2: neither none nor symmetric; §4.3 check 5',
    code: 'dpop.algorithm_not_allowed',
    fault: { header: { alg }, signer: 'ed25519', ...(alg === 'none' && { signature: () => '' }) },
  })
}
add({
  name: 'proof-hs256-with-its-own-key',
  description: 'The proof is an HMAC, and the secret is the public key that it brings.',
  source: 'RFC 9449 §4.2, RFC 8725 §3.1',
  code: 'dpop.algorithm_not_allowed',
  fault: { header: { alg: 'HS256' }, signer: 'ed25519', signature: (input) => createHmac('sha256', JSON.stringify(KEYS.ed25519.public)).update(input).digest() },
})
add({
  name: 'proof-alg-not-of-its-key',
  description: 'The key is of P-256, and `alg` is EdDSA.',
  source: 'RFC 9449 §4.3 check 6',
  code: 'dpop.algorithm_not_allowed',
  fault: { header: { jwk: KEYS.p256.public } },
})
add({
  name: 'proof-alg-not-taken',
  description: 'The verifier does not take the algorithm.',
  source: 'RFC 9449 §4.3 check 5',
  code: 'dpop.algorithm_not_allowed',
  fault: { algorithms: ['ES256'] },
})
const PRIVATE = KEYS.ed25519.privateKey.export({ format: 'jwk' })
const keys = [
  ['absent', undefined, 'dpop.key_invalid'], ['null', null, 'dpop.malformed'], ['a-string', 'a key', 'dpop.malformed'], ['empty', {}, 'dpop.key_invalid'],
  ['private', PRIVATE, 'dpop.key_private'], ['with-a-private-member-that-is-empty', { ...KEYS.ed25519.public, d: '' }, 'dpop.key_private'],
  ['symmetric', { kty: 'oct', k: b64('a secret that is long enough, or so') }, 'dpop.key_private'],
  ['a-set', { keys: [KEYS.ed25519.public] }, 'dpop.key_invalid'],
  ['of-a-curve-that-is-not-there', { ...KEYS.ed25519.public, crv: 'Ed448' }, 'dpop.key_invalid'],
  ['x-with-padding', { ...KEYS.ed25519.public, x: `${KEYS.ed25519.public.x}=` }, 'dpop.key_invalid'],
  ['a-byte-short', { ...KEYS.ed25519.public, x: b64(Buffer.from(KEYS.ed25519.public.x, 'base64url').subarray(1)) }, 'dpop.key_invalid'],
  ['of-small-order', { ...KEYS.ed25519.public, x: b64(Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])) }, 'dpop.key_invalid'],
]
for (const [name, jwk, code] of keys) {
  add({
    name: `proof-key-${name}`,
    description: `\`jwk\` is ${name.replaceAll('-', ' ')}.`,
    source: 'RFC 9449 §4.2: a public key; §4.3 checks 6 and 7',
    code,
    fault: { header: { jwk } },
  })
}
add({
  name: 'proof-rsa-key-of-1024-bits',
  description: 'The key is an RSA key of 1024 bits.',
  source: 'RFC 7518 §3.3',
  code: 'dpop.key_invalid',
  sound: { key: KEYS.rsaAny, header: { alg: 'RS256' } },
  fault: { key: KEYS.rsaShort, header: { jwk: KEYS.rsaShort.public } },
})
add({
  name: 'proof-by-another-key',
  description: 'The proof is signed by another key than the one that it brings.',
  source: 'RFC 9449 §4.3 check 6',
  code: 'dpop.signature_invalid',
  fault: { header: { jwk: KEYS.other.public } },
})
for (const [name, change] of [['empty', () => ''], ['zero', (made) => Buffer.alloc(made.length)], ['cut-by-a-byte', (made) => made.subarray(1)]]) {
  add({
    name: `proof-signature-${name}`,
    description: `The signature is ${name.replaceAll('-', ' ')}.`,
    source: 'RFC 9449 §4.3 check 6',
    code: 'dpop.signature_invalid',
    fault: { signature: (_, make) => change(make()) },
  })
}
for (const [name, crit] of [['empty', []], ['null', null], ['of-htm', ['htm']]]) {
  add({ name: `proof-crit-${name}`, description: `\`crit\` is ${JSON.stringify(crit)}.`, source: 'RFC 7515 §4.1.11', code: 'dpop.critical_header', fault: { header: { crit } } })
}
add({ name: 'proof-b64-false', description: 'The header has `b64`.', source: 'RFC 7797 §7', code: 'dpop.critical_header', fault: { header: { b64: false } } })

// What it is as text.
const texts = [
  ['in-two-parts', (t) => t.split('.').slice(0, 2).join('.')], ['with-a-dot-at-the-end', (t) => `${t}.`], ['two-with-a-comma', (t) => `${t}, ${t}`],
  ['in-json', (t) => { const [header, payload, signature] = t.split('.'); return JSON.stringify({ payload, protected: header, signature }) }],
  ['padded', (t) => `${t}==`],
]
for (const [name, text] of texts) {
  add({ name: `proof-${name}`, description: `The proof is ${name.replaceAll('-', ' ')}.`, source: 'RFC 9449 §4.3 checks 1 and 2: one well-formed JWT', code: 'dpop.malformed', fault: { text } })
}
const respelt = (part) => part.slice(0, -1) + ALPHABET[ALPHABET.indexOf(part.at(-1)) + 1]
for (const [name, parts] of [
  ['header', (header, payload, signature) => [respelt(header), payload, signature]],
  ['payload', (header, payload, signature) => [header, respelt(payload), signature]],
  ['signature', (header, payload, signature) => [header, payload, respelt(signature)]],
]) {
  add({
    name: `proof-${name}-in-another-spelling`,
    description: `The ${name} ends with a character whose unused bits are set: the same bytes, written otherwise.`,
    source: 'RFC 4648 §3.5: a decoder may refuse them; a replayed proof would look like another',
    basis: 'policy',
    code: 'dpop.malformed',
    sound: { header: { x: 'pad' }, claims: { note: 'pads' } },
    // What is signed is signed as it is written.
    fault: name === 'signature' ? { parts } : { spell: (header, payload) => parts(header, payload).slice(0, 2) },
  })
}
const stranger = ed25519('stranger')
for (const [name, header] of [
  ['jku', { jku: 'https://evil.example/jwks.json' }], ['x5u', { x5u: 'https://evil.example/chain.pem' }], ['kid', { kid: '../../dev/null' }],
]) {
  add({
    name: `proof-by-a-stranger-with-${name}`,
    description: `A stranger signed the proof; its \`jwk\` is the token's key, and its header has \`${name}\` too.`,
    source: 'RFC 9449 §4.3 check 6: by the key in jwk, and no other',
    code: 'dpop.signature_invalid',
    sound: { header },
    fault: { key: stranger, accessToken: TOKEN, header: { ...header, jwk: KEYS.ed25519.public } },
  })
}
add({
  name: 'proof-nested-a-hundred-deep',
  description: 'A claim is nested a hundred levels deep.',
  source: 'RFC 8259 §9: limits on the depth of nesting',
  basis: 'policy',
  code: 'dpop.malformed',
  fault: { claims: { note: raw(`${'['.repeat(100)}${']'.repeat(100)}`) } },
})
add({
  name: 'proof-of-nine-kibibytes',
  description: 'The proof is longer than a field may be on many servers.',
  source: 'RFC 8725 §3: limits; 8 KiB here',
  basis: 'policy',
  code: 'dpop.too_large',
  sound: { claims: { note: 'x'.repeat(5000) } },
  fault: { claims: { note: 'x'.repeat(7000) } },
})
add({ name: 'proof-with-typ-twice', description: 'The header has `typ` twice.', source: 'RFC 7515 §4', basis: 'policy', code: 'dpop.malformed', fault: { headerText: JSON.stringify({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: KEYS.ed25519.public }).replace('{', '{"typ":"at+jwt",') } })
add({ name: 'proof-with-htm-twice', description: 'The claims have `htm` twice.', source: 'RFC 7519 §4', basis: 'policy', code: 'dpop.malformed', fault: { claims: { htm: raw('"GET","htm":"POST"') } } })
add({ name: 'proof-with-a-duplicate-in-its-key', description: '`jwk` has `x` twice.', source: 'RFC 7517 §4: names must be unique', basis: 'policy', code: 'dpop.malformed', fault: { headerText: JSON.stringify({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: KEYS.ed25519.public }).replace('"x":', '"x":"AA","x":') } })

// The claims.
for (const claim of ['htm', 'htu', 'iat', 'jti']) {
  add({ name: `proof-${claim}-absent`, description: `There is no \`${claim}\`.`, source: 'RFC 9449 §4.2, §4.3 check 3', code: 'dpop.claim_missing', fault: { claims: { [claim]: undefined } } })
  for (const [name, value] of [['null', null], ['an-array', ['POST']], ['true', true]]) {
    add({ name: `proof-${claim}-is-${name}`, description: `\`${claim}\` is ${JSON.stringify(value)}.`, source: 'RFC 9449 §4.2', code: 'dpop.claim_invalid', fault: { claims: { [claim]: value } } })
  }
}
add({ name: 'proof-jti-empty', description: '`jti` is empty.', source: 'RFC 9449 §4.2: at least 96 bits of randomness', basis: 'policy', code: 'dpop.claim_invalid', fault: { claims: { jti: '' } } })
add({ name: 'proof-jti-of-a-kibibyte', description: '`jti` is longer than who keeps it would want to keep.', source: 'RFC 9449 §11.1: servers may bound it', basis: 'policy', code: 'dpop.claim_invalid', fault: { claims: { jti: 'j'.repeat(1024) } } })
for (const [name, text] of [['a-string', `"${NOW - 1}"`], ['fractional', `${NOW - 1}.5`], ['with-an-exponent', '1.79e9'], ['with-a-fraction-of-zero', `${NOW - 1}.0`], ['minus-zero', '-0'], ['beyond-64-bits', '18446744073709551616']]) {
  add({ name: `proof-iat-is-${name}`, description: `\`iat\` is \`${text}\`.`, source: 'RFC 7519 §2', basis: text.startsWith('"') ? 'standard' : 'policy', code: 'dpop.claim_invalid', fault: { claims: { iat: raw(text) } } })
}
for (const htm of ['post', 'Post', 'GET', 'POST ', '']) {
  add({ name: `proof-for-method-${htm === 'Post' ? 'Post-capitalised' : htm.replace(' ', '_') || 'empty'}`, description: `\`htm\` is ${JSON.stringify(htm)}, and the method POST.`, source: 'RFC 9449 §4.3 check 8; methods are case-sensitive', code: 'dpop.method_mismatch', fault: { claims: { htm } } })
}
const urls = [
  ['another-path', 'https://shop.example/carts'], ['a-slash-more', 'https://shop.example/orders/'], ['a-path-above', 'https://shop.example/'], ['a-path-below', 'https://shop.example/orders/7'], ['another-host', 'https://shop.example.evil.example/orders'],
  ['another-port', 'https://shop.example:8443/orders'], ['http', 'http://shop.example/orders'], ['a-path-in-capitals', 'https://shop.example/Orders'], ['a-relative-one', '/orders'], ['none', ''],
  ['one-with-a-name', 'https://shop.example@evil.example/orders'], ['one-with-dots', 'https://shop.example/carts/../orders'], ['one-with-encoded-dots', 'https://shop.example/carts/%2e%2e/orders'], ['one-with-an-encoded-slash', 'https://shop.example%2forders'],
  ['one-with-two-slashes', 'https://shop.example//orders'], ['one-with-a-back-slash', 'https://shop.example\\orders'],
]
for (const [name, htu] of urls) {
  add({
    name: `proof-for-url-${name}`,
    description: `\`htu\` is ${JSON.stringify(htu)}.`,
    source: 'RFC 9449 §4.3 check 9, compared after RFC 3986 §6.2.2 and §6.2.3',
    // Which would remove dot segments; servers disagree on them, so no request here has any.
    basis: name.includes('dots') ? 'policy' : 'standard',
    code: 'dpop.url_mismatch',
    // As written by a client that does not strip the query and writes the host otherwise: the same URL.
    sound: { claims: { htu: 'HTTPS://SHOP.example:443/%6frders?page=2#top' } },
    fault: { claims: { htu } },
  })
}
const ages = [
  ['a-second-too-old', NOW - 61, NOW - 60, 'dpop.expired'], ['a-year-old', NOW - 365 * 86400, NOW, 'dpop.expired'], ['of-1970', 0, NOW, 'dpop.expired'], ['negative', -1, NOW, 'dpop.expired'],
  ['a-second-too-far-ahead', NOW + 31, NOW + 30, 'dpop.issued_in_future'], ['a-day-ahead', NOW + 86400, NOW, 'dpop.issued_in_future'], ['in-milliseconds', NOW * 1000, NOW, 'dpop.issued_in_future'],
]
for (const [name, iat, sound, code] of ages) {
  add({ name: `proof-iat-${name}`, description: `\`iat\` is ${iat - NOW} seconds from now; a proof may be a minute old, and clocks may differ by 30 seconds.`, source: 'RFC 9449 §4.3 check 11', code, sound: { claims: { iat: sound } }, fault: { claims: { iat } } })
}

// The token that it goes with. One that is asked for has none yet (§5).
add({
  name: 'proof-without-a-token-for-another-url',
  description: 'No token comes with the proof, as at a token endpoint, and `htu` is another URL.',
  source: 'RFC 9449 §5, §4.3 check 9',
  code: 'dpop.url_mismatch',
  sound: { accessToken: null },
  fault: { claims: { htu: 'https://shop.example/token' } },
})
add({ name: 'proof-ath-absent', description: 'The proof comes with a token and has no `ath`.', source: 'RFC 9449 §4.2, §4.3 check 12', code: 'dpop.token_hash_missing', fault: { claims: { ath: undefined } } })
const hashes = [
  ['of-another-token', ath(boundTo(KEYS.other.thumbprint))], ['in-hexadecimal', sha256(TOKEN).toString('hex')], ['padded', `${ath(TOKEN)}=`], ['of-the-other-alphabet', sha256(TOKEN).toString('base64')], ['half', b64(sha256(TOKEN).subarray(0, 16))], ['empty', ''], ['the-token', TOKEN],
]
for (const [name, value] of hashes) {
  add({ name: `proof-ath-${name}`, description: `\`ath\` is ${name.replaceAll('-', ' ')}.`, source: 'RFC 9449 §4.2: base64url of the SHA-256 of the token in ASCII', code: 'dpop.token_hash_mismatch', fault: { claims: { ath: value } } })
}
add({ name: 'proof-ath-is-a-number', description: '`ath` is a number.', source: 'RFC 9449 §4.2', code: 'dpop.claim_invalid', fault: { claims: { ath: 7 } } })
const stolen = boundTo(KEYS.other.thumbprint)
add({
  name: 'proof-by-another-key-than-the-tokens',
  description: 'The token is bound to another key than the one that made the proof: it was stolen.',
  source: 'RFC 9449 §4.3 check 12, §7.1',
  code: 'dpop.key_mismatch',
  fault: { accessToken: stolen, claims: { ath: ath(stolen) } },
})
const thief = ed25519('thief')
add({
  name: 'proof-by-a-thief',
  description: 'The token was stolen, and the thief made a proof with a key of his own.',
  source: 'RFC 9449 §7.1',
  code: 'dpop.key_mismatch',
  fault: { key: thief, accessToken: TOKEN, header: { jwk: thief.public } },
})
// The nonce.
const NONCE = 'a-nonce-of-the-servers'
for (const [name, nonce, code] of [['absent', undefined, 'dpop.nonce_missing'], ['another', 'a-nonce-of-somebody-elses', 'dpop.nonce_invalid'], ['in-capitals', NONCE.toUpperCase(), 'dpop.nonce_invalid'], ['empty', '', 'dpop.nonce_invalid'], ['a-number', 7, 'dpop.claim_invalid']]) {
  add({ name: `proof-nonce-${name}`, description: `The verifier gave a nonce, and the proof's is ${name.replaceAll('-', ' ')}.`, source: 'RFC 9449 §4.3 check 10, §9', code, sound: { nonce: NONCE, claims: { nonce: NONCE } }, fault: { claims: { nonce } } })
}

export { PROOF_KEYS as keys, vectors }
