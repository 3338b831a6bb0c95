//! Token Status List (draft-ietf-oauth-status-list-21): an issuer's list with a few bits for each of its tokens.
//!
//! [`Reference`] is what a verified token says of its place in a list (§6.2). [`DecodedStatusList`] is a list as fetched:
//! split, bounded, nothing believed. [`StatusList`] exists where the list's signature verified and its claims hold
//! (§5.1, §8.3), or for what a caller inflates himself. Inflating stops at [`MAX_LIST_BYTES`], and happens after the
//! signature was verified.
//!
//! Not done: lists as CWT (§5.2), lists of the past (§8.4), aggregation (§9), redirects (§11.4: hosts follow none), and
//! lists of others than the token's issuer: the list's key is one of the issuer's own key set.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use crate::crypto::{Algorithm, SignatureCheck, Verdict};
use crate::encoding::base64url;
use crate::encoding::json::{self, Object, Value};
use crate::jose::{Jwk, Jws, JwsError};
use crate::policy::RoutePath;
use crate::reason::Reason;
use crate::request::Target;
use crate::time::UnixSeconds;

/// The media type of a list, without `application/`: also its `typ`.
pub const TYPE: &str = "statuslist+jwt";
/// What to put into `Accept`.
pub const MEDIA_TYPE: &str = "application/statuslist+jwt";
/// Longest Status List Token in bytes: 512 KiB. By the draft's own table a million tokens of which 2 % are revoked take
/// about 18 KiB, of which half are revoked 123 KiB.
pub const MAX_TOKEN_BYTES: usize = 512 * 1024;
/// Longest list in bytes once inflated: 1 MiB, eight million tokens at one bit each.
pub const MAX_LIST_BYTES: usize = 1024 * 1024;
/// Longest `uri` of a list in bytes.
pub const MAX_URI_BYTES: usize = 2048;

/// Why a reference, or a list, is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusListError {
    /// The token's `status` has no well-formed `status_list`.
    Reference,
    /// The `uri` is not below what the configuration names for the issuer.
    Uri,
    /// The list is no JWS that can be checked.
    Jws(JwsError),
    /// Its payload is not a strict JSON object.
    Payload,
    /// A claim is there with the wrong type or form.
    MalformedClaim(&'static str),
    /// A claim that is required is not there.
    MissingClaim(&'static str),
    /// `typ` is not `statuslist+jwt`.
    Type,
    /// `alg` is not on the issuer's list.
    AlgorithmNotAllowed,
    /// The key may not be used with `alg`, or the signature cannot be one by its form.
    KeyNotAllowed,
    /// The signature does not verify, or the verdict is about something else.
    Signature,
    /// `iss` is there and not the token's issuer.
    Issuer,
    /// `sub` is not the `uri` that the list was asked for by.
    Subject,
    /// `exp` has passed.
    Expired,
    /// `nbf` has not come.
    NotYetValid,
    /// `iat` is in the future.
    IssuedInFuture,
    /// `bits` is not 1, 2, 4 or 8.
    Bits,
    /// `lst` is not canonical base64url.
    Encoding,
    /// `lst` is not one whole zlib stream (RFC 1950), or its checksum is wrong.
    Compression,
    /// The list is longer than [`MAX_LIST_BYTES`].
    TooLong,
    /// The list has no such index.
    Index,
}

impl fmt::Display for StatusListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jws(error) => return error.fmt(f),
            Self::MalformedClaim(name) => return write!(f, "status list claim {name} is malformed"),
            Self::MissingClaim(name) => return write!(f, "status list claim {name} is missing"),
            Self::Reference => "token status is not a well-formed reference to a status list",
            Self::Uri => "status list uri is not one of the issuer's",
            Self::Payload => "status list payload is not a strict json object",
            Self::Type => "status list typ is not statuslist+jwt",
            Self::AlgorithmNotAllowed => "status list alg is not allowed",
            Self::KeyNotAllowed => "key may not be used with the status list's alg",
            Self::Signature => "status list signature does not verify",
            Self::Issuer => "status list issuer is not the token's",
            Self::Subject => "status list sub is not its uri",
            Self::Expired => "status list has expired",
            Self::NotYetValid => "status list is not valid yet",
            Self::IssuedInFuture => "status list was issued in the future",
            Self::Bits => "status list bits is not 1, 2, 4 or 8",
            Self::Encoding => "status list is not canonical base64url",
            Self::Compression => "status list is not one whole zlib stream",
            Self::TooLong => "status list is too long",
            Self::Index => "status list has no such index",
        })
    }
}

