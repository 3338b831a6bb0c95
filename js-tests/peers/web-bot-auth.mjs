// npm `web-bot-auth`, as a verifier.
import { verify } from "web-bot-auth";
import { verifierFromJWK } from "web-bot-auth/crypto";

/** Verifying keys that were imported before, as a server that is warm has them. @type {Map<string, Promise<any>>} */
const imported = new Map();

/** @type {import("./peers.mjs").Verify} */
export async function verifyWebBotAuth({ method, url, headers }, { agentKeys }) {
  await verify({ method, url, headers: new Headers(headers) }, async (data, signature, params) => {
    const jwk = agentKeys.find((key) => key.kid === params.keyid);
    if (!jwk) throw new Error("unknown key");
    let verifier = imported.get(params.keyid);
    if (!verifier) imported.set(params.keyid, (verifier = verifierFromJWK(/** @type {JsonWebKey} */ (jwk))));
    await (await verifier)(data, signature, params);
  });
}
