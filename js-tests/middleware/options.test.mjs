// What is no gate, no handler and no option is refused where the middleware is made, never at the first request: an option
// that is overlooked would be believed to hold.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CountersignError, createGate } from "countersign";
import { countersign as onExpress } from "countersign/express";
import { countersign as onFastify } from "countersign/fastify";
import { countersign as onHono } from "countersign/hono";
import { countersign as onNode, guard } from "countersign/node";

const CONFIG = { origin: "http://127.0.0.1:9000", public_origins: ["https://api.example"], routes: [{ match: "GET /", require: [] }] };
const gate = createGate(CONFIG);

/** @type {Record<string, (gate?: any, options?: any) => unknown>} */
const MADE = { express: onExpress, fastify: onFastify, hono: onHono, node: onNode, guard: (...[first, options]) => guard(first, () => {}, options) };

/** @param {() => unknown} make @param {RegExp} message */
const refused = (make, message) =>
  assert.throws(make, (error) => {
    assert.ok(error instanceof CountersignError, String(error));
    assert.equal(error.code, "options.invalid");
    assert.match(error.message, message);
    return true;
  });

for (const [name, make] of Object.entries(MADE)) {
  test(`${name}: what is no gate is refused`, () => {
    for (const other of [undefined, null, 7, "countersign.toml", CONFIG, {}, { ...gate }]) refused(() => make(other), /needs a gate.*createGate/);
  });

  test(`${name}: an option that there is none of is refused, with the one that was probably meant`, () => {
    refused(() => make(gate, { trustproxy: 1 }), /no trustproxy; did you mean trustProxy\?$/);
    refused(() => make(gate, { on_decision() {} }), /did you mean onDecision\?$/);
    refused(() => make(gate, { colour: 1 }), /no colour$/);
    refused(() => make(gate, { trustProxy: { proxies: 1, field: "forwarded" } }), /no field; did you mean fields\?$/);
    refused(() => make(gate, { trustProxy: { proxy: 1 } }), /no proxy; did you mean proxies\?$/);
  });

  test(`${name}: an option that is not what it must be is refused`, () => {
    for (const options of [null, 7, "trustProxy"]) refused(() => make(gate, options), /options of middleware/);
    for (const option of ["client", "onDecision", "onError"]) {
      for (const value of ["x", null, {}]) refused(() => make(gate, { [option]: value }), new RegExp(`^${option} is a function$`));
    }
    for (const trustProxy of [null, true, "loopback", {}, -1, [7], { proxies: 1, fields: null }]) refused(() => make(gate, { trustProxy }), /trustProxy/);
  });

  test(`${name}: what is undefined is as what is not there`, () => {
    assert.ok(make(gate, undefined));
    assert.ok(make(gate, { trustProxy: undefined, onDecision: undefined, onEror: undefined }));
  });
}

test("there is no guard without a handler", () => {
  for (const handler of [undefined, null, {}, "handler"]) refused(() => guard(gate, /** @type {any} */ (handler)), /handler/);
});
