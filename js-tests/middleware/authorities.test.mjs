// Authorities that are more than that: no server checks `Host`, and what follows it in a URL is the path that routes look at.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { createGate } from "countersign";
import { describer } from "countersign/node";
import { outside } from "../lib/in-process.mjs";
import { bytes, json, send } from "../lib/net.mjs";
import { make } from "../lib/recipe.mjs";
import { urlOf } from "../../js/dist/middleware/target.js";
import { redirect, startCity } from "./city.mjs";
import { echo, HOSTS, listen } from "./hosts.mjs";
import { connect } from "./raw.mjs";

const PUBLIC = "https://api.example";
/** Everybody may ask for the root and for what is open, nobody for orders without a proof. */
const ROUTES = [
  { match: "GET /", require: [] },
  { match: "GET /open/**", require: [] },
  { match: "GET /orders", require: ["signature"] },
  { match: "POST /notes", require: ["signature"], components: ["content-digest"] },
];
const NOT_AUTHORITIES = [
  "api.example?",
  "api.example/open/a?",
  "api.example/open/a#",
  "api.example/open",
  "api.example:443/open",
  "api.example:443?",
  "api.example#",
  "api.example\\",
  "user@api.example",
  "api.example@api.example/open",
  "api.example:",
  "api.example:443:443",
  "api.example:4433333",
  "api.example:443a",
  "api.example api.example",
  "[::1",
  "[::1]x",
  "[]",
  "[v1.a]",
  "api%2.example",
  ":443",
];

let reached = 0;
/** @type {Record<string, import("./city.mjs").City>} */
const cities = {};
before(async () => {
  const handler = (/** @type {import("./hosts.mjs").Handled} */ each) => ((reached += 1), echo(each));
  const trusts = { nobody: undefined, fields: 1, forwarded: { proxies: 1, fields: "forwarded" } };
  for (const [name, trustProxy] of Object.entries(trusts)) {
    cities[name] = await startCity({ handler, options: trustProxy && { trustProxy }, config: { public_origins: [PUBLIC], routes: ROUTES } });
  }
});
after(() => Promise.all(Object.values(cities).map((city) => city.close())));

/** @param {string} name of a city @param {string} host */
const urlAt = (name, host) => /** @type {import("./hosts.mjs").Running} */ (cities[name].running.get(host)).url;

/** Where an authority comes from: the city that looks there, and the fields. @type {Record<string, [string, (authority: string) => [string, string][]]>} */
const SOURCES = {
  Host: ["nobody", (authority) => [["Host", authority]]],
  "X-Forwarded-Host": ["fields", (authority) => [["Host", "api.example"], ["X-Forwarded-For", "192.0.2.1"], ["X-Forwarded-Host", authority]]],
  Forwarded: ["forwarded", (authority) => [["Host", "api.example"], ["Forwarded", `for=192.0.2.1;host="${authority.replaceAll("\\", "\\\\")}"`]]],
};

for (const host of Object.keys(HOSTS)) {
  for (const [source, [city, fields]] of Object.entries(SOURCES)) {
    test(`${host}: what is no authority in ${source} moves no path, and is refused`, async () => {
      for (const authority of NOT_AUTHORITIES) {
        const before = reached;
        const answer = await send({ method: "GET", url: `${urlAt(city, host)}/orders`, headers: fields(authority) });
        assert.equal(reached, before, authority);
        // Hono's own server refuses most of them before anybody is asked.
        if (host === "hono" && source === "Host" && answer.body.length === 0) assert.equal(answer.status, 400, authority);
        else assert.deepEqual([answer.status, json(answer)?.code], [400, "request.malformed"], authority);
      }
      const open = await send({ method: "GET", url: `${urlAt(city, host)}/open/a`, headers: fields("API.example:443") });
      assert.equal(open.status, 200, open.body.toString());
      const guarded = await send({ method: "GET", url: `${urlAt(city, host)}/orders`, headers: fields("api.example") });
      assert.equal(guarded.status, 401, guarded.body.toString());
    });
  }

  test(`${host}: the absolute-form says the same path to the gate and to the router`, async () => {
    for (const target of ["http://api.example?/orders", "http://api.example?x=http://api.example/orders", "http://api.example\\/orders", "http://api.example@api.example/orders", "http:/api.example/orders", "*"]) {
      const before = reached;
      const connection = await connect(urlAt("nobody", host));
      const authority = /^http:\/\/([^/?#]*)/.exec(target)?.[1] ?? "api.example";
      connection.write(`GET ${target} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`);
      const { status } = await connection.response();
      assert.equal(reached, before, target);
      assert.equal(status, 400, target);
      connection.close();
    }
    const connection = await connect(urlAt("nobody", host));
    connection.write("GET http://api.example/open/a HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n");
    assert.equal((await connection.response()).status, 200);
    connection.close();
  });
}

test("whoever splits a URL gets the parts that it was made of, or no authority", () => {
  const paths = ["/orders", "/", "//api.example/open", "/a?b=//c/d", "", "?a", "@api.example/open", ":80/open", "open", "#/open", "\\open"];
  for (const authority of [...NOT_AUTHORITIES, "", "api.example", "[2001:db8::1]:8443", "127.0.0.1:80", "a_b~c.example"]) {
    for (const path of paths) {
      const [, scheme, said, rest] = /^(https?):\/\/([^/?#]*)(.*)$/s.exec(urlOf("https", authority, path)) ?? [];
      assert.equal(scheme, "https");
      if (said !== "") assert.deepEqual([said, rest], [authority, path]);
      else assert.equal(rest, "");
      const isNone = authority === "" || NOT_AUTHORITIES.includes(authority) || !/^(\/|$)/.test(path);
      assert.equal(said === "", isNone, `${authority} ${path}`);
    }
  }
});

test("who asks the gate without middleware is told the same of a request", async () => {
  const { config, hosts, ...world } = cities.nobody;
  const gate = createGate(config, { fetch: outside(hosts) });
  for (const trustProxy of [undefined, 1]) {
    const describe = describer(gate, trustProxy === undefined ? {} : { trustProxy });
    const running = await listen(
      http.createServer(async (incoming, response) => {
        const { request, client } = describe(incoming);
        const decision = await gate.check(request, { client });
        const body = await bytes(incoming);
        response.end(JSON.stringify({ outcome: decision.outcome, code: decision.code, address: client.address, body: body.toString() }));
      }),
    );
    const [, fields] = SOURCES[trustProxy === undefined ? "Host" : "X-Forwarded-Host"];
    try {
      for (const authority of NOT_AUTHORITIES) {
        const answer = await send({ method: "GET", url: `${running.url}/orders`, headers: fields(authority) });
        assert.deepEqual([json(answer)?.outcome, json(answer)?.code], ["deny", "request.malformed"], authority);
      }
      const open = json(await send({ method: "GET", url: `${running.url}/open/a`, headers: fields("api.example") }));
      assert.deepEqual([open?.outcome, open?.address], ["allow", trustProxy === undefined ? "127.0.0.1" : "192.0.2.1"]);
      const wire = await make({ ...world, url: PUBLIC }, { method: "POST", path: "/notes", body: "{}", signature: true, headers: fields("api.example") });
      const noted = json(await send(redirect(wire, PUBLIC, running.url)));
      assert.deepEqual([noted?.outcome, noted?.body], ["allow", "{}"], noted?.code);
      const changed = json(await send({ ...redirect(wire, PUBLIC, running.url), body: Buffer.from("[]") }));
      assert.deepEqual([changed?.outcome, changed?.code], ["deny", "signature.digest_mismatch"]);
    } finally {
      await running.close();
    }
  }
});
