//! The gate's own signatures. Security events, which are rare, are issued with `jwt-simple` where the key is Ed25519;
//! assertions, one with each request that goes through, are signed by the host's `WebCrypto`, which takes a tenth of the
//! time. So are events with an RSA key: the private operations of RSA in Rust are not in constant time (RUSTSEC-2023-0071).

use std::cell::RefCell;

use countersign::audit::signed::signing_input;
use countersign::config::EventAlgorithm;
use countersign::crypto::Algorithm;
use countersign::decision::ASSERTION_TYPE;
use countersign::encoding::base64url;
use countersign::event::SET_TYPE;
use countersign::jose::jwk::JwkSet;
use js_sys::{Array, JSON, Object, Reflect, Uint8Array};
use jwt_simple::prelude::{Ed25519KeyPair, EdDSAKeyPairLike, HeaderOptions, JWTClaims};
use serde_json::{Map, Value, json};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::CryptoKey;
use worker::{Error, Result};

use crate::isolate::{EVENTS_KEY, SIGNING_KEY};
use crate::webcrypto;

/// The gate's keys. The first of an algorithm signs; all are published, so that a rotation overlaps.
pub(crate) struct Signer {
    assertions: Ed25519KeyPair,
    /// The same key for `WebCrypto`, imported at the first assertion.
    host_key: RefCell<Option<CryptoKey>>,
    /// The encoded header of every assertion.
    assertion_header: String,
    events: Option<Key>,
    public: Value,
}

/// A private key.
enum Key {
    Ed25519(Box<Ed25519KeyPair>),
    Rsa(RsaKey),
}

/// A private RSA key, for `WebCrypto`.
struct RsaKey {
    /// A private JWK in JSON.
    jwk: String,
    kid: String,
    public: Value,
}

/// What is wrong with which secret.
type Fault = (&'static str, &'static str);

impl Signer {
    /// Reads the secrets, each one private JWK, an array of them, or a JWK Set: the gate's keys, and where there are any
    /// for events alone, those. `algorithm` is that of events, where there are any.
    pub(crate) fn from_secrets(
        signing: Option<&str>,
        events: Option<&str>,
        algorithm: Option<EventAlgorithm>,
    ) -> core::result::Result<Self, Fault> {
        let fault = |message| (SIGNING_KEY, message);
        let signing = signing.ok_or(fault("is not set; put a private Ed25519 JWK into this secret"))?;
        let signing = read(signing).map_err(fault)?;
        let of_events = events.map(read).transpose().map_err(|message| (EVENTS_KEY, message))?;
        let public: Vec<_> = signing
            .iter()
            .chain(of_events.iter().flatten())
            .map(Key::public)
            .collect::<Option<_>>()
            .ok_or(fault(NOT_A_KEY))?;
        let source = if of_events.is_some() { EVENTS_KEY } else { SIGNING_KEY };
        let assertions = signing.iter().find_map(Key::ed25519);
        let assertions =
            assertions.ok_or(fault("has no Ed25519 key; put a private Ed25519 JWK into it"))?.clone();
        let events = match algorithm {
            None => None,
            Some(algorithm) => {
                let key = of_events.unwrap_or(signing).into_iter().find(|key| key.algorithm() == algorithm);
                let missing = match algorithm {
                    EventAlgorithm::EdDSA => "has no Ed25519 key, with which events are signed; add one",
                    EventAlgorithm::RS256 => {
                        "has no RSA key, and events.algorithm is RS256; add one of 2048 bits or more"
                    }
                };
                Some(key.ok_or((source, missing))?)
            }
        };
        let header = json!({ "alg": "EdDSA", "kid": assertions.jwk_thumbprint(), "typ": ASSERTION_TYPE });
        let assertion_header = base64url::encode(header.to_string().as_bytes());
        let public = json!({ "keys": public });
        Ok(Self { assertions, host_key: RefCell::default(), assertion_header, events, public })
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
        self.complete(signing_input(typ, &self.assertions.jwk_thumbprint(), claims)).await
    }

    /// The signing key on the host, not extractable.
    async fn host_key(&self) -> Result<CryptoKey> {
        if let Some(key) = self.host_key.borrow().as_ref() {
            return Ok(key.clone());
        }
        let jwk: Object = JSON::parse(&self.assertions.to_jwk())?.unchecked_into();
        for member in ["alg", "kid", "use", "key_ops"] {
            Reflect::delete_property(&jwk, &member.into())?;
        }
        let usages = Array::of1(&"sign".into());
        let key = webcrypto::subtle()?.import_key_with_str("jwk", &jwk, "Ed25519", false, &usages)?;
        let key: CryptoKey = JsFuture::from(key).await?.unchecked_into();
        self.host_key.replace(Some(key.clone()));
        Ok(key)
    }

