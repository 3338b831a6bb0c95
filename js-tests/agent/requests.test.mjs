// What `fetch` users expect of `fetch`: what they give is taken as there, and what they say besides arrives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { contentDigest, verifySignature } from "countersign";
import { createAgent, CountersignError, generateKey } from "countersign/agent";
import { internet, reply } from "../lib/internet.mjs";
import { field, startWire } from "../lib/wire.mjs";

const key = await generateKey();
const API = "https://api.shop.example";

/** @param {object} [options] */
function world(options = {}) {
  const net = internet(() => reply(200));
  return { ...net, agent: createAgent({ key, fetch: net.fetch, ...options }) };
}

/** @param {string} code */
const refusal = (code) => (/** @type {unknown} */ error) => error instanceof CountersignError && error.code === code;

const stream = (/** @type {Uint8Array[]} */ ...chunks) =>
  new ReadableStream({ start: (controller) => (chunks.forEach((chunk) => controller.enqueue(chunk)), controller.close()) });

test("a body that is longer than may be kept is refused, and its stream cancelled", async () => {
  let cancelled = false;
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(10)), cancel: () => void (cancelled = true) });
  const { agent, sent } = world({ maxBufferedBytes: 25 });
  const form = new FormData();
  form.set("a", "x".repeat(30));
  for (const body of [endless, new Blob(["x".repeat(26)]), form]) {
    await assert.rejects(agent.fetch(API, { method: "POST", body }), refusal("agent.body_too_large"));
  }
  assert.ok(cancelled);
  assert.equal(sent.length, 0);
});

test("a stream in chunks of all lengths is sent as it is, up to the last byte that may be kept", async () => {
  const lengths = [0, 1, 4094, 1, 1, 0, 9000, 0, 3, 70_000, 1];
  const chunks = lengths.map((length, index) => new Uint8Array(length).fill(97 + index));
  const most = lengths.reduce((sum, length) => sum + length, 0);
  const text = Buffer.concat(chunks).toString();
  const { agent, sent } = world({ maxBufferedBytes: most });
  await agent.fetch(API, { method: "POST", body: stream(...chunks) });
  assert.ok(sent[0]?.body === text);
  assert.equal(sent[0]?.headers.get("content-digest"), contentDigest(text));
  await assert.rejects(world({ maxBufferedBytes: most - 1 }).agent.fetch(API, { method: "POST", body: stream(...chunks) }), refusal("agent.body_too_large"));
});

test("a stream of something else than bytes is refused", async () => {
  const body = new ReadableStream({ start: (controller) => controller.enqueue("text") });
  await assert.rejects(world().agent.fetch(API, { method: "POST", body }), refusal("agent.body_refused"));
});

test("a stream that somebody else reads is refused", async () => {
  const body = stream(new Uint8Array(1));
  body.getReader();
  await assert.rejects(world().agent.fetch(API, { method: "POST", body }), refusal("agent.body_refused"));
});

test("a stream is refused where it is to be, and what plain headers cannot sign is", async () => {
  const init = () => ({ method: "POST", body: stream(new Uint8Array(1)) });
  await assert.rejects(world({ streams: "refuse" }).agent.fetch(API, init()), refusal("agent.body_refused"));
  const plain = world({ profile: "agent-headers", agentId: "a", streams: "unsigned", signedOrigins: [API] });
  await assert.rejects(plain.agent.fetch(API, init()), refusal("agent.body_refused"));
});

test("fields for others to send are not made of what would be sent otherwise", async () => {
  const { agent } = world();
  async function* chunks() {
    yield assert.fail("it is read");
  }
  for (const body of /** @type {any[]} */ ([new FormData(), stream(new Uint8Array(1)), chunks()])) {
    await assert.rejects(agent.sign(API, { method: "POST", body }), refusal("agent.body_refused"));
  }
});

test("a stream that need not be digested streams", async () => {
  for (const options of [{ streams: "unsigned" }, { contentDigest: false }]) {
    const wire = await startWire();
    try {
      const body = stream(Buffer.from("a"), Buffer.from("b"));
      await createAgent({ key, .../** @type {any} */ (options) }).fetch(wire.url, { method: "POST", body });
      const [received] = wire.received;
      assert.equal(field(received, "transfer-encoding"), "chunked");
      assert.equal(field(received, "content-digest"), undefined);
      assert.equal(received?.body.toString(), "ab");
    } finally {
      await wire.close();
    }
  }
});