impl core::error::Error for StatusListError {}

impl From<JwsError> for StatusListError {
    fn from(error: JwsError) -> Self {
        Self::Jws(error)
    }
}

/// What a list says of a token (§7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 0x00: it is good.
    Valid,
    /// 0x01: it is revoked.
    Invalid,
    /// 0x02: it is not good for now.
    Suspended,
    /// What an application may give a meaning, or nobody has yet. Here it has none.
    Other(u8),
}

impl From<u8> for Status {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }
}

impl Status {
    /// Why a token of this status is refused; `None` for a good one.
    #[must_use]
    pub fn refusal(self) -> Option<Reason> {
        match self {
            Self::Valid => None,
            Self::Invalid => Some(Reason::TokenRevoked),
            Self::Suspended => Some(Reason::TokenSuspended),
            Self::Other(_) => Some(Reason::TokenStatusInvalid),
        }
    }
}

/// The `status_list` of a token: which list it is in, and where (§6.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    uri: String,
    idx: u64,
}

impl Reference {
    /// Reads the `status` of a token; `None` where it has none that is about a list. What is about a list is refused
    /// unless it is well-formed, and its `uri` in the one spelling that every parser of URLs reads alike.
    pub fn read(claims: &Object<'_>) -> Result<Option<Self>, StatusListError> {
        let Some(list) = claims.get("status").and_then(Value::as_object).and_then(|s| s.get("status_list"))
        else {
            return Ok(None);
        };
        let list = list.as_object().ok_or(StatusListError::Reference)?;
        let idx = list.get("idx").and_then(Value::as_i64).and_then(|idx| u64::try_from(idx).ok());
        let uri = list.get("uri").and_then(Value::as_str).filter(|uri| is_canonical(uri));
        match (uri, idx) {
            (Some(uri), Some(idx)) => Ok(Some(Self { uri: uri.into(), idx })),
            _ => Err(StatusListError::Reference),
        }
    }

    /// Where the list is, and what it is known by.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The token's place in it.
    #[must_use]
    pub fn idx(&self) -> u64 {
        self.idx
    }

    /// Whether the list is at, or below, one of these URLs, which are in the same one spelling.
    pub fn is_below<'a>(&self, mut prefixes: impl Iterator<Item = &'a str>) -> bool {
        prefixes.any(|prefix| {
            self.uri
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with(['/', '?']))
        })
    }
}

/// Whether a URL is spelt as [`Target`] would spell it, with a path that cannot be read in two ways.
pub(crate) fn is_canonical(url: &str) -> bool {
    let is_plain = |target: &Target| {
        RoutePath::new(target.path()).is_ok_and(|path| path.as_str() == target.path()) && !url.contains('\\')
    };
    url.len() <= MAX_URI_BYTES
        && Target::parse(url).is_ok_and(|target| is_plain(&target) && alloc::format!("{target}") == url)
}

/// The statuses of tokens (§4): bytes, each with the values of 8, 4, 2 or 1 tokens from its least significant bit on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: u8,
    bytes: Vec<u8>,
}

impl StatusList {
    /// Reads `bits` and `lst` of a list (§4.2). The stream must end where the text does, with its checksum, and inflate
    /// to at most [`MAX_LIST_BYTES`]; no more than that is ever inflated.
    pub fn inflate(bits: i64, lst: &str) -> Result<Self, StatusListError> {
        let bits = u8::try_from(bits).ok().filter(|bits| matches!(bits, 1 | 2 | 4 | 8));
        let bits = bits.ok_or(StatusListError::Bits)?;
        let compressed = base64url::decode(lst).map_err(|_| StatusListError::Encoding)?;
        Ok(Self { bits, bytes: inflate(&compressed)? })
    }

