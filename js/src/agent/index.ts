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
export { type CurrentKeys, introduce, type KeyTurn, NO_TURNS, revoke, rotate, rotateStored, type Rotation, type RotationPolicy, type RotationState, type StoredRotationOptions } from "./rotation.js";
export { directory, DIRECTORY_PATH, DIRECTORY_TYPE, type DirectoryAnswer, type DirectoryOptions, type KeySet, keySet } from "./directory.js";
export { type KeyEntry, type KeyStore, openKeyStore } from "./store.js";
