// What is signed is what is sent: requests from seeds, taken off the wire, before the verifier of this project and others'.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { verifySignature } from "countersign";
import { createAgent, generateKey } from "countersign/agent";
import { generate, numbersOf } from "../lib/generated.mjs";
import { AGENT } from "../lib/names.mjs";
import { startWire } from "../lib/wire.mjs";
import { verifyHttpMessageSig } from "../peers/http-message-sig.mjs";
import { verifyHttpMessageSignatures } from "../peers/http-message-signatures.mjs";
import { verifyWebBotAuth } from "../peers/web-bot-auth.mjs";

/** @typedef {import("countersign/agent").AgentOptions} AgentOptions */

const SEED = 20261122;
const REQUESTS = 400;

/** @type {Awaited<ReturnType<typeof startWire>>} */
let wire;
before(async () => {
  wire = await startWire();
});
after(() => wire.close());

/** Sends one generated request, and gives it as it arrived. @param {AgentOptions} options @param {() => number} number */
async function sent(options, number) {
  const { target, init } = generate(number);
  const what = `${init.method} ${JSON.stringify(target)} ${init.body?.constructor.name}`;
  const response = await createAgent(options).fetch(wire.url + target, init);
  await response.arrayBuffer();
  assert.equal(response.status, 200, what);
  const received = wire.received.at(-1);
  assert.ok(received);
  return { what, received };
}

const EVERY = ["@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query", "content-digest"];

test("what the signature does not cover any more is refused", async () => {
  const key = await generateKey();
  const number = numbersOf(SEED);
  for (let index = 0; index < 60; index += 1) {
    const { what, received } = await sent({ key }, number);
    const message = { ...received, url: received.url.replace(/(\?|$)/, "x$1") };
    const { code } = await verifySignature(message, { keys: key.publicJwk });
    assert.equal(code, "signature.invalid", what);
  }
});

test("every derived component of a request has the value that was sent", async () => {
  const number = numbersOf(SEED);
  for (const algorithm of /** @type {const} */ (["EdDSA", "ES256"])) {
    const key = await generateKey({ algorithm });
    for (let index = 0; index < REQUESTS / 2; index += 1) {
      const { what, received } = await sent({ key, components: EVERY }, number);
      const require = received.body.length > 0 ? EVERY : EVERY.slice(0, -1);
      const report = await verifySignature(received, { keys: key.publicJwk, require, requireParams: ["created", "expires", "keyid", "nonce"] });
      assert.equal(report.code, "ok", what);
    }
  }
});

test("verifiers of others agree on what an agent signs for Web Bot Auth", async () => {
  const key = await generateKey();
  const number = numbersOf(SEED + 1);
  const given = /** @type {any} */ ({ agentKeys: [{ ...key.publicJwk, kid: key.thumbprint }] });
  const ours = { keys: key.publicJwk, profile: /** @type {const} */ ("web-bot-auth"), require: ["@method", "@path"] };
  /** @type {[AgentOptions["signatureAgentForm"], (typeof verifyWebBotAuth)[]][]} */
  const forms = [
    ["dictionary", [verifyHttpMessageSig, verifyHttpMessageSignatures]],
    ["string", [verifyHttpMessageSig, verifyHttpMessageSignatures, verifyWebBotAuth]],
  ];
  for (let index = 0; index < REQUESTS / 2; index += 1) {
    for (const [signatureAgentForm = "dictionary", verifiers] of forms) {
      const { what, received } = await sent({ key, signatureAgent: AGENT, signatureAgentForm }, number);
      assert.equal((await verifySignature(received, ours)).code, "ok", what);
      for (const verify of verifiers) {
        const verdict = await verify(received, given).then(() => "verified", (error) => `${error}`);
        assert.equal(verdict, "verified", `${verify.name}: ${what}`);
      }
    }
  }
});
