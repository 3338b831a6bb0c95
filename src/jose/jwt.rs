//! Access tokens as JWTs: RFC 9068 (`at+jwt`), and RFC 7519 for providers that do not emit it (`jwt`).
//!
//! [`DecodedToken`] is what a client claims. [`VerifiedToken`] exists only where a signature check of exactly
//! this token came out valid and every claim satisfies the [`Rules`]. Which key set the key came from is the
//! caller's to get right: the one pinned for the issuer of the rules.
//!
//! Scopes, client and roles are read where the issuer writes them ([`Claims::named`]).
//!
//! Not read: nested and encrypted tokens; revocation.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::{Jwk, Jws, JwsError};
use crate::crypto::{Algorithm, CheckError, SignatureCheck, Verdict};
use crate::delegation::{self, ClaimNames, ClaimPaths};
use crate::encoding::json::{Object, Value};
use crate::time::UnixSeconds;

/// Most clock skew that is ever allowed, whatever the rules say.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_mins(1);

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtError {
    /// It is no JWS that can be checked.
    Jws(JwsError),
    /// The payload is not a strict JSON object.
    Payload,
    /// A claim is there with the wrong type or form.
    MalformedClaim(&'static str),
    /// A claim that the profile requires is not there.
    MissingClaim(&'static str),
    /// A claim of the delegation is there with the wrong type or form.
    MalformedDelegation(&'static str),
    /// `typ` is not the profile's.
    Type,
    /// `alg` is unknown, symmetric, `none`, or not on the issuer's list.
    AlgorithmNotAllowed,
    /// The key may not be used with the token's `alg`.
    KeyNotAllowed,
    /// The signature cannot be one by its form.
    SignatureForm(CheckError),
    /// The signature does not verify, or the verdict is about something else.
    Signature,
    /// `iss` is not the expected issuer.
    Issuer,
    /// `aud` has none of the expected audiences.
    Audience,
    /// `exp` has passed.
    Expired,
    /// `nbf` has not come.
    NotYetValid,
    /// `iat` is in the future.
    IssuedInFuture,
    /// From `iat` to `exp` is longer than allowed.
    LifetimeTooLong,
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jws(error) => return error.fmt(f),
            Self::SignatureForm(error) => return error.fmt(f),
            Self::MalformedClaim(name) => return write!(f, "claim {name} is malformed"),
            Self::MissingClaim(name) => return write!(f, "claim {name} is missing"),
            Self::MalformedDelegation(name) => {
                return write!(f, "claim {name} of the delegation is malformed");
            }
            Self::Payload => "token payload is not a strict json object",
            Self::Type => "token typ is not the profile's",
            Self::AlgorithmNotAllowed => "token alg is not allowed",
            Self::KeyNotAllowed => "key may not be used with the token's alg",
            Self::Signature => "token signature does not verify",
            Self::Issuer => "token issuer is not the expected one",
            Self::Audience => "token audience is not the expected one",
            Self::Expired => "token has expired",
            Self::NotYetValid => "token is not valid yet",
            Self::IssuedInFuture => "token was issued in the future",
            Self::LifetimeTooLong => "token lifetime is too long",
        })
    }
}

impl core::error::Error for JwtError {}

impl From<JwsError> for JwtError {
    fn from(error: JwsError) -> Self {
        Self::Jws(error)
    }
}

/// The values of `typ` that standards give to JWTs of one purpose each. A profile here takes its own and no other, so
/// what was made for one purpose never passes for another (RFC 8725 §3.11, §3.12).
pub const TYPES: [&str; 8] = [
    "at+jwt",
    "dpop+jwt",
    "statuslist+jwt",
    "secevent+jwt",
    "oauth-id-jag+jwt",
    "wit+jwt",
    "wpt+jwt",
    "token-introspection+jwt",
];

/// Which kind of access token an issuer emits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// RFC 9068: `typ` is `at+jwt`; `iss exp aud sub iat jti client_id` are required (§2.2).
    AtJwt,
    /// RFC 7519: `typ` is `JWT` or absent, so that no token made for another purpose passes; `iss exp aud` are
    /// required. `sub` is not: some providers leave it out where a client acts for itself.
    Jwt,
}

/// What tokens of one issuer must satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The issuer, compared exactly.
    pub issuer: String,
    /// The audiences, one of which must be in `aud`.
    pub audiences: Vec<String>,
    /// The algorithms allowed.
    pub algorithms: Vec<Algorithm>,
    /// The profile.
    pub profile: Profile,
    /// How far clocks may differ, for `exp`, `nbf` and `iat` alike; at most [`MAX_CLOCK_SKEW`] counts.
    pub clock_skew: Duration,
    /// The longest time from `iat` to `exp`; from now to `exp` where there is no `iat`. `None` is no limit.
    pub max_lifetime: Option<Duration>,
}

