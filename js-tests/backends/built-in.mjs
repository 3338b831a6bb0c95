// The built-in backend, by the example that asks it.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * @typedef {{verdict: "valid" | "invalid", key: string} | {verdict: "refused", reason: string}} Verdict
 *   `key` is as hosts get it, JSON
 */

/**
 * @param {import("./cases.mjs").Case[]} cases
 * @returns {Promise<Verdict[]>}
 */
export async function verdictsOf(cases) {
  const args = ["run", "--quiet", "--package", "countersign", "--features", "ecdsa,rsa", "--example", "verdicts"];
  const child = spawn(process.env.CARGO ?? "cargo", args, { cwd: ROOT, stdio: ["pipe", "pipe", "inherit"] });
  /** @type {Buffer[]} */
  const chunks = [];
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  const closed = new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  child.stdin.end(cases.map((case_) => `${asJson(case_)}\n`).join(""));
  const status = await closed;
  if (status !== 0) throw new Error(`the example ended with ${status}`);
  const verdicts = Buffer.concat(chunks).toString().trimEnd().split("\n").map((line) => JSON.parse(line));
  if (verdicts.length !== cases.length) throw new Error(`${verdicts.length} verdicts of ${cases.length} cases`);
  return verdicts;
}

/** A case as the example reads it. @param {import("./cases.mjs").Case} case_ */
export function asJson({ alg, key, message, signature }) {
  return JSON.stringify({ alg, key, message: message.toString("base64url"), signature: signature.toString("base64url") });
}
