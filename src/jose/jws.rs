//! JWS in compact serialisation (RFC 7515 §3.1), split and bounded, nothing in it believed.
//!
//! Refused are every `crit` (RFC 7515 §4.1.11: no extension is understood here; `[]` and `null` too), `b64`
//! (RFC 7797), and whatever [`base64url`] and [`json`] refuse. `jku`, `x5u`, `x5c` and `jwk` are never used to
//! find the key of a token; `jwk` is handed out for `DPoP`, where it is what the proof is about.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::crypto::{Algorithm, CheckError, PublicKey, SignatureCheck};
use crate::encoding::base64url;
use crate::encoding::json::{self, JsonError, Object, Value};

/// Longest compact serialisation that is read: 8 KiB, the limit of a field on many servers.
pub const MAX_JWS_BYTES: usize = 8 * 1024;

/// Why a text is not a JWS that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsError {
    /// Longer than [`MAX_JWS_BYTES`].
    TooLong,
    /// Not three parts with dots between them (five are a JWE).
    Parts,
    /// A part is not canonical base64url.
    Encoding,
    /// The header is not strict JSON, or no object.
    Header,
    /// `crit` is there.
    Critical,
    /// `b64` is there.
    UnencodedPayload,
    /// `alg` is missing or no string.
    AlgorithmMissing,
    /// `typ` or `kid` is no string, or `jwk` no object.
    HeaderMember,
}

impl fmt::Display for JwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "jws is too long",
            Self::Parts => "jws does not have three parts",
            Self::Encoding => "jws part is not canonical base64url",
            Self::Header => "jws header is not a strict json object",
            Self::Critical => "jws has critical extensions",
            Self::UnencodedPayload => "jws has a b64 member",
            Self::AlgorithmMissing => "jws has no alg",
            Self::HeaderMember => "jws header member has the wrong type",
        })
    }
}

impl core::error::Error for JwsError {}

/// A JWS, split but not verified: everything it says is only claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jws {
    signing_input: String,
    algorithm_name: String,
    typ: Option<String>,
    kid: Option<String>,
    header: Object<'static>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Jws {
    /// Splits a compact serialisation.
    pub fn parse(text: &str) -> Result<Self, JwsError> {
        Self::parse_within(text, MAX_JWS_BYTES)
    }

    /// The same for what no field carries, and may be longer.
    pub(crate) fn parse_within(text: &str, max_bytes: usize) -> Result<Self, JwsError> {
        if text.len() > max_bytes {
            return Err(JwsError::TooLong);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(JwsError::Parts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Parts)?;
        if payload.contains('.') {
            return Err(JwsError::Parts);
        }
        let decode = |part| base64url::decode(part).map_err(|_| JwsError::Encoding);
        let header = decode(header)?;
        let header = json::parse_object(&header, MAX_JWS_BYTES).map_err(|_| JwsError::Header)?;
        if header.contains("crit") {
            return Err(JwsError::Critical);
        }
        if header.contains("b64") {
            return Err(JwsError::UnencodedPayload);
        }
        if header.get("jwk").is_some_and(|jwk| jwk.as_object().is_none()) {
            return Err(JwsError::HeaderMember);
        }
        let algorithm_name = header.get("alg").and_then(Value::as_str).ok_or(JwsError::AlgorithmMissing)?;
        Ok(Self {
            signing_input: signing_input.to_owned(),
            algorithm_name: algorithm_name.to_owned(),
            typ: optional_string(&header, "typ")?,
            kid: optional_string(&header, "kid")?,
            header: header.into_owned(),
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// The claimed `alg` as written.
    #[must_use]
    pub fn algorithm_name(&self) -> &str {
        &self.algorithm_name
    }

    /// The claimed `alg`, where it is one that may verify here; `none` and symmetric ones are not.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::from_jose(&self.algorithm_name)
    }

    /// The claimed `kid`: a hint among the keys of a set already chosen, never a path or URL.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The claimed `typ` as written.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Whether `typ` is there and means `application/<subtype>` (RFC 7515 §4.1.9).
    ///
    /// The prefix may be left out and case does not matter, as these are media type names. Parameters and
    /// white space do not match.
    #[must_use]
    pub fn typ_is(&self, subtype: &str) -> bool {
        const PREFIX: &str = "application/";
        self.typ().is_some_and(|typ| {
            let (prefix, rest) = typ.split_at_checked(PREFIX.len()).unwrap_or(("", typ));
            let typ = if prefix.eq_ignore_ascii_case(PREFIX) { rest } else { typ };
            typ.eq_ignore_ascii_case(subtype)
        })
    }

    /// The `jwk` that the header carries, unchecked: for `DPoP` proofs only (RFC 9449 §4.2).
    #[must_use]
    pub fn embedded_jwk(&self) -> Option<&Object<'static>> {
        self.header.get("jwk").and_then(Value::as_object)
    }

    /// The whole header.
    #[must_use]
    pub fn header(&self) -> &Object<'static> {
        &self.header
    }

    /// What the signature is over (RFC 7515 §5.1, step 8).
    #[must_use]
    pub fn signing_input(&self) -> &str {
        &self.signing_input
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The payload, unverified.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload as a JSON object, unverified.
    pub fn claims(&self) -> Result<Object<'_>, JsonError> {
        json::parse_object(&self.payload, MAX_JWS_BYTES)
    }

    /// The check whether `key` signed this with `algorithm`. Whether the two may be used is the caller's to say.
    pub fn check(&self, key: PublicKey, algorithm: Algorithm) -> Result<SignatureCheck, CheckError> {
        SignatureCheck::new(key, algorithm, self.signing_input.as_bytes().to_vec(), self.signature.clone())
    }
}

