// The examples of docs/keys.md, run as they stand.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const GUIDE = new URL("../../docs/keys.md", import.meta.url);
/** Beside the packages that examples import. */
const SCRATCH = fileURLToPath(new URL("../node_modules/.cache/", import.meta.url));

const examples = [...(await readFile(GUIDE, "utf8")).matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ""]) => code);

/** What the guide supposes, and leaves to its readers. */
const HSM = `import { generateKeyPairSync, sign } from "node:crypto";
const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const publicJwk = publicKey.export({ format: "jwk" });
export const signInHsm = (data) => sign("sha256", data, privateKey);
`;

/** What shows that an example does what it is for. @type {[RegExp, string][]} */
const PROOFS = [
  [/const agent = /, 'console.log((await agent.sign("https://api.shop.example/")).has("signature"));'],
  [/const server = /, 'const served = await directory({ keys, authority: "agents.example" });\nconsole.log("Signature" in served.headers);\nserver.close();'],
];

for (const [index, code] of examples.entries()) {
  const inBrowser = code.includes("openKeyStore");
  test(`example ${index + 1} runs${inBrowser ? ", and says outside of a browser that it needs one" : ""}`, async (t) => {
    await mkdir(SCRATCH, { recursive: true });
    const folder = await mkdtemp(join(SCRATCH, "guide-"));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "hsm.js"), HSM);
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
    const proofs = PROOFS.filter(([has]) => has.test(code)).map(([, proof]) => proof);
    await writeFile(join(folder, "example.js"), [code.replace("listen(8443)", "listen(0)"), ...proofs].join("\n"));
    const AGENT_KEY = JSON.stringify(generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" }));
    const running = run(process.execPath, [join(folder, "example.js")], { env: { ...process.env, AGENT_KEY } });
    if (inBrowser) return void (await assert.rejects(running, /key\.store_unavailable/));
    const lines = (await running).stdout.trim().split("\n");
    const promised = [...code.matchAll(/^console\.log.*; \/\/ (true|false|\d+)$/gm)].map(([, value]) => value);
    const expected = [...promised, ...proofs.map(() => "true")];
    assert.ok(expected.length > 0);
    assert.deepEqual(lines.slice(-expected.length), expected);
  });
}

test("the guide has examples", () => assert.ok(examples.length >= 5));
