import { vector } from '../vector.mjs'
import { AUTHORITY, METHOD, NOW, PATH } from '../message.mjs'
import { KEYS, setOf } from '../keys.mjs'

const DRAFT = 'draft-ietf-webbotauth-httpsig-protocol-01'
const TYPE = 'application/http-message-signatures-directory+json'
const AGENTS = 'https://agents.example'
const WELL_KNOWN = `${AGENTS}/.well-known/http-message-signatures-directory`
const DIRECT = `${AGENTS}/keys.json`
const trust = [AGENTS, 'https://rival.example']

const bare = (key, members = {}) => ({ ...key.public, ...members })
const document = (...keys) => JSON.stringify(setOf(...keys))
const answer = (body, { status = 200, type = TYPE, fields = [] } = {}) =>
  ({ status, fields: [...(type ? [['Content-Type', type]] : []), ...fields], body })

const ask = (url, { key = KEYS.agent, form = 'dictionary', changes = {}, target } = {}) => {
  const identifier = form === 'legacy' ? '"signature-agent"' : '"signature-agent";key="sig1"'
  return {
    ...(target && { target }),
    fields: [['Signature-Agent', form === 'legacy' ? `"${url}"` : `sig1="${url}"`]],
    sig: { key, lines: [AUTHORITY, METHOD, PATH, [identifier, `"${url}"`]], params: { keyid: key.thumbprint, tag: 'web-bot-auth', ...changes } },
  }
}
const good = answer(document(bare(KEYS.agent)))
/** An agent that names its origin, whose directory answers so. */
const directory = (response, more) => ({ trust, directories: { [WELL_KNOWN]: response }, ...ask(AGENTS, more) })
/** An agent that names the URL of its keys, which answers so. */
const direct = (response, more) => ({ trust, directories: { [DIRECT]: response }, ...ask(DIRECT, more) })
const dir = (definition) => vector({ profile: 'web-bot-auth', source: DRAFT, sound: directory(good), ...definition })
const answers = (name, description, code, response, more = {}) =>
  dir({ name: `directory-${name}`, description, code, fault: { directories: response === undefined ? {} : { [WELL_KNOWN]: response } }, ...more })
/** A directory with this key in place of the agent's. */
const holds = (name, description, key, more = {}) => answers(name, description, 'signature.key_unknown', answer(document(key)), more)

