// Bytes and texts: UTF-8, and Base64 in its two alphabets (RFC 4648 §4, §5).

const encoder = new TextEncoder();

/** The UTF-8 of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Base64 with padding. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  // In pieces: a call takes only so many arguments.
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(text);
}

/** Base64 for URLs, without padding. */
export function base64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * The bytes of a short text in base64url, as keys and signatures have them; `undefined` where it is none, or not the one
 * canonical text for its bytes.
 */
export function fromBase64url(text: unknown): Uint8Array<ArrayBuffer> | undefined {
  // No bytes encode to a text of such a length.
  if (typeof text !== "string" || text.length > 2048 || text.length % 4 === 1 || !/^[\w-]*$/.test(text)) return undefined;
  const bytes = bytesOf(text.replaceAll("-", "+").replaceAll("_", "/"));
  return base64url(bytes) === text ? bytes : undefined;
}

/** The bytes of a text in Base64, with padding or without; a `DOMException` where it is none. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** So many random bytes, in base64url: what nobody guesses, and nobody has used before. */
export function random(bytes: number): string {
  return base64url(crypto.getRandomValues(new Uint8Array(bytes)));
}
