// The code of a user of the package, for the projects it is installed into.
import { readFile } from "node:fs/promises";

/** @param {string} name */
const text = (name) => readFile(new URL(`../package/consumer/${name}`, import.meta.url), "utf8");

/**
 * Writes what a user does into a project, with what calls it.
 *
 * @param {import("./tarball.mjs").Project} project
 */
export async function writeConsumer({ write }) {
  await write("exercise.mjs", await text("exercise.mjs"));
  await write("main.js", 'import { exercise } from "./exercise.mjs";\nconsole.log(JSON.stringify(await exercise()));\n');
  await write(
    "page.js",
    'import { exercise } from "./exercise.mjs";\nexercise().then((result) => { window.result = result; });\n',
  );
  await write("worker.js", await text("worker.mjs"));
}
