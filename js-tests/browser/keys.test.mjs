// Keys in a real browser: they stay where they were made, whatever the page is built with.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { after, before, test } from "node:test";
import { startPage } from "../lib/agent-page.mjs";
import { startChromium } from "../lib/page.mjs";
import { withoutEd25519 } from "../lib/without-ed25519.mjs";

/** What pages have, and nobody here: see browser/page/main.js. */
const sdk = /** @type {typeof import("countersign/agent")} */ (/** @type {unknown} */ (undefined));

/** Seconds since 1970: keys are put into stores by the clock of the machine. */
const START = Math.floor(Date.now() / 1000);

/** @type {Awaited<ReturnType<typeof startChromium>>} */
let chromium;
/** @type {Record<string, Awaited<ReturnType<typeof startPage>>>} */
let servers = {};
before(async () => {
  chromium = await startChromium();
  servers = { vite: await startPage("vite"), esbuild: await startPage("esbuild"), native: await startPage("native") };
});
after(() => Promise.all([chromium?.close(), ...Object.values(servers).map((server) => server.close())]));

/**
 * A page with the SDK, with nothing kept from before, whose errors fail the test.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} url
 * @param {{ without?: boolean }} [options] `without` takes Ed25519 from its WebCrypto
 */
async function open(t, url, { without = false } = {}) {
  const page = await chromium.browser.newPage();
  t.after(() => page.close());
  page.on("pageerror", (error) => assert.fail(error));
  if (without) await page.addInitScript(withoutEd25519);
  await load(page, url);
  await page.evaluate(async () => {
    for (const { name = "" } of await indexedDB.databases()) {
      await new Promise((resolve) => (indexedDB.deleteDatabase(name).onsuccess = resolve));
    }
  });
  return page;
}

/** @param {import("playwright-core").Page} page @param {string} url */
async function load(page, url) {
  await page.goto(url);
  await page.waitForFunction(() => "sdk" in globalThis);
}

/** @param {{ publicJwk: any, signature: number[] }} made */
function verifies({ publicJwk, signature }) {
  const key = createPublicKey({ key: publicJwk, format: "jwk" });
  const hash = publicJwk.alg === "EdDSA" ? null : "sha256";
  return verify(hash, Buffer.from("data"), { key, dsaEncoding: "ieee-p1363" }, new Uint8Array(signature));
}

for (const how of ["vite", "esbuild", "native"]) {
  for (const [where, without] of /** @type {const} */ ([["in WebCrypto", false], ["in WebAssembly", true]])) {
    test(`a key is made, kept across a reload and signs, Ed25519 ${where}, built by ${how}`, async (t) => {
      const page = await open(t, servers[how]?.url ?? "", { without });
      const sign = () =>
        page.evaluate(async () => {
          const store = await sdk.openKeyStore();
          const { publicJwk, sign, thumbprint } = await store.obtain("agent").then((key) => Object.assign(key, { sign: key.sign.bind(key) }));
          const held = (await store.list()).map((entry) => [entry.name, entry.thumbprint, entry.held]);
          return { publicJwk, thumbprint, held, signature: [...(await sign(new TextEncoder().encode("data")))] };
        });
      const made = await sign();
      assert.ok(verifies(made));
      assert.deepEqual(made.held, [["agent", made.thumbprint, without ? "encrypted" : "webcrypto"]]);
      await load(page, servers[how]?.url ?? "");
      assert.deepEqual(await sign(), made);
    });
  }

  test(`the WebAssembly is loaded only where it is needed, built by ${how}`, async (t) => {
    /** @type {string[]} */
    const asked = [];
    const page = await chromium.browser.newPage();
    t.after(() => page.close());
    page.on("request", (request) => asked.push(request.url()));
    await load(page, servers[how]?.url ?? "");
    await page.evaluate(() => sdk.generateKey());
    const before = asked.length;
    await page.evaluate(withoutEd25519);
    await page.evaluate(() => sdk.generateKey());
    assert.ok(asked.length > before, "it is part of what every page loads");
  });
}

