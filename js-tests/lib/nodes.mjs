// The versions of Node that the package is for. `cargo xtask test` installs them, and says where in NODE_22 and NODE_24.
const VERSIONS = ["22", "24"];

/** Each version's name and program; of one that nobody named, this process's own if it is the same. */
export const NODES = VERSIONS.map((version) => ({ version, program: programOf(version) }));

/** @param {string} version */
function programOf(version) {
  const named = process.env[`NODE_${version}`];
  if (named) return named;
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  throw new Error(`NODE_${version} names no Node ${version}; run: cargo xtask test --only package`);
}