/// What a token is bound to (RFC 7800 `cnf`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// The thumbprint of the key that must prove possession (RFC 9449 §6.1).
    pub jkt: Option<String>,
    /// The thumbprint of the client's certificate (RFC 8705 §3.1).
    pub x5t_s256: Option<String>,
    /// The names of other members: bindings that nothing here can check.
    pub others: Vec<String>,
}

/// The claims of an access token, by type; whether they are true depends on who holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The subject.
    pub sub: Option<String>,
    /// The audiences.
    pub aud: Vec<String>,
    /// When it expires.
    pub exp: UnixSeconds,
    /// Before when it is not valid.
    pub nbf: Option<UnixSeconds>,
    /// When it was issued.
    pub iat: Option<UnixSeconds>,
    /// Its identifier.
    pub jti: Option<String>,
    /// The client it was issued to, as the issuer's [`ClaimNames`] say.
    pub client_id: Option<String>,
    /// The scopes, in the order written (RFC 6749 §3.3), as the issuer's [`ClaimNames`] say.
    pub scope: Vec<String>,
    /// The roles, as the issuer's [`ClaimNames`] say.
    pub roles: Vec<String>,
    /// Who sent the agent, and for what, as the issuer's [`ClaimNames`] say.
    pub delegation: delegation::Claims,
    /// What it is bound to; `Some` also for an empty `cnf`, which nothing can satisfy.
    pub confirmation: Option<Confirmation>,
    /// Every claim, these included. Numbers that are no integers have lost their value.
    pub raw: Object<'static>,
    /// What was found wrong with the claims that have other names elsewhere, while they had these.
    named: Result<(), JwtError>,
}

impl Claims {
    /// Reads claims; those that have other names elsewhere under their usual ones, until [`Self::named`] knows better.
    pub(crate) fn parse(claims: &Object<'_>) -> Result<Self, JwtError> {
        let mut parsed = Self {
            iss: string(claims, "iss")?.ok_or(JwtError::MissingClaim("iss"))?,
            sub: string(claims, "sub")?,
            aud: audiences(claims)?,
            exp: time(claims, "exp")?.ok_or(JwtError::MissingClaim("exp"))?,
            nbf: time(claims, "nbf")?,
            iat: time(claims, "iat")?,
            jti: string(claims, "jti")?,
            client_id: None,
            scope: Vec::new(),
            roles: Vec::new(),
            delegation: delegation::Claims::default(),
            confirmation: claims.get("cnf").map(confirmation).transpose()?,
            raw: claims.clone().into_owned(),
            named: Ok(()),
        };
        parsed.named = parsed.read(&ClaimNames::default());
        Ok(parsed)
    }

    /// The same claims, with scopes, client, roles and delegation read where their issuer writes them.
    pub fn named(mut self, names: &ClaimNames) -> Result<Self, JwtError> {
        self.named = self.read(names);
        self.named.map(|()| self)
    }

    fn read(&mut self, names: &ClaimNames) -> Result<(), JwtError> {
        let claims = &self.raw;
        (self.client_id, self.scope, self.roles) = (
            named_string(claims, "client_id", &names.client_id)?,
            scope(claims, &names.scope)?,
            roles(claims, &names.roles)?,
        );
        self.delegation = delegation::Claims::read(claims, names)
            .map_err(|error| JwtError::MalformedDelegation(error.0))?;
        Ok(())
    }

