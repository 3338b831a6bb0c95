// What proxies say of the request that they pass on: `X-Forwarded-*`, or `Forwarded` (RFC 7239). Both are fields that any
// client can send, so that only proxies that are known are believed, and only as far back as they are.
import { CountersignError } from "../error.js";
import { checkOptions, type Names } from "../names.js";
import { AddressSet, parseAddress } from "./address.js";
import { parseForwarded } from "./elements.js";

/**
 * Which proxies are in front of the server: how many, or their addresses and ranges of them (CIDR). Every one of them must
 * set the fields itself, or add to them: what a client wrote there is only left of what they write.
 */
export type TrustProxy = number | readonly string[] | ProxyTrust;

/** Proxies, and what they write. */
export interface ProxyTrust {
  readonly proxies: number | readonly string[];
  /**
   * `x-forwarded`: `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`; `forwarded`: `Forwarded` (RFC 7239). The
   * others are ignored: a proxy lets through what it does not write. Default: `x-forwarded`.
   */
  readonly fields?: "x-forwarded" | "forwarded";
}

/** What a client did, by the word of the proxies. */
export interface Forwarded {
  /** Where it came from; `undefined` where that cannot be told. */
  readonly address: string | undefined;
  /** `undefined` where nothing was said of it; empty where something was, but not what it is: no gate has such an authority. */
  readonly authority: string | undefined;
  readonly scheme: "http" | "https" | undefined;
}

/** All lines of a field, joined; `undefined` where there are none. */
export type FieldReader = (name: string) => string | undefined;

const TRUST: Names<ProxyTrust> = { proxies: true, fields: true };

/** The proxies in front of a server. */
export class Proxies {
  readonly #proxies: number | AddressSet;
  readonly #hops: (field: FieldReader) => Chain;

  /** Throws a `CountersignError` with the code `options.invalid` where these are no proxies. */
  constructor(trust: TrustProxy) {
    const { proxies, fields = "x-forwarded" } = proxyTrust(trust);
    if (typeof proxies === "number" ? !Number.isInteger(proxies) || proxies < 0 : !isTexts(proxies)) {
      throw invalid("trustProxy is a number of proxies, or a list of their addresses");
    }
    if (fields !== "x-forwarded" && fields !== "forwarded") throw invalid('trustProxy.fields is "x-forwarded" or "forwarded"');
    this.#proxies = typeof proxies === "number" ? proxies : addressSet(proxies);
    this.#hops = fields === "forwarded" ? forwardedHops : xForwardedHops;
  }

  /** What the proxies say; `undefined` where the other end of the connection is none of them. */
  forwarded(peer: string | undefined, field: FieldReader): Forwarded | undefined {
    const isPeerTrusted = typeof this.#proxies === "number" ? this.#proxies > 0 : this.#isTrusted(peer);
    if (!isPeerTrusted) return undefined;
    const { addresses, said } = this.#hops(field);
    const far = this.#howFar([peer, ...addresses]);
    return { address: plain([peer, ...addresses][far]), ...said(far) };
  }

  /** How many proxies from here the client is. */
  #howFar(addresses: readonly (string | undefined)[]): number {
    if (typeof this.#proxies === "number") return this.#proxies;
    const client = addresses.findIndex((address) => !this.#isTrusted(address));
    // A proxy that asks for itself is the client, where the next one says so: one that says nothing could hide anybody.
    return client === -1 ? Math.max(addresses.length - 1, 1) : client;
  }

  #isTrusted(address: string | undefined): boolean {
    const bytes = address === undefined ? undefined : parseAddress(withoutPort(address));
    return bytes !== undefined && typeof this.#proxies !== "number" && this.#proxies.has(bytes);
  }
}

function proxyTrust(trust: TrustProxy): ProxyTrust {
  if (typeof trust !== "object" || trust === null || isList(trust)) return { proxies: trust };
  checkOptions(trust, TRUST, "options of trustProxy");
  return trust;
}

/** `Array.isArray` makes `any` of lists that nobody may change. */
function isList(value: object): value is readonly string[] {
  return Array.isArray(value);
}

/** The nearest first. */
interface Chain {
  /** Whom each proxy was asked by. */
  readonly addresses: readonly (string | undefined)[];
  /** How the client asked the proxy that is so far away. */
  said(far: number): Pick<Forwarded, "authority" | "scheme">;
}

function xForwardedHops(field: FieldReader): Chain {
  const list = (name: string) => (field(name) ?? "").split(",").map((value) => value.trim()).filter((value) => value !== "").reverse();
  const [addresses, schemes, authorities] = [list("x-forwarded-for"), list("x-forwarded-proto"), list("x-forwarded-host")];
  return { addresses, said: (far) => ({ authority: at(authorities, far), scheme: scheme(at(schemes, far)) }) };
}

/**
 * What stands in a list that either the nearest proxy has set, or each has added to. Of one that has another length nobody
 * knows which words are whose: it is empty text then, which is nobody's authority and no scheme.
 */
function at(values: readonly string[], far: number): string | undefined {
  if (values.length === 0) return undefined;
  return values.length === 1 || values.length === far ? values.at(-1) : "";
}

function forwardedHops(field: FieldReader): Chain {
  const value = field("forwarded");
  const hops = value === undefined ? [] : parseForwarded(value)?.reverse();
  if (hops === undefined) return { addresses: [], said: () => ({ authority: "", scheme: undefined }) };
  const said = (far: number) => {
    const known = hops.slice(0, far).reverse();
    return {
      authority: known.find(({ authority }) => authority !== undefined)?.authority,
      scheme: scheme(known.find((hop) => hop.scheme !== undefined)?.scheme),
    };
  };
  return { addresses: hops.map(({ address }) => address), said };
}

function scheme(text: string | undefined): Forwarded["scheme"] {
  const lower = text?.toLowerCase();
  return lower === "http" || lower === "https" ? lower : undefined;
}

/** An address as an address; `undefined` for `unknown`, names and whatever else proxies write. */
function plain(address: string | undefined): string | undefined {
  const text = address === undefined ? undefined : withoutPort(address);
  return text !== undefined && parseAddress(text) ? text : undefined;
}

function withoutPort(address: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([^:]*):\d+$/.exec(address)?.[1] ?? address;
}

function addressSet(texts: readonly string[]): AddressSet {
  try {
    return new AddressSet(texts);
  } catch (cause) {
    throw invalid("trustProxy lists what is neither an address nor a range of addresses", cause);
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function invalid(message: string, cause?: unknown): CountersignError {
  return new CountersignError("options.invalid", message, { cause });
}
