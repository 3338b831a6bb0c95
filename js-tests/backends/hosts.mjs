// The backends of the hosts: each takes checks and gives verdicts.
import { createPublicKey, verify as verifyOnNode } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Miniflare } from "miniflare";
// Not part of the package's interface, but of its correctness.
import { NativeKeys as ImportedKeys } from "../../js/dist/platform/node/crypto.js";
import { COMPATIBILITY_DATE } from "../lib/gate.mjs";
import { verify as verifyOnWebCrypto } from "./webcrypto.mjs";

/** @typedef {{alg: string, key: string, message: Buffer<ArrayBuffer>, signature: Buffer<ArrayBuffer>}} Check `key` is JSON */
/** @typedef {{name: string, verdicts(checks: Check[]): Promise<boolean[]>, close(): Promise<void>}} Host */

// For code outside of this folder, which has no packages of its own.
export { ImportedKeys, Miniflare };

/** How many checks a request takes to workerd. */
const BATCH = 500;

const IN_WORKERD = `import { verify } from "./webcrypto.mjs";
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
export default {
  async fetch(request) {
    const verdicts = [];
    for (const { alg, key, message, signature } of await request.json()) {
      verdicts.push(await verify({ alg, key, message: bytes(message), signature: bytes(signature) }));
    }
    return Response.json(verdicts);
  },
};`;

/** `node:crypto`, as the npm package asks it; for Ed25519, which the package does not ask it, as its manual says. @returns {Host} */
export function nodeCrypto() {
  const keys = new ImportedKeys();
  return {
    name: "node:crypto",
    verdicts: async (checks) =>
      checks.map(({ alg, ...check }) =>
        alg === "EdDSA" ? ed25519(check) : keys.verify({ ...check, algorithm: /** @type {any} */ (alg) }),
      ),
    close: async () => {},
  };
}

/** @param {Omit<Check, "alg">} check */
function ed25519({ key, message, signature }) {
  try {
    return verifyOnNode(null, message, createPublicKey({ key: JSON.parse(key), format: "jwk" }), signature);
  } catch {
    return false;
  }
}

/** @returns {Host} */
export function nodeWebCrypto() {
  return {
    name: "WebCrypto of Node",
    verdicts: (checks) => Promise.all(checks.map((check) => verifyOnWebCrypto(check))),
    close: async () => {},
  };
}

/** @returns {Promise<Host>} */
export async function workerdWebCrypto() {
  const miniflare = new Miniflare({
    modules: [
      { type: "ESModule", path: "index.mjs", contents: IN_WORKERD },
      { type: "ESModule", path: "webcrypto.mjs", contents: await readFile(new URL("webcrypto.mjs", import.meta.url), "utf8") },
    ],
    compatibilityDate: COMPATIBILITY_DATE,
  });
  /** @param {Check[]} checks */
  const ask = async (checks) => {
    const body = checks.map(({ message, signature, ...check }) => ({
      ...check,
      message: message.toString("base64"),
      signature: signature.toString("base64"),
    }));
    const response = await miniflare.dispatchFetch("http://workerd/", { method: "POST", body: JSON.stringify(body) });
    return /** @type {boolean[]} */ (await response.json());
  };
  return {
    name: "WebCrypto of workerd",
    async verdicts(checks) {
      const verdicts = [];
      for (let at = 0; at < checks.length; at += BATCH) verdicts.push(...(await ask(checks.slice(at, at + BATCH))));
      return verdicts;
    },
    close: () => miniflare.dispose(),
  };
}
