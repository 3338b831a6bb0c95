// The package on the web platform gives the verdicts that it gives in Node: in Node itself under the condition of
// browsers, and in workerd, with the core as a module of the bundle.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CASES } from "../demo/cases.mjs";
import { startInWorkerd } from "../lib/in-workerd.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";

const TESTS = ["vectors", "token-vectors", "signatures", "tokens", "package", "introspection", "nonces", "state"];
const VECTORS = new URL("../../vectors/", import.meta.url);
/** About what a Worker forwards; the package forwards nothing. */
const ABOUT_FORWARDING = ["forged Countersign-* fields"];

/** @param {string[]} args */
async function onTheWebPlatform(args) {
  const { NODE_TEST_CONTEXT, ...env } = process.env;
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=browser", ...args], { cwd, env, maxBuffer: 2 ** 26 });
  return stdout;
}

test("under the condition of browsers it is WebCrypto that is asked", async () => {
  const script = `
    import { generateKeyPairSync } from "node:crypto";
    import { verifyJwt } from "countersign";
    let asked = 0;
    const verify = crypto.subtle.verify;
    crypto.subtle.verify = (...checks) => (asked += 1, verify.apply(crypto.subtle, checks));
    const keys = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
    const token = [{ alg: "ES256" }, {}].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    const { code } = await verifyJwt(token + "." + Buffer.alloc(64, 1).toString("base64url"), { keys, profile: "jws" });
    console.log(code, asked);`;
  assert.equal(await onTheWebPlatform(["--input-type=module", "--eval", script]), "token.signature_invalid 1\n");
});

test(`the tests of ${TESTS.join(", ")} pass there too`, async (t) => {
  const files = TESTS.map((name) => fileURLToPath(new URL(`${name}.test.mjs`, import.meta.url)));
  const said = await onTheWebPlatform(["--test", "--test-reporter=tap", "--test-concurrency=2", ...files]).catch(({ stdout }) => assert.fail(stdout));
  const [, passed = "0"] = /^# pass (\d+)$/m.exec(said) ?? [];
  t.diagnostic(`${passed} tests`);
  assert.ok(Number(passed) > 50);
});

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => void (world = await startWorld({ start: startInWorkerd })));
after(() => world.close());

for (const folder of ["", "tokens/"]) {
  const names = readdirSync(new URL(folder, VECTORS)).filter((name) => name.endsWith(".json") && !["schema.json", "directories.json"].includes(name));
  for (const name of names.sort()) {
    test(`in workerd: the vectors of ${folder}${name}`, async () => {
      const topic = folder === "" ? "messages" : name.replace(".json", "");
      const file = readFileSync(new URL(folder + name, VECTORS));
      const answer = await fetch(`${world.url}/.vectors/${topic}`, { method: "POST", body: file });
      const { judged, disagreements } = /** @type {any} */ (await answer.json());
      assert.deepEqual(disagreements, []);
      assert.ok(judged > 0, "the set is there");
    });
  }
}

test("in workerd: a gate may be made before there is a request", async () => {
  const answer = await fetch(`${world.url}/.open`);
  assert.equal(/** @type {any} */ (await answer.json()).code, "ok");
});

// In the order of the demo: limits and risk remember what came before.
for (const { name, expect, recipe, run, check } of CASES.filter(({ name }) => !ABOUT_FORWARDING.includes(name))) {
  test(`in workerd as in the Worker: ${name}`, async () => {
    const verdict = recipe ? await judge(await make(world, await recipe(world))) : await run?.(world);
    assert.ok(verdict);
    const { outcome, status, code } = verdict;
    assert.deepEqual({ outcome, status, code }, expect, verdict.answer.body.toString());
    // Of what goes through, the checks ask the origin.
    if (outcome !== "allow") assert.equal(check?.(verdict), undefined);
  });
}

test("in workerd: key sets are left in KV, after the response, and an agent's only once they have proven their worth", async () => {
  const kv = await world.gate.kv();
  const { keys } = await kv.list();
  const kinds = keys.map((/** @type {{name: string}} */ { name }) => name.split(":")[0]);
  assert.ok(kinds.includes("issuer"), kinds.join());
  assert.ok(kinds.includes("directory"), kinds.join());
});
