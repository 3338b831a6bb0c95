// Other people's verifiers, each behind the same function.
import { verifyHttpMessageSig } from "./http-message-sig.mjs";
import { verifyHttpMessageSignatures } from "./http-message-signatures.mjs";
import { verifyJose } from "./jose.mjs";
import { verifyOauth4webapi } from "./oauth4webapi.mjs";
import { verifyWebBotAuth } from "./web-bot-auth.mjs";

/**
 * @typedef {object} Known what a verifier is told
 * @property {import("jose").JWK[]} agentKeys
 * @property {import("jose").JWK[]} issuerKeys
 * @property {string} audience
 */
/** @typedef {(wire: import("../lib/net.mjs").Wire, known: Known) => Promise<void>} Verify throws to refuse */

/** By what they judge. @type {Record<"signature" | "token" | "proof", Record<string, Verify>>} */
export const PEERS = {
  signature: {
    "web-bot-auth": verifyWebBotAuth,
    "http-message-sig": verifyHttpMessageSig,
    "http-message-signatures": verifyHttpMessageSignatures,
  },
  token: {
    jose: verifyJose,
    oauth4webapi: verifyOauth4webapi,
  },
  // `jose` knows nothing of proofs.
  proof: {
    oauth4webapi: verifyOauth4webapi,
  },
};