test("a key cannot be exported: not from the page, not from its database, not by another page", async (t) => {
  const url = servers.esbuild?.url ?? "";
  const page = await open(t, url);
  await page.evaluate(async () => {
    const store = await sdk.openKeyStore();
    await store.put("ed25519", await sdk.generateKey());
    await store.put("p256", await sdk.generateKey({ algorithm: "ES256" }));
    const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-384" }, true, ["sign", "verify"]);
    await store.put("imported", await sdk.importKey(await crypto.subtle.exportKey("jwk", pair.privateKey)));
  });
  const other = await chromium.browser.newPage();
  t.after(() => other.close());
  await load(other, url);
  const found = await other.evaluate(async () => {
    /** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
    const result = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: reject }));
    const database = await result(indexedDB.open("countersign"));
    const stored = await result(database.transaction("keys").objectStore("keys").getAll());
    const opening = indexedDB.open("copies");
    opening.onupgradeneeded = () => opening.result.createObjectStore("copies");
    const copies = await result(opening);
    return Promise.all(
      stored.map(async ({ algorithm, privateKey }) => {
        await result(copies.transaction("copies", "readwrite").objectStore("copies").put(privateKey, algorithm));
        const copy = await result(copies.transaction("copies").objectStore("copies").get(algorithm));
        const attempts = ["jwk", "pkcs8", "raw"].flatMap((format) =>
          [privateKey, copy, structuredClone(copy)].map((key) =>
            crypto.subtle.exportKey(/** @type {any} */ (format), key).then(() => "exported", (error) => error.name),
          ),
        );
        return [algorithm, privateKey.extractable, ...(await Promise.all(attempts))];
      }),
    );
  });
  assert.deepEqual(found.map(([algorithm, extractable]) => [algorithm, extractable]), [["EdDSA", false], ["ES384", false], ["ES256", false]]);
  for (const [, , ...attempts] of found) {
    assert.equal(attempts.length, 9);
    for (const attempt of attempts) assert.match(attempt, /InvalidAccessError|NotSupportedError/);
  }
});

test("of a seed, the database has only what a key encrypted that cannot be exported", async (t) => {
  const page = await open(t, servers.esbuild?.url ?? "", { without: true });
  const found = await page.evaluate(async () => {
    const d = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const store = await sdk.openKeyStore();
    await store.put("agent", await sdk.importKey({ kty: "OKP", crv: "Ed25519", d, x }));
    /** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
    const result = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: reject }));
    const database = await result(indexedDB.open("countersign"));
    const [stored] = await result(database.transaction("keys").objectStore("keys").getAll());
    const [secret] = await result(database.transaction("secrets").objectStore("secrets").getAll());
    const seed = String.fromCharCode(...new Uint8Array(stored.seed));
    return { seed, members: Object.keys(stored).sort(), extractable: secret.extractable, usages: secret.usages };
  });
  const seed = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
  assert.ok(!Buffer.from(found.seed, "latin1").includes(seed));
  assert.equal(found.seed.length, 32 + 16);
  assert.deepEqual(found.members, ["algorithm", "created", "held", "iv", "publicJwk", "seed", "thumbprint"]);
  assert.deepEqual([found.extractable, found.usages], [false, ["encrypt", "decrypt"]]);
});

test("a seed that was put under another key's name, or was changed, is refused", async (t) => {
  const page = await open(t, servers.esbuild?.url ?? "", { without: true });
  const codes = await page.evaluate(async () => {
    const store = await sdk.openKeyStore();
    for (const name of ["one", "other"]) await store.put(name, await sdk.generateKey());
    /** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
    const result = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: reject }));
    const database = await result(indexedDB.open("countersign"));
    const keys = () => database.transaction("keys", "readwrite").objectStore("keys");
    const [one, other] = [await result(keys().get("one")), await result(keys().get("other"))];
    await result(keys().put({ ...one, seed: other.seed, iv: other.iv }, "swapped"));
    await result(keys().put({ ...one, publicJwk: other.publicJwk }, "renamed"));
    await result(keys().put({ ...one, seed: one.seed.slice(1) }, "cut"));
    return Promise.all(["swapped", "renamed", "cut"].map((name) => store.get(name).then(() => "ok", (error) => error.code)));
  });
  assert.deepEqual(codes, ["key.invalid", "key.invalid", "key.invalid"]);
});

test("pages that make the first key at once get the same key", async (t) => {
  const url = servers.esbuild?.url ?? "";
  const pages = [await open(t, url)];
  for (let more = 0; more < 2; more += 1) {
    const page = await chromium.browser.newPage();
    t.after(() => page.close());
    await load(page, url);
    pages.push(page);
  }
  const thumbprints = await Promise.all(
    pages.flatMap((page) => [0, 1].map(() => page.evaluate(async () => (await (await sdk.openKeyStore()).obtain("agent")).thumbprint))),
  );
  assert.equal(new Set(thumbprints).size, 1);
});

test("a store puts, lists, replaces and forgets, and keeps no key that is elsewhere", async (t) => {
  const page = await open(t, servers.esbuild?.url ?? "");
  const found = await page.evaluate(async () => {
    const store = await sdk.openKeyStore("of-mine");
    const [one, other] = [await sdk.generateKey({ kid: "one" }), await sdk.generateKey({ algorithm: "ES256" })];
    const remote = await sdk.remoteKey({ publicJwk: one.publicJwk, sign: (data) => one.sign(data) });
    const codeOf = (/** @type {Promise<unknown>} */ promise) => promise.then(() => "ok", (error) => error.code);
    const before = await store.get("agent");
    await store.put("agent", one);
    const first = await store.get("agent");
    await store.put("agent", other);
    const names = (await store.list()).map(({ name, thumbprint }) => [name, thumbprint]);
    const separate = await (await sdk.openKeyStore()).list();
    store.close();
    const again = await store.get("agent");
    return {
      before: before ?? "none",
      kid: first?.kid,
      names,
      expected: other.thumbprint,
      separate,
      again: again?.thumbprint,
      deleted: [await store.delete("agent"), await store.delete("agent"), (await store.get("agent")) ?? "none"],
      codes: [
        await codeOf(store.put("remote", remote)),
        await codeOf(store.put("", one)),
        await codeOf(store.get(/** @type {any} */ (7))),
        await codeOf(sdk.openKeyStore("n".repeat(257))),
      ],
    };
  });
  const { expected, ...rest } = found;
  assert.deepEqual(rest, {
    before: "none",
    kid: "one",
    names: [["agent", expected]],
    separate: [],
    again: expected,
    deleted: [true, false, "none"],
    codes: ["key.not_storable", "options.invalid", "options.invalid", "options.invalid"],
  });
});

