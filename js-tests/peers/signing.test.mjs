// Peers × algorithms, both ways: what their signers make before our verifier, whole and changed, and what our signer
// makes before theirs.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { contentDigest, signMessage, verifySignature } from "countersign";
import { makeAlgorithmKey, NATIVE } from "./algorithms.mjs";
import { SIGNING_DIFFERENCES } from "./differences.mjs";
import { SIGNING_PEERS } from "./signing.mjs";

/** @typedef {import("./algorithms.mjs").Algorithm} Algorithm */
/** @typedef {"theirs, by us" | "theirs changed, by us" | "ours, by them" | "ours changed, by them"} Way */

const BODY = new TextEncoder().encode('{"items":["a","b"]}');
const AGENT = '"https://agent.example"';
const COMPONENTS = ["@method", "@authority", "@path", "@query", "content-type", "content-digest", "signature-agent"];

/** @type {Record<string, import("./algorithms.mjs").AlgorithmKey>} */
const keys = {};
before(async () => {
  for (const name of Object.keys(NATIVE)) keys[name] = await makeAlgorithmKey(/** @type {Algorithm} */ (name));
});

const message = () => ({
  method: "POST",
  url: "https://api.example/checkout?cart=7&empty=",
  headers: /** @type {[string, string][]} */ ([
    ["Content-Type", "application/json"],
    ["Content-Digest", contentDigest(BODY)],
    ["Signature-Agent", AGENT],
  ]),
  body: BODY,
});

/** The same with another query, which is covered. @template {{url: string}} M @param {M} whole @returns {M} */
const changed = (whole) => ({ ...whole, url: whole.url.replace("cart=7", "cart=8") });

const COLUMNS = [26, 19, 27, 27, 15, 0];
/** @param {string[]} cells */
const row = (cells) => console.log(cells.map((cell, column) => cell.padEnd(COLUMNS[column])).join(""));

row(["peer", "algorithm", "theirs, by us", "theirs changed, by us", "ours, by them", "ours changed, by them"]);
for (const [name, peer] of Object.entries(SIGNING_PEERS)) {
  test(`every difference from ${name} in signing is known`, async () => {
    /** @type {string[]} */
    const found = [];
    for (const algorithm of peer.algorithms) found.push(...(await compare(name, peer, algorithm)));
    const known = SIGNING_DIFFERENCES.filter((each) => each.peer === name).flatMap(({ algorithms, way, verdict }) =>
      (algorithms ?? peer.algorithms).map((algorithm) => difference(algorithm, way, verdict)),
    );
    assert.deepEqual(found.sort(), known.sort());
  });
}

/**
 * Prints the verdicts on one algorithm of a peer, and gives those that are not as they should be.
 *
 * @param {string} name
 * @param {import("./signing.mjs").Peer} peer
 * @param {Algorithm} algorithm
 */
async function compare(name, peer, algorithm) {
  const key = keys[algorithm];
  const theirs = await signedBy(peer, key);
  const ours = await signedByUs(peer, key);
  /** @type {[Way, string, string][]} */
  const verdicts = [
    ["theirs, by us", "verified", await judge(theirs, peer, key)],
    ["theirs changed, by us", "invalid signature.invalid", await judge(changed(theirs), peer, key)],
    ["ours, by them", "accepts", await accepts(ours, peer, key)],
    ["ours changed, by them", "refuses", await accepts(changed(ours), peer, key)],
  ];
  row([name, algorithm, ...verdicts.map(([, , verdict]) => verdict)]);
  const known = SIGNING_DIFFERENCES.find((each) => each.peer === name && each.algorithms?.includes(algorithm));
  if (known) row(["", known.why]);
  const other = verdicts.filter(([, expected, verdict]) => verdict !== expected);
  return other.map(([way, , verdict]) => difference(algorithm, way, verdict));
}

/** @param {import("./signing.mjs").Peer} peer @param {import("./algorithms.mjs").AlgorithmKey} key */
async function signedBy(peer, key) {
  const whole = message();
  return { ...whole, headers: [...whole.headers, ...(await peer.sign(whole, COMPONENTS, key))] };
}

/** @param {import("./signing.mjs").Peer} peer @param {import("./algorithms.mjs").AlgorithmKey} key */
async function signedByUs(peer, key) {
  const whole = message();
  const now = Math.floor(Date.now() / 1000);
  const added = await signMessage(whole, {
    label: "ours",
    components: COMPONENTS,
    created: now,
    expires: now + 60,
    keyid: key.kid,
    alg: key.algorithm,
    ...(peer.profile === "web-bot-auth" ? { tag: "web-bot-auth" } : {}),
    sign: (base) => NATIVE[key.algorithm].sign(key.privateKey, base),
  });
  /** @type {[string, string][]} */
  const lines = [["Signature-Input", added["Signature-Input"]], ["Signature", added.Signature]];
  return { ...whole, headers: [...whole.headers, ...lines] };
}

/**
 * @param {import("countersign").SignedRequest} signed
 * @param {import("./signing.mjs").Peer} peer
 * @param {import("./algorithms.mjs").AlgorithmKey} key
 */
async function judge(signed, { profile }, { publicJwk }) {
  const { outcome, code } = await verifySignature(signed, { keys: { keys: [publicJwk] }, profile });
  return outcome === "verified" ? outcome : `${outcome} ${code}`;
}

/**
 * @param {import("./signing.mjs").Message} signed
 * @param {import("./signing.mjs").Peer} peer
 * @param {import("./algorithms.mjs").AlgorithmKey} key
 */
function accepts(signed, peer, key) {
  return peer.verify(signed, key).then(
    () => "accepts",
    () => "refuses",
  );
}

/** @param {Algorithm} algorithm @param {Way} way @param {string} verdict */
function difference(algorithm, way, verdict) {
  return `${algorithm}: ${way}: ${verdict}`;
}
