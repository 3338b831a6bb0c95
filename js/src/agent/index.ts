/**
 * Countersign for agents: every request provable.
 *
 * ```js
 * import { createAgent, generateKey } from "countersign/agent";
 *
 * const agent = createAgent({ key: await generateKey(), signatureAgent: "https://agents.example" });
 * const response = await agent.fetch("https://api.shop.example/api/v1/catalogue");
 * ```
 *
 * Requests are signed (RFC 9421) under the profile that servers want: Web Bot Auth, TAP, plain headers, or any other.
 * Tokens go out with proofs of possession (RFC 9449). What a server asks for is given, once: a nonce, another signature,
 * another token, patience.
 *
 * It verifies nothing, and runs wherever there are `fetch` and WebCrypto.
 *
 * @module
 */
export { type Agent, createAgent } from "./agent.js";
export type { DigestAlgorithm } from "./body.js";
export type { TokenChallenge } from "./challenges.js";
export { CountersignError, type ErrorCode } from "../error.js";
export type { Answer, Exchange } from "./exchange.js";
export type { AgentOptions, HeaderNames } from "./options.js";
export type { AgentProfile } from "./profiles.js";
export type { TokenNeed, TokenResponse, TokenSource } from "./tokens.js";
export {
  type AgentKey,
  fromCryptoKeyPair,
  generateKey,
  type GenerateKeyOptions,
  importKey,
  type ImportKeyOptions,
  type KeyAlgorithm,
  type NativeKeyPair,
  type PublicJwk,
} from "./key.js";
export { remoteKey, type RemoteKeyOptions } from "./remote.js";
export {
  type CurrentKeys,
  introduce,
  type KeyTurn,
  NO_TURNS,
  revoke,
  rotate,
  rotateStored,
  type Rotation,
  type RotationPolicy,
  type RotationState,
  type StoredRotationOptions,
} from "./rotation.js";
export {
  directory,
  DIRECTORY_PATH,
  DIRECTORY_TYPE,
  type DirectoryAnswer,
  type DirectoryOptions,
  type KeySet,
  keySet,
} from "./directory.js";
export { type KeyEntry, type KeyStore, type ObtainKeyOptions, openKeyStore } from "./store.js";