test("what iterates over bytes is a stream, as Node's fetch has it", async () => {
  async function* chunks() {
    yield Buffer.from("a");
    yield Buffer.from("b");
  }
  const { agent, sent } = world();
  await agent.fetch(API, /** @type {any} */ ({ method: "POST", body: chunks() }));
  assert.equal(sent[0]?.body, "ab");
  assert.equal(sent[0]?.headers.get("content-digest"), contentDigest("ab"));
});

test("bytes that are changed while a key signs are sent as they were", async () => {
  const bytes = Buffer.from("before");
  const slow = { algorithm: key.algorithm, publicJwk: key.publicJwk, thumbprint: key.thumbprint, sign: async (/** @type {Uint8Array} */ data) => (bytes.write("after!"), key.sign(data)) };
  const { agent, sent } = world({ key: slow });
  await agent.fetch(API, { method: "POST", body: bytes });
  assert.deepEqual([sent[0]?.body, sent[0]?.headers.get("content-digest")], ["before", contentDigest("before")]);
});

test("a form is sent with the boundary that was digested", async () => {
  const wire = await startWire();
  try {
    const form = new FormData();
    form.set("a", "b");
    form.set("file", new Blob(["contents"]), "name.txt");
    await createAgent({ key, components: ["@authority", "content-type", "content-digest"] }).fetch(wire.url, { method: "POST", body: form });
    const [received] = wire.received;
    assert.ok(received);
    assert.equal((await verifySignature(received, { keys: key.publicJwk, require: ["content-type", "content-digest"] })).code, "ok");
    const back = await new Response(new Uint8Array(received.body), { headers: { "content-type": field(received, "content-type") ?? "" } }).formData();
    assert.deepEqual([...back.keys()], ["a", "file"]);
  } finally {
    await wire.close();
  }
});

test("SHA-512 digests where that is wanted, none where none is, and a caller's own stays", async () => {
  const init = { method: "POST", body: "text" };
  const [sha512, none, own] = [world({ contentDigest: "sha-512" }), world({ contentDigest: false }), world()];
  for (const { agent } of [sha512, none]) await agent.fetch(API, init);
  await own.agent.fetch(API, { ...init, headers: { "Content-Digest": "sha-256=:AAAA:" } });
  const digests = [sha512, none, own].map(({ sent }) => sent[0]?.headers.get("content-digest"));
  assert.deepEqual(digests, [contentDigest("text", "sha-512"), null, "sha-256=:AAAA:"]);
});

test("init takes precedence over a Request, of which the rest is taken", async () => {
  const { agent, sent } = world();
  const request = () => new Request(`${API}/a?b#c`, { method: "POST", body: "of the request", headers: { "x-a": "1" }, cache: "no-store", credentials: "omit", redirect: "manual" });
  await agent.fetch(request());
  await agent.fetch(request(), { method: "PUT", body: "of init", headers: { "x-b": "2" }, cache: "reload" });
  const [plain, changed] = sent;
  assert.deepEqual([plain?.method, plain?.url, plain?.body, plain?.headers.get("x-a")], ["POST", `${API}/a?b`, "of the request", "1"]);
  assert.deepEqual([plain?.init.cache, plain?.init.credentials, plain?.init.redirect], ["no-store", "omit", "manual"]);
  assert.deepEqual([changed?.method, changed?.body, changed?.headers.get("x-a"), changed?.headers.get("x-b")], ["PUT", "of init", null, "2"]);
  assert.deepEqual([changed?.init.cache, changed?.init.credentials], ["reload", "omit"]);
});

test("what only one platform knows is passed on", async () => {
  /** @type {any[]} */
  const inits = [];
  const agent = createAgent({ key, fetch: async (_, init) => (inits.push(init), reply(200)) });
  const dispatcher = {};
  await agent.fetch(API, /** @type {any} */ ({ dispatcher, cf: { cacheTtl: 5 }, keepalive: true, priority: "high", mode: "cors" }));
  const { dispatcher: passed, cf, keepalive, priority, mode, redirect } = inits[0];
  assert.equal(passed, dispatcher);
  assert.deepEqual({ cf, keepalive, priority, mode, redirect }, { cf: { cacheTtl: 5 }, keepalive: true, priority: "high", mode: "cors", redirect: "manual" });
});

