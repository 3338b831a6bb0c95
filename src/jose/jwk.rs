//! Public JWKs and JWK Sets (RFC 7517, RFC 7518 §6, RFC 8037 §2).
//!
//! A set is read leniently, a key strictly: real sets hold keys of kinds unknown here, without `kid` or `alg`,
//! or for encryption. Such a key is skipped; it never spoils the set. A key with private or symmetric members
//! is skipped too: whatever published it, the whole world can sign with it.
//!
//! A [`Jwk`] that exists may verify: `use`, `key_ops` and `alg` have been obeyed, and its `alg`, where
//! present, stays a restriction. Certificates (`x5c`, `x5u`) are ignored.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::thumbprint::thumbprint;
use crate::crypto::{Algorithm, KeyError, PublicKey};
use crate::encoding::base64url;
use crate::encoding::json::{self, JsonErrorKind, Object, Value};

/// Longest JWK Set that is read: 64 KiB, as design and drafts bound key directories.
pub const MAX_SET_BYTES: usize = 64 * 1024;
/// Most keys of a set, unusable ones included.
pub const MAX_KEYS: usize = 100;
/// Most keys tried for one signature. Issuers overlap two or three during rotation.
pub const MAX_CANDIDATES: usize = 4;
/// Longest `kid` that is kept; longer ones are no kid that a token could fit in.
const MAX_KID_BYTES: usize = 1024;

/// Members that only private keys have (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2; `priv` of the AKP drafts).
const PRIVATE_MEMBERS: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

/// Why a JWK is not a key that may verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwkError {
    /// A member of a private key is there.
    Private,
    /// A symmetric key.
    Symmetric,
    /// `kty` or `crv` is not one used here.
    Unsupported,
    /// A member is missing, of the wrong type, or not canonical base64url.
    Malformed,
    /// The key itself fails its checks.
    Key(KeyError),
    /// `use` or `key_ops` is there and does not allow verifying.
    NotForVerifying,
    /// `alg` is one that is not used here or does not fit the key.
    Algorithm,
}

impl fmt::Display for JwkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Private => "jwk has private members",
            Self::Symmetric => "jwk is symmetric",
            Self::Unsupported => "jwk type or curve is not supported",
            Self::Malformed => "jwk member is missing or malformed",
            Self::Key(error) => return error.fmt(f),
            Self::NotForVerifying => "jwk is not for verifying signatures",
            Self::Algorithm => "jwk alg does not fit the key",
        })
    }
}

impl core::error::Error for JwkError {}

impl From<KeyError> for JwkError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

/// A public key that may verify, with what its JWK says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    key: PublicKey,
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    thumbprint: String,
}

impl Jwk {
    /// Reads a JWK.
    pub fn from_object(jwk: &Object<'_>) -> Result<Self, JwkError> {
        let kty = text(jwk, "kty")?;
        if kty == "oct" || jwk.contains("k") {
            return Err(JwkError::Symmetric);
        }
        if PRIVATE_MEMBERS.iter().any(|name| jwk.contains(name)) {
            return Err(JwkError::Private);
        }
        let key = public_key(kty, jwk)?;
        if !may_verify(jwk)? {
            return Err(JwkError::NotForVerifying);
        }
        let algorithm = optional_text(jwk, "alg")?.map(|name| restriction(name, &key)).transpose()?;
        let kid = kid(jwk)?.map(str::to_owned);
        let thumbprint = thumbprint(&key);
        Ok(Self { key, kid, algorithm, thumbprint })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The `kid`, where there is one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The only algorithm the key may be used with, where `alg` restricts it.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// The RFC 7638 thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The algorithms that the key may verify: for an RSA key without `alg` there are several, and something else
    /// must say which one a signature is of.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.iter().copied().filter(|algorithm| self.permits(*algorithm))
    }

    /// Whether the key may verify signatures of this algorithm.
    #[must_use]
    pub fn permits(&self, algorithm: Algorithm) -> bool {
        algorithm.fits(&self.key) && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// Whether `kid` names this key: by its own `kid`, or by thumbprint where it has none.
    #[must_use]
    pub fn is_named(&self, kid: &str) -> bool {
        self.kid().unwrap_or(&self.thumbprint) == kid
    }

    /// The public members again, with `kid` and `alg`.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut members: serde_json::Map<_, _> =
            self.key.jwk_members().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        if let Some(kid) = &self.kid {
            members.insert("kid".to_owned(), kid.as_str().into());
        }
        if let Some(algorithm) = self.algorithm {
            members.insert("alg".to_owned(), algorithm.jose().into());
        }
        members.into()
    }
}

