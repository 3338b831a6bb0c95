//! Symmetric JWKs (`kty` `oct`, RFC 7518 §6.4) for HMAC with SHA-256.
//!
//! Only who configures a shared key calls this. Key sets of issuers and directories never do: there a symmetric key
//! stays one that cannot be used, see [`JwkSet`](super::JwkSet).

use alloc::borrow::ToOwned as _;

use super::jwk::{JwkError, kid, may_verify, optional_text, text};
use crate::crypto::SharedKey;
use crate::encoding::base64url;
use crate::encoding::json::Object;

impl SharedKey {
    /// Reads a symmetric JWK: `k`, with `alg` HS256 (or `hmac-sha256`, as RFC 9421 names it) or none, and where `use`
    /// and `key_ops` allow verifying.
    pub fn from_jwk(jwk: &Object<'_>) -> Result<Self, JwkError> {
        if text(jwk, "kty")? != "oct" {
            return Err(JwkError::Unsupported);
        }
        if !may_verify(jwk)? {
            return Err(JwkError::NotForVerifying);
        }
        if optional_text(jwk, "alg")?.is_some_and(|alg| !["HS256", "hmac-sha256"].contains(&alg)) {
            return Err(JwkError::Algorithm);
        }
        let secret = base64url::decode(text(jwk, "k")?).map_err(|_| JwkError::Malformed)?;
        Ok(Self::new(&secret)?.named(kid(jwk)?.map(str::to_owned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::KeyError;
    use crate::encoding::json;
    use alloc::format;

    const K: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    fn read(text: &str) -> Result<SharedKey, JwkError> {
        SharedKey::from_jwk(&json::parse_object(text.as_bytes(), 10_000).unwrap())
    }

    fn with(members: &str) -> Result<SharedKey, JwkError> {
        read(&format!(r#"{{"kty":"oct","k":"{K}"{members}}}"#))
    }

    #[test]
    fn an_oct_jwk_is_its_bytes_and_its_name() {
        let key = with(r#","kid":"a","alg":"HS256","use":"sig","key_ops":["sign","verify"]"#).unwrap();
        assert_eq!(key.kid(), Some("a"));
        let same = SharedKey::new(&base64url::decode(K).unwrap()).unwrap();
        assert!(key.verify(b"message", &same.tag(b"message")));
        assert_eq!(with("").unwrap().kid(), None);
        assert!(with(r#","alg":"hmac-sha256""#).is_ok());
    }

    #[test]
    fn every_other_is_refused() {
        for alg in ["HS384", "HS512", "RS256", "none", "hs256", ""] {
            assert_eq!(with(&format!(r#","alg":"{alg}""#)).err(), Some(JwkError::Algorithm), "{alg}");
        }
        assert_eq!(with(r#","use":"enc""#).err(), Some(JwkError::NotForVerifying));
        assert_eq!(with(r#","key_ops":["sign"]"#).err(), Some(JwkError::NotForVerifying));
        assert_eq!(with(r#","kid":7"#).err(), Some(JwkError::Malformed));
        assert_eq!(with(&format!(r#","kid":"{}""#, "a".repeat(1025))).err(), Some(JwkError::Malformed));
        assert_eq!(read(r#"{"kty":"oct"}"#).err(), Some(JwkError::Malformed));
        assert_eq!(read(r#"{"kty":"oct","k":"AyM1Syu="}"#).err(), Some(JwkError::Malformed));
        assert_eq!(read(r#"{"kty":"oct","k":"AyM1"}"#).err(), Some(JwkError::Key(KeyError::Length)));
        let public = format!(r#"{{"kty":"RSA","n":"{K}","e":"AQAB","k":"{K}"}}"#);
        assert_eq!(read(&public).err(), Some(JwkError::Unsupported));
    }
}
