// The package in a real browser: as native modules, and as bundlers make it.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build as esbuild } from "esbuild";
import { build as vite } from "vite";
import webpack from "webpack";
import { writeConsumer } from "../lib/consumer.mjs";
import { resultOf, startChromium } from "../lib/page.mjs";
import { importMap, pack, project } from "../lib/tarball.mjs";
import { EXPECTED } from "./consumer/exercise.mjs";

/** @type {import("../lib/tarball.mjs").Tarball} */
let tarball;
/** @type {import("../lib/tarball.mjs").Project} */
let user;
/** @type {Awaited<ReturnType<typeof startChromium>>} */
let chromium;
before(async () => {
  tarball = await pack();
  user = await project(tarball);
  await writeConsumer(user);
  chromium = await startChromium();
});
after(() => Promise.all([tarball?.remove(), user?.remove(), chromium?.close()]));

test("as native modules, by an import map, it decides and verifies", async () => {
  const map = JSON.stringify(await importMap(user));
  await user.write(
    "index.html",
    `<!doctype html><title>native</title><script type="importmap">${map}</script><script type="module" src="/page.js"></script>\n`,
  );
  assert.deepEqual(await resultOf(chromium.browser, user.folder), EXPECTED);
});

test("Vite builds it without a plugin or an option", async () => {
  await user.write("vite/index.html", '<!doctype html><title>vite</title><script type="module" src="../page.js"></script>\n');
  await vite({ root: join(user.folder, "vite"), configFile: false, logLevel: "error", build: { outDir: "dist" } });
  assert.deepEqual(await resultOf(chromium.browser, join(user.folder, "vite/dist")), EXPECTED);
});

test("esbuild builds it for browsers without a plugin or an option", async () => {
  const { warnings } = await esbuild({
    entryPoints: [join(user.folder, "page.js")],
    outfile: join(user.folder, "esbuild/page.js"),
    bundle: true,
    minify: true,
    format: "esm",
    logLevel: "silent",
  });
  assert.deepEqual(warnings, []);
  await page("esbuild", "page.js");
  assert.deepEqual(await resultOf(chromium.browser, join(user.folder, "esbuild")), EXPECTED);
});

test("webpack builds it without a loader or an option", async () => {
  const { errors, warnings } = await built({
    mode: "production",
    context: user.folder,
    entry: "./page.js",
    output: { path: join(user.folder, "webpack"), filename: "page.js" },
    // The core is larger than what webpack thinks a page should be.
    performance: false,
  });
  assert.deepEqual({ errors, warnings }, { errors: [], warnings: [] });
  await page("webpack", "page.js");
  assert.deepEqual(await resultOf(chromium.browser, join(user.folder, "webpack")), EXPECTED);
});

/** @param {string} folder @param {string} script */
async function page(folder, script) {
  await writeFile(join(user.folder, folder, "index.html"), `<!doctype html><title>built</title><script type="module" src="./${script}"></script>\n`);
}

/** @param {import("webpack").Configuration} options @returns {Promise<import("webpack").StatsCompilation>} */
function built(options) {
  return new Promise((resolve, reject) => {
    webpack(options, (error, stats) => (error ? reject(error) : resolve(stats?.toJson() ?? {})));
  });
}
