import { vector } from '../vector.mjs'
import { METHOD, AUTHORITY, NOW, PATH, QUERY } from '../message.mjs'
import { KEYS, setOf } from '../keys.mjs'

const DRAFT = 'draft-ietf-webbotauth-httpsig-protocol-01'
const TARGET = ['"@target-uri"', 'https://shop.example/orders?id=7']
const keys = setOf(KEYS.agent.public, KEYS.rival.public)
const parameters = (changes = {}) => ({ keyid: KEYS.agent.thumbprint, tag: 'web-bot-auth', ...changes })
const sign = (lines, changes, more = {}) => ({ key: KEYS.agent, label: 'sig1', lines, params: parameters(changes), ...more })

/** A member of the Dictionary, covered as the member of the signature's label. */
const dictionary = (text, changes, member = 'sig1', value = text) => ({
  keys, fields: [['Signature-Agent', `${member}=${text}`]],
  sig: sign([AUTHORITY, METHOD, PATH, [`"signature-agent";key="${member}"`, value]], changes),
})
const url = (text, changes) => dictionary(`"${text}"`, changes)
/** The bare String of early deployments, covered as the whole field. */
const legacy = (text, changes) => ({
  keys, fields: [['Signature-Agent', `"${text}"`]],
  sig: sign([AUTHORITY, METHOD, PATH, ['"signature-agent"', `"${text}"`]], changes),
})
const DIRECT = 'https://agents.example/keys.json'
const direct = url(DIRECT)
const origin = url('https://agents.example')

const wba = (definition) => vector({ profile: 'web-bot-auth', source: DRAFT, sound: direct, ...definition })
const refusedUrl = (name, text, code, description, source = `${DRAFT}, Signature-Agent; RFC 3986`) =>
  wba({ name: `url-${name}`, description, source, code, fault: url(text) })
const trailing = `${KEYS.agent.thumbprint.slice(0, -1)}${String.fromCharCode(KEYS.agent.thumbprint.charCodeAt(42) + 1)}`

