// Structured fields as the working group's own test suite has them, where it is at hand: what is malformed is none, and what
// is not is written in its one form. Read through what covers them: `sf` of a List, an Item and a Dictionary.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { createAgent, CountersignError, generateKey } from "countersign/agent";
import { internet, reply } from "../lib/internet.mjs";

const FOLDER = new URL("../../../shared/vectors/structured-fields/", import.meta.url);
const FIELDS = { item: "incremental", list: "link-template", dictionary: "priority" };

/** @typedef {{name: string, raw: string[], header_type: keyof typeof FIELDS, must_fail?: boolean, can_fail?: boolean, canonical?: string[]}} Vector */

const key = await generateKey();

/** Where an agent is stricter, and why. */
const KNOWN = new Map([
  ["duplicate key dictionary", "what is given twice is refused: readers differ in which they take"],
  ["0x2c in dictionary key", "likewise"],
  ["0x3b in parameterised list key", "likewise"],
  ["duplicate parameter with different positions", "likewise"],
]);

/** The value as it is signed; `undefined` where it cannot be. @param {Vector} vector @returns {Promise<string | undefined>} */
async function signed({ raw, header_type }) {
  const name = FIELDS[header_type];
  /** @type {string | undefined} */
  let base;
  const agent = createAgent({ key, fetch: internet(() => reply(200)).fetch, components: [`"${name}";sf`, "@authority"], onExchange: (one) => (base = one.base) });
  try {
    await agent.fetch("https://a.example/", { headers: [[name, raw.join(", ")]] });
  } catch (error) {
    assert.ok(error instanceof CountersignError, String(error));
    return undefined;
  }
  return base?.split("\n", 1)[0]?.slice(`"${name}";sf: `.length);
}

for (const file of existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith(".json")) : []) {
  test(`structured fields: ${file}`, async () => {
    /** @type {Vector[]} */
    const vectors = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));
    const wrong = [];
    for (const vector of vectors) {
      const text = vector.raw.join(", ");
      // `Headers` takes the one not at all, and strips the other from both ends, before anybody reads it.
      if (/[^\x20-\x7e\t]|^ *\t|\t *$/.test(text)) continue;
      const value = await signed(vector);
      const isTooLong = text.length > 16 * 1024;
      const expected = vector.must_fail || isTooLong ? undefined : (vector.canonical ?? vector.raw).join(", ");
      const isRight = value === expected || (vector.can_fail && value === undefined);
      if (!isRight && !KNOWN.has(vector.name)) wrong.push({ vector: vector.name, raw: vector.raw, value, expected });
    }
    assert.deepEqual(wrong, []);
  });
}
