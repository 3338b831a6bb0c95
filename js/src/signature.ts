// RFC 9421 for one message, without a gate: verified against keys that the caller has, or signed with a key that the
// caller keeps. The core decides; ECDSA and RSA are native.
import { platform } from "#platform";
import type { Body } from "./body.js";
import type { ReasonCode } from "./codes.js";
import { checkOptions, type Names } from "./names.js";
import { coded, invalid, keyDocument, lengthOf, optionalText, secondsOf, textOf, textsOf } from "./options.js";
import { verdictsOf } from "./platform.js";
import { bytesOf, type FieldLines, fieldsOf, hasBody, isRequest, type RequestDescriptor, viewOf } from "./request.js";
import {
  acceptedSignatures,
  digestField,
  Inspection,
  Message,
  SignatureKeys,
  SignatureRules,
  type UnsignedMessage,
} from "./wasm.js";

/** Most bytes of a body that are hashed: 8 MiB, as much as a gate can be configured to read. */
const MOST_BODY_BYTES = 8 * 1024 * 1024;

/** A request that is signed. */
export interface SignedRequest extends RequestDescriptor {
  /** What came after the body; without them a signature that covers trailers (`tr`) is not judged. */
  readonly trailers?: FieldLines;
}

/** A response that is signed. */
export interface SignedResponse {
  /** Three digits. */
  readonly status: number;
  /** Every line, each value as received. */
  readonly headers: FieldLines;
  /** The content, before any `Content-Encoding` is undone. */
  readonly body?: Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | null;
  /** What came after the body. */
  readonly trailers?: FieldLines;
  /** The request that it answers; without it a signature that covers parts of that (`req`) is not judged. */
  readonly request?: SignedRequest | Request;
}

/** A request or a response. `url` is taken as it is given: a parser of URLs would change what was signed. */
export type SignedMessage = SignedRequest | Request | SignedResponse;

/** The profiles of which one says what a signature must cover and state. */
export type SignatureProfile = "web-bot-auth" | "tap" | "tap-deployed" | "agent-headers" | "rfc9421";

/** What a signature is judged by. */
export interface VerifyOptions {
  /** The keys that count: a JWK Set, a list of JWKs, one JWK, or the JSON of either. */
  readonly keys: object | string;
  /** Default: `rfc9421`, which demands no more than `created`. */
  readonly profile?: SignatureProfile;
  /** What must be covered besides: `@method`, `content-digest`, or an identifier in full, `"x";key="a"`. */
  readonly require?: readonly string[];
  /** What must be stated besides: parameters of the signature. */
  readonly requireParams?: readonly ("created" | "expires" | "keyid" | "alg" | "nonce" | "tag")[];
  /** The tag, or the tags of which a signature must have one; others are passed over. Default: the profile's. */
  readonly tag?: string | readonly string[];
  /** The only algorithms that are accepted, by their names in RFC 9421. Default: the profile's. */
  readonly algorithms?: readonly string[];
  /** The signature to look at, of several. A label is not signed: never to choose whom to trust. */
  readonly label?: string;
  /** Seconds that `created` may lie in the future. Default: 30. */
  readonly clockSkew?: number;
  /** Most seconds from `created` to `expires`. Default: the profile's, 24 hours for `rfc9421`. */
  readonly maxWindow?: number;
  /** The time, as seconds since 1970 or a `Date`. Default: the clock's. */
  readonly now?: number | Date;
  /** Whether keys count that a standard prints with their private half, where the profile refuses them. */
  readonly allowTestKeys?: boolean;
  /** Whether the report shows the expected signature base, with a hint where the signer may have gone wrong. */
  readonly explain?: boolean;
}

/** What was found out about a message. Members are there as far as they are known. */
export type SignatureReport = VerifiedSignature | RefusedSignature;

/** A signature that holds. */
export interface VerifiedSignature extends SignatureFacts {
  readonly outcome: "verified";
  readonly code: "ok";
  /** The thumbprint of the key (RFC 7638); none for a shared one. */
  readonly key?: string;
  /** The algorithm, by its name in RFC 9421. */
  readonly algorithm: string;
  /** What it covers, in full, in order. */
  readonly components?: readonly string[];
}

/** `invalid`: it was judged, and refused. `unverified`: nothing could be judged, for want of a signature or of keys. */
export interface RefusedSignature extends SignatureFacts {
  readonly outcome: "invalid" | "unverified";
  /** Why: one of the codes that `countersign codes` lists. */
  readonly code: ReasonCode;
  /** The signature base that was expected, without credentials, where an explanation was asked for. */
  readonly base?: string;
  /** The base under which it does hold: what the signer apparently signed, where that can be told. */
  readonly signed?: string;
  /** What the signer did otherwise, where an explanation was asked for and it can be told. */
  readonly hint?: { readonly code: string; readonly text: string };
}