export const title = 'Web Bot Auth: the three wire forms, what must be covered and said, and URLs that must not be fetched'
export const vectors = [
  wba({
    name: 'legacy-string-changed',
    description: 'The agent of the String form was replaced after signing.',
    code: 'signature.invalid',
    sound: legacy('https://agents.example'),
    fault: { fields: [['Signature-Agent', '"https://rival.example"']] },
  }),
  wba({
    name: 'dictionary-origin-changed',
    description: 'The agent of the Dictionary form was replaced after signing.',
    code: 'signature.invalid',
    sound: origin,
    fault: { fields: [['Signature-Agent', 'sig1="https://rival.example"']] },
  }),
  wba({
    name: 'direct-url-changed',
    description: 'The URL of the key set was replaced after signing by another below the same origin.',
    code: 'signature.invalid',
    sound: direct,
    fault: { fields: [['Signature-Agent', 'sig1="https://agents.example/rival.json"']] },
  }),
  wba({
    name: 'type-changed-to-directory',
    description: 'The parameter that says what the URL is was changed after signing.',
    source: 'draft-ietf-webbotauth-httpsig-protocol-00, Signature-Agent',
    code: 'signature.invalid',
    sound: dictionary('"https://agents.example";type=directory'),
    fault: { fields: [['Signature-Agent', 'sig1="https://agents.example";type=jwks_uri']] },
  }),
  wba({
    name: 'legacy-string-not-covered',
    description: 'The agent of the String form is not covered: anybody may put their own signature behind another name.',
    code: 'signature.agent_not_covered',
    sound: legacy('https://agents.example'),
    fault: { sig: { lines: [AUTHORITY, METHOD, PATH] } },
  }),
  wba({
    name: 'legacy-string-with-a-path',
    description: 'The String form names an origin, and nothing below it.',
    code: 'signature.agent_malformed',
    sound: legacy('https://agents.example'),
    fault: legacy('https://agents.example/keys.json'),
  }),
  wba({
    name: 'legacy-string-covered-as-a-member',
    description: 'The String form has no members that could be covered.',
    code: 'signature.agent_not_covered',
    sound: legacy('https://agents.example'),
    fault: { sig: { lines: [AUTHORITY, METHOD, PATH, ['"signature-agent";key="sig1"', '"https://agents.example"']] } },
  }),
  wba({
    name: 'dictionary-not-covered',
    description: 'Signature-Agent is there and not covered.',
    code: 'signature.agent_not_covered',
    fault: { sig: { lines: [AUTHORITY, METHOD, PATH] } },
  }),
  wba({
    name: 'another-member-covered',
    description: 'The signature covers a member that is not in Signature-Agent.',
    code: 'signature.component_missing',
    fault: { sig: { lines: [AUTHORITY, METHOD, PATH, ['"signature-agent";key="sig2"', '']] } },
  }),
  wba({
    name: 'two-members-covered-neither-of-its-label',
    description: 'The signature covers two members, and its label is neither: who it speaks for is not said. In the twin one of them has its label.',
    code: 'signature.agent_ambiguous',
    sound: {
      keys, fields: [['Signature-Agent', `sig1="${DIRECT}", b="https://rival.example"`]],
      sig: sign([AUTHORITY, METHOD, ['"signature-agent";key="sig1"', `"${DIRECT}"`], ['"signature-agent";key="b"', '"https://rival.example"']]),
    },
    fault: { sig: { label: 'other' } },
  }),
  wba({
    name: 'whole-field-of-two-members-covered',
    description: 'The signature covers the whole field, which names two agents.',
    code: 'signature.agent_ambiguous',
    sound: { keys, fields: [['Signature-Agent', `sig1="${DIRECT}"`]], sig: sign([AUTHORITY, METHOD, ['"signature-agent"', `sig1="${DIRECT}"`]]) },
    fault: {
      fields: [['Signature-Agent', `sig1="${DIRECT}", b="https://rival.example"`]],
      sig: { lines: [AUTHORITY, METHOD, ['"signature-agent"', `sig1="${DIRECT}", b="https://rival.example"`]] },
    },
  }),
  wba({
    name: 'agent-missing',
    description: 'There is no Signature-Agent, and the signature covers none.',
    code: 'signature.agent_missing',
    fault: { fields: [], sig: { lines: [AUTHORITY, METHOD, PATH] } },
  }),
  wba({
    name: 'agent-covered-and-missing',
    description: 'The signature covers a member of Signature-Agent, and the field is not there.',
    code: 'signature.agent_missing',
    fault: { fields: [] },
  }),
  wba({
    name: 'member-twice',
    description: 'Signature-Agent names the member twice, in two lines, the signed value last.',
    basis: 'policy',
    source: `${DRAFT}; RFC 9421 §7.5.2, against RFC 9651 §4.2.2`,
    code: 'signature.agent_malformed',
    fault: { fields: [['Signature-Agent', 'sig1="https://rival.example"'], ['Signature-Agent', `sig1="${DIRECT}"`]] },
  }),
  wba({
    name: 'member-is-a-token',
    description: 'A member is a String; here it is a Token.',
    code: 'signature.agent_malformed',
    fault: dictionary('https://agents.example/keys.json'),
  }),
  wba({
    name: 'member-is-an-inner-list',
    description: 'A member is a String; here it is an Inner List of them.',
    code: 'signature.agent_malformed',
    fault: dictionary(`("${DIRECT}" "https://rival.example")`),
  }),
  wba({
    name: 'member-of-unknown-type',
    description: 'A member says that its URL leads to keys in a way that no version of the draft has.',
    code: 'signature.agent_unsupported',
    sound: dictionary(`"${DIRECT}";type=jwks_uri`),
    fault: dictionary(`"${DIRECT}";type=did`),
  }),
  wba({
    name: 'member-with-an-unknown-parameter',
    description: 'Members with parameters that are not known are ignored.',
    code: 'signature.agent_unsupported',
    fault: dictionary(`"${DIRECT}";via=cdn`),
  }),
  wba({
    name: 'neither-authority-nor-target-uri-covered',
    description: 'The signature is good for any site. In the twin it covers @target-uri.',
    code: 'signature.component_not_covered',
    sound: { keys, fields: direct.fields, sig: sign([TARGET, ['"signature-agent";key="sig1"', `"${DIRECT}"`]]) },
    fault: { sig: { lines: [METHOD, PATH, QUERY, ['"signature-agent";key="sig1"', `"${DIRECT}"`]] } },
  }),
  wba({
    name: 'only-host-covered',
    description: 'Host is a field, which an intermediary may rewrite; @authority is what must be covered.',
    source: `${DRAFT}; RFC 9421 §2.2.3: SHOULD be used instead of signing the Host header field directly`,
    code: 'signature.component_not_covered',
    fault: { sig: { lines: [['"host"', 'shop.example'], ['"signature-agent";key="sig1"', `"${DIRECT}"`]] } },
  }),
  wba({
    name: 'expires-missing-under-web-bot-auth',
    description: '`expires` is required.',
    code: 'signature.parameter_missing',
    fault: { sig: { params: parameters({ expires: null }) } },
  }),
  wba({
    name: 'created-missing-under-web-bot-auth',
    description: '`created` is required.',
    code: 'signature.parameter_missing',
    fault: { sig: { params: parameters({ created: null }) } },
  }),
  wba({
    name: 'keyid-missing-under-web-bot-auth',
    description: '`keyid` is required.',
    code: 'signature.parameter_missing',
    fault: { sig: { params: parameters({ keyid: null }) } },
  }),
  wba({
    name: 'valid-for-more-than-a-day',
    description: '`expires` is 24 hours and one second after `created`; in the twin it is 24 hours.',
    code: 'signature.window_invalid',
    sound: url(DIRECT, { created: NOW - 10, expires: NOW - 10 + 86400 }),
    fault: { sig: { params: parameters({ created: NOW - 10, expires: NOW - 10 + 86401 }) } },
  }),
  wba({
    name: 'valid-for-a-year',
    description: '`expires` is a year away.',
    code: 'signature.window_invalid',
    fault: { sig: { params: parameters({ expires: NOW + 365 * 86400 }) } },
  }),
  wba({
    name: 'expired-under-web-bot-auth',
    description: '`expires` has passed.',
    code: 'signature.expired',
    fault: { sig: { params: parameters({ created: NOW - 120, expires: NOW - 60 }) } },
  }),
  wba({
    name: 'created-in-the-future-under-web-bot-auth',
    description: '`created` lies ahead, further than clocks differ.',
    code: 'signature.created_in_future',
    fault: { sig: { params: parameters({ created: NOW + 120, expires: NOW + 180 }) } },
  }),
  wba({
    name: 'tag-of-another-purpose',
    description: 'The tag is another.',
    code: 'signature.tag_unknown',
    fault: { sig: { params: parameters({ tag: 'web-bot-auth-2' }) } },
  }),
  wba({
    name: 'tag-in-upper-case-under-web-bot-auth',
    description: 'Tags are compared exactly.',
    code: 'signature.tag_unknown',
    fault: { sig: { params: parameters({ tag: 'Web-Bot-Auth' }) } },
  }),
  wba({
    name: 'tag-missing-under-web-bot-auth',
    description: 'The signature has no tag.',
    code: 'signature.tag_unknown',
    fault: { sig: { params: parameters({ tag: null }) } },
  }),
  wba({
    name: 'tag-with-a-space',
    description: 'A space follows the tag.',
    code: 'signature.tag_unknown',
    fault: { sig: { params: parameters({ tag: 'web-bot-auth ' }) } },
  }),
  wba({
    name: 'hmac-under-web-bot-auth',
    description: 'Symmetric algorithms are never accepted: the key set is public.',
    code: 'signature.algorithm_not_allowed',
    fault: {
      keys: setOf(KEYS.agent.public, { ...KEYS.hmac.jwk, kid: KEYS.agent.thumbprint }),
      sig: { key: KEYS.hmac, params: parameters({ alg: 'hmac-sha256' }) },
    },
  }),
  wba({
    name: 'hmac-not-called-so',
    description: 'An HMAC with a shared key that has the `keyid` as its `kid`, and no `alg`.',
    code: 'signature.key_unknown',
    fault: {
      keys: setOf(KEYS.rival.public, { ...KEYS.hmac.jwk, kid: KEYS.agent.thumbprint }),
      sig: { key: KEYS.hmac, params: parameters() },
    },
  }),
  wba({
    name: 'keyid-with-other-trailing-bits',
    description: 'The last character of the thumbprint has bits that belong to no byte, and they are not zero: a second name of the key.',
    source: `${DRAFT}; RFC 7638 §3, RFC 4648 §3.5`,
    code: 'signature.parameter_invalid',
    fault: { sig: { params: parameters({ keyid: trailing }) } },
  }),
  wba({
    name: 'keyid-padded',
    description: 'The thumbprint is padded.',
    source: `${DRAFT}; RFC 7638 §3, RFC 7515 §2: with all trailing '=' characters omitted`,
    code: 'signature.parameter_invalid',
    fault: { sig: { params: parameters({ keyid: `${KEYS.agent.thumbprint}=` }) } },
  }),
  wba({
    name: 'keyid-is-a-kid',
    description: '`keyid` is the `kid` of a key, not its thumbprint.',
    code: 'signature.parameter_invalid',
    fault: { keys: setOf(KEYS.agent), sig: { params: parameters({ keyid: 'agent' }) } },
  }),
  wba({
    name: 'keyid-is-the-kid-of-another-key',
    description: '`keyid` is a thumbprint that a set gives as the `kid` of another key, with which the signature verifies.',
    source: `${DRAFT}; RFC 7638 §1`,
    code: 'signature.key_unknown',
    fault: { keys: setOf({ ...KEYS.rival.public, kid: KEYS.agent.thumbprint }), sig: { key: KEYS.rival, params: parameters() } },
  }),
  wba({
    name: 'key-unknown-under-web-bot-auth',
    description: 'No key has the thumbprint.',
    code: 'signature.key_unknown',
    fault: { keys: setOf(KEYS.rival.public) },
  }),
  wba({
    name: 'key-of-another-agent',
    description: 'The signature was made by the key of another agent, under the thumbprint of this one.',
    code: 'signature.invalid',
    fault: { sig: { key: KEYS.rival } },
  }),
  wba({
    name: 'published-test-key',
    description: 'The private half of the key is printed in RFC 9421 §B.1.4.',
    source: `${DRAFT}: test keys MUST be rejected`,
    code: 'signature.key_forbidden',
    fault: {
      keys: setOf(KEYS.printed.public),
      sig: { key: KEYS.printed, params: parameters({ keyid: KEYS.printed.thumbprint }) },
    },
  }),
  wba({
    name: 'chosen-by-label-under-web-bot-auth',
    description: 'The signature that is called sig1 is for something else; the one with the tag has expired.',
    source: `${DRAFT}; RFC 9421 §7.2.5`,
    code: 'signature.expired',
    sound: {
      keys, fields: [['Signature-Agent', `wba="${DIRECT}"`]],
      sigs: [sign([METHOD], { tag: 'metrics' }), sign([AUTHORITY, ['"signature-agent";key="wba"', `"${DIRECT}"`]], {}, { label: 'wba' })],
    },
    fault: {
      sigs: [sign([METHOD], { tag: 'metrics' }), sign([AUTHORITY, ['"signature-agent";key="wba"', `"${DIRECT}"`]], { created: NOW - 120, expires: NOW - 60 }, { label: 'wba' })],
    },
  }),
  refusedUrl('http', 'http://agents.example/keys.json', 'signature.agent_untrusted', 'Keys fetched over http are whose the network wants.'),
  refusedUrl('data', 'data:application/json,{}', 'signature.agent_malformed', 'A URL that is no place at all.'),
  refusedUrl('ftp', 'ftp://agents.example/keys.json', 'signature.agent_untrusted', 'A scheme other than https.'),
  refusedUrl('user-information', 'https://agents.example@rival.example/keys.json', 'signature.agent_malformed', 'User information, which looks like the host to people.'),
  refusedUrl('fragment', 'https://agents.example/keys.json#rival', 'signature.agent_malformed', 'A fragment, which is never sent: two identities for one resource.'),
  refusedUrl('relative', '/keys.json', 'signature.agent_malformed', 'A reference without a host.'),
  refusedUrl('empty-host', 'https:///keys.json', 'signature.agent_malformed', 'No host.'),
  refusedUrl('backslash', 'https://agents.example\\\\@rival.example/', 'signature.agent_malformed', 'A backslash, which some parsers take for a slash.'),
  refusedUrl('port-out-of-range', 'https://agents.example:99999/keys.json', 'signature.agent_malformed', 'A port that is none.'),
  ...[
    ['loopback', '127.0.0.1', 'the loopback address'], ['loopback-elsewhere', '127.8.9.10', 'an address of the loopback net'],
    ['private-10', '10.0.0.7', 'a private address'], ['private-172', '172.31.0.7', 'a private address'], ['private-192', '192.168.1.1', 'a private address'],
    ['link-local', '169.254.169.254', 'the address at which clouds serve credentials'], ['this-network', '0.0.0.0', 'this host'],
    ['shared', '100.64.0.1', 'an address behind a carrier\'s NAT'], ['multicast', '224.0.0.1', 'a multicast address'], ['broadcast', '255.255.255.255', 'the broadcast address'],
    ['ipv6-loopback', '[::1]', 'the loopback address'], ['ipv6-unspecified', '[::]', 'the unspecified address'], ['ipv6-link-local', '[fe80::1]', 'a link-local address'],
    ['ipv6-unique-local', '[fd00::1]', 'a unique local address'], ['ipv6-mapped', '[::ffff:10.0.0.7]', 'a private IPv4 address in IPv6 clothes'],
    ['ipv6-6to4', '[2002:a00:7::1]', 'a private IPv4 address inside 6to4'], ['ipv6-nat64', '[64:ff9b::a00:7]', 'a private IPv4 address behind NAT64'],
    ['localhost', 'localhost', 'this host'], ['below-localhost', 'keys.localhost', 'this host'],
  ].map(([name, host, what]) => wba({
    name: `address-${name}`,
    description: `The URL leads to ${what}: the verifier would be made to fetch from its own network.`,
    source: `${DRAFT}, Security Considerations; RFC 6890`,
    code: 'signature.agent_untrusted',
    fault: url(`https://${host}/keys.json`),
  })),
  ...[
    ['hexadecimal', '0x7f000001'], ['decimal', '2130706433'], ['octal', '0177.0.0.1'], ['short', '127.1'], ['hexadecimal-label', 'agents.0x7f'],
  ].map(([name, host]) => wba({
    name: `address-in-disguise-${name}`,
    description: 'A host that URL parsers read as 127.0.0.1 or another address, and filters as a name.',
    source: `${DRAFT}, Security Considerations; RFC 3986 §7.4`,
    code: 'signature.agent_malformed',
    fault: url(`https://${host}/keys.json`),
  })),
]
