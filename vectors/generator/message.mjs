// Messages as text, with signatures. The value of each covered component is written down by the author of a vector,
// never derived: what derives values is what the vectors are to test.

import { createHash } from 'node:crypto'

import { KEYS } from './keys.mjs'
import { sign, verify } from './sign.mjs'

export const NOW = 1790000000

export const digest = (body, name = 'sha-256') =>
  `${name}=:${createHash(name.replace('-', '')).update(body).digest('base64')}:`

/** Signature parameters: ten seconds old and good for fifty more, unless said otherwise; `null` leaves one out. */
export function params(key, changes = {}) {
  const all = { created: NOW - 10, expires: NOW + 50, keyid: key.kid, ...changes }
  const text = (value) => (typeof value === 'number' ? String(value) : typeof value === 'string' ? JSON.stringify(value) : value.raw)
  return Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `;${name}=${text(value)}`).join('')
}

/** A signature over lines of identifier and value: `{ label, input, base, value }`. */
export function signature(spec) {
  const key = spec.key ?? KEYS.ed25519
  const covered = `(${spec.lines.map(([identifier]) => identifier).join(' ')})`
  const parameters = typeof spec.params === 'string' ? spec.params : params(key, spec.params)
  const input = spec.input ?? covered + parameters
  const lines = spec.lines.map(([identifier, value]) => `${identifier}: ${value}\n`).join('')
  const base = `${lines}"@signature-params": ${spec.signedParams ?? covered + parameters}`
  const made = spec.signature ?? sign(key, base, spec.algorithm)
  const bytes = spec.change ? spec.change(made) : made
  const value = spec.value ?? `:${bytes.toString('base64')}:`
  return { label: spec.label ?? 'sig1', input, base, value, verifies: () => verify(key, base, bytes) }
}

const line = ([name, value]) => `${name}:${value === '' ? '' : ` ${value}`}\r\n`

/** A request or response with its signatures in the last two fields, or where `place` puts them. */
export function message(spec, start, fields) {
  const signatures = (spec.sigs ?? (spec.sig ? [spec.sig] : [])).map((one) => (typeof one === 'function' ? one() : one)).map((one) => (one.base === undefined ? signature(one) : one))
  const joined = (member) => signatures.map((one) => `${one.label}=${one[member]}`).join(', ')
  const place = spec.place ?? (() => [['Signature-Input', joined('input')], ['Signature', joined('value')]])
  const signed = signatures.length === 0 && !spec.place ? [] : place(signatures)
  const body = spec.body ?? ''
  const length = spec.body === undefined ? [] : [['Content-Length', String(Buffer.byteLength(body))]]
  const text = `${start}\r\n${[...fields, ...(spec.fields ?? []), ...length, ...signed].map(line).join('')}\r\n${body}`
  return { text, signatures }
}

export const request = (spec) => {
  const { method = 'GET', target = '/orders?id=7', host = 'shop.example' } = spec
  return message(spec, `${method} ${target} HTTP/1.1`, [['Host', host]])
}

export const response = (spec) => message(spec, `HTTP/1.1 ${spec.status ?? '200 OK'}`, [])

/** What the lines of a request to `shop.example/orders?id=7` are. */
export const METHOD = ['"@method"', 'GET']
export const AUTHORITY = ['"@authority"', 'shop.example']
export const PATH = ['"@path"', '/orders']
export const QUERY = ['"@query"', '?id=7']
