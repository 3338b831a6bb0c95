// Behind proxies: whose word counts, and how far back. Rules on the network show which address the gate took.
import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import { after, before, test } from "node:test";
import { CountersignError } from "countersign";
import { countersign as onExpress } from "countersign/express";
import { json, send } from "../lib/net.mjs";
import { make } from "../lib/recipe.mjs";
import { redirect, startCity } from "./city.mjs";
import { HOSTS } from "./hosts.mjs";
import { AddressSet, parseAddress } from "../../js/dist/middleware/address.js";
import { parseForwarded } from "../../js/dist/middleware/elements.js";
import { Proxies } from "../../js/dist/middleware/forwarded.js";

const ROUTES = [{ match: "GET /public/**", require: [] }, { match: "GET /api/v1/signed", require: ["signature"], components: ["@method", "@target-uri"], replay: "none" }];
const PUBLIC = "https://api.example";
/** @type {[string, string][]} */
const NONE = [];

/** Cities by the proxies that they trust. @type {Record<string, import("./city.mjs").City>} */
const cities = {};
/** Which addresses the gates were told of. @type {(string | undefined)[]} */
const addresses = [];
/** @type {Record<string, any>} */
const TRUST = { nobody: undefined, "the nearest": 1, loopback: ["127.0.0.0/8", "::1"], others: ["192.0.2.0/24"], forwarded: { proxies: 1, fields: "forwarded" }, "loopback, forwarded": { proxies: ["127.0.0.0/8", "::1"], fields: "forwarded" } };
before(async () => {
  const client = (/** @type {any} */ _request, /** @type {any} */ known) => (addresses.push(known.address), known);
  for (const [name, trustProxy] of Object.entries(TRUST)) {
    const options = { client, ...(trustProxy && { trustProxy }) };
    cities[name] = await startCity({ options, config: { public_origins: [PUBLIC], routes: ROUTES } });
  }
});
after(() => Promise.all(Object.values(cities).map((city) => city.close())));

/** What a gate makes of a request for the public origin. @param {string} trust @param {string} host @param {[string, string][]} fields */
async function ask(trust, host, fields, authority = "api.example") {
  const { url } = /** @type {import("./hosts.mjs").Running} */ (cities[trust].running.get(host));
  const answer = await send({ method: "GET", url: `${url}/public/a`, headers: [["Host", authority], ...fields] });
  return { code: answer.status === 200 ? "ok" : json(answer)?.code, address: addresses.pop() };
}

