/** The origins that a gate is known by, to tell which scheme an authority belongs to. */
export class PublicOrigins {
  readonly #schemes = new Map<string, Set<string>>();

  constructor(origins: readonly string[]) {
    for (const origin of origins) {
      const { protocol, host, hostname, port } = new URL(origin);
      const withPort = `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`;
      for (const authority of [host, withPort]) this.#add(authority, protocol.slice(0, -1));
    }
  }

  /**
   * The scheme of the public origin that has this authority, else the connection's own: behind a proxy that ends TLS,
   * requests come in the clear, and a client would have signed another URL.
   */
  schemeOf(authority: string, own: "http" | "https"): string {
    const schemes = this.#schemes.get(authority.toLowerCase());
    if (schemes === undefined || schemes.has(own)) return own;
    const [scheme = own] = schemes;
    return scheme;
  }

  #add(authority: string, scheme: string): void {
    const schemes = this.#schemes.get(authority) ?? new Set();
    this.#schemes.set(authority, schemes.add(scheme));
  }
}
