// What a host knows of the connection that a request came on. The request itself proves none of it.
import { CountersignError } from "./error.js";
import { Client } from "./wasm.js";

/** The other end of the connection. What is left out is not known, and what depends on it is refused. */
export interface ClientDescriptor {
  /** Its IP address, IPv6 without brackets. Behind a proxy that is the proxy's, unless you know better. */
  readonly address?: string | undefined;
  /** The number of the autonomous system that the address is in. */
  readonly asn?: number | undefined;
  /** The country of the address (ISO 3166-1 alpha-2, in upper case). */
  readonly country?: string | undefined;
  /** Where the address is, in degrees north of the equator; with `longitude`. */
  readonly latitude?: number | undefined;
  /** Where the address is, in degrees east of Greenwich; with `latitude`. */
  readonly longitude?: number | undefined;
  /** The certificate that it presented. */
  readonly certificate?: CertificateDescriptor | undefined;
}

/** A client certificate (RFC 8705). Whose key the connection's handshake proved: never one that a request names itself. */
export interface CertificateDescriptor {
  /** The certificate alone, without its chain, in DER: `raw` of `node:tls`. */
  readonly der: Uint8Array;
  /** Whether its chain verified against the authorities that you trust: `authorized` of `node:tls`. */
  readonly verified: boolean;
  /** Whether its authority has revoked it. Default: `false`. */
  readonly revoked?: boolean | undefined;
}

/** As much of a `Socket` or a `TLSSocket` of Node as is looked at. */
export interface ClientSocket {
  readonly remoteAddress?: string | undefined;
  readonly authorized?: boolean;
  readonly authorizationError?: unknown;
  getPeerX509Certificate?(): { readonly raw: Uint8Array } | undefined;
}

/**
 * The connection of a `node:http` or `node:https` request, which is `request.socket`. For client certificates the server
 * asks for them: `requestCert: true`, the authorities in `ca`, and `rejectUnauthorized: false` for the gate to be the
 * one that refuses. Only with `crl` does Node know which are revoked. To be called before the socket is closed.
 */
export function clientOf(socket: ClientSocket): ClientDescriptor {
  const address = socket.remoteAddress;
  const der = socket.getPeerX509Certificate?.()?.raw;
  if (der === undefined) return { address };
  // Typed as an Error, it is the code of one.
  const revoked = String(socket.authorizationError) === "CERT_REVOKED";
  return { address, certificate: { der, verified: socket.authorized === true, revoked } };
}

/** For the core, which takes it over. Throws where it describes no client: a host's mistake. @internal */
export function coreClient(client: ClientDescriptor | undefined): Client | undefined {
  if (client === undefined) return undefined;
  if (typeof client !== "object" || client === null) throw invalid("is an object");
  const { address, asn, country, latitude, longitude, certificate } = client;
  const isText = (value: unknown) => value === undefined || typeof value === "string";
  if (!isText(address) || !isText(country)) throw invalid("address and country are strings");
  if (asn !== undefined && !(Number.isInteger(asn) && asn >= 0 && asn <= 0xffff_ffff)) throw invalid("asn is a number of 32 bits");
  if (certificate !== undefined && !(certificate?.der instanceof Uint8Array && typeof certificate.verified === "boolean")) {
    throw invalid("certificate is its DER, and whether it is verified");
  }
  const isNumber = (value: unknown) => value === undefined || typeof value === "number";
  if (!isNumber(latitude) || !isNumber(longitude)) throw invalid("latitude and longitude are numbers");
  // Only what is plainly not revoked is not.
  const revoked = certificate?.revoked !== undefined && certificate.revoked !== false;
  try {
    return new Client(address, asn, country, certificate?.der, certificate?.verified ?? false, revoked, latitude, longitude);
  } catch {
    throw invalid("address is no IP address");
  }
}

function invalid(message: string): CountersignError {
  return new CountersignError("request.invalid", `client: ${message}`);
}
