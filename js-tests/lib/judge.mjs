// The vectors of ../../vectors through the npm package, on whatever runtime it is loaded in: nothing here is Node's.

/** @typedef {Pick<typeof import("countersign"), "verifySignature" | "verifyJwt" | "verifyDpopProof">} Package */

/**
 * Judges the vectors of one file, each with its twin.
 *
 * @param {Package} countersign
 * @param {any} file
 * @returns {Promise<{judged: number, disagreements: string[]}>}
 */
export async function judgeSignatures({ verifySignature }, { vectors }) {
  /** @type {string[]} */
  const disagreements = [];
  const judged = vectors.filter(isJudged);
  for (const vector of judged) {
    for (const side of ["refused", "verified"]) {
      const input = vector[side];
      const found = await judge(verifySignature, vector, input);
      // A message that cannot be viewed is an error of the package, with a code of its own.
      const agrees =
        input.expected.code === "request.malformed"
          ? found.outcome !== "verified"
          : found.outcome === input.expected.outcome && found.code === input.expected.code;
      if (!agrees) disagreements.push(`${vector.name} (${side}): ${JSON.stringify({ expected: input.expected, found })}`);
    }
  }
  return { judged: judged.length, disagreements };
}

/**
 * Judges the vectors of one file of tokens or proofs, each with its twin.
 *
 * @param {Package} countersign
 * @param {string} topic
 * @param {any} file
 * @returns {Promise<{judged: number, disagreements: string[]}>}
 */
export async function judgeTokens(countersign, topic, { keys, vectors }) {
  /** @type {string[]} */
  const disagreements = [];
  for (const vector of vectors) {
    for (const side of ["refused", "verified"]) {
      const input = vector[side];
      const { outcome, code } = await (topic === "proofs" ? judgeProof(countersign, input) : judgeToken(countersign, input, keys));
      const agrees = outcome === input.expected.outcome && code === input.expected.code;
      if (!agrees) disagreements.push(`${vector.name} (${side}): ${JSON.stringify({ expected: input.expected, outcome, code })}`);
    }
  }
  return { judged: vectors.length, disagreements };
}

/** What the package takes: directories are a gate's, and these two of `require` are a configuration's. */
const isJudged = (/** @type {any} */ { require = {}, refused }) =>
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
 * @param {Package["verifySignature"]} verifySignature
 * @param {any} vector
 * @param {any} input
 */
async function judge(verifySignature, { profile, require = {} }, input) {
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

/** What the set's tokens may live at most, in seconds; the clocks and a proof's age are the package's defaults. */
const DAY = 24 * 60 * 60;

/** @param {Package} countersign @param {any} side @param {object} keys */
const judgeToken = ({ verifyJwt }, { now, token, issuer, audience, profile, algorithms, keys: own }, keys) =>
  verifyJwt(token, { now, issuer, audience, profile, algorithms, keys: own ?? keys, maxLifetime: DAY });

/** @param {Package} countersign @param {any} side */
const judgeProof = ({ verifyDpopProof }, { now, proof, method, url, token, nonce, algorithms }) =>
  verifyDpopProof(proof, { now, method, url, algorithms, ...(token && { token }), ...(nonce && { nonce }) });
