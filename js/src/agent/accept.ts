// `Accept-Signature` (RFC 9421 §5): a server says which signature it wants. Whoever signs what it is asked to sign is an
// oracle (§8.3), so that an agent signs only for its own purpose and never covers less than it would by itself.
import { type Component, isSame, readComponent } from "./components.js";
import type { Signing } from "./options.js";
import { ALGORITHMS, RESERVED_TAGS } from "./profiles.js";
import { MOST_COMPONENTS } from "./signature.js";
import { type Bare, isInnerList, type InnerList, parseDictionary } from "./structured.js";

/** A signature that is asked for, and that the agent will make. */
export interface Accepted {
  readonly label: string;
  readonly components: readonly Component[];
  /** The verifier's own nonce. */
  readonly nonce: string | undefined;
  readonly alg: boolean;
  readonly tag: string | undefined;
  readonly asksForNonce: boolean;
}

const KNOWN = ["created", "expires", "keyid", "alg", "nonce", "tag"];
const MOST_TEXT = 8 * 1024;
const MOST_MEMBERS = 8;
/** Longest nonce of somebody else's that is signed. */
const MOST_NONCE = 512;

/** The first of the signatures that are asked for which this agent makes; `undefined` where it makes none of them. */
export function chooseAccepted(value: string | null, signing: Signing): Accepted | undefined {
  if (value === null || value.length > MOST_TEXT || signing.plain) return undefined;
  const members = parseDictionary(value);
  if (!members || members.size > MOST_MEMBERS) return undefined;
  for (const [label, member] of members) {
    const accepted = isInnerList(member) ? read(label, member, signing) : undefined;
    if (accepted) return accepted;
  }
  return undefined;
}

/** Whether a signature that was sent is what is asked for, so that another of the kind would not help. */
export function isFulfilledBy(accepted: Accepted, label: string, components: readonly Component[], params: SentParams): boolean {
  const covered = accepted.components.every((wanted) =>
    components.some((one) => isSame(one, renamed(wanted, accepted.label, label))),
  );
  const hasNonce = accepted.nonce === undefined ? !accepted.asksForNonce || params.nonce !== undefined : accepted.nonce === params.nonce;
  return covered && hasNonce && (!accepted.alg || params.alg !== undefined) && accepted.tag === params.tag;
}

/** What a signature that was sent says of itself. */
export interface SentParams {
  readonly nonce?: string | undefined;
  readonly alg?: string | undefined;
  readonly tag?: string | undefined;
}

function read(label: string, { items, params }: InnerList, signing: Signing): Accepted | undefined {
  if ([...params.keys()].some((name) => !KNOWN.includes(name)) || items.length > MOST_COMPONENTS) return undefined;
  const components = items.map(readComponent);
  if (!components.every((component) => component !== undefined)) return undefined;
  // They change with the signature.
  if (components.some(({ name, member }) => (name === "signature" || name === "signature-input") && member === undefined)) return undefined;
  if (components.some((one, index) => components.slice(0, index).some((other) => isSame(one, other)))) return undefined;
  const asks = (name: string, own: string | undefined): boolean => isOwn(params.get(name), own);
  if (![params.get("created"), params.get("expires")].every(isFlagOrAbsent)) return undefined;
  if (!asks("keyid", signing.keyid) || !asks("alg", ALGORITHMS[signing.key.algorithm])) return undefined;
  const nonce = params.get("nonce");
  if (nonce !== undefined && !isFlag(nonce) && !isText(nonce, MOST_NONCE)) return undefined;
  const tag = tagFor(params.get("tag"), signing);
  if (tag === REFUSED) return undefined;
  return {
    label,
    components,
    nonce: nonce && !isFlag(nonce) ? nonce.value : undefined,
    asksForNonce: nonce !== undefined,
    alg: params.has("alg"),
    tag,
  };
}

const REFUSED = Symbol("refused");

/** The agent's own tag. Where it has none it takes the server's, unless that is a purpose of somebody's. */
function tagFor(asked: Bare | undefined, { tag }: Signing): string | undefined | typeof REFUSED {
  if (asked === undefined) return tag;
  if (isFlag(asked)) return tag ?? REFUSED;
  if (!isText(asked, 256)) return REFUSED;
  if (tag !== undefined) return asked.value === tag ? tag : REFUSED;
  return RESERVED_TAGS.has(asked.value) ? REFUSED : asked.value;
}

/** Whether the agent has what is asked for: any value, or this one. */
function isOwn(asked: Bare | undefined, own: string | undefined): boolean {
  return asked === undefined || isFlag(asked) || (asked.kind === "string" && asked.value === own);
}

function isFlagOrAbsent(asked: Bare | undefined): boolean {
  return asked === undefined || isFlag(asked);
}

function isFlag({ kind, text }: Bare): boolean {
  return kind === "boolean" && text === "?1";
}

function isText({ kind, value }: Bare, most: number): boolean {
  return kind === "string" && value.length > 0 && value.length <= most;
}

/** The same component under the label that the signature has. */
function renamed(component: Component, asked: string, label: string): Component {
  return component.name === "signature-agent" && component.member === asked ? { ...component, member: label } : component;
}
