import { NOW } from '../message.mjs'
import { AUDIENCE, ISSUER, raw } from './jws.mjs'
import { TOKEN_KEYS, token } from './vector.mjs'

export const title = 'Claims: absent, of another type, of another time, for somebody else'

const vectors = []
const add = (definition) => vectors.push(token(definition))

for (const claim of ['iss', 'exp', 'aud', 'sub', 'iat', 'jti', 'client_id']) {
  add({
    name: `claim-${claim}-absent`,
    description: `There is no \`${claim}\`.`,
    source: 'RFC 9068 §2.2: required',
    code: 'token.claim_missing',
    fault: { claims: { [claim]: undefined } },
  })
}

// Types. A library that compares loosely takes some of these for the right value.
const types = {
  iss: [['a-number', 7], ['null', null], ['an-array', [ISSUER]], ['an-object', { iss: ISSUER }], ['empty', '']],
  sub: [['a-number', 7], ['null', null], ['an-array', ['person-7']], ['empty', '']],
  aud: [['a-number', 7], ['null', null], ['an-object', { [AUDIENCE]: true }], ['an-array-with-a-number', [AUDIENCE, 7]], ['nested', [[AUDIENCE]]]],
  jti: [['a-number', 7], ['null', null], ['empty', '']],
  client_id: [['a-number', 7], ['null', null], ['an-array', ['shopper']], ['empty', '']],
  scope: [['a-number', 7], ['true', true], ['an-object', { 'order:read': true }]],
  cnf: [['a-string', 'jkt'], ['null', null], ['an-array', []]],
}
for (const [claim, cases] of Object.entries(types)) {
  for (const [name, value] of cases) {
    add({
      name: `claim-${claim}-is-${name}`,
      description: `\`${claim}\` is ${JSON.stringify(value)}.`,
      source: { cnf: 'RFC 7800 §3.1', scope: 'RFC 8693 §4.2', client_id: 'RFC 8693 §4.3' }[claim] ?? 'RFC 7519 §4.1',
      // An empty name is a string, and names nobody.
      basis: name === 'empty' && claim !== 'iss' ? 'policy' : 'standard',
      code: 'token.claim_invalid',
      fault: { claims: { [claim]: value } },
    })
  }
}

// Times: NumericDate, and here an integer.
const times = [
  ['a-string', '"1790000290"', 'standard'], ['true', 'true', 'standard'], ['null', 'null', 'standard'], ['an-array', '[1790000290]', 'standard'], ['an-object', '{}', 'standard'],
  ['with-an-exponent', '179000029e1', 'policy'], ['with-a-huge-exponent', '1e400', 'policy'], ['with-a-tiny-exponent', '1e-400', 'policy'],
  ['beyond-64-bits', '18446744073709551616', 'policy'], ['of-five-hundred-digits', '9'.repeat(500), 'policy'], ['fractional', '1790000290.5', 'policy'],
  ['an-integer-with-a-fraction', '1790000290.0', 'policy'], ['minus-zero', '-0', 'policy'],
]
for (const claim of ['exp', 'iat', 'nbf']) {
  for (const [name, text, basis] of times) {
    add({
      name: `${claim}-is-${name}`,
      description: `\`${claim}\` is \`${text.length > 40 ? 'a number of five hundred digits' : text}\`.`,
      source: basis === 'standard' ? 'RFC 7519 §2: a JSON numeric value' : 'RFC 7519 §2 allows numbers that are no integers; two readers may round them differently',
      basis,
      // What is infinite to a binary64 is no number that two readers could agree on, wherever it stands.
      code: /huge|hundred/.test(name) ? 'token.malformed' : 'token.claim_invalid',
      fault: { claims: { [claim]: raw(text) } },
    })
  }
}