for (const host of Object.keys(HOSTS)) {
  test(`${host}: nobody is believed who is not trusted`, async () => {
    /** @type {[string, string][]} */
    const forged = [["X-Forwarded-For", "198.51.100.1"], ["X-Forwarded-Host", "api.example"], ["X-Forwarded-Proto", "https"], ["Forwarded", "for=198.51.100.1;host=api.example;proto=https"]];
    for (const trust of ["nobody", "others"]) {
      assert.deepEqual(await ask(trust, host, forged), { code: "ok", address: "127.0.0.1" });
      assert.equal((await ask(trust, host, forged, "internal:8080")).code, "request.authority_unknown");
    }
    // One kind of fields is believed, and no other.
    assert.deepEqual(await ask("forwarded", host, forged.slice(0, 3)), { code: "ok", address: undefined });
    assert.equal((await ask("the nearest", host, forged.slice(3), "internal:8080")).code, "request.authority_unknown");
  });

  test(`${host}: a proxy that is trusted says where the client is, and what it asked for`, async () => {
    /** @type {[string, string][]} */
    const said = [["X-Forwarded-For", "203.0.113.7, 198.51.100.1"], ["X-Forwarded-Host", "api.example"], ["X-Forwarded-Proto", "https"]];
    for (const trust of ["the nearest", "loopback"]) {
      assert.deepEqual(await ask(trust, host, said, "internal:8080"), { code: "ok", address: "198.51.100.1" });
      assert.deepEqual(await ask(trust, host, [["X-Forwarded-For", "a"], ["X-Forwarded-For", "[2001:db8::1]:443"]]), { code: "ok", address: "2001:db8::1" });
    }
    const forwarded = /** @type {[string, string][]} */ ([["Forwarded", 'for=203.0.113.7;host=evil.example, for="[2001:db8::1]:443";proto=https;host="api.example"']]);
    assert.deepEqual(await ask("forwarded", host, forwarded, "internal:8080"), { code: "ok", address: "2001:db8::1" });
  });

  test(`${host}: what was signed for the public origin holds where a proxy has ended TLS`, async () => {
    for (const [trust, said, status] of /** @type {const} */ ([["nobody", "http", 200], ["nobody", undefined, 200], ["loopback", "https", 200]])) {
      const city = cities[trust];
      const signature = { components: ["@method", "@target-uri"] };
      const headers = said ? [/** @type {[string, string]} */ (["X-Forwarded-Proto", said])] : [];
      const wire = await make({ ...city, url: PUBLIC }, { path: "/api/v1/signed?q=1", signature, headers });
      const { url } = /** @type {import("./hosts.mjs").Running} */ (city.running.get(host));
      assert.equal((await send(redirect(wire, PUBLIC, url))).status, status, `${trust} ${said}`);
    }
  });

  test(`${host}: what is said of an address that is none leaves it unknown`, async () => {
    for (const value of ["unknown", "_hidden", "localhost", "1.2.3", "01.2.3.4", "1.2.3.4.5", "::ffff:1.2.3.4%eth0", ""]) {
      assert.deepEqual(await ask("the nearest", host, [["X-Forwarded-For", value]]), { code: "ok", address: undefined }, value);
    }
    assert.deepEqual(await ask("the nearest", host, NONE), { code: "ok", address: undefined });
  });

  test(`${host}: a list of authorities that is longer than there are proxies is refused, and Host is not asked instead`, async () => {
    for (const trust of ["the nearest", "loopback"]) {
      for (const authorities of ["evil.example, api.example", "api.example, evil.example", "api.example, api.example"]) {
        const said = /** @type {[string, string][]} */ ([["X-Forwarded-For", "198.51.100.1"], ["X-Forwarded-Host", authorities]]);
        assert.equal((await ask(trust, host, said)).code, "request.malformed", `${trust} ${authorities}`);
      }
    }
  });

  test(`${host}: a proxy that does not say who asked it is not the client`, async () => {
    for (const trust of ["loopback", "loopback, forwarded"]) {
      assert.deepEqual(await ask(trust, host, NONE), { code: "ok", address: undefined }, trust);
      assert.deepEqual(await ask(trust, host, [["Forwarded", ""], ["X-Forwarded-For", ""]]), { code: "ok", address: undefined }, trust);
    }
    assert.deepEqual(await ask("loopback, forwarded", host, [["Forwarded", "for=127.0.0.1"]]), { code: "ok", address: "127.0.0.1" });
    assert.deepEqual(await ask("loopback, forwarded", host, [["Forwarded", "proto=https"]]), { code: "ok", address: undefined });
  });

  test(`${host}: of a Forwarded that is malformed nothing is believed, and no other field instead`, async () => {
    for (const trust of ["forwarded", "loopback, forwarded"]) {
      for (const client of ["@", 'for="', "for=192.0.2.1;for=192.0.2.2"]) {
        const forwarded = /** @type {[string, string]} */ (["Forwarded", `${client}, for=198.51.100.1;host=api.example;proto=https`]);
        const refused = await ask(trust, host, [forwarded]);
        assert.equal(refused.code, "request.malformed", `${trust} ${client}`);
      }
    }
  });
}

