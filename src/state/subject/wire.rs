//! How digests are written in calls.

/// Sixteen bytes as base64url.
pub(crate) mod digest16 {
    use alloc::string::String;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::encoding::base64url;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64url::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 16], D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text).ok_or_else(|| D::Error::custom("not sixteen bytes in base64url"))
    }

    pub(crate) fn read(text: &str) -> Option<[u8; 16]> {
        base64url::decode_array(text).ok()
    }
}
