// Texts that processes share: what a store has, and what it is told. A store that fails is as one that has nothing.
import type { DocumentStore } from "./stores.js";
import { within } from "./timing.js";
import type { Stored } from "./wasm.js";

/** How long a store may take to answer, in milliseconds. */
const TIMEOUT = 5_000;

/** Texts by name, of a store that may not be there. */
export class Documents {
  readonly #store: DocumentStore | undefined;
  readonly #log: (line: string) => void;

  constructor(store: DocumentStore | undefined, log: (line: string) => void) {
    this.#store = store;
    this.#log = log;
  }

  /** The text under a name; nothing where there is none, or the store fails. */
  async get(name: string): Promise<string | undefined> {
    const store = this.#store;
    if (!store) return undefined;
    const failed = () => this.#log("countersign cannot read from the store of documents");
    const text = await within(TIMEOUT, () => store.get(name), failed);
    return typeof text === "string" ? text : undefined;
  }

  /** Stores texts, all at once. */
  async put(texts: readonly Stored[]): Promise<void> {
    await Promise.all(texts.map((stored) => this.#put(stored)));
  }

  async #put({ name, text, seconds }: Stored): Promise<void> {
    const store = this.#store;
    if (!store) return;
    const failed = () => this.#log("countersign cannot write to the store of documents; other processes find out themselves");
    await within(TIMEOUT, () => store.put(name, text, seconds), failed);
  }
}
