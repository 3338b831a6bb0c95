// Bodies go through the gate untouched, and are read only where a covered digest demands it.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { json, send } from "../lib/net.mjs";
import { judge, make } from "../lib/recipe.mjs";
import { ROUTES, startWorld } from "../lib/world.mjs";

const MAX_BODY = 64 * 1024;

/** @type {import("../lib/world.mjs").World} */
let world;
before(async () => {
  const routes = [{ match: "POST /upload", require: [] }, ...ROUTES];
  world = await startWorld({ config: { max_body_bytes: MAX_BODY, routes } });
});
after(() => world.close());

/** @param {Uint8Array} body */
const sha256 = (body) => createHash("sha256").update(body).digest("hex");

test("five megabytes stream through a route that demands no digest", async () => {
  const body = randomBytes(5 * 1024 * 1024);
  const answer = await send({ method: "POST", url: `${world.url}/upload`, headers: [], body });
  assert.equal(answer.status, 200, answer.body.toString());
  assert.equal(json(answer).length, body.length);
  assert.equal(json(answer).sha256, sha256(body));
});

test("a body that was read for its digest reaches the origin whole", async () => {
  const body = "x".repeat(MAX_BODY);
  const { outcome, seen, answer } = await judge(
    await make(world, { method: "POST", path: "/api/v1/notes", body, signature: true }),
  );
  assert.equal(outcome, "allow", answer.body.toString());
  assert.equal(seen?.sha256, sha256(Buffer.from(body)));
});

test("a body over the bound is refused where its digest is covered", async () => {
  const body = "x".repeat(MAX_BODY + 1);
  const { status, code } = await judge(await make(world, { method: "POST", path: "/api/v1/notes", body, signature: true }));
  assert.deepEqual({ status, code }, { status: 413, code: "request.body_too_large" });
});

test("a body that comes in pieces is judged like one that comes at once", async () => {
  const wire = await make(world, { method: "POST", path: "/api/v1/notes", body: '{"a":1}', signature: true });
  const { body, ...rest } = wire;
  const stream = new ReadableStream({
    start(controller) {
      for (const byte of body ?? []) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  const init = { method: "POST", headers: rest.headers, body: stream, duplex: "half" };
  const answer = await fetch(rest.url, /** @type {RequestInit} */ (init));
  assert.equal(answer.status, 200, await answer.clone().text());
  assert.equal((/** @type {any} */ (await answer.json())).length, 7);
});

test("a request that covers no digest needs none where it has no body", async () => {
  const { outcome, answer } = await judge(await make(world, { path: "/api/v1/notes", signature: true }));
  assert.equal(outcome, "allow", answer.body.toString());
});

test("a compressed answer of the origin comes back as it is", async () => {
  const url = `${world.url}/public/compressed`;
  const answer = await send({ method: "GET", url, headers: [["Accept-Encoding", "gzip"]] });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-encoding"], "gzip");
  assert.equal(JSON.parse(gunzipSync(answer.body).toString()).url, "/public/compressed");
});

test("an answer to HEAD has the fields and no body", async () => {
  const { status, body, headers } = await send({ method: "HEAD", url: `${world.url}/nowhere`, headers: [] });
  assert.deepEqual([status, body.length], [403, 0]);
  assert.equal(headers["content-type"], "application/problem+json");
});

test("a length of zero is no body", async () => {
  const headers = /** @type {[string, string][]} */ ([["Content-Length", "0"]]);
  for (const method of ["GET", "HEAD"]) {
    assert.equal((await send({ method, url: `${world.url}/public/a`, headers })).status, 200, method);
  }
  const signed = await make(world, { method: "POST", path: "/api/v1/notes", signature: true });
  signed.headers.push(["Content-Length", "0"]);
  const { outcome, answer } = await judge(signed);
  assert.equal(outcome, "allow", answer.body.toString());
});
