/**
 * Countersign in-process: which agent is this, who sent it, what may it do, and may this request go through?
 *
 * ```js
 * import { createGate } from "countersign";
 *
 * const gate = createGate(await readFile("countersign.toml", "utf8"));
 * const decision = await gate.check(request);
 * if (decision.outcome !== "allow") {
 *   return Response.json(decision.problem, { status: decision.status, headers: decision.headers });
 * }
 * ```
 *
 * A signature of one message can be verified or made without a gate: `verifySignature`, `signMessage`. So can one token
 * and one DPoP proof be verified: `verifyJwt`, `verifyDpopProof`.
 *
 * A gate decides and tells; it forwards nothing, signs no assertions, and gives events to its caller instead of sending
 * them. How far replays are refused and limits counted, for this process alone or for all that share its `stores`, is
 * what `decision.guarantees` says.
 *
 * @module
 */
export type { ReasonCode } from "./codes.js";
export type {
  Agent,
  Allowed,
  Budget,
  Decision,
  Evidence,
  Guarantees,
  Principal,
  Task,
  Problem,
  Refused,
  Risk,
} from "./decision.js";
export type { AgentsReader, DenyListReader } from "./agents.js";
export { type CertificateDescriptor, type ClientDescriptor, clientOf, type ClientSocket } from "./client.js";
export { CountersignError, type ErrorCode } from "./error.js";
export type { SecurityEvent } from "./event.js";
export { createGate, type Gate, type OriginAnswer } from "./gate.js";
export type { GateOptions } from "./gate-options.js";
export type { FieldLines, RequestDescriptor, RequestFacts } from "./request.js";
export { type DocumentStore, type FloodLimiter, memoryStores, type StateStore, type Stores } from "./stores.js";
export {
  type AcceptedSignature,
  contentDigest,
  parseAcceptSignature,
  type RefusedSignature,
  type SignatureFacts,
  type SignatureFields,
  type SignatureProfile,
  type SignatureReport,
  type SignedMessage,
  type SignedRequest,
  type SignedResponse,
  signMessage,
  type SignOptions,
  type VerifiedSignature,
  type VerifyOptions,
  verifySignature,
} from "./signature.js";
export type { Served, ServedRequest } from "./serve.js";
export {
  type DpopFacts,
  type DpopReport,
  type JwtFacts,
  type JwtReport,
  type RefusedDpopProof,
  type RefusedJwt,
  type TokenAlgorithm,
  type VerifiedDpopProof,
  type VerifiedJws,
  type VerifiedJwt,
  verifyDpopProof,
  type VerifyDpopProofOptions,
  verifyJwt,
  type VerifyJwsOptions,
  type VerifyJwtOptions,
  type VerifyTimeOptions,
  type VerifyTokenOptions,
} from "./token.js";
