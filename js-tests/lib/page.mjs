// What a module does in a page of a real browser: a folder served on loopback, and Chromium that opens it.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";
import { freePort, serve } from "./net.mjs";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
});

/** Chromium with a profile of its own. `close` ends it and removes that. */
export async function startChromium() {
  const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
  if (!existsSync(executablePath)) throw new Error("no chromium; install it, or name its program in CHROMIUM");
  const profile = await mkdtemp(join(tmpdir(), "countersign-chromium-"));
  const browser = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: FLAGS });
  return {
    browser,
    async close() {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/**
 * Serves a folder, and nothing above it.
 *
 * @param {string} folder
 */
export async function serveFolder(folder) {
  return serve(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = normalize(join(folder, pathname === "/" ? "index.html" : pathname));
    const content = path.startsWith(folder) ? await readFile(path).catch(() => undefined) : undefined;
    if (content === undefined) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(content);
  }, await freePort());
}

/**
 * What the page at `/` of a folder leaves in `window.result`, as soon as it is there; its first error instead, if it has
 * one.
 *
 * @param {import("playwright-core").BrowserContext} browser
 * @param {string} folder
 * @returns {Promise<unknown>}
 */
export async function resultOf(browser, folder) {
  const server = await serveFolder(folder);
  const page = await browser.newPage();
  /** @type {Promise<never>} */
  const failed = new Promise((_, reject) => {
    page.on("pageerror", reject);
    page.on("requestfailed", (request) => reject(new Error(`${request.url()}: ${request.failure()?.errorText}`)));
    page.on("response", (response) => {
      if (response.status() >= 400 && !response.url().endsWith("/favicon.ico")) reject(new Error(`${response.url()}: ${response.status()}`));
    });
  });
  try {
    const found = page.goto(server.url).then(() => page.waitForFunction(() => /** @type {any} */ (window).result));
    return await Promise.race([found.then((handle) => handle.jsonValue()), failed]);
  } finally {
    await page.close();
    await server.close();
  }
}
