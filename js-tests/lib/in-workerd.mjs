// The npm package inside a Worker, in the real workerd: bundled as its users bundle it, with no rule for it.
import { Miniflare } from "miniflare";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { COMPATIBILITY_DATE, OUTSIDE } from "./gate.mjs";
import { ORIGIN_MARK } from "./origin.mjs";

/** @param {import("./gate.mjs").GateOptions} options */
export async function startInWorkerd({ config, port, hosts = {} }) {
  const folder = await bundle(fileURLToPath(new URL("package-worker.mjs", import.meta.url)), "package-worker");
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port,
    handleRuntimeStdio: (/** @type {import("node:stream").Readable} */ stdout, /** @type {import("node:stream").Readable} */ stderr) => {
      for (const stream of [stdout, stderr]) {
        if (process.env.GATE_LOG) stream.pipe(process.stderr);
        else stream.resume();
      }
    },
    workers: [
      {
        name: "gate",
        modulesRoot: folder,
        modules: [
          { type: "ESModule", path: `${folder}/index.js` },
          { type: "CompiledWasm", path: `${folder}/countersign_wasm_bg.wasm` },
        ],
        compatibilityDate: COMPATIBILITY_DATE,
        bindings: { CONFIG: JSON.stringify(config), MARK: ORIGIN_MARK },
        kvNamespaces: ["KV"],
        outboundService: "outside",
      },
      { name: "outside", modules: true, script: OUTSIDE, compatibilityDate: COMPATIBILITY_DATE, bindings: { HOSTS: hosts } },
    ],
  });
  await miniflare.ready;
  return {
    url: `http://127.0.0.1:${port}`,
    kv: () => /** @type {Promise<any>} */ (miniflare.getKVNamespace("KV", "gate")),
    close: () => miniflare.dispose(),
  };
}
