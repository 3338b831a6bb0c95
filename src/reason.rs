//! Every reason that a request can be refused for, with its stable code: the one place where codes live.
//!
//! A code is `layer.cause`, in the words of the standard it comes from. Rust, JavaScript, logs, metrics and
//! docs use the same code; a code is never reused for another cause. Reasons are split by whose fault it is
//! ([`Blame`]), and the status a client sees follows from the reason alone.

use core::fmt;

use crate::dpop::ProofError;
use crate::jose::jwk::JwkError;
use crate::jose::jws::JwsError;
use crate::jose::jwt::JwtError;
use crate::request::RequestError;
use crate::signature::SignatureError;

/// Whose fault a refusal is, and so what may be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The message breaks the grammar of a standard: the client has a bug.
    Malformed,
    /// A proof is missing, has expired or does not hold: the client must prove itself again.
    Unproven,
    /// Everything was proven, and it is not permitted.
    NotPermitted,
    /// Permitted, but too much of it.
    OverLimit,
    /// A check that must not be skipped could not be made: try again later.
    Unavailable,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $blame:ident, $status:literal;)+) => {
        /// Why a request was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, in the order of the layers.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stable dotted code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// Whose fault it is.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self { $(Self::$name => Blame::$blame,)+ }
            }

            /// The HTTP status of the refusal.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// One sentence for people; never holds anything from the request.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

