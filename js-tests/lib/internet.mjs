// An internet in memory: what would be sent is handed to a function, and noted. For what no server on loopback can be, such
// as several origins under https.

/**
 * @typedef {object} Sent
 * @property {string} method
 * @property {string} url
 * @property {Headers} headers
 * @property {string} body
 * @property {RequestInit} init as `fetch` got it
 */

/**
 * @param {(sent: Sent, index: number) => Response | Promise<Response>} answer
 */
export function internet(answer) {
  /** @type {Sent[]} */
  const sent = [];
  /** @type {typeof fetch} */
  const reach = async (input, init = {}) => {
    const request = new Request(input, init);
    const one = { method: request.method, url: request.url, headers: request.headers, body: await request.text(), init };
    sent.push(one);
    return answer(one, sent.length - 1);
  };
  return { sent, fetch: reach };
}

/** @param {number} status @param {Record<string, string>} [headers] @param {BodyInit | null} [body] */
export function reply(status, headers = {}, body = null) {
  return new Response(body, { status, headers });
}
