// Keys that follow one another: at no time is a request signed by a key that verifiers do not know.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CountersignError, generateKey, introduce, keySet, NO_TURNS, revoke, rotate, rotateStored } from "countersign/agent";

const DAY = 86_400;
const START = 1_800_000_000;
const POLICY = { signsFor: 10 * DAY, publishedBefore: DAY, publishedAfter: 2 * DAY };

/** @typedef {import("countersign/agent").RotationState} RotationState */

/** Days from the start. @param {number} days */
const at = (days) => START + days * DAY;

/** What somebody does who looks once in a while. @param {RotationState} state @param {number} now */
async function look(state, now) {
  const { state: kept, wanted } = rotate(state, now, POLICY);
  return wanted ? introduce(kept, await generateKey({ algorithm: "ES256" }), now, POLICY) : kept;
}

/** @param {RotationState} state @param {number} now */
function names(state, now) {
  const { signing, published } = rotate(state, now, POLICY);
  return { signing: signing?.thumbprint, published: published.map(({ thumbprint }) => thumbprint) };
}

test("before there is a key nobody signs, and one is wanted", () => {
  assert.deepEqual(rotate(NO_TURNS, START), { state: NO_TURNS, signing: undefined, published: [], ended: [], wanted: true, next: Infinity });
});

test("the first key signs at once, the next after it was published for a day, and the last stays for two", async () => {
  let state = await look(NO_TURNS, at(0));
  const [first] = names(state, at(0)).published;
  assert.deepEqual(names(state, at(0)), { signing: first, published: [first] });
  assert.deepEqual([rotate(state, at(0), POLICY).next, rotate(state, at(9) - 1, POLICY).wanted], [at(9), false]);
  state = await look(state, at(9));
  const second = state.turns[1]?.thumbprint;
  assert.deepEqual(names(state, at(10) - 1), { signing: first, published: [first, second] });
  assert.deepEqual(names(state, at(10)), { signing: second, published: [second, first] });
  assert.deepEqual(names(state, at(12) - 1), { signing: second, published: [second, first] });
  assert.deepEqual(names(state, at(12)), { signing: second, published: [second] });
  assert.deepEqual(rotate(state, at(12), POLICY).ended.map(({ thumbprint }) => thumbprint), [first]);
  assert.deepEqual([9, 10, 12].map((day) => (rotate(state, at(day), POLICY).next - START) / DAY), [10, 12, 19]);
});

test("what signs was published for a day, unless it is the first, and stays for two, however seldom one looks", async () => {
  /** A generator of numbers that is the same at each run. */
  let seed = 7;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  let state = NO_TURNS;
  /** @type {Map<string, number>} */
  const seen = new Map();
  /** @type {Map<string, number>} */
  const signed = new Map();
  for (let now = START; now < at(400); now += Math.ceil(random() * 5 * DAY)) {
    state = await look(state, now);
    const { signing, published } = names(state, now);
    assert.ok(signing !== undefined && published.includes(signing));
    for (const name of published) if (!seen.has(name)) seen.set(name, now);
    const first = seen.values().next().value;
    assert.ok(first === seen.get(signing) || now - (seen.get(signing) ?? now) >= DAY);
    for (const [name, last] of signed) assert.ok(published.includes(name) || now - last >= 2 * DAY);
    signed.set(signing, now);
  }
  assert.ok(seen.size > 20);
});

test("an agent that was away signs on with the key that is known, until the next one is", async () => {
  let state = await look(NO_TURNS, at(0));
  const first = names(state, at(0)).signing;
  state = await look(state, at(300));
  assert.equal(names(state, at(300)).signing, first);
  assert.equal(names(state, at(301)).signing, state.turns.at(-1)?.thumbprint);
});

test("a key that was revoked is not published, does not sign, and another does", async () => {
  let state = await look(await look(NO_TURNS, at(0)), at(9));
  const [first = "", second = ""] = state.turns.map(({ thumbprint }) => thumbprint);
  const withoutFirst = revoke(state, first);
  assert.deepEqual(names(withoutFirst, at(9)), { signing: second, published: [second] }, "before its time, as there is no other");
  assert.deepEqual(names(revoke(state, second), at(10)), { signing: first, published: [first] });
  assert.equal(rotate(revoke(state, second), at(10), POLICY).wanted, true);
  state = revoke(withoutFirst, second);
  assert.equal(rotate(state, at(9), POLICY).wanted, true);
  assert.equal(names(await look(state, at(9)), at(9)).signing !== undefined, true, "one that is made in need signs at once");
});

test("a key is introduced once, and a state is JSON with nothing private in it", async () => {
  const key = await generateKey();
  const state = await introduce(await introduce(NO_TURNS, key, at(0)), key, at(5));
  assert.equal(state.turns.length, 1);
  const kept = JSON.parse(JSON.stringify(state));
  assert.deepEqual(rotate(kept, at(1)).published, state.turns);
  assert.doesNotMatch(JSON.stringify(state), /"d"/);
  assert.deepEqual(keySet(state.turns.map(({ publicJwk }) => publicJwk)).keys, [key.publicJwk]);
  assert.deepEqual(await introduce(NO_TURNS, key.publicJwk, at(0)), { turns: [{ thumbprint: key.thumbprint, publicJwk: key.publicJwk, published: at(0), signs: at(0) }] });
});

test("what is no state, no policy, or private, is refused", async () => {
  const turn = { thumbprint: "t", publicJwk: (await generateKey()).publicJwk, published: 0, signs: 0 };
  /** @type {any[]} */
  const states = [undefined, {}, { turns: 7 }, { turns: [undefined] }, { turns: [{ ...turn, signs: "0" }] }, { turns: Array(33).fill(turn) }];
  for (const state of states) assert.throws(() => rotate(state, 0), { code: "options.invalid" });
  assert.throws(() => rotate({ turns: [{ ...turn, publicJwk: /** @type {any} */ ({ ...turn.publicJwk, d: "x" }) }] }, 0), { code: "key.invalid" });
  for (const policy of [{ signsFor: -1 }, { signsFor: 1.5 }, { signsFor: DAY }, { publishedAfter: NaN }]) {
    assert.throws(() => rotate(NO_TURNS, 0, policy), { code: "options.invalid" });
  }
  await assert.rejects(introduce(NO_TURNS, { kty: "oct" }, 0), { code: "key.invalid" });
});

test("a rotation has no # in its name, which would make its keys those of another", async () => {
  const store = /** @type {import("countersign/agent").KeyStore} */ (new Proxy({}, { get: () => () => assert.fail("nothing is looked up") }));
  for (const name of ["shop#eu", "#", /** @type {any} */ (7)]) {
    await assert.rejects(rotateStored(store, name), (error) => error instanceof CountersignError && error.code === "options.invalid");
  }
});
