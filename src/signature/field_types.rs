//! Which structured type a field has, for the `sf` parameter (RFC 9421 §2.1.1).
//!
//! Listed are the fields of IANA's HTTP field name registry to which it gives a structured type, or whose definition
//! does, and the drafts' fields that this project reads and sends. Guessing would let two readers serialise one value
//! differently, so `sf` on any other field refuses; fields that merely look structured (`Cache-Control`, `Accept`)
//! are others.

/// The top-level type of a structured field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldType {
    Item,
    List,
    Dictionary,
}

/// The type of a field by its lower-case name.
pub(super) fn field_type(name: &str) -> Option<FieldType> {
    Some(match name {
        // RFC 9421, RFC 9530, RFC 9213, RFC 9218, RFC 9842, Permissions Policy, Reporting API.
        "accept-signature"
        | "cdn-cache-control"
        | "content-digest"
        | "permissions-policy"
        | "priority"
        | "reporting-endpoints"
        | "repr-digest"
        | "signature"
        | "signature-input"
        | "use-as-dictionary"
        | "want-content-digest"
        | "want-repr-digest"
        // Drafts: Unencoded-Digest, No-Vary-Search, resumable uploads, Web Bot Auth.
        | "no-vary-search"
        | "signature-agent"
        | "unencoded-digest"
        | "upload-limit"
        | "want-unencoded-digest" => FieldType::Dictionary,
        // RFC 8942, RFC 9875, RFC 9211, RFC 9440, RFC 9652, RFC 9209; the draft on RateLimit.
        "accept-ch"
        | "cache-group-invalidation"
        | "cache-groups"
        | "cache-status"
        | "client-cert-chain"
        | "link-template"
        | "proxy-status"
        | "ratelimit"
        | "ratelimit-policy" => FieldType::List,
        // RFC 9842, RFC 9297, RFC 9440, RFC 9729, RFC 9745, HTML, Fetch, the Storage Access API.
        "activate-storage-access"
        | "available-dictionary"
        | "capsule-protocol"
        | "client-cert"
        | "concealed-auth-export"
        | "cross-origin-embedder-policy"
        | "cross-origin-embedder-policy-report-only"
        | "cross-origin-opener-policy"
        | "cross-origin-opener-policy-report-only"
        | "deprecation"
        | "dictionary-id"
        | "origin-agent-cluster"
        | "sec-fetch-storage-access"
        | "sec-purpose"
        // Drafts: Incremental, resumable uploads.
        | "incremental"
        | "upload-complete"
        | "upload-length"
        | "upload-offset" => FieldType::Item,
        _ => return None,
    })
}
