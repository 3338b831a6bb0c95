//! Token introspection (RFC 7662): what an issuer says of a token that it is asked about.
//!
//! For opaque tokens the answer is all there is; for JWTs, whose own signature has verified before, it says whether
//! they still count. An answer is believed for where it comes from: an `https` URL that the operator has configured,
//! which is asked with the gate's own credentials (§2.1): `client_secret_basic` and `client_secret_post` (RFC 6749
//! §2.3.1), or `private_key_jwt` (RFC 7523 §2.2), for which the host signs.
//!
//! [`parse`] reads an answer strictly. What it says of an active token makes a [`VerifiedToken`], which is then held to the issuer's rules like every other.
//!
//! Not here: signed and encrypted answers (RFC 9701), and bearer tokens as the gate's credentials.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use serde_json::json;

use super::answers::Source;
use super::inquiry::{About, Inquiry, InquiryError, InquiryResponse, MAX_ANSWER_BYTES, Signing};
use crate::crypto::{Algorithm, sha256_base64url, sha256_parts};
use crate::delegation::ClaimNames;
use crate::encoding::json::{self, Number, Object, Value};
use crate::encoding::{base64url, form, structured};
use crate::jose::jwt::{JwtError, Rules, VerifiedToken};
use crate::reason::Reason;
use crate::state::rate::Quota;
use crate::time::{UnixMillis, UnixSeconds};

/// The media type of an answer (RFC 7662 §2.2).
const MEDIA_TYPE: &str = "application/json";
/// How the gate says that it authenticates by an assertion (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good: 60 s, enough for a request on its way and the clocks at both ends.
const ASSERTION_LIFETIME: Duration = Duration::from_mins(1);
/// How long it is believed, at the most, that a token is not active: 10 s. So the same bad token does not cost a call
/// each time, and one that was asked about too early is good soon.
pub(crate) const MAX_INACTIVE: Duration = Duration::from_secs(10);

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The token is not active, for whatever reason (RFC 7662 §2.2).
    Inactive,
    /// The token is active, and these are its members.
    Active(Box<Object<'static>>),
}

/// What is known of a token by an answer: the token, or why it is refused.
pub(crate) type Introspected = Result<Arc<VerifiedToken>, Reason>;

/// How the gate proves to an issuer who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// The secret in `Authorization: Basic`.
    SecretBasic,
    /// The secret in the form.
    SecretPost,
    /// An assertion, signed with a private key.
    PrivateKey,
}

/// What the gate authenticates with.
#[derive(Clone)]
pub(crate) enum Credential {
    Secret(String),
    Key {
        /// The private JWK, for the host to sign with.
        jwk: String,
        kid: Option<String>,
        algorithm: Algorithm,
    },
}

impl fmt::Debug for Credential {
    /// Only of which kind it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret",
            Self::Key { .. } => "Key",
        })
    }
}

/// How an issuer is asked about its tokens.
#[derive(Clone, Debug)]
pub(crate) struct Introspection {
    pub(crate) endpoint: String,
    pub(crate) client_id: String,
    pub(crate) authentication: Authentication,
    pub(crate) credential: Option<Credential>,
    pub(crate) assertion_audience: String,
    /// Whether it is asked about tokens that are no JWS.
    pub(crate) of_opaque: bool,
    /// Whether it is asked about JWTs.
    pub(crate) of_jwts: bool,
    pub(crate) token_prefix: String,
    pub(crate) cache: Duration,
    pub(crate) budget: Quota,
    /// Whether an answer must have `aud`.
    pub(crate) needs_audience: bool,
    /// What active tokens must satisfy.
    pub(crate) rules: Rules,
    /// Where its claims are written.
    pub(crate) names: ClaimNames,
}

/// Which token an issuer was asked about, as far as the answer is concerned.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    introspection: Arc<Introspection>,
    /// What an opaque token is known by where the answer does not say: its digest. A JWT, which says itself what it is
    /// known by and whom it is for, has none.
    digest: Option<String>,
}

impl Asked {
    pub(crate) fn introspection(&self) -> &Introspection {
        &self.introspection
    }

