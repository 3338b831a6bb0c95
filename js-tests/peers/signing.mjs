// Other people's signers and verifiers of single messages, each with the algorithms that it has.
import { createSigner, createVerifier, httpbis } from "http-message-signatures";
import * as httpMessageSig from "http-message-sig";
import * as webBotAuth from "web-bot-auth";
import { signerFromJWK, verifierFromJWK } from "web-bot-auth/crypto";
import { NATIVE } from "./algorithms.mjs";

/** @typedef {import("./algorithms.mjs").Algorithm} Algorithm */
/** @typedef {import("./algorithms.mjs").AlgorithmKey} AlgorithmKey */
/** @typedef {[string, string][]} Lines */

/**
 * @typedef {object} Message
 * @property {string} method
 * @property {string} url
 * @property {Lines} headers
 */

/**
 * @typedef {object} Peer
 * @property {Algorithm[]} algorithms
 * @property {import("countersign").SignatureProfile} profile which its signatures are of
 * @property {(message: Message, components: string[], key: AlgorithmKey) => Promise<Lines>} sign the lines to add
 * @property {(message: Message, key: AlgorithmKey) => Promise<void>} verify throws where it refuses
 */

const ALL = /** @type {Algorithm[]} */ (Object.keys(NATIVE));
const seconds = () => Math.floor(Date.now() / 1000);

/** @type {Record<string, Peer>} */
export const SIGNING_PEERS = {
  // Its own keys are Ed25519 and RSA-PSS; for others its caller brings the arithmetic.
  "http-message-sig": {
    algorithms: ALL,
    profile: "rfc9421",
    async sign({ method, url, headers }, components, key) {
      const { signatureInput, signature } = await httpMessageSig.createSignature(
        { kind: "request", method, targetUri: url, fields: fields(headers) },
        {
          label: "theirs",
          components,
          parameters: { created: seconds(), expires: seconds() + 60, keyid: key.kid, alg: key.algorithm },
          signer: isOwn(key)
            ? httpMessageSig.webcrypto.signer(await webCryptoKey(key, "private"))
            : { algorithm: key.algorithm, sign: (data) => NATIVE[key.algorithm].sign(key.privateKey, data) },
        },
      );
      return [["Signature-Input", signatureInput], ["Signature", signature]];
    },
    async verify({ method, url, headers }, key) {
      await httpMessageSig.verifySignature(
        { kind: "request", method, targetUri: url, fields: fields(headers) },
        {
          policy: { algorithms: [key.algorithm], requiredComponents: [], requiredParameters: ["created"], clockSkew: 30 },
          resolveVerifier: async () =>
            isOwn(key)
              ? httpMessageSig.webcrypto.verifier(await webCryptoKey(key, "public"))
              : {
                  algorithm: key.algorithm,
                  verify: (data, signature) => NATIVE[key.algorithm].verify(key.publicKey, data, signature),
                },
        },
      );
    },
  },
  "http-message-signatures": {
    algorithms: ALL,
    profile: "rfc9421",
    async sign({ method, url, headers }, components, key) {
      const signer = createSigner(/** @type {any} */ (key.privateKey), key.algorithm, key.kid);
      const message = { method, url, headers: record(headers) };
      const signed = await httpbis.signMessage({ key: signer, name: "theirs", fields: components }, message);
      return ["Signature-Input", "Signature"].map((name) => [name, String(signed.headers[name])]);
    },
    async verify({ method, url, headers }, key) {
      const verifier = createVerifier(/** @type {any} */ (key.publicKey), key.algorithm);
      const keyLookup = async () => ({ id: key.kid, algs: [key.algorithm], verify: verifier });
      const message = { method, url, headers: record(headers) };
      const verified = await httpbis.verifyMessage({ keyLookup, requiredParams: ["created"], tolerance: 30 }, message);
      if (!verified) throw new Error("not verified");
    },
  },
  "web-bot-auth": {
    algorithms: ["ed25519", "rsa-pss-sha512"],
    profile: "web-bot-auth",
    async sign({ method, url, headers }, components, key) {
      const signer = await signerFromJWK(key.privateJwk);
      const signed = await webBotAuth.signatureHeaders({ method, url, headers: record(headers) }, signer, {
        created: new Date(seconds() * 1000),
        expires: new Date((seconds() + 60) * 1000),
        key: "theirs",
        components: /** @type {any} */ (components),
      });
      return [["Signature-Input", signed["Signature-Input"]], ["Signature", signed.Signature]];
    },
    async verify({ method, url, headers }, key) {
      const verifier = await verifierFromJWK(key.publicJwk);
      await webBotAuth.verify({ method, url, headers: new Headers(headers) }, (data, signature, params) =>
        verifier(data, signature, params),
      );
    },
  },
};

/** Whether `http-message-sig` has the arithmetic itself. @param {AlgorithmKey} key */
function isOwn({ algorithm }) {
  return algorithm === "ed25519" || algorithm === "rsa-pss-sha512";
}

/** @param {AlgorithmKey} key @param {"private" | "public"} half */
function webCryptoKey({ algorithm, privateJwk, publicJwk }, half) {
  const { kid, alg, ...jwk } = half === "private" ? privateJwk : publicJwk;
  const parameters = algorithm === "ed25519" ? { name: "Ed25519" } : { name: "RSA-PSS", hash: "SHA-512" };
  return crypto.subtle.importKey("jwk", jwk, parameters, true, [half === "private" ? "sign" : "verify"]);
}

/** @param {Lines} headers */
function fields(headers) {
  return headers.map(([name, value]) => ({ name, value }));
}

/** @param {Lines} headers @returns {Record<string, string>} */
function record(headers) {
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}
