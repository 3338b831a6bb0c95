import { createHmac, createPublicKey } from 'node:crypto'

import { KEYS, ed25519, setOf, sha256 } from '../keys.mjs'
import { NOW } from '../message.mjs'
import { b64 } from './jws.mjs'
import { TOKEN_KEYS, token } from './vector.mjs'

export const title = 'Headers: alg, typ, kid, crit, and keys that a token brings along'

const vectors = []

// Algorithms that are none.
for (const alg of ['none', 'None', 'NONE', 'nOnE', 'none ', ' none', 'null', '']) {
  for (const [how, fault] of [['unsigned', { signature: () => '' }], ['signed', {}]]) {
    vectors.push(token({
      name: `alg-${alg === '' ? 'empty' : alg.replace(' ', '_')}-${how}`,
      description: `\`alg\` is ${JSON.stringify(alg)}, and the token is ${how === 'signed' ? 'signed by the right key all the same' : 'not signed'}.`,
      source: 'RFC 8725 §3.1, §3.2; RFC 7515 §4.1.1: case-sensitive',
      code: 'token.algorithm_not_allowed',
      fault: { header: { alg }, signer: 'ed25519', ...fault },
    }))
  }
}
for (const alg of ['eddsa', 'EDDSA', 'es256', 'Es256', 'ed25519', 'ED25519', 'HS256', 'RS1', 'ES256K', 'ES512', 'Ed448', 'RSA-OAEP', 'EdDSA\u0000']) {
  vectors.push(token({
    name: `alg-${alg.replace('\u0000', '-with-nul')}${alg === alg.toLowerCase() ? '-in-small-letters' : ''}-over-a-good-signature`,
    description: `\`alg\` is ${JSON.stringify(alg)}; the signature is one of EdDSA by the right key.`,
    source: 'RFC 7515 §4.1.1, RFC 8725 §3.1',
    code: 'token.algorithm_not_allowed',
    fault: { header: { alg }, signer: 'ed25519' },
  }))
}
for (const [name, alg] of [['absent', undefined], ['a-number', 7], ['null', null], ['an-array', ['EdDSA']]]) {
  vectors.push(token({
    name: `alg-is-${name}`,
    description: '`alg` is not a string.',
    source: 'RFC 7515 §4.1.1',
    code: 'token.malformed',
    fault: { header: { alg }, signer: 'ed25519' },
  }))
}

// Public keys as secrets.
const spki = (key, format) => key.publicKey.export({ type: 'spki', format })
const rsa = { publicKey: createPublicKey(KEYS.rsaAny.privateKey) }
const ec = { publicKey: createPublicKey(KEYS.p256.privateKey) }
const ed = { publicKey: createPublicKey(KEYS.ed25519.privateKey) }
const secrets = [
  ['the-pem-of-the-rsa-key', 'rsa-any', spki(rsa, 'pem')],
  ['the-pem-without-its-last-line-break', 'rsa-any', String(spki(rsa, 'pem')).trimEnd()],
  ['the-pkcs1-pem-of-the-rsa-key', 'rsa-any', rsa.publicKey.export({ type: 'pkcs1', format: 'pem' })],
  ['the-der-of-the-rsa-key', 'rsa-any', spki(rsa, 'der')],
  ['the-modulus', 'rsa-any', Buffer.from(KEYS.rsaAny.public.n, 'base64url')],
  ['the-modulus-as-text', 'rsa-any', KEYS.rsaAny.public.n],
  ['the-jwk-of-the-rsa-key', 'rsa-any', JSON.stringify(KEYS.rsaAny.public)],
  ['the-pem-of-the-p256-key', 'p256', spki(ec, 'pem')],
  ['the-pem-of-the-ed25519-key', 'ed25519', spki(ed, 'pem')],
  ['the-bytes-of-the-ed25519-key', 'ed25519', Buffer.from(KEYS.ed25519.public.x, 'base64url')],
  ['nothing', 'ed25519', ''],
]
for (const [name, kid, secret] of secrets) {
  vectors.push(token({
    name: `hs256-with-${name}`,
    description: `\`alg\` is HS256, and the secret is what everybody knows: ${name.replaceAll('-', ' ')}.`,
    source: 'RFC 8725 §2.1, §3.1: algorithm confusion',
    code: 'token.algorithm_not_allowed',
    fault: { header: { alg: 'HS256', kid }, signer: 'ed25519', signature: (input) => createHmac('sha256', secret).update(input).digest() },
  }))
}
vectors.push(token({
  name: 'hs256-with-a-secret-of-the-set',
  description: 'The set has a symmetric key, and the token is by it. Who verifies tokens with it can make them.',
  source: 'RFC 8725 §3.1; OpenID Connect Discovery §3: a published set has public keys',
  basis: 'policy',
  code: 'token.algorithm_not_allowed',
  sound: { keys: setOf(KEYS.ed25519, KEYS.hmac) },
  fault: { header: { alg: 'HS256', kid: KEYS.hmac.kid }, signer: 'ed25519', signature: (input) => createHmac('sha256', KEYS.hmac.secret).update(input).digest() },
}))

