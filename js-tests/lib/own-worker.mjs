// A Worker of somebody's own in workerd, bundled as its author would: with the package from npm, by esbuild.
import { readdirSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * The modules of a Worker, as Miniflare takes them.
 *
 * @param {string} entry
 * @param {string} name of the folder under target/js
 */
export async function modulesOf(entry, name) {
  const folder = fileURLToPath(new URL(`../../target/js/${name}`, import.meta.url));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: { index: entry },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    target: "es2023",
    conditions: ["workerd", "worker", "import"],
    // A module of its own, which the platform compiles as the Worker is uploaded.
    loader: { ".wasm": "copy" },
    external: ["cloudflare:*", "node:*"],
    logLevel: "warning",
  });
  const wasm = readdirSync(folder).filter((file) => file.endsWith(".wasm"));
  return {
    modulesRoot: folder,
    modules: [
      { type: /** @type {const} */ ("ESModule"), path: `${folder}/index.mjs` },
      ...wasm.map((file) => ({ type: /** @type {const} */ ("CompiledWasm"), path: `${folder}/${file}` })),
    ],
  };
}
