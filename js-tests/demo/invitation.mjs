// After the cases: how a stranger tries the running gate, by hand or with a client of their own.
import { mkdir, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { AGENT, AGENT_JWKS_PATH, ISSUER } from "../lib/names.mjs";
import { make } from "../lib/recipe.mjs";

const FOLDER = fileURLToPath(new URL("../../target/demo/", import.meta.url));
const PATH = "/api/v1/catalogue";

/**
 * @param {(line: string) => void} say
 * @param {import("../lib/world.mjs").World} world
 */
export async function showInvitation(say, world) {
  const signed = await make(world, { path: PATH, signature: { lifetime: 3600, components: ["@authority"] } });
  await writeMakings(world);
  say(`
the gate stays up at ${world.url} until Ctrl-C.

refused, as it proves nothing:

  curl -i ${world.url}${PATH}

let through, for the next hour:

  curl -i ${signed.url} \\
${signed.headers.map(([name, value]) => `    -H ${quoted(`${name}: ${value}`)}`).join(" \\\n")}

sign your own requests with what is in ${relative(process.cwd(), FOLDER) || "."}:

  agent.jwk.json   the agent's private key; Signature-Agent is "${AGENT}",
                   or the key set itself, ${AGENT}${AGENT_JWKS_PATH}
  holder.jwk.json  a private key to make DPoP proofs with
  world.json       the addresses of everything, and the configuration of the gate

tokens of ${ISSUER}, for whoever asks:

  curl '${world.issuer.url}/token?alg=EdDSA&scope=order:read'
  curl '${world.issuer.url}/token?alg=ES256&scope=order:write&jkt=${world.holders.ES256.kid}'`);
}

/** @param {import("../lib/world.mjs").World} world */
async function writeMakings({ url, config, agent, holders, issuer, directory, origin }) {
  await mkdir(FOLDER, { recursive: true });
  /** @param {string} name @param {unknown} value */
  const write = (name, value) => writeFile(FOLDER + name, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  await write("agent.jwk.json", { ...agent.privateJwk, kid: agent.kid, alg: "EdDSA" });
  await write("holder.jwk.json", { ...holders.ES256.privateJwk, kid: holders.ES256.kid, alg: "ES256" });
  await write("world.json", {
    gate: url,
    origin: origin.url,
    issuer: { name: ISSUER, at: issuer.url, mint: `${issuer.url}/token` },
    agent: { name: AGENT, at: directory.url },
    config,
  });
}

/** In single quotes, for a shell. @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
