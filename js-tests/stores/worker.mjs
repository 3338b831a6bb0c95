// A Worker as somebody writes it who has the package inside: stores on KV and on objects, and ways in for tests.
import { Subject as Base, workersStores } from "countersign/workers";

const now = Date.now;
let added = 0;
Date.now = () => now() + added;

export class Subject extends Base {
  #storage;

  /** @param {any} state @param {unknown} env */
  constructor(state, env) {
    super(state, env);
    this.#storage = state.storage;
  }

  /** @override @param {any} request @returns {Promise<Response>} */
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/clock":
        added = Number(searchParams.get("added"));
        return new Response();
      case "/alarm":
        await this.alarm();
        return this.#look();
      case "/rows":
        return this.#look();
      case "/break":
        this.#storage.sql.exec("UPDATE state SET value = 'text'");
        return new Response();
      default:
        return super.fetch(request);
    }
  }

  async #look() {
    const [tables] = [...this.#storage.sql.exec("SELECT COUNT(*) FROM sqlite_master WHERE name = 'state'").raw()];
    const [rows] = tables[0] ? [...this.#storage.sql.exec("SELECT COUNT(*) FROM state").raw()] : [[0]];
    return Response.json({ tables: tables[0], rows: rows[0], alarm: await this.#storage.getAlarm() });
  }
}

/** What a test asks, and what the stores say: `{"said": …}`, or the code of what they throw. */
export default {
  /** @param {Request} request @param {any} env */
  async fetch(request, env) {
    const stores = /** @type {any} */ (workersStores(env));
    const { pathname } = new URL(request.url);
    const args = /** @type {any} */ (await request.json());
    const object = env.SUBJECTS.get(env.SUBJECTS.idFromName(args[0]));
    try {
      switch (pathname) {
        case "/state":
          return Response.json({ said: await stores.state?.(...args) });
        case "/get":
          return Response.json({ said: await stores.documents?.get(...args) });
        case "/put":
          return Response.json({ said: await stores.documents?.put(...args) });
        case "/has":
          return Response.json({ said: Object.keys(stores).concat(Object.keys(stores.floods ?? {})) });
        default:
          return await object.fetch(`https://subject.internal${pathname}${args[1] ?? ""}`);
      }
    } catch (error) {
      return Response.json({ code: /** @type {any} */ (error).code ?? String(error) });
    }
  },
};
