// Seeds for the fuzz targets of ../fuzz, from some of the vectors: `node vectors/generator/seeds.mjs`.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const folder = new URL('../../fuzz/seeds/', import.meta.url)
const read = (topic) => JSON.parse(readFileSync(new URL(`../${topic}.json`, import.meta.url), 'utf8')).vectors

function seed(target, name, text) {
  mkdirSync(new URL(`${target}/`, folder), { recursive: true })
  writeFileSync(new URL(`${target}/${name}`, folder), text)
}

/** The head of a raw request, its signature fields apart. */
function head(text) {
  const [start, ...lines] = text.split('\r\n\r\n')[0].split('\r\n')
  const named = (name) => lines.filter((line) => line.toLowerCase().startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim()).join(', ')
  const [method, target] = start.split(' ')
  const others = lines.filter((line) => !/^signature(-input)?:/i.test(line))
  return { method, url: `https://${named('host')}${target}`, input: named('signature-input'), value: named('signature'), others, lines }
}

const some = (vectors, count) => vectors.filter((_, i) => i % Math.ceil(vectors.length / count) === 0)

for (const topic of ['components', 'queries', 'targets', 'signature-fields', 'chaining']) {
  for (const { name, refused, verified } of some(read(topic), 3)) {
    for (const [side, { request }] of Object.entries({ refused, verified })) {
      const { method, url, input, value, others } = head(request)
      seed('signature_input', `${name}-${side}`, [input, value, ...others].join('\n'))
      seed('base_construction', `${name}-${side}`, [`${method} ${url}`, input.slice(input.indexOf('=') + 1), ...others].join('\n'))
      if (side === 'verified') seed('structured_fields', name, input)
      if (side === 'verified') seed('accept_signature', name, input.replace(/;(created|expires)=\d+/g, ''))
    }
  }
}
for (const { name, refused, verified } of read('directories').filter(({ name }) => !name.includes('too'))) {
  const documents = Object.values({ ...verified.directories, ...refused.directories }).map(({ body }) => body).filter((body) => body.startsWith('{'))
  if (documents.length === 0 || name.length % 4 !== 0) continue
  for (const target of ['directory', 'jwk', 'json']) seed(target, name, documents[0])
  const { method, url, lines } = head(verified.request)
  seed('gate', name, `${[`${method} ${url}`, ...lines].join('\n')}\n\n${documents[0]}`)
}

// Of tokens: as sent; claims alone; a proof's header and claims, on two lines.
const readTokens = (topic) => JSON.parse(readFileSync(new URL(`../tokens/${topic}.json`, import.meta.url), 'utf8'))
const decoded = (part = '') => Buffer.from(part, 'base64url').toString()
for (const topic of ['serialisation', 'headers', 'signatures', 'claims']) {
  const { keys, vectors } = readTokens(topic)
  for (const { name, refused, verified } of some(vectors.filter(({ name }) => !/kibi|thousand|hundred/.test(name)), 12)) {
    seed('jws', name, refused.token)
    if (topic === 'claims') seed('claims', name, decoded(refused.token.split('.')[1]))
    if (verified.keys) seed('jwk_set', name, JSON.stringify((refused.keys ?? verified.keys)))
  }
  const [{ verified }] = vectors
  seed('jws', `${topic}-verified`, verified.token)
  seed('claims', `${topic}-verified`, decoded(verified.token.split('.')[1]))
  seed('jwk_set', topic, JSON.stringify(verified.keys ?? keys))
}
for (const { name, refused, verified } of some(readTokens('proofs').vectors.filter(({ name }) => !/kibi|hundred/.test(name)), 16)) {
  const [header, payload] = refused.proof.split('.').map(decoded)
  seed('dpop', name, `${header}\n${payload ?? ''}`)
  seed('dpop', `${name}-sent`, verified.proof)
}
