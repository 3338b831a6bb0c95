// How much of the package comes to a page that signs its requests.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { pack, project } from "../lib/tarball.mjs";

/** What the README promises, in bytes. */
const AGENT = 40_000;

/** @type {import("../lib/tarball.mjs").Tarball} */
let tarball;
/** @type {import("../lib/tarball.mjs").Project} */
let user;
before(async () => {
  tarball = await pack();
  user = await project(tarball);
});
after(() => Promise.all([tarball?.remove(), user?.remove()]));

test("the whole agent SDK is 40 KB compressed at most, and nothing of the verifier or of Node is in it", async () => {
  await user.write("agent.js", 'import * as agent from "countersign/agent";\nglobalThis.agent = agent;\n');
  const { outputFiles, metafile } = await build({
    entryPoints: [join(user.folder, "agent.js")],
    absWorkingDir: user.folder,
    outdir: "built",
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    write: false,
    metafile: true,
  });
  const first = firstOf(metafile);
  const size = outputFiles
    .filter(({ path }) => first.some((output) => path.endsWith(output)))
    .reduce((total, { contents }) => total + gzipSync(contents, { level: 9 }).length, 0);
  assert.ok(size <= AGENT, `${size} bytes`);
  const inputs = first.flatMap((output) => Object.keys(metafile.outputs[output]?.inputs ?? {}));
  const foreign = inputs.filter((path) => path.includes("/dist/") && !/\/dist\/(agent\/(?!wasm\/)|[a-z0-9-]+\.js$)/.test(path));
  assert.deepEqual(foreign, []);
  assert.ok(!inputs.some((path) => /\/dist\/(wasm|gate|index)/.test(path)), inputs.join(" "));
});

test("what needs no core brings none", async () => {
  await user.write("error.js", 'import { CountersignError } from "countersign";\nconsole.log(CountersignError.name);\n');
  const { outputFiles } = await build({ entryPoints: [join(user.folder, "error.js")], bundle: true, minify: true, format: "esm", write: false });
  const size = outputFiles[0]?.contents.length ?? 0;
  assert.ok(size > 0 && size < 4_000, `${size} bytes`);
});

/**
 * What is loaded at once: the entry, and what it imports, but for what is imported when it is needed.
 *
 * @param {import("esbuild").Metafile} metafile
 */
function firstOf({ outputs }) {
  const found = Object.keys(outputs).filter((name) => outputs[name]?.entryPoint === "agent.js");
  for (const name of found) {
    const imported = (outputs[name]?.imports ?? []).filter(({ kind }) => kind === "import-statement").map(({ path }) => path);
    found.push(...imported.filter((path) => !found.includes(path)));
  }
  assert.ok(found.length > 0);
  return found;
}
