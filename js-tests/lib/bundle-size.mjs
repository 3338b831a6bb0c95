// Prints how large a built Worker is, compressed, as the platform counts it; fails over our limit.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT = 1024 * 1024;
const FILES = ["index.js", "index_bg.wasm"];

const folder = process.argv[2] ?? "worker/build";
let total = 0;
for (const file of FILES) {
  const path = join(folder, file);
  const compressed = gzipSync(readFileSync(path), { level: 9 }).length;
  total += compressed;
  console.log(`${file}: ${kib(statSync(path).size)}, gzip ${kib(compressed)}`);
}
console.log(`bundle: gzip ${kib(total)} of ${kib(LIMIT)}`);
if (total > LIMIT) {
  console.error("bundle: over the limit");
  process.exitCode = 1;
}

/** @param {number} bytes */
function kib(bytes) {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
