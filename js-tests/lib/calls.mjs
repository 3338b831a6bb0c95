// Calls to the state of subjects, as the core writes them (`state::subject::Call`).
import { createHash } from "node:crypto";

/** Sixteen bytes of a digest, as names in calls are. @param {string} text */
export const digest16 = (text) => createHash("sha256").update(text).digest().subarray(0, 16).toString("base64url");

/** @param {string} kind @param {string} name */
export const subjectOf = (kind, name) => `${kind}:${digest16(name)}`;

/** @param {string} request @param {object[]} ops */
export const callOf = (request, ...ops) => JSON.stringify({ r: digest16(request), o: ops });

/** Records a proof that may be accepted once. @param {string} name @param {number} until in milliseconds */
export const proof = (name, until) => ({ replay: { k: digest16(name), u: until } });

/**
 * Takes from a limit.
 *
 * @param {string} name
 * @param {readonly [limit: number, burst: number, windowMillis: number]} quota
 * @param {number} [cost]
 * @param {number} [lease] how much more is wanted for later
 */
export const take = (name, quota, cost = 1, lease = 0) => ({ take: { n: digest16(name), q: quota, c: cost, l: lease } });

/** Gives back what was not used. @param {string} name @param {readonly number[]} quota @param {string} request @param {number} spent */
export const give = (name, quota, request, spent) => ({ give: { n: digest16(name), q: quota, i: digest16(request), s: spent } });

/** @param {string} account @param {number} amount */
const terms = (account, amount) => ({ b: `${account}/EUR`, m: amount, p: "total" });

/**
 * Sets an amount of a budget aside.
 *
 * @param {string} account
 * @param {number} budget
 * @param {string} request
 * @param {number} amount
 */
export const reserve = (account, budget, request, amount) => ({
  reserve: { of: terms(account, budget), r: digest16(request), d: digest16(`attempt ${request}`), f: digest16("what is bought"), a: amount, l: 60_000 },
});

/**
 * Says what became of it.
 *
 * @param {string} account
 * @param {string} request
 * @param {"release" | "hold" | {commit: number | null}} verdict
 */
export const settle = (account, request, verdict) => ({
  settle: { b: `${account}/EUR`, r: digest16(request), d: digest16(`attempt ${request}`), v: verdict },
});

/** An administrator's word on what is held. @param {string} account @param {string} request @param {unknown} spent */
export const reconcile = (account, request, spent) => ({ reconcile: { b: `${account}/EUR`, r: digest16(request), v: spent } });

/** Asks how a budget stands. @param {string} account @param {number} budget */
export const show = (account, budget) => ({ budget: { of: terms(account, budget) } });

/** Takes in that a request came. */
export const observe = () => ({ observe: { o: {} } });

/** @param {string} reply @returns {any[]} what each operation came to */
export const answersOf = (reply) => JSON.parse(reply).a;

/** What the only operation came to. @param {string} reply @returns {any} */
export const answerOf = (reply) => Object.values(answersOf(reply)[0])[0];
