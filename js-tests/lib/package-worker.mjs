// A Worker in JavaScript with the npm package inside: a gate in front of nothing, and the vectors on its cryptography.
import * as countersign from "countersign";
import { judgeSignatures, judgeTokens } from "./judge.mjs";

// Made before any request, where a Worker has neither randomness nor a clock.
const open = countersign.createGate({
  origin: "http://127.0.0.1:9000",
  public_origins: ["https://api.example"],
  routes: [{ match: "GET /", require: [] }],
});

/** @type {import("countersign").Gate | undefined} */
let gate;

/** @param {any} env */
const stores = ({ KV }) => ({
  ...countersign.memoryStores(),
  documents: {
    get: (/** @type {string} */ name) => KV.get(name),
    put: (/** @type {string} */ name, /** @type {string} */ text, /** @type {number} */ ttl) => KV.put(name, text, { expirationTtl: ttl }),
  },
});

export default {
  /** @param {Request} request @param {any} env @param {any} context */
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === "/.vectors/messages") return Response.json(await judgeSignatures(countersign, await request.json()));
    if (pathname.startsWith("/.vectors/")) {
      return Response.json(await judgeTokens(countersign, pathname.slice("/.vectors/".length), await request.json()));
    }
    if (pathname === "/.open") return Response.json(await open.check({ method: "GET", url: "https://api.example/", headers: {} }));
    gate ??= countersign.createGate(env.CONFIG, { stores: stores(env), log: (line) => console.warn(line) });
    const client = { address: request.headers.get("cf-connecting-ip") ?? undefined };
    const decision = await gate.check(request, { client, waitUntil: (work) => context.waitUntil(work) });
    if (decision.outcome !== "allow") return Response.json(decision.problem, { status: decision.status, headers: decision.headers });
    return Response.json({}, { headers: { ...decision.headers, [env.MARK]: "1" } });
  },
};
