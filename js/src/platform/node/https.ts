// A client for key sets and inquiries that connects to no private network, whatever a name resolves to. `fetch` cannot be told which
// address to take, so that a name could resolve to another one between the check and the connection.
import { lookup as resolve, type LookupAddress } from "node:dns";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { Ask } from "../../ask.js";

/** Most bytes of a response's head; Node has no more by default, and a gate in a process that allows more should not. */
const MOST_HEAD_BYTES = 16 * 1024;

/** Tells addresses of the internet from others. */
type IsPublic = (address: string) => boolean;

/** Asks sources, each on a connection of its own, to an address that was checked. */
export function client(isPublic: IsPublic): Ask {
  const lookup = lookupPublic(isPublic);
  return ({ url, publicOnly }, headers, signal, post) =>
    new Promise((answered, failed) => {
      const { protocol, hostname } = new URL(url);
      // A literal address is not looked up. The core has refused those that are not public; so does this.
      const literal = hostname.replace(/^\[|\]$/g, "");
      if (publicOnly && isIP(literal) !== 0 && !isPublic(literal)) return failed(refused());
      const request = protocol === "https:" ? requestHttps : requestHttp;
      // Without an agent: one could give a connection that somebody else has opened, to wherever.
      const method = post === undefined ? "GET" : "POST";
      const options = { method, headers, signal, agent: false as const, maxHeaderSize: MOST_HEAD_BYTES };
      request(url, publicOnly ? { ...options, lookup } : options, (response) => {
        const fields: string[] = response.rawHeaders;
        answered({ status: response.statusCode ?? 0, fields, body: response });
      })
        .on("error", failed)
        .end(post);
    });
}

/**
 * Resolves names as `dns.lookup` does, and refuses one if any of its addresses is not public: what is connected to is
 * what was checked.
 */
export function lookupPublic(isPublic: IsPublic): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return callback(error, "", 0);
      const [first] = addresses;
      if (!first || !addresses.every(({ address }) => isPublic(address))) return callback(refused(), "", 0);
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

function refused(): Error {
  return new Error("the name leads to an address that is not public");
}