    /// What an answer comes to, and how long it may be kept.
    pub(crate) fn verified(&self, answer: Answer, now: UnixMillis) -> (Introspected, Duration) {
        self.introspection.verified(answer, self.digest.as_deref(), now)
    }
}

impl Introspection {
    /// What a token is known by here: no memory has the token itself.
    pub(crate) fn key(&self, token: &str) -> [u8; 32] {
        sha256_parts(&["introspection", &self.rules.issuer, token])
    }

    /// Who is asked, and how often.
    pub(crate) fn source(&self) -> Source<'_> {
        // JWTs have proven themselves before; what is opaque may be anything that anyone has made up.
        let limit = if self.of_opaque { self.budget.limit.div_ceil(2) } else { self.budget.limit };
        let of_strangers = Quota { limit, burst: limit, ..self.budget };
        Source { name: &self.rules.issuer, budget: self.budget, of_strangers }
    }

    /// The question about a token (RFC 7662 §2.1). `id` is unique for each decision, and makes assertions single-use.
    pub(crate) fn inquiry(self: &Arc<Self>, token: &str, id: &str, now: UnixSeconds) -> Inquiry {
        let key = self.key(token);
        let mut body = String::new();
        form::push_pair(&mut body, "token", token);
        form::push_pair(&mut body, "token_type_hint", "access_token");
        let (mut authorization, mut signing) = (None, None);
        match &self.credential {
            Some(Credential::Secret(secret)) if self.authentication == Authentication::SecretBasic => {
                authorization = Some(basic(&self.client_id, secret));
            }
            Some(Credential::Secret(secret)) => {
                form::push_pair(&mut body, "client_id", &self.client_id);
                form::push_pair(&mut body, "client_secret", secret);
            }
            Some(Credential::Key { jwk, kid, algorithm }) => {
                form::push_pair(&mut body, "client_id", &self.client_id);
                form::push_pair(&mut body, "client_assertion_type", ASSERTION_TYPE);
                let jti = base64url::encode(&sha256_parts(&[id, &base64url::encode(&key)]));
                let message = self.assertion(kid.as_deref(), *algorithm, &jti, now);
                // Last, so that the signature only has to be put behind it. Neither has a character to be encoded.
                form::push_pair(&mut body, "client_assertion", &message);
                body.push('.');
                signing = Some(Signing { key: jwk.clone(), algorithm: *algorithm, message });
            }
            // No gate starts without the credentials that it needs, and the issuer refuses who has none.
            None => {}
        }
        Inquiry {
            about: About::Introspection(Asked {
                introspection: Arc::clone(self),
                digest: (!is_jws_shaped(token)).then(|| sha256_base64url(token.as_bytes())),
            }),
            key,
            method: "POST",
            url: self.endpoint.clone(),
            accept: MEDIA_TYPE,
            content_type: Some("application/x-www-form-urlencoded"),
            authorization,
            body: Some(body),
            signing,
            max_bytes: MAX_ANSWER_BYTES,
            is_public_only: false,
        }
    }

    /// The signing input of an assertion (RFC 7523 §3).
    fn assertion(&self, kid: Option<&str>, algorithm: Algorithm, jti: &str, now: UnixSeconds) -> String {
        let mut header = json!({ "alg": algorithm.jose(), "typ": "JWT" });
        if let (Some(kid), Some(header)) = (kid, header.as_object_mut()) {
            header.insert("kid".into(), kid.into());
        }
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.assertion_audience,
            "jti": jti,
            "iat": now.0,
            "exp": now.plus(ASSERTION_LIFETIME).0,
        });
        let encode = |part: &serde_json::Value| base64url::encode(part.to_string().as_bytes());
        format!("{}.{}", encode(&header), encode(&claims))
    }

    fn verified(&self, answer: Answer, digest: Option<&str>, now: UnixMillis) -> (Introspected, Duration) {
        let bad = |reason| (Err(reason), MAX_INACTIVE);
        let Answer::Active(members) = answer else { return bad(Reason::TokenInactive) };
        if !is_of_access_token(&members) {
            return bad(Reason::TokenTypeMismatch);
        }
        match self.token(*members, digest, now.seconds()) {
            Ok(token) => {
                let exp = token.claims().exp;
                let keep_for = self.cache.min(exp.since(now.seconds()));
                (Ok(Arc::new(token)), keep_for)
            }
            Err(error) => bad(Reason::from(error)),
        }
    }

    /// The token, with what the standard lets an answer leave out (RFC 7662 §2.2): without `iss` it is the issuer's who
    /// answered, without `exp` it is known to be good for as long as the answer is kept. Without `aud` it is for nobody,
    /// unless the operator says that it is for this gate, or the token has said so itself. An opaque token without `jti` has
    /// its SHA-256 for one, so that it can be denied.
    fn token(
        &self,
        members: Object<'static>,
        digest: Option<&str>,
        now: UnixSeconds,
    ) -> Result<VerifiedToken, JwtError> {
        let text = |text: &str| Value::String(Cow::Owned(text.into()));
        let audience = self.rules.audiences.first().filter(|_| digest.is_none() || !self.needs_audience);
        let members = digest.into_iter().fold(members, |members, digest| members.or("jti", text(digest)));
        let claims = members
            .or("iss", text(&self.rules.issuer))
            .or("exp", Value::Number(Number::Integer(now.plus(self.cache.max(Duration::from_secs(1))).0)))
            .or("aud", Value::Array(audience.map(|audience| text(audience)).into_iter().collect()));
        VerifiedToken::of_active(&claims, &self.names, &self.rules, now)
    }
}

