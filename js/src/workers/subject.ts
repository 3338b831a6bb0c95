// The Durable Object that has one subject's rows.
import { applyCall, purgeRows } from "../wasm.js";
import type { ObjectState, ObjectStorage } from "./platform.js";
import { SqlRows } from "./rows.js";

/** The least time between two purges, in milliseconds. */
const PURGE_PAUSE = 10_000;
/** The pause where one purge could not remove all that has ended. */
const PURGE_ON = 100;
/** How long an object with nothing left keeps the time: 25 h, when no clock can be so far behind that it would matter. */
const KEEPS_TIME = 25 * 60 * 60 * 1000;

/**
 * The class of the Durable Objects that keep what is exact: one for each key, agent, person and budget, with its rows in
 * SQLite. Export it from the Worker's module, and bind its namespace as `SUBJECTS`, with `new_sqlite_classes`.
 *
 * Calls come one after another, as nothing waits between reading and writing, and the platform holds a reply back until
 * what was written is stored. Alarms remove what has ended; an object with nothing left removes itself a day later.
 */
export class Subject {
  readonly #storage: ObjectStorage;
  #rows: SqlRows | undefined;
  /** The latest time seen, also while there are no rows. */
  #latest = 0;
  /** When its alarm goes off at the latest, where that is known. */
  #alarmAt: number | undefined;

  constructor(state: ObjectState, _env?: unknown) {
    this.#storage = state.storage;
  }

  /** Answers a call, as `workersStores` makes it. */
  async fetch(request: { text(): Promise<string> }): Promise<Response> {
    const call = await request.text();
    const rows = this.#open(true);
    const reply = applyCall(rows, call, Date.now());
    const firstEnd = rows.takeFirstEnd();
    if (firstEnd !== undefined) {
      await this.#purgeFrom(firstEnd).catch(() => {
        console.error("countersign cannot plan to remove state; the next call tries again");
      });
    }
    return reply === "" ? new Response("this is no call", { status: 400 }) : new Response(reply);
  }

  /** Removes what has ended. */
  async alarm(): Promise<void> {
    const rows = this.#open(false);
    let pause = PURGE_PAUSE;
    try {
      const next = purgeRows(rows, Date.now());
      if (next === undefined && rows.idleFor >= KEEPS_TIME) return await this.#removeAll(rows.latest);
      if (next === undefined) pause = KEEPS_TIME;
      else pause = next <= rows.latest ? PURGE_ON : Math.max(next - rows.latest, PURGE_PAUSE);
    } catch {
      console.error("countersign cannot remove state; trying again");
    }
    await this.#setAlarm(rows.latest, pause);
  }

  #open(isCalled: boolean): SqlRows {
    const rows = (this.#rows ??= new SqlRows(this.#storage, this.#latest));
    rows.isCalled = isCalled;
    return rows;
  }

  /**
   * All before anything waits: a call that comes meanwhile finds an object that has nothing, and what it writes stays. Both
   * are begun at once, as nothing may come between what was just found and the removal.
   */
  async #removeAll(latest: number): Promise<void> {
    this.#latest = latest;
    this.#rows = undefined;
    this.#alarmAt = undefined;
    await Promise.all([this.#storage.deleteAlarm(), this.#storage.deleteAll()]);
  }

  /** Has the alarm go off when this time has come, unless it does before. */
  async #purgeFrom(until: number): Promise<void> {
    const latest = this.#open(true).latest;
    this.#alarmAt ??= (await this.#storage.getAlarm()) ?? undefined;
    const pause = Math.max(until - latest, PURGE_PAUSE);
    if (this.#alarmAt !== undefined && this.#alarmAt <= latest + pause) return;
    await this.#setAlarm(latest, pause);
  }

  async #setAlarm(latest: number, longest: number): Promise<void> {
    // What never ends is looked at once a day.
    const pause = Math.min(longest, KEEPS_TIME);
    // Before it is set: what comes meanwhile need not set it too.
    this.#alarmAt = latest + pause;
    try {
      await this.#storage.setAlarm(Date.now() + pause);
    } catch (error) {
      this.#alarmAt = undefined;
      throw error;
    }
  }
}
