// Puts on a request what proves whose it is: digest, token, proof, signature.
import { unlessAborted } from "./abort.js";
import { type Accepted } from "./accept.js";
import { type Body, contentDigest } from "./body.js";
import { type Component, isSame, parseComponent, readComponent, valueOf } from "./components.js";
import type { Proof, Proofs } from "./dpop.js";
import { base64, random, utf8 } from "./encoding.js";
import { fail } from "./fail.js";
import type { Settings, Signing } from "./options.js";
import { isSecure } from "./origins.js";
import type { Outgoing } from "./outgoing.js";
import { ALGORITHMS, isSignature } from "./profiles.js";
import { addSignature, append, freeLabel, prepare, type SignatureParams } from "./signature.js";
import { parseItem, stringText } from "./structured.js";
import type { Credential } from "./tokens.js";

/** A request that is ready to be sent. */
export interface Authored {
  readonly headers: Headers;
  /** The names of the fields that were added, or added to, in lower case. */
  readonly added: readonly string[];
  readonly credential: Credential | undefined;
  readonly proof: Proof | undefined;
  readonly signature: AuthoredSignature | undefined;
}

/** A signature, as it was made. */
export interface AuthoredSignature {
  readonly label: string;
  readonly components: readonly Component[];
  readonly params: SignatureParams;
  readonly base: string;
}

/** What is put on a request. */
export interface Wanted {
  readonly credential: Credential | undefined;
  /** None where the origin gets no signature. */
  readonly signing: Signing | undefined;
  readonly accepted: Accepted | undefined;
}

/** What is covered where it is there, and no mistake where it is not. */
const WHERE_THERE = ["content-digest", "authorization", "dpop"];

/**
 * Covered besides where a request goes in the clear: whoever reads it there could else send it on over TLS, as `@authority` is
 * one for both.
 */
const SCHEME = parseComponent("@scheme");

/** How a `Signature-Agent` that is a String is covered: it has no members. */
const WHOLE_AGENT = parseComponent("signature-agent");

export async function author(outgoing: Outgoing, wanted: Wanted, settings: Settings, proofs: Proofs | undefined): Promise<Authored> {
  const { method, url, signal } = outgoing;
  const headers = new Headers(outgoing.headers);
  const { credential, signing, accepted } = wanted;
  const asksForDigest = accepted?.components.some(({ name }) => name === "content-digest") === true;
  if (signing && !signing.plain) await addDigest(headers, outgoing.body, settings.contentDigest, asksForDigest);
  if (credential) headers.set("authorization", `${credential.scheme} ${credential.token}`);
  const bound = credential?.scheme === "DPoP" ? credential.token : ofCaller(headers, credential);
  const proof = bound === undefined ? undefined : await proofs?.make({ method, url, token: bound, now: settings.now() }, signal);
  if (proof) headers.set("dpop", proof.jwt);
  let signature: AuthoredSignature | undefined;
  if (signing?.plain) await signPlainly(headers, outgoing, signing, settings.now());
  else if (signing) signature = await sign(headers, outgoing, signing, accepted, settings.now());
  const added = [...headers].filter(([name, value]) => outgoing.headers.get(name) !== value).map(([name]) => name);
  return { headers, added, credential, proof, signature };
}

/** The token of a caller who sends one under DPoP, and leaves the proof to us. */
function ofCaller(headers: Headers, own: Credential | undefined): string | undefined {
  if (own || headers.has("dpop")) return undefined;
  return /^dpop +([A-Za-z0-9._~+/-]+=*)$/i.exec(headers.get("authorization") ?? "")?.[1];
}

async function addDigest(headers: Headers, body: Body, algorithm: Settings["contentDigest"], isAsked: boolean): Promise<void> {
  if (algorithm === false || headers.has("content-digest")) return;
  if (body.kind === "bytes" && (body.bytes.byteLength > 0 || isAsked)) headers.set("content-digest", await contentDigest(body.bytes, algorithm));
  // No content is content, if a server wants to know.
  if (body.kind === "none" && isAsked) headers.set("content-digest", await contentDigest(new Uint8Array(), algorithm));
}

/** The fields of a signature. */
const OF_SIGNATURES = ["signature", "signature-input", "signature-agent"];

/**
 * Whether a signature that is asked for can be made: the request, as it was sent, has all that it is to cover, and room
 * for it.
 */
export function canSign({ headers }: Authored, outgoing: Outgoing, { signing, accepted }: Wanted, settings: Settings): boolean {
  if (!signing) return false;
  const bare = new Headers(headers);
  for (const name of OF_SIGNATURES) {
    const own = outgoing.headers.get(name);
    if (own === null) bare.delete(name);
    else bare.set(name, own);
  }
  // Added where it is asked for, whatever its value.
  if (settings.contentDigest !== false) bare.set("content-digest", "sha-256=::");
  return tryToPrepare(bare, outgoing, signing, accepted, settings.now()) !== undefined;
}

/** A signature that is yet to be made, and the fields among which it will stand. */
interface Prepared extends AuthoredSignature {
  readonly headers: Headers;
  readonly input: string;
}

