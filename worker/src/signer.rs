//! The gate's own signatures: assertions for the origin and security events, issued with `jwt-simple`.

use jwt_simple::prelude::{Ed25519KeyPair, EdDSAKeyPairLike, HeaderOptions, JWTClaims};
use serde_json::{Map, Value, json};
use worker::{Error, Result};

/// The gate's keys. The first signs; all are published, so that a rotation overlaps.
pub(crate) struct Signer {
    signing: Ed25519KeyPair,
    public: Value,
}

impl Signer {
    /// Reads the secret: one private JWK, an array of them, or a JWK Set.
    pub(crate) fn from_secret(secret: Option<&str>) -> core::result::Result<Self, &'static str> {
        let secret = secret.ok_or("is not set; put a private Ed25519 JWK into this secret")?;
        let value: Value =
            serde_json::from_str(secret).map_err(|_| "is not JSON; put a private Ed25519 JWK into it")?;
        let keys = match value {
            Value::Array(keys) => keys,
            Value::Object(mut set) => match set.remove("keys") {
                Some(Value::Array(keys)) => keys,
                Some(_) => return Err("has a `keys` member that is no array"),
                None => vec![Value::Object(set)],
            },
            _ => return Err("is not a JWK, an array of JWKs or a JWK Set"),
        };
        let pairs = keys.iter().map(key_pair).collect::<core::result::Result<Vec<_>, _>>()?;
        let public = pairs.iter().map(public_jwk).collect::<Option<Vec<_>>>().ok_or(NOT_A_KEY)?;
        let signing = pairs.into_iter().next().ok_or("has no key; put a private Ed25519 JWK into it")?;
        Ok(Self { signing, public: json!({ "keys": public }) })
    }

    /// The public keys as a JWK Set.
    pub(crate) fn jwks(&self) -> &Value {
        &self.public
    }

    /// The assertion that tells the origin who it was.
    pub(crate) fn assertion(&self, claims: Value) -> Result<String> {
        self.sign(claims, countersign::decision::ASSERTION_TYPE)
    }

    /// A Security Event Token.
    pub(crate) fn event(&self, claims: Value) -> Result<String> {
        self.sign(claims, countersign::event::SET_TYPE)
    }

    /// Signs claims that the core made, times included: `jwt-simple` adds none of its own.
    fn sign(&self, claims: Value, typ: &str) -> Result<String> {
        let Value::Object(custom) = claims else { return Err(Error::from("claims are no object")) };
        let claims: JWTClaims<Map<String, Value>> = JWTClaims {
            issued_at: None,
            expires_at: None,
            invalid_before: None,
            issuer: None,
            subject: None,
            audiences: None,
            jwt_id: None,
            nonce: None,
            custom,
        };
        let options = HeaderOptions { signature_type: Some(typ.to_owned()), ..HeaderOptions::default() };
        self.signing.sign_with_options(claims, &options).map_err(|_| Error::from("cannot sign"))
    }
}

const NOT_A_KEY: &str = "holds something else than private Ed25519 JWKs";

/// The key pair of a private JWK, under its thumbprint.
fn key_pair(jwk: &Value) -> core::result::Result<Ed25519KeyPair, &'static str> {
    if jwk.get("kty").and_then(Value::as_str) != Some("OKP") || jwk.get("d").is_none() {
        return Err(NOT_A_KEY);
    }
    let pair = Ed25519KeyPair::from_jwk(&jwk.to_string()).map_err(|_| NOT_A_KEY)?;
    let thumbprint = pair.jwk_thumbprint();
    Ok(pair.with_key_id(&thumbprint))
}

fn public_jwk(pair: &Ed25519KeyPair) -> Option<Value> {
    let mut jwk: Value = serde_json::from_str(&pair.public_key().to_jwk()).ok()?;
    let members = jwk.as_object_mut()?;
    members.remove("d");
    members.insert("kid".into(), pair.jwk_thumbprint().into());
    members.insert("use".into(), "sig".into());
    members.insert("alg".into(), "EdDSA".into());
    Some(jwk)
}
