// What holds under every framework: who is let in, what a handler gets, and what a refused client does.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { json } from "../lib/net.mjs";
import { make } from "../lib/recipe.mjs";
import { ROUTES } from "../lib/world.mjs";
import { OPEN, startCity } from "./city.mjs";
import { echo, HOSTS } from "./hosts.mjs";

const MAX_BODY = 64 * 1024;
/** @type {import("./hosts.mjs").Handled[]} */
const handled = [];

/** @type {import("./city.mjs").City} */
let city;
before(async () => {
  const handler = (/** @type {import("./hosts.mjs").Handled} */ each) => {
    handled.push(each);
    return echo(each);
  };
  city = await startCity({ handler, config: { max_body_bytes: MAX_BODY, routes: [OPEN, ...ROUTES] } });
});
after(() => city.close());

/** @param {Uint8Array | string} body */
const sha256 = (body) => createHash("sha256").update(body).digest("hex");

for (const host of Object.keys(HOSTS)) {
  /** What the handler got of the only request that reaches it meanwhile. @param {() => Promise<unknown>} run */
  const reaching = async (run) => {
    const before = handled.length;
    await run();
    return handled.slice(before);
  };

  test(`${host}: a refused request is answered whole, and the handler does not run`, async () => {
    const reached = await reaching(async () => {
      const { status, headers, body } = await city.send(host, await make(city, { path: "/api/v1/orders" }));
      assert.equal(status, 401);
      assert.equal(headers["content-type"], "application/problem+json");
      assert.match(String(headers["www-authenticate"]), /^Bearer /);
      const problem = JSON.parse(body.toString());
      assert.equal(problem.code, "token.missing");
      assert.equal(problem.decision, headers["countersign-decision"]);
      assert.equal(headers["content-length"], String(body.length));
    });
    assert.equal(reached.length, 0);
  });

  test(`${host}: a handler has the decision, and the client its identifier`, async () => {
    const [seen] = await reaching(async () => {
      const { status, headers } = await city.send(host, await make(city, { path: "/api/v1/catalogue", signature: true }));
      assert.equal(status, 200);
      assert.equal(handled.at(-1)?.decision.id, headers["countersign-decision"]);
    });
    assert.equal(seen?.decision.outcome, "allow");
    assert.equal(seen?.decision.agent.method, "web-bot-auth");
  });

  test(`${host}: what only a gate may say does not reach the handler, however it is spelled`, async () => {
    const forged = [["Countersign-Agent", "admin"], ["countersign-subject", "root"], ["COUNTERSIGN_SCOPE", "all"], ["Countersign-Agent", "again"]];
    const [seen] = await reaching(async () => {
      const wire = await make(city, { path: "/public/a", headers: /** @type {[string, string][]} */ (forged) });
      assert.equal((await city.send(host, wire)).status, 200);
    });
    assert.deepEqual(seen?.names.filter((name) => /^countersign/i.test(name)), []);
    assert.deepEqual(Object.keys(seen?.headers ?? {}).filter((name) => /^countersign/i.test(name)), []);
    assert.ok(seen?.names.some((name) => name.toLowerCase() === "host"), "other fields stay");
  });

  test(`${host}: a body that the gate has read is all there for the handler`, async () => {
    for (const body of ["{}", "x".repeat(MAX_BODY), "é".repeat(20_000)]) {
      const { status, body: answer } = await city.send(host, await make(city, { method: "POST", path: "/api/v1/notes", body, signature: true }));
      assert.equal(status, 200, answer.toString());
      assert.equal(JSON.parse(answer.toString()).sha256, sha256(body));
    }
  });

  test(`${host}: a body that is too long for its digest is refused, and one without a digest is not`, async () => {
    const body = "x".repeat(MAX_BODY + 1);
    const refused = await city.send(host, await make(city, { method: "POST", path: "/api/v1/notes", body, signature: true }));
    assert.deepEqual([refused.status, json(refused)?.code], [413, "request.body_too_large"]);
    const large = randomBytes(5 * 1024 * 1024);
    const wire = { method: "POST", url: `${city.url}/open/upload`, headers: /** @type {[string, string][]} */ ([["Content-Type", "application/octet-stream"]]), body: large };
    const answer = await city.send(host, wire);
    assert.equal(answer.status, 200, answer.body.toString());
    assert.equal(json(answer).sha256, sha256(large));
  });

  test(`${host}: a body that was changed on the way is refused`, async () => {
    const wire = await make(city, { method: "POST", path: "/api/v1/notes", body: '{"n":1}', signature: true });
    const reached = await reaching(async () => {
      const answer = await city.send(host, { ...wire, body: Buffer.from('{"n":2}') });
      assert.deepEqual([answer.status, json(answer)?.code], [403, "signature.digest_mismatch"]);
    });
    assert.equal(reached.length, 0);
  });

  test(`${host}: HEAD has the fields of a refusal and no body`, async () => {
    const { status, headers, body } = await city.send(host, { method: "HEAD", url: `${city.url}/nowhere`, headers: [] });
    assert.deepEqual([status, body.length], [403, 0]);
    assert.equal(headers["content-type"], "application/problem+json");
    assert.equal((await city.send(host, { method: "HEAD", url: `${city.url}/public/a`, headers: [] })).status, 200);
  });

  test(`${host}: the authority is the one that the client names, and there is one`, async () => {
    for (const [hosts, code] of /** @type {const} */ ([
      [["other.example"], "request.authority_unknown"],
      [[new URL(city.url).host, "other.example"], "request.malformed"],
      [["other.example", new URL(city.url).host], "request.malformed"],
    ])) {
      const headers = hosts.map((value) => /** @type {[string, string]} */ (["Host", value]));
      const answer = await city.send(host, { method: "GET", url: `${city.url}/public/a`, headers });
      assert.equal(json(answer)?.code, code, `${hosts}`);
    }
  });

  test(`${host}: what a client says of proxies means nothing`, async () => {
    const headers = /** @type {[string, string][]} */ ([
      ["X-Forwarded-Host", "other.example"],
      ["X-Forwarded-Proto", "https"],
      ["X-Forwarded-For", "192.0.2.1"],
      ["Forwarded", "host=other.example;proto=https"],
    ]);
    const { status, body } = await city.send(host, await make(city, { path: "/api/v1/catalogue", signature: true, headers }));
    assert.equal(status, 200, body.toString());
  });

  test(`${host}: the gate answers for its metadata itself`, async () => {
    const reached = await reaching(async () => {
      const answer = await city.send(host, { method: "GET", url: `${city.url}/.well-known/oauth-protected-resource`, headers: [] });
      assert.deepEqual([answer.status, answer.headers["content-type"]], [200, "application/json"]);
      assert.equal(json(answer).resource, city.url);
    });
    assert.equal(reached.length, 0);
  });

  test(`${host}: a proof passes once`, async () => {
    const wire = await make(city, { method: "POST", path: "/api/v1/notes", body: "{}", signature: true });
    assert.equal((await city.send(host, wire)).status, 200);
    const again = await city.send(host, wire);
    assert.deepEqual([again.status, json(again)?.code], [403, "signature.replayed"]);
  });
}
