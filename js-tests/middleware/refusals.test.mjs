// What refused clients are told, by the Worker and by the package alike, with less to tell than the demo has.
import assert from "node:assert/strict";
import { test } from "node:test";
import { send } from "../lib/net.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { ROUTES } from "../lib/world.mjs";
import { startParity } from "./parity.mjs";

/** @type {import("../lib/recipe.mjs").Recipe[]} */
const RECIPES = [
  { path: "/api/v1/catalogue" },
  { path: "/api/v1/catalogue", signature: { components: ["@method"] } },
  { path: "/api/v1/orders" },
  { path: "/api/v1/orders", token: { claims: { aud: "https://other.example" } } },
  { path: "/api/v1/orders", token: { claims: { scope: "other" } } },
  { path: "/api/v1/orders", token: { raw: "a.b.c" } },
  { path: "/api/v1/account", token: { bound: true, scheme: "DPoP" } },
  { path: "/api/v1/account", token: true, dpop: { htm: "POST" } },
  { path: "/api/v1/admin", signature: true, token: { claims: { scope: "none" } } },
  { method: "POST", path: "/api/v1/checkout", body: "{}" },
  { method: "DELETE", path: "/api/v1/notes" },
  { path: "/internal" },
  { path: "/exact", token: true },
];

for (const disclosure of ["none", "code", "full"]) {
  test(`refusals with disclosure "${disclosure}" are the same, field for field`, async () => {
    const world = await startParity({ config: { disclosure, routes: [{ match: "GET /exact", require: ["token", "signature"] }, ...ROUTES] } });
    try {
      for (const recipe of RECIPES) {
        const { outcome } = await judge(await make(world, recipe));
        assert.notEqual(outcome, "allow", JSON.stringify(recipe));
        assert.deepEqual(world.differences(), [], JSON.stringify(recipe));
      }
      const head = await send({ method: "HEAD", url: `${world.url}/internal`, headers: [] });
      assert.equal(head.status, 403);
      assert.deepEqual(world.differences(), []);
    } finally {
      await world.close();
    }
  });
}

test("large, odd and ambiguous requests are refused alike", async () => {
  const world = await startParity({ config: { max_body_bytes: 1024 } });
  try {
    const large = await make(world, { method: "POST", path: "/api/v1/notes", body: "x".repeat(1025), signature: true });
    const empty = await make(world, { method: "POST", path: "/api/v1/notes", body: "", signature: true });
    const bodiless = await make(world, { method: "POST", path: "/api/v1/notes", signature: true });
    const odd = ["/public/a%2Fb", "/public//a", "/public/%00", "/%70ublic/a"].map((path) => ({ method: "GET", url: world.url + path, headers: [] }));
    const other = { method: "GET", url: `${world.url}/public/a`, headers: /** @type {[string, string][]} */ ([["Host", "other.example"]]) };
    const before = world.compared();
    for (const wire of [large, empty, bodiless, other, ...odd]) {
      await judge(wire);
      assert.deepEqual(world.differences(), [], wire.url);
    }
    assert.equal(world.compared() - before, 4 * 8);
    // Dot segments: the Worker's platform has resolved them before anybody sees them. Node leaves them, and the package refuses.
    await judge({ method: "GET", url: `${world.url}/public/%2e%2e/api/v1/orders`, headers: [] });
    const codes = world.differences().filter(({ path }) => path === "decision.code");
    assert.deepEqual(codes.map((each) => [each.worker, each.package]), Array(4).fill(["token.missing", "request.path_ambiguous"]));
  } finally {
    await world.close();
  }
});
