// Where `jose` and `oauth4webapi` come to another verdict on a vector of `vectors/tokens` than we do, by cause, and why
// ours stands: because a standard says so, or as a policy of ours. What is not here fails the test, and so does what is
// here and no longer seen.

/**
 * @typedef {object} Cause
 * @property {"token" | "proof"} layer
 * @property {string} cause
 * @property {string} why what the peer does, the text that decides, and why we do otherwise
 * @property {{peers: string[], ours: "accept" | "refuse", vectors: string[]}[]} seen
 */

/** @type {Cause[]} */
export const TOKEN_DIFFERENCES = [
  {
    layer: "token",
    cause: "two keys of one name",
    why:
      "refuses a token whose kid names two keys (RFC 7517 §4.5: kids SHOULD be distinct, no more). We try each, at " +
      "most a few: an issuer that reuses a name locks nobody out, and no signature passes that is not by a key of " +
      "the set",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "accept", vectors: ["signed-by-the-second-of-a-name"] },
    ],
  },
  {
    layer: "token",
    cause: "a profile that is not there",
    why:
      "judges access tokens of RFC 9068 alone. Providers that do not emit at+jwt are many (docs/issuers.md), so we " +
      "have a second profile, and an issuer has one of the two",
    seen: [
      { peers: ["oauth4webapi"], ours: "accept", vectors: [
        "typ-at+jwt-where-jwt-is-expected", "typ-dpop+jwt-where-jwt-is-expected",
        "typ-secevent+jwt-where-jwt-is-expected", "typ-oauth-id-jag+jwt-where-jwt-is-expected",
        "typ-wit+jwt-where-jwt-is-expected", "typ-wpt+jwt-where-jwt-is-expected",
        "typ-statuslist+jwt-where-jwt-is-expected", "token-exp-is-zero", "token-exp-is-negative",
      ] },
      { peers: ["oauth4webapi"], ours: "refuse", vectors: ["typ-at+jwt-where-jwt-is-expected"] },
    ],
  },
  {
    layer: "token",
    cause: "tokens of another purpose",
    why:
      "compares typ with one that it is told, or with none at all: it cannot be told \"JWT or absent\". RFC 8725 " +
      "§3.11 and §3.12 want rules that exclude what was made for another purpose",
    seen: [
      { peers: ["jose"], ours: "refuse", vectors: [
        "typ-at+jwt-where-jwt-is-expected", "typ-dpop+jwt-where-jwt-is-expected",
        "typ-secevent+jwt-where-jwt-is-expected", "typ-oauth-id-jag+jwt-where-jwt-is-expected",
        "typ-wit+jwt-where-jwt-is-expected", "typ-wpt+jwt-where-jwt-is-expected",
        "typ-statuslist+jwt-where-jwt-is-expected",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "a line break at the end",
    why:
      "passes over white space (jose), or never sees it: `Headers` strips the ends of a value (RFC 9110 §5.5), and " +
      "a field of ours comes stripped too. Alone, RFC 7515 §7.1 has no place for it",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: ["token-with-a-line-break-at-the-end"] },
    ],
  },
  {
    layer: "token",
    cause: "a space in front",
    why:
      "takes several spaces after the scheme, as RFC 9110 §11.4 has it, and so never sees one. Alone, RFC 7515 §7.1 " +
      "has no place for it",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: ["token-with-a-space-in-front"] },
    ],
  },
  {
    layer: "token",
    cause: "padding",
    why:
      "passes over trailing \"=\" (RFC 7515 §2: all of it omitted). One token with several spellings has several " +
      "hashes, in caches and in lists of what is revoked",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "token-header-padded", "token-payload-padded", "token-signature-padded",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "white space in base64url",
    why: "passes over white space in a part (RFC 7515 §2: no line breaks, white space, or other characters)",
    seen: [
      { peers: ["jose"], ours: "refuse", vectors: [
        "token-header-with-a-space", "token-header-with-a-line-break", "token-payload-with-a-space",
        "token-payload-with-a-line-break", "token-signature-with-a-space", "token-signature-with-a-line-break",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "unused bits",
    why:
      "passes over bits that stand for nothing (RFC 4648 §3.5 lets a decoder refuse them). The signature in another " +
      "spelling is another text of the same token, whoever holds it can make it, and it has another hash",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "token-header-in-another-spelling", "token-payload-in-another-spelling", "token-signature-in-another-spelling",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "text that is not plain UTF-8",
    why:
      "decodes with TextDecoder, which drops a byte order mark (RFC 8259 §8.1 lets a parser do so) and, where it is " +
      "not told otherwise, replaces what is no UTF-8 (RFC 7515 §5.2 step 3, RFC 7519 §7.2 step 10 refuse that). Two " +
      "readers should see one text",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "token-header-with-a-byte-order-mark", "token-payload-with-a-byte-order-mark",
      ] },
      { peers: ["oauth4webapi"], ours: "refuse", vectors: ["token-header-in-latin-1"] },
    ],
  },
  {
    layer: "token",
    cause: "a name twice",
    why:
      "keeps the last of two members with one name, as JSON.parse does. RFC 7515 §4 and RFC 7519 §4 allow that or " +
      "refusing; we refuse, at every depth: another parser behind us may keep the first (RFC 8725 §2.4)",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "token-header-with-alg-twice", "token-header-with-alg-twice-by-escape", "token-header-with-typ-twice",
        "token-header-with-an-unknown-member-twice", "token-header-with-kid-twice",
        "token-header-with-a-duplicate-in-depth", "token-payload-with-aud-twice", "token-payload-with-exp-twice",
        "token-payload-with-iss-twice", "token-payload-with-sub-twice-by-escape", "token-payload-with-scope-twice",
        "token-payload-with-an-unknown-claim-twice-in-depth", "token-payload-with-a-duplicate-in-act",
        "token-payload-with-a-duplicate-in-an-array",
      ] },
      { peers: ["jose"], ours: "refuse", vectors: ["token-payload-with-a-duplicate-in-cnf"] },
    ],
  },
  {
    layer: "token",
    cause: "half a surrogate pair",
    why: "takes a string that is no text: in the grammar of RFC 8259, and unpredictable (§8.2)",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: ["token-payload-with-a-lone-surrogate"] },
    ],
  },
  {
    layer: "token",
    cause: "depth",
    why: "has no bound on nesting (RFC 8259 §9 allows one). A policy: parsers behind us may recurse",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "token-header-nested-a-hundred-deep", "token-payload-nested-a-hundred-deep",
        "token-payload-nested-two-thousand-deep",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "size",
    why: "has no bound on length. A policy: 8 KiB is what a field may be on many servers",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: ["token-of-nine-kibibytes"] },
    ],
  },
  {
    layer: "token",
    cause: "b64",
    why:
      "looks at b64 where crit names it, and otherwise passes over it. RFC 7797 §6 has it in crit always, §7 never " +
      "false in a JWT, §3 a boolean; we refuse it in every shape, as no JWT has a use for it",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "b64-false-without-crit", "b64-true", "b64-a-string",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "names that are empty",
    why:
      "takes an empty string for a name. RFC 7519 §4.1 does not forbid it; nobody is called that, and a rule that " +
      "compares with \"\" would fit all of them",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "claim-sub-is-empty", "claim-jti-is-empty", "claim-client_id-is-empty",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "types of claims: scope, aud",
    why:
      "does not look into scope (RFC 8693 §4.2: a string), nor at the other members of aud (RFC 7519 §4.1.3: " +
      "strings). Whoever reads them next gets what we would not have passed",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "claim-aud-is-an-array-with-a-number", "claim-scope-is-a-number", "claim-scope-is-true",
        "claim-scope-is-an-object",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "types of claims",
    why:
      "compares iss and aud and reads the times; that the other claims have their types (RFC 7519 §4.1, RFC 7800 " +
      "§3.1, RFC 8693 §4.3) is its caller's to check",
    seen: [
      { peers: ["jose"], ours: "refuse", vectors: [
        "claim-sub-is-a-number", "claim-sub-is-null", "claim-sub-is-an-array", "claim-jti-is-a-number",
        "claim-jti-is-null", "claim-client_id-is-a-number", "claim-client_id-is-null", "claim-client_id-is-an-array",
        "claim-cnf-is-a-string", "claim-cnf-is-null", "claim-cnf-is-an-array",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "times beyond every number",
    why:
      "reads a time as a binary64, where this is Infinity, or rounded: an exp that never comes. RFC 7519 §2 allows " +
      "any JSON number; a policy, as two readers may round them differently",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "exp-is-with-a-huge-exponent", "exp-is-beyond-64-bits", "exp-is-of-five-hundred-digits",
        "iat-is-with-a-huge-exponent", "iat-is-beyond-64-bits", "iat-is-of-five-hundred-digits",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "times that are no integers",
    why:
      "takes what RFC 7519 §2 allows: any number. A policy: two readers may round them differently, and issuers " +
      "write integers",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "exp-is-with-an-exponent", "exp-is-fractional", "exp-is-an-integer-with-a-fraction", "iat-is-with-an-exponent",
        "iat-is-with-a-tiny-exponent", "iat-is-fractional", "iat-is-an-integer-with-a-fraction", "iat-is-minus-zero",
        "nbf-is-with-a-tiny-exponent", "nbf-is-minus-zero",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "lifetime",
    why: "has no bound on exp − iat (RFC 9700 §2.2.2 asks for short lives only). A policy, configured",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: [
        "token-exp-in-milliseconds", "token-lifetime-of-a-year",
      ] },
    ],
  },
  {
    layer: "token",
    cause: "iat in the future",
    why:
      "looks at iat where a maximum age is asked for. RFC 7519 §4.1.6 does not say what to do; a token of tomorrow " +
      "shows a clock or an issuer that is wrong",
    seen: [
      { peers: ["jose", "oauth4webapi"], ours: "refuse", vectors: ["token-iat-in-the-future"] },
    ],
  },
  {
    layer: "proof",
    cause: "padding",
    why: "passes over trailing \"=\", as in tokens (RFC 7515 §2)",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: ["proof-padded"] },
    ],
  },
  {
    layer: "proof",
    cause: "one list of algorithms",
    why:
      "has one list of algorithms for tokens and proofs, and was told those of both (RFC 9449 §4.3 check 5 is about " +
      "the proof alone)",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: ["proof-alg-not-taken"] },
    ],
  },
  {
    layer: "proof",
    cause: "b64",
    why: "passes over b64 where crit does not name it (RFC 7797 §6, §7)",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: ["proof-b64-false"] },
    ],
  },
  {
    layer: "proof",
    cause: "unused bits",
    why:
      "passes over bits that stand for nothing (RFC 4648 §3.5 lets a decoder refuse them). A proof with another " +
      "spelling is another text of one proof",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: [
        "proof-header-in-another-spelling", "proof-payload-in-another-spelling", "proof-signature-in-another-spelling",
      ] },
    ],
  },
  {
    layer: "proof",
    cause: "depth and size",
    why: "has no bound on nesting nor length. A policy, as for tokens",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: ["proof-nested-a-hundred-deep", "proof-of-nine-kibibytes"] },
    ],
  },
  {
    layer: "proof",
    cause: "a name twice",
    why:
      "keeps the last of two members with one name, as JSON.parse does (RFC 7515 §4 and RFC 7519 §4 allow that or " +
      "refusing)",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: [
        "proof-with-typ-twice", "proof-with-htm-twice", "proof-with-a-duplicate-in-its-key",
      ] },
    ],
  },
  {
    layer: "proof",
    cause: "jti",
    why:
      "takes any string. RFC 9449 §4.2 asks for a unique one, of 96 random bits, and §11.1 lets a server bound what " +
      "it keeps: an empty one is nobody's, a long one is not kept",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: ["proof-jti-empty", "proof-jti-of-a-kibibyte"] },
    ],
  },
  {
    layer: "proof",
    cause: "iat that is no integer",
    why: "takes any number (RFC 7519 §2). A policy, as for tokens",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: [
        "proof-iat-is-fractional", "proof-iat-is-with-an-exponent", "proof-iat-is-with-a-fraction-of-zero",
      ] },
    ],
  },
  {
    layer: "proof",
    cause: "age",
    why:
      "takes iat within 300 seconds on both sides. RFC 9449 §4.3 check 11 leaves the window to the server: ours is " +
      "60 seconds back and the clock skew ahead, by default; a stolen proof is good for that long",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: [
        "proof-iat-a-second-too-old", "proof-iat-a-second-too-far-ahead",
      ] },
    ],
  },
  {
    layer: "proof",
    cause: "nonces",
    why: "leaves the nonce to its caller: it has no option for it (RFC 9449 §4.3 check 10)",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: [
        "proof-nonce-absent", "proof-nonce-another", "proof-nonce-in-capitals", "proof-nonce-empty",
        "proof-nonce-a-number",
      ] },
    ],
  },
  {
    layer: "proof",
    cause: "dot segments and back slashes",
    why:
      "normalises with the WHATWG URL parser. RFC 3986 §6.2.2.3 has it remove dot segments too, and RFC 9449 §4.3 " +
      "asks for that; we take no path with dots, encoded or not, as servers disagree on them. A back slash is in no " +
      "URI (RFC 3986 §3.3)",
    seen: [
      { peers: ["oauth4webapi"], ours: "refuse", vectors: [
        "proof-for-url-one-with-dots", "proof-for-url-one-with-encoded-dots", "proof-for-url-one-with-a-back-slash",
      ] },
    ],
  },
  {
    layer: "proof",
    cause: "percent-encoding",
    why:
      "compares the WHATWG serialisation, which leaves %6f as it is. RFC 9449 §4.3 asks for RFC 3986 §6.2.2.2, " +
      "where it is o",
    seen: [
      { peers: ["oauth4webapi"], ours: "accept", vectors: [
        "proof-for-url-another-path", "proof-for-url-a-slash-more", "proof-for-url-a-path-above",
        "proof-for-url-a-path-below", "proof-for-url-another-host", "proof-for-url-another-port", "proof-for-url-http",
        "proof-for-url-a-path-in-capitals", "proof-for-url-a-relative-one", "proof-for-url-none",
        "proof-for-url-one-with-a-name", "proof-for-url-one-with-dots", "proof-for-url-one-with-encoded-dots",
        "proof-for-url-one-with-an-encoded-slash", "proof-for-url-one-with-two-slashes",
        "proof-for-url-one-with-a-back-slash",
      ] },
    ],
  },
];
