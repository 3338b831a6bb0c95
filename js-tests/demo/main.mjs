// The demo: the gate in real workerd, a world around it on loopback, and real requests through it.
//
//   --once     exit when the cases are done (else: stay up until Ctrl-C)
//   --json     one JSON object a case on stdout; everything else goes to stderr
//   --port N   of the gate; 8787 if free
//   --page     instead of the cases, a page that is an agent: to be opened in a browser
import { parseArgs } from "node:util";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";
import { CASES } from "./cases.mjs";
import { showInvitation } from "./invitation.mjs";
import { showEvents, showHead, showRow, showSummary } from "./table.mjs";

/**
 * @typedef {object} Row
 * @property {string} case
 * @property {string} expect
 * @property {string} outcome
 * @property {number} status
 * @property {string} code
 * @property {number} ms
 * @property {string} [wrong] what is not as it must be
 */

const { values: flags } = parseArgs({
  options: {
    once: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    port: { type: "string", default: "8787" },
    page: { type: "boolean", default: false },
  },
});
/** @param {string} line */
const say = (line) => (flags.json ? process.stderr : process.stdout).write(`${line}\n`);

if (flags.page) await showPage();

// Until every case has had its verdict, to be interrupted is to have failed.
process.exitCode = 130;
const world = await startWorld({ port: Number(flags.port) });
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
try {
  process.exitCode = (await demonstrate()) ? 0 : 1;
} catch (error) {
  process.exitCode = 1;
  console.error(error);
}
if (flags.once || process.exitCode) await stop();

/** Serves the page until Ctrl-C. @returns {Promise<never>} */
async function showPage() {
  const { startPage } = await import("./page.mjs");
  const page = await startPage({ port: Number(flags.port) });
  say(`an agent in a page: ${page.url}\nthe gate it talks to: ${page.world.url}\n\nboth stay up until Ctrl-C.`);
  await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
  await page.close();
  process.exit();
}

/** @returns {Promise<boolean>} whether everything was as it must be */
async function demonstrate() {
  say(`gate ${world.url}   origin ${world.origin.url}   issuer ${world.issuer.url}   agent ${world.directory.url}\n`);
  showHead(say);
  /** @type {Row[]} */
  const rows = [];
  for (const each of CASES) {
    const row = await run(each);
    rows.push(row);
    showRow(say, row);
    if (flags.json) {
      const { wrong, ...facts } = row;
      process.stdout.write(`${JSON.stringify(facts)}\n`);
    }
  }
  const events = await eventsWithin(5000);
  await showEvents(say, events, world.gate.signing);
  showSummary(say, rows, events.length);
  const right = events.length > 0 && !rows.some(({ wrong }) => wrong);
  if (!flags.once && right) await showInvitation(say, world);
  return right;
}

/**
 * @param {import("./cases.mjs").Case} each
 * @returns {Promise<Row>}
 */
async function run({ name, expect, recipe, run, check }) {
  const verdict = recipe ? await judge(await make(world, await recipe(world))) : await run?.(world);
  if (!verdict) throw new Error(`the case ${name} sends nothing`);
  const { outcome, status, code, ms } = verdict;
  const asExpected = outcome === expect.outcome && status === expect.status && code === expect.code;
  const wrong = asExpected
    ? check?.(verdict)
    : `expected ${expect.outcome} ${expect.status} ${expect.code}: ${verdict.answer.body.toString().slice(0, 500)}`;
  return { case: name, expect: `${expect.outcome} ${expect.code}`, outcome, status, code, ms: round(ms), wrong };
}

/**
 * Events follow the responses that caused them; waits for the first.
 *
 * @param {number} ms
 */
async function eventsWithin(ms) {
  const end = Date.now() + ms;
  while (world.origin.events.length === 0 && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return world.origin.events;
}

/** @param {number} ms */
function round(ms) {
  return Math.round(ms * 10) / 10;
}

async function stop() {
  await world.close();
  process.exit();
}
