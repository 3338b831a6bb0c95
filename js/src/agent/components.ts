// What a signature covers (RFC 9421 §2): identifiers, and their values in a request that is about to be sent.
import {
  parseDictionary,
  parseItem,
  parseList,
  type Item,
  writeDictionary,
  writeList,
  writeMember,
} from "./structured.js";
import { base64, utf8 } from "./encoding.js";

/** A component of a request. */
export interface Component {
  /** `@method`, or a field's name in lower case. */
  readonly name: string;
  /** How its value is read: whole, strictly serialised (`sf`), as bytes (`bs`). */
  readonly form: "whole" | "sf" | "bs";
  /** One member of a Dictionary (`key`), or the query parameter (`name`). */
  readonly member: string | undefined;
  /** As it stands in the signature base. */
  readonly identifier: string;
}

/** What is signed. */
export interface Message {
  readonly method: string;
  /** Without fragment. */
  readonly url: URL;
  readonly headers: Headers;
}

const DERIVED: Readonly<Record<string, (message: Message) => string>> = {
  "@method": ({ method }) => method,
  "@target-uri": ({ url }) => url.href,
  "@authority": ({ url }) => url.host,
  "@scheme": ({ url }) => url.protocol.slice(0, -1),
  "@request-target": ({ url }) => url.pathname + url.search,
  "@path": ({ url }) => url.pathname,
  // Where there is none it is a question mark alone, so that nobody adds one on the way.
  "@query": ({ url }) => url.search || "?",
};

/**
 * A component by its bare name, `@method`, `content-digest`, or its identifier in full, `"x";key="a"`. `undefined` where
 * it is none, or none that a request can have before it is sent: trailers, parts of a response.
 */
export function parseComponent(text: string): Component | undefined {
  const item = parseItem(text.startsWith('"') ? text : `"${text}"`);
  return item && readComponent(item);
}

/** The same, from an item of a list of components. */
export function readComponent(item: Item): Component | undefined {
  const { bare, params } = item;
  if (bare.kind !== "string") return undefined;
  const name = bare.value;
  const identifier = writeMember(item);
  if (Object.hasOwn(DERIVED, name)) return params.size === 0 ? { name, form: "whole", member: undefined, identifier } : undefined;
  if (name === "@query-param") {
    const parameter = params.get("name");
    if (params.size !== 1 || parameter?.kind !== "string") return undefined;
    return { name, form: "whole", member: parameter.value, identifier };
  }
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return undefined;
  const flags = ["sf", "bs"].filter((flag) => params.get(flag)?.text === "?1");
  const key = params.get("key");
  const known = flags.length + (key?.kind === "string" ? 1 : 0);
  if (known !== params.size || flags.length > 1 || (flags[0] === "bs" && key !== undefined)) return undefined;
  return { name, form: flags[0] === "sf" ? "sf" : flags[0] === "bs" ? "bs" : "whole", member: key?.value, identifier };
}

/** Whether both are one component, whatever the order of their parameters (RFC 9421 §2). */
export function isSame(one: Component, other: Component): boolean {
  // A member is serialised strictly in any case.
  const sameForm = one.form === other.form || one.member !== undefined;
  return one.name === other.name && one.member === other.member && sameForm;
}

/** The value of a component; `undefined` where the request has none, more than one, or one that cannot be signed. */
export function valueOf(component: Component, message: Message): string | undefined {
  const { name, member } = component;
  const derived = Object.hasOwn(DERIVED, name) ? DERIVED[name] : undefined;
  if (derived) return derived(message);
  if (name === "@query-param") return queryParameter(message.url, member ?? "");
  const value = message.headers.get(name);
  if (value === null || !/^[\t\x20-\x7e]*$/.test(value)) return undefined;
  if (member !== undefined) return memberOf(name, value, member);
  if (component.form === "sf") return strictly(name, value);
  // `Headers` and what sends them make one line of several.
  return component.form === "bs" ? `:${base64(utf8(value))}:` : value;
}

/** Decoded and encoded anew by the rules of forms (RFC 9421 §2.2.8). */
function queryParameter(url: URL, name: string): string | undefined {
  const values = [...url.searchParams].filter(([other]) => formEncoded(other) === name);
  const [only, second] = values;
  return only === undefined || second !== undefined ? undefined : formEncoded(only[1]);
}

function formEncoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function memberOf(name: string, value: string, key: string): string | undefined {
  if (Object.hasOwn(TYPES, name) && TYPES[name] !== "dictionary") return undefined;
  const member = parseDictionary(value)?.get(key);
  return member && writeMember(member);
}

function strictly(name: string, value: string): string | undefined {
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (type === "dictionary") {
    const members = parseDictionary(value);
    return members && writeDictionary(members);
  }
  if (type === "list") {
    const list = parseList(value);
    return list && writeList(list);
  }
  const item = type === "item" ? parseItem(value) : undefined;
  return item && writeMember(item);
}


type FieldType = "dictionary" | "list" | "item";

const named = (type: FieldType, names: string): [string, FieldType][] => names.split(" ").map((name) => [name, type]);

/** The structured fields that requests have (RFC 9421 §2.1.1). A guess would let two readers serialise one value differently. */
const TYPES: Readonly<Record<string, FieldType>> = Object.fromEntries([
  ...named(
    "dictionary",
    "accept-signature content-digest priority repr-digest signature signature-agent signature-input unencoded-digest " +
      "upload-limit want-content-digest want-repr-digest want-unencoded-digest",
  ),
  ...named("list", "client-cert-chain link-template"),
  ...named(
    "item",
    "available-dictionary capsule-protocol client-cert concealed-auth-export dictionary-id incremental sec-purpose " +
      "upload-complete upload-length upload-offset",
  ),
]);
