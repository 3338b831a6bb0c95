// Faults to order, in real workerd: a module around the built Worker that breaks its bindings, its objects or its clock
// as a test says while it runs. The test's side is `Faults`; the Worker asks it at every request and every call.

/**
 * @typedef {object} Fault
 * @property {"throw" | "overloaded" | "retryable" | "hang" | "garbage" | "status"} [subjects] what calling an object comes to;
 *   `retryable` lets the first call through and loses its answer
 * @property {number} [abortEvery] every so many calls, the object loses its memory before it answers
 * @property {number} [objectClock] added to the time in objects, in milliseconds
 * @property {number} [gateClock] added to the time in gates
 * @property {boolean} [kv] whether KV fails
 */

/** What is broken now, and how often objects were called. */
export class Faults {
  /** @type {Fault} */
  now = {};
  /** How often gates have called objects, whatever came of it. */
  calls = 0;
  /** How often objects were reached. */
  reached = 0;

  /** Answers the Worker, as a service binding of Miniflare's. @param {{url: string}} request */
  answer = ({ url }) => {
    let abort = false;
    if (url.endsWith("/call")) this.calls += 1;
    if (url.endsWith("/object")) {
      this.reached += 1;
      abort = this.now.abortEvery !== undefined && this.reached % this.now.abortEvery === 0;
    }
    return Response.json({ ...this.now, abort });
  };
}

/** The name of the service that the module asks. */
export const FAULTS = "FAULTS";

/** The module, beside the built `index.js`. */
export const FAULTY = `
import Gate, * as built from "./index.js";
import { WorkerEntrypoint } from "cloudflare:workers";
export * from "./index.js";

const told = async (env, what) => (await env.${FAULTS}.fetch("http://faults/" + what)).json();

const RealDate = Date;
let added = 0;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + added);
    else super(...args);
  }
  static now() {
    return RealDate.now() + added;
  }
};

class DurableObjectNamespace {
  constructor(real, env, faults) { Object.assign(this, { real, env, faults }); }
  getByName(name) {
    return { fetch: (request) => this.call(name, request) };
  }
  async call(name, request) {
    await told(this.env, "call");
    const pass = () => this.real.get(this.real.idFromName(name)).fetch(request);
    switch (this.faults.subjects) {
      case "throw": throw new Error("an internal error");
      case "overloaded": throw Object.assign(new Error("Durable Object is overloaded."), { overloaded: true, retryable: true });
      case "retryable":
        if ((await request.clone().text()).includes('"g":true')) return pass();
        await pass();
        throw Object.assign(new Error("Network connection lost."), { retryable: true });
      case "hang": return new Promise((resolve) => setTimeout(() => resolve(Response.json({ a: [] })), 20_000));
      case "garbage": await pass(); return new Response('{"a":[{"replay":"newish"}]}');
      case "status": return new Response("{}", { status: 500 });
      default: return pass();
    }
  }
}

const broken = async () => { throw new Error("KV is not there"); };
const NO_KV = { get: broken, getWithMetadata: broken, put: broken, list: broken, delete: broken };

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const faults = await told(this.env, "gate");
    added = faults.gateClock ?? 0;
    const env = { ...this.env };
    if (env.SUBJECTS) env.SUBJECTS = new DurableObjectNamespace(env.SUBJECTS, this.env, faults);
    if (faults.kv) env.COUNTERSIGN_KV = NO_KV;
    return Gate.prototype.fetch.call({ env, ctx: this.ctx }, request);
  }
}

export class Subject {
  constructor(state, env) { Object.assign(this, { state, env, object: new built.Subject(state, env) }); }
  async fetch(request) {
    if (request.url.endsWith("/rows")) {
      const tables = [...this.state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'state'")];
      const rows = tables.length === 0 ? 0 : this.state.storage.sql.exec("SELECT COUNT(*) AS rows FROM state").one().rows;
      return Response.json({ rows, alarm: await this.state.storage.getAlarm() });
    }
    const faults = await told(this.env, "object");
    added = faults.objectClock ?? 0;
    if (faults.abort) {
      this.state.abort("made anew");
      await new Promise(() => {});
    }
    return this.object.fetch(request);
  }
  alarm() {
    return this.object.alarm();
  }
}
`;
