// Makes the module that has the core as text, for runtimes that load no file beside a module: after the bindings, as
// `node js/embed.mjs`.
import { readFileSync, writeFileSync } from "node:fs";

const folder = new URL("./dist/wasm/", import.meta.url);
const base64 = readFileSync(new URL("countersign_wasm_bg.wasm", folder)).toString("base64");

writeFileSync(new URL("base64.js", folder), `export default "${base64}";\n`);
writeFileSync(new URL("base64.d.ts", folder), "declare const base64: string;\nexport default base64;\n");
