// The guide for agent authors: each example runs as it stands, before servers that look at what they get.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { createAgent, generateKey } from "countersign/agent";
import { startMcpServer } from "../lib/mcp-server.mjs";
import { startModelServer } from "../lib/model-server.mjs";

const GUIDE = new URL("../../docs/agent-authors.md", import.meta.url);
/** The promise of the README. */
const MOST_BYTES = 40 * 1024;

const own = globalThis.fetch;
const scope = /** @type {any} */ (globalThis);
/** @type {{url: string, headers: Headers, status: number}[]} */
const seen = [];
const closing = /** @type {(() => Promise<unknown>)[]} */ ([]);
let folder = "";

before(async () => {
  const [mcp, models] = await Promise.all([startMcpServer(), startModelServer()]);
  closing.push(() => mcp.close(), () => models.close());
  /** @type {Record<string, string>} */
  const hosts = { "https://mcp.shop.example": mcp.url, "https://models.example": models.url };
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const { origin, pathname } = new URL(request.url);
    const response = hosts[origin] ? await own(hosts[origin] + pathname, { method: request.method, headers: request.headers, ...(request.body && { body: await request.arrayBuffer() }) }) : shop(request);
    seen.push({ url: request.url, headers: request.headers, status: response.status });
    return response;
  };
  // What the examples have from before.
  scope.key = await generateKey();
  scope.login = async (/** @type {readonly string[]} */ scopes) => `token-for-${scopes.join("-")}`.replaceAll(":", ".");
  scope.agent = createAgent({ key: scope.key, token: () => scope.login([]), tokenOrigins: ["https://models.example"] });
  // Beside the packages, so that they are found.
  folder = await mkdtemp(fileURLToPath(new URL("../node_modules/.guide-", import.meta.url)));
});
after(async () => {
  globalThis.fetch = own;
  for (const name of ["key", "login", "agent"]) delete scope[name];
  await rm(folder, { recursive: true, force: true });
  for (const close of closing) await close();
});

/** The shop of the examples. @param {Request} request */
function shop(request) {
  assert.equal(new URL(request.url).origin, "https://api.shop.example");
  const isPaid = request.headers.get("authorization") === "DPoP token-for-order.write";
  if (!request.url.endsWith("/pay") || isPaid) return Response.json({});
  return new Response(null, { status: 403, headers: { "www-authenticate": 'DPoP error="insufficient_scope", scope="order:write"' } });
}

const blocks = [...(await readFile(GUIDE, "utf8")).matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ""]) => code);

test("the guide has its examples", () => assert.equal(blocks.length, 8));

for (const [index, code] of blocks.entries()) {
  test(`example ${index + 1} of the guide runs, and all that it sends is signed`, async () => {
    seen.length = 0;
    const file = join(folder, `${index}.mjs`);
    await writeFile(file, code);
    await import(pathToFileURL(file).href);
    assert.ok(seen.length > 0);
    for (const { url, headers } of seen) assert.ok(headers.has("signature") && headers.has("signature-input"), url);
    assert.equal(seen.findLast(({ url }) => !url.includes("mcp."))?.status ?? 200, 200);
  });
}

test("the agent is no larger than promised, and brings nothing of the verifier along", async () => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: 'export * from "countersign/agent";', resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    splitting: true,
    outdir: "out",
    metafile: true,
    write: false,
  });
  // With what it loads at once, without what it loads when a key needs it.
  const entry = Object.keys(metafile.outputs).find((name) => metafile.outputs[name]?.entryPoint === "<stdin>") ?? "";
  const atOnce = metafile.outputs[entry]?.imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path) ?? [];
  const files = outputFiles.filter(({ path }) => [entry, ...atOnce].some((name) => path.endsWith(name)));
  assert.equal(files.length, 1 + atOnce.length);
  const size = files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
  assert.ok(size <= MOST_BYTES, `${size} bytes`);
  assert.ok(size > MOST_BYTES / 4, `${size} bytes are not all of it`);
  const inputs = Object.keys(metafile.inputs).filter((name) => name.includes("/dist/"));
  assert.ok(inputs.length > 10);
  for (const name of inputs) assert.match(name, /\/dist\/(agent\/|error\.js)/);
});
