//! What the gate signs for whoever reads its log: a JWS (RFC 7515) by a key of its own key set, with a `typ` of its own, so
//! that an assertion or an event can never pass for a checkpoint (RFC 8725 §3.11).

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use serde_json::{Value, json};

use crate::crypto::{Algorithm, Verdict};
use crate::encoding::base64url;
use crate::encoding::json::{self as strict, Object};
use crate::jose::JwkSet;
use crate::jose::jws::Jws;

/// Most keys that are tried.
const MAX_TRIED_KEYS: usize = 8;

/// Why a signed statement is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedError {
    /// It is no JWS.
    Malformed,
    /// It is signed for something else.
    Type,
    /// No key of the set is the one it names, or its algorithm is not `EdDSA`.
    KeyUnknown,
    /// The signature is not valid.
    Signature,
    /// Its claims are not those of such a statement.
    Claims,
}

impl fmt::Display for SignedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "is no jws",
            Self::Type => "is signed for something else",
            Self::KeyUnknown => "is signed with a key that is not among the keys",
            Self::Signature => "has a signature that is not valid",
            Self::Claims => "does not claim what it must",
        })
    }
}

impl core::error::Error for SignedError {}

/// The claims of a statement of this type, of which the signature is valid.
pub(super) fn signed(
    jws: &str,
    typ: &str,
    keys: &JwkSet,
    max_bytes: usize,
) -> Result<Object<'static>, SignedError> {
    let jws = Jws::parse_within(jws, max_bytes).map_err(|_| SignedError::Malformed)?;
    if jws.typ() != Some(typ) {
        return Err(SignedError::Type);
    }
    let algorithm = jws.algorithm().filter(|algorithm| *algorithm == Algorithm::Ed25519);
    let algorithm = algorithm.ok_or(SignedError::KeyUnknown)?;
    let candidates = keys.candidates(jws.kid(), algorithm);
    if candidates.is_empty() {
        return Err(SignedError::KeyUnknown);
    }
    let holds = candidates.into_iter().take(MAX_TRIED_KEYS).any(|key| {
        jws.check(key.key().clone(), algorithm).is_ok_and(|check| check.verify() == Verdict::Valid)
    });
    if !holds {
        return Err(SignedError::Signature);
    }
    let claims = strict::parse_object(jws.payload(), max_bytes);
    claims.map(Object::into_owned).map_err(|_| SignedError::Claims)
}

/// What a host signs with Ed25519 (RFC 7515 §5.1): with a dot and the signature in base64url behind it, it is a statement.
#[must_use]
pub fn signing_input(typ: &str, kid: &str, claims: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "kid": kid, "typ": typ });
    let encode = |value: &Value| base64url::encode(value.to_string().as_bytes());
    format!("{}.{}", encode(&header), encode(claims))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::audit::CHECKPOINT_TYPE;
    use ed25519_compact::{KeyPair, Seed};

    /// A gate's signing key.
    pub(in crate::audit) struct Signer(KeyPair);

    /// Somebody else's.
    pub(in crate::audit) fn other() -> Signer {
        Signer::new(99)
    }

    impl Signer {
        pub(in crate::audit) fn new(seed: u8) -> Self {
            Self(KeyPair::from_seed(Seed::new([seed; 32])))
        }

        pub(in crate::audit) fn keys(&self) -> JwkSet {
            let x = base64url::encode(&*self.0.pk);
            let kid = &x;
            let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid }] });
            JwkSet::parse(set.to_string().as_bytes()).unwrap()
        }

        pub(in crate::audit) fn sign(&self, typ: &str, claims: &Value) -> String {
            let input = signing_input(typ, &base64url::encode(&*self.0.pk), claims);
            let signature = self.0.sk.sign(input.as_bytes(), None);
            format!("{input}.{}", base64url::encode(&*signature))
        }
    }

    #[test]
    fn only_a_statement_of_its_type_and_key_is_believed() {
        let signer = Signer::new(1);
        let jws = signer.sign(CHECKPOINT_TYPE, &json!({ "a": 1 }));
        let read = |jws: &str, keys: &JwkSet| signed(jws, CHECKPOINT_TYPE, keys, 1024).map(|_| ());
        assert_eq!(read(&jws, &signer.keys()), Ok(()));
        assert_eq!(read(&jws, &other().keys()), Err(SignedError::KeyUnknown));
        assert_eq!(read("a.b", &signer.keys()), Err(SignedError::Malformed));
        assert_eq!(read(&jws.replace('.', ".."), &signer.keys()), Err(SignedError::Malformed));
        let assertion = signer.sign("countersign-assertion+jwt", &json!({ "a": 1 }));
        assert_eq!(read(&assertion, &signer.keys()), Err(SignedError::Type));
        let claims = base64url::encode(br#"{"a":1}"#);
        let forged = jws.replace(&claims, &base64url::encode(br#"{"a":2}"#));
        assert_eq!(read(&forged, &signer.keys()), Err(SignedError::Signature));
        assert_eq!(read(&signer.sign(CHECKPOINT_TYPE, &json!([])), &signer.keys()), Err(SignedError::Claims));
        assert_eq!(signed(&jws, CHECKPOINT_TYPE, &signer.keys(), 10), Err(SignedError::Malformed));
    }
}
