// Other people's verification of one signature, without the message around it, where they have the algorithm.
import { createPublicKey } from "node:crypto";
import { webcrypto } from "http-message-sig";
import { createVerifier } from "http-message-signatures";
import { verifierFromJWK } from "web-bot-auth/crypto";
import { importKey } from "../backends/webcrypto.mjs";

/** @typedef {(message: Buffer<ArrayBuffer>, signature: Buffer<ArrayBuffer>) => Promise<unknown>} VerifyOne gives false or throws to refuse */

/** The algorithms' names in RFC 9421 by those in JOSE. @type {Record<string, string>} */
const NAMES = {
  EdDSA: "ed25519",
  ES256: "ecdsa-p256-sha256",
  ES384: "ecdsa-p384-sha384",
  PS512: "rsa-pss-sha512",
  RS256: "rsa-v1_5-sha256",
};

/**
 * @param {string} alg
 * @param {JsonWebKey} jwk
 * @returns {Promise<Record<string, VerifyOne>>}
 */
export async function verifiersOf(alg, jwk) {
  /** @type {Record<string, VerifyOne>} */
  const verifiers = {};
  if (NAMES[alg]) {
    const key = createPublicKey({ key: /** @type {any} */ (jwk), format: "jwk" });
    const verify = createVerifier(key, /** @type {any} */ (NAMES[alg]));
    verifiers["http-message-signatures"] = async (message, signature) => verify(message, signature);
  }
  if (alg === "EdDSA" || alg === "PS512") {
    const { verify } = webcrypto.verifier(await importKey(alg, JSON.stringify(jwk)));
    verifiers["http-message-sig"] = async (message, signature) => verify(message, signature);
    const verifier = /** @type {any} */ (await verifierFromJWK({ ...jwk, alg }));
    const params = { keyid: "", created: new Date(), expires: new Date(Date.now() + 3_600_000) };
    verifiers["web-bot-auth"] = async (message, signature) => {
      // It wants the message as text.
      await verifier(message.toString("latin1"), signature, params);
      return true;
    };
  }
  return verifiers;
}