/** What a signature says of itself, and its directory. */
export interface SignatureFacts {
  readonly profile: SignatureProfile;
  /** The label, which is not signed. */
  readonly label?: string;
  readonly keyid?: string;
  /** The URL of the agent's keys, or the agent's name in the plain header scheme. Whether the key is there was not asked. */
  readonly agent?: string;
  /** Which of the forms on the wire named the agent. */
  readonly form?: string;
  /** Seconds since 1970. */
  readonly created?: number;
  /** Seconds since 1970. */
  readonly expires?: number;
  /** Whether it was seen before is the caller's to know. */
  readonly nonce?: string;
  readonly tag?: string;
}

/** What to sign, and as whom. */
export interface SignOptions {
  /** Names the signature in both fields. Default: `sig1`. */
  readonly label?: string;
  /** What is covered, in order: `@method`, `content-digest`, or an identifier in full, `"x";key="a"`. */
  readonly components: readonly string[];
  /** Seconds since 1970 or a `Date`. Default: the clock's. */
  readonly created?: number | Date;
  /** Seconds since 1970 or a `Date`. Default: none. */
  readonly expires?: number | Date;
  readonly keyid?: string;
  readonly alg?: string;
  readonly nonce?: string;
  readonly tag?: string;
  /**
   * Signs the base: 64 bytes for Ed25519, r‖s for ECDSA, as long as the modulus for RSA. What it throws is thrown on.
   */
  readonly sign: (base: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

/** The lines to add. A message that is signed already has such lines: append, never replace them. */
export interface SignatureFields {
  readonly "Signature-Input": string;
  readonly Signature: string;
}

/** A signature that an `Accept-Signature` asks for. */
export interface AcceptedSignature {
  /** The label that the signature must have. */
  readonly label: string;
  /** What must be covered, in full, in order. */
  readonly components: readonly string[];
  /** The parameters that must be there: `true` where any value will do. */
  readonly params: {
    readonly created?: true;
    readonly expires?: true;
    readonly keyid?: string | true;
    readonly alg?: string | true;
    readonly nonce?: string | true;
    readonly tag?: string | true;
  };
}

const VERIFY_OPTIONS: Names<VerifyOptions> = {
  keys: true,
  profile: true,
  require: true,
  requireParams: true,
  tag: true,
  algorithms: true,
  label: true,
  clockSkew: true,
  maxWindow: true,
  now: true,
  allowTestKeys: true,
  explain: true,
};

const SIGN_OPTIONS: Names<SignOptions> = {
  label: true,
  components: true,
  created: true,
  expires: true,
  keyid: true,
  alg: true,
  nonce: true,
  tag: true,
  sign: true,
};

const imported = platform.keys();

/**
 * Verifies the signature of a message. What is refused is a report, whose `code` says why; an error is thrown where the
 * keys, an option or the message are none. The body is read to its end, of a `Request` a clone of it.
 */
export async function verifySignature(message: SignedMessage, options: VerifyOptions): Promise<SignatureReport> {
  checkOptions(options, VERIFY_OPTIONS, "options of verifySignature");
  const now = secondsOf(options.now ?? new Date(), "now");
  const label = optionalText(options.label, "label");
  const [keys, rules, viewed] = [keysOf(options.keys), rulesOf(options), messageOf(message)];
  const body = await bodyOf(message);
  const content = typeof body === "string" ? undefined : body;
  // It owns what it is given.
  using inspection = new Inspection(viewed, content, body === "too large", rules, keys, label, now);
  const verdicts = await verdictsOf(imported, inspection.checks());
  return JSON.parse(inspection.conclude(verdicts, options.explain === true)) as SignatureReport;
}

/** Signs a message: gives the field lines to add to it. */
export async function signMessage(message: SignedMessage, options: SignOptions): Promise<SignatureFields> {
  checkOptions(options, SIGN_OPTIONS, "options of signMessage");
  const label = optionalText(options.label, "label") ?? "sig1";
  using viewed = messageOf(message);
  using unsigned = prepare(viewed, label, options);
  const signature = await options.sign(unsigned.base);
  if (!(signature instanceof Uint8Array)) throw invalid("options.invalid", "sign gives no Uint8Array");
  const [input = "", value = ""] = coded("message.unsignable", () => unsigned.fields(signature));
  return { "Signature-Input": input, Signature: value };
}

/** The value of a `Content-Digest` for this body (RFC 9530). A string is digested as UTF-8. */
export function contentDigest(body: Uint8Array | string, algorithm: "sha-256" | "sha-512" = "sha-256"): string {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  if (!(bytes instanceof Uint8Array)) throw invalid("options.invalid", "a body is a Uint8Array or a string");
  return coded("options.invalid", () => digestField(bytes, textOf(algorithm, "the algorithm")));
}

/**
 * What an `Accept-Signature` asks for (RFC 9421 §5), from its value or its lines, in order. Throws a `CountersignError`
 * with the code `field.invalid` where it is malformed.
 */
export function parseAcceptSignature(value: string | readonly string[]): AcceptedSignature[] {
  const lines = [value].flat();
  if (!lines.every((line) => typeof line === "string")) throw invalid("field.invalid", "a field's lines are strings");
  const { text, lengths } = fieldsOf(lines.map((line) => ["accept-signature", line] as const));
  return JSON.parse(coded("field.invalid", () => acceptedSignatures(text, lengths))) as AcceptedSignature[];
}

function keysOf(keys: object | string): SignatureKeys {
  const document = keyDocument(keys);
  return coded("keys.invalid", () => SignatureKeys.parse(document));
}

function rulesOf(options: VerifyOptions): SignatureRules {
  const { clockSkew, maxWindow, tag } = options;
  const algorithms = textsOf(options.algorithms, "algorithms");
  const tags = tag === undefined ? undefined : textsOf([tag].flat(), "tags");
  return coded("options.invalid", () => {
    const rules = new SignatureRules(optionalText(options.profile, "profile") ?? "rfc9421");
    for (const component of textsOf(options.require, "require") ?? []) rules.requireComponent(component);
    for (const param of textsOf(options.requireParams, "requireParams") ?? []) rules.requireParameter(param);
    if (tags !== undefined) rules.tags = tags;
    if (algorithms !== undefined) rules.limitAlgorithms(algorithms);
    if (clockSkew !== undefined) rules.clockSkew = lengthOf(clockSkew, "clockSkew");
    if (maxWindow !== undefined) rules.maxWindow = lengthOf(maxWindow, "maxWindow");
    if (options.allowTestKeys === true) rules.allowTestKeys();
    return rules;
  });
}

function messageOf(message: SignedMessage): Message {
  if (!isResponse(message)) return requestOf(message);
  const { status, headers, body, trailers, request } = message;
  if (!Number.isInteger(status) || status < 0 || status > 0xffff) throw invalid("request.invalid", "status is a number");
  const { text, lengths } = fieldsOf(headers);
  // What it answers becomes a part of it.
  const answers = request && requestOf(request);
  return withTrailers(Message.response(status, text, lengths, hasBody(body), answers), trailers);
}

function requestOf(request: SignedRequest | Request): Message {
  const { method, url, fields, hasBody: follows } = viewOf(request);
  const trailers = isRequest(request) ? undefined : request.trailers;
  return withTrailers(Message.request(method, url, fields.text, fields.lengths, follows), trailers);
}

function withTrailers(message: Message, trailers: FieldLines | undefined): Message {
  if (trailers !== undefined) {
    const { text, lengths } = fieldsOf(trailers);
    message.setTrailers(text, lengths);
  }
  return message;
}

function bodyOf(message: SignedMessage): Promise<Body> {
  return isResponse(message) ? bytesOf(message.body, MOST_BODY_BYTES) : viewOf(message).body(MOST_BODY_BYTES);
}

function isResponse(message: SignedMessage): message is SignedResponse {
  if (typeof message !== "object" || message === null) throw invalid("request.invalid", "a message is an object");
  return "status" in message;
}

function prepare(message: Message, label: string, options: SignOptions): UnsignedMessage {
  const { created, expires } = options;
  const createdAt = secondsOf(created ?? new Date(), "created");
  const expiresAt = expires === undefined ? undefined : secondsOf(expires, "expires");
  const components = textsOf(options.components, "components");
  if (components === undefined || typeof options.sign !== "function") {
    throw invalid("options.invalid", "components are a list, and sign is a function");
  }
  const [keyid, alg] = [optionalText(options.keyid, "keyid"), optionalText(options.alg, "alg")];
  const [nonce, tag] = [optionalText(options.nonce, "nonce"), optionalText(options.tag, "tag")];
  return coded("message.unsignable", () => message.prepare(label, components, createdAt, expiresAt, keyid, alg, nonce, tag));
}