test("somebody who deletes the database does not wait for the store, which then starts anew", async (t) => {
  const page = await open(t, servers.esbuild?.url ?? "");
  const found = await page.evaluate(async () => {
    const store = await sdk.openKeyStore();
    const { thumbprint } = await store.obtain("agent");
    const outcome = await new Promise((resolve) => {
      const request = indexedDB.deleteDatabase("countersign");
      request.onsuccess = () => resolve("deleted");
      request.onblocked = () => resolve("blocked");
    });
    return { outcome, listed: await store.list(), isNew: (await store.obtain("agent")).thumbprint !== thumbprint };
  });
  assert.deepEqual(found, { outcome: "deleted", listed: [], isNew: true });
});

test("what keeps a page from having a store is told by a code", async (t) => {
  const page = await open(t, servers.esbuild?.url ?? "");
  const codes = await page.evaluate(async () => {
    const codeOf = (/** @type {Promise<unknown>} */ promise) => promise.then(() => "ok", (error) => `${error.name} ${error.code}`);
    /** @param {() => any} open */
    const withOpen = async (open) => {
      const { open: real } = IDBFactory.prototype;
      IDBFactory.prototype.open = open;
      const code = await codeOf(sdk.openKeyStore());
      IDBFactory.prototype.open = real;
      return code;
    };
    const failing = (/** @type {string} */ name) => () => {
      const request = /** @type {any} */ ({ error: new DOMException("", name) });
      queueMicrotask(() => request.onerror());
      return request;
    };
    const blocked = () => {
      const request = /** @type {any} */ ({});
      queueMicrotask(() => request.onblocked());
      return request;
    };
    const thrown = () => {
      throw new DOMException("", "SecurityError");
    };
    const store = await sdk.openKeyStore();
    const key = await sdk.generateKey();
    const { put } = IDBObjectStore.prototype;
    /** @param {string} name */
    const withPut = async (name) => {
      IDBObjectStore.prototype.put = () => {
        throw new DOMException("", name);
      };
      const code = await codeOf(store.put("agent", key));
      IDBObjectStore.prototype.put = put;
      return code;
    };
    const newer = new Promise((resolve) => (indexedDB.open("newer", 9).onsuccess = (event) => resolve(/** @type {any} */ (event.target).result.close())));
    await newer;
    return {
      private: await withOpen(failing("InvalidStateError")),
      forbidden: await withOpen(thrown),
      unknown: await withOpen(failing("UnknownError")),
      blocked: await withOpen(blocked),
      full: await withPut("QuotaExceededError"),
      clone: await withPut("DataCloneError"),
      newer: await codeOf(sdk.openKeyStore("newer")),
      afterwards: await codeOf(store.put("agent", key)),
    };
  });
  assert.deepEqual(codes, {
    private: "CountersignError key.store_unavailable",
    forbidden: "CountersignError key.store_unavailable",
    unknown: "CountersignError key.store_unavailable",
    blocked: "CountersignError key.store_blocked",
    full: "CountersignError key.store_full",
    clone: "CountersignError key.not_storable",
    newer: "CountersignError key.store_unavailable",
    afterwards: "ok",
  });
});

