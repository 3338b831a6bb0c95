// HTTP/1.1 by hand, for what no client would send.
import net from "node:net";

/**
 * A connection that writes what it is told.
 *
 * @param {string} url of the server
 */
export async function connect(url) {
  const { hostname, port } = new URL(url);
  const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  let received = "";
  let isOpen = true;
  /** @type {(() => void)[]} */
  let waiting = [];
  const wake = () => waiting.splice(0).forEach((each) => each());
  socket.on("data", (chunk) => ((received += chunk.toString("latin1")), wake()));
  for (const event of ["end", "close", "error"]) socket.on(event, () => ((isOpen = false), wake()));
  await new Promise((resolve) => socket.once("connect", () => resolve(undefined)));
  return {
    socket,
    /** @param {string | Uint8Array} text */
    write: (text) => socket.write(text),
    /** Whether the server has not ended it. */
    isOpen: () => isOpen,
    /**
     * The next response; one that is only on the way (1xx) too.
     *
     * @returns {Promise<{ status: number, head: string, body: string }>}
     */
    async response() {
      for (;;) {
        const whole = parse(received);
        if (whole) {
          received = received.slice(whole.length);
          return whole;
        }
        if (!isOpen) throw new Error(`the connection ended after: ${received}`);
        await new Promise((resolve) => waiting.push(() => resolve(undefined)));
      }
    },
    /** Waits until the server has ended it. */
    async ended() {
      while (isOpen) await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    },
    close: () => socket.destroy(),
  };
}

/** @param {string} text */
function parse(text) {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const head = text.slice(0, end);
  const status = Number(head.split(" ")[1]);
  const after = text.slice(end + 4);
  if (status < 200) return { status, head, body: "", length: end + 4 };
  if (/\r\ntransfer-encoding: chunked/i.test(head)) {
    const last = after.indexOf("0\r\n\r\n");
    return last === -1 ? undefined : { status, head, body: after.slice(0, last), length: end + 4 + last + 5 };
  }
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  return after.length < length ? undefined : { status, head, body: after.slice(0, length), length: end + 4 + length };
}

/**
 * A request's head, with one field a line.
 *
 * @param {import("../lib/net.mjs").Wire} wire
 * @param {[string, string][]} [more]
 */
export function head({ method, url, headers }, more = []) {
  const { host, origin } = new URL(url);
  const lines = [["Host", host], ...headers, ...more].map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${url.slice(origin.length)} HTTP/1.1\r\n${lines.join("")}\r\n`;
}
