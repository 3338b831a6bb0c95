import { vector } from '../vector.mjs'
import { AUTHORITY, METHOD, digest, request } from '../message.mjs'
import { KEYS } from '../keys.mjs'

const STATUS = ['"@status"', '200']
const req = ([identifier, value]) => [`${identifier};req`, value]
const BODY = '{"done":true}'
const answer = (lines, more = {}) => ({ response: { ...more, sig: { lines } } })

const asked = { sig: { lines: [METHOD, AUTHORITY] } }
const signedRequest = request(asked).signatures[0].value
const otherRequest = { sig: { lines: [METHOD, AUTHORITY], params: { nonce: 'another' } } }

export const title = 'Responses: @status, and components of the request that a response answers'
export const vectors = [
  vector({
    name: 'status-changed',
    description: 'The status was changed after signing.',
    source: 'RFC 9421 §2.2.9',
    code: 'signature.invalid',
    sound: answer([STATUS]),
    fault: { response: { status: '402 Payment Required' } },
  }),
  vector({
    name: 'status-with-reason-phrase',
    description: '@status is the three-digit code alone.',
    source: 'RFC 9421 §2.2.9',
    code: 'signature.invalid',
    sound: answer([STATUS]),
    fault: answer([['"@status"', '200 OK']]),
  }),
  vector({
    name: 'method-of-a-response',
    description: 'A response has no @method; that of the request is "@method";req.',
    source: 'RFC 9421 §2.2: derived components target a request unless said otherwise; §2.4',
    code: 'signature.component_unsupported',
    sound: answer([STATUS, req(METHOD)]),
    fault: answer([STATUS, METHOD]),
  }),
  vector({
    name: 'authority-of-a-response',
    description: 'A response has no @authority.',
    source: 'RFC 9421 §2.2.3, §2.4',
    code: 'signature.component_unsupported',
    sound: answer([STATUS, req(AUTHORITY)]),
    fault: answer([STATUS, AUTHORITY]),
  }),
  vector({
    name: 'status-with-req',
    description: 'A request has no @status.',
    source: 'RFC 9421 §2.2.9, §2.4: derived components that target the request',
    code: 'signature.component_unsupported',
    sound: answer([STATUS]),
    fault: answer([['"@status";req', '200']]),
  }),
  vector({
    name: 'answer-to-another-request',
    description: 'The response was signed for another request of the same connection.',
    source: 'RFC 9421 §2.4, §7.3.7',
    code: 'signature.invalid',
    sound: answer([STATUS, req(METHOD), ['"@query";req', '?id=7']]),
    fault: { request: { target: '/orders?id=8' } },
  }),
  vector({
    name: 'answer-to-another-method',
    description: 'The response to a GET is given as the response to a DELETE.',
    source: 'RFC 9421 §2.4',
    code: 'signature.invalid',
    sound: answer([STATUS, req(METHOD)]),
    fault: { request: { method: 'DELETE' } },
  }),
  vector({
    name: 'answer-to-another-signature',
    description: 'The response covers the signature of the request that it answers; this request has another one.',
    source: 'RFC 9421 §2.4, the example with "signature";req;key="sig1"',
    code: 'signature.invalid',
    sound: { request: asked, ...answer([STATUS, ['"signature";req;key="sig1"', signedRequest]]) },
    fault: { request: otherRequest },
  }),
  vector({
    name: 'answer-to-an-unsigned-request',
    description: 'The response covers the signature of the request, and the request has none.',
    source: 'RFC 9421 §2.4, §2.5',
    code: 'signature.component_missing',
    sound: { request: asked, ...answer([STATUS, ['"signature";req;key="sig1"', signedRequest]]) },
    fault: { request: {} },
  }),
  vector({
    name: 'req-where-the-request-is-not-known',
    description: 'The response covers its request, and the verifier does not have that.',
    source: 'RFC 9421 §2.4, §1.4: the verifier has to have access to all required information',
    code: 'signature.component_unsupported',
    sound: answer([STATUS, req(METHOD)]),
    fault: { request: null },
  }),
  vector({
    name: 'field-of-the-request-read-from-the-response',
    description: 'The response covers a field of its request; the field is only in the response.',
    source: 'RFC 9421 §2.4, §2.5',
    code: 'signature.component_missing',
    sound: { request: { fields: [['X-Order', '7']] }, ...answer([STATUS, ['"x-order";req', '7']]) },
    fault: { request: {}, response: { fields: [['X-Order', '7']] } },
  }),
  vector({
    name: 'field-of-the-response-read-from-the-request',
    description: 'The response covers a field of its own; the field is only in the request.',
    source: 'RFC 9421 §2.4, §2.5',
    code: 'signature.component_missing',
    sound: { request: {}, ...answer([STATUS, ['"x-order"', '7']], { fields: [['X-Order', '7']] }) },
    fault: { request: { fields: [['X-Order', '7']] }, response: { fields: [] } },
  }),
  vector({
    name: 'digest-of-the-request-as-that-of-the-response',
    description: 'The signer put the digest of the request where that of the response belongs.',
    source: 'RFC 9421 §2.4: the same component name with and without req',
    code: 'signature.invalid',
    sound: {
      request: { method: 'POST', body: 'ask', fields: [['Content-Digest', digest('ask')]] },
      ...answer([STATUS, ['"content-digest"', digest(BODY)], ['"content-digest";req', digest('ask')]], { body: BODY, fields: [['Content-Digest', digest(BODY)]] }),
    },
    fault: { response: { sig: { lines: [STATUS, ['"content-digest"', digest('ask')], ['"content-digest";req', digest(BODY)]] } } },
  }),
  vector({
    name: 'content-of-the-response-changed',
    description: 'The response covers the digest of its content, and the content is another.',
    source: 'RFC 9421 §7.2.8',
    code: 'signature.digest_mismatch',
    sound: answer([STATUS, ['"content-digest"', digest(BODY)]], { body: BODY, fields: [['Content-Digest', digest(BODY)]] }),
    fault: { response: { body: '{"done":null}' } },
  }),
  vector({
    name: 'component-with-req-covered-twice',
    description: 'Two identifiers that differ in the order of req and key only.',
    source: 'RFC 9421 §2',
    code: 'signature.component_duplicate',
    sound: { request: asked, ...answer([STATUS, ['"signature";req;key="sig1"', signedRequest]]) },
    fault: answer([STATUS, ['"signature";req;key="sig1"', signedRequest], ['"signature";key="sig1";req', signedRequest]]),
  }),
  vector({
    name: 'required-component-only-of-the-request',
    description: 'The verifier demands the content type of the response; the signature covers that of the request.',
    source: 'RFC 9421 §3.2.1, §2.4: "content-type" is not "content-type";req',
    require: { components: ['"content-type"'] },
    code: 'signature.component_not_covered',
    sound: { request: { fields: [['Content-Type', 'a/b']] }, ...answer([STATUS, ['"content-type"', 'a/b']], { fields: [['Content-Type', 'a/b']] }) },
    fault: { response: { sig: { lines: [STATUS, ['"content-type";req', 'a/b']] } } },
  }),
  vector({
    name: 'request-signature-as-that-of-the-response',
    description: 'The response repeats the signature fields of its request.',
    source: 'RFC 9421 §2.4, §7.3.7',
    code: 'signature.component_unsupported',
    sound: { request: asked, ...answer([STATUS, req(METHOD), req(AUTHORITY)]) },
    fault: { response: { sig: { lines: [METHOD, AUTHORITY], key: KEYS.ed25519 } } },
  }),
]
