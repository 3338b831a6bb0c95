// The user, with a browser of the simplest kind: follows redirects, keeps cookies, fills in the forms it is shown.
import { DEVICE_APPROVED, PROVIDER } from "./provider.mjs";

/** No login takes more pages. */
const MOST_PAGES = 20;

export class User {
  /** @type {Map<string, {path: string, value: string}>} */
  #cookies = new Map();
  #fetch;
  /** What is typed into fields of these names. @type {Record<string, string>} */
  #answers;

  /**
   * @param {typeof globalThis.fetch} fetch
   * @param {string} [name]
   */
  constructor(fetch, name = "user-7") {
    this.#fetch = fetch;
    this.#answers = { login: name, password: "not looked at" };
  }

  /**
   * Opens the address and agrees to everything, until the browser is sent to the callback.
   *
   * @param {URL | string} address
   * @param {string} callback
   * @returns {Promise<URL>} the callback's address, with what the issuer adds
   */
  async authorize(address, callback) {
    const { url } = await this.#browse(new URL(address), (url) => url.href.startsWith(callback));
    if (!url.href.startsWith(callback)) throw new Error(`the login ended at ${url.origin}${url.pathname}`);
    return url;
  }

  /**
   * Enters the code that a device shows, and agrees.
   *
   * @param {string} address
   * @param {string} code
   */
  async approveDevice(address, code) {
    this.#answers.user_code = code;
    const { page } = await this.#browse(new URL(address), () => false);
    if (page !== DEVICE_APPROVED) throw new Error("the device was not approved");
  }

  /**
   * @param {URL} start
   * @param {(url: URL) => boolean} isEnd
   */
  async #browse(start, isEnd) {
    let url = start;
    /** @type {RequestInit} */
    let init = {};
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      if (isEnd(url)) return { url, page: "" };
      const response = await this.#fetch(url, { ...init, redirect: "manual", headers: { ...init.headers, cookie: this.#cookieFor(url) } });
      this.#keep(response);
      const page = await response.text();
      const location = response.headers.get("location");
      if (location !== null) {
        [url, init] = [new URL(location, url), {}];
        continue;
      }
      const form = formOf(page, url);
      if (!form) return { url, page };
      const body = new URLSearchParams(form.fields.map(([name, value]) => [name, value || (this.#answers[name] ?? "")]));
      url = form.action;
      init = { method: "POST", body: body.toString(), headers: { "content-type": "application/x-www-form-urlencoded" } };
    }
    throw new Error(`the login takes more than ${MOST_PAGES} pages`);
  }

  /** @param {Response} response */
  #keep(response) {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(/;\s*/);
      const [name, value] = pair.split("=");
      const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? "/";
      if (value) this.#cookies.set(`${name} ${path}`, { path, value: pair });
      else this.#cookies.delete(`${name} ${path}`);
    }
  }

  /** @param {URL} url */
  #cookieFor(url) {
    if (url.origin !== PROVIDER) return "";
    const fitting = [...this.#cookies.values()].filter(({ path }) => url.pathname.startsWith(path));
    return fitting.map(({ value }) => value).join("; ");
  }
}

/**
 * The first form of a page.
 *
 * @param {string} page
 * @param {URL} base
 */
function formOf(page, base) {
  const [, attributes = "", inside = ""] = /<form([^>]*)>(.*?)<\/form>/s.exec(page) ?? [];
  const action = attribute(attributes, "action");
  if (action === undefined) return undefined;
  const inputs = [...inside.matchAll(/<input([^>]*)>/gs)].map(([, text]) => text);
  /** @type {[string, string][]} */
  const fields = inputs.map((text) => [attribute(text, "name") ?? "", attribute(text, "value") ?? ""]);
  return { action: new URL(action, base), fields: fields.filter(([name]) => name !== "") };
}

/**
 * @param {string} text
 * @param {string} name
 */
function attribute(text, name) {
  const [, value] = new RegExp(`\\b${name}="([^"]*)"`).exec(text) ?? [];
  return value?.replaceAll("&amp;", "&");
}
