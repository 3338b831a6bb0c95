// Pages that have the agent SDK as `sdk`: as it is built by Vite and by esbuild, and as the native modules of the package.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build as esbuild } from "esbuild";
import { build as vite } from "vite";
import { freePort, serve } from "./net.mjs";

const SOURCE = fileURLToPath(new URL("../browser/page/", import.meta.url));
const PACKAGE = fileURLToPath(new URL("../../js/dist/", import.meta.url));

/** How a page gets the SDK. @typedef {"vite" | "esbuild" | "native"} Build */

const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
});

/** What such pages need: nothing inline, no code from texts, but WebAssembly where Ed25519 is computed so. */
export const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src http:";

/**
 * Builds the page, and serves it on an origin of its own.
 *
 * @param {Build} how
 * @param {string} [policy] its Content-Security-Policy
 */
export async function startPage(how, policy = POLICY) {
  const folder = await mkdtemp(join(tmpdir(), "countersign-page-"));
  await BUILDS[how](folder);
  const server = await serveFiles(folder, policy);
  return { url: server.url, close: () => Promise.all([server.close(), rm(folder, { recursive: true })]) };
}

/**
 * Serves a folder under a Content-Security-Policy.
 *
 * @param {string} folder
 * @param {string} policy
 * @param {number} [port]
 * @param {(request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => Promise<boolean>} [first]
 *   answers what is no file, and says whether it did
 */
export async function serveFiles(folder, policy, port = 0, first = async () => false) {
  return serve(async (request, response) => {
    if (await first(request, response)) return;
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = normalize(join(folder, pathname.endsWith("/") ? `${pathname}index.html` : pathname));
    const content = path.startsWith(folder.endsWith(sep) ? folder : folder + sep) ? await readFile(path).catch(() => undefined) : undefined;
    if (content === undefined) return response.writeHead(404).end();
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, "content-security-policy": policy }).end(content);
  }, port || (await freePort()));
}

/** @type {Record<Build, (folder: string) => Promise<unknown>>} */
const BUILDS = {
  vite: (outDir) => vite({ root: SOURCE, base: "./", configFile: false, logLevel: "warn", build: { outDir, emptyOutDir: true } }),
  async esbuild(outdir) {
    await page(outdir);
    return esbuild({ entryPoints: [join(SOURCE, "main.js")], outdir, bundle: true, splitting: true, format: "esm", minify: true });
  },
  async native(folder) {
    await page(folder);
    await mkdir(join(folder, "sdk"));
    for (const part of ["agent", "error.js"]) await cp(join(PACKAGE, part), join(folder, "sdk", part), { recursive: true });
    const script = await readFile(join(SOURCE, "main.js"), "utf8");
    await writeFile(join(folder, "main.js"), script.replace('"countersign/agent"', '"./sdk/agent/index.js"'));
  },
};

/** @param {string} folder */
function page(folder) {
  return cp(join(SOURCE, "index.html"), join(folder, "index.html"));
}
