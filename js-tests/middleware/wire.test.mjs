// Bodies that nobody reads, that come in pieces, late, or not to their end: byte by byte, under every framework.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { make } from "../lib/recipe.mjs";
import { ROUTES } from "../lib/world.mjs";
import { OPEN, startCity } from "./city.mjs";
import { echo, HOSTS } from "./hosts.mjs";
import { connect, head } from "./raw.mjs";

/** @type {import("./hosts.mjs").Handled[]} */
const handled = [];
/** @type {import("./city.mjs").City} */
let city;
before(async () => {
  const handler = (/** @type {import("./hosts.mjs").Handled} */ each) => {
    handled.push(each);
    return echo(each);
  };
  city = await startCity({ handler, config: { routes: [OPEN, ...ROUTES], max_body_bytes: 64 * 1024 } });
});
after(() => city.close());

/** @param {Uint8Array | string} body */
const sha256 = (body) => createHash("sha256").update(body).digest("hex");
const note = (/** @type {string} */ body) => make(city, { method: "POST", path: "/api/v1/notes", body, signature: true });
const reaches = (/** @type {string} */ host) => connect(city.running.get(host)?.url ?? "");

for (const host of Object.keys(HOSTS)) {
  test(`${host}: a connection outlives a refusal whose body nobody read`, async () => {
    const connection = await reaches(host);
    const wire = await make(city, { method: "POST", path: "/api/v1/checkout", body: "{}" });
    connection.write(head(wire, [["Content-Length", "2"]]));
    const refused = await connection.response();
    assert.equal(refused.status, 401);
    // The body comes when the client has its answer.
    connection.write("{}");
    connection.write(head(await make(city, { path: "/public/a" })));
    assert.equal((await connection.response()).status, 200);
    connection.close();
  });

  test(`${host}: a client that sends more than anybody reads gets its refusal first`, async () => {
    const connection = await reaches(host);
    connection.write(head({ method: "POST", url: `${city.url}/api/v1/checkout`, headers: [["Content-Length", String(2 ** 40)]] }));
    const chunk = Buffer.alloc(256 * 1024);
    const send = () => {
      while (connection.isOpen() && connection.socket.writable && connection.write(chunk));
    };
    connection.socket.on("drain", send);
    send();
    const refused = await connection.response();
    assert.equal(refused.status, 401);
    assert.equal(JSON.parse(refused.body).status, 401);
    assert.match(refused.head, /\r\nconnection: close/i);
    await connection.ended();
    connection.close();
  });

  test(`${host}: a body in chunks is read for its digest, and all there`, async () => {
    const body = "tea and biscuits".repeat(100);
    const connection = await reaches(host);
    connection.write(head(await note(body), [["Transfer-Encoding", "chunked"]]));
    for (let at = 0; at < body.length; at += 400) connection.write(`190\r\n${body.slice(at, at + 400)}\r\n`);
    connection.write("0\r\n\r\n");
    const { status, body: answer } = await connection.response();
    assert.equal(status, 200, answer);
    assert.match(answer, new RegExp(sha256(body)));
    connection.close();
  });

  test(`${host}: an empty body in chunks ends for the handler too`, async () => {
    const connection = await reaches(host);
    for (const pause of [false, true]) {
      connection.write(head(await note(""), [["Transfer-Encoding", "chunked"]]));
      // The gate is waiting for it by then, or has it already.
      if (pause) await new Promise((resolve) => setImmediate(resolve));
      connection.write("0\r\n\r\n");
      const { status, body } = await connection.response();
      assert.equal(status, 200, body);
      assert.match(body, new RegExp(sha256("")));
    }
    connection.close();
  });

  test(`${host}: an upload that breaks off reaches no handler, and the server lives`, async () => {
    const before = handled.length;
    for (let tries = 0; tries < 5; tries += 1) {
      const connection = await reaches(host);
      connection.write(head(await note("x".repeat(1000)), [["Content-Length", "1000"]]));
      connection.write("x".repeat(500));
      await new Promise((resolve) => setImmediate(resolve));
      connection.close();
    }
    const { status } = await city.send(host, await make(city, { path: "/public/a" }));
    assert.equal(status, 200);
    assert.deepEqual(handled.slice(before).map(({ method }) => method), ["GET"]);
  });

  test(`${host}: a target in absolute form is judged by what it names, and Host must name the same`, async () => {
    const { host: authority } = new URL(city.url);
    for (const [target, field, status, code] of /** @type {const} */ ([
      [`${city.url}/public/a`, authority, 200, undefined],
      [`${city.url}/public/a`, "other.example", 400, "request.malformed"],
      ["http://other.example/public/a", authority, 400, "request.malformed"],
    ])) {
      const connection = await reaches(host);
      connection.write(`GET ${target} HTTP/1.1\r\nHost: ${field}\r\nConnection: close\r\n\r\n`);
      const answer = await connection.response();
      assert.equal(answer.status, status, answer.body);
      if (code) assert.equal(JSON.parse(answer.body).code, code);
      connection.close();
    }
  });
}

for (const host of ["node", "express", "fastify"]) {
  test(`${host}: forged trailers do not reach the handler`, async () => {
    const connection = await reaches(host);
    connection.write(head({ method: "POST", url: `${city.url}/open/a`, headers: [["Transfer-Encoding", "chunked"], ["Trailer", "Countersign-Agent"]] }));
    connection.write("1\r\nx\r\n0\r\nCountersign-Agent: admin\r\nX-Other: 1\r\n\r\n");
    const { status } = await connection.response();
    assert.equal(status, 200);
    assert.deepEqual(handled.at(-1)?.trailers, { "x-other": "1" });
    connection.close();
  });
}
