//! How issuers are asked whether their tokens are active: `[issuers.introspection]` (RFC 7662), and the credentials
//! for it, which are no part of the configuration.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::gate::{Faults, is_fetchable};
use super::{ConfigError, Gate, Issuer, Span};
use crate::crypto::Algorithm;
use crate::delegation::ClaimNames;
use crate::encoding::json::{self, Object, Value};
use crate::jose::jwk::Jwk;
use crate::jose::jwt::{Profile, Rules};
use crate::revocation::introspection::{Authentication, Credential, Introspection, is_jws_shaped};
use crate::state::rate::Quota;

/// Longest document of credentials: 256 KiB, a private RSA key of 4096 bits for each of 64 issuers.
const MAX_CREDENTIALS_BYTES: usize = 256 * 1024;
/// What assertions may be signed with, in the order of preference: an RSA key fits two, and RS256 is the one that every
/// issuer knows.
const ASSERTION_ALGORITHMS: [Algorithm; 5] = [
    Algorithm::Ed25519,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::RsaV15Sha256,
    Algorithm::RsaPssSha256,
];
/// Longest client id, secret or prefix: 1 KiB.
const MAX_TEXT_BYTES: usize = 1024;

/// How an issuer is asked whether a token is active (RFC 7662). What the gate authenticates with is not in here: it is
/// given to the host as a secret.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IntrospectionConfig {
    /// Where it is asked: an `https` URL.
    pub endpoint: String,
    /// Which client of the issuer the gate is. Range: 1 to 1024 printable ASCII characters.
    pub client_id: String,
    /// How it proves that. Default: `client_secret_basic`.
    #[serde(default)]
    pub authentication: AuthenticationConfig,
    /// The `aud` of the gate's assertions, where it authenticates by `private_key_jwt`. Default: the issuer, which RFC
    /// 9700 would have; some issuers want `endpoint` or their token endpoint.
    #[serde(default)]
    pub assertion_audience: Option<String>,
    /// About which tokens it is asked. Default: `opaque`.
    #[serde(default)]
    pub when: WhenConfig,
    /// What its opaque tokens begin with. Needed where several issuers are asked about opaque tokens, and then no prefix
    /// may begin another. Default: nothing.
    #[serde(default)]
    pub token_prefix: String,
    /// How long its answer that a token is active counts, never beyond the `exp` of the token. So long may a revoked
    /// token pass. That a token is not active counts 10 seconds. Range: `0s` to `5m`.
    #[serde(default = "default_cache")]
    #[cfg_attr(feature = "schema", schemars(default = "default_cache"))]
    pub cache: Span,
    /// Whether its answer must have `aud`, which RFC 7662 §2.2 lets it leave out. With `if_present`, an answer without
    /// it is taken to be for the first `audience` of the issuer: right where the issuer has tokens for this API only.
    /// Default: `required`.
    #[serde(default)]
    pub audience: AudienceConfig,
    /// Most questions a minute from one isolate, or one process. Anyone can send tokens that nobody knows; beyond this,
    /// tokens that are not known from before are refused with 503. Where opaque tokens are asked about, half of it is kept
    /// for those that were good within the last ten minutes. Default: 600, ten a second. Range: 1 to 60000.
    #[serde(default = "default_budget")]
    #[cfg_attr(feature = "schema", schemars(default = "default_budget"))]
    pub budget: u32,
}

/// How the gate proves which client it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationConfig {
    /// A secret in `Authorization: Basic` (RFC 6749 §2.3.1).
    #[default]
    ClientSecretBasic,
    /// A secret in the form (RFC 6749 §2.3.1).
    ClientSecretPost,
    /// An assertion, signed with a private key of the gate's (RFC 7523 §2.2).
    PrivateKeyJwt,
}

/// About which tokens an issuer is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum WhenConfig {
    /// Those that are no JWS, and that only its answer proves.
    #[default]
    Opaque,
    /// JWTs, after their signature has verified: whether they are revoked.
    Jwt,
    /// Both.
    Always,
}

/// Whether an answer must say whom the token is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AudienceConfig {
    /// It must.
    #[default]
    Required,
    /// It is compared where it is there.
    IfPresent,
}

fn default_cache() -> Span {
    Span::from_secs(60)
}

fn default_budget() -> u32 {
    600
}