export const title = 'Directories: which key counts for which URL, and what a directory may answer. Run against a verifier that fetches.'
export const vectors = [
  dir({
    name: 'key-in-the-directory-of-another-agent',
    description: 'The key is published by another agent that is trusted too; the agent that the request names does not have it.',
    source: `${DRAFT}: keys are looked up by the pair of URL and keyid`,
    code: 'signature.key_unknown',
    sound: { trust, directories: { [WELL_KNOWN]: good }, ...ask(AGENTS) },
    fault: { directories: { [WELL_KNOWN]: answer(document(bare(KEYS.rival))), 'https://rival.example/.well-known/http-message-signatures-directory': good } },
  }),
  dir({
    name: 'key-of-another-agent-known-from-before',
    description: 'The key was learnt from another agent\'s directory a moment ago; that makes it nobody else\'s.',
    source: `${DRAFT}: keys are looked up by the pair of URL and keyid`,
    code: 'signature.key_unknown',
    sound: {
      trust, directories: { [WELL_KNOWN]: good, 'https://rival.example/.well-known/http-message-signatures-directory': answer(document(bare(KEYS.rival))) },
      earlier: [ask('https://rival.example', { key: KEYS.rival })], ...ask(AGENTS),
    },
    fault: ask(AGENTS, { key: KEYS.rival }),
  }),
  dir({
    name: 'key-at-another-url-of-the-origin',
    description: 'Two agents share an origin. The key is at the URL of the other one.',
    source: `${DRAFT}: the identity is the URL`,
    code: 'signature.key_unknown',
    sound: { trust, directories: { [DIRECT]: good }, ...ask(DIRECT) },
    fault: { directories: { [DIRECT]: answer(document(bare(KEYS.rival))), [`${AGENTS}/rival.json`]: good } },
  }),
  dir({
    name: 'key-at-the-well-known-path-only',
    description: 'The request names the URL of a key set; the key is in the directory of the same origin.',
    code: 'signature.key_unknown',
    sound: { trust, directories: { [DIRECT]: good }, ...ask(DIRECT) },
    fault: { directories: { [DIRECT]: answer(document(bare(KEYS.rival))), [WELL_KNOWN]: good } },
  }),
  dir({
    name: 'path-in-another-spelling',
    description: 'Paths are case-sensitive: another case is another agent.',
    source: `${DRAFT}; RFC 3986 §6.2.2.1`,
    code: 'signature.directory_invalid',
    sound: { trust, directories: { [DIRECT]: good, [`${AGENTS}/Keys.json`]: { status: 404, fields: [], body: '' } }, ...ask(DIRECT) },
    fault: ask(`${AGENTS}/Keys.json`),
  }),
  dir({
    name: 'agent-not-trusted',
    description: 'The directory is there and right, and the verifier does not trust its origin.',
    code: 'signature.agent_untrusted',
    sound: directory(good),
    fault: { trust: ['https://rival.example'] },
  }),
  dir({
    name: 'agent-below-a-trusted-name',
    description: 'Trusting agents.example trusts no host whose name ends or begins with it.',
    code: 'signature.agent_untrusted',
    sound: { trust, directories: { [WELL_KNOWN]: good, 'https://agents.example.attacker.example/.well-known/http-message-signatures-directory': good }, ...ask(AGENTS) },
    fault: ask('https://agents.example.attacker.example'),
  }),
  dir({
    name: 'agent-on-another-port',
    description: 'Another port is another origin.',
    code: 'signature.agent_untrusted',
    sound: { trust, directories: { [WELL_KNOWN]: good, 'https://agents.example:8443/.well-known/http-message-signatures-directory': good }, ...ask(AGENTS) },
    fault: ask('https://agents.example:8443'),
  }),
  answers('unreachable', 'The directory cannot be reached: nothing is known, and nothing is let in.', 'keys.unavailable', undefined),
  answers('not-found', 'There is no directory.', 'signature.directory_invalid', answer('', { status: 404 })),
  answers('gone', 'There is no directory any more, whatever the body holds.', 'signature.directory_invalid', { ...good, status: 410 }),
  answers('server-error', 'The server failed, whatever the body holds.', 'keys.unavailable', { ...good, status: 500 }),
  answers('unavailable-for-a-while', 'The server asks to come back later.', 'keys.unavailable', { ...good, status: 503, fields: [...good.fields, ['Retry-After', '60']] }),
  answers('too-many-requests', 'The server asks to be left alone.', 'keys.unavailable', { ...good, status: 429 }),
  ...[301, 302, 303, 307, 308].map((status) => answers(`redirect-${status}`, 'Redirects are not followed: where they lead is another agent.', 'signature.directory_invalid',
    answer('', { status, fields: [['Location', 'https://rival.example/keys.json']] }),
    { fault: { directories: { [WELL_KNOWN]: answer('', { status, fields: [['Location', 'https://rival.example/keys.json']] }), 'https://rival.example/keys.json': good } } })),
  answers('other-success', 'Only 200 is an answer.', 'signature.directory_invalid', { ...good, status: 203 }),
  answers('of-another-type', 'The media type is required at the well-known path. In the twin it has parameters and other case.', 'signature.directory_invalid',
    answer(document(bare(KEYS.agent)), { type: 'application/json' }), { sound: directory(answer(document(bare(KEYS.agent)), { type: 'Application/HTTP-Message-Signatures-Directory+JSON; charset=utf-8' })) }),
  answers('without-a-type', 'The media type is required at the well-known path. In the twin the URL is named directly, and none is.', 'signature.directory_invalid',
    undefined, { sound: direct(answer(document(bare(KEYS.agent)), { type: null })), fault: directory(answer(document(bare(KEYS.agent)), { type: null })) }),
  answers('is-a-page', 'The body is a page.', 'signature.directory_invalid', answer('<html>')),
  answers('empty', 'The body is empty.', 'signature.directory_invalid', answer('')),
  answers('truncated', 'The body ends early.', 'signature.directory_invalid', answer(document(bare(KEYS.agent)).slice(0, -2))),
  answers('is-an-array', 'The body is an array of keys.', 'signature.directory_invalid', answer(JSON.stringify([bare(KEYS.agent)]))),
  answers('without-keys', 'The body is an object without keys.', 'signature.directory_invalid', answer('{}')),
  answers('with-keys-that-are-no-array', 'keys is an object.', 'signature.directory_invalid', answer(JSON.stringify({ keys: bare(KEYS.agent) }))),
  answers('with-keys-twice', 'keys occurs twice; parsers keep one of the two.', 'signature.directory_invalid',
    answer(`{"keys":[],"keys":[${JSON.stringify(bare(KEYS.agent))}]}`), { source: `${DRAFT}; RFC 8259 §4, RFC 7517 §4`, basis: 'policy' }),
  answers('with-a-member-of-a-key-twice', 'x occurs twice in the key.', 'signature.directory_invalid',
    answer(`{"keys":[${JSON.stringify(bare(KEYS.rival)).replace(/}$/, `,"x":"${KEYS.agent.public.x}"}`)}]}`), { source: 'RFC 7517 §4: member names MUST be unique' }),
  answers('too-long', 'The body is longer than 64 KiB, by white space.', 'signature.directory_invalid', answer(document(bare(KEYS.agent)) + ' '.repeat(65536)), { basis: 'policy' }),
  answers('with-too-many-keys', 'The set has more than a hundred keys.', 'signature.directory_invalid',
    answer(JSON.stringify({ keys: [...Array.from({ length: 100 }, () => ({ kty: 'x' })), bare(KEYS.agent)] })), { basis: 'policy' }),
  answers('without-any-key', 'The set is empty.', 'signature.key_unknown', answer('{"keys":[]}')),
  holds('with-another-kid', 'At the well-known path a kid is the thumbprint. In the twin it is.', bare(KEYS.agent, { kid: 'agent' }),
    { sound: directory(answer(document(bare(KEYS.agent, { kid: KEYS.agent.thumbprint })))) }),
  holds('with-the-thumbprint-as-kid-of-another-key', 'A key of somebody else has the thumbprint as its kid.', bare(KEYS.rival, { kid: KEYS.agent.thumbprint })),
  holds('with-a-private-key', 'The private half is published: everybody is this agent.', bare(KEYS.agent, { d: KEYS.agent.seed.toString('base64url') }), { source: 'RFC 7517 §9.3', basis: 'policy' }),
  holds('with-a-key-for-encryption', 'The key is not for signatures.', bare(KEYS.agent, { use: 'enc' }), { source: 'RFC 7517 §4.2' }),
  holds('with-a-key-that-may-only-sign', 'The operations of the key do not include verify.', bare(KEYS.agent, { key_ops: ['sign'] }), { source: 'RFC 7517 §4.3' }),
  holds('with-a-key-of-another-algorithm', 'alg is not an algorithm of such a key. In the twin it is `ed25519`, as directories write it.', bare(KEYS.agent, { alg: 'ES256' }),
    { sound: directory(answer(document(bare(KEYS.agent, { alg: 'ed25519' })))) }),
  holds('with-an-unknown-curve', 'The curve is one that is not supported.', bare(KEYS.agent, { crv: 'Ed448' })),
  holds('with-x-padded', 'x is padded: base64url of JOSE is not.', bare(KEYS.agent, { x: `${KEYS.agent.public.x}=` }), { source: 'RFC 7515 §2, RFC 8037 §2' }),
  holds('with-x-of-31-bytes', 'x is too short.', bare(KEYS.agent, { x: Buffer.from(KEYS.agent.public.x, 'base64url').subarray(0, 31).toString('base64url') }), { source: 'RFC 8037 §2' }),
  holds('with-a-key-of-an-unknown-type', 'The only key is of a type that is not known. In the twin such a key is beside the good one, and spoils nothing.', { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' },
    { sound: directory(answer(document({ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' }, bare(KEYS.agent)))), source: 'RFC 7517 §5' }),
  dir({
    name: 'directory-is-a-single-key-of-somebody-else',
    description: 'The directory is a bare JWK, as some are: another\'s. In the twin it is the agent\'s.',
    code: 'signature.key_unknown',
    sound: directory(answer(JSON.stringify(bare(KEYS.agent)))),
    fault: { directories: { [WELL_KNOWN]: answer(JSON.stringify(bare(KEYS.rival))) } },
  }),
  dir({
    name: 'directory-with-a-published-key',
    description: 'The directory has a key whose private half is printed in RFC 9421.',
    source: `${DRAFT}: test keys MUST be rejected`,
    code: 'signature.key_forbidden',
    fault: { directories: { [WELL_KNOWN]: answer(document(bare(KEYS.printed))) }, ...ask(AGENTS, { key: KEYS.printed }) },
  }),
  dir({
    name: 'legacy-string-of-another-agent',
    description: 'The String form, with the key of another agent.',
    code: 'signature.key_unknown',
    sound: directory(good, { form: 'legacy' }),
    fault: { directories: { [WELL_KNOWN]: answer(document(bare(KEYS.rival))) } },
  }),
  dir({
    name: 'nonce-used-before',
    description: 'The same request comes again.',
    source: 'RFC 9421 §7.2.2: enforcing uniqueness of the nonce parameter',
    code: 'signature.replayed',
    sound: directory(good, { changes: { nonce: 'once' } }),
    fault: { earlier: [ask(AGENTS, { changes: { nonce: 'once' } })] },
  }),
  dir({
    name: 'nonce-used-before-on-another-request',
    description: 'The nonce comes again under another signature. In the twin the earlier request was a forgery with that nonce: what does not verify uses nothing up.',
    source: 'RFC 9421 §7.2.2',
    code: 'signature.replayed',
    sound: { ...directory(good, { changes: { nonce: 'once' } }), earlier: [{ ...ask(AGENTS, { changes: { nonce: 'once', keyid: KEYS.agent.thumbprint }, key: KEYS.rival }) }] },
    fault: { earlier: [ask(AGENTS, { changes: { nonce: 'once', created: NOW - 20 } })] },
  }),
]
