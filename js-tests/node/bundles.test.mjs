// The package in bundles, by the bundlers that people have, with no rule or plugin for it; and what is taken along.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build as esbuild } from "esbuild";
import { build as vite } from "vite";
import webpack from "webpack";

// Below the folder of the tests' packages, where bundlers find them.
const FOLDER = fileURLToPath(new URL("../node_modules/.cache/countersign-bundles/", import.meta.url));
const GATE = `import { createGate } from "countersign";
const config = { origin: "http://127.0.0.1:9000", public_origins: ["https://api.example"], routes: [{ match: "GET /", require: [] }] };
const { code } = await createGate(config).check({ method: "GET", url: "https://api.example/", headers: {} });
console.log(code);`;
const ERROR = `import { CountersignError } from "countersign"; console.log(new CountersignError("options.invalid", "").code);`;

/** @param {string} name @param {string} text */
async function source(name, text) {
  await mkdir(FOLDER, { recursive: true });
  await writeFile(`${FOLDER}${name}.mjs`, text);
  return `${FOLDER}${name}.mjs`;
}

/** What a bundle says, away from everything that it could load. @param {string} file */
async function run(file) {
  const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: "/" });
  return stdout;
}

for (const platform of /** @type {const} */ (["node", "browser"])) {
  test(`esbuild for ${platform}`, async () => {
    const outfile = `${FOLDER}esbuild-${platform}.out.mjs`;
    await esbuild({ entryPoints: [await source(`esbuild-${platform}`, GATE)], outfile, bundle: true, format: "esm", platform, logLevel: "error" });
    assert.equal(await run(outfile), "ok\n");
    assert.equal(/from ?"node:/.test(await readFile(outfile, "utf8")), platform === "node");
  });
}

test("Vite for browsers", async () => {
  const entry = await source("vite", GATE);
  await vite({
    configFile: false,
    root: FOLDER,
    logLevel: "error",
    build: { outDir: `${FOLDER}vite`, minify: false, target: "esnext", rolldownOptions: { input: entry, output: { entryFileNames: "out.mjs" } }, modulePreload: { polyfill: false } },
  });
  assert.equal(await run(`${FOLDER}vite/out.mjs`), "ok\n");
});

test("webpack for browsers", async () => {
  const bundler = webpack({
    mode: "production",
    entry: await source("webpack", GATE),
    target: "web",
    output: { path: `${FOLDER}webpack`, filename: "out.mjs", module: true },
    experiments: { outputModule: true },
    performance: false,
    // What is left out is left out before; three megabytes take long to be made smaller.
    optimization: { minimize: false },
  });
  assert.ok(bundler);
  const stats = await promisify(bundler.run.bind(bundler))();
  assert.deepEqual(stats?.toJson({ errors: true }).errors, []);
  assert.equal(await run(`${FOLDER}webpack/out.mjs`), "ok\n");
});

test("who takes none of the verifier takes along none of the core", async () => {
  const outfile = `${FOLDER}error.out.mjs`;
  await esbuild({ entryPoints: [await source("error", ERROR)], outfile, bundle: true, format: "esm", minify: true, logLevel: "error" });
  assert.equal(await run(outfile), "options.invalid\n");
  assert.ok((await readFile(outfile)).length < 1024);
});