    /// The status at an index, or that the list has none (§8.3, step 6).
    pub fn status(&self, idx: u64) -> Result<Status, StatusListError> {
        let a_byte = u64::from(8 / self.bits);
        let byte = usize::try_from(idx / a_byte).ok().and_then(|at| self.bytes.get(at));
        let byte = byte.ok_or(StatusListError::Index)?;
        let shift = (idx % a_byte) * u64::from(self.bits);
        let mask = u8::MAX >> (8 - self.bits);
        Ok(Status::from((byte >> shift) & mask))
    }

    /// How many bytes it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Inflates one whole zlib stream, in steps that double, so that a short text cannot demand the longest buffer at once.
fn inflate(compressed: &[u8]) -> Result<Vec<u8>, StatusListError> {
    const FLAGS: u32 =
        inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = Box::<DecompressorOxide>::default();
    let mut bytes = vec![0; compressed.len().saturating_mul(4).clamp(64, MAX_LIST_BYTES)];
    let (mut read, mut written) = (0, 0);
    loop {
        let rest = compressed.get(read..).unwrap_or_default();
        let (status, consumed, produced) = decompress(&mut state, rest, &mut bytes, written, FLAGS);
        (read, written) = (read + consumed, written + produced);
        match status {
            // What follows the stream was compressed by nobody: two readers might see two lists.
            TINFLStatus::Done if read == compressed.len() => {
                bytes.truncate(written);
                return Ok(bytes);
            }
            TINFLStatus::HasMoreOutput if bytes.len() < MAX_LIST_BYTES => {
                bytes.resize(bytes.len().saturating_mul(2).min(MAX_LIST_BYTES), 0);
            }
            TINFLStatus::HasMoreOutput => return Err(StatusListError::TooLong),
            _ => return Err(StatusListError::Compression),
        }
    }
}

/// Whose list is asked for, and under which rules.
#[derive(Clone, Copy, Debug)]
pub struct ListRules<'a> {
    /// The issuer of the tokens in it.
    pub issuer: &'a str,
    /// What it was asked for by, which its `sub` must be.
    pub uri: &'a str,
    /// The issuer's algorithms.
    pub algorithms: &'a [Algorithm],
    /// How far clocks may differ.
    pub clock_skew: Duration,
}

/// A Status List Token as fetched: split, its claims read, nothing believed and nothing inflated (§5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedStatusList {
    jws: Jws,
    sub: String,
    iss: Option<String>,
    iat: UnixSeconds,
    nbf: Option<UnixSeconds>,
    exp: Option<UnixSeconds>,
    ttl: Option<Duration>,
    bits: i64,
    lst: String,
}

/// A list that its issuer signed, and how long it says that it may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedStatusList {
    /// The statuses.
    pub list: StatusList,
    /// From when on it must not be used any more, clocks' difference included.
    pub expires: Option<UnixSeconds>,
    /// How long after fetching it a newer one may be there.
    pub ttl: Option<Duration>,
}