test("methods are spelt as fetch spells them", async () => {
  const { agent, sent } = world({ components: ["@method", "@authority"] });
  for (const method of ["get", "Post", "patch", "PATCH", "query"]) await agent.fetch(API, { method });
  assert.deepEqual(sent.map(({ init }) => init.method), ["GET", "POST", "patch", "PATCH", "query"]);
  for (const { init, url, headers } of sent) {
    const message = { method: String(init.method), url, headers: [...headers] };
    assert.equal((await verifySignature(message, { keys: key.publicJwk })).code, "ok");
  }
});

test("a URL is signed as it is sent", async () => {
  const { agent, sent } = world({ components: ["@target-uri", "@authority", "@path", "@query"] });
  const urls = [
    ["https://EXAMPLE.com:443/%7ea/../b c?q=\u00e9#f", "https://example.com/b%20c?q=%C3%A9"],
    ["https://b\u00fccher.example?", "https://xn--bcher-kva.example/"],
    ["http://example.com:80\\a", "http://example.com/a"],
    ["https://[::1]:8443/", "https://[::1]:8443/"],
    ["https://1.2/", "https://1.0.0.2/"],
  ];
  for (const [given = "", expected] of urls) {
    await agent.fetch(new URL(given));
    const { url = "", headers = new Headers() } = sent.at(-1) ?? {};
    assert.equal(url, expected);
    assert.equal((await verifySignature({ method: "GET", url, headers: [...headers] }, { keys: key.publicJwk })).code, "ok");
  }
});

test("a request goes to the host of its URL, also where its fields were another's", async () => {
  const wire = await startWire();
  try {
    await createAgent({ key }).fetch(wire.url, { headers: { Host: "other.example" } });
    const [received] = wire.received;
    assert.ok(received);
    assert.equal(received.url, `${wire.url}/`);
    assert.equal((await verifySignature(received, { keys: key.publicJwk, require: ["@authority"] })).code, "ok");
  } finally {
    await wire.close();
  }
});

test("sign gives the fields that make a request hold, and leaves the request as it was", async () => {
  const agent = createAgent({ key, signatureAgent: "https://agents.example" });
  const request = new Request(`${API}/a`, { method: "POST", body: "text", headers: { "signature-input": 'mine=("@method");created=1', signature: "mine=:AA==:" } });
  const fields = await agent.sign(request);
  assert.deepEqual([...fields.keys()], ["content-digest", "signature", "signature-agent", "signature-input"]);
  for (const [name, value] of fields) request.headers.set(name, value);
  assert.equal((await verifySignature(request, { keys: key.publicJwk, profile: "web-bot-auth", require: ["content-digest"] })).code, "ok");
  assert.equal(await request.text(), "text");
});

test("fetch can be handed on, and many calls at once have nothing to do with each other", async () => {
  const { agent, sent } = world();
  const { fetch } = agent;
  const responses = await Promise.all(Array.from({ length: 50 }, (_, n) => fetch(`${API}/${n}`, { method: "POST", body: `${n}` })));
  assert.equal(responses.length, 50);
  assert.equal(new Set(sent.map(({ headers }) => headers.get("signature"))).size, 50);
  for (const { url, headers, body } of sent) {
    assert.equal(url, `${API}/${body}`);
    assert.equal((await verifySignature({ method: "POST", url, headers: [...headers], body: Buffer.from(body) }, { keys: key.publicJwk, require: ["content-digest"] })).code, "ok");
  }
});

test("what a browser keeps to itself is not signed", async () => {
  const own = globalThis.Request;
  // As browsers do: fields that pages may not set are left out.
  globalThis.Request = class extends own {
    /** @param {any} input @param {any} [init] */
    constructor(input, init) {
      super(input, init);
      for (const name of ["cookie", "user-agent"]) this.headers.delete(name);
    }
  };
  try {
    const { agent, sent } = world();
    await agent.fetch(API, { headers: { Cookie: "a=b" } });
    assert.equal(sent[0]?.headers.get("cookie"), null);
    const covering = world({ components: ["@authority", "cookie"] });
    await assert.rejects(covering.agent.fetch(API, { headers: { Cookie: "a=b" } }), refusal("agent.unsignable"));
  } finally {
    globalThis.Request = own;
  }
});

test("an error of the network is the platform's own", async () => {
  const error = new TypeError("fetch failed");
  const agent = createAgent({ key, fetch: () => Promise.reject(error) });
  await assert.rejects(agent.fetch(API), (thrown) => thrown === error);
});
