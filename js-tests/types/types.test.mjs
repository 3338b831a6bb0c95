// The published types, as an editor sees them: in a project that has the frameworks, in one that has none, in a Worker.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const MODULES = fileURLToPath(new URL("../node_modules/", import.meta.url));
const PACKAGE = fileURLToPath(new URL("../../js/", import.meta.url));
const STRICT = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true, target: "es2023", module: "nodenext", moduleDetection: "force" };

/** @type {Record<string, { packages: string[], options: object }>} */
const PROJECTS = {
  // The frameworks' own types are not ours to check.
  with: { packages: ["@types", "express", "fastify", "hono"], options: { types: ["node"], lib: ["es2023", "esnext.disposable", "dom", "dom.iterable"], skipLibCheck: true } },
  without: { packages: ["@types/node", "undici-types"], options: { types: ["node"], lib: ["es2023", "esnext.disposable", "dom"], skipLibCheck: false } },
  workers: { packages: [], options: { types: [], lib: ["es2023", "esnext.disposable", "dom"], skipLibCheck: false } },
};

/** @type {string} */
let folder;
before(async () => void (folder = await mkdtemp(join(tmpdir(), "countersign-types-"))));
after(() => rm(folder, { recursive: true }));

/** A project with the package in it, as an installer leaves it. @param {string} name @returns {Promise<string>} */
async function project(name) {
  const { packages, options } = PROJECTS[name];
  const [root, modules] = [join(folder, name), join(folder, name, "node_modules")];
  await cp(join(HERE, name), root, { recursive: true });
  await mkdir(join(modules, "countersign"), { recursive: true });
  await cp(join(PACKAGE, "package.json"), join(modules, "countersign/package.json"));
  await cp(join(PACKAGE, "dist"), join(modules, "countersign/dist"), { recursive: true });
  for (const each of packages) {
    await mkdir(join(modules, each, ".."), { recursive: true });
    await symlink(join(MODULES, each), join(modules, each));
  }
  await writeFile(join(root, "package.json"), '{"type":"module"}');
  await writeFile(join(root, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...STRICT, ...options }, include: ["*.ts"] }));
  return root;
}

/** What the compiler says. @param {string} root @returns {Promise<string>} */
function compile(root) {
  const tsc = join(MODULES, "typescript/bin/tsc");
  return new Promise((resolve) => execFile(process.execPath, [tsc, "--project", root, "--pretty", "false"], (_error, stdout, stderr) => resolve(stdout + stderr)));
}

for (const name of Object.keys(PROJECTS)) {
  test(`a project ${name}: the types are as an editor shows them, and what is wrong is marked`, async () => {
    const root = await project(name);
    assert.equal(await compile(root), "");
    // All of it was looked at: without its expectations each file has errors.
    for (const file of (await readdir(root)).filter((each) => each.endsWith(".ts"))) {
      const text = await readFile(join(root, file), "utf8");
      await writeFile(join(root, file), text.replaceAll("@ts-expect-error", "was expected:"));
    }
    assert.match(await compile(root), /error TS/);
  });
}
