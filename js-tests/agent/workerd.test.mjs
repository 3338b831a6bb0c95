// The agent in workerd, whose `fetch` and `Request` know less than others': there it signs, follows and waits all the same.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { verifySignature } from "countersign";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { COMPATIBILITY_DATE } from "../lib/gate.mjs";
import { makeKey } from "../lib/keys.mjs";
import { startWire } from "../lib/wire.mjs";

const WORKER = `
import { createAgent, importKey } from "countersign/agent";
let agent;
export default {
  async fetch(request, { KEY, TARGET, REDIRECTS }) {
    agent ??= createAgent({ key: await importKey(KEY), signatureAgent: "https://agents.example", redirects: REDIRECTS, pause: async () => {} });
    const { pathname } = new URL(request.url);
    const input = pathname === "/request" ? new Request(TARGET + pathname, request) : TARGET + pathname;
    const form = () => { const data = new FormData(); data.set("a", "b"); return data; };
    const init = { "/form": { method: "POST", body: form() }, "/stream": { method: "POST", body: request.body } }[pathname];
    try {
      const response = await agent.fetch(input, init);
      return Response.json({ status: response.status, redirected: response.redirected });
    } catch (error) {
      return Response.json({ name: error.name, code: error.code });
    }
  },
};`;

const made = await makeKey("EdDSA");
/** @type {Awaited<ReturnType<typeof startWire>>} */
let wire;
/** @type {Record<"sign" | "refuse", Miniflare>} */
let workers;
before(async () => {
  wire = await startWire(({ url }, index) => {
    /** @type {import("../lib/wire.mjs").Reply} */
    const limited = { status: 429, headers: { "retry-after": "1" } };
    if (url.endsWith("/moved")) return { status: 307, headers: { location: "/there" } };
    const isFirst = wire.received.findIndex((one) => one.url === url) === index;
    return url.endsWith("/limited") && isFirst ? limited : {};
  });
  const { outputFiles } = await build({
    stdin: { contents: WORKER, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    format: "esm",
    conditions: ["workerd"],
    write: false,
  });
  const script = outputFiles[0]?.text ?? "";
  const start = (/** @type {string} */ redirects) =>
    new Miniflare({
      modules: true,
      script,
      compatibilityDate: COMPATIBILITY_DATE,
      bindings: { KEY: /** @type {any} */ ({ ...made.privateJwk, alg: "EdDSA" }), TARGET: wire.url, REDIRECTS: redirects },
    });
  workers = { sign: start("sign"), refuse: start("refuse") };
});
after(async () => {
  await Promise.all(Object.values(workers).map((worker) => worker.dispose()));
  await wire.close();
});

/** @param {string} path @param {any} [init] @param {"sign" | "refuse"} [redirects] */
async function asked(path, init, redirects = "sign") {
  const response = await workers[redirects].dispatchFetch(`http://worker.example${path}`, init);
  const received = wire.received.at(-1);
  assert.ok(received);
  return { answer: await response.json(), received };
}

test("in workerd a redirect is refused where none is followed", async () => {
  const { answer } = await asked("/moved", {}, "refuse");
  assert.deepEqual(answer, { name: "CountersignError", code: "agent.redirect_refused" });
});

for (const [path, init, length] of /** @type {[string, any, number?][]} */ ([
  ["/plain", {}],
  ["/form", {}],
  ["/request", { method: "POST", body: "a request's own body" }, 20],
  ["/stream", { method: "POST", body: "streamed on" }, 11],
  ["/limited", {}],
])) {
  test(`in workerd ${path} is signed as it is sent`, async () => {
    const { answer, received } = await asked(path, init);
    assert.deepEqual(answer, { status: 200, redirected: false });
    const hasBody = received.body.length > 0;
    assert.equal(hasBody, path !== "/plain" && path !== "/limited");
    if (length !== undefined) assert.equal(received.body.length, length);
    const require = ["@method", "@authority", "@path", ...(hasBody ? ["content-digest"] : [])];
    const report = await verifySignature(received, { keys: made.publicJwk, profile: "web-bot-auth", require });
    assert.equal(report.code, "ok");
  });
}

test("in workerd a redirect is followed, and signed anew", async () => {
  const { answer, received } = await asked("/moved");
  assert.deepEqual(answer, { status: 200, redirected: true });
  assert.ok(received.url.endsWith("/there"));
  assert.equal((await verifySignature(received, { keys: made.publicJwk, profile: "web-bot-auth", require: ["@path"] })).code, "ok");
});