reasons! {
    /// The method, target, authority or a field of the request cannot be parsed.
    RequestMalformed = "request.malformed", Malformed, 400;
    /// The request has more fields, or a longer target, than the gate takes.
    RequestTooLarge = "request.too_large", Malformed, 431;
    /// The path has dot segments, empty segments, or encoded separators or unreserved characters, which servers read differently.
    RequestPathAmbiguous = "request.path_ambiguous", Malformed, 400;
    /// The request is for an authority that this gate does not guard.
    RequestAuthorityUnknown = "request.authority_unknown", Malformed, 421;
    /// The request is a GET or HEAD with a body, which servers read differently.
    RequestBodyUnexpected = "request.body_unexpected", Malformed, 400;
    /// The body that a covered digest demands is longer than the gate reads.
    RequestBodyTooLarge = "request.body_too_large", Malformed, 413;
    /// The body that a covered digest demands could not be read to its end.
    RequestBodyUnreadable = "request.body_unreadable", Malformed, 400;

    /// The route requires a signature, and the request has none for an enabled profile.
    SignatureMissing = "signature.missing", Unproven, 401;
    /// `Signature` or `Signature-Input` is not the Dictionary that RFC 9421 §4 demands.
    SignatureMalformed = "signature.malformed", Malformed, 400;
    /// More signatures, covered components or bytes of them than the gate takes.
    SignatureTooLarge = "signature.too_large", Malformed, 400;
    /// A signature label occurs twice.
    SignatureDuplicateLabel = "signature.duplicate_label", Malformed, 400;
    /// A label is in `Signature` or in `Signature-Input`, but not in both.
    SignatureUnpairedLabel = "signature.unpaired_label", Malformed, 400;
    /// A covered component is not an identifier of RFC 9421 §2, or not one that this gate supports.
    SignatureComponentUnsupported = "signature.component_unsupported", Malformed, 400;
    /// A component is covered twice.
    SignatureComponentDuplicate = "signature.component_duplicate", Malformed, 400;
    /// A covered component is absent from the message.
    SignatureComponentMissing = "signature.component_missing", Unproven, 401;
    /// The value of a covered component cannot be brought into a signature base.
    SignatureComponentInvalid = "signature.component_invalid", Malformed, 400;
    /// A component that the profile or the route demands is not covered.
    SignatureComponentNotCovered = "signature.component_not_covered", Unproven, 401;
    /// A signature parameter has the wrong type or form, or occurs twice.
    SignatureParameterInvalid = "signature.parameter_invalid", Malformed, 400;
    /// A signature parameter that the profile demands is missing.
    SignatureParameterMissing = "signature.parameter_missing", Unproven, 401;
    /// `created` lies in the future.
    SignatureCreatedInFuture = "signature.created_in_future", Unproven, 401;
    /// `expires` has passed.
    SignatureExpired = "signature.expired", Unproven, 401;
    /// From `created` to `expires` is longer than the profile allows, or negative.
    SignatureWindowInvalid = "signature.window_invalid", Unproven, 401;
    /// The algorithm is not one that the profile allows.
    SignatureAlgorithmNotAllowed = "signature.algorithm_not_allowed", Unproven, 401;
    /// The `alg` parameter disagrees with the key.
    SignatureAlgorithmMismatch = "signature.algorithm_mismatch", Unproven, 401;
    /// `Signature-Agent` is missing.
    SignatureAgentMissing = "signature.agent_missing", Unproven, 401;
    /// `Signature-Agent` is neither a Dictionary of https URLs nor the legacy String.
    SignatureAgentMalformed = "signature.agent_malformed", Malformed, 400;
    /// The signature does not cover the `Signature-Agent` member it belongs to.
    SignatureAgentNotCovered = "signature.agent_not_covered", Unproven, 401;
    /// The signature covers several `Signature-Agent` members, and none has its label.
    SignatureAgentAmbiguous = "signature.agent_ambiguous", Malformed, 400;
    /// The `Signature-Agent` member names a discovery mechanism that this gate does not support.
    SignatureAgentUnsupported = "signature.agent_unsupported", Unproven, 401;
    /// The signature's agent is not one that this gate trusts.
    SignatureAgentUntrusted = "signature.agent_untrusted", Unproven, 401;
    /// The agent's directory has no usable key with this `keyid`.
    SignatureKeyUnknown = "signature.key_unknown", Unproven, 401;
    /// The key is published in a standard for testing, so anyone can sign with it.
    SignatureKeyForbidden = "signature.key_forbidden", Unproven, 403;
    /// The signature does not verify with the agent's key.
    SignatureInvalid = "signature.invalid", Unproven, 403;
    /// The body does not have the digest that the signature covers.
    SignatureDigestMismatch = "signature.digest_mismatch", Unproven, 403;
    /// `Content-Digest` is malformed, or has no algorithm that this gate supports.
    SignatureDigestUnsupported = "signature.digest_unsupported", Malformed, 400;
    /// The request has signatures, and none has a tag of an enabled profile.
    SignatureTagUnknown = "signature.tag_unknown", Unproven, 401;
    /// Neither the key nor the signature says which algorithm it is.
    SignatureAlgorithmAmbiguous = "signature.algorithm_ambiguous", Unproven, 401;
    /// The signature was made longer ago than the profile allows.
    SignatureTooOld = "signature.too_old", Unproven, 401;
    /// The timestamp of the plain header scheme is not a time.
    SignatureTimestampInvalid = "signature.timestamp_invalid", Malformed, 400;
    /// The agent's directory is not there, or is none.
    SignatureDirectoryInvalid = "signature.directory_invalid", Unproven, 401;
    /// The signature's nonce was seen before.
    SignatureReplayed = "signature.replayed", Unproven, 403;
    /// The route takes one signature for an enabled profile, so that it is accepted once, and the request has several.
    SignatureSeveral = "signature.several", Unproven, 401;

    /// The agent is not registered, and only registered ones are let in.
    AgentUnknown = "agent.unknown", Unproven, 401;
    /// The agent is suspended.
    AgentSuspended = "agent.suspended", NotPermitted, 403;
    /// The agent is revoked.
    AgentRevoked = "agent.revoked", NotPermitted, 403;
    /// The agent's key is revoked.
    AgentKeyRevoked = "agent.key_revoked", NotPermitted, 403;
    /// The agent's key has expired.
    AgentKeyExpired = "agent.key_expired", Unproven, 401;
    /// The agent's key is not valid yet.
    AgentKeyNotYetValid = "agent.key_not_yet_valid", Unproven, 401;
    /// The registry of agents cannot be had now.
    AgentsUnavailable = "agents.unavailable", Unavailable, 503;

    /// The route requires an access token, and the request has none.
    TokenMissing = "token.missing", Unproven, 401;
    /// There is more than one `Authorization` field.
    TokenRepeated = "token.repeated", Malformed, 400;
    /// The `Authorization` field is not a scheme and a token.
    TokenSyntax = "token.syntax", Malformed, 400;
    /// The token is not a compact JWS with a strict JSON header and claims.
    TokenMalformed = "token.malformed", Unproven, 401;
    /// The token is longer than 8 KiB.
    TokenTooLarge = "token.too_large", Unproven, 401;
    /// The token's `typ` is not that of its issuer's profile.
    TokenTypeMismatch = "token.type_mismatch", Unproven, 401;
    /// The token's `alg` is not on the issuer's list.
    TokenAlgorithmNotAllowed = "token.algorithm_not_allowed", Unproven, 401;
    /// The token has a header parameter that must be understood (`crit`, `b64`), and none is.
    TokenCriticalHeader = "token.critical_header", Unproven, 401;
    /// The token's issuer is not configured.
    TokenIssuerUnknown = "token.issuer_unknown", Unproven, 401;
    /// The issuer's key set has no usable key for the token.
    TokenKeyUnknown = "token.key_unknown", Unproven, 401;
    /// The token's signature does not verify with the issuer's key.
    TokenSignatureInvalid = "token.signature_invalid", Unproven, 401;
    /// A claim that the profile demands is missing.
    TokenClaimMissing = "token.claim_missing", Unproven, 401;
    /// A claim has the wrong type or an impossible value.
    TokenClaimInvalid = "token.claim_invalid", Unproven, 401;
    /// The token is for another audience.
    TokenAudienceMismatch = "token.audience_mismatch", Unproven, 401;
    /// The token has expired.
    TokenExpired = "token.expired", Unproven, 401;
    /// The token is not valid yet (`nbf`).
    TokenNotYetValid = "token.not_yet_valid", Unproven, 401;
    /// The token was issued in the future (`iat`).
    TokenIssuedInFuture = "token.issued_in_future", Unproven, 401;
    /// The token lives longer than the issuer's configured maximum.
    TokenLifetimeTooLong = "token.lifetime_too_long", Unproven, 401;
    /// The token is bound to a key (`cnf`), and was sent under the Bearer scheme.
    TokenBoundUsedAsBearer = "token.bound_used_as_bearer", Unproven, 401;
    /// The token is not bound to a key or certificate, which the DPoP scheme or the route demands.
    TokenNotBound = "token.not_bound", Unproven, 401;
    /// The token is bound in a way (`cnf` member) that this gate cannot check.
    TokenBindingUnsupported = "token.binding_unsupported", Unproven, 401;
    /// The token's issuer says that it is not active.
    TokenInactive = "token.inactive", Unproven, 401;
    /// The token is revoked.
    TokenRevoked = "token.revoked", Unproven, 401;
    /// The token is suspended by its issuer.
    TokenSuspended = "token.suspended", Unproven, 401;
    /// The token's status is malformed, or not one that lets it be used.
    TokenStatusInvalid = "token.status_invalid", Unproven, 401;
    /// The subject of the token may not be acted for any more.
    TokenSubjectRevoked = "token.subject_revoked", Unproven, 401;
    /// The key that the token is bound to is revoked.
    TokenKeyRevoked = "token.key_revoked", Unproven, 401;
    /// The task that the token is for, or one that it came from, is revoked.
    TokenTaskRevoked = "token.task_revoked", Unproven, 401;

    /// The route requires a DPoP proof, and the request has none.
    DpopMissing = "dpop.missing", Unproven, 401;
    /// There is more than one `DPoP` field.
    DpopRepeated = "dpop.repeated", Unproven, 401;
    /// The proof is not a compact JWS with a strict JSON header and claims.
    DpopMalformed = "dpop.malformed", Unproven, 401;
    /// The proof is longer than 8 KiB.
    DpopTooLarge = "dpop.too_large", Unproven, 401;
    /// The proof's `typ` is not `dpop+jwt`.
    DpopTypeMismatch = "dpop.type_mismatch", Unproven, 401;
    /// The proof's `alg` is not on the gate's list.
    DpopAlgorithmNotAllowed = "dpop.algorithm_not_allowed", Unproven, 401;
    /// The proof has a header parameter that must be understood (`crit`, `b64`), and none is.
    DpopCriticalHeader = "dpop.critical_header", Unproven, 401;
    /// The proof's `jwk` is missing, malformed or too weak.
    DpopKeyInvalid = "dpop.key_invalid", Unproven, 401;
    /// The proof's `jwk` holds a private or symmetric key.
    DpopKeyPrivate = "dpop.key_private", Unproven, 401;
    /// The proof's signature does not verify with its own key.
    DpopSignatureInvalid = "dpop.signature_invalid", Unproven, 401;
    /// A claim of the proof is missing.
    DpopClaimMissing = "dpop.claim_missing", Unproven, 401;
    /// A claim of the proof has the wrong type or an impossible value.
    DpopClaimInvalid = "dpop.claim_invalid", Unproven, 401;
    /// The proof is for another method (`htm`).
    DpopMethodMismatch = "dpop.method_mismatch", Unproven, 401;
    /// The proof is for another URL (`htu`).
    DpopUrlMismatch = "dpop.url_mismatch", Unproven, 401;
    /// The proof is too old (`iat`).
    DpopExpired = "dpop.expired", Unproven, 401;
    /// The proof was made in the future (`iat`).
    DpopIssuedInFuture = "dpop.issued_in_future", Unproven, 401;
    /// The proof has no hash of the token it is sent with (`ath`).
    DpopTokenHashMissing = "dpop.token_hash_missing", Unproven, 401;
    /// The proof was made for another token (`ath`).
    DpopTokenHashMismatch = "dpop.token_hash_mismatch", Unproven, 401;
    /// The token is bound to another key than the proof's (`cnf.jkt`).
    DpopKeyMismatch = "dpop.key_mismatch", Unproven, 401;
    /// The proof was seen before.
    DpopProofReplayed = "dpop.proof_replayed", Unproven, 401;
    /// The route requires a nonce of the gate's in the proof, and the proof has none.
    DpopNonceMissing = "dpop.nonce_missing", Unproven, 401;
    /// The proof's nonce is not one of the gate's, or too old.
    DpopNonceInvalid = "dpop.nonce_invalid", Unproven, 401;

    /// The route requires a client certificate, and the connection has none.
    MtlsMissing = "mtls.missing", Unproven, 401;
    /// The host could not verify the client certificate.
    MtlsUnverified = "mtls.unverified", Unproven, 401;
    /// The client certificate is revoked.
    MtlsRevoked = "mtls.revoked", Unproven, 401;
    /// The token is bound to another certificate than the client's (`cnf.x5t#S256`).
    MtlsCertificateMismatch = "mtls.certificate_mismatch", Unproven, 401;

    /// The keys of the token's issuer or of the signature's agent cannot be had now.
    KeysUnavailable = "keys.unavailable", Unavailable, 503;
    /// What the token's issuer publishes about itself is not there, or not its own: its keys cannot be found.
    IssuerMetadataInvalid = "keys.issuer_metadata_invalid", Unavailable, 503;
    /// Whether the token is revoked cannot be found out now.
    RevocationUnavailable = "revocation.unavailable", Unavailable, 503;

    /// A claim of the delegation has the wrong type or an impossible value.
    DelegationMalformed = "delegation.malformed", Unproven, 401;
    /// The token does not say for which agent it is, and must.
    DelegationAgentMissing = "delegation.agent_missing", NotPermitted, 403;
    /// The token is for another agent than the one that was proven.
    DelegationAgentMismatch = "delegation.agent_mismatch", NotPermitted, 403;
    /// The chain of actors or of delegations is longer than the gate allows.
    DelegationTooDeep = "delegation.too_deep", NotPermitted, 403;
    /// The token says that it was delegated, and the parent that it came from is not there.
    DelegationParentMissing = "delegation.parent_missing", Unproven, 401;
    /// The parent that the token came from does not verify, or is not its parent.
    DelegationParentInvalid = "delegation.parent_invalid", Unproven, 401;
    /// The token has a scope that its parent has not.
    DelegationScopeWidened = "delegation.scope_widened", NotPermitted, 403;
    /// The token grants a tool that its parent does not.
    DelegationToolsWidened = "delegation.tools_widened", NotPermitted, 403;
    /// The token grants a resource that its parent does not.
    DelegationResourcesWidened = "delegation.resources_widened", NotPermitted, 403;
    /// The token's `authorization_details` permit what its parent's do not.
    DelegationDetailsWidened = "delegation.details_widened", NotPermitted, 403;
    /// The token outlives its parent.
    DelegationOutlivesParent = "delegation.outlives_parent", NotPermitted, 403;
    /// The route binds requests to a task, and token or request name none.
    DelegationTaskMissing = "delegation.task_missing", NotPermitted, 403;
    /// The request is for another task than the token.
    DelegationTaskMismatch = "delegation.task_mismatch", NotPermitted, 403;
    /// The token has a scope above the level that its delegation allows.
    DelegationScopeLevelExceeded = "delegation.scope_level_exceeded", NotPermitted, 403;

    /// No route of the configuration matches the request.
    PolicyNoRoute = "policy.no_route", NotPermitted, 403;
    /// The token lacks a scope that the route demands.
    PolicyScopeMissing = "policy.scope_missing", NotPermitted, 403;
    /// The token lacks a role that the route demands.
    PolicyRoleMissing = "policy.role_missing", NotPermitted, 403;
    /// The token does not grant the tool or resource that the request uses.
    PolicyNotGranted = "policy.not_granted", NotPermitted, 403;
    /// A rule of the route refuses the request.
    PolicyRuleDenied = "policy.rule_denied", NotPermitted, 403;
    /// The token's `authorization_details` are malformed, or of a type that the gate does not know.
    PolicyDetailsInvalid = "policy.details_invalid", NotPermitted, 403;
    /// The token's `authorization_details` do not permit the request.
    PolicyDetailsMissing = "policy.details_missing", NotPermitted, 403;
    /// The request's amount is missing, or not one that the gate can read.
    PolicyAmountInvalid = "policy.amount_invalid", NotPermitted, 403;
    /// The request's amount is above what the token's `authorization_details` permit.
    PolicyAmountExceeded = "policy.amount_exceeded", NotPermitted, 403;
    /// Somebody must approve the request first.
    PolicyApprovalRequired = "policy.approval_required", NotPermitted, 403;
    /// The person's authentication is not of a context class that the route demands (`acr`).
    PolicyAuthenticationInsufficient = "policy.authentication_insufficient", Unproven, 401;
    /// The person's authentication was longer ago than the route allows (`auth_time`).
    PolicyAuthenticationTooOld = "policy.authentication_too_old", Unproven, 401;

    /// An MCP request names another method or tool in its header fields than in its body.
    McpHeaderMismatch = "mcp.header_mismatch", Malformed, 400;
    /// The body of an MCP request is not a message that the gate can read.
    McpBodyMalformed = "mcp.body_malformed", Malformed, 400;

    /// The agent or the route is over its limit.
    RateExceeded = "rate.exceeded", OverLimit, 429;

    /// The key has more proofs that could still be repeated than are remembered for one key.
    ReplayTooMany = "replay.too_many", OverLimit, 429;
    /// Whether a proof was used before cannot be found out now.
    ReplayUnavailable = "replay.unavailable", Unavailable, 503;
    /// Whether a limit has room cannot be found out now.
    RateUnavailable = "rate.unavailable", Unavailable, 503;
    /// A budget of the route has not enough left for the amount of the request, until its next period begins.
    BudgetExceeded = "budget.exceeded", OverLimit, 429;
    /// A budget of the route has not enough left for the amount of the request, and no later period brings as much.
    BudgetExhausted = "budget.exhausted", NotPermitted, 403;
    /// A budget of the route takes an amount, and what the request is about cannot be told without doubt.
    BudgetAmountMissing = "budget.amount_missing", NotPermitted, 403;
    /// The amount of the request is in another currency than a budget of the route.
    BudgetCurrencyMismatch = "budget.currency_mismatch", NotPermitted, 403;
    /// A budget of the route is of a principal, an organisation or a key, and the request names none.
    BudgetSubjectMissing = "budget.subject_missing", NotPermitted, 403;
    /// The idempotency key is there twice, empty, longer than 255 bytes, or has characters that do not print.
    BudgetRequestIdInvalid = "budget.request_id_invalid", Malformed, 400;
    /// The idempotency key was used for another request, or for another amount.
    BudgetRequestConflict = "budget.request_conflict", Malformed, 422;
    /// An account of a budget has too many reservations that are not settled.
    BudgetTooManyReservations = "budget.too_many_reservations", OverLimit, 429;
    /// Whether a budget has room cannot be found out now.
    BudgetUnavailable = "budget.unavailable", Unavailable, 503;

    /// The agent's risk is such that it is let in less often.
    RiskThrottled = "risk.throttled", OverLimit, 429;
    /// The agent's risk is such that it must prove itself anew.
    RiskChallenge = "risk.challenge", Unproven, 401;
    /// The agent's risk is such that somebody must approve the request first.
    RiskApprovalRequired = "risk.approval_required", NotPermitted, 403;
    /// The agent's risk is such that it is not let in.
    RiskDenied = "risk.denied", NotPermitted, 403;
    /// The agent was refused so often that nothing of it passes for a while.
    RiskBreakerOpen = "risk.breaker_open", OverLimit, 429;
    /// How the agent has behaved cannot be found out now.
    RiskUnavailable = "risk.unavailable", Unavailable, 503;

    /// The gate's host asked for a decision that was made already, or was lost.
    GateMisused = "gate.misused", Unavailable, 503;
}

