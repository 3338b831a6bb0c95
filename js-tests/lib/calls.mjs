// Calls to the state of subjects, as the core writes them (`state::subject::Call`).
import { createHash } from "node:crypto";

/** Sixteen bytes of a digest, as names in calls are. @param {string} text */
export const digest16 = (text) => createHash("sha256").update(text).digest().subarray(0, 16).toString("base64url");

/** @param {string} kind @param {string} name */
export const subjectOf = (kind, name) => `${kind}:${digest16(name)}`;

/** @param {string} request @param {object[]} ops */
export const callOf = (request, ...ops) => JSON.stringify({ r: digest16(request), o: ops });

/** A proof that may be accepted once. @param {string} name @param {number} until in milliseconds */
export const proof = (name, until) => ({ replay: { k: digest16(name), u: until } });

/** @param {string} reply @returns {any[]} what each operation came to */
export const answersOf = (reply) => JSON.parse(reply).a;

/** What one operation came to. @param {string} reply @returns {any} */
export const answerOf = (reply) => Object.values(answersOf(reply)[0])[0];
