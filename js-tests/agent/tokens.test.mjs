// Who gets a token: its origins, and nobody else; and who is asked for one, and how often.
import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyDpopProof } from "countersign";
import { createAgent, generateKey } from "countersign/agent";
import { internet, reply } from "../lib/internet.mjs";

const key = await generateKey();
const API = "https://api.shop.example";
const TOKEN = "token-1234567890";
const NOW = 1_790_000_000_000;

/** @param {any} answer @param {object} [options] */
function world(answer, options = {}) {
  const net = internet(answer);
  const agent = createAgent({ key, token: TOKEN, tokenOrigins: [API], fetch: net.fetch, now: () => NOW, ...options });
  return { ...net, agent };
}

for (const url of [
  "https://evil.example/",
  "https://api.shop.example.evil.example/",
  "https://shop.example/",
  "https://x.api.shop.example/",
  "https://api.shop.example:8443/",
  "http://api.shop.example/",
  "https://api.shop.example@evil.example/".replace("@", "%40"),
  "https://evil.example/?https://api.shop.example",
  "https://evil.example\\@api.shop.example/".replace("\\@", "/"),
]) {
  test(`${url} gets no token and no proof`, async () => {
    const { agent, sent } = world(() => reply(401, { "www-authenticate": 'Bearer error="invalid_token"' }), {
      token: () => assert.fail("nobody is asked for a token"),
    });
    await agent.fetch(url).catch(() => undefined);
    for (const { headers } of sent) {
      assert.equal(headers.get("authorization"), null);
      assert.equal(headers.get("dpop"), null);
    }
  });
}

test("a token goes to its origin, however it is written, with a proof for method and URL", async () => {
  const { agent, sent } = world(() => reply(200));
  for (const url of ["https://api.shop.example/pay?a=1#b", "HTTPS://API.Shop.Example:443/pay?a=1", "https://api.shop.example/x/../pay?a=1"]) {
    await agent.fetch(url, { method: "post" });
    const one = sent.at(-1);
    assert.equal(one?.headers.get("authorization"), `DPoP ${TOKEN}`);
    const report = verifyDpopProof(one?.headers.get("dpop") ?? "", { method: "POST", url: `${API}/pay`, token: TOKEN, now: NOW / 1000 });
    assert.equal((await report).code, "ok");
    assert.match(one?.headers.get("signature-input") ?? "", /"authorization" "dpop"/);
  }
  const proofs = sent.map(({ headers }) => headers.get("dpop"));
  assert.equal(new Set(proofs).size, 3, "no proof is made twice");
});

test("proofs are made by the key that is given for them", async () => {
  const holder = await generateKey({ algorithm: "ES256" });
  const { agent, sent } = world(() => reply(200), { dpop: holder });
  await agent.fetch(`${API}/`);
  const report = await verifyDpopProof(sent[0]?.headers.get("dpop") ?? "", { method: "GET", url: `${API}/`, token: TOKEN, now: NOW / 1000 });
  assert.deepEqual([report.code, "jkt" in report && report.jkt], ["ok", holder.thumbprint]);
});

test("without proofs a token goes out as Bearer", async () => {
  const { agent, sent } = world(() => reply(200), { dpop: false });
  await agent.fetch(`${API}/`);
  assert.equal(sent[0]?.headers.get("authorization"), `Bearer ${TOKEN}`);
  assert.equal(sent[0]?.headers.get("dpop"), null);
  const keyless = createAgent({ token: TOKEN, tokenOrigins: [API], fetch: internet((one) => (sent.push(one), reply(200))).fetch });
  await keyless.fetch(`${API}/`);
  assert.equal(sent[1]?.headers.get("authorization"), `Bearer ${TOKEN}`);
  assert.equal(sent[1]?.headers.get("signature"), null);
});

test("the type that an issuer states is the type that is sent", async () => {
  const { agent, sent } = world(() => reply(200), { token: () => ({ access_token: TOKEN, token_type: "Bearer" }) });
  await agent.fetch(`${API}/`);
  assert.equal(sent[0]?.headers.get("authorization"), `Bearer ${TOKEN}`);
});

