// Writes the vectors of this folder: `node generate.mjs`, or with `--check` says which files are not what it would write.
//
// Nothing of Countersign is used, only node:crypto: code that made its own tests could not fail them.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'

import { keepSignatures } from './generator/sign.mjs'

const TOPICS = ['components', 'queries', 'targets', 'signature-fields', 'algorithms', 'times', 'digests', 'responses', 'chaining', 'web-bot-auth', 'directories', 'tap', 'agent-headers']

// Of tokens and proofs, in a folder of their own: they have another format.
const TOKEN_TOPICS = ['serialisation', 'headers', 'signatures', 'claims', 'proofs']

const here = (name) => new URL(name, import.meta.url)
const files = []
const names = new Set()
const places = [...TOPICS.map((topic) => [topic, `topics/${topic}`, topic]), ...TOKEN_TOPICS.map((topic) => [topic, `tokens/${topic}`, `tokens/${topic}`])]
for (const [topic, module, file] of places) {
  const { title, keys, vectors } = await import(here(`generator/${module}.mjs`))
  for (const { name } of vectors) {
    const unique = `${file === topic ? '' : 'tokens/'}${name}`
    if (names.has(unique)) throw new Error(`two vectors are called ${unique}`)
    names.add(unique)
  }
  files.push([here(`${file}.json`), `${JSON.stringify({ format: 1, topic, title, keys, vectors }, null, 1)}\n`])
}
files.push(keepSignatures())

const stale = files.filter(([file, text]) => !existsSync(file) || readFileSync(file, 'utf8') !== text)
if (process.argv.includes('--check')) {
  for (const [file] of stale) console.error(`${file.pathname.split('/').pop()} is not what the generator writes`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  for (const [file, text] of stale) writeFileSync(file, text)
}
console.log(`${names.size} vectors, each with its twin`)
