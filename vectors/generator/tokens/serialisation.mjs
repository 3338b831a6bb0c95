import { accessToken, raw } from './jws.mjs'
import { TOKEN_KEYS, token } from './vector.mjs'

export const title = 'Serialisation: base64url, JSON, and what is no compact JWS'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Another spelling of the same bytes, to a decoder that does not look at the bits after the last whole byte. */
function respelt(part) {
  if (part.length % 4 === 0) throw new Error('all bits are used')
  return part.slice(0, -1) + ALPHABET[ALPHABET.indexOf(part.at(-1)) + 1]
}

const within = (inserted) => (part) => `${part.slice(0, 5)}${inserted}${part.slice(5)}`
const encodings = [
  ['padded', 'has padding', 'RFC 7515 §2: base64url with all trailing "=" characters omitted', (part) => part.padEnd(Math.ceil(part.length / 4) * 4, '=')],
  ['with-a-space', 'has a space in it', 'RFC 7515 §2: without line breaks, white space, or other characters', within(' ')],
  ['with-a-line-break', 'has a line break in it', 'RFC 7515 §2', within('\n')],
  ['with-a-question-mark', 'has a character in it that some decoders skip', 'RFC 7515 §2', within('?')],
  ['with-a-letter-outside-ascii', 'has a letter in it that is not ASCII', 'RFC 7515 §2', within('é')],
  ['of-the-other-alphabet', 'has a slash in it, of the alphabet with "+" and "/"', 'RFC 7515 §2: the URL- and filename-safe character set', within('/')],
  ['with-a-character-too-many', 'ends with a single character, which stands for no byte', 'RFC 4648 §4', (part) => `${part.slice(0, part.length - (part.length % 4))}A`],
  ['in-another-spelling', 'ends with a character whose unused bits are set: the same bytes, written otherwise', 'RFC 4648 §3.5: a decoder may refuse them; with two spellings a revoked token gets another hash', respelt],
]

const PLACES = [
  ['header', (change) => ({ spell: (header, payload) => [change(header), payload] })],
  ['payload', (change) => ({ spell: (header, payload) => [header, change(payload)] })],
  ['signature', (change) => ({ parts: (header, payload, signature) => [header, payload, change(signature)] })],
]

const vectors = []
for (const [place, spelt] of PLACES) {
  for (const [name, what, source, change] of encodings) {
    vectors.push(token({
      name: `token-${place}-${name}`,
      description: `The ${place} ${what}. Where it is signed, it is signed as it is written.`,
      source,
      basis: change === respelt ? 'policy' : 'standard',
      code: 'token.malformed',
      // So that header and payload have bits to spare.
      sound: { header: { x: 'pad' }, claims: { note: 'pad' } },
      fault: spelt(change),
    }))
  }
}

const structures = [
  ['token-in-two-parts', 'There is no signature, nor a place for one.', 'RFC 7515 §7.1: two period characters', (t) => t.split('.').slice(0, 2).join('.')],
  ['token-in-four-parts', 'There is a fourth part.', 'RFC 7515 §7.1', (t) => `${t}.e30`],
  ['token-in-five-parts', 'It has as many parts as a JWE.', 'RFC 7516 §7.1', (t) => `${t}.e30.e30`],
  ['token-with-a-dot-at-the-end', 'A dot follows the signature.', 'RFC 7515 §7.1', (t) => `${t}.`],
  ['token-with-a-dot-in-front', 'A dot stands before the header.', 'RFC 7515 §7.1', (t) => `.${t}`],
  ['token-with-a-line-break-at-the-end', 'A line break follows the signature.', 'RFC 7515 §7.1', (t) => `${t}\n`],
  ['token-with-a-space-in-front', 'A space stands before the header.', 'RFC 7515 §7.1', (t) => ` ${t}`],
  ['token-in-flattened-json', 'It is in flattened JSON serialisation.', 'RFC 9068 §2, RFC 7519 §1: JWTs are always represented using compact serialisation', (t) => {
    const [header, payload, signature] = t.split('.')
    return JSON.stringify({ payload, protected: header, signature })
  }],
  ['token-in-general-json', 'It is in general JSON serialisation.', 'RFC 7519 §1', (t) => {
    const [header, payload, signature] = t.split('.')
    return JSON.stringify({ payload, signatures: [{ protected: header, signature }] })
  }],
  ['token-with-a-detached-payload', 'The payload is left out.', 'RFC 7515 Appendix F: detached content is an agreement of applications', (t) => {
    const [header, , signature] = t.split('.')
    return `${header}..${signature}`
  }],
  ['token-in-percent-encoding', 'The dots are percent-encoded.', 'RFC 7515 §7.1', (t) => t.replaceAll('.', '%2e')],
]
for (const [name, description, source, text] of structures) {
  vectors.push(token({ name, description, source, code: 'token.malformed', fault: { text } }))
}

