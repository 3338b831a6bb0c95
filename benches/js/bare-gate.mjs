// A Worker that only forwards: what is left when nothing is verified, and so the part of a request that is not ours.
export default {
  /**
   * @param {Request} request
   * @param {{COUNTERSIGN_CONFIG: any}} env
   */
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    return fetch(new Request(env.COUNTERSIGN_CONFIG.origin + pathname + search, request));
  },
};
