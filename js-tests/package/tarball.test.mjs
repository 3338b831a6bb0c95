// What is in the package, and what is not.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pack, project } from "../lib/tarball.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** @type {import("../lib/tarball.mjs").Tarball} */
let tarball;
/** @type {import("../lib/tarball.mjs").Project} */
let installed;
before(async () => {
  tarball = await pack();
  installed = await project(tarball);
});
after(() => Promise.all([tarball?.remove(), installed?.remove()]));

/** @param {string} path */
const read = (path) => readFile(join(installed.installed, path));
const manifest = async () => JSON.parse((await read("package.json")).toString());

test("it holds what was built, its licences and its README, and nothing else", async () => {
  const others = tarball.files.map(({ path }) => path).filter((path) => !path.startsWith("dist/"));
  assert.deepEqual(others.sort(), ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json"]);
  const built = tarball.files.map(({ path }) => path).filter((path) => path.startsWith("dist/"));
  for (const path of built) assert.match(path, /^dist\/[a-z][a-z0-9_/-]*(\.js|\.d\.ts|_bg\.wasm|_bg\.wasm\.d\.ts)$/);
});

test("each of its modules is one of today's sources or bindings, with its types", async () => {
  const sources = await readdir(join(ROOT, "js/src"), { recursive: true });
  const expected = new Set(sources.filter((path) => /(?<!\.d)\.ts$/.test(path)).map((path) => path.slice(0, -3)));
  const paths = new Set(tarball.files.map(({ path }) => path));
  const modules = [...paths].filter((path) => path.startsWith("dist/") && !/^dist\/(agent\/)?wasm\//.test(path));
  const stale = modules.filter((path) => !expected.has(path.slice("dist/".length).replace(/(\.d\.ts|\.js)$/, "")));
  assert.deepEqual(stale, [], "js/dist holds what has no source any more; run: cargo xtask build");
  for (const path of expected) for (const end of [".js", ".d.ts"]) assert.ok(paths.has(`dist/${path}${end}`), path + end);
});

test("it depends on nothing", async () => {
  const { dependencies = {}, optionalDependencies = {}, bundleDependencies = [], peerDependencies = {}, peerDependenciesMeta = {} } = await manifest();
  assert.deepEqual({ dependencies, optionalDependencies, bundleDependencies }, { dependencies: {}, optionalDependencies: {}, bundleDependencies: [] });
  for (const name of Object.keys(peerDependencies)) assert.equal(peerDependenciesMeta[name]?.optional, true, name);
  const folders = (await readdir(join(installed.folder, "node_modules"))).filter((name) => !name.startsWith("."));
  assert.deepEqual(folders, ["countersign"]);
});

test("nothing of it runs when it is installed", async () => {
  const { scripts = {} } = await manifest();
  assert.deepEqual(Object.keys(scripts).filter((name) => /^(pre|post)?(install|prepare)$/.test(name)), []);
});

test("its version, licence and repository are those of the crates", async () => {
  const cargo = await readFile(join(ROOT, "Cargo.toml"), "utf8");
  const workspace = cargo.slice(cargo.indexOf("[workspace.package]"));
  const field = (/** @type {string} */ name) => workspace.match(new RegExp(`^${name} = "([^"]+)"$`, "m"))?.[1];
  const { version, license, repository, homepage, engines } = await manifest();
  assert.equal(version, field("version"));
  assert.equal(license, field("license"));
  assert.equal(repository.url, `git+${field("repository")}.git`);
  assert.ok(homepage.startsWith(field("repository") ?? "?"));
  assert.equal(engines.node, ">=22");
});

test("no file of it names the machine that built it", async () => {
  // With what ends a folder's name, as `/root` may be a path of a server's.
  const places = [ROOT, join(homedir(), sep)];
  const anywhere = /\/home\/[a-z]|\/Users\/[A-Za-z]|\/root\/\.|[A-Z]:\\Users|registry[\\/]src[\\/]|\.rustup[\\/]|node_modules[\\/]/;
  for (const { path } of tarball.files) {
    for (const text of texts(path, await read(path))) {
      for (const place of places) assert.ok(!text.includes(place), `${path} names ${place}`);
      const found = text.match(anywhere);
      assert.equal(found, null, `${path}: ${text.slice(found?.index ?? 0, (found?.index ?? 0) + 80)}`);
    }
  }
});

test("no file of it names a source map, or imports a file that is not there", async () => {
  const paths = new Set(tarball.files.map(({ path }) => resolve("/", path)));
  for (const { path } of tarball.files.filter(({ path }) => /\.(js|d\.ts)$/.test(path))) {
    const text = (await read(path)).toString();
    assert.doesNotMatch(text, /^\/\/# source(Mapping)?URL/m, path);
    for (const [, name] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const target = resolve("/", dirname(path), name ?? "");
      assert.ok(paths.has(target), `${path} imports ${name}`);
      if (path.endsWith(".d.ts")) assert.ok(paths.has(target.replace(/\.js$/, ".d.ts")), `${path} has no types of ${name}`);
    }
  }
});

/**
 * The texts in a file: itself, and those that it holds in Base64, as modules with WebAssembly inside do.
 *
 * @param {string} path
 * @param {Buffer} content
 */
function texts(path, content) {
  const text = content.toString("latin1");
  if (!path.endsWith(".js")) return [text];
  return [text, ...[...text.matchAll(/[A-Za-z0-9+/]{4096,}={0,2}/g)].map(([base64]) => Buffer.from(base64, "base64").toString("latin1"))];
}
