// What an agent sends from a page: signed as Chromium sends it, whatever the page asked for, and refused where it cannot be.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { verifySignature } from "countersign";
import { build } from "esbuild";
import { bytes, serve } from "../lib/net.mjs";
import { startChromium } from "../lib/page.mjs";

/** @typedef {import("../lib/wire.mjs").Received} Received */

/** @type {Received[]} */
const received = [];
/** @type {Awaited<ReturnType<typeof startChromium>>} */
let chromium;
/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
/** @type {import("playwright-core").Page} */
let page;
/** @type {any} */
let publicJwk;

before(async () => {
  const { outputFiles } = await build({
    stdin: { contents: 'export * from "countersign/agent";', resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    format: "esm",
    conditions: ["browser"],
    write: false,
  });
  server = await serve(async (request, response) => {
    if (request.url === "/") return response.writeHead(200, { "content-type": "text/html" }).end("<title>agent</title>");
    if (request.url === "/agent.js") return response.writeHead(200, { "content-type": "text/javascript" }).end(outputFiles[0]?.text);
    const raw = request.rawHeaders;
    const headers = Array.from({ length: raw.length / 2 }, (_, line) => /** @type {[string, string]} */ ([raw[2 * line], raw[2 * line + 1]]));
    const body = await bytes(request);
    response.setHeader("access-control-allow-origin", "*").setHeader("access-control-allow-headers", "*").setHeader("access-control-allow-methods", "*");
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    received.push({ method: request.method ?? "", url: `http://${request.headers.host}${request.url}`, headers, body });
    if (request.url === "/moved") return response.writeHead(307, { location: "/there" }).end();
    response.writeHead(200).end("ok");
  });
  chromium = await startChromium();
  page = await chromium.browser.newPage();
  await page.goto(server.url);
  publicJwk = await page.evaluate(async () => {
    const scope = /** @type {any} */ (globalThis);
    const { createAgent, generateKey } = await import(/** @type {any} */ ("/agent.js"));
    const key = await generateKey();
    scope.agentWith = (/** @type {object} */ options) => createAgent({ key, signatureAgent: "https://agents.example", ...options });
    scope.agent = scope.agentWith({});
    return key.publicJwk;
  });
});
after(async () => {
  await chromium?.close();
  await server?.close();
});

/** Runs an expression in the page, where `API` is the server under another origin. @param {string} expression */
async function inPage(expression) {
  received.length = 0;
  const api = server.url.replace("127.0.0.1", "localhost");
  return page.evaluate(
    ([code, origin]) => new Function("API", `return ${code}`)(origin).then((/** @type {any} */ r) => r.status || r.type, (/** @type {any} */ e) => e.code),
    [expression, api],
  );
}

for (const [expression, code, requests] of /** @type {[string, string, number][]} */ ([
  ['agent.fetch(API + "/moved")', "agent.redirect_refused", 1],
  ['agentWith({ redirects: "refuse" }).fetch(API + "/moved")', "agent.redirect_refused", 1],
  ['agent.fetch(API + "/a", { mode: "no-cors" })', "agent.request_invalid", 0],
  ['agentWith({ components: ["@authority", "cookie"] }).fetch(API + "/a", { headers: { cookie: "a=b" } })', "agent.unsignable", 0],
  ['agent.fetch("data:text/plain,a")', "agent.request_invalid", 0],
])) {
  test(`in Chromium ${expression} is refused`, async () => {
    assert.equal(await inPage(expression), code);
    assert.equal(received.length, requests);
  });
}

for (const expression of [
  'agent.fetch("/relative?q=\u00e9#f")',
  'agent.fetch("/caf\u00e9/a b?q=\'x\'&%zz|^`#f")',
  'agent.fetch(API + "/empty?#f")',
  'agent.fetch(API + "/a", { headers: { cookie: "a=b", "user-agent": "x", "x-note": " two  spaces " } })',
  'agent.fetch(API + "/a", { method: "post", body: "text", credentials: "omit", cache: "no-store", keepalive: true, priority: "high" })',
  'agent.fetch(API + "/a", { method: "PATCH", body: new Blob(["part"], { type: "a/b" }).stream() })',
  'agent.fetch(API + "/a", { method: "POST", body: new URLSearchParams({ a: "b c" }) })',
  'agent.fetch("/form", { method: "POST", body: (() => { const data = new FormData(); data.set("a", new Blob(["x"]), "n"); return data; })() })',
  'agent.fetch(new Request(API + "/a?x=1", { method: "PUT", body: "abc", headers: { "x-a": "1" } }))',
]) {
  test(`in Chromium ${expression} is signed as it is sent`, async () => {
    assert.equal(await inPage(expression), 200);
    const [one] = received;
    assert.ok(one);
    const require = ["@method", "@authority", "@path", ...(one.body.length > 0 ? ["content-digest"] : [])];
    assert.equal((await verifySignature(one, { keys: publicJwk, profile: "web-bot-auth", require })).code, "ok");
  });
}

test("in Chromium a redirect that the page wants for itself is the page's", async () => {
  assert.equal(await inPage('agent.fetch(API + "/moved", { redirect: "manual" })'), "opaqueredirect");
});
