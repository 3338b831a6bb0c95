// An agent in a page of one origin, the gate in workerd on another: what is proven passes, and the rest does not.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { startWorldFor } from "../demo/page.mjs";
import { startPage } from "../lib/agent-page.mjs";
import { AGENT } from "../lib/names.mjs";
import { startChromium } from "../lib/page.mjs";
import { withoutEd25519 } from "../lib/without-ed25519.mjs";

/** What pages have, and nobody here: see browser/page/main.js. */
const sdk = /** @type {typeof import("countersign/agent")} */ (/** @type {unknown} */ (undefined));
/** A bound token, which pages ask for. @type {(jkt: string) => Promise<string>} */
const mint = async () => "";

const BODY = '{"note":"zwei Tees, bitte: 茶"}';

/** @type {Awaited<ReturnType<typeof startChromium>>} */
let chromium;
/** @type {Record<string, Awaited<ReturnType<typeof startPage>>>} */
let servers = {};
/** One for each page. @type {Record<string, Awaited<ReturnType<typeof startWorldFor>>>} */
let worlds = {};
before(async () => {
  chromium = await startChromium();
  servers = { esbuild: await startPage("esbuild"), vite: await startPage("vite"), native: await startPage("native") };
  for (const [how, { url }] of Object.entries(servers)) worlds[how] = await startWorldFor(url);
});
after(() => Promise.all([chromium?.close(), ...[...Object.values(servers), ...Object.values(worlds)].map((each) => each.close())]));

/**
 * A page with a key of its own, that the agent's directory has.
 *
 * @param {import("node:test").TestContext} t
 * @param {{ how?: string, without?: boolean, algorithm?: "EdDSA" | "ES256" }} [options]
 */
async function agentPage(t, { how = "esbuild", without = false, algorithm = "EdDSA" } = {}) {
  const [server, world] = [servers[how], worlds[how]];
  assert.ok(server && world);
  const page = await chromium.browser.newPage();
  t.after(() => page.close());
  page.on("pageerror", (error) => assert.fail(error));
  if (without) await page.addInitScript(withoutEd25519);
  await page.exposeFunction("mint", (/** @type {string} */ jkt) => world.issuer.mint({ jkt }));
  const load = async () => {
    await page.goto(server.url);
    await page.waitForFunction(() => "sdk" in globalThis);
  };
  await load();
  const name = `${t.name} ${how}`.slice(0, 200);
  const jwk = await page.evaluate(
    async ({ name, algorithm }) => (await (await sdk.openKeyStore()).obtain(name, { algorithm })).publicJwk,
    { name, algorithm },
  );
  world.directory.keys.push(/** @type {import("jose").JWK} */ (jwk));
  return { page, world, load, means: { name, gate: world.url, agent: AGENT, body: BODY }, jwk };
}