test("a frame without an origin has no store, and says so", async (t) => {
  const page = await open(t, servers.esbuild?.url ?? "");
  const response = await page.request.get(servers.esbuild?.url ?? "");
  assert.equal(response.status(), 200);
  await page.route("**/sandboxed", async (route) => {
    const { body, headers } = { body: await response.body(), headers: response.headers() };
    await route.fulfill({ body, headers: { ...headers, "content-security-policy": "sandbox allow-scripts", "access-control-allow-origin": "*" } });
  });
  await page.route("**/*.js", async (route) => {
    const fetched = await route.fetch();
    await route.fulfill({ response: fetched, headers: { ...fetched.headers(), "access-control-allow-origin": "*" } });
  });
  await load(page, `${servers.esbuild?.url}/sandboxed`);
  assert.equal(await page.evaluate(() => sdk.openKeyStore().then(() => "ok", (error) => error.code)), "key.store_unavailable");
});

test("where the policy of a page forbids WebAssembly, that is what it is told", async (t) => {
  const strict = await startPage("esbuild", "default-src 'self'");
  t.after(() => strict.close());
  const page = await open(t, strict.url, { without: true });
  const refusal = await page.evaluate(() => sdk.generateKey().then(() => ({ code: "none", message: "" }), ({ code, message }) => ({ code, message })));
  assert.equal(refusal.code, "key.unsupported");
  assert.match(refusal.message, /wasm-unsafe-eval/);
  assert.equal(await page.evaluate(async () => (await sdk.generateKey({ algorithm: "ES256" })).algorithm), "ES256");
});

test("pages that rotate at once get the same keys, and what has ended is forgotten", async (t) => {
  const url = servers.esbuild?.url ?? "";
  const page = await open(t, url);
  const other = await chromium.browser.newPage();
  t.after(() => other.close());
  await load(other, url);
  /** @param {number} days @param {import("playwright-core").Page} [where] */
  const at = (days, where = page) =>
    where.evaluate(async (now) => {
      const store = await sdk.openKeyStore();
      const { key, published, next } = await sdk.rotateStored(store, "agent", { now });
      const kept = (await store.list()).map(({ thumbprint }) => thumbprint).sort();
      return { signing: key.thumbprint, published: published.map(({ kid }) => kid ?? ""), next: (next - now) / 86400, kept };
    }, START + days * 86_400);
  const [first, same] = await Promise.all([at(0), at(0, other)]);
  assert.deepEqual(same.signing, first.signing);
  assert.deepEqual([first.published, first.next], [[first.signing], 29]);
  const [second, seen] = await Promise.all([at(29), at(29, other)]);
  assert.deepEqual(second.published, seen.published);
  assert.equal(second.signing, first.signing, "the next key is published before it signs");
  assert.equal(second.published.length, 2);
  const third = await at(30);
  assert.equal(third.signing, second.published[1]);
  assert.deepEqual(third.published, [third.signing, first.signing], "the one before stays published");
  const fourth = await at(32);
  assert.deepEqual(fourth.published, [third.signing]);
  assert.ok(!fourth.kept.includes(first.signing));
});


test("a key that is another than the one that is expected is not taken, and none is made in its place", async (t) => {
  const page = await open(t, servers.vite?.url ?? "");
  const outcome = await page.evaluate(async () => {
    const store = await sdk.openKeyStore();
    const code = (/** @type {any} */ error) => error.code;
    const expected = await sdk.generateKey({ algorithm: "ES256" });
    const { thumbprint } = expected;
    const missing = await store.obtain("agent", { thumbprint }).catch(code);
    const listed = (await store.list()).length;
    await store.put("agent", expected);
    const taken = (await store.obtain("agent", { thumbprint })).thumbprint === thumbprint;
    await store.put("agent", await sdk.generateKey({ algorithm: "ES256" }));
    return { missing, listed, taken, other: await store.obtain("agent", { thumbprint }).catch(code) };
  });
  assert.deepEqual(outcome, { missing: "key.invalid", listed: 0, taken: true, other: "key.invalid" });
});
