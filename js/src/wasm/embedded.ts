// The core as text in a module: it needs no file, no request, and no rule of a bundler. Compiled at once, which browsers
// do for what is smaller than 8 MB.
import { platform } from "#platform";
import base64 from "./base64.js";

export const module = new WebAssembly.Module(platform.decode(base64));
