// What is no option, or none that there is, is refused with a code of its own and never overlooked; nothing that a caller
// can give ends in an error from inside.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as countersign from "countersign";
import { generateKey } from "countersign/agent";
import { workersStores } from "countersign/workers";

const { CountersignError, contentDigest, createGate, memoryStores, parseAcceptSignature, signMessage, verifyDpopProof, verifyJwt, verifySignature } =
  countersign;

const CONFIG = { origin: "http://127.0.0.1:9000", public_origins: ["https://api.example", "https://shop.example:8443"], routes: [{ match: "GET /", require: [] }] };
const REQUEST = { method: "GET", url: "https://api.example/", headers: {} };
const KEYS = { keys: [] };
const CYCLE = /** @type {any} */ ({});
CYCLE.self = CYCLE;

/** What a caller without types gives. @param {unknown} value */
const any = (value) => /** @type {any} */ (value);

/** @param {() => unknown} call @param {string} code @param {RegExp} [message] */
async function refused(call, code, message = /./) {
  const said = call.toString();
  await assert.rejects(
    async () => call(),
    (error) => {
      assert.ok(error instanceof CountersignError, `${said}: ${String(error)}`);
      assert.equal(error.code, code, said);
      assert.match(error.message, message, said);
      // What an engine says of its own mistakes is no answer to a caller's.
      assert.doesNotMatch(error.message, /undefined|is not a function|not iterable|Cannot (read|destructure)/, said);
      return true;
    },
  );
}

test("an option that there is none of is refused, with the one that was probably meant", async () => {
  await refused(() => createGate(CONFIG, any({ store: {} })), "options.invalid", /no store; did you mean stores\?$/);
  await refused(() => createGate(CONFIG, any({ denylist: 1 })), "options.invalid", /no denylist; did you mean denyList\?$/);
  await refused(() => createGate(CONFIG, any({ colour: 1 })), "options.invalid", /no colour$/);
  await refused(() => createGate(CONFIG, { stores: any({ document: {} }) }), "options.invalid", /did you mean documents\?$/);
  await refused(() => verifySignature(REQUEST, any({ keys: KEYS, required: [] })), "options.invalid", /did you mean require\?$/);
  await refused(() => signMessage(REQUEST, any({ components: [], sign() {}, keyId: "x" })), "options.invalid", /did you mean keyid\?$/);
  await refused(() => verifyJwt("", any({ keys: KEYS, issuer: "i", audience: "a", alg: [] })), "options.invalid", /no alg/);
  await refused(() => verifyDpopProof("", any({ method: "GET", url: REQUEST.url, accessToken: "" })), "options.invalid", /accessToken/);
  await refused(() => createGate(CONFIG).check(REQUEST, any({ waituntil() {} })), "options.invalid", /did you mean waitUntil\?$/);
  await refused(() => createGate(CONFIG, any({ __proto__x: 1, constructor: 1 })), "options.invalid", /__proto__x/);
});

test("what is undefined is as what is not there", () => {
  assert.ok(createGate(CONFIG, any({ store: undefined, fetch: undefined, stores: undefined })));
});

test("a gate is not made of what is no configuration, no option or no store", async () => {
  for (const config of [undefined, null, 7, CYCLE, { toJSON() {} }, { ...CONFIG, big: 1n }]) await refused(() => createGate(any(config)), "config.invalid");
  for (const options of [null, "memory", 7]) await refused(() => createGate(CONFIG, any(options)), "options.invalid");
  for (const name of ["fetch", "log", "now", "agents", "denyList", "events"]) {
    await refused(() => createGate(CONFIG, any({ [name]: "x" })), "options.invalid", new RegExp(`^${name} is a function$`));
  }
  for (const stores of [null, "memory", { state: {} }, { documents: null }, { documents: { get() {} } }, { floods: null }]) {
    await refused(() => createGate(CONFIG, { stores: any(stores) }), "options.invalid");
  }
  for (const name of ["sharedKeys", "nonceSecrets", "issuerCredentials"]) {
    for (const value of [7, null, CYCLE]) await refused(() => createGate(CONFIG, any({ [name]: value })), "config.invalid");
  }
});

test("bytes, and the name of a file, are no configuration, and the refusal says what is", async () => {
  for (const config of [Buffer.from("a = 1"), new Uint8Array(3)]) await refused(() => createGate(config), "config.invalid", /read it as text/);
  for (const config of ["countersign.toml", "./a b/gate.JSON", "C:\\gate.toml\n"]) await refused(() => createGate(config), "config.invalid", /name of a file/);
  for (const config of ['origin = "a.toml"', "# a comment\nx.toml", '["a.json']) {
    await assert.rejects(async () => createGate(config), (error) => error instanceof CountersignError && !/name of a file/.test(error.message));
  }
});