// One algorithm's signature under the name of another.
const families = [
  ['rs256-called-ps256', KEYS.rsaAny, 'RS256', 'PS256'], ['ps256-called-rs256', KEYS.rsaAny, 'PS256', 'RS256'],
  ['rs256-called-rs512', KEYS.rsaAny, 'RS256', 'RS512'], ['rs512-called-rs256', KEYS.rsaAny, 'RS512', 'RS256'],
  ['ps384-called-ps512', KEYS.rsaAny, 'PS384', 'PS512'], ['rs384-called-ps384', KEYS.rsaAny, 'RS384', 'PS384'],
]
const SIGNER = { RS256: 'rsa-v1_5-sha256', RS384: 'rsa-v1_5-sha384', RS512: 'rsa-v1_5-sha512', PS256: 'rsa-pss-sha256 with a salt of 32', PS384: 'rsa-pss-sha384', PS512: 'rsa-pss-sha512' }
for (const [name, key, made, called] of families) {
  vectors.push(token({
    name,
    description: `The signature is one of ${made} by the right key; \`alg\` is ${called}.`,
    source: 'RFC 7515 §5.2',
    code: 'token.signature_invalid',
    sound: { key, header: { alg: called, kid: key.kid } },
    fault: { signer: SIGNER[made] },
  }))
}
vectors.push(token({
  name: 'algorithm-not-of-the-issuer',
  description: 'The token is signed with an algorithm that its issuer does not use.',
  source: 'RFC 8725 §3.1: the algorithms that the application supports',
  code: 'token.algorithm_not_allowed',
  sound: { key: KEYS.p256, header: { alg: 'ES256', kid: 'p256' } },
  fault: { algorithms: ['RS256', 'EdDSA'] },
}), token({
  name: 'algorithm-not-of-the-key',
  description: 'The JWK says that the key is for PS512, and the token is signed with RS256.',
  source: 'RFC 7517 §4.4',
  code: 'token.key_unknown',
  sound: { key: KEYS.rsaV15, keys: setOf(KEYS.rsaV15), header: { alg: 'RS256', kid: 'rsa-v1_5' } },
  fault: { keys: setOf({ ...KEYS.rsaV15.jwk, alg: 'PS512' }) },
}), token({
  name: 'key-for-encryption',
  description: 'The JWK says that the key is for encryption.',
  source: 'RFC 7517 §4.2',
  code: 'token.key_unknown',
  sound: { keys: setOf({ ...KEYS.ed25519.jwk, use: 'sig' }) },
  fault: { keys: setOf({ ...KEYS.ed25519.jwk, use: 'enc' }) },
}), token({
  name: 'key-that-may-not-verify',
  description: '`key_ops` of the JWK has no `verify`.',
  source: 'RFC 7517 §4.3',
  code: 'token.key_unknown',
  sound: { keys: setOf({ ...KEYS.ed25519.jwk, key_ops: ['verify'] }) },
  fault: { keys: setOf({ ...KEYS.ed25519.jwk, key_ops: ['encrypt'] }) },
}), token({
  name: 'rsa-key-of-1024-bits',
  description: 'The RSA key has 1024 bits.',
  source: 'RFC 7518 §3.3: 2048 bits or larger',
  code: 'token.key_unknown',
  sound: { key: KEYS.rsaV15, keys: setOf(KEYS.rsaV15), header: { alg: 'RS256', kid: 'rsa-v1_5' } },
  fault: { key: KEYS.rsaShort, keys: setOf(KEYS.rsaShort), header: { kid: 'rsa-1024' } },
}), token({
  name: 'kid-of-another-kind-of-key',
  description: '`kid` names a P-256 key, and the token is signed with EdDSA by another of the set.',
  source: 'RFC 7515 §4.1.4, RFC 8725 §3.10: the key is of the type that the algorithm needs',
  code: 'token.key_unknown',
  fault: { header: { kid: 'p256' } },
}))

