// Before `npm pack` and `npm publish`: takes the licences from above, and lets nothing out that was not built.
import { copyFileSync, existsSync, readFileSync } from "node:fs";

const at = (/** @type {string} */ path) => new URL(path, import.meta.url);

for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(at(`../${licence}`), at(licence));

const { exports, imports = {} } = JSON.parse(readFileSync(at("package.json"), "utf8"));
const missing = targets([exports, imports]).filter((path) => !existsSync(at(path)));
if (missing.length > 0) throw new Error(`not built: ${missing.join(", ")}; run: cargo xtask build`);

/** @param {unknown} value @returns {string[]} */
function targets(value) {
  return typeof value === "string" ? [value] : value && typeof value === "object" ? Object.values(value).flatMap(targets) : [];
}
