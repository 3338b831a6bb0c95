// One verdict on every backend: the built-in one, `node:crypto` as the npm package asks it, WebCrypto of Node and of
// workerd as the Worker asks it. A host counts after the core's own checks, without which it is never asked.
//
// ROUNDS=100 makes more cases, SEED=… repeats those of a seed but for the keys and nonces that OpenSSL makes.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { asJson, verdictsOf } from "./built-in.mjs";
import { makeCases } from "./cases.mjs";
import { nodeCrypto, nodeWebCrypto, workerdWebCrypto } from "./hosts.mjs";
import { wycheproof } from "./vectors.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 2);
const SEED = process.env.SEED ?? randomBytes(8).toString("hex");

/** @typedef {import("./cases.mjs").Case & {core: import("./built-in.mjs").Verdict, text: string}} Judged */

/** @type {Judged[]} */
let cases = [];
/** @type {import("./hosts.mjs").Host[]} */
let hosts = [];

before(async () => {
  hosts = [nodeCrypto(), nodeWebCrypto(), await workerdWebCrypto()];
  const made = [...wycheproof(), ...(await makeCases(SEED, ROUNDS))];
  const verdicts = await verdictsOf(made);
  cases = made.map((case_, i) => {
    const core = verdicts[i];
    return { ...case_, core, text: core.verdict === "refused" ? JSON.stringify(case_.key) : core.key };
  });
  console.log(`seed ${SEED}, ${ROUNDS} rounds, ${cases.length} cases`);
});
after(() => Promise.all(hosts.map((host) => host.close())));

/** @param {import("./hosts.mjs").Host} host @param {Judged[]} asked */
const ask = (host, asked) => host.verdicts(asked.map(({ text, ...case_ }) => /** @type {any} */ ({ ...case_, key: text })));

test("the cases are of both verdicts, for every algorithm", () => {
  /** @type {Record<string, Record<string, number>>} */
  const counts = {};
  for (const { alg, core } of cases) {
    counts[alg] ??= { valid: 0, invalid: 0, refused: 0 };
    counts[alg][core.verdict] += 1;
  }
  console.table(counts);
  assert.equal(Object.keys(counts).length, 9);
  for (const [alg, { valid, invalid, refused }] of Object.entries(counts)) {
    assert.ok(valid > 10 && invalid > 50 && refused > 50, alg);
  }
  const right = cases.filter(({ kind }) => kind.startsWith("right"));
  assert.deepEqual(right.filter(({ core }) => core.verdict !== "valid").map(asJson), []);
});

test("no host gives another verdict than the built-in backend on what the core lets through", async (t) => {
  const asked = cases.filter(({ core }) => core.verdict !== "refused");
  assert.ok(asked.length > 2_000);
  for (const host of hosts) {
    await t.test(host.name, async () => {
      const verdicts = await ask(host, asked);
      const differing = asked.filter(({ core }, i) => verdicts[i] !== (core.verdict === "valid"));
      assert.deepEqual(differing.map((case_) => `${case_.kind}: built-in ${case_.core.verdict}: ${asJson(case_)}`), []);
      console.log(`${host.name}: ${asked.length} verdicts, all the same`);
    });
  }
});

test("a key that is on no curve, which a core without backends does not see, verifies nothing on a host", async () => {
  const asked = cases.filter(({ alg, core }) => alg !== "EdDSA" && "reason" in core && core.reason.includes("on the curve"));
  assert.ok(asked.length > 20);
  for (const host of hosts) {
    const verdicts = await ask(host, asked);
    assert.deepEqual(asked.filter((_, i) => verdicts[i]).map(asJson), [], host.name);
  }
});

// The reason for the core's own checks: where this finds nothing any more, they are not needed.
test("of what the core refuses, some hosts would have accepted some", async () => {
  const refused = cases.filter(({ core }) => core.verdict === "refused");
  /** @type {Record<string, Record<string, number>>} */
  const accepted = {};
  for (const host of hosts) {
    const verdicts = await ask(host, refused);
    for (const [i, { alg, core }] of refused.entries()) {
      if (!verdicts[i] || !("reason" in core)) continue;
      const row = (accepted[`${alg}: ${core.reason}`] ??= {});
      row[host.name] = (row[host.name] ?? 0) + 1;
    }
  }
  console.table(accepted);
  assert.ok(Object.keys(accepted).length > 0);
});
