// What `oidc-provider` remembers, in maps that outlive it: when another one with other keys takes its place, clients,
// sessions and grants are still there. Its own memory goes with it. Nothing expires, as no test run is that long; the
// provider looks at the times itself.

/** @typedef {Record<string, any>} Payload */

/** The adapter of `oidc-provider`: one for each of its models, over the same maps. */
export class ProviderMemory {
  /** @type {Map<string, Map<string, Payload>>} */
  #models = new Map();

  /** @param {string} name of the model */
  adapter(name) {
    const entries = this.#models.get(name) ?? new Map();
    this.#models.set(name, entries);
    /** @param {(payload: Payload) => boolean} fits */
    const findBy = async (fits) => [...entries.values()].find(fits);
    return {
      /** @param {string} id @param {Payload} payload */
      upsert: async (id, payload) => void entries.set(id, payload),
      /** @param {string} id */
      find: async (id) => entries.get(id),
      /** @param {string} uid */
      findByUid: (uid) => findBy((payload) => payload.uid === uid),
      /** @param {string} userCode */
      findByUserCode: (userCode) => findBy((payload) => payload.userCode === userCode),
      /** @param {string} id */
      consume: async (id) => void Object.assign(entries.get(id) ?? {}, { consumed: Math.floor(Date.now() / 1000) }),
      /** @param {string} id */
      destroy: async (id) => void entries.delete(id),
      /** @param {string} grantId */
      revokeByGrantId: async (grantId) => {
        for (const each of this.#models.values()) {
          for (const [id, payload] of each) if (payload.grantId === grantId) each.delete(id);
        }
      },
    };
  }
}