fn public_key(kty: &str, jwk: &Object<'_>) -> Result<PublicKey, JwkError> {
    let bytes = |name| base64url::decode(text(jwk, name)?).map_err(|_| JwkError::Malformed);
    Ok(match kty {
        "OKP" if text(jwk, "crv")? == "Ed25519" => PublicKey::ed25519(&bytes("x")?)?,
        "EC" => match text(jwk, "crv")? {
            "P-256" => PublicKey::p256(&bytes("x")?, &bytes("y")?)?,
            "P-384" => PublicKey::p384(&bytes("x")?, &bytes("y")?)?,
            _ => return Err(JwkError::Unsupported),
        },
        "RSA" => PublicKey::rsa(&bytes("n")?, &bytes("e")?)?,
        _ => return Err(JwkError::Unsupported),
    })
}

/// RFC 7517 §4.2 and §4.3; where both are there, both must allow it.
pub(super) fn may_verify(jwk: &Object<'_>) -> Result<bool, JwkError> {
    let by_use = optional_text(jwk, "use")?.is_none_or(|usage| usage == "sig");
    let by_ops = match jwk.get("key_ops") {
        None => true,
        Some(ops) => {
            let ops = ops.as_array().ok_or(JwkError::Malformed)?;
            if ops.iter().any(|op| op.as_str().is_none()) {
                return Err(JwkError::Malformed);
            }
            ops.iter().any(|op| op.as_str() == Some("verify"))
        }
    };
    Ok(by_use && by_ops)
}

/// Directories of agents write the names of RFC 9421 as `alg` too.
fn restriction(name: &str, key: &PublicKey) -> Result<Algorithm, JwkError> {
    Algorithm::from_jose(name)
        .or_else(|| Algorithm::from_http_signatures(name))
        .filter(|algorithm| algorithm.fits(key))
        .ok_or(JwkError::Algorithm)
}

/// RFC 7517 §4.5.
pub(super) fn kid<'o>(jwk: &'o Object<'_>) -> Result<Option<&'o str>, JwkError> {
    let kid = optional_text(jwk, "kid")?;
    if kid.is_some_and(|kid| kid.len() > MAX_KID_BYTES) { Err(JwkError::Malformed) } else { Ok(kid) }
}

pub(super) fn text<'o>(jwk: &'o Object<'_>, name: &str) -> Result<&'o str, JwkError> {
    optional_text(jwk, name)?.ok_or(JwkError::Malformed)
}

pub(super) fn optional_text<'o>(jwk: &'o Object<'_>, name: &str) -> Result<Option<&'o str>, JwkError> {
    jwk.get(name).map(|value| value.as_str().ok_or(JwkError::Malformed)).transpose()
}

/// Why a document is not a JWK Set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwkSetError {
    /// Longer than [`MAX_SET_BYTES`].
    TooLong,
    /// Not strict JSON, or no object.
    Json,
    /// No `keys` array.
    NotASet,
    /// More than [`MAX_KEYS`] keys.
    TooManyKeys,
}

impl fmt::Display for JwkSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "key set is too long",
            Self::Json => "key set is not a strict json object",
            Self::NotASet => "key set has no keys array",
            Self::TooManyKeys => "key set has too many keys",
        })
    }
}

impl core::error::Error for JwkSetError {}

/// The usable keys of a JWK Set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    skipped: Vec<JwkError>,
}