fn optional_string(header: &Object<'_>, name: &str) -> Result<Option<String>, JwsError> {
    match header.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(|text| Some(text.to_owned())).ok_or(JwsError::HeaderMember),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;

    fn with_header(header: &str) -> Result<Jws, JwsError> {
        Jws::parse(&format!("{}.e30.AAAA", base64url::encode(header.as_bytes())))
    }

    #[test]
    fn three_parts_in_canonical_base64url() {
        assert!(with_header(r#"{"alg":"EdDSA"}"#).is_ok());
        for text in ["", "a", "a.b", "e30.e30", "a.b.c.d", "a.b.c.d.e", "...."] {
            assert_eq!(Jws::parse(text), Err(JwsError::Parts), "{text}");
        }
        let header = base64url::encode(br#"{"alg":"EdDSA"}"#);
        for (payload, signature) in
            [("e30=", "AAAA"), ("e30", "AAAA="), ("e31", "AAAA"), ("e3 0", "AA"), ("e30", "A")]
        {
            assert_eq!(Jws::parse(&format!("{header}.{payload}.{signature}")), Err(JwsError::Encoding));
        }
        assert_eq!(Jws::parse(&format!(" {header}.e30.AAAA")), Err(JwsError::Encoding));
        assert_eq!(Jws::parse(&format!("{header}.e30.{}", "A".repeat(8192))), Err(JwsError::TooLong));
    }

    #[test]
    fn critical_extensions_are_refused_however_empty() {
        for crit in ["[]", "null", r#"["exp"]"#, r#"["b64"]"#, "{}", "\"\""] {
            assert_eq!(with_header(&format!(r#"{{"alg":"EdDSA","crit":{crit}}}"#)), Err(JwsError::Critical));
        }
        assert_eq!(with_header(r#"{"alg":"EdDSA","\u0063rit":[]}"#), Err(JwsError::Critical));
        for b64 in ["true", "false"] {
            let header = format!(r#"{{"alg":"EdDSA","b64":{b64}}}"#);
            assert_eq!(with_header(&header), Err(JwsError::UnencodedPayload));
        }
    }

    #[test]
    fn header_members_have_their_types() {
        for (header, error) in [
            ("{}", JwsError::AlgorithmMissing),
            (r#"{"alg":null}"#, JwsError::AlgorithmMissing),
            (r#"{"alg":["EdDSA"]}"#, JwsError::AlgorithmMissing),
            (r#"{"alg":"EdDSA","alg":"none"}"#, JwsError::Header),
            (r#"{"alg":"EdDSA","x":{"y":1,"y":2}}"#, JwsError::Header),
            ("[]", JwsError::Header),
            (r#"{"alg":"EdDSA"}x"#, JwsError::Header),
            (r#"{"alg":"EdDSA","kid":1}"#, JwsError::HeaderMember),
            (r#"{"alg":"EdDSA","kid":null}"#, JwsError::HeaderMember),
            (r#"{"alg":"EdDSA","typ":{}}"#, JwsError::HeaderMember),
            (r#"{"alg":"EdDSA","jwk":"{}"}"#, JwsError::HeaderMember),
        ] {
            assert_eq!(with_header(header), Err(error), "{header}");
        }
    }

    #[test]
    fn alg_is_exact() {
        for (alg, expected) in [
            ("EdDSA", true),
            ("Ed25519", true),
            ("eddsa", false),
            ("none", false),
            ("HS256", false),
            ("ES256 ", false),
        ] {
            let jws = with_header(&format!(r#"{{"alg":"{alg}"}}"#)).unwrap();
            assert_eq!((jws.algorithm().is_some(), jws.algorithm_name()), (expected, alg));
        }
    }

    #[test]
    fn typ_is_a_media_type_name() {
        let is =
            |typ: &str| with_header(&format!(r#"{{"alg":"EdDSA","typ":"{typ}"}}"#)).unwrap().typ_is("at+jwt");
        assert!(is("at+jwt") && is("AT+JWT") && is("application/at+jwt") && is("Application/AT+jwt"));
        for typ in [
            "jwt",
            "at+jwt;v=1",
            " at+jwt",
            "text/at+jwt",
            "application/",
            "application/application/at+jwt",
            "",
        ] {
            assert!(!is(typ), "{typ}");
        }
        assert!(!with_header(r#"{"alg":"EdDSA"}"#).unwrap().typ_is(""));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-zA-Z0-9._=-]{0,60}|\\PC{0,60}") {
            let _ = Jws::parse(&text);
        }

        #[test]
        fn no_header_and_payload_make_it_panic(header in "\\{(\"alg\":\"EdDSA\"|\"[a-z]{1,3}\":[0-9]|,){0,4}\\}", payload in any::<[u8; 6]>()) {
            let text = format!("{}.{}.AA", base64url::encode(header.as_bytes()), base64url::encode(&payload));
            if let Ok(jws) = Jws::parse(&text) {
                let _ = jws.claims();
                prop_assert_eq!(jws.payload(), payload);
            }
        }
    }
}
