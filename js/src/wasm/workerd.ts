// The core as a module of WebAssembly: workerd compiles nothing while it runs.
export { default as module } from "./countersign_wasm_bg.wasm";