// Keys that a token brings along.
const stranger = ed25519('stranger')
const strangersSet = JSON.stringify({ keys: [stranger.jwk] })
const brought = [
  ['jwk', { jwk: stranger.public }, 'RFC 7515 §4.1.3, RFC 8725 §3.10'],
  ['jwk-under-the-issuers-kid', { jwk: { ...stranger.public, kid: 'ed25519' } }, 'RFC 7515 §4.1.3'],
  ['jku', { jku: 'https://evil.example/jwks.json' }, 'RFC 7515 §4.1.2, RFC 8725 §3.10: server-side request forgery'],
  ['jku-of-the-issuers-host', { jku: 'https://auth.shop.example/../../evil.example/jwks.json' }, 'RFC 7515 §4.1.2'],
  ['jku-that-is-the-set', { jku: `data:application/json,${encodeURIComponent(strangersSet)}` }, 'RFC 7515 §4.1.2'],
  ['x5u', { x5u: 'https://evil.example/chain.pem' }, 'RFC 7515 §4.1.5'],
  ['x5c', { x5c: ['MIIBszCCAVmgAwIBAgIUQ291bnRlcnNpZ24='] }, 'RFC 7515 §4.1.6'],
  ['thumbprint', { 'x5t#S256': b64(sha256('a certificate')) }, 'RFC 7515 §4.1.8'],
]
for (const [name, header, source] of brought) {
  vectors.push(token({
    name: `signed-by-a-stranger-with-${name}`,
    description: `A stranger signed the token, and its header has ${name.replaceAll('-', ' ')} to verify it with.`,
    source,
    code: 'token.signature_invalid',
    fault: { header, key: stranger },
  }))
}

// `kid` is a name among the keys of the set, and nothing else.
const kids = [
  ['a-path', '../../../../../../dev/null'], ['a-file', 'file:///etc/hostname'], ['a-url', 'https://evil.example/jwks.json'],
  ['sql', "x' UNION SELECT 'AAAA"], ['a-command', '$(cat /etc/hostname)'], ['a-member-of-objects', '__proto__'], ['a-method-of-objects', 'constructor'],
  ['a-template', '{{7*7}}'], ['a-prefix-of-one', 'ed2551'], ['one-in-capitals', 'ED25519'], ['one-with-a-nul', 'ed25519\u0000'], ['one-with-a-space', 'ed25519 '], ['empty', ''],
]
for (const [name, kid] of kids) {
  vectors.push(token({
    name: `kid-is-${name}`,
    description: `\`kid\` is ${JSON.stringify(kid)}. The signature is by a key of the set.`,
    source: 'RFC 7515 §4.1.4, RFC 8725 §3.10: kid is not to be trusted',
    code: 'token.key_unknown',
    fault: { header: { kid } },
  }))
}
for (const [name, kid] of [['a-number', 7], ['null', null], ['an-array', ['ed25519']], ['an-object', { kid: 'ed25519' }], ['true', true]]) {
  vectors.push(token({
    name: `kid-is-${name}`,
    description: '`kid` is not a string.',
    source: 'RFC 7515 §4.1.4',
    code: 'token.malformed',
    fault: { header: { kid } },
  }))
}

