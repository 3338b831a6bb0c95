// What the linters of packages say of it.
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pack, project } from "../lib/tarball.mjs";

/** @param {string} name */
const program = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));

/** @type {import("../lib/tarball.mjs").Tarball} */
let tarball;
/** @type {import("../lib/tarball.mjs").Project} */
let installed;
before(async () => {
  tarball = await pack();
  installed = await project(tarball);
});
after(() => Promise.all([tarball?.remove(), installed?.remove()]));

test("publint finds nothing", async () => {
  await installed.run(process.execPath, program("publint"), "run", "--strict", tarball.path);
});

test("the types are right for whoever imports modules", async () => {
  await installed.run(process.execPath, program("attw"), "--profile", "esm-only", "--no-definitely-typed", "--no-color", tarball.path);
});
