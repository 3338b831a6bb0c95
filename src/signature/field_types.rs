//! Which structured type a field has, for the `sf` parameter (RFC 9421 §2.1.1).
//!
//! Only fields whose definition fixes the type are listed: guessing would let two readers serialise one value
//! differently, so `sf` on any other field refuses.

/// The top-level type of a structured field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldType {
    Item,
    List,
    Dictionary,
}

/// The type of a field by its lower-case name, as the registry of HTTP field names states it.
pub(super) fn field_type(name: &str) -> Option<FieldType> {
    Some(match name {
        "accept-signature"
        | "cdn-cache-control"
        | "content-digest"
        | "priority"
        | "repr-digest"
        | "signature"
        | "signature-agent"
        | "signature-input"
        | "use-as-dictionary"
        | "want-content-digest"
        | "want-repr-digest" => FieldType::Dictionary,
        "accept-ch" | "cache-status" | "client-cert-chain" | "ratelimit" | "ratelimit-policy"
        | "proxy-status" => FieldType::List,
        "available-dictionary" | "capsule-protocol" | "client-cert" | "deprecation" | "dictionary-id" => {
            FieldType::Item
        }
        _ => return None,
    })
}