impl JwkSet {
    /// Reads a JWK Set (RFC 7517 §5). Keys that cannot be used are skipped.
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        Self::from_object(&parse_document(document, MAX_SET_BYTES)?)
    }

    /// Reads a JWK Set, or a single JWK as a set of one: some agents' directories are no more than that.
    pub fn parse_directory(document: &[u8]) -> Result<Self, JwkSetError> {
        let object = parse_document(document, MAX_SET_BYTES)?;
        if object.contains("keys") || !object.contains("kty") {
            return Self::from_object(&object);
        }
        let mut set = Self::default();
        set.add(Jwk::from_object(&object));
        Ok(set)
    }

    /// The same keys, known by their thumbprints alone, as in directories of agents. With `kid_must_agree` a key
    /// with another `kid` is skipped: at the well-known path it must be the thumbprint.
    #[must_use]
    pub fn named_by_thumbprint(self, kid_must_agree: bool) -> Self {
        let mut named = Self { keys: Vec::new(), skipped: self.skipped };
        for key in self.keys {
            if kid_must_agree && key.kid.as_ref().is_some_and(|kid| *kid != key.thumbprint) {
                named.skipped.push(JwkError::Malformed);
            } else {
                named.keys.push(Jwk { kid: None, ..key });
            }
        }
        named
    }

    /// Without the keys that are not to be kept; asked in their order.
    #[must_use]
    pub(crate) fn filtered(mut self, keep: impl FnMut(&Jwk) -> bool) -> Self {
        self.keys.retain(keep);
        self
    }

    pub(super) fn from_object(object: &Object<'_>) -> Result<Self, JwkSetError> {
        let keys = object.get("keys").and_then(Value::as_array).ok_or(JwkSetError::NotASet)?;
        if keys.len() > MAX_KEYS {
            return Err(JwkSetError::TooManyKeys);
        }
        let mut set = Self::default();
        for key in keys {
            set.add(key.as_object().ok_or(JwkError::Malformed).and_then(Jwk::from_object));
        }
        Ok(set)
    }

    fn add(&mut self, key: Result<Jwk, JwkError>) {
        match key {
            Ok(key) => self.keys.push(key),
            Err(error) => self.skipped.push(error),
        }
    }

    /// The usable keys, in the order of the document.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// Why the other keys were skipped, for operators to see.
    #[must_use]
    pub fn skipped(&self) -> &[JwkError] {
        &self.skipped
    }

    /// The keys to try for a signature of `algorithm`, at most [`MAX_CANDIDATES`].
    ///
    /// With a `kid`, those that it names: also several, which are all tried. Without one, all that permit the
    /// algorithm.
    #[must_use]
    pub fn candidates(&self, kid: Option<&str>, algorithm: impl Into<Option<Algorithm>>) -> Vec<&Jwk> {
        self.matching(kid, algorithm).take(MAX_CANDIDATES).collect()
    }

    /// The same without a bound on how many.
    pub(super) fn matching(
        &self,
        kid: Option<&str>,
        algorithm: impl Into<Option<Algorithm>>,
    ) -> impl Iterator<Item = &Jwk> {
        let algorithm = algorithm.into();
        self.keys
            .iter()
            .filter(move |key| kid.is_none_or(|kid| key.is_named(kid)))
            .filter(move |key| algorithm.is_none_or(|algorithm| key.permits(algorithm)))
    }

    /// The key with this thumbprint, where the set has it.
    #[must_use]
    pub fn by_thumbprint(&self, thumbprint: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.thumbprint == thumbprint)
    }

    pub(super) fn keys_to_json(&self) -> serde_json::Value {
        self.keys.iter().map(Jwk::to_json).collect()
    }
}

