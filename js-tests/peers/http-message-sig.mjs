// npm `http-message-sig` 0.3, as a verifier with the policy of Web Bot Auth.
import { verifySignature, webcrypto } from "http-message-sig";
import { importJWK } from "jose";

/** @type {import("./peers.mjs").Verify} */
export async function verifyHttpMessageSig({ method, url, headers }, { agentKeys }) {
  await verifySignature(
    { kind: "request", method, targetUri: url, fields: headers.map(([name, value]) => ({ name, value })) },
    {
      policy: {
        algorithms: ["ed25519"],
        requiredComponents: [],
        requiredParameters: ["created", "expires", "keyid", "tag"],
        clockSkew: 30,
        validate: ({ parameters }) => parameters.tag === "web-bot-auth",
      },
      resolveVerifier: async ({ parameters }) => {
        const jwk = agentKeys.find((key) => key.kid === parameters.keyid);
        if (!jwk) throw new Error("unknown key");
        return webcrypto.verifier(/** @type {CryptoKey} */ (await importJWK(jwk, "EdDSA")));
      },
    },
  );
}