    /// Any claim, by its name or the dotted path to it; see [`ClaimPaths`].
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value<'static>> {
        delegation::find(&self.raw, path)
    }

    /// The actor claim (RFC 8693 §4.1), where it is an object.
    #[must_use]
    pub fn act(&self) -> Option<&Object<'static>> {
        self.raw.get("act").and_then(Value::as_object)
    }

    /// Whether the claims satisfy the rules now.
    pub fn validate(&self, rules: &Rules, now: UnixSeconds) -> Result<(), JwtError> {
        self.named?;
        if rules.profile == Profile::AtJwt {
            let required = [
                ("sub", self.sub.is_some()),
                ("iat", self.iat.is_some()),
                ("jti", self.jti.is_some()),
                ("client_id", self.client_id.is_some()),
            ];
            if let Some((name, _)) = required.into_iter().find(|(_, there)| !there) {
                return Err(JwtError::MissingClaim(name));
            }
        }
        if self.iss != rules.issuer {
            return Err(JwtError::Issuer);
        }
        if !self.aud.iter().any(|aud| rules.audiences.contains(aud)) {
            return Err(JwtError::Audience);
        }
        self.validate_times(rules, now)
    }

    fn validate_times(&self, rules: &Rules, now: UnixSeconds) -> Result<(), JwtError> {
        let skew = rules.clock_skew.min(MAX_CLOCK_SKEW);
        // RFC 7519 §4.1.4: not on or after `exp`.
        if now >= self.exp.plus(skew) {
            return Err(JwtError::Expired);
        }
        let latest = now.plus(skew);
        if self.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(JwtError::NotYetValid);
        }
        if self.iat.is_some_and(|iat| iat > latest) {
            return Err(JwtError::IssuedInFuture);
        }
        let lifetime = self.exp.since(self.iat.unwrap_or(now));
        if rules.max_lifetime.is_some_and(|most| lifetime > most) {
            return Err(JwtError::LifetimeTooLong);
        }
        Ok(())
    }
}

fn string(claims: &Object<'_>, name: &'static str) -> Result<Option<String>, JwtError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    match value.as_str() {
        Some(text) if !text.is_empty() => Ok(Some(text.to_owned())),
        _ => Err(JwtError::MalformedClaim(name)),
    }
}

fn time(claims: &Object<'_>, name: &'static str) -> Result<Option<UnixSeconds>, JwtError> {
    let seconds = |value: &Value<'_>| value.as_i64().map(UnixSeconds).ok_or(JwtError::MalformedClaim(name));
    claims.get(name).map(seconds).transpose()
}

/// RFC 7519 §4.1.3: one string, or an array of strings.
fn audiences(claims: &Object<'_>) -> Result<Vec<String>, JwtError> {
    let malformed = JwtError::MalformedClaim("aud");
    match claims.get("aud").ok_or(JwtError::MissingClaim("aud"))? {
        Value::String(aud) => Ok(alloc::vec![String::from(aud.as_ref())]),
        Value::Array(all) => all.iter().map(|aud| aud.as_str().map(str::to_owned).ok_or(malformed)).collect(),
        _ => Err(malformed),
    }
}

fn named_string(
    claims: &Object<'static>,
    name: &'static str,
    paths: &ClaimPaths,
) -> Result<Option<String>, JwtError> {
    let read = |value: &Value<'_>| match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(JwtError::MalformedClaim(name)),
    };
    paths.find(claims).map(read).transpose()
}

/// RFC 6749 §3.3: tokens with one space between them, and for issuers that write lists, one an element. Some issuers
/// write no scope as the empty string.
fn scope(claims: &Object<'static>, paths: &ClaimPaths) -> Result<Vec<String>, JwtError> {
    let malformed = JwtError::MalformedClaim("scope");
    let tokens: Vec<&str> = match paths.find(claims) {
        None => return Ok(Vec::new()),
        Some(Value::String(scope)) if scope.is_empty() => return Ok(Vec::new()),
        Some(Value::String(scope)) => scope.split(' ').collect(),
        Some(Value::Array(tokens)) => strings(tokens).ok_or(malformed)?,
        Some(_) => return Err(malformed),
    };
    let is_token = |token: &&str| {
        !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    };
    if tokens.iter().all(is_token) {
        Ok(tokens.into_iter().map(str::to_owned).collect())
    } else {
        Err(malformed)
    }
}

/// A list of roles, or one role, which may have spaces.
fn roles(claims: &Object<'static>, paths: &ClaimPaths) -> Result<Vec<String>, JwtError> {
    let malformed = JwtError::MalformedClaim("roles");
    let roles = match paths.find(claims) {
        None => return Ok(Vec::new()),
        Some(Value::String(role)) => Vec::from([role.as_ref()]),
        Some(Value::Array(roles)) => strings(roles).ok_or(malformed)?,
        Some(_) => return Err(malformed),
    };
    if roles.iter().any(|role| role.is_empty()) {
        return Err(malformed);
    }
    Ok(roles.into_iter().map(str::to_owned).collect())
}