for (const how of ["esbuild", "vite", "native"]) {
  for (const [where, without] of /** @type {const} */ ([["WebCrypto", false], ["WebAssembly", true]])) {
    test(`a page built by ${how} signs with the key that it kept, a body passes, and a nonce is answered: Ed25519 in ${where}`, async (t) => {
      const { page, world, load, means, jwk } = await agentPage(t, { how, without });
      await load();
      const found = await page.evaluate(async ({ name, gate, agent, body }) => {
        const key = await (await sdk.openKeyStore()).get(name);
        if (!key) throw new Error("the key is gone");
        /** @type {any[]} */
        const exchanges = [];
        const signatureAgent = agent;
        const plain = sdk.createAgent({ key, signatureAgent });
        const note = await plain.fetch(`${gate}/api/v1/notes`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
        const seen = await note.json();
        const token = () => mint(key.thumbprint);
        const bound = sdk.createAgent({ key, signatureAgent, token, tokenOrigins: [gate], onExchange: (exchange) => exchanges.push(exchange) });
        const account = await bound.fetch(`${gate}/api/v1/account`);
        const again = await bound.fetch(`${gate}/api/v1/account`);
        const checkout = await bound.fetch(`${gate}/api/v1/checkout`, { method: "POST", body });
        return {
          thumbprint: key.thumbprint,
          note: [note.status, seen.sha256, seen.headers["countersign-agent-key"]],
          decision: note.headers.get("countersign-decision"),
          statuses: [account.status, again.status, checkout.status],
          exchanges: exchanges.map(({ status, answers }) => [status, ...answers]),
        };
      }, means);
      const sha256 = createHash("sha256").update(BODY).digest("hex");
      assert.equal(found.thumbprint, jwk.kid);
      assert.deepEqual(found.note, [200, sha256, jwk.kid]);
      assert.match(found.decision ?? "", /^[0-9A-Z]{26}$/, "the page can read which decision it was");
      assert.deepEqual(found.statuses, [200, 200, 200]);
      assert.deepEqual(found.exchanges, [[401, "nonce"], [200], [200], [200]], "one nonce serves until it is old");
      assert.equal(world.origin.requests.at(-1)?.sha256, sha256);
    });
  }
}

test("a P-256 key signs as well", async (t) => {
  const { page, means, jwk } = await agentPage(t, { algorithm: "ES256" });
  const key = await page.evaluate(async ({ name, gate, agent, body }) => {
    const key = await (await sdk.openKeyStore()).obtain(name);
    const response = await sdk.createAgent({ key, signatureAgent: agent }).fetch(`${gate}/api/v1/notes`, { method: "PUT", body });
    return (await response.json()).headers["countersign-agent-key"];
  }, means);
  assert.equal(key, jwk.kid);
});

test("what is not proven is refused, and the page sees why", async (t) => {
  const { page, world, means } = await agentPage(t);
  const before = world.origin.requests.length;
  const codes = await page.evaluate(async ({ name, gate, agent, body }) => {
    const key = await (await sdk.openKeyStore()).obtain(name);
    const url = `${gate}/api/v1/notes`;
    /** @param {object} options @param {string} [to] */
    const codeOf = async (options, to = url) => {
      const signing = sdk.createAgent({ key, signatureAgent: agent, ...options });
      const response = await signing.fetch(to, { method: "POST", body });
      return [response.status, (await response.json()).code];
    };
    /** @param {(request: Request) => Promise<Request>} change */
    const changed = (change) => ({ fetch: async (/** @type {any} */ input, /** @type {any} */ init) => fetch(await change(new Request(input, init))) });
    const { method, headers } = new Request(url, { method: "POST" });
    const sent = (/** @type {Request} */ request, /** @type {string} */ to, /** @type {BodyInit} */ content) =>
      new Request(to, { method, headers: request.headers ?? headers, body: content });
    const unproven = await fetch(url, { method: "POST", body });
    return {
      unproven: [unproven.status, (await unproven.json()).code, unproven.headers.has("accept-signature")],
      unknownKey: await codeOf({ key: await sdk.generateKey() }),
      expired: await codeOf({ now: () => Date.now() - 3_600_000 }),
      early: await codeOf({ now: () => Date.now() + 3_600_000 }),
      changedBody: await codeOf(changed(async (request) => sent(request, request.url, `${await request.text()} `))),
      otherPath: await codeOf(changed(async (request) => sent(request, `${request.url}?x=1`, await request.arrayBuffer()))),
      otherAuthority: await codeOf(
        changed(async (request) => sent(request, request.url.replace("//localhost:", "//127.0.0.1:"), await request.arrayBuffer())),
        url.replace("//127.0.0.1:", "//localhost:"),
      ),
      untrusted: await codeOf({ signatureAgent: "https://others.example" }),
    };
  }, means);
  assert.deepEqual(codes, {
    unproven: [401, "signature.missing", true],
    unknownKey: [403, "signature.key_unknown"],
    expired: [403, "signature.expired"],
    early: [403, "signature.created_in_future"],
    changedBody: [403, "signature.digest_mismatch"],
    otherPath: [403, "signature.invalid"],
    otherAuthority: [403, "signature.invalid"],
    untrusted: [403, "signature.agent_untrusted"],
  });
  assert.equal(world.origin.requests.length, before, "nothing of it came to the API");
});

test("a copy of a request that passed is refused", async (t) => {
  const { page, means } = await agentPage(t);
  const found = await page.evaluate(async ({ name, gate, agent, body }) => {
    const key = await (await sdk.openKeyStore()).obtain(name);
    /** @type {Response[]} */
    const answers = [];
    const twice = async (/** @type {any} */ input, /** @type {any} */ init) => {
      const request = new Request(input, init);
      answers.push(await fetch(request.clone()), await fetch(request));
      return /** @type {Response} */ (answers.at(-1));
    };
    const token = () => mint(key.thumbprint);
    const options = { key, signatureAgent: agent, token, tokenOrigins: [gate] };
    // The nonce is known before the copy is made.
    await sdk.createAgent(options).fetch(`${gate}/api/v1/account`);
    const signing = sdk.createAgent({ ...options, fetch: twice, retry: false });
    const last = await signing.fetch(`${gate}/api/v1/checkout`, { method: "POST", body });
    return { statuses: answers.map(({ status }) => status), code: (await last.json()).code };
  }, means);
  assert.match(found.code, /replayed/);
  assert.equal(found.statuses.at(-2), 200);
});

test("a token that is another key's is refused, with a challenge that the page can read", async (t) => {
  const { page, means } = await agentPage(t);
  const found = await page.evaluate(async ({ gate }) => {
    const [key, other] = [await sdk.generateKey(), await sdk.generateKey()];
    const agent = sdk.createAgent({ dpop: key, token: () => mint(other.thumbprint), tokenOrigins: [gate] });
    const response = await agent.fetch(`${gate}/api/v1/account`);
    return { status: response.status, code: (await response.json()).code, challenge: response.headers.get("www-authenticate") };
  }, means);
  assert.deepEqual([found.status, found.code], [401, "dpop.key_mismatch"]);
  assert.match(found.challenge ?? "", /^DPoP /);
});

test("a page of an origin that the gate does not know learns nothing", async (t) => {
  const { page, means } = await agentPage(t);
  const world = worlds.vite;
  assert.ok(world);
  const before = world.origin.requests.length;
  const refused = await page.evaluate(async ({ name, agent, gate }) => {
    const key = await (await sdk.openKeyStore()).obtain(name);
    return sdk.createAgent({ key, signatureAgent: agent }).fetch(`${gate}/api/v1/catalogue`).then(({ status }) => String(status), (error) => error.name);
  }, { ...means, gate: world.url });
  assert.equal(refused, "TypeError");
  assert.equal(world.origin.requests.length, before);
});