/// The code of a request that nothing speaks against.
pub const OK: &str = "ok";

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<RequestError> for Reason {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::TargetTooLong | RequestError::FieldsTooLarge => Self::RequestTooLarge,
            RequestError::Method
            | RequestError::Target
            | RequestError::Authority
            | RequestError::Field
            | RequestError::Status => Self::RequestMalformed,
        }
    }
}

impl From<SignatureError> for Reason {
    fn from(error: SignatureError) -> Self {
        use SignatureError as E;
        match error {
            E::Missing => Self::SignatureMissing,
            E::FieldTooLong | E::TooManySignatures | E::TooManyComponents | E::SignatureTooLong => {
                Self::SignatureTooLarge
            }
            E::LabelDuplicate => Self::SignatureDuplicateLabel,
            E::LabelUnmatched => Self::SignatureUnpairedLabel,
            E::ParamDuplicate
            | E::ParamType(_)
            | E::RequestedParamUnknown
            | E::RequestedParamUnmet(_)
            | E::KeyIdMalformed => Self::SignatureParameterInvalid,
            E::ComponentMalformed
            | E::ComponentUnknown
            | E::ComponentParamUnknown
            | E::ComponentParamDuplicate
            | E::ComponentParamMalformed
            | E::ComponentParamConflict
            | E::ComponentNotOfRequest { .. }
            | E::ComponentNotOfResponse { .. }
            | E::RequestUnavailable { .. }
            | E::TrailersUnavailable { .. }
            | E::FieldTypeUnknown { .. }
            | E::RequestTargetForm { .. } => Self::SignatureComponentUnsupported,
            E::ComponentDuplicate => Self::SignatureComponentDuplicate,
            E::ComponentMissing { .. } | E::AgentMemberMissing => Self::SignatureComponentMissing,
            E::ComponentAmbiguous { .. } | E::ComponentValue { .. } | E::FieldNotStructured { .. } => {
                Self::SignatureComponentInvalid
            }
            E::DigestMalformed | E::DigestDuplicate | E::DigestUnsupported | E::DigestOfPart => {
                Self::SignatureDigestUnsupported
            }
            E::DigestMismatch => Self::SignatureDigestMismatch,
            E::ComponentNotCovered => Self::SignatureComponentNotCovered,
            E::ParamMissing(_) => Self::SignatureParameterMissing,
            E::TooOld => Self::SignatureTooOld,
            E::TimestampMalformed => Self::SignatureTimestampInvalid,
            E::AlgorithmSymmetric | E::AlgorithmNotAllowed => Self::SignatureAlgorithmNotAllowed,
            E::AlgorithmMismatch => Self::SignatureAlgorithmMismatch,
            E::AlgorithmAmbiguous => Self::SignatureAlgorithmAmbiguous,
            E::KeyForbidden => Self::SignatureKeyForbidden,
            E::Invalid => Self::SignatureInvalid,
            E::TagMismatch => Self::SignatureTagUnknown,
            E::CreatedInFuture => Self::SignatureCreatedInFuture,
            E::Expired => Self::SignatureExpired,
            E::ExpiresBeforeCreated | E::WindowTooLong => Self::SignatureWindowInvalid,
            E::AgentMissing => Self::SignatureAgentMissing,
            E::AgentNotCovered => Self::SignatureAgentNotCovered,
            E::AgentAmbiguous => Self::SignatureAgentAmbiguous,
            E::AgentTypeUnsupported => Self::SignatureAgentUnsupported,
            E::AgentUrlScheme | E::AgentUrlAddress => Self::SignatureAgentUntrusted,
            E::AgentMalformed
            | E::AgentDuplicate
            | E::AgentNotOrigin
            | E::AgentUrlUserInfo
            | E::AgentUrlFragment
            | E::AgentUrlMalformed => Self::SignatureAgentMalformed,
            // The last three are made by signing and by asking for signatures only.
            E::InputMalformed
            | E::SignatureMalformed
            | E::LabelMalformed
            | E::CoversItself
            | E::AcceptMalformed => Self::SignatureMalformed,
        }
    }
}