test("the client is as many proxies away as are trusted, and no further", () => {
  /** @param {any} trust @param {string} list */
  const client = (trust, list, peer = "10.0.0.1") => new Proxies(trust).forwarded(peer, (name) => (name === "x-forwarded-for" ? list : undefined))?.address;
  assert.equal(client(1, "6.6.6.6, 1.1.1.1"), "1.1.1.1");
  assert.equal(client(2, "6.6.6.6, 1.1.1.1, 10.0.0.2"), "1.1.1.1");
  assert.equal(client(3, "1.1.1.1, 10.0.0.2"), undefined);
  assert.equal(client(0, "1.1.1.1"), undefined);
  assert.equal(client(["10.0.0.0/8"], "6.6.6.6, 1.1.1.1, 10.0.0.2, 10.9.9.9"), "1.1.1.1");
  assert.equal(client(["10.0.0.0/8"], "10.0.0.2"), "10.0.0.2");
  assert.equal(client(["10.0.0.0/8"], "1.1.1.1, nonsense, 10.0.0.2"), undefined);
  assert.equal(client(["10.0.0.0/8"], "1.1.1.1", "::ffff:10.0.0.1"), "1.1.1.1");
  assert.equal(client(["10.0.0.0/8"], "1.1.1.1", "::ffff:11.0.0.1"), undefined);
});

test("a list counts where it has one member, or one for each proxy", () => {
  /** @param {any} trust @param {string} value */
  const said = (trust, value) => {
    const fields = /** @type {Record<string, string>} */ ({ "x-forwarded-for": "1.1.1.1, 10.0.0.2", "x-forwarded-host": value, "x-forwarded-proto": value });
    const { authority, scheme } = new Proxies(trust).forwarded("10.0.0.1", (name) => fields[name]) ?? {};
    return [authority, scheme];
  };
  for (const trust of [2, ["10.0.0.0/8"]]) {
    assert.deepEqual(said(trust, ""), [undefined, undefined]);
    assert.deepEqual(said(trust, "https"), ["https", "https"]);
    assert.deepEqual(said(trust, "https, http"), ["https", "https"]);
    // Nobody's authority, so that nobody looks at `Host` instead.
    assert.deepEqual(said(trust, "https, http, http"), ["", undefined]);
  }
  assert.deepEqual(said(1, "https, http"), ["", undefined]);
  assert.deepEqual(said(3, "https, http"), ["", undefined]);
});

test("the other end of the connection is nobody's client where it is a proxy", () => {
  /** @param {"x-forwarded" | "forwarded"} fields @param {string} [value] */
  const said = (fields, value) => {
    const proxies = new Proxies({ proxies: ["10.0.0.0/8"], fields });
    return proxies.forwarded("10.0.0.1", (name) => (name === (fields === "forwarded" ? fields : "x-forwarded-for") ? value : undefined));
  };
  for (const value of [undefined, "", " , "]) {
    assert.deepEqual(said("x-forwarded", value), { address: undefined, authority: undefined, scheme: undefined });
    assert.deepEqual(said("forwarded", value), { address: undefined, authority: undefined, scheme: undefined });
  }
  for (const value of ["@", 'for="', "for=1.1.1.1;host=a.example;proto=https, @"]) {
    // An authority that is empty, and not one that is missing: nobody looks at `Host` instead.
    assert.deepEqual(said("forwarded", value), { address: undefined, authority: "", scheme: undefined });
  }
  assert.equal(said("forwarded", "for=10.0.0.2")?.address, "10.0.0.2");
});

test("a Forwarded that is malformed anywhere says nothing", () => {
  for (const value of ['for="', 'for=a b', 'for=", for="[2001:db8::1]"', "for=1.1.1.1;for=2.2.2.2", "=", "for=[::1]", 'for="a"b']) {
    assert.equal(parseForwarded(value), undefined, value);
  }
  assert.deepEqual(parseForwarded('For="[::1]:1" ; PROTO=http,, host="a\\"b"')?.map(({ address, authority, scheme }) => [address, authority, scheme]), [
    ["[::1]:1", undefined, "http"],
    [undefined, 'a"b', undefined],
  ]);
});

