// Loads the core. Where it lies depends on the runtime: `#wasm`.
import { module } from "#wasm";
import { initSync } from "./wasm/countersign_wasm.js";

/** The memory of the core: one for all gates of this process. */
export const { memory: wasmMemory } = initSync({ module });

export {
  acceptedSignatures,
  Client,
  digestField,
  Gate,
  Inspection,
  isPublicAddress,
  maxKeyDocumentBytes,
  Memory,
  Message,
  ProofInspection,
  Session,
  settlement,
  SignatureKeys,
  SignatureRules,
  Subjects,
  TokenInspection,
  TokenKeys,
  applyCall,
  purgeRows,
} from "./wasm/countersign_wasm.js";
export type { Gate as CoreGate, Memory as CoreMemory } from "./wasm/countersign_wasm.js";
export type { Check, Flood, Inquiry, KeySource, Signing, Step, Stored, SubjectCall, UnsignedMessage } from "./wasm/countersign_wasm.js";
export type { Change, NamedRow, Row, Rows } from "./wasm/countersign_wasm.js";
