// Hono on Node: layers before the gate may put another request in the place of the one that was sent. What is judged is what
// handlers then do.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { serve as serveHono } from "@hono/node-server";
import { createGate } from "countersign";
import { countersign as onHono } from "countersign/hono";
import { Hono } from "hono";
import { methodOverride } from "hono/method-override";
import { outside } from "../lib/in-process.mjs";
import { json, send } from "../lib/net.mjs";
import { make } from "../lib/recipe.mjs";
import { startWorld } from "../lib/world.mjs";
import { redirect } from "./city.mjs";

const ROUTES = [
  { match: "* /open/**", require: [] },
  { match: "POST /items", require: [] },
  { match: "DELETE /items", require: ["signature"] },
  { match: "GET /orders", require: ["signature"] },
  { match: "PUT /items", require: ["signature"], components: ["@method", "@path", "content-digest"] },
];

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => {
  world = await startWorld({ config: { routes: ROUTES }, start: async () => /** @type {any} */ ({ close: async () => {} }) });
});
after(() => world.close());
/** @type {(() => unknown)[]} */
const open = [];
afterEach(() => Promise.all(open.splice(0).map((close) => close())));

/** What handlers did. @type {string[]} */
const done = [];

/** @param {(app: Hono) => void} build what stands before the gate */
async function start(build) {
  const app = new Hono();
  build(app);
  app.use(onHono(createGate(world.config, { fetch: outside(world.hosts) })));
  app.all("*", async (c) => {
    const { pathname, search } = new URL(c.req.url);
    done.push(`${c.req.method} ${pathname}${search}`);
    return c.text(await c.req.text());
  });
  app.onError((error, c) => c.json({ code: /** @type {any} */ (error).code }, 500));
  const server = await new Promise((resolve) => {
    const made = serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () => resolve(made));
  });
  open.push(() => new Promise((resolve) => (server.close(() => resolve(undefined)), server.closeAllConnections())));
  const url = `http://127.0.0.1:${server.address().port}`;
  /** @param {import("../lib/recipe.mjs").Recipe} recipe */
  return async (recipe) => {
    const answer = await send(redirect(await make(world, recipe), world.url, url));
    return { status: answer.status, code: json(answer)?.code, text: answer.body.toString(), done: done.splice(0) };
  };
}

test("a method that was overridden is the one that is judged", async () => {
  const byField = await start((app) => app.use(methodOverride({ app, header: "X-Method" })));
  const refused = await byField({ method: "POST", path: "/items", headers: [["X-Method", "DELETE"]] });
  assert.deepEqual([refused.status, refused.code, refused.done], [401, "signature.missing", []]);
  const kept = await byField({ method: "POST", path: "/items" });
  assert.deepEqual([kept.status, kept.done], [200, ["POST /items"]]);

  const byQuery = await start((app) => app.use(methodOverride({ app, query: "_method" })));
  const also = await byQuery({ method: "POST", path: "/items?_method=DELETE" });
  assert.deepEqual([also.status, also.code, also.done], [401, "signature.missing", []]);
});

test("a path that was replaced is the one that is judged, and so is its query", async () => {
  const ask = await start((app) =>
    app.use(async (c, next) => {
      const to = c.req.header("X-To");
      return to === undefined ? next() : app.fetch(new Request(new URL(to, c.req.url)), c.env);
    }),
  );
  const refused = await ask({ path: "/open/a", headers: [["X-To", "/orders"]] });
  assert.deepEqual([refused.status, refused.code, refused.done], [401, "signature.missing", []]);
  // Another path than was signed is no request of the agent's.
  const signed = await ask({ path: "/open/a", headers: [["X-To", "/orders"]], signature: true });
  assert.deepEqual([signed.status, signed.done], [403, []]);
  const query = await ask({ path: "/orders?a=1", headers: [["X-To", "/orders?a=2"]], signature: { components: ["@method", "@target-uri"] } });
  assert.deepEqual([query.status, query.done], [403, []]);
  const allowed = await ask({ path: "/orders", headers: [["X-To", "/open/b?c"]] });
  assert.deepEqual([allowed.status, allowed.done], [200, ["GET /open/b?c"]]);
});

test("the body of another request is the one that is compared with the digest", async () => {
  const ask = await start((app) =>
    app.use(async (c, next) => {
      if (c.req.header("X-Other") === undefined) return next();
      return app.fetch(new Request(c.req.url, { method: "PUT", headers: { "content-type": "text/plain" }, body: "another" }), c.env);
    }),
  );
  const wire = { method: "PUT", path: "/items", body: "mine", signature: true };
  const whole = await ask(wire);
  assert.deepEqual([whole.status, whole.text, whole.done], [200, "mine", ["PUT /items"]]);
  const other = await ask({ ...wire, headers: [["X-Other", "1"]] });
  assert.deepEqual([other.status, other.done], [403, []]);
});

test("what a Request normalises is judged as it was sent", async () => {
  const ask = await start(() => {});
  for (const path of ["/orders?a=%7e&b='c|d", "/orders?", "/orders?a=[b]"]) {
    const { status, text } = await ask({ path, signature: { components: ["@method", "@target-uri"] } });
    assert.equal(status, 200, `${path}: ${text}`);
  }
  const dots = await ask({ path: "/open/../orders" });
  assert.deepEqual([dots.status, dots.code, dots.done], [400, "request.path_ambiguous", []]);
});
