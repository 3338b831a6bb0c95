// npm `http-message-signatures`, as a verifier.
import { createPublicKey, verify } from "node:crypto";
import { httpbis } from "http-message-signatures";

/** @type {import("./peers.mjs").Verify} */
export async function verifyHttpMessageSignatures({ method, url, headers }, { agentKeys }) {
  /** @type {Record<string, string | string[]>} */
  const fields = {};
  for (const [name, value] of headers) {
    const before = fields[name.toLowerCase()];
    fields[name.toLowerCase()] = before === undefined ? value : [before, value].flat();
  }
  const verified = await httpbis.verifyMessage(
    {
      requiredParams: ["created", "expires", "keyid", "tag"],
      tolerance: 30,
      keyLookup: async ({ keyid }) => {
        const jwk = agentKeys.find((key) => key.kid === keyid);
        if (!jwk) return null;
        const key = createPublicKey({ key: /** @type {any} */ (jwk), format: "jwk" });
        return { id: keyid, algs: ["ed25519"], verify: async (data, signature) => verify(null, data, key, signature) };
      },
    },
    { method, url, headers: fields },
  );
  if (!verified) throw new Error("not verified");
}
