// Where we and a peer come to different verdicts, and why that is right. A difference that is not here fails the
// test, and so does one that is here and no longer seen.

/**
 * @typedef {object} Difference
 * @property {"signature" | "token" | "proof"} layer
 * @property {string} request
 * @property {string[]} peers
 * @property {"accept" | "refuse"} ours
 * @property {string} why
 */

/** @type {Difference[]} */
export const DIFFERENCES = [
  ...["dictionary of origins", "direct key set URL", "no query, covered"].map((request) => ({
    layer: /** @type {const} */ ("signature"),
    request,
    peers: ["web-bot-auth"],
    ours: /** @type {const} */ ("accept"),
    why: "takes the whole field for a covered Dictionary member (RFC 9421 §2.1.2 wants the member's value)",
  })),
  {
    layer: "signature",
    request: "inner white space kept",
    peers: ["web-bot-auth"],
    ours: "accept",
    why: "collapses white space inside of field values (RFC 9421 §2.1 strips the ends only)",
  },
  {
    layer: "signature",
    request: "window of a week",
    peers: ["web-bot-auth", "http-message-sig", "http-message-signatures"],
    ours: "refuse",
    why: "has no upper bound for expires − created; Web Bot Auth has 24 hours",
  },
  {
    layer: "signature",
    request: "another tag",
    peers: ["http-message-signatures"],
    ours: "refuse",
    why: "a library for RFC 9421 alone, without the profile: any tag is as good to it",
  },
  {
    layer: "signature",
    request: "label twice",
    peers: ["http-message-signatures"],
    ours: "refuse",
    why: "keeps the last of two members with one name, in silence; two readers may keep different ones",
  },
  {
    layer: "signature",
    request: "a second signature, of nobody",
    peers: ["web-bot-auth", "http-message-sig"],
    ours: "accept",
    why: "takes one signature a message unless told the label; we choose by tag (RFC 9421 §4.3 has several)",
  },
  {
    layer: "signature",
    request: "body changed",
    peers: ["web-bot-auth", "http-message-sig", "http-message-signatures"],
    ours: "refuse",
    why: "leaves it to the caller to compare the body with its covered Content-Digest",
  },
  {
    layer: "token",
    request: "issued in the future",
    peers: ["jose", "oauth4webapi"],
    ours: "refuse",
    why: "looks at iat only where a maximum age is asked for",
  },
  {
    layer: "token",
    request: "lives for a year",
    peers: ["jose", "oauth4webapi"],
    ours: "refuse",
    why: "has no maximum for exp − iat; ours is configured, 24 hours by default",
  },
  {
    layer: "token",
    request: "scope twice",
    peers: ["jose", "oauth4webapi"],
    ours: "refuse",
    why: "JSON.parse keeps the last of two members with one name (RFC 8725 §2.4, RFC 7519 §4)",
  },
  {
    layer: "token",
    request: "padded signature",
    peers: ["jose", "oauth4webapi"],
    ours: "refuse",
    why: "takes padded base64url, so that one token has several spellings (RFC 7515 §2 has no padding)",
  },
  {
    layer: "proof",
    request: "proof two minutes old",
    peers: ["oauth4webapi"],
    ours: "refuse",
    why: "takes iat within 300 s of now; ours is 60 s by default",
  },
  {
    layer: "proof",
    request: "proof two minutes ahead",
    peers: ["oauth4webapi"],
    ours: "refuse",
    why: "takes iat within 300 s of now on both sides; ours is the clock skew, 30 s by default",
  },
];

/**
 * @typedef {object} SigningDifference
 * @property {string} peer
 * @property {import("./algorithms.mjs").Algorithm[]} [algorithms] all of the peer's where there are none
 * @property {"theirs, by us" | "theirs changed, by us" | "ours, by them" | "ours changed, by them"} way
 * @property {string} verdict what was found instead
 * @property {string} why
 */

/** @type {SigningDifference[]} */
export const SIGNING_DIFFERENCES = [
  {
    peer: "http-message-signatures",
    algorithms: ["rsa-pss-sha512"],
    way: "theirs, by us",
    verdict: "invalid signature.invalid",
    why: "signs with the longest salt that fits, not with 64 bytes (RFC 9421 §3.3.1)",
  },
];
