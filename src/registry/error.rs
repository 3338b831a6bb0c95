//! Every reason that a change of the registry, or a request to its admin API, is refused for, with its code: the
//! one place where the codes `admin.*` live.

use alloc::string::String;
use core::fmt;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:literal;)+) => {
        /// Why a change, or a request to the admin API, was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum RegistryErrorKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl RegistryErrorKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stable dotted code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The HTTP status of the refusal.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// One sentence for people: what is wrong, or what to write instead. Never holds anything of the request.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

kinds! {
    /// The admin API has nothing at this path.
    PathUnknown = "admin.path_unknown", 404;
    /// What is at this path does not take this method.
    MethodNotAllowed = "admin.method_not_allowed", 405;
    /// The query is not one that is understood here.
    QueryInvalid = "admin.query_invalid", 400;
    /// `If-Match` is neither `*` nor one strong entity tag.
    IfMatchMalformed = "admin.if_match_malformed", 400;
    /// The token is not of the issuer that administers the registry.
    IssuerNotAllowed = "admin.issuer_not_allowed", 403;
    /// The body is longer than 64 KiB.
    BodyTooLarge = "admin.body_too_large", 413;
    /// The body is not the strict JSON object that is wanted here, or has a member that nobody knows.
    BodyMalformed = "admin.body_malformed", 400;
    /// An agent's id is 1 to 64 letters, digits, `-`, `.` or `_`, and begins with a letter or digit.
    AgentIdInvalid = "admin.agent_id_invalid", 400;
    /// The operator is an https URL or a name, of 1 to 256 printable bytes.
    OperatorInvalid = "admin.operator_invalid", 400;
    /// The text is empty, too long, or has characters that do not print.
    TextInvalid = "admin.text_invalid", 400;
    /// A directory is a public https URL without a query; an origin stands for all directories below it.
    DirectoryInvalid = "admin.directory_invalid", 400;
    /// `jwks_uri` is not a public https URL.
    JwksUriInvalid = "admin.jwks_uri_invalid", 400;
    /// The JWK is not a public key that may verify signatures, or is too weak.
    KeyInvalid = "admin.key_invalid", 400;
    /// The JWK is private or symmetric; whoever has seen it can sign with it: make a new key, and send its public half.
    KeyPrivate = "admin.key_private", 400;
    /// The key is published in a standard for testing, so anyone can sign with it.
    KeyForbidden = "admin.key_forbidden", 400;
    /// A `kid` is 1 to 256 visible ASCII characters, and the same in the JWK and beside it.
    KeyIdInvalid = "admin.key_id_invalid", 400;
    /// The times of the key are no times, or it would expire before it is valid.
    KeyTimesInvalid = "admin.key_times_invalid", 400;
    /// The overlap of a rotation is 0 to 172800 seconds.
    OverlapInvalid = "admin.overlap_invalid", 400;
    /// The agent has no directory, no key and no `jwks_uri`, so that no request could be known as its own.
    AgentUnrecognisable = "admin.agent_unrecognisable", 400;
    /// An agent has at most 16 directories.
    TooManyDirectories = "admin.too_many_directories", 400;
    /// An agent has at most 16 keys, the revoked ones included.
    TooManyKeys = "admin.too_many_keys", 409;
    /// The registry has no agent of this id.
    AgentNotFound = "admin.agent_not_found", 404;
    /// The agent has no such key.
    KeyNotFound = "admin.key_not_found", 404;
    /// An agent of this id is there already.
    AgentExists = "admin.agent_exists", 409;
    /// The agent is revoked, which is final.
    AgentRevoked = "admin.agent_revoked", 409;
    /// The agent or the key is already as the change would have it.
    Unchanged = "admin.unchanged", 409;
    /// The key or its `kid` is in the registry already.
    KeyInUse = "admin.key_in_use", 409;
    /// The directory belongs to an agent already.
    DirectoryInUse = "admin.directory_in_use", 409;
    /// The registry has no room for more.
    RegistryFull = "admin.registry_full", 409;
    /// The agent has changed since; read it again.
    RevisionConflict = "admin.revision_conflict", 412;
    /// The stored registry cannot be read.
    DocumentMalformed = "admin.document_malformed", 503;
    /// The registry cannot be reached now.
    Unavailable = "admin.unavailable", 503;
    /// The value is empty, longer than 2048 bytes or does not print; of a key, it is a thumbprint of 43 characters.
    RevocationValueInvalid = "admin.revocation_value_invalid", 400;
    /// A `jti` or `sub` goes with the `issuer` of the gate that gives it; what is no issuer's own goes without.
    RevocationIssuerInvalid = "admin.revocation_issuer_invalid", 400;
    /// The time until which to deny is over already, or no time.
    RevocationUntilInvalid = "admin.revocation_until_invalid", 400;
    /// The token is no JWT of an issuer of this gate with a `jti`.
    RevocationTokenInvalid = "admin.revocation_token_invalid", 400;
    /// Nothing is denied by this digest.
    RevocationNotFound = "admin.revocation_not_found", 404;
    /// The deny list has no room for more: lift what need not be denied any more.
    DenyListFull = "admin.deny_list_full", 409;
    /// A denial is lifted only where administrators must prove their keys: set `dpop = true` in `[admin]`.
    LiftingNeedsProof = "admin.lifting_needs_proof", 403;
    /// The configuration has no budget of this name.
    BudgetNotFound = "admin.budget_not_found", 404;
    /// The subject has a member, of at most 2048 bytes, for each of those that the budget is per, and no other.
    BudgetSubjectInvalid = "admin.budget_subject_invalid", 400;
    /// The account has no such reservation, or it is settled already.
    ReservationNotFound = "admin.reservation_not_found", 404;
    /// The request is under way: the gate tells how it ends, or the reservation expires.
    ReservationUnderWay = "admin.reservation_under_way", 409;
    /// A commit is of at most what was reserved, and a release has no amount.
    ReservationAmountInvalid = "admin.reservation_amount_invalid", 400;
    /// What is held is reconciled only where administrators must prove their keys: set `dpop = true` in `[admin]`.
    ReconcilingNeedsProof = "admin.reconciling_needs_proof", 403;
}

/// Why a change, or a request to the admin API, was refused, and which member is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryError {
    /// Why.
    pub kind: RegistryErrorKind,
    /// The path of the member, as `keys[0].jwk`; empty where it is none in particular.
    pub path: String,
}

impl RegistryError {
    pub(crate) fn at(kind: RegistryErrorKind, path: impl Into<String>) -> Self {
        Self { kind, path: path.into() }
    }

    /// The same error, seen from what holds the member `name`.
    pub(crate) fn within(mut self, name: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => name.into(),
            path => alloc::format!("{name}.{path}"),
        };
        self
    }
}

impl From<RegistryErrorKind> for RegistryError {
    fn from(kind: RegistryErrorKind) -> Self {
        Self { kind, path: String::new() }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.code())?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " at {}", self.path) }
    }
}

impl core::error::Error for RegistryError {}