/// Reads a Status List Token.
pub fn parse(token: &str) -> Result<DecodedStatusList, StatusListError> {
    let jws = Jws::parse_within(token, MAX_TOKEN_BYTES)?;
    let claims = json::parse_object(jws.payload(), MAX_TOKEN_BYTES).map_err(|_| StatusListError::Payload)?;
    let list = claims.get("status_list").ok_or(StatusListError::MissingClaim("status_list"))?;
    let list = list.as_object().ok_or(StatusListError::MalformedClaim("status_list"))?;
    let ttl = integer(&claims, "ttl")?;
    let ttl = ttl
        .map(|ttl| u64::try_from(ttl).ok().filter(|ttl| *ttl > 0))
        .map(|ttl| ttl.map(Duration::from_secs).ok_or(StatusListError::MalformedClaim("ttl")));
    let decoded = DecodedStatusList {
        sub: text(&claims, "sub")?.ok_or(StatusListError::MissingClaim("sub"))?,
        iss: text(&claims, "iss")?,
        iat: integer(&claims, "iat")?.map(UnixSeconds).ok_or(StatusListError::MissingClaim("iat"))?,
        nbf: integer(&claims, "nbf")?.map(UnixSeconds),
        exp: integer(&claims, "exp")?.map(UnixSeconds),
        ttl: ttl.transpose()?,
        bits: integer(list, "bits")?.ok_or(StatusListError::Bits)?,
        lst: text(list, "lst")?.ok_or(StatusListError::MissingClaim("lst"))?,
        jws,
    };
    Ok(decoded)
}

fn text(claims: &Object<'_>, name: &'static str) -> Result<Option<String>, StatusListError> {
    let text =
        |value: &Value<'_>| value.as_str().map(String::from).ok_or(StatusListError::MalformedClaim(name));
    claims.get(name).map(text).transpose()
}

fn integer(claims: &Object<'_>, name: &'static str) -> Result<Option<i64>, StatusListError> {
    let integer = |value: &Value<'_>| value.as_i64().ok_or(StatusListError::MalformedClaim(name));
    claims.get(name).map(integer).transpose()
}

impl DecodedStatusList {
    /// The claimed `kid`: which of the issuer's keys to try.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.jws.kid()
    }

    /// What can be said without the key. Gives the algorithm, which with [`Self::kid`] chooses the keys to try.
    pub fn precheck(&self, rules: &ListRules<'_>, now: UnixSeconds) -> Result<Algorithm, StatusListError> {
        if !self.jws.typ_is(TYPE) {
            return Err(StatusListError::Type);
        }
        let algorithm = self.jws.algorithm().filter(|algorithm| rules.algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(StatusListError::AlgorithmNotAllowed)?;
        // The draft's lists name no issuer; one that does may not be another's.
        if self.iss.as_ref().is_some_and(|iss| iss != rules.issuer) {
            return Err(StatusListError::Issuer);
        }
        if self.sub != rules.uri {
            return Err(StatusListError::Subject);
        }
        let latest = now.plus(rules.clock_skew);
        if self.iat > latest {
            return Err(StatusListError::IssuedInFuture);
        }
        if self.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(StatusListError::NotYetValid);
        }
        if self.exp.is_some_and(|exp| now >= exp.plus(rules.clock_skew)) {
            return Err(StatusListError::Expired);
        }
        Ok(algorithm)
    }

    /// The check whether `key`, of the issuer's set, signed this list.
    pub fn check(&self, key: &Jwk, rules: &ListRules<'_>) -> Result<SignatureCheck, StatusListError> {
        let algorithm = self.jws.algorithm().filter(|algorithm| rules.algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(StatusListError::AlgorithmNotAllowed)?;
        if !key.permits(algorithm) {
            return Err(StatusListError::KeyNotAllowed);
        }
        self.jws.check(key.key().clone(), algorithm).map_err(|_| StatusListError::KeyNotAllowed)
    }

    /// The list, where `verdict` is valid, `check` is about this very list, and the rules hold.
    pub fn verified(
        &self,
        check: &SignatureCheck,
        verdict: Verdict,
        rules: &ListRules<'_>,
        now: UnixSeconds,
    ) -> Result<VerifiedStatusList, StatusListError> {
        let algorithm = self.precheck(rules, now)?;
        let about_this = check.algorithm() == algorithm
            && check.message() == self.jws.signing_input().as_bytes()
            && check.signature() == self.jws.signature();
        if verdict != Verdict::Valid || !about_this {
            return Err(StatusListError::Signature);
        }
        Ok(VerifiedStatusList {
            list: StatusList::inflate(self.bits, &self.lst)?,
            expires: self.exp.map(|exp| exp.plus(rules.clock_skew)),
            ttl: self.ttl,
        })
    }
}
