// The native modules of Node, which Deno and Bun have too.
import type { Platform } from "../platform.js";
import { NativeKeys, sign } from "./node/crypto.js";
import { client } from "./node/https.js";

export const platform: Platform = {
  keys: () => new NativeKeys(),
  sign,
  client,
  decode: (base64) => Buffer.from(base64, "base64"),
  after(millis, work) {
    const timer = setTimeout(work, millis);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
