// A Worker with the package inside, as a user writes it: everything that is done elsewhere, and a gate whose state is in objects.
import { createGate } from "countersign";
import { createAgent, generateKey } from "countersign/agent";
import { workersStores } from "countersign/workers";
import { exercise } from "./exercise.mjs";

export { Subject } from "countersign/workers";

const API = "https://api.shop.example";

export default {
  /** @param {Request} request @param {object} env */
  async fetch(request, env) {
    return Response.json(new URL(request.url).pathname === "/twice" ? await twice(env) : await exercise());
  },
};

/** The codes of a request and of its copy, on a route where a proof passes once. @param {object} env */
async function twice(env) {
  const key = await generateKey();
  const gate = createGate(
    {
      origin: "https://origin.shop.example",
      public_origins: [API],
      signatures: { profiles: ["rfc9421"], rules: { rfc9421: { components: ["@method", "@authority", "@path"] } } },
      agents: [{ id: "agent", operator: "https://agents.example", purpose: "Tries", contact: "ops@agents.example", keys: [{ jwk: key.publicJwk }] }],
      routes: [{ match: "GET /once", require: ["signature"], replay: "exact" }],
    },
    { stores: workersStores(env) },
  );
  const headers = await createAgent({ key }).sign(`${API}/once`);
  const check = async () => (await gate.check({ method: "GET", url: `${API}/once`, headers: [...headers] })).code;
  return [await check(), await check()];
}
