//! The gate's own signatures. Security events, which are rare, are issued with `jwt-simple`; assertions, one with each
//! request that goes through, are signed by the host's `WebCrypto`, which takes a tenth of the time.

use std::cell::RefCell;

use countersign::audit::signed::signing_input;
use countersign::decision::ASSERTION_TYPE;
use countersign::encoding::base64url;
use countersign::event::SET_TYPE;
use js_sys::{Array, JSON, Object, Reflect, Uint8Array};
use jwt_simple::prelude::{Ed25519KeyPair, EdDSAKeyPairLike, HeaderOptions, JWTClaims};
use serde_json::{Map, Value, json};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::CryptoKey;
use worker::{Error, Result};

use crate::webcrypto;

/// The gate's keys. The first signs; all are published, so that a rotation overlaps.
pub(crate) struct Signer {
    signing: Ed25519KeyPair,
    /// The same key for `WebCrypto`, imported at the first assertion.
    host_key: RefCell<Option<CryptoKey>>,
    /// The encoded header of every assertion.
    assertion_header: String,
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
        let header = json!({ "alg": "EdDSA", "kid": signing.jwk_thumbprint(), "typ": ASSERTION_TYPE });
        let assertion_header = base64url::encode(header.to_string().as_bytes());
        Ok(Self {
            signing,
            host_key: RefCell::default(),
            assertion_header,
            public: json!({ "keys": public }),
        })
    }

    /// The public keys as a JWK Set.
    pub(crate) fn jwks(&self) -> &Value {
        &self.public
    }

    /// The assertion that tells the origin who it was.
    pub(crate) async fn assertion(&self, claims: &Value) -> Result<String> {
        let input = format!("{}.{}", self.assertion_header, base64url::encode(claims.to_string().as_bytes()));
        self.complete(input).await
    }

    /// What is signed, with the signature behind it.
    async fn complete(&self, input: String) -> Result<String> {
        let (subtle, key) = (webcrypto::subtle()?, self.host_key().await?);
        let signature = subtle.sign_with_str_and_u8_array("Ed25519", &key, input.as_bytes())?;
        let signature = Uint8Array::new(&JsFuture::from(signature).await?).to_vec();
        Ok(format!("{input}.{}", base64url::encode(&signature)))
    }

    /// A statement for whoever reads the audit log.
    pub(crate) async fn statement(&self, typ: &str, claims: &Value) -> Result<String> {
        self.complete(signing_input(typ, &self.signing.jwk_thumbprint(), claims)).await
    }

    /// The signing key on the host, not extractable.
    async fn host_key(&self) -> Result<CryptoKey> {
        if let Some(key) = self.host_key.borrow().as_ref() {
            return Ok(key.clone());
        }
        let jwk: Object = JSON::parse(&self.signing.to_jwk())?.unchecked_into();
        for member in ["alg", "kid", "use", "key_ops"] {
            Reflect::delete_property(&jwk, &member.into())?;
        }
        let usages = Array::of1(&"sign".into());
        let key = webcrypto::subtle()?.import_key_with_str("jwk", &jwk, "Ed25519", false, &usages)?;
        let key: CryptoKey = JsFuture::from(key).await?.unchecked_into();
        self.host_key.replace(Some(key.clone()));
        Ok(key)
    }

    /// A Security Event Token.
    pub(crate) fn event(&self, claims: Value) -> Result<String> {
        self.sign(claims, SET_TYPE)
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
