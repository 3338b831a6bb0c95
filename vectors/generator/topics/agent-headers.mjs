import { sign } from '../sign.mjs'
import { vector } from '../vector.mjs'
import { NOW } from '../message.mjs'
import { KEYS, setOf } from '../keys.mjs'

// The signature is base64 of one over the body, followed by the text of Timestamp.
const BODY = '{"pay":1}'
const key = { ...KEYS.ed25519, kid: 'agent-7' }
const keys = setOf({ ...KEYS.ed25519.public, kid: 'agent-7' })
const fields = ({ agent = 'agent-7', time = NOW, body = BODY, signed = `${body}${time}`, by = key, change = (text) => text } = {}) => [
  ['Agent-ID', agent], ['Timestamp', String(time)], ['Signature', change(sign(by, signed).toString('base64'))],
]
const post = (spec) => ({ method: 'POST', body: BODY, keys, fields: fields(spec) })
const without = (name) => fields().filter(([field]) => field !== name)
const plain = (definition) => vector({
  profile: 'agent-headers', source: 'The plain header scheme: Signature = base64(sign(body || Timestamp))', sound: post(), ...definition,
})

export const title = 'The plain header scheme: Agent-ID, Timestamp, Signature'
export const vectors = [
  plain({ name: 'plain-body-changed', description: 'The body was changed after signing.', code: 'signature.invalid', fault: { body: '{"pay":9}' } }),
  plain({ name: 'plain-body-taken-away', description: 'The body was taken away.', code: 'signature.invalid', fault: { body: '' } }),
  plain({ name: 'plain-timestamp-renewed', description: 'An old signature under a new time.', code: 'signature.invalid', sound: post({ time: NOW - 60 }), fault: { fields: fields({ time: NOW, signed: `${BODY}${NOW - 60}` }) } }),
  plain({ name: 'plain-timestamp-before-the-body', description: 'The time was signed before the body, not after it.', code: 'signature.invalid', fault: post({ signed: `${NOW}${BODY}` }) }),
  plain({ name: 'plain-timestamp-too-old', description: 'The signature is 301 seconds old; in the twin 299.', code: 'signature.too_old', sound: post({ time: NOW - 299 }), fault: post({ time: NOW - 301 }) }),
  plain({ name: 'plain-timestamp-ahead', description: 'The time lies 301 seconds ahead; in the twin 299.', code: 'signature.created_in_future', sound: post({ time: NOW + 299 }), fault: post({ time: NOW + 301 }) }),
  plain({ name: 'plain-timestamp-in-milliseconds', description: 'Milliseconds are refused, not guessed at.', code: 'signature.timestamp_invalid', fault: post({ time: NOW * 1000 }) }),
  plain({ name: 'plain-timestamp-is-a-date', description: 'The time is a date.', code: 'signature.timestamp_invalid', fault: post({ time: '2026-09-21T13:33:20Z' }) }),
  plain({ name: 'plain-timestamp-negative', description: 'The time has a sign.', code: 'signature.timestamp_invalid', fault: post({ time: `+${NOW}` }) }),
  plain({ name: 'plain-timestamp-with-a-fraction', description: 'The time has a fraction.', code: 'signature.timestamp_invalid', fault: post({ time: `${NOW}.5` }) }),
  plain({ name: 'plain-timestamp-empty', description: 'The time is empty.', code: 'signature.timestamp_invalid', fault: post({ time: '' }) }),
  plain({ name: 'plain-timestamp-missing', description: 'There is no time.', code: 'signature.missing', fault: { fields: without('Timestamp') } }),
  plain({ name: 'plain-signature-missing', description: 'There is no signature.', code: 'signature.missing', fault: { fields: without('Signature') } }),
  plain({ name: 'plain-agent-missing', description: 'Nobody says who they are.', code: 'signature.missing', fault: { fields: without('Agent-ID') } }),
  plain({ name: 'plain-agent-empty', description: 'The agent has no name.', code: 'signature.agent_malformed', fault: post({ agent: '' }) }),
  plain({ name: 'plain-agent-twice', description: 'Two agents are named; the last one is who signed.', code: 'signature.duplicate_label', fault: { fields: [['Agent-ID', 'agent-8'], ...fields()] } }),
  plain({ name: 'plain-agents-in-a-list', description: 'Two agents are named in one line.', code: 'signature.duplicate_label', fault: post({ agent: 'agent-7, agent-8' }) }),
  plain({ name: 'plain-timestamp-twice', description: 'Two times are given, the signed one last.', code: 'signature.duplicate_label', fault: { fields: [['Timestamp', String(NOW - 1)], ...fields()] } }),
  plain({ name: 'plain-signature-twice', description: 'Two signatures are given, the good one last.', code: 'signature.duplicate_label', fault: { fields: [['Signature', 'AAAA'], ...fields()] } }),
  plain({ name: 'plain-signature-in-base64url', description: 'The alphabet is that of base64.', code: 'signature.malformed', sound: post({ time: NOW - 7 }), fault: post({ time: NOW - 7, change: (text) => text.replaceAll('+', '-').replaceAll('/', '_') }) }),
  plain({ name: 'plain-signature-in-hex', description: 'The signature is in hexadecimal, which is base64 of something else.', code: 'signature.invalid', fault: post({ change: (text) => Buffer.from(text, 'base64').toString('hex') }) }),
  plain({ name: 'plain-signature-empty', description: 'The signature is empty.', code: 'signature.malformed', fault: post({ change: () => '' }) }),
  plain({ name: 'plain-signature-truncated', description: 'The signature lacks its last bytes.', code: 'signature.invalid', fault: post({ change: (text) => Buffer.from(text, 'base64').subarray(0, 60).toString('base64') }) }),
  plain({ name: 'plain-signature-by-another', description: 'Another key signed.', code: 'signature.invalid', fault: post({ by: KEYS.other }) }),
  plain({ name: 'plain-key-published', description: 'The private half of the key is printed in RFC 9421.', code: 'signature.key_forbidden', fault: { keys: setOf({ ...KEYS.printed.public, kid: 'agent-7' }), ...{ fields: fields({ by: KEYS.printed }) } } }),
  plain({ name: 'plain-key-too-short', description: 'An RSA key of fewer than 4096 bits.', code: 'signature.algorithm_not_allowed', fault: { keys: setOf({ ...KEYS.rsaV15.public, kid: 'agent-7' }), fields: fields({ by: KEYS.rsaV15 }) } }),
]