// Extensions that must be understood.
const extensions = [
  ['empty', []], ['null', null], ['a-string', 'exp'], ['an-object', {}], ['of-numbers', [1]], ['false', false], ['of-exp', ['exp']], ['of-an-unknown-member', ['https://example/ext']],
  ['of-alg', ['alg']], ['of-a-member-that-is-not-there', ['ext']], ['of-one-twice', ['exp', 'exp']], ['of-b64', ['b64']],
]
for (const [name, crit] of extensions) {
  vectors.push(token({
    name: `crit-${name}`,
    description: `\`crit\` is ${JSON.stringify(crit)}.`,
    source: 'RFC 7515 §4.1.11: not understood, or not valid, and so refused',
    code: 'token.critical_header',
    fault: { header: { crit, exp: NOW + 290, 'https://example/ext': true } },
    sound: { header: { exp: NOW + 290, 'https://example/ext': true } },
  }))
}
for (const [name, header, fault] of [
  ['false-without-crit', { b64: false }, {}],
  ['false-with-crit', { b64: false, crit: ['b64'] }, {}],
  ['true', { b64: true }, {}],
  ['a-string', { b64: 'false' }, {}],
]) {
  vectors.push(token({
    name: `b64-${name}`,
    description: 'The header says how the payload is encoded, which a JWT never does.',
    source: name === 'true' ? 'RFC 7797 §7: legal, and better left out' : 'RFC 7797 §3, §6, §7: a boolean, named in crit, and never false in JWTs',
    basis: name === 'true' ? 'policy' : 'standard',
    code: 'token.critical_header',
    fault: { header, ...fault },
  }))
}

// Purposes.
for (const typ of ['dpop+jwt', 'statuslist+jwt', 'secevent+jwt', 'oauth-id-jag+jwt', 'wit+jwt', 'wpt+jwt', 'logout+jwt', 'token-introspection+jwt', 'countersign-assertion+jwt', 'JWT', 'at+JWTx', 'application/jwt', 'at', 'jwt+at', 'application/application/at+jwt', 'at+jwt; v=1', ' at+jwt', '']) {
  vectors.push(token({
    name: `typ-${typ.replaceAll(/[^A-Za-z0-9+-]/g, '_') || 'empty'}`,
    description: `\`typ\` is ${JSON.stringify(typ)}: a JWT of another purpose, or of none.`,
    source: 'RFC 9068 §4: typ is at+jwt or application/at+jwt; RFC 8725 §3.11',
    code: 'token.type_mismatch',
    sound: { header: { typ: 'application/at+JWT' } },
    fault: { header: { typ } },
  }))
}
vectors.push(token({
  name: 'typ-absent',
  description: '`typ` is not there.',
  source: 'RFC 9068 §4',
  code: 'token.type_mismatch',
  sound: { header: { typ: 'AT+jwt' } },
  fault: { header: { typ: undefined } },
}))
for (const [name, typ] of [['a-number', 1], ['null', null], ['an-array', ['at+jwt']]]) {
  vectors.push(token({ name: `typ-is-${name}`, description: '`typ` is not a string.', source: 'RFC 7515 §4.1.9', code: 'token.malformed', fault: { header: { typ } } }))
}
for (const typ of ['at+jwt', 'dpop+jwt', 'secevent+jwt', 'oauth-id-jag+jwt', 'wit+jwt', 'wpt+jwt', 'statuslist+jwt']) {
  vectors.push(token({
    name: `typ-${typ}-where-jwt-is-expected`,
    description: `The issuer's tokens are plain JWTs, and this one is \`${typ}\`.`,
    source: 'RFC 8725 §3.11, §3.12: mutually exclusive validation rules',
    code: 'token.type_mismatch',
    sound: { profile: 'jwt', header: { typ: undefined } },
    fault: { header: { typ } },
  }))
}

export { TOKEN_KEYS as keys, vectors }
