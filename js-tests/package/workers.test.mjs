// The package inside a Worker, bundled as Workers are: in workerd, with what the package gives that runtime.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { writeConsumer } from "../lib/consumer.mjs";
import { COMPATIBILITY_DATE } from "../lib/gate.mjs";
import { freePort } from "../lib/net.mjs";
import { pack, project } from "../lib/tarball.mjs";
import { EXPECTED } from "./consumer/exercise.mjs";

/** @type {import("../lib/tarball.mjs").Tarball} */
let tarball;
/** @type {import("../lib/tarball.mjs").Project} */
let user;
before(async () => {
  tarball = await pack();
  user = await project(tarball);
  await writeConsumer(user);
});
after(() => Promise.all([tarball?.remove(), user?.remove()]));

test("in workerd it decides and verifies, without `nodejs_compat`, and keeps state in objects", async () => {
  const folder = join(user.folder, "worker");
  await build({
    entryPoints: [join(user.folder, "worker.js")],
    outdir: folder,
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    // As Wrangler does: a module of WebAssembly stays a file, and what is the runtime's is left to it.
    loader: { ".wasm": "copy" },
    external: ["cloudflare:*"],
    logLevel: "warning",
  });
  const files = (await readdir(folder)).sort((a) => (a === "worker.js" ? -1 : 1));
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: await freePort(),
    modulesRoot: folder,
    modules: files.map((file) => ({ type: file.endsWith(".wasm") ? "CompiledWasm" : "ESModule", path: join(folder, file) })),
    compatibilityDate: COMPATIBILITY_DATE,
    kvNamespaces: ["COUNTERSIGN_KV"],
    durableObjects: { SUBJECTS: { className: "Subject", useSQLite: true } },
  });
  try {
    const answer = await miniflare.dispatchFetch("http://worker.example/");
    assert.deepEqual(await answer.json(), EXPECTED);
    const twice = await miniflare.dispatchFetch("http://worker.example/twice");
    assert.deepEqual(await twice.json(), ["ok", "signature.replayed"]);
  } finally {
    await miniflare.dispose();
  }
});
