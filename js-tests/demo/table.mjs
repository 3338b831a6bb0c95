// What the demo prints for people.
import { compactVerify } from "jose";

/** @typedef {(line: string) => void} Say */

const CASE = 34;
const VERDICT = 34;

/** @param {Say} say */
export function showHead(say) {
  say(`   ${"case".padEnd(CASE)}${"expected".padEnd(VERDICT + 8)}${"decision".padEnd(VERDICT + 12)}    ms`);
}

/**
 * @param {Say} say
 * @param {import("./main.mjs").Row} row
 */
export function showRow(say, row) {
  const decision = `${row.outcome} ${row.status} ${row.code}`;
  const expected = row.expect.padEnd(VERDICT + 8);
  say(`${row.wrong ? "✗" : "✓"}  ${row.case.padEnd(CASE)}${expected}${decision.padEnd(VERDICT + 12)}${row.ms.toFixed(1).padStart(6)}`);
  if (row.wrong) say(`   ${row.wrong}`);
}

/**
 * The events that the origin received, verified with the gate's key.
 *
 * @param {Say} say
 * @param {string[]} events
 * @param {import("../lib/keys.mjs").Key} key
 */
export async function showEvents(say, events, key) {
  say("");
  if (events.length === 0) say("✗  the origin received no event");
  for (const event of events) {
    const { payload, protectedHeader } = await compactVerify(event, key.publicKey);
    say(`event received by the origin (${protectedHeader.typ}, signature verified):`);
    say(JSON.stringify(JSON.parse(new TextDecoder().decode(payload)), null, 2));
  }
}

/**
 * @param {Say} say
 * @param {import("./main.mjs").Row[]} rows
 * @param {number} events
 */
export function showSummary(say, rows, events) {
  const right = rows.filter(({ wrong }) => !wrong).length;
  say(`\n${right} of ${rows.length} cases as expected, ${events} event${events === 1 ? "" : "s"}`);
}
