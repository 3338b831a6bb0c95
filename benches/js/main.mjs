// `cargo xtask bench`, the JavaScript half: the same fully proven requests through other people's libraries and
// through us, in the same run, as ratios of medians. Absolute figures are this machine's; the ratios travel.
import { availableParallelism } from "node:os";
import { startIssuer } from "../../js-tests/lib/issuer.mjs";
import { makeKey } from "../../js-tests/lib/keys.mjs";
import { benchInNode } from "./in-node.mjs";
import { benchInWorkerd } from "./in-workerd.mjs";
import { benchStartUp } from "./start-up.mjs";
import { benchVerification } from "./verification.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 7);

/** Three proofs, a covered body, and the forms that every contender reads. @param {"EdDSA" | "RS256"} alg */
const proven = (alg) => ({
  method: "POST",
  path: "/api/v1/checkout",
  body: JSON.stringify({ sku: "tea-42", quantity: 2 }),
  signature: { form: /** @type {const} */ ("legacy") },
  token: { alg },
  dpop: true,
});

console.log(`${availableParallelism()} cores, Node ${process.versions.node}, median of ${ROUNDS} rounds`);
await startUp();
await verification();
await inNode();
await inWorkerd();

async function startUp() {
  const { compileMs, firstMs, secondMs } = await benchStartUp(ROUNDS);
  console.log(`\nstart-up: module compiled by V8 in ${compileMs.toFixed(1)} ms; first answer of a new gate ${firstMs.toFixed(1)} ms, second ${secondMs.toFixed(1)} ms`);
}

/** One verification of each algorithm, where the peers have it; what a peer lacks is left out. */
async function verification() {
  console.log("\none verification, keys imported before, in µs; Ed25519 is ours in wasm, there with the whole decision around it");
  for (const [alg, figures] of Object.entries(await benchVerification(ROUNDS))) {
    const { ours, workerd, "node:crypto": native, "Node's WebCrypto": webcrypto, ...peers } = figures;
    const best = Math.min(...Object.values(peers));
    const cells = Object.entries(figures).map(([name, micros]) => `${name} ${micros.toFixed(0)}`);
    console.log(`  ${alg.padEnd(12)}${cells.join(", ")}${best < Infinity ? `; best peer to ours ${(best / ours).toFixed(2)}` : ""}`);
  }
}

async function inNode() {
  const url = "http://127.0.0.1:8787";
  const issuer = await startIssuer({ audience: url });
  const [agent, EdDSA, ES256, RS256] = await Promise.all([makeKey("EdDSA"), makeKey("EdDSA"), makeKey("ES256"), makeKey("RS256")]);
  const makings = { url, issuer, agent, holders: { EdDSA, ES256, RS256 } };
  for (const alg of /** @type {const} */ (["EdDSA", "RS256"])) {
    console.log(`\nin Node, no HTTP: signature (Ed25519), token (${alg}), proof (ES256)`);
    const figures = await benchInNode(makings, proven(alg), ROUNDS);
    for (const [name, { micros }] of Object.entries(figures)) console.log(`  ${name.padEnd(16)}${micros.toFixed(0).padStart(8)} µs`);
    const ratio = figures["both peers"].micros / figures.countersign.micros;
    console.log(`  throughput, ours to both peers': ${ratio.toFixed(2)}`);
  }
  await issuer.close();
}

async function inWorkerd() {
  for (const alg of /** @type {const} */ (["EdDSA", "RS256"])) {
    console.log(`\nin workerd, over HTTP on loopback: signature (Ed25519), token (${alg}), proof (ES256)`);
    const figures = await benchInWorkerd(proven(alg), ROUNDS);
    for (const [name, { perSecond, cpuMicros }] of Object.entries(figures)) {
      const cpu = cpuMicros === undefined ? "" : `${cpuMicros.toFixed(0).padStart(8)} µs of CPU a request`;
      console.log(`  ${name.padEnd(16)}${perSecond.toFixed(0).padStart(8)} requests/s${cpu}`);
    }
    const { countersign, peers, forwarding } = figures;
    console.log(`  throughput, ours to the peers': ${(countersign.perSecond / peers.perSecond).toFixed(2)}`);
    if (countersign.cpuMicros !== undefined) {
      const ours = countersign.cpuMicros - forwarding.cpuMicros;
      const theirs = peers.cpuMicros - forwarding.cpuMicros;
      console.log(`  CPU above forwarding: ours ${ours.toFixed(0)} µs, the peers' ${theirs.toFixed(0)} µs, ratio ${(theirs / ours).toFixed(2)}`);
    }
  }
}
