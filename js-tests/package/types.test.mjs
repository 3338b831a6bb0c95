// The package's types, in projects that check every declaration they load.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { entryPoints, pack, project } from "../lib/tarball.mjs";

const TSC = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));

const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
  noEmit: true,
  target: "es2023",
};
const NODE = { ...STRICT, module: "nodenext", lib: ["es2023"], types: ["node"] };
const PAGE = { ...STRICT, module: "esnext", moduleResolution: "bundler", lib: ["es2023", "dom", "dom.iterable"], types: [] };

/** What the entry points of servers are for, with the types of those that bring none. */
const FRAMEWORKS = ["express", "@types/express", "fastify", "hono"];

/** @type {import("../lib/tarball.mjs").Tarball} */
let tarball;
/** @type {import("../lib/tarball.mjs").Project} */
let bare;
/** @type {import("../lib/tarball.mjs").Project} */
let plain;
/** @type {import("../lib/tarball.mjs").Project} */
let server;
before(async () => {
  tarball = await pack();
  bare = await project(tarball);
  plain = await project(tarball, ["@types/node"]);
  server = await project(tarball, ["@types/node", ...FRAMEWORKS]);
});
after(() => Promise.all([tarball, bare, plain, server].map((made) => made?.remove())));

test("a server in TypeScript has every type, and its mistakes are errors", async () => {
  await check(server, NODE, await consumer("server.ts"));
});

test("a server in TypeScript that a bundler resolves has the same", async () => {
  await check(server, { ...NODE, module: "esnext", moduleResolution: "bundler" }, await consumer("server.ts"));
});

test("each entry point is known to a server that has the frameworks", async () => {
  const names = await entryPoints(server);
  for (const module of [{ module: "nodenext" }, { module: "esnext", moduleResolution: "bundler" }]) await check(server, { ...NODE, ...module }, imports(names));
});

test("each entry point is known to a server that has none of the frameworks", async () => {
  await check(plain, NODE, imports(await entryPoints(plain)));
});

test("a page in TypeScript needs no types of Node's", async () => {
  for (const module of [{}, { module: "nodenext", moduleResolution: "nodenext" }]) await check(bare, { ...PAGE, ...module }, await consumer("page.ts"));
});

/**
 * @param {import("../lib/tarball.mjs").Project} user
 * @param {object} compilerOptions
 * @param {string} text
 */
async function check(user, compilerOptions, text) {
  await user.write("uses.ts", text);
  await user.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["uses.ts"] }));
  const faults = await user.run(process.execPath, TSC, "--project", user.folder).then(() => "", ({ stdout }) => stdout);
  assert.equal(faults, "");
}

/** @param {string} name */
const consumer = (name) => readFile(new URL(`consumer/${name}`, import.meta.url), "utf8");

/** @param {string[]} names */
const imports = (names) => names.map((name, i) => `import * as entry${i} from "${name}";\nexport { entry${i} };\n`).join("");
