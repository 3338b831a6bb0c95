// The page of the demo, used as people use it, on a phone and on a desk.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startPage } from "../demo/page.mjs";
import { startChromium } from "../lib/page.mjs";

/** @type {Awaited<ReturnType<typeof startChromium>>} */
let chromium;
/** @type {Awaited<ReturnType<typeof startPage>>} */
let demo;
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-demo-"));
  [chromium, demo] = await Promise.all([startChromium(), startPage({ folder })]);
});
after(() => Promise.all([chromium?.close(), demo?.close(), rm(folder, { recursive: true, force: true })]));

/**
 * The page, opened anew; what its policy forbids, and what throws in it, fails the test.
 *
 * @param {import("node:test").TestContext} t
 * @param {{ width: number, height: number }} [viewport]
 */
async function open(t, viewport = { width: 1280, height: 900 }) {
  const page = await chromium.browser.newPage();
  t.after(() => page.close());
  page.on("pageerror", (error) => assert.fail(error));
  page.on("console", (message) => assert.ok(!/Content Security Policy|CORS/.test(message.text()), message.text()));
  await page.setViewportSize(viewport);
  await page.goto(demo.url);
  return page;
}

/** @param {import("playwright-core").Page} page @param {string} preset @param {string} [mischief] */
async function send(page, preset, mischief = "Nothing") {
  await page.getByRole("button", { name: preset }).click();
  await page.locator(".chip", { hasText: mischief }).click();
  await page.evaluate(() => document.querySelector(".results")?.replaceChildren());
  await page.getByRole("button", { name: "Send it" }).click();
  const [stamp, code] = [page.locator(".stamp"), page.locator(".decision .code").first()];
  return [await stamp.textContent(), await code.textContent()];
}

test("a key is made, kept and forgotten; requests pass, and whatever breaks on their way is told by its code", async (t) => {
  const page = await open(t);
  const thumbprint = page.locator(".thumbprint");
  await page.getByRole("button", { name: "Make an Ed25519 key" }).click();
  const made = await thumbprint.textContent();
  assert.match(made ?? "", /^[\w-]{43}$/);
  await page.reload();
  assert.equal(await thumbprint.textContent(), made);

  assert.deepEqual(await send(page, "Browse"), ["Let through", "ok"]);
  assert.match((await page.locator(".base").first().textContent()) ?? "", /"@query": \?list=tea/);
  assert.deepEqual(await send(page, "Leave a note", "The body is changed"), ["Refused", "signature.digest_mismatch"]);
  assert.deepEqual(await send(page, "Leave a note", "The address is changed"), ["Refused", "signature.invalid"]);
  assert.deepEqual(await page.locator(".ours, .theirs").allTextContents(), ['signed"@query": ?for=kitchen', 'arrived"@query": ?for=elsewhere']);
  assert.deepEqual(await send(page, "Leave a note", "It arrives late"), ["Asked for proof", "signature.expired"]);
  assert.deepEqual(await send(page, "Leave a note", "Another key signs"), ["Asked for proof", "signature.key_unknown"]);
  assert.deepEqual(await send(page, "Leave a note", "It comes twice"), ["Refused", "signature.replayed"]);

  assert.deepEqual(await send(page, "Check out"), ["Let through", "ok"]);
  assert.equal(await page.locator(".exchange").count(), 2);
  assert.match((await page.locator(".next").textContent()) ?? "", /401.*nonce/);

  await page.getByRole("button", { name: "Forget it" }).click();
  await page.getByRole("button", { name: "Make an Ed25519 key" }).waitFor();
  assert.equal(await thumbprint.count(), 0);
});

test("an agent that signs nothing is asked for proof", async (t) => {
  const page = await open(t);
  await page.selectOption("#profiles", "none");
  assert.deepEqual(await send(page, "Browse"), ["Asked for proof", "signature.missing"]);
});

for (const width of [320, 390, 768, 1280]) {
  test(`nothing is wider than a screen of ${width} pixels`, async (t) => {
    const page = await open(t, { width, height: 844 });
    await send(page, "Check out");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
  });
}

test("what serves the page publishes no private key and answers no other page", async () => {
  const post = (/** @type {string} */ body, headers = {}) => fetch(`${demo.url}/keys`, { method: "POST", body, headers }).then(({ status }) => status);
  const jwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", kid: "k" };
  assert.equal(await post(JSON.stringify({ ...jwk, d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" })), 400);
  assert.equal(await post("{"), 400);
  assert.equal(await post(JSON.stringify({ ...jwk, filler: "x".repeat(5000) })), 400);
  assert.equal(await post(JSON.stringify(jwk), { origin: "https://others.example" }), 403);
  // As of a page whose name was made to lead here.
  for (const headers of [{ host: "others.example", origin: "http://others.example" }, { host: "others.example" }]) {
    const asked = request(`${demo.url}/token`, { headers }).end();
    const [answer] = await once(asked, "response");
    assert.equal(answer.resume().statusCode, 403);
  }
  assert.equal(await post(JSON.stringify(jwk)), 201);
});