test("a Forwarded is read in as many steps as it has characters, and not at all where it is too long", () => {
  /** A text that counts how often somebody looks at a character of it. @param {string} text */
  const counting = (text) => {
    const seen = { steps: 0, length: text.length, slice: text.slice.bind(text), charAt: (/** @type {number} */ at) => ((seen.steps += 1), text.charAt(at)) };
    return seen;
  };
  const most = 4096;
  const worst = [" ", "\t", ";", ",", " ;", " ,", "a", '"', "\\", "=", "a=b;", "for=a ,", "a=\"", "a=\"\\"].flatMap((part) => [part.repeat(most), `a=b${part.repeat(most)}`, `a="${part.repeat(most)}`]);
  for (const value of worst) {
    const text = counting(value.slice(0, most));
    parseForwarded(/** @type {any} */ (text));
    // At each place it asks for one of a few things.
    assert.ok(text.steps <= 8 * most, `${value.slice(0, 12)}: ${text.steps}`);
    const long = counting(value.padEnd(most + 1, value.at(-1)).slice(0, most + 1));
    assert.equal(parseForwarded(/** @type {any} */ (long)), undefined);
    assert.equal(long.steps, 0);
  }
  assert.equal(parseForwarded(" ".repeat(60_000)), undefined);
  assert.deepEqual(parseForwarded("".padEnd(most)), []);
  assert.equal(parseForwarded(Array(64).fill("for=_a").join(","))?.length, 64);
  assert.equal(parseForwarded(Array(65).fill("for=_a").join(",")), undefined);
});

test("addresses and ranges are those of Node", () => {
  const texts = ["0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "01.2.3.4", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "::ffff:1.2.3.4", "2001:DB8::a", "fe80::1%0", "1::2::3", "g::", "", "1:2:3:4:5:6:1.2.3.4", ":", "1.2.3.4]@[::1"];
  for (const text of texts) assert.equal(parseAddress(text) !== undefined, isIP(text.replace(/%.*/, "x")) !== 0, text);
  for (const [base, bits] of /** @type {const} */ ([["10.1.2.3", 8], ["10.1.2.3", 31], ["0.0.0.0", 0], ["2001:db8::", 33], ["::", 0], ["::ffff:0:0", 96]])) {
    const ours = new AddressSet([`${base}/${bits}`]);
    for (const text of ["10.1.2.2", "10.1.2.4", "10.255.0.0", "11.0.0.0", "2001:db8:7fff::", "2001:db8:8000::", "::1"]) {
      const theirs = new BlockList();
      const kind = (/** @type {string} */ each) => (each.includes(":") ? "ipv6" : "ipv4");
      theirs.addSubnet(base, bits, kind(base));
      // Ours sees an address of IPv4 as one of IPv6 too.
      const expected = theirs.check(text, kind(text)) || (kind(base) === "ipv6" && kind(text) === "ipv4" && theirs.check(`::ffff:${text}`, "ipv6"));
      assert.equal(ours.has(/** @type {Uint8Array} */ (parseAddress(text))), expected, `${text} in ${base}/${bits}`);
    }
  }
});

test("proxies that are none are refused as the server is made", () => {
  const gate = /** @type {any} */ ({ publicOrigins: [] });
  for (const trustProxy of [-1, 1.5, Number.NaN, true, "127.0.0.1", ["localhost"], ["10.0.0.0/33"], ["10.0.0.0/8/8"], [1], {}, { proxies: 1, fields: "via" }]) {
    const isMisuse = (/** @type {unknown} */ error) => error instanceof CountersignError && error.code === "options.invalid";
    assert.throws(() => onExpress(gate, /** @type {any} */ ({ trustProxy })), isMisuse, JSON.stringify(trustProxy));
  }
});
