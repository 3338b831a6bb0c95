// Bundles a Worker written in JavaScript, as `worker-build` does ours.
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * @param {string} entry
 * @param {string} name of the folder under target/js
 * @returns {Promise<string>} the folder
 */
export async function bundle(entry, name) {
  const folder = fileURLToPath(new URL(`../../target/js/${name}`, import.meta.url));
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: [entry],
    outfile: `${folder}/index.js`,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    external: ["node:*"],
    // As Workers have it: a module beside.
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
    logLevel: "warning",
  });
  return folder;
}
