// What Cloudflare's runtime knows of the connection: `cf` of a request, which no client can set.
import type { CertificateDescriptor, ClientDescriptor } from "../client.js";

/** The other end of the connection; `undefined` on another platform. */
export function cloudflareClient(request: Request): ClientDescriptor | undefined {
  const cf = member(request, "cf");
  if (typeof cf !== "object" || cf === null) return undefined;
  const asn = member(cf, "asn");
  return {
    // The platform sets this field itself, whatever the client sent under its name.
    address: request.headers.get("cf-connecting-ip") ?? undefined,
    asn: typeof asn === "number" ? asn : undefined,
    country: countryOf(text(cf, "country")),
    ...place(text(cf, "latitude"), text(cf, "longitude")),
    certificate: certificateOf(member(cf, "tlsClientAuth")),
  };
}

/** There are letters for what is no country: Tor, and what is not known. */
function countryOf(country: string | undefined): string | undefined {
  return country !== undefined && /^[A-Z]{2}$/.test(country) && country !== "XX" ? country : undefined;
}

/** The platform writes degrees as texts. */
function place(latitude: string | undefined, longitude: string | undefined): Pick<ClientDescriptor, "latitude" | "longitude"> {
  return latitude && longitude ? { latitude: Number(latitude), longitude: Number(longitude) } : {};
}

/** What is not as it should be counts against the certificate: one without bytes is like no other. */
function certificateOf(auth: unknown): CertificateDescriptor | undefined {
  if (text(auth, "certPresented") !== "1") return undefined;
  return {
    der: bytesOfField(text(auth, "certRFC9440") ?? ""),
    verified: text(auth, "certVerified") === "SUCCESS",
    // A revoked one is verified all the same.
    revoked: text(auth, "certRevoked") !== "0",
  };
}

/** A `Client-Cert` (RFC 9440 §2.2); empty where it is none. The platform leaves it empty above 10 KiB. */
function bytesOfField(field: string): Uint8Array {
  const base64 = /^:([A-Za-z0-9+/]*={0,2}):$/.exec(field)?.[1] ?? "";
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

function text(object: unknown, name: string): string | undefined {
  const value = member(object, name);
  return typeof value === "string" ? value : undefined;
}

function member(object: unknown, name: string): unknown {
  return typeof object === "object" && object !== null ? Reflect.get(object, name) : undefined;
}