test("a decision that reserved something is settled itself, not a copy of it", async () => {
  const gate = createGate(CONFIG);
  const decision = await gate.check(REQUEST);
  const reserving = any({ ...decision, budget: [{ name: "b", reserved: 1, remaining: 1, currency: "EUR" }] });
  await refused(() => gate.settle(reserving, { status: 200 }), "options.invalid", /copy/);
  for (const none of [undefined, null, 7]) await refused(() => gate.settle(any(none), { status: 200 }), "options.invalid");
  await gate.settle({ ...decision }, { status: 200 });
});

test("a new key, and stores on Workers, say what they are to be made of", async () => {
  for (const options of ["ES256", null, 7]) await refused(() => generateKey(any(options)), "options.invalid", /algorithm: "ES256"/);
  for (const env of [undefined, null, 7, "env"]) await refused(() => workersStores(any(env)), "options.invalid", /env is/);
});

test("a gate tells what it answers for, and how much of a body it reads", () => {
  const gate = createGate({ ...CONFIG, max_body_bytes: 4096 }, { stores: memoryStores() });
  assert.deepEqual([gate.publicOrigins, gate.maxBodyBytes], [CONFIG.public_origins, 4096]);
});

test("what is no request, no fact, no client and no answer is refused", async () => {
  const gate = createGate(CONFIG);
  for (const request of [undefined, null, 7, "GET /", {}, { ...REQUEST, headers: null }]) await refused(() => gate.check(any(request)), "request.invalid");
  for (const facts of [null, 7]) await refused(() => gate.check(REQUEST, any(facts)), "options.invalid");
  for (const client of [null, 7, { certificate: null }]) await refused(() => gate.check(REQUEST, { client: any(client) }), "request.invalid");
  await refused(() => gate.check(REQUEST, { waitUntil: any(7) }), "request.invalid");
  const decision = await gate.check(REQUEST);
  for (const answer of [undefined, null, 200, "sent", {}, { status: 7 }, { status: "200" }, { status: 200, budget: 7 }]) {
    await refused(() => gate.settle(decision, any(answer)), "options.invalid");
  }
  for (const answer of [{ status: 200 }, "lost", "not sent"]) await gate.settle(decision, any(answer));
});

test("the pieces refuse what they cannot take", async () => {
  for (const options of [undefined, null, 7]) {
    await refused(() => verifySignature(REQUEST, any(options)), "options.invalid");
    await refused(() => signMessage(REQUEST, any(options)), "options.invalid");
    await refused(() => verifyJwt("", any(options)), "options.invalid");
    await refused(() => verifyDpopProof("", any(options)), "options.invalid");
  }
  for (const keys of [undefined, null, 7, CYCLE]) {
    await refused(() => verifySignature(REQUEST, { keys: any(keys) }), "keys.invalid");
    await refused(() => verifyJwt("", { keys: any(keys), issuer: "i", audience: "a" }), "keys.invalid");
  }
  for (const wrong of [{ require: "@method" }, { require: [7] }, { requireParams: "nonce" }, { algorithms: 7 }, { tag: [7] }, { label: 7 }, { profile: 7 }]) {
    await refused(() => verifySignature(REQUEST, any({ keys: KEYS, ...wrong })), "options.invalid");
  }
  for (const wrong of [{ components: "@method" }, { components: [7] }, { sign: 7 }, { keyid: 7 }, { nonce: 7 }, { label: 7 }]) {
    await refused(() => signMessage(REQUEST, any({ components: ["@method"], sign() {}, ...wrong })), "options.invalid");
  }
  for (const message of [undefined, null, 7, {}, { status: "200", headers: {} }]) await refused(() => verifySignature(any(message), { keys: KEYS }), "request.invalid");
  await refused(() => contentDigest(any(7)), "options.invalid");
  await refused(() => contentDigest("", any(7)), "options.invalid");
  for (const value of [undefined, 7, [7]]) await refused(() => parseAcceptSignature(any(value)), "field.invalid");
});

test("a body is bytes, or a stream of them", async () => {
  const verify = (/** @type {unknown} */ body) => verifySignature({ ...REQUEST, method: "POST", body: any(body) }, { keys: KEYS });
  for (const body of ["text", 7, {}, [new Uint8Array(1)], (async function* () { yield "text"; })()]) await refused(() => verify(body), "request.invalid");
  for (const body of [undefined, null, new Uint8Array(3), new Blob(["abc"]).stream()]) assert.equal((await verify(body)).code, "signature.missing");
});

test("a Request whose body was read before is a mistake of the host's, where the body is needed", async () => {
  const request = new Request("https://api.example/", { method: "POST", body: "x" });
  await request.text();
  await refused(() => verifySignature(request, { keys: KEYS }), "request.invalid", /was read before/);
});