impl From<JwtError> for Reason {
    fn from(error: JwtError) -> Self {
        match error {
            JwtError::Jws(JwsError::TooLong) => Self::TokenTooLarge,
            JwtError::Jws(JwsError::Critical | JwsError::UnencodedPayload) => Self::TokenCriticalHeader,
            JwtError::Jws(_) | JwtError::Payload => Self::TokenMalformed,
            JwtError::MalformedClaim(_) => Self::TokenClaimInvalid,
            JwtError::MissingClaim(_) => Self::TokenClaimMissing,
            JwtError::MalformedDelegation(_) => Self::DelegationMalformed,
            JwtError::Type => Self::TokenTypeMismatch,
            JwtError::AlgorithmNotAllowed => Self::TokenAlgorithmNotAllowed,
            JwtError::KeyNotAllowed => Self::TokenKeyUnknown,
            JwtError::SignatureForm(_) | JwtError::Signature => Self::TokenSignatureInvalid,
            JwtError::Issuer => Self::TokenIssuerUnknown,
            JwtError::Audience => Self::TokenAudienceMismatch,
            JwtError::Expired => Self::TokenExpired,
            JwtError::NotYetValid => Self::TokenNotYetValid,
            JwtError::IssuedInFuture => Self::TokenIssuedInFuture,
            JwtError::LifetimeTooLong => Self::TokenLifetimeTooLong,
        }
    }
}