test("a caller's own token stays, and its challenges are the caller's", async () => {
  const { agent, sent } = world(() => reply(401, { "www-authenticate": 'Bearer error="invalid_token"' }), {
    token: () => assert.fail("nobody is asked for a token"),
  });
  const { status } = await agent.fetch(`${API}/`, { headers: { Authorization: "Bearer mine" } });
  assert.equal(status, 401);
  assert.deepEqual(sent.map(({ headers }) => headers.get("authorization")), ["Bearer mine"]);
  await agent.fetch(`${API}/`, { headers: { Authorization: "DPoP mine" } });
  const report = await verifyDpopProof(sent[1]?.headers.get("dpop") ?? "", { method: "GET", url: `${API}/`, token: "mine", now: NOW / 1000 });
  assert.equal(report.code, "ok", "the proof of a caller's DPoP token is made");
});

test("a token response is kept for its origin until it ends or is refused, and a text is not", async () => {
  let asked = 0;
  let now = NOW;
  let status = 200;
  const { agent } = world(() => reply(status, status === 401 ? { "www-authenticate": 'DPoP error="invalid_token"' } : {}), {
    token: () => ((asked += 1), { access_token: `${TOKEN}${asked}`, expires_in: 60 }),
    now: () => now,
  });
  await agent.fetch(`${API}/a`);
  await agent.fetch(`${API}/b`);
  assert.equal(asked, 1);
  now += 51_000;
  await agent.fetch(`${API}/a`);
  assert.equal(asked, 2, "it would end on the way");
  status = 401;
  await agent.fetch(`${API}/a`);
  assert.equal(asked, 3);
  const texts = world(() => reply(200), { token: () => ((asked += 1), TOKEN) });
  await texts.agent.fetch(`${API}/a`);
  await texts.agent.fetch(`${API}/a`);
  assert.equal(asked, 5);
});

test("many requests that lack the same scope ask for it once", async () => {
  let asked = 0;
  const scope = 'DPoP error="insufficient_scope", scope="pay"';
  const { agent } = world((/** @type {any} */ { headers }) => (headers.get("authorization")?.endsWith("-pay") ? reply(200) : reply(403, { "www-authenticate": scope })), {
    token: async (/** @type {any} */ need) => {
      if (!need.scopes) return TOKEN;
      asked += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return `${TOKEN}-pay`;
    },
  });
  const statuses = await Promise.all(Array.from({ length: 10 }, async (_, n) => (await agent.fetch(`${API}/${n}`)).status));
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal(asked, 1);
});

const soon = () => new Promise((resolve) => setImmediate(resolve));

test("a question whose asker has gone is still that of the others", async () => {
  const scope = 'DPoP error="insufficient_scope", scope="pay"';
  /** @type {((token: unknown) => void)[]} */
  const asked = [];
  const { agent, sent } = world((/** @type {any} */ { headers }) => (headers.get("authorization") === `DPoP ${TOKEN}` ? reply(403, { "www-authenticate": scope }) : reply(200)), {
    token: (/** @type {any} */ { scopes }) => (scopes ? new Promise((resolve) => asked.push(resolve)) : TOKEN),
  });
  const gone = new AbortController();
  const call = (/** @type {AbortSignal | undefined} */ signal) => agent.fetch(`${API}/`, { signal: signal ?? null }).then(({ status }) => status, ({ name }) => name);
  const [first, second] = [call(gone.signal), call(undefined)];
  while (sent.length < 2 || asked.length < 1) await soon();
  gone.abort();
  assert.equal(await first, "AbortError");
  const third = call(undefined);
  while (sent.length < 3) await soon();
  await soon();
  assert.equal(asked.length, 1);
  asked[0]?.({ access_token: "answer" });
  assert.deepEqual(await Promise.all([second, third]), [200, 200]);
});