const documents = [
  ['header-with-a-byte-order-mark', 'The header begins with a byte order mark.', 'RFC 8259 §8.1', { headerText: '\ufeff{"alg":"EdDSA","typ":"at+jwt","kid":"ed25519"}' }],
  ['header-with-alg-twice', 'The header has `alg` twice, and only the last is allowed.', 'RFC 7515 §4: names must be unique', { headerText: '{"alg":"none","typ":"at+jwt","kid":"ed25519","alg":"EdDSA"}' }],
  ['header-with-alg-twice-by-escape', 'The header has `alg` twice, once with an escaped letter.', 'RFC 7515 §4, RFC 8259 §8.3', { headerText: '{"\\u0061lg":"none","typ":"at+jwt","kid":"ed25519","alg":"EdDSA"}' }],
  ['header-with-typ-twice', 'The header has `typ` twice, and only the last is that of an access token.', 'RFC 7515 §4, RFC 8725 §3.11', { headerText: '{"alg":"EdDSA","typ":"dpop+jwt","kid":"ed25519","typ":"at+jwt"}' }],
  ['header-with-an-unknown-member-twice', 'The header has a member twice that is no concern of the verifier.', 'RFC 7515 §4: names must be unique', { headerText: '{"alg":"EdDSA","typ":"at+jwt","kid":"ed25519","x":1,"x":1}' }],
  ['header-nested-a-hundred-deep', 'A member of the header is nested a hundred levels deep.', 'RFC 8259 §9', { header: { x: raw(`${'['.repeat(100)}${']'.repeat(100)}`) } }],
  ['header-with-kid-twice', 'The header has `kid` twice.', 'RFC 7515 §4', { headerText: '{"alg":"EdDSA","typ":"at+jwt","kid":"p256","kid":"ed25519"}' }],
  ['header-with-a-duplicate-in-depth', 'A member of the header has a member twice.', 'RFC 8725 §2.4', { headerText: '{"alg":"EdDSA","typ":"at+jwt","kid":"ed25519","x":{"a":1,"a":2}}' }],
  ['header-is-an-array', 'The header is an array.', 'RFC 7515 §4: a JSON object', { headerText: '[{"alg":"EdDSA"}]' }],
  ['header-with-trailing-data', 'Something follows the header in its part.', 'RFC 8259 §2', { headerText: '{"alg":"EdDSA","typ":"at+jwt","kid":"ed25519"}{}' }],
  ['header-with-a-comment', 'The header has a comment.', 'RFC 8259', { headerText: '{"alg":"EdDSA","typ":"at+jwt","kid":"ed25519"/**/}' }],
  ['header-with-a-trailing-comma', 'The header has a comma after its last member.', 'RFC 8259 §4', { headerText: '{"alg":"EdDSA","typ":"at+jwt","kid":"ed25519",}' }],
  ['header-in-latin-1', 'The header is not UTF-8.', 'RFC 7515 §5.2: UTF-8-encoded', { headerText: Buffer.from('{"alg":"EdDSA","typ":"at+jwt","kid":"ed25519","x":"\xe9"}', 'latin1') }],
  ['payload-in-latin-1', 'The claims are not UTF-8.', 'RFC 7519 §7.2', { payload: Buffer.from('{"iss":"https://auth.shop.example","x":"\xe9"}', 'latin1') }],
  ['payload-with-a-lone-surrogate', 'A claim is half of a surrogate pair, which no UTF-8 text holds.', 'RFC 8259 §8.2', { claims: { note: raw('"\\ud800"') } }],
  ['payload-with-a-nul-in-a-string', 'A claim has an unescaped control character.', 'RFC 8259 §7', { claims: { note: raw('"a\u0000b"') } }],
  ['payload-with-nan', 'A claim is `NaN`.', 'RFC 8259 §6', { claims: { note: raw('NaN') } }],
  ['payload-with-infinity', '`exp` is `Infinity`.', 'RFC 8259 §6', { claims: { exp: raw('Infinity') } }],
  ['payload-with-a-leading-zero', '`exp` begins with a zero.', 'RFC 8259 §6', { claims: { exp: raw('01790000290') } }],
  ['payload-with-a-plus-sign', '`exp` begins with a plus sign.', 'RFC 8259 §6', { claims: { exp: raw('+1790000290') } }],
  ['payload-with-a-hexadecimal-number', '`exp` is hexadecimal.', 'RFC 8259 §6', { claims: { exp: raw('0x6AB14D72') } }],
  ['payload-with-single-quotes', 'A string is in single quotes.', 'RFC 8259 §7', { claims: { note: raw("'a'") } }],
  ['payload-with-aud-twice', 'The claims have `aud` twice.', 'RFC 7519 §4: names must be unique; RFC 8725 §2.4', { claims: { aud: raw('"https://evil.example","aud":"https://shop.example"') } }],
  ['payload-with-exp-twice', 'The claims have `exp` twice, and only the last lies ahead.', 'RFC 7519 §4', { claims: { exp: raw('1,"exp":1790000290') } }],
  ['payload-with-iss-twice', 'The claims have `iss` twice.', 'RFC 7519 §4', { claims: { iss: raw('"https://evil.example","iss":"https://auth.shop.example"') } }],
  ['payload-with-sub-twice-by-escape', 'The claims have `sub` twice, once with an escaped letter.', 'RFC 7519 §4, RFC 8259 §8.3', { claims: { sub: raw('"person-7","s\\u0075b":"person-8"') } }],
  ['payload-with-scope-twice', 'The claims have `scope` twice.', 'RFC 7519 §4', { claims: { scope: raw('"order:read","scope":"order:read order:write"') } }],
  ['payload-with-an-unknown-claim-twice-in-depth', 'A claim that nobody reads has a member twice, five levels deep.', 'RFC 8725 §2.4', { claims: { note: raw('[[{"a":{"b":1,"b":1}}]]') } }],
  ['payload-with-a-duplicate-in-cnf', '`cnf` has `jkt` twice.', 'RFC 7519 §4, RFC 8725 §2.4', { claims: { cnf: raw('{"jkt":"a","jkt":"b"}') } }],
  ['payload-with-a-duplicate-in-act', 'An actor of an actor has `sub` twice.', 'RFC 8725 §2.4', { claims: { act: raw('{"sub":"a","act":{"sub":"b","s\\u0075b":"c"}}') } }],
  ['payload-with-a-duplicate-in-an-array', 'An object in an array has a member twice.', 'RFC 8725 §2.4', { claims: { authorization_details: raw('[{"type":"a","type":"b"}]') } }],
  ['payload-with-a-byte-order-mark', 'The claims begin with a byte order mark.', 'RFC 8259 §8.1', { payload: `\ufeff${JSON.stringify(accessToken())}` }],
  ['payload-with-trailing-data', 'Something follows the claims in their part.', 'RFC 8259 §2', { payload: `${JSON.stringify(accessToken())}{}` }],
  ['payload-is-an-array', 'The claims are an array.', 'RFC 7519 §7.2: a JSON object', { payload: '[]' }],
  ['payload-is-a-string', 'The claims are a string: a token in a token.', 'RFC 7519 §7.2', { payload: '"eyJhbGciOiJub25lIn0.e30."' }],
  ['payload-is-empty', 'There are no claims.', 'RFC 7519 §7.2', { payload: '' }],
  ['payload-is-compressed', 'The claims are deflated.', 'RFC 7515: no compression in a JWS', { payload: Buffer.from('789cabae0500017500f9', 'hex') }],
  ['payload-nested-a-hundred-deep', 'A claim is nested a hundred levels deep.', 'RFC 8259 §9: limits on the depth of nesting; deep nesting exhausts stacks', { claims: { note: raw(`${'['.repeat(100)}${']'.repeat(100)}`) } }],
  ['payload-nested-two-thousand-deep', 'A claim is nested two thousand levels deep.', 'RFC 8259 §9', { claims: { note: raw(`${'{"a":'.repeat(400)}1${'}'.repeat(400)}`) } }],
]
for (const [name, description, source, fault] of documents) {
  // Of a name given twice, the standards let a parser take the last (RFC 7515 §4, RFC 7519 §4), or say that it is not to be
  // (RFC 8259 §4); a byte order mark may be passed over (§8.1), and half a surrogate pair is in the grammar (§8.2).
  const basis = /nested|twice|duplicate|byte-order-mark|surrogate/.test(name) ? 'policy' : 'standard'
  vectors.push(token({ name: `token-${name}`, description, source, basis, code: 'token.malformed', fault }))
}
vectors.push(token({
  name: 'token-of-nine-kibibytes',
  description: 'The token is longer than a field may be on many servers.',
  source: 'RFC 8725 §3: limits; 8 KiB here',
  basis: 'policy',
  code: 'token.too_large',
  sound: { claims: { note: 'x'.repeat(5000) } },
  fault: { claims: { note: 'x'.repeat(7000) } },
}))

export { TOKEN_KEYS as keys, vectors }
