// The signing half of RFC 9421: the signature base of a request, and the fields that carry the signature.
import { isSame, type Component, type Message, valueOf } from "./components.js";
import { base64 } from "./encoding.js";
import { fail } from "./fail.js";
import { isKey, parseDictionary, stringText } from "./structured.js";

/** What a signature says of itself, in the order in which it is written. Times are seconds since 1970. */
export interface SignatureParams {
  readonly created: number;
  readonly expires?: number | undefined;
  readonly keyid?: string | undefined;
  readonly alg?: string | undefined;
  readonly nonce?: string | undefined;
  readonly tag?: string | undefined;
}

/** What is to be signed. */
export interface Unsigned {
  /** The text whose UTF-8 is signed (§2.5). */
  readonly base: string;
  /** The member of `Signature-Input`, without its label. */
  readonly input: string;
}

/** Most components of one signature, and most signatures of one message, that a verifier of ours reads. */
export const MOST_COMPONENTS = 64;
const MOST_SIGNATURES = 8;

/** Puts together what a signature over these components signs. Throws where the request lacks one of them. */
export function prepare(message: Message, components: readonly Component[], params: SignatureParams): Unsigned {
  if (components.length > MOST_COMPONENTS) throw fail("agent.unsignable", "more components than a signature may cover");
  const repeated = components.find((one, index) => components.slice(0, index).some((other) => isSame(one, other)));
  if (repeated) throw fail("agent.unsignable", `${repeated.identifier} is to be covered twice`);
  const input = `(${components.map(({ identifier }) => identifier).join(" ")})${writeParams(params)}`;
  const lines = components.map((component) => {
    const value = valueOf(component, message);
    if (value === undefined) throw fail("agent.unsignable", `the request has no ${component.identifier} that can be signed`);
    return `${component.identifier}: ${value}\n`;
  });
  return { base: `${lines.join("")}"@signature-params": ${input}`, input };
}

/**
 * The label for one more signature: the one that is asked for, or the first of `sig1`, `sig2`, … that is free. Throws where
 * what is there cannot be read, is as much as is allowed, or has that label.
 */
export function freeLabel(headers: Headers, asked?: string): string {
  const taken = new Set(["signature-input", "signature", "signature-agent"].flatMap((name) => labelsOf(headers, name)));
  if (taken.size >= MOST_SIGNATURES) throw fail("agent.request_invalid", "the request has more signatures than are read");
  if (asked !== undefined) {
    if (taken.has(asked) || !isKey(asked)) throw fail("agent.unsignable", "the label that is asked for cannot be had");
    return asked;
  }
  for (let index = 1; ; index += 1) {
    if (!taken.has(`sig${index}`)) return `sig${index}`;
  }
}

/** Adds a signature after those that are there. */
export function addSignature(headers: Headers, label: string, input: string, signature: Uint8Array): void {
  append(headers, "signature-input", `${label}=${input}`);
  append(headers, "signature", `${label}=:${base64(signature)}:`);
}

/** Adds a member to a Dictionary field. */
export function append(headers: Headers, name: string, member: string): void {
  const known = headers.get(name);
  headers.set(name, known ? `${known}, ${member}` : member);
}

function labelsOf(headers: Headers, name: string): string[] {
  const value = headers.get(name);
  // A String: the older form of `Signature-Agent`, which has no members.
  if (value === null || (name === "signature-agent" && value.startsWith('"'))) return [];
  const members = parseDictionary(value);
  if (!members) throw fail("agent.request_invalid", `the request's own ${name} is no Dictionary`);
  return [...members.keys()];
}

function writeParams({ created, expires, keyid, alg, nonce, tag }: SignatureParams): string {
  const times = Object.entries({ created, expires }).map(([name, value]) => (value === undefined ? "" : `;${name}=${value}`));
  const texts = Object.entries({ keyid, alg, nonce, tag }).map(([name, value]) => {
    if (value === undefined) return "";
    const text = stringText(value);
    if (text === undefined) throw fail("agent.unsignable", `${name} holds characters that no parameter can have`);
    return `;${name}=${text}`;
  });
  return [...times, ...texts].join("");
}
