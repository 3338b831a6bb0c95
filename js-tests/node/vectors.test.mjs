// The vectors of ../../vectors through the npm package: the verdicts that the native test gets, on Node's cryptography.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { verifySignature } from "countersign";

const FOLDER = new URL("../../vectors/", import.meta.url);
/** What the package takes: directories are a gate's, and these two of `require` are a configuration's. */
const isJudgedHere = (/** @type {any} */ { require = {}, refused }) =>
  refused.keys !== undefined && require.algorithms === undefined && require.max_window === undefined;

/**
 * Takes a message apart and leaves each value as it is: white space and folds are part of what is tested.
 * @param {string} text
 */
function parse(text) {
  const end = text.indexOf("\r\n\r\n");
  const [start = "", ...lines] = text.slice(0, end).split(/\r\n(?![ \t])/);
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return /** @type {const} */ ([line.slice(0, colon), line.slice(colon + 1)]);
  });
  const body = new TextEncoder().encode(text.slice(end + 4));
  return { start: start.split(" "), headers, body };
}

/**
 * @param {string} text
 * @param {string} scheme
 */
function requestOf(text, scheme) {
  const { start, headers, body } = parse(text);
  const [method = "", target = ""] = start;
  const host = headers.find(([name]) => name === "Host")?.[1].trim();
  return { method, url: `${scheme}://${host}${target}`, headers, body };
}

/** @param {any} input */
function messageOf({ request, response, scheme }) {
  const asked = request === undefined ? undefined : requestOf(request, scheme);
  if (response === undefined) return /** @type {any} */ (asked);
  const { start, headers, body } = parse(response);
  return { status: Number(start[1]), headers, body, ...(asked && { request: asked }) };
}

/**
 * @param {any} vector
 * @param {any} input
 */
async function judge({ profile, require = {} }, input) {
  const { components = [], parameters = [], tags = [] } = require;
  try {
    const { outcome, code, ...facts } = await verifySignature(messageOf(input), {
      keys: input.keys,
      profile,
      now: input.now,
      require: components,
      ...(tags.length > 0 && { tag: tags[0] }),
    });
    // The package demands components; what else must be there is its caller's to see in the report.
    const missing = parameters.find((/** @type {string} */ name) => /** @type {any} */ (facts)[name] === undefined);
    if (outcome === "verified" && missing) return { outcome: "invalid", code: "signature.parameter_missing" };
    return { outcome, code };
  } catch (error) {
    // What is no HTTP message is none to judge.
    return { outcome: "invalid", code: /** @type {any} */ (error).code };
  }
}

const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json") && name !== "schema.json");
for (const name of names.sort()) {
  const { vectors } = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
  const judged = vectors.filter(isJudgedHere);
  if (judged.length === 0) continue;
  test(`${name}: ${judged.length} vectors, each with its twin`, async () => {
    /** @type {string[]} */
    const disagreements = [];
    for (const vector of judged) {
      for (const side of ["refused", "verified"]) {
        const input = vector[side];
        const found = await judge(vector, input);
        // A message that cannot be viewed is an error of the package, with a code of its own.
        const agrees =
          input.expected.code === "request.malformed"
            ? found.outcome !== "verified"
            : found.outcome === input.expected.outcome && found.code === input.expected.code;
        if (!agrees) disagreements.push(`${vector.name} (${side}): ${JSON.stringify({ expected: input.expected, found })}`);
      }
    }
    assert.deepEqual(disagreements, []);
  });
}

test("the vectors are what their generator writes", async () => {
  const { execFileSync } = await import("node:child_process");
  const said = execFileSync(process.execPath, [new URL("generate.mjs", FOLDER).pathname, "--check"], { encoding: "utf8" });
  assert.match(said, /^\d+ vectors/);
});
