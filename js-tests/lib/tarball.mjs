// The npm package as it is published: packed, and installed into projects that have nothing else.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL("../../js", import.meta.url));
/** What other packages a project has is what the tests have: the same versions, and nothing to fetch. */
const OTHERS = fileURLToPath(new URL("../node_modules", import.meta.url));
/** A bundle or a whole document may be printed. */
const MAX_BUFFER = 64 * 1024 * 1024;

/**
 * @typedef {object} Tarball
 * @property {string} path
 * @property {{ path: string, size: number }[]} files
 * @property {number} size compressed, in bytes
 * @property {() => Promise<void>} remove
 */

/**
 * `npm pack`.
 *
 * @returns {Promise<Tarball>}
 */
export async function pack() {
  const folder = await temporary("tarball");
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: PACKAGE, maxBuffer: MAX_BUFFER });
  const listed = JSON.parse(stdout);
  // A list, or since npm 12 an object by the package's name.
  const [{ filename, files, size }] = Object.values(listed);
  return { path: join(folder, filename), files, size, remove: () => rm(folder, { recursive: true }) };
}

/**
 * @typedef {object} Project
 * @property {string} folder
 * @property {string} installed the package's folder in it
 * @property {(path: string, text: string) => Promise<string>} write gives the whole path
 * @property {(program: string, ...args: string[]) => Promise<string>} run gives what the program printed on stdout
 * @property {() => Promise<void>} remove
 */

/**
 * An empty project with the package installed, as a new user has it.
 *
 * @param {Tarball} tarball
 * @param {string[]} [others] packages that are there besides, without being installed
 * @returns {Promise<Project>}
 */
export async function project(tarball, others = []) {
  const folder = await temporary("project");
  const write = async (/** @type {string} */ path, /** @type {string} */ text) => {
    const whole = join(folder, path);
    await mkdir(dirname(whole), { recursive: true });
    await writeFile(whole, text);
    return whole;
  };
  await write("package.json", JSON.stringify({ name: "project", private: true, type: "module" }));
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball.path], { cwd: folder });
  for (const name of others) {
    const place = join(folder, "node_modules", name);
    await mkdir(dirname(place), { recursive: true });
    await symlink(join(OTHERS, name), place, "junction");
  }
  return {
    folder,
    installed: join(folder, "node_modules/countersign"),
    write,
    run: async (program, ...args) => (await run(program, args, { cwd: folder, maxBuffer: MAX_BUFFER })).stdout,
    remove: () => rm(folder, { recursive: true }),
  };
}

/**
 * The package's entry points, as one imports them.
 *
 * @param {Project} project
 * @returns {Promise<string[]>}
 */
export async function entryPoints({ installed }) {
  const { exports } = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  return Object.keys(exports).filter((name) => name !== "./package.json").map((name) => `countersign${name.slice(1)}`);
}

/**
 * The import map of a page that is served from the project's folder and has no bundler: what the package's own
 * `exports` and `imports` say to browsers.
 *
 * @param {Project} project
 */
export async function importMap({ installed }) {
  const { exports, imports = {} } = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  const names = { ...Object.fromEntries(Object.entries(exports).map(([name, target]) => [`countersign${name.slice(1)}`, target])), ...imports };
  const modules = Object.entries(names).map(([name, target]) => [name, targetOf(target)]).filter(([, target]) => target?.endsWith(".js"));
  return { imports: Object.fromEntries(modules.map(([name, target]) => [name, `/node_modules/countersign/${target?.slice(2)}`])) };
}

/** @param {unknown} target @returns {string | undefined} */
function targetOf(target) {
  if (typeof target === "string") return target;
  const entries = Object.entries(target ?? {});
  return targetOf(entries.find(([condition]) => ["browser", "import", "default"].includes(condition))?.[1]);
}

/** @param {string} kind */
async function temporary(kind) {
  // Without links on the way, as bundlers and Node compare real paths.
  return mkdtemp(join(await realpath(tmpdir()), `countersign-${kind}-`));
}