impl From<ProofError> for Reason {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Jws(JwsError::TooLong) => Self::DpopTooLarge,
            ProofError::Jws(JwsError::Critical | JwsError::UnencodedPayload) => Self::DpopCriticalHeader,
            ProofError::Jws(_) | ProofError::Claims => Self::DpopMalformed,
            ProofError::Type => Self::DpopTypeMismatch,
            ProofError::Algorithm => Self::DpopAlgorithmNotAllowed,
            ProofError::Key(JwkError::Private | JwkError::Symmetric) => Self::DpopKeyPrivate,
            ProofError::KeyMissing | ProofError::Key(_) => Self::DpopKeyInvalid,
            ProofError::Signature(_) => Self::DpopSignatureInvalid,
            ProofError::ClaimMissing => Self::DpopClaimMissing,
            ProofError::ClaimInvalid => Self::DpopClaimInvalid,
            ProofError::Method => Self::DpopMethodMismatch,
            ProofError::Url => Self::DpopUrlMismatch,
            ProofError::IssuedInFuture => Self::DpopIssuedInFuture,
            ProofError::Expired => Self::DpopExpired,
            ProofError::TokenHashMissing => Self::DpopTokenHashMissing,
            ProofError::TokenHash => Self::DpopTokenHashMismatch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_dotted() {
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for code in codes {
            let (layer, cause) = code.split_once('.').unwrap();
            assert!([layer, cause].iter().all(|p| p.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
        }
    }

    #[test]
    fn statuses_follow_the_blame() {
        for reason in Reason::ALL {
            let allowed: &[u16] = match reason.blame() {
                Blame::Malformed => &[400, 413, 421, 422, 431],
                Blame::Unproven => &[401, 403],
                Blame::NotPermitted => &[403],
                Blame::OverLimit => &[429],
                Blame::Unavailable => &[503],
            };
            assert!(allowed.contains(&reason.status()), "{reason}");
        }
    }
}