pub(super) fn parse_document(document: &[u8], max_bytes: usize) -> Result<Object<'_>, JwkSetError> {
    json::parse_object(document, max_bytes).map_err(|error| match error.kind {
        JsonErrorKind::TooLong => JwkSetError::TooLong,
        _ => JwkSetError::Json,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const X2: &str = "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs";

    fn jwk(members: &str) -> Result<Jwk, JwkError> {
        let text = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"{members}}}"#);
        Jwk::from_object(&json::parse_object(text.as_bytes(), 10_000).unwrap())
    }

    fn other(text: &str) -> Result<Jwk, JwkError> {
        Jwk::from_object(&json::parse_object(text.as_bytes(), 10_000).unwrap())
    }

    #[test]
    fn private_and_symmetric_members_are_refused_apart() {
        assert_eq!(jwk(r#","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#), Err(JwkError::Private));
        assert_eq!(jwk(r#","d":null"#), Err(JwkError::Private));
        assert_eq!(jwk(r#","qi":"AA""#), Err(JwkError::Private));
        assert_eq!(jwk(r#","k":"AA""#), Err(JwkError::Symmetric));
        assert_eq!(other(r#"{"kty":"oct","k":"AA"}"#), Err(JwkError::Symmetric));
    }

    #[test]
    fn unknown_types_and_curves_are_unsupported() {
        for text in [
            r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
            r#"{"kty":"OKP","crv":"Ed448","x":"AA"}"#,
            r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
            r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#,
            r#"{"kty":"EC","crv":"P-385","x":"AA","y":"AA"}"#,
            r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#,
            r#"{"kty":"okp","crv":"Ed25519","x":"AA"}"#,
        ] {
            assert_eq!(other(text), Err(JwkError::Unsupported), "{text}");
        }
    }

    #[test]
    fn members_are_there_canonical_and_of_their_types() {
        for text in [
            "{}",
            r#"{"kty":1}"#,
            r#"{"kty":"OKP","x":"AA"}"#,
            r#"{"kty":"OKP","crv":"Ed25519"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"AB"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"AA=="}"#,
            r#"{"kty":"RSA","n":"AQAB"}"#,
        ] {
            assert_eq!(other(text), Err(JwkError::Malformed), "{text}");
        }
        assert_eq!(
            other(r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#),
            Err(JwkError::Key(KeyError::Length))
        );
        for members in [
            r#","kid":7"#,
            r#","use":null"#,
            r#","alg":[]"#,
            r#","key_ops":"verify""#,
            r#","key_ops":["verify",1]"#,
        ] {
            assert_eq!(jwk(members), Err(JwkError::Malformed), "{members}");
        }
    }

    #[test]
    fn use_key_ops_and_alg_are_obeyed() {
        for members in [
            r#","use":"enc""#,
            r#","key_ops":["sign"]"#,
            r#","key_ops":[]"#,
            r#","use":"sig","key_ops":["deriveKey"]"#,
        ] {
            assert_eq!(jwk(members), Err(JwkError::NotForVerifying), "{members}");
        }
        for members in [r#","alg":"ES256""#, r#","alg":"HS256""#, r#","alg":"ECDH-ES""#, r#","alg":"eddsa""#]
        {
            assert_eq!(jwk(members), Err(JwkError::Algorithm), "{members}");
        }
        for members in [
            "",
            r#","alg":"EdDSA""#,
            r#","alg":"Ed25519""#,
            r#","alg":"ed25519","use":"sig","key_ops":["verify"]"#,
        ] {
            let jwk = jwk(members).unwrap();
            assert!(jwk.permits(Algorithm::Ed25519) && !jwk.permits(Algorithm::EcdsaP256Sha256));
        }
    }

    const P384: &str = concat!(
        r#""kty":"EC","crv":"P-384","x":"qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3","#,
        r#""y":"NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f""#,
    );

    fn rsa(members: &str) -> Result<Jwk, JwkError> {
        let n = base64url::encode(&[0xa5; 256]);
        other(&format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB"{members}}}"#))
    }

    #[test]
    fn a_p_384_key_has_one_algorithm() {
        let key = other(&format!("{{{P384}}}")).unwrap();
        assert!(key.algorithms().eq([Algorithm::EcdsaP384Sha384]));
        assert_eq!(other(&key.key().to_jwk()).unwrap().thumbprint(), key.thumbprint());
        let with_alg = |alg: &str| other(&format!(r#"{{{P384},"alg":"{alg}"}}"#)).map(|key| key.algorithm());
        for alg in ["ES384", "ecdsa-p384-sha384"] {
            assert_eq!(with_alg(alg), Ok(Some(Algorithm::EcdsaP384Sha384)), "{alg}");
        }
        for alg in ["ES256", "ES512", "PS512", "ecdsa-p256-sha256"] {
            assert_eq!(with_alg(alg), Err(JwkError::Algorithm), "{alg}");
        }
        // A P-256 key that calls itself one of P-384, and the other way round.
        assert_eq!(
            other(&format!("{{{}}}", P384.replace("P-384", "P-256"))),
            Err(JwkError::Key(KeyError::Length))
        );
        #[cfg(feature = "ecdsa")]
        assert_eq!(
            other(&format!("{{{}}}", P384.replace("g5f", "g5e"))),
            Err(JwkError::Key(KeyError::NotOnCurve))
        );
    }

    #[test]
    fn an_rsa_key_fits_six_algorithms_unless_its_alg_says_which() {
        use Algorithm::{RsaPssSha256, RsaPssSha384, RsaPssSha512, RsaV15Sha256, RsaV15Sha384, RsaV15Sha512};
        assert!(rsa("").unwrap().algorithms().eq([
            RsaPssSha512,
            RsaPssSha256,
            RsaV15Sha256,
            RsaPssSha384,
            RsaV15Sha384,
            RsaV15Sha512
        ]));
        for (alg, expected) in [
            ("PS512", RsaPssSha512),
            ("rsa-pss-sha512", RsaPssSha512),
            ("PS256", RsaPssSha256),
            ("rsa-pss-sha256", RsaPssSha256),
            ("RS256", RsaV15Sha256),
            ("rsa-v1_5-sha256", RsaV15Sha256),
            ("PS384", RsaPssSha384),
            ("RS384", RsaV15Sha384),
            ("RS512", RsaV15Sha512),
        ] {
            assert!(rsa(&format!(r#","alg":"{alg}""#)).unwrap().algorithms().eq([expected]), "{alg}");
        }
        for alg in ["rsa-v1_5-sha384", "rsa-pss-sha384", "RS1", "RSA-OAEP", "ES256", "HS256"] {
            assert_eq!(rsa(&format!(r#","alg":"{alg}""#)), Err(JwkError::Algorithm), "{alg}");
        }
        let n = base64url::encode(&[0xa5; 256]);
        let key = |alg: &str| format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB","kid":"k"{alg}}}"#);
        let keys = [key(""), key(r#","alg":"PS512""#), key(r#","alg":"RS256""#), format!("{{{P384}}}")];
        let set = JwkSet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap();
        for algorithm in Algorithm::ALL {
            let expected = match algorithm {
                RsaPssSha512 | RsaV15Sha256 => 2,
                Algorithm::EcdsaP384Sha384 => 1,
                _ if algorithm.fits(set.keys()[0].key()) => 1,
                _ => 0,
            };
            assert_eq!(set.candidates(None, *algorithm).len(), expected, "{algorithm:?}");
        }
        assert_eq!(set.candidates(Some("k"), RsaPssSha512).len(), 2);
        assert_eq!(set.candidates(Some("k"), None).len(), 3);
    }

    #[test]
    fn a_key_that_cannot_be_used_never_spoils_the_set() {
        let set = format!(
            r#"{{"keys":[{{"kty":"oct","k":"AA"}},7,{{"kty":"new"}},{{"kty":"OKP","crv":"Ed25519","x":"{X}"}}],"x":1}}"#
        );
        let set = JwkSet::parse(set.as_bytes()).unwrap();
        assert_eq!(set.keys().len(), 1);
        assert_eq!(set.skipped(), [JwkError::Symmetric, JwkError::Malformed, JwkError::Unsupported]);
        assert_eq!(set.by_thumbprint("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"), set.keys().first());
    }

    #[test]
    fn what_is_no_set_is_an_error() {
        let bare = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"}}"#);
        for text in ["{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, bare.as_str()] {
            assert_eq!(JwkSet::parse(text.as_bytes()), Err(JwkSetError::NotASet), "{text}");
        }
        for text in ["", "[]", r#"{"keys":[],"keys":[]}"#, "<html>"] {
            assert_eq!(JwkSet::parse(text.as_bytes()), Err(JwkSetError::Json), "{text}");
        }
        assert_eq!(JwkSet::parse_directory(bare.as_bytes()).unwrap().keys().len(), 1);
        assert_eq!(JwkSet::parse_directory(b"{}"), Err(JwkSetError::NotASet));
        let many = |n: usize| format!(r#"{{"keys":[{}0]}}"#, "0,".repeat(n - 1));
        assert_eq!(JwkSet::parse(many(MAX_KEYS).as_bytes()).unwrap().skipped().len(), MAX_KEYS);
        assert_eq!(JwkSet::parse(many(MAX_KEYS + 1).as_bytes()), Err(JwkSetError::TooManyKeys));
        assert_eq!(JwkSet::parse(" ".repeat(MAX_SET_BYTES + 1).as_bytes()), Err(JwkSetError::TooLong));
    }

    #[test]
    fn candidates_are_all_that_kid_and_algorithm_leave_up_to_a_bound() {
        let key = |x: &str, kid: &str| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"{kid}}}"#);
        let set = |keys: &[String]| {
            JwkSet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap()
        };
        let set_of_3 = set(&[key(X, r#","kid":"a""#), key(X2, r#","kid":"a""#), key(X, "")]);
        let count = |kid, algorithm| set_of_3.candidates(kid, algorithm).len();
        assert_eq!(count(Some("a"), Algorithm::Ed25519), 2);
        assert_eq!(count(None, Algorithm::Ed25519), 3);
        assert_eq!(count(None, Algorithm::RsaV15Sha256), 0);
        assert_eq!(count(Some("b"), Algorithm::Ed25519), 0);
        assert_eq!(count(Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"), Algorithm::Ed25519), 1);
        let many: Vec<_> = (0..10).map(|_| key(X, "")).collect();
        assert_eq!(set(&many).candidates(None, Algorithm::Ed25519).len(), MAX_CANDIDATES);
    }

    proptest::proptest! {
        #[test]
        fn no_set_makes_it_panic(text in "\\{\"keys\":\\[(\\{(\"(kty|crv|x|y|n|e|kid|use|alg)\":(\"(OKP|EC|RSA|Ed25519|P-256|P-384|[A-Za-z0-9_-]{0,43})\"|1|null),?){0,5}\\},?){0,3}\\]\\}") {
            let _ = JwkSet::parse(text.as_bytes());
            let _ = JwkSet::parse_directory(text.as_bytes());
        }
    }
}
