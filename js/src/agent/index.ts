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