test("a question that is never answered is asked anew when all who waited for it have gone", async () => {
  /** @type {((token: unknown) => void)[]} */
  const asked = [];
  const { agent, sent } = world(() => reply(200), { token: () => new Promise((resolve) => asked.push(resolve)) });
  const gone = new AbortController();
  const first = agent.fetch(`${API}/`, { signal: gone.signal }).catch(({ name }) => name);
  while (asked.length < 1) await soon();
  gone.abort();
  assert.equal(await first, "AbortError");
  const second = agent.fetch(`${API}/`);
  for (let turn = 0; turn < 9 && asked.length < 2; turn += 1) await soon();
  assert.equal(asked.length, 2);
  asked[1]?.({ access_token: "answer" });
  await second;
  asked[0]?.({ access_token: "late-answer" });
  await soon();
  await agent.fetch(`${API}/`);
  assert.deepEqual(sent.map(({ headers }) => headers.get("authorization")), ["DPoP answer", "DPoP answer"]);
});

test("a request that was refused with a token that was replaced meanwhile takes the new one", async () => {
  let asked = 0;
  /** @type {((response: Response) => void)[]} */
  const waiting = [];
  const refused = () => reply(401, { "www-authenticate": 'DPoP error="invalid_token"' });
  const { agent } = world((/** @type {any} */ { headers }) => {
    if (headers.get("authorization") !== `DPoP ${TOKEN}1`) return reply(200);
    return new Promise((resolve) => waiting.push(resolve));
  }, { token: () => ((asked += 1), { access_token: `${TOKEN}${asked}` }) });
  await agent.fetch(`${API}/`, { signal: AbortSignal.abort() }).catch(() => undefined);
  const one = agent.fetch(`${API}/`);
  while (waiting.length < 1) await new Promise((resolve) => setImmediate(resolve));
  const other = agent.fetch(`${API}/`);
  while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve));
  waiting[0]?.(refused());
  assert.equal((await one).status, 200);
  waiting[1]?.(refused());
  assert.equal((await other).status, 200);
  assert.equal(asked, 2);
});

test("what gives tokens may fail, and the request fails so", async () => {
  const error = new Error("the person said no");
  const { agent, sent } = world(() => reply(200), { token: () => Promise.reject(error) });
  await assert.rejects(agent.fetch(`${API}/`), (thrown) => thrown === error);
  assert.equal(sent.length, 0);
});

test("debugging shows no token, no proof and no cookie", async () => {
  /** @type {any[]} */
  const shown = [];
  const { agent, sent } = world(() => reply(200), { onExchange: (/** @type {any} */ one) => shown.push(one), components: ["cookie", "authorization", "dpop", "@path", "@authority"] });
  await agent.fetch(`${API}/`, { headers: { cookie: "session=secret-cookie" } });
  const text = JSON.stringify(shown);
  for (const secret of [TOKEN, "secret-cookie", sent[0]?.headers.get("dpop") ?? "?"]) assert.ok(!text.includes(secret));
  assert.match(shown[0].base, /^"cookie": \*\*\*\n"authorization": \*\*\*\n"dpop": \*\*\*\n"@path": \/\n/);
});

test("debugging shows no field that only a server asks to be signed", async () => {
  /** @type {any[]} */
  const shown = [];
  const ask = 's=("x-tenant" "x-note" "x-note";bs "private-token" "cookie" "content-digest")';
  const { agent } = world((/** @type {unknown} */ _, /** @type {number} */ index) => (index === 0 ? reply(401, { "accept-signature": ask }) : reply(200)), {
    onExchange: (/** @type {any} */ one) => shown.push(one),
    components: ["x-tenant", "@authority"],
  });
  await agent.fetch(`${API}/`, { headers: { "x-tenant": "7", "x-note": "a-secret", "private-token": "a-secret", cookie: "a=a-secret" } });
  assert.match(shown[1].base, /^"x-tenant": 7\n"x-note": \*\*\*\n"x-note";bs: \*\*\*\n"private-token": \*\*\*\n"cookie": \*\*\*\n"content-digest": sha-256=:[^\n]+\n"@authority": api.shop.example\n"@signature-params": \(/);
});

test("who looks on does not stop a request", async () => {
  const { agent } = world(() => reply(200), { onExchange: () => assert.fail("a bug in the hook") });
  assert.equal((await agent.fetch(`${API}/`)).status, 200);
});