async function sign(headers: Headers, outgoing: Outgoing, signing: Signing, accepted: Accepted | undefined, now: number): Promise<AuthoredSignature> {
  // What was asked for may have become impossible since, by another token: no server makes a request fail by what it asks.
  const asked = accepted && tryToPrepare(headers, outgoing, signing, accepted, now);
  const { headers: named, input, ...signature } = asked ?? prepareSignature(headers, outgoing, signing, undefined, now);
  const agent = named.get("signature-agent");
  if (agent !== null) headers.set("signature-agent", agent);
  addSignature(headers, signature.label, input, await signedBy(signing, utf8(signature.base), outgoing.signal));
  return signature;
}

function tryToPrepare(...of: Parameters<typeof prepareSignature>): Prepared | undefined {
  try {
    return prepareSignature(...of);
  } catch {
    return undefined;
  }
}

function prepareSignature(
  others: Headers,
  { method, url, headers: own }: Outgoing,
  signing: Signing,
  accepted: Accepted | undefined,
  now: number,
): Prepared {
  const { key, agent } = signing;
  const label = freeLabel(own, accepted?.label);
  const headers = new Headers(others);
  const ofAgent = agent && nameAgent(headers, agent, label);
  const message = { method, url, headers };
  const components = covered(message, signing, ofAgent, accepted);
  const created = Math.floor(now / 1000);
  const params: SignatureParams = {
    created,
    expires: created + signing.expiresIn,
    keyid: signing.keyid,
    alg: signing.alg || accepted?.alg ? ALGORITHMS[key.algorithm] : undefined,
    nonce: accepted?.nonce ?? (signing.nonce || accepted?.asksForNonce ? random(24) : undefined),
    tag: accepted ? accepted.tag : signing.tag,
  };
  return { headers, label, components, params, ...prepare(message, components, params) };
}

/** What is asked for, in that order, and whatever the agent covers by itself: a server cannot make it cover less. */
function covered(
  message: { method: string; url: URL; headers: Headers },
  signing: Signing,
  ofAgent: Component | undefined,
  accepted: Accepted | undefined,
): readonly Component[] {
  const isThere = (component: Component): boolean => {
    if (component.name === "@query") return signing.coversNoQuery || message.url.search !== "";
    return !WHERE_THERE.includes(component.name) || valueOf(component, message) !== undefined;
  };
  const components: Component[] = [];
  const more = [isSecure(message.url) ? undefined : SCHEME, ofAgent];
  for (const component of [...(accepted?.components ?? []), ...signing.components.filter(isThere), ...more]) {
    if (component && !components.some((other) => isSame(other, component))) components.push(component);
  }
  return components;
}

/** Writes `Signature-Agent`, and says how it is covered. */
function nameAgent(headers: Headers, agent: NonNullable<Signing["agent"]>, label: string): Component | undefined {
  const url = stringText(agent.url);
  const known = headers.get("signature-agent");
  const isString = known?.startsWith('"') === true;
  if (url === undefined || (known !== null && (isString || agent.form === "string"))) {
    throw fail("agent.request_invalid", "the request has a Signature-Agent to which ours cannot be added");
  }
  if (agent.form === "string") {
    headers.set("signature-agent", url);
    return WHOLE_AGENT;
  }
  append(headers, "signature-agent", `${label}=${url}`);
  const item = parseItem(`"signature-agent";key="${label}"`);
  return item && readComponent(item);
}

/** The plain header scheme: a signature over the body and the time, and nothing else. */
async function signPlainly(headers: Headers, { body, signal }: Outgoing, signing: Signing, now: number): Promise<void> {
  const { plain } = signing;
  if (!plain) return;
  if (body.kind !== "none" && body.kind !== "bytes") throw fail("agent.body_refused", "agent-headers signs the body, which is not at hand");
  const { names, agentId } = plain;
  if ([...Object.values(names), "signature-input"].some((name) => headers.has(name))) {
    throw fail("agent.request_invalid", "the request has a field already that agent-headers writes");
  }
  const timestamp = String(Math.floor(now / 1000));
  const content = body.kind === "bytes" ? body.bytes : new Uint8Array();
  if (isSignatureBase(content)) throw fail("agent.unsignable", "with the time after it, the content is what another signature would sign");
  const time = utf8(timestamp);
  const signed = new Uint8Array(content.byteLength + time.byteLength);
  signed.set(content);
  signed.set(time, content.byteLength);
  const signature = await signedBy(signing, signed, signal);
  headers.set(names.agent, agentId);
  headers.set(names.timestamp, timestamp);
  headers.set(names.signature, base64(signature));
}

/** The beginning of a signature base's last line (RFC 9421 §2.5). */
const LAST_LINE = utf8('"@signature-params": ');

/** Whether content with a time after it may be a signature base, so that a signature of it would be one of RFC 9421, too. */
function isSignatureBase(content: Uint8Array): boolean {
  const last = content.lastIndexOf(0x0a) + 1;
  return LAST_LINE.every((byte, index) => content[last + index] === byte);
}

async function signedBy({ key }: Signing, data: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const signature = await unlessAborted(signal, () => key.sign(data));
  if (isSignature(signature, key)) return signature;
  throw fail("agent.unsignable", "the key gives no signature of its algorithm's length (ECDSA is r‖s, not DER)");
}