impl Faults {
    pub(super) fn introspection(
        &mut self,
        path: &str,
        config: &IntrospectionConfig,
        (rules, names): (&Rules, &ClaimNames),
        allow_loopback: bool,
    ) -> Introspection {
        if !is_fetchable(&config.endpoint, allow_loopback) {
            self.add(format!("{path}.endpoint"), "is not an https url; write where the issuer is asked");
        }
        if !is_text(&config.client_id) {
            self.add(
                format!("{path}.client_id"),
                "is empty, too long or not printable ASCII; write which client the gate is",
            );
        }
        let authentication = match config.authentication {
            AuthenticationConfig::ClientSecretBasic => Authentication::SecretBasic,
            AuthenticationConfig::ClientSecretPost => Authentication::SecretPost,
            AuthenticationConfig::PrivateKeyJwt => Authentication::PrivateKey,
        };
        if config.assertion_audience.is_some() && authentication != Authentication::PrivateKey {
            self.add(
                format!("{path}.assertion_audience"),
                "is of assertions; write authentication = \"private_key_jwt\", or leave it out",
            );
        }
        let of_opaque = config.when != WhenConfig::Jwt;
        if !config.token_prefix.is_empty() && (!of_opaque || !is_token_text(&config.token_prefix)) {
            self.add(
                format!("{path}.token_prefix"),
                "is not what an opaque token begins with; write some of its characters, with when = \"opaque\"",
            );
        }
        if !(1..=60_000).contains(&config.budget) {
            self.add(format!("{path}.budget"), format!("is {}; write 1 to 60000", config.budget));
        }
        let (least, most) = (Span::from_secs(0), Span::from_secs(300));
        Introspection {
            endpoint: config.endpoint.clone(),
            client_id: config.client_id.clone(),
            authentication,
            credential: None,
            assertion_audience: config.assertion_audience.clone().unwrap_or_else(|| rules.issuer.clone()),
            of_opaque,
            of_jwts: config.when != WhenConfig::Opaque,
            token_prefix: config.token_prefix.clone(),
            cache: self.span(&format!("{path}.cache"), config.cache, least, most),
            budget: Quota { limit: config.budget, burst: config.budget, window: Duration::from_mins(1) },
            needs_audience: config.audience == AudienceConfig::Required,
            // What RFC 9068 demands of a JWT, RFC 7662 leaves open.
            rules: Rules { profile: Profile::Jwt, ..rules.clone() },
            names: names.clone(),
        }
    }

    /// Whose an opaque token is must never be a guess: its issuer would be told it.
    pub(super) fn opaque_tokens(&mut self, issuers: &[Issuer]) {
        let of_opaque = |issuer: &Issuer| issuer.introspection.clone().filter(|asked| asked.of_opaque);
        let prefixes: Vec<_> =
            issuers.iter().map(|issuer| of_opaque(issuer).map(|asked| asked.token_prefix.clone())).collect();
        for (i, prefix) in prefixes.iter().enumerate() {
            let Some(prefix) = prefix else { continue };
            let hidden = |(j, other): (usize, &Option<String>)| {
                let other = other.as_ref()?;
                (j != i && prefix.starts_with(other.as_str()) && (prefix != other || j < i)).then_some(j)
            };
            if let Some(j) = prefixes.iter().enumerate().find_map(hidden) {
                self.add(
                    format!("issuers[{i}].introspection.token_prefix"),
                    format!("does not tell its opaque tokens from those of issuers[{j}]; give both a prefix of their own"),
                );
            }
        }
    }
}