const moments = [
  ['exp-passed-a-year-ago', { iat: NOW - 366 * 86400, exp: NOW - 365 * 86400 }, { }, 'token.expired', '`exp` passed a year ago.'],
  ['exp-passed-and-the-skew-with-it', { exp: NOW - 30 }, { exp: NOW - 29 }, 'token.expired', '`exp` passed exactly as long ago as clocks may differ.'],
  ['exp-is-zero', { iat: undefined, exp: 0 }, {}, 'token.expired', '`exp` is the first second of 1970.', 'jwt'],
  ['exp-is-negative', { iat: undefined, exp: -1 }, {}, 'token.expired', '`exp` is before 1970.', 'jwt'],
  ['exp-in-milliseconds', { exp: (NOW + 290) * 1000 }, {}, 'token.lifetime_too_long', '`exp` is in milliseconds, and the token good for ages.'],
  ['iat-in-the-future', { iat: NOW + 31 }, { iat: NOW + 30 }, 'token.issued_in_future', '`iat` is a second further ahead than clocks may differ.'],
  ['nbf-in-the-future', { nbf: NOW + 31 }, { nbf: NOW + 30 }, 'token.not_yet_valid', '`nbf` is a second further ahead than clocks may differ.'],
  ['lifetime-of-a-year', { exp: NOW + 365 * 86400 }, {}, 'token.lifetime_too_long', 'The token is good for a year, where a day is the most.'],
]
for (const [name, claims, sound, code, description, profile] of moments) {
  const policy = code === 'token.lifetime_too_long' || code === 'token.issued_in_future'
  add({
    name: `token-${name}`,
    description,
    source: policy ? 'RFC 9700 §2.2.2: short-lived tokens; RFC 7519 §4.1.6 says not what to do' : 'RFC 7519 §4.1.4, §4.1.5: a small leeway; 30 seconds here',
    basis: policy ? 'policy' : 'standard',
    code,
    sound: { claims: sound, ...(profile && { profile, header: { typ: undefined } }) },
    fault: { claims },
  })
}

// Who, and for whom: compared byte for byte.
const issuers = [
  ['with-a-slash', `${ISSUER}/`], ['in-capitals', ISSUER.toUpperCase()], ['with-a-port', `${ISSUER}:443`], ['in-http', ISSUER.replace('https', 'http')],
  ['of-a-longer-host', `${ISSUER}.evil.example`], ['cut', ISSUER.slice(0, -1)], ['with-a-space', ` ${ISSUER}`], ['with-a-fragment', `${ISSUER}#a`], ['in-punycode-look-alike', 'https://аuth.shop.example'],
]
for (const [name, iss] of issuers) {
  add({
    name: `issuer-${name}`,
    description: `\`iss\` is ${JSON.stringify(iss)}.`,
    source: 'RFC 9068 §4: must exactly match; RFC 8725 §3.8',
    code: 'token.issuer_unknown',
    fault: { claims: { iss } },
  })
}
const audiences = [
  ['another', 'https://other.example'], ['with-a-slash', `${AUDIENCE}/`], ['in-capitals', 'HTTPS://SHOP.EXAMPLE'], ['a-prefix', 'https://shop'], ['a-longer-host', `${AUDIENCE}.evil.example`],
  ['a-path-below', `${AUDIENCE}/orders`], ['empty', ''], ['an-empty-array', []], ['an-array-of-others', ['https://a.example', 'https://b.example']], ['a-list-in-a-string', `https://a.example ${AUDIENCE}`], ['a-wildcard', '*'], ['the-client', 'shopper'],
]
for (const [name, aud] of audiences) {
  add({
    name: `audience-${name}`,
    description: `\`aud\` is ${JSON.stringify(aud)}.`,
    source: 'RFC 7519 §4.1.3, RFC 9068 §4, RFC 8725 §3.9',
    code: 'token.audience_mismatch',
    sound: { claims: { aud: ['https://other.example', AUDIENCE] } },
    fault: { claims: { aud } },
  })
}

export { TOKEN_KEYS as keys, vectors }
