// Requests from a seed: what agents send, and what is at the edge of what they can.

/** Numbers below 1, the same for the same seed (mulberry32). @param {number} seed */
export function numbersOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PATHS = ["", "/", "/a", "/a/b/", "/a/./b", "/a/../b", "/caf\u00e9", "/%7Euser", "/a%2Fb", "/sp ace", "/a;b=c", "/\u65e5\u672c", "/|^`{}", "/'()*!~", "/%zz", "/a//b", "/@:$&+,="];
const QUERIES = ["", "?", "?a=1", "?a=b%20c", "?a=b+c", "?q=caf\u00e9", "?a='x'", "?a=1&a=2", "?x=%ff", "?a=b?c", '?j={"a":[1]}', "?a&b=", "?%61=1", "??", "?a=~!*()"];
const FRAGMENTS = ["", "", "#x", "#?a=/b"];
const METHODS = ["GET", "get", "POST", "post", "PUT", "Delete", "PATCH", "HEAD", "options", "QUERY", "PROPFIND", "M-SEARCH"];
const VALUES = ["a", "two  spaces", " ends ", "", "tab\there", 'q"uote', "a, b", "x".repeat(300), "1;a=b, 2"];
const BODIES = [
  () => "text",
  () => "",
  () => "caf\u00e9 \u65e5\u672c \u{1f600}",
  () => new Uint8Array([0, 1, 255, 10, 13]),
  () => new Uint8Array([9, 8, 7, 6]).subarray(1, 3),
  () => new Uint16Array([1, 512]).buffer,
  () => new DataView(new Uint8Array([1, 2, 3]).buffer, 1),
  () => new URLSearchParams({ a: "b c", "\u00e9": "&" }),
  () => new Blob(["part", new Uint8Array([1])], { type: "application/x-thing" }),
  () => new Blob(["untyped"]),
  () => form(),
  () => new ReadableStream({ start: (stream) => (stream.enqueue(new TextEncoder().encode("one ")), stream.enqueue(new TextEncoder().encode("two")), stream.close()) }),
];

function form() {
  const data = new FormData();
  data.set("name", "caf\u00e9");
  data.set("file", new Blob(["contents"], { type: "text/plain" }), "a b.txt");
  return data;
}

/**
 * @typedef {object} Generated
 * @property {string} target path, query and fragment, as somebody wrote them
 * @property {RequestInit} init
 */

/** @param {() => number} number @returns {Generated} */
export function generate(number) {
  /** @template T @param {readonly T[]} list @returns {T} */
  const one = (list) => /** @type {T} */ (list[Math.floor(number() * list.length)]);
  const method = one(METHODS);
  const mayHaveBody = !/^(get|head)$/i.test(method);
  /** @type {[string, string][]} */
  const headers = [];
  if (number() < 0.5) headers.push(["X-Note", one(VALUES)]);
  if (number() < 0.3) headers.push(["x-note", one(VALUES)]);
  if (number() < 0.2) headers.push(["Content-Type", "application/json"]);
  const body = mayHaveBody && number() < 0.7 ? one(BODIES)() : undefined;
  const target = one(PATHS) + one(QUERIES) + one(FRAGMENTS);
  return { target, init: { method, headers, ...(body !== undefined && { body }) } };
}