impl Gate {
    /// The same gate with what it authenticates with at the issuers that it asks about tokens: an object with a member
    /// for each of them, under its `issuer`: `{"client_secret": "..."}`, or for `private_key_jwt` a private JWK. It is no
    /// part of the configuration, which is not a secret. Refused is what is missing, superfluous or unusable.
    pub fn with_issuer_credentials(self, document: &str) -> Result<Self, ConfigError> {
        let fault = |message: String| ConfigError::new("issuer credentials", message);
        let members = json::parse_object(document.as_bytes(), MAX_CREDENTIALS_BYTES).map_err(|_| {
            fault("are not a strict JSON object; write one with a member for each issuer".into())
        })?;
        let mut gate = self;
        let mut used = 0;
        for issuer in &mut gate.issuers {
            let name = issuer.rules.issuer.clone();
            let Some(introspection) = &mut issuer.introspection else { continue };
            let member = members.get(&name).and_then(Value::as_object);
            let member = member.ok_or_else(|| fault(format!("have no object for \"{name}\"; add it")))?;
            let credential = match introspection.authentication {
                Authentication::PrivateKey => private_key(member),
                Authentication::SecretBasic | Authentication::SecretPost => secret(member),
            };
            let credential = credential.map_err(|message| fault(format!("for \"{name}\" {message}")))?;
            Arc::make_mut(introspection).credential = Some(credential);
            used += 1;
        }
        if used < members.len() {
            return Err(fault(
                "have a member that no issuer with [issuers.introspection] has the name of; remove it".into(),
            ));
        }
        Ok(gate)
    }

    /// Whether an issuer is asked about tokens, for which the host must bring credentials
    /// ([`Self::with_issuer_credentials`]).
    #[must_use]
    pub fn needs_issuer_credentials(&self) -> bool {
        self.issuers.iter().any(|issuer| issuer.introspection.is_some())
    }

    /// The place of the issuer that is asked about this token, which is no JWS.
    pub(crate) fn issuer_of_opaque(&self, token: &str) -> Option<usize> {
        if is_jws_shaped(token) {
            return None;
        }
        self.issuers.iter().position(|issuer| {
            let asked = issuer.introspection.as_ref().filter(|asked| asked.of_opaque);
            asked.is_some_and(|asked| token.starts_with(&asked.token_prefix))
        })
    }
}

fn secret(member: &Object<'_>) -> Result<Credential, &'static str> {
    const FAULT: &str = "are unusable; write {\"client_secret\": \"...\"}, of printable ASCII";
    let secret = member.get("client_secret").and_then(Value::as_str).filter(|secret| is_text(secret));
    match secret {
        Some(secret) if member.len() == 1 => Ok(Credential::Secret(secret.into())),
        _ => Err(FAULT),
    }
}

/// A private JWK, of which everything is checked that can be said without signing: its public half is a key that may
/// verify.
fn private_key(member: &Object<'_>) -> Result<Credential, &'static str> {
    const FAULT: &str =
        "are unusable; write a private JWK of Ed25519, P-256, P-384 or RSA with at least 2048 bits";
    const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "use"];
    let text = |name: &str| member.get(name).and_then(Value::as_str);
    let has_private_half = text("d").is_some_and(|d| !d.is_empty()) && !member.contains("oth");
    let ops = member.get("key_ops").map(|ops| ops.as_array().unwrap_or_default());
    let may_sign = text("use").is_none_or(|usage| usage == "sig")
        && ops.is_none_or(|ops| ops.iter().any(|op| op.as_str() == Some("sign")));
    // The only members of a JWK that are no strings; they have been looked at, or say nothing to the core.
    let members = member.iter().filter(|(name, _)| !["key_ops", "ext"].contains(name));
    let jwk: Option<serde_json::Map<_, _>> =
        members.map(|(name, value)| Some((String::from(name), json!(value.as_str()?)))).collect();
    let jwk = jwk.filter(|_| has_private_half && may_sign).ok_or(FAULT)?;
    let public: serde_json::Map<_, _> = jwk
        .iter()
        .filter(|(name, _)| !PRIVATE.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let public = serde_json::Value::Object(public).to_string();
    let public = json::parse_object(public.as_bytes(), MAX_CREDENTIALS_BYTES).map_err(|_| FAULT)?;
    let key = Jwk::from_object(&public).map_err(|_| FAULT)?;
    let algorithm = ASSERTION_ALGORITHMS.into_iter().find(|algorithm| key.permits(*algorithm));
    Ok(Credential::Key {
        kid: key.kid().map(String::from),
        algorithm: algorithm.ok_or(FAULT)?,
        jwk: serde_json::Value::Object(jwk).to_string(),
    })
}

/// RFC 6749 Appendix A: `VSCHAR`, printable ASCII.
fn is_text(text: &str) -> bool {
    (1..=MAX_TEXT_BYTES).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// What a token may have in it (RFC 6750 §2.1).
fn is_token_text(text: &str) -> bool {
    text.len() <= MAX_TEXT_BYTES
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}