/// RFC 6749 §2.3.1: both are encoded as in a form before they are joined.
fn basic(client_id: &str, secret: &str) -> String {
    let mut credentials = String::new();
    form::push(&mut credentials, client_id);
    credentials.push(':');
    form::push(&mut credentials, secret);
    let mut field = String::from("Basic ");
    structured::encode_base64(credentials.as_bytes(), &mut field);
    field
}

/// Endpoints answer for refresh tokens too (RFC 7662 §2.1), which must not pass for access tokens. The standard has only
/// `token_type` to tell, of access tokens (RFC 6749 §5.1); Ory's servers write `token_use`, and Keycloak `typ`.
fn is_of_access_token(members: &Object<'_>) -> bool {
    let is_one_of = |name: &str, known: &[&str]| match members.get(name) {
        None => true,
        Some(value) => {
            value.as_str().is_some_and(|value| known.iter().any(|k| value.eq_ignore_ascii_case(k)))
        }
    };
    is_one_of("token_type", &["Bearer", "DPoP", "access_token"])
        && is_one_of("token_use", &["access_token", "access"])
        && is_one_of("typ", &["Bearer", "DPoP", "JWT", "at+jwt", "application/at+jwt"])
}

/// Whether a token has the shape of a JWS: three parts, of which the first begins as a JSON object does in base64url
/// (a brace, then a quote or white space). Whether it is a good one is another question: what has this shape is never
/// taken for an opaque token, so that nobody's broken JWT is sent around.
pub(crate) fn is_jws_shaped(token: &str) -> bool {
    token.matches('.').count() == 2 && (token.starts_with("ey") || token.starts_with("ew"))
}

/// Reads a response.
pub(super) fn read(response: &InquiryResponse<'_>) -> Result<Answer, InquiryError> {
    if response.status != 200 {
        return Err(InquiryError::Status(response.status));
    }
    if response.media_type().as_deref() != Some(MEDIA_TYPE) {
        return Err(InquiryError::MediaType);
    }
    parse(response.body.ok_or(InquiryError::TooLong)?)
}

/// Reads the body of an answer (RFC 7662 §2.2): a strict JSON object of at most [`MAX_ANSWER_BYTES`], with a boolean
/// `active`. Of a token that is not active nothing else is read.
pub fn parse(body: &[u8]) -> Result<Answer, InquiryError> {
    if body.len() > MAX_ANSWER_BYTES {
        return Err(InquiryError::TooLong);
    }
    let members = json::parse_object(body, MAX_ANSWER_BYTES).map_err(|_| InquiryError::Malformed)?;
    match members.get("active").and_then(Value::as_bool) {
        None => Err(InquiryError::Malformed),
        Some(false) => Ok(Answer::Inactive),
        Some(true) => Ok(Answer::Active(Box::new(members.into_owned()))),
    }
}