fn strings<'a>(values: &'a [Value<'_>]) -> Option<Vec<&'a str>> {
    values.iter().map(Value::as_str).collect()
}

fn confirmation(cnf: &Value<'_>) -> Result<Confirmation, JwtError> {
    let malformed = JwtError::MalformedClaim("cnf");
    let mut confirmation = Confirmation::default();
    for (name, value) in cnf.as_object().ok_or(malformed)?.iter() {
        let slot = match name {
            "jkt" => &mut confirmation.jkt,
            "x5t#S256" => &mut confirmation.x5t_s256,
            _ => {
                confirmation.others.push(name.to_owned());
                continue;
            }
        };
        *slot = Some(value.as_str().ok_or(malformed)?.to_owned());
    }
    Ok(confirmation)
}

/// A token as presented: parsed, nothing believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedToken {
    jws: Jws,
    claims: Claims,
}

impl DecodedToken {
    /// Parses a token in compact serialisation.
    pub fn decode(token: &str) -> Result<Self, JwtError> {
        let jws = Jws::parse(token)?;
        let claims = Claims::parse(&jws.claims().map_err(|_| JwtError::Payload)?)?;
        Ok(Self { jws, claims })
    }

    /// The same token, with its claims read where its issuer writes them.
    pub fn named(self, names: &ClaimNames) -> Result<Self, JwtError> {
        Ok(Self { claims: self.claims.named(names)?, ..self })
    }

    /// The claimed issuer: what the rules and the key set are chosen by.
    #[must_use]
    pub fn unverified_issuer(&self) -> &str {
        &self.claims.iss
    }

    /// The claims, not yet proven.
    #[must_use]
    pub fn unverified_claims(&self) -> &Claims {
        &self.claims
    }

    /// The JWS that carries them.
    #[must_use]
    pub fn jws(&self) -> &Jws {
        &self.jws
    }

    /// What can be said without the key: `typ`, `alg` and every claim against the rules. Returns the algorithm,
    /// which with [`Jws::kid`] chooses the keys to try.
    pub fn precheck(&self, rules: &Rules, now: UnixSeconds) -> Result<Algorithm, JwtError> {
        let typ_fits = match rules.profile {
            Profile::AtJwt => self.jws.typ_is("at+jwt"),
            Profile::Jwt => self.jws.typ().is_none() || self.jws.typ_is("jwt"),
        };
        if !typ_fits {
            return Err(JwtError::Type);
        }
        let algorithm = self
            .jws
            .algorithm()
            .filter(|algorithm| rules.algorithms.contains(algorithm))
            .ok_or(JwtError::AlgorithmNotAllowed)?;
        self.claims.validate(rules, now)?;
        Ok(algorithm)
    }

    /// The check whether `key`, of the issuer's set, signed this token.
    pub fn check(&self, key: &Jwk, rules: &Rules) -> Result<SignatureCheck, JwtError> {
        let algorithm = self.jws.algorithm().ok_or(JwtError::AlgorithmNotAllowed)?;
        if !rules.algorithms.contains(&algorithm) {
            return Err(JwtError::AlgorithmNotAllowed);
        }
        if !key.permits(algorithm) {
            return Err(JwtError::KeyNotAllowed);
        }
        self.jws.check(key.key().clone(), algorithm).map_err(JwtError::SignatureForm)
    }

    /// The verified token, where `verdict` is valid, `check` is about this very token, and the rules hold.
    pub fn verified(
        self,
        check: &SignatureCheck,
        verdict: Verdict,
        rules: &Rules,
        now: UnixSeconds,
    ) -> Result<VerifiedToken, JwtError> {
        let algorithm = self.precheck(rules, now)?;
        let about_this = check.algorithm() == algorithm
            && check.message() == self.jws.signing_input().as_bytes()
            && check.signature() == self.jws.signature();
        if verdict != Verdict::Valid || !about_this {
            return Err(JwtError::Signature);
        }
        Ok(VerifiedToken { claims: self.claims })
    }
}

/// An access token whose signature verified and whose claims satisfied the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    claims: Claims,
}

impl VerifiedToken {
    /// The token that its issuer has just called active (RFC 7662 §2.2), by these claims. Nothing else may be given here:
    /// the issuer's word stands in for its signature.
    pub(crate) fn of_active(
        claims: &Object<'_>,
        names: &ClaimNames,
        rules: &Rules,
        now: UnixSeconds,
    ) -> Result<Self, JwtError> {
        let claims = Claims::parse(claims)?.named(names)?;
        claims.validate(rules, now)?;
        Ok(Self { claims })
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether the claims still satisfy the rules: for a token verified earlier and kept.
    pub fn recheck(&self, rules: &Rules, now: UnixSeconds) -> Result<(), JwtError> {
        self.claims.validate(rules, now)
    }
}
