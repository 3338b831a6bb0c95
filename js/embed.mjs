// Makes a module that has a WebAssembly module as text, for runtimes and bundlers that load no file beside a module:
// `node js/embed.mjs FILE.wasm MODULE.js`.
import { readFileSync, writeFileSync } from "node:fs";

const [wasm, module] = process.argv.slice(2);
if (wasm === undefined || !module?.endsWith(".js")) throw new Error("usage: node js/embed.mjs FILE.wasm MODULE.js");

writeFileSync(module, `export default "${readFileSync(wasm).toString("base64")}";\n`);
writeFileSync(module.replace(/\.js$/, ".d.ts"), "declare const base64: string;\nexport default base64;\n");
