// Loads the core. Here and nowhere else is it known where its file lies.
import { readFileSync } from "node:fs";
import { initSync } from "./wasm/countersign_wasm.js";

const module = readFileSync(new URL("./wasm/countersign_wasm_bg.wasm", import.meta.url));

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
export type { Check, Inquiry, KeySource, Signing, Step, SubjectCall, UnsignedMessage } from "./wasm/countersign_wasm.js";
export type { Change, NamedRow, Row, Rows } from "./wasm/countersign_wasm.js";