    /// A Security Event Token. The same claims make the same token with the same key.
    pub(crate) async fn event(&self, claims: &Value) -> Result<String> {
        match &self.events {
            Some(Key::Ed25519(pair)) => issue(pair, claims),
            Some(Key::Rsa(key)) => key.sign(claims).await,
            None => Err(Error::from("there is no key for events")),
        }
    }
}

/// Signs claims that the core made, times included: `jwt-simple` adds none of its own.
fn issue(pair: &Ed25519KeyPair, claims: &Value) -> Result<String> {
    let Value::Object(custom) = claims.clone() else { return Err(Error::from("claims are no object")) };
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
    let options = HeaderOptions { signature_type: Some(SET_TYPE.to_owned()), ..HeaderOptions::default() };
    pair.sign_with_options(claims, &options).map_err(|_| Error::from("cannot sign"))
}

impl RsaKey {
    async fn sign(&self, claims: &Value) -> Result<String> {
        let header = json!({ "alg": "RS256", "kid": self.kid, "typ": SET_TYPE });
        let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let input = format!("{}.{}", part(&header), part(claims));
        let signature =
            webcrypto::sign_with(&self.jwk, Algorithm::RsaV15Sha256, None, input.as_bytes()).await;
        let signature = signature.ok_or_else(|| Error::from("cannot sign"))?;
        Ok(format!("{input}.{}", base64url::encode(&signature)))
    }
}

const NOT_A_KEY: &str = "holds something else than private Ed25519 or RSA JWKs";

fn read(secret: &str) -> core::result::Result<Vec<Key>, &'static str> {
    let value: Value = serde_json::from_str(secret).map_err(|_| "is not JSON; put a private JWK into it")?;
    let keys = match value {
        Value::Array(keys) => keys,
        Value::Object(mut set) => match set.remove("keys") {
            Some(Value::Array(keys)) => keys,
            Some(_) => return Err("has a `keys` member that is no array"),
            None => vec![Value::Object(set)],
        },
        _ => return Err("is not a JWK, an array of JWKs or a JWK Set"),
    };
    if keys.is_empty() {
        return Err("has no key; put a private JWK into it");
    }
    keys.iter().map(Key::read).collect()
}

impl Key {
    /// Reads a private JWK, which is known by its thumbprint from then on.
    fn read(jwk: &Value) -> core::result::Result<Self, &'static str> {
        match jwk.get("kty").and_then(Value::as_str).filter(|_| jwk.get("d").is_some()) {
            Some("OKP") => {
                let pair = Ed25519KeyPair::from_jwk(&jwk.to_string()).map_err(|_| NOT_A_KEY)?;
                let thumbprint = pair.jwk_thumbprint();
                Ok(Self::Ed25519(Box::new(pair.with_key_id(&thumbprint))))
            }
            Some("RSA") => RsaKey::read(jwk).map(Self::Rsa),
            _ => Err(NOT_A_KEY),
        }
    }

    fn ed25519(&self) -> Option<&Ed25519KeyPair> {
        match self {
            Self::Ed25519(pair) => Some(pair),
            Self::Rsa(_) => None,
        }
    }

    fn algorithm(&self) -> EventAlgorithm {
        match self {
            Self::Ed25519(_) => EventAlgorithm::EdDSA,
            Self::Rsa(_) => EventAlgorithm::RS256,
        }
    }

    fn public(&self) -> Option<Value> {
        match self {
            Self::Ed25519(pair) => public_jwk(pair),
            Self::Rsa(key) => Some(key.public.clone()),
        }
    }
}

impl RsaKey {
    /// Reads a private JWK. The modulus must have the 2048 bits that the core demands of every RSA key.
    fn read(jwk: &Value) -> core::result::Result<Self, &'static str> {
        let mut public = json!({ "kty": "RSA", "n": jwk.get("n"), "e": jwk.get("e") });
        let set = JwkSet::parse(json!({ "keys": [public] }).to_string().as_bytes()).map_err(|_| NOT_A_KEY)?;
        let key = set.keys().first().ok_or("has an RSA key that cannot be used; it has 2048 to 8192 bits")?;
        let kid = key.thumbprint().to_owned();
        let members = public.as_object_mut().ok_or(NOT_A_KEY)?;
        members.insert("kid".into(), kid.as_str().into());
        members.insert("use".into(), "sig".into());
        members.insert("alg".into(), "RS256".into());
        Ok(Self { jwk: jwk.to_string(), kid, public })
    }
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
