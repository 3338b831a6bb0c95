// A WebCrypto that has no Ed25519, as older browsers have it: to be run before anything else, here or in a page.

/** Takes Ed25519 from the WebCrypto of this realm, and gives what gives it back. */
export function withoutEd25519() {
  const { generateKey, importKey } = SubtleCrypto.prototype;
  /** @param {any} algorithm */
  const isKnown = (algorithm) => (algorithm?.name ?? algorithm) !== "Ed25519";
  const refuse = () => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"));
  Object.assign(SubtleCrypto.prototype, {
    /** @this {SubtleCrypto} @param {[any, ...any]} given */
    generateKey(...given) {
      return isKnown(given[0]) ? Reflect.apply(generateKey, this, given) : refuse();
    },
    /** @this {SubtleCrypto} @param {[any, any, any, ...any]} given */
    importKey(...given) {
      return isKnown(given[2]) ? Reflect.apply(importKey, this, given) : refuse();
    },
  });
  return () => void Object.assign(SubtleCrypto.prototype, { generateKey, importKey });
}
