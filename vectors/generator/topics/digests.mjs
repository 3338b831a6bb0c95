import { vector } from '../vector.mjs'
import { AUTHORITY, digest } from '../message.mjs'

const BODY = '{"pay":1}'
const OTHER = '{"pay":9}'
/** A POST whose digest field has this value, covered by this identifier. */
const covered = (value, body = BODY, identifier = '"content-digest"', signed = value) => ({
  method: 'POST', body,
  fields: [['Content-Digest', value]],
  sig: { lines: [['"@method"', 'POST'], AUTHORITY, [identifier, signed]] },
})
const good = covered(digest(BODY))

export const title = 'Content: a covered digest binds the content only if the content is hashed'
export const vectors = [
  vector({
    name: 'content-changed',
    description: 'The covered digest is signed well, and the content is another.',
    source: 'RFC 9421 §7.2.8, RFC 9530 §2',
    code: 'signature.digest_mismatch',
    sound: good,
    fault: { body: OTHER },
  }),
  vector({
    name: 'content-changed-sha-512',
    description: 'The same with sha-512.',
    source: 'RFC 9421 §7.2.8, RFC 9530 §2',
    code: 'signature.digest_mismatch',
    sound: covered(digest(BODY, 'sha-512')),
    fault: { body: OTHER },
  }),
  vector({
    name: 'content-taken-away',
    description: 'The content was taken away.',
    source: 'RFC 9421 §7.2.8',
    code: 'signature.digest_mismatch',
    sound: good,
    fault: { body: '' },
  }),
  vector({
    name: 'content-with-a-line-break-more',
    description: 'A line feed was added to the content.',
    source: 'RFC 9530 §2',
    code: 'signature.digest_mismatch',
    sound: good,
    fault: { body: `${BODY}\n` },
  }),
  vector({
    name: 'second-digest-wrong',
    description: 'Of two digests the first is right and the second is not.',
    source: 'RFC 9530 §2, §6.6',
    basis: 'policy',
    code: 'signature.digest_mismatch',
    sound: covered(`${digest(BODY)}, ${digest(BODY, 'sha-512')}`),
    fault: covered(`${digest(BODY)}, ${digest(OTHER, 'sha-512')}`),
  }),
  vector({
    name: 'digest-truncated',
    description: 'The digest is the first sixteen bytes of the right one.',
    source: 'RFC 9530 §2',
    code: 'signature.digest_mismatch',
    sound: good,
    fault: covered(`sha-256=:${Buffer.from(digest(BODY).slice(9, -1), 'base64').subarray(0, 16).toString('base64')}:`),
  }),
  vector({
    name: 'digest-of-no-known-algorithm',
    description: 'The only digest is of an algorithm that the registry calls deprecated.',
    source: 'RFC 9530 §5: MUST NOT be used to detect deliberate changes',
    code: 'signature.digest_unsupported',
    sound: good,
    fault: covered(`md5=:${digest(BODY, 'md5').slice(5)}`),
  }),
  vector({
    name: 'digest-as-a-string',
    description: 'The digest is a String, not a Byte Sequence.',
    source: 'RFC 9530 §2',
    code: 'signature.digest_unsupported',
    sound: good,
    fault: covered(`sha-256="${digest(BODY).slice(9, -1)}"`),
  }),
  vector({
    name: 'digest-named-in-upper-case',
    description: 'Keys of a Dictionary have no upper-case letters: this is the old Digest field in new clothes.',
    source: 'RFC 9530 §2, RFC 9651 §3.2',
    code: 'signature.digest_unsupported',
    sound: good,
    fault: covered(digest(BODY).replace('sha', 'SHA')),
  }),
  vector({
    name: 'digest-twice',
    description: 'The algorithm occurs twice, the right digest last.',
    source: 'RFC 9421 §7.5.2, against RFC 9651 §4.2.2',
    basis: 'policy',
    code: 'signature.digest_unsupported',
    sound: good,
    fault: covered(`${digest(OTHER)}, ${digest(BODY)}`),
  }),
  vector({
    name: 'digest-not-covered',
    description: 'The verifier demands that content is covered. The digest is there and right, and anybody could have written it.',
    source: 'RFC 9421 §7.2.8, §3.2.1',
    require: { components: ['"@method"', '"content-digest"'] },
    code: 'signature.component_not_covered',
    sound: good,
    fault: { sig: { lines: [['"@method"', 'POST'], AUTHORITY] } },
  }),
  vector({
    name: 'covered-member-is-not-the-one-checked',
    description: 'The signature covers the sha-512 digest, which is of other content; the sha-256 digest beside it was added later.',
    source: 'RFC 9421 §2.1.2, §7.2.8',
    code: 'signature.digest_mismatch',
    sound: covered(digest(BODY, 'sha-512'), BODY, '"content-digest";key="sha-512"', digest(BODY, 'sha-512').slice(8)),
    fault: { body: OTHER, fields: [['Content-Digest', `${digest(BODY, 'sha-512')}, ${digest(OTHER)}`]] },
  }),
  vector({
    name: 'digest-replaced-with-the-content',
    description: 'Content and digest were replaced together.',
    source: 'RFC 9421 §7.2.8',
    code: 'signature.invalid',
    sound: good,
    fault: { body: OTHER, fields: [['Content-Digest', digest(OTHER)]] },
  }),
]
