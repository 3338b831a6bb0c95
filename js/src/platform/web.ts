// The web platform: WebCrypto, `fetch`, and timers that are numbers.
import { askBy } from "../ask.js";
import type { Platform } from "../platform.js";
import { SubtleKeys, sign } from "./web/crypto.js";

export const platform: Platform = {
  keys: () => new SubtleKeys(),
  sign,
  // Workers are taken to addresses of the internet only; browsers go wherever their network lets them.
  client: () => askBy((input, init) => fetch(input, init)),
  decode,
  after(millis, work) {
    const timer = setTimeout(work, millis);
    return () => clearTimeout(timer);
  },
};

function decode(base64: string): Uint8Array<ArrayBuffer> {
  if (typeof Uint8Array.fromBase64 === "function") return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}
