import { vector } from '../vector.mjs'
import { AUTHORITY, METHOD, NOW, PATH } from '../message.mjs'
import { KEYS, setOf } from '../keys.mjs'

const LINES = [AUTHORITY, PATH]
const keys = setOf(KEYS.ed25519, KEYS.rsaPss)
const parameters = (changes = {}) => ({ alg: 'ed25519', nonce: 'd7b1e0c2', tag: 'agent-payer-auth', ...changes })
const signed = (changes, more = {}) => ({ label: 'sig2', lines: LINES, params: parameters(changes), ...more })
const sound = { keys, sig: signed() }
const tap = (definition) => vector({ profile: 'tap', source: 'Trusted Agent Protocol', sound, ...definition })

// What published samples send: `keyId`, spaces between the parameters, and rsa-pss-sha256, all of which are signed as sent.
const deployed = (alg = 'rsa-pss-sha256', window = 60) =>
  `; created=${NOW - 10}; expires=${NOW - 10 + window}; keyId="rsa-pss-256"; alg="${alg}"; nonce="d7b1e0c2"; tag="agent-payer-auth"`
const PS256 = { ...KEYS.rsaPss.public, kid: 'rsa-pss-256', alg: 'PS256' }
const sample = (params, more = {}) => ({ keys: setOf(PS256), sig: { label: 'sig2', key: { ...KEYS.rsaPss, kid: 'rsa-pss-256', algorithm: 'rsa-pss-sha256' }, lines: LINES, params, ...more } })

export const title = 'Trusted Agent Protocol: every parameter is required; what its samples send is another profile'
export const vectors = [
  ...['created', 'expires', 'keyid', 'alg', 'nonce'].map((name) => tap({
    name: `tap-without-${name}`,
    description: `\`${name}\` is required.`,
    code: 'signature.parameter_missing',
    fault: { sig: signed({ [name]: null }) },
  })),
  tap({
    name: 'tap-without-tag',
    description: '`tag` is required.',
    code: 'signature.tag_unknown',
    fault: { sig: signed({ tag: null }) },
  }),
  tap({
    name: 'tap-with-another-tag',
    description: 'A tag that the protocol does not have.',
    code: 'signature.tag_unknown',
    fault: { sig: signed({ tag: 'agent-auth' }) },
  }),
  tap({
    name: 'tap-with-the-tag-of-web-bot-auth',
    description: 'A signature for another profile.',
    code: 'signature.tag_unknown',
    sound: { keys, sig: signed({ tag: 'agent-browser-auth' }) },
    fault: { sig: signed({ tag: 'web-bot-auth' }) },
  }),
  tap({
    name: 'tap-without-authority',
    description: '@authority must be covered.',
    code: 'signature.component_not_covered',
    fault: { sig: signed({}, { lines: [PATH] }) },
  }),
  tap({
    name: 'tap-without-path',
    description: '@path must be covered.',
    code: 'signature.component_not_covered',
    fault: { sig: signed({}, { lines: [AUTHORITY, METHOD] }) },
  }),
  tap({
    name: 'tap-window-too-long',
    description: 'The signature is good for eight minutes and a second; in the twin for eight minutes.',
    code: 'signature.window_invalid',
    sound: { keys, sig: signed({ created: NOW - 10, expires: NOW + 470 }) },
    fault: { sig: signed({ created: NOW - 10, expires: NOW + 471 }) },
  }),
  tap({
    name: 'tap-expired',
    description: '`expires` has passed.',
    code: 'signature.expired',
    fault: { sig: signed({ created: NOW - 60, expires: NOW - 1 }) },
  }),
  tap({
    name: 'tap-created-in-the-future',
    description: '`created` lies ahead.',
    code: 'signature.created_in_future',
    fault: { sig: signed({ created: NOW + 60, expires: NOW + 120 }) },
  }),
  tap({
    name: 'tap-alg-disagrees-with-the-key',
    description: '`alg` is not the algorithm of the key.',
    source: 'Trusted Agent Protocol; RFC 9421 §3.2 step 6.4',
    code: 'signature.algorithm_mismatch',
    fault: { sig: signed({ alg: 'rsa-pss-sha512' }) },
  }),
  tap({
    name: 'tap-hmac',
    description: 'A symmetric algorithm.',
    code: 'signature.algorithm_not_allowed',
    fault: { keys: setOf(KEYS.hmac), sig: signed({ alg: 'hmac-sha256', keyid: 'shared' }, { key: KEYS.hmac }) },
  }),
  tap({
    name: 'tap-path-changed',
    description: 'The path was changed after signing.',
    code: 'signature.invalid',
    fault: { target: '/refunds?id=7' },
  }),
  tap({
    name: 'tap-key-unknown',
    description: 'No known agent has the key.',
    code: 'signature.key_unknown',
    fault: { sig: signed({ keyid: 'other' }, { key: KEYS.other }) },
  }),
  tap({
    name: 'tap-published-test-key',
    description: 'The private half of the key is printed in RFC 9421.',
    code: 'signature.key_forbidden',
    fault: { keys: setOf(KEYS.printed), sig: signed({ keyid: 'test-key-ed25519' }, { key: KEYS.printed }) },
  }),
  tap({
    name: 'tap-keyid-as-samples-spell-it',
    description: 'Keys of parameters have no upper-case letters, so that `keyId` makes the field no structured field.',
    source: 'Trusted Agent Protocol; RFC 9651 §3.1.2',
    code: 'signature.malformed',
    fault: { sig: signed({}, { params: `;created=${NOW - 10};expires=${NOW + 50};keyId="ed25519";alg="ed25519";nonce="d7b1e0c2";tag="agent-payer-auth"` }) },
  }),
  tap({
    name: 'tap-algorithm-of-samples',
    description: 'rsa-pss-sha256 is in no registry.',
    source: 'Trusted Agent Protocol; RFC 9421 §6.2.2',
    code: 'signature.algorithm_not_allowed',
    sound: { keys, sig: signed({ alg: 'rsa-pss-sha512', keyid: 'rsa-pss' }, { key: KEYS.rsaPss }) },
    fault: { keys: setOf(PS256), sig: signed({ alg: 'rsa-pss-sha256', keyid: 'rsa-pss-256' }, { key: { ...KEYS.rsaPss, algorithm: 'rsa-pss-sha256' } }) },
  }),
  tap({
    name: 'tap-deployed-space-removed',
    description: 'The spaces between the parameters are signed as sent; here they were removed on the way.',
    profile: 'tap-deployed',
    source: 'Published samples of the Trusted Agent Protocol',
    code: 'signature.invalid',
    sound: { target: '/orders', ...sample(deployed()) },
    fault: { sig: { input: `("@authority" "@path")${deployed().replaceAll('; ', ';')}`, signedParams: `("@authority" "@path")${deployed()}` } },
  }),
  tap({
    name: 'tap-deployed-window-too-long',
    description: 'Eight minutes are the bound for samples too.',
    profile: 'tap-deployed',
    source: 'Published samples of the Trusted Agent Protocol',
    code: 'signature.window_invalid',
    sound: { target: '/orders', ...sample(deployed()) },
    fault: sample(deployed('rsa-pss-sha256', 481)),
  }),
  tap({
    name: 'tap-deployed-without-nonce',
    description: 'The nonce is required of samples too.',
    profile: 'tap-deployed',
    source: 'Published samples of the Trusted Agent Protocol',
    code: 'signature.parameter_missing',
    sound: { target: '/orders', ...sample(deployed()) },
    fault: sample(deployed().replace(' nonce="d7b1e0c2";', '')),
  }),
]
