import { vector } from '../vector.mjs'
import { AUTHORITY, METHOD, NOW } from '../message.mjs'

const LINES = [METHOD, AUTHORITY]
const at = (created, expires) => ({ sig: { lines: LINES, params: { created, expires } } })
const DAY = 86400

export const title = 'Time: created, expires and the window between; the clock of the verifier may be 30 seconds behind'
export const vectors = [
  vector({
    name: 'created-in-the-future',
    description: '`created` lies 31 seconds ahead; in the twin it lies 30 ahead, which the tolerated skew of clocks covers.',
    source: 'RFC 9421 §3.2.1, §7.2.2',
    code: 'signature.created_in_future',
    sound: at(NOW + 30, NOW + 90),
    fault: at(NOW + 31, NOW + 90),
  }),
  vector({
    name: 'created-a-day-ahead',
    description: '`created` lies a day ahead.',
    source: 'RFC 9421 §7.2.2',
    code: 'signature.created_in_future',
    sound: at(NOW, NOW + 60),
    fault: at(NOW + DAY, NOW + DAY + 60),
  }),
  vector({
    name: 'created-in-milliseconds',
    description: '`created` is in milliseconds, which is a time far ahead.',
    source: 'RFC 9421 §2.3: UNIX timestamp; sub-second precision is not supported',
    code: 'signature.created_in_future',
    sound: at(NOW, NOW + 60),
    fault: at(NOW * 1000, (NOW + 60) * 1000),
  }),
  vector({
    name: 'expired-a-second-ago',
    description: '`expires` passed a second ago. The skew of clocks does not extend what the signer limited itself.',
    source: 'RFC 9421 §2.3, §3.2.1',
    code: 'signature.expired',
    sound: at(NOW - 60, NOW + 1),
    fault: at(NOW - 60, NOW - 1),
  }),
  vector({
    name: 'expired-a-year-ago',
    description: '`expires` passed a year ago.',
    source: 'RFC 9421 §3.2.1: rejection of signatures past the expiration time',
    code: 'signature.expired',
    sound: at(NOW - 60, NOW + 60),
    fault: at(NOW - 365 * DAY, NOW - 365 * DAY + 60),
  }),
  vector({
    name: 'expires-before-created',
    description: '`expires` lies ahead, and before `created`, which the skew of clocks covers.',
    source: 'RFC 9421 §2.3',
    code: 'signature.window_invalid',
    sound: at(NOW + 20, NOW + 30),
    fault: at(NOW + 20, NOW + 10),
  }),
  vector({
    name: 'window-too-long',
    description: 'The signature is good for a second longer than the verifier takes.',
    source: 'RFC 9421 §3.2.1, §7.2.2',
    require: { max_window: 300 },
    code: 'signature.window_invalid',
    sound: at(NOW - 10, NOW + 290),
    fault: at(NOW - 10, NOW + 291),
  }),
  vector({
    name: 'created-required-and-missing',
    description: 'The verifier demands `created`.',
    source: 'RFC 9421 §3.2.1',
    require: { parameters: ['created'] },
    code: 'signature.parameter_missing',
    sound: at(NOW, null),
    fault: at(null, null),
  }),
  vector({
    name: 'expires-required-and-missing',
    description: 'The verifier demands `expires`.',
    source: 'RFC 9421 §3.2.1',
    require: { parameters: ['created', 'expires'] },
    code: 'signature.parameter_missing',
    sound: at(NOW, NOW + 60),
    fault: at(NOW, null),
  }),
  vector({
    name: 'keyid-required-and-missing',
    description: 'The verifier demands `keyid`.',
    source: 'RFC 9421 §3.2.1',
    require: { parameters: ['keyid'] },
    code: 'signature.parameter_missing',
    sound: at(NOW, NOW + 60),
    fault: { sig: { params: { keyid: null } } },
  }),
]
