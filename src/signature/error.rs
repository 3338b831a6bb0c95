//! Every cause for which a message signature is refused: [`SignatureError`].

use core::fmt;

/// A signature parameter whose type RFC 9421 §2.3 fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Param {
    /// `created`, an Integer.
    Created,
    /// `expires`, an Integer.
    Expires,
    /// `keyid`, a String.
    KeyId,
    /// `alg`, a String.
    Alg,
    /// `nonce`, a String.
    Nonce,
    /// `tag`, a String.
    Tag,
}

impl Param {
    /// Every one of them.
    pub const ALL: [Self; 6] = [Self::Created, Self::Expires, Self::KeyId, Self::Alg, Self::Nonce, Self::Tag];

    /// The parameter's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Expires => "expires",
            Self::KeyId => "keyid",
            Self::Alg => "alg",
            Self::Nonce => "nonce",
            Self::Tag => "tag",
        }
    }
}

/// Why a signature is refused. `index` is the place of a component among the covered ones, from zero: the name
/// itself may be the attacker's text and stays out of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureError {
    // Signature-Input and Signature (RFC 9421 §4).
    /// The request carries no signature at all.
    Missing,
    /// `Signature-Input` or `Signature` is longer than its bound.
    FieldTooLong,
    /// `Signature-Input` is not a Dictionary of Inner Lists.
    InputMalformed,
    /// `Signature` is not a Dictionary of non-empty Byte Sequences.
    SignatureMalformed,
    /// A label occurs twice in `Signature-Input` or `Signature`.
    LabelDuplicate,
    /// A label occurs in `Signature-Input` or `Signature` and not in the other.
    LabelUnmatched,
    /// A label that is not a structured-field key (only when signing).
    LabelMalformed,
    /// The whole `Signature` or `Signature-Input` covered by a signature that goes into it (only when signing).
    CoversItself,
    /// More signatures than the bound.
    TooManySignatures,
    /// One signature covers more components than the bound.
    TooManyComponents,
    /// A signature value is longer than its bound.
    SignatureTooLong,

    // Signature parameters (§2.3).
    /// A signature parameter occurs twice.
    ParamDuplicate,
    /// A signature parameter is not of the type it must be.
    ParamType(Param),

    // Accept-Signature (§5).
    /// `Accept-Signature` is not a Dictionary of Inner Lists.
    AcceptMalformed,
    /// A signature is asked for with a parameter that RFC 9421 does not define.
    RequestedParamUnknown,
    /// A signature is asked for with a parameter that the signer does not have, or has another value of.
    RequestedParamUnmet(Param),

    // Component identifiers (§2).
    /// A component identifier is neither a derived name nor a lower-case field name.
    ComponentMalformed,
    /// A derived component that RFC 9421 does not define.
    ComponentUnknown,
    /// The same component is covered twice, parameters compared in any order.
    ComponentDuplicate,
    /// A component parameter that RFC 9421 does not define.
    ComponentParamUnknown,
    /// A component parameter occurs twice.
    ComponentParamDuplicate,
    /// A component parameter is of the wrong type, or `@query-param` lacks its `name`.
    ComponentParamMalformed,
    /// Component parameters that exclude each other, or that this component cannot have.
    ComponentParamConflict,

    // Component values (§2, §2.5).
    /// `@status` or `req` of a request: only a response has those.
    ComponentNotOfRequest {
        /// The component's place.
        index: u8,
    },
    /// A derived component of a request on a response, without `req`.
    ComponentNotOfResponse {
        /// The component's place.
        index: u8,
    },
    /// `req` on a response whose request the host does not have.
    RequestUnavailable {
        /// The component's place.
        index: u8,
    },
    /// `tr` where the trailers were not read: they come after the content, and a request is decided before.
    TrailersUnavailable {
        /// The component's place.
        index: u8,
    },
    /// `@request-target` of a request whose target form cannot be told from its URL (`CONNECT`).
    RequestTargetForm {
        /// The component's place.
        index: u8,
    },
    /// A covered field, dictionary member or query parameter is not in the message.
    ComponentMissing {
        /// The component's place.
        index: u8,
    },
    /// A covered query parameter or dictionary member, or a parameter in what is serialised strictly, occurs more than
    /// once.
    ComponentAmbiguous {
        /// The component's place.
        index: u8,
    },
    /// A covered value has a character outside ASCII, or a control character.
    ComponentValue {
        /// The component's place.
        index: u8,
    },
    /// `sf` or `key` on a field that does not parse as the structured field it must be.
    FieldNotStructured {
        /// The component's place.
        index: u8,
    },
    /// `sf` on a field whose structured type is not known here.
    FieldTypeUnknown {
        /// The component's place.
        index: u8,
    },

    // Content-Digest and Repr-Digest (RFC 9530).
    /// A digest field is not a Dictionary of Byte Sequences (of Integers, where a digest is wanted).
    DigestMalformed,
    /// A digest field names an algorithm twice.
    DigestDuplicate,
    /// A digest field has neither `sha-256` nor `sha-512`.
    DigestUnsupported,
    /// `Repr-Digest` of a message whose content is not known to be the whole representation.
    DigestOfPart,
    /// The content does not have the digest that the field states.
    DigestMismatch,

    // What profiles demand.
    /// The signature's `tag` is not the profile's.
    TagMismatch,
    /// The signature names a symmetric algorithm.
    AlgorithmSymmetric,
    /// Neither `@authority` nor `@target-uri` is covered.
    ComponentNotCovered,
    /// `created` is in the future.
    CreatedInFuture,
    /// `expires` has passed.
    Expired,
    /// `expires` is not after `created`.
    ExpiresBeforeCreated,
    /// From `created` to `expires` is longer than allowed.
    WindowTooLong,
    /// A parameter that the profile demands is missing, or empty.
    ParamMissing(Param),
    /// `keyid` is not a SHA-256 JWK thumbprint in base64url.
    KeyIdMalformed,
    /// Without `expires`, and `created` is longer ago than the profile allows.
    TooOld,
    /// The time of the plain header scheme is not ten digits of seconds.
    TimestampMalformed,

    // The key and its algorithm (§3.2 step 6).
    /// The algorithm is not one that the profile allows.
    AlgorithmNotAllowed,
    /// `alg` disagrees with the key.
    AlgorithmMismatch,
    /// The key fits several algorithms, and `alg` does not say which.
    AlgorithmAmbiguous,
    /// The key is published in a standard for testing.
    KeyForbidden,
    /// The signature is not one of this key.
    Invalid,

    // Signature-Agent (Web Bot Auth).
    /// No `Signature-Agent`.
    AgentMissing,
    /// `Signature-Agent` is neither a String nor a Dictionary of Strings, or too long.
    AgentMalformed,
    /// `Signature-Agent` names a member twice.
    AgentDuplicate,
    /// The signature does not cover `Signature-Agent`.
    AgentNotCovered,
    /// The covered member is not in `Signature-Agent`.
    AgentMemberMissing,
    /// The signature covers several agents, and none of them is its own by label.
    AgentAmbiguous,
    /// The agent's `type` is not supported, or it has parameters that are not known.
    AgentTypeUnsupported,
    /// An agent that must be an origin has a path or a query.
    AgentNotOrigin,
    /// The agent's URL is not https.
    AgentUrlScheme,
    /// The agent's URL carries user information.
    AgentUrlUserInfo,
    /// The agent's URL has a fragment.
    AgentUrlFragment,
    /// The agent's URL points to a private, loopback or otherwise not public address.
    AgentUrlAddress,
    /// The agent's URL is not a URL, or too long.
    AgentUrlMalformed,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, index) = match *self {
            Self::ParamType(param) => return write!(f, "{} has the wrong type", param.as_str()),
            Self::ParamMissing(param) => return write!(f, "{} is missing", param.as_str()),
            Self::RequestedParamUnmet(param) => {
                return write!(f, "requested {} cannot be had", param.as_str());
            }
            Self::ComponentNotOfRequest { index } => ("only a response has this component", index),
            Self::ComponentNotOfResponse { index } => ("a response has this component only with req", index),
            Self::RequestUnavailable { index } => ("request of this response is not at hand", index),
            Self::TrailersUnavailable { index } => ("trailers are not at hand", index),
            Self::RequestTargetForm { index } => ("form of the request target is not known", index),
            Self::ComponentMissing { index } => ("covered component is not in the message", index),
            Self::ComponentAmbiguous { index } => ("covered component occurs more than once", index),
            Self::ComponentValue { index } => ("covered value has a character that is not allowed", index),
            Self::FieldNotStructured { index } => {
                ("covered field is not the structured field it must be", index)
            }
            Self::FieldTypeUnknown { index } => ("structured type of the covered field is not known", index),
            other => return f.write_str(other.plain_text()),
        };
        write!(f, "{text} (component {index})")
    }
}

impl SignatureError {
    /// The place of the covered component that it is about, where it is about one.
    #[must_use]
    pub fn component_index(self) -> Option<u8> {
        match self {
            Self::ComponentNotOfRequest { index }
            | Self::ComponentNotOfResponse { index }
            | Self::RequestUnavailable { index }
            | Self::TrailersUnavailable { index }
            | Self::RequestTargetForm { index }
            | Self::ComponentMissing { index }
            | Self::ComponentAmbiguous { index }
            | Self::ComponentValue { index }
            | Self::FieldNotStructured { index }
            | Self::FieldTypeUnknown { index } => Some(index),
            _ => None,
        }
    }

    fn plain_text(self) -> &'static str {
        match self {
            Self::Missing => "no signature",
            Self::FieldTooLong => "signature fields are too long",
            Self::InputMalformed => "signature-input is not a dictionary of inner lists",
            Self::SignatureMalformed => "signature is not a dictionary of byte sequences",
            Self::LabelDuplicate => "label occurs twice",
            Self::LabelUnmatched => "label is in only one of signature-input and signature",
            Self::LabelMalformed => "label is not a key",
            Self::CoversItself => "signature covers the field that it goes into",
            Self::TooManySignatures => "too many signatures",
            Self::TooManyComponents => "too many covered components",
            Self::SignatureTooLong => "signature is too long",
            Self::ParamDuplicate => "signature parameter occurs twice",
            Self::AcceptMalformed => "accept-signature is not a dictionary of inner lists",
            Self::RequestedParamUnknown => "requested parameter is not known",
            Self::ComponentMalformed => "component is neither a derived name nor a lower-case field name",
            Self::ComponentUnknown => "derived component is not known",
            Self::ComponentDuplicate => "component is covered twice",
            Self::ComponentParamUnknown => "component parameter is not known",
            Self::ComponentParamDuplicate => "component parameter occurs twice",
            Self::ComponentParamMalformed => "component parameter has the wrong type or is missing",
            Self::ComponentParamConflict => "component cannot have these parameters",
            Self::DigestMalformed => "digest field is not a dictionary of its type",
            Self::DigestDuplicate => "digest field names an algorithm twice",
            Self::DigestUnsupported => "digest field has no supported algorithm",
            Self::DigestOfPart => "content is not known to be the whole representation",
            Self::DigestMismatch => "content does not match its digest",
            Self::TagMismatch => "tag is not the profile's",
            Self::AlgorithmSymmetric => "symmetric algorithms are not accepted",
            Self::ComponentNotCovered => "a component that the profile demands is not covered",
            Self::CreatedInFuture => "created is in the future",
            Self::Expired => "signature has expired",
            Self::ExpiresBeforeCreated => "expires is not after created",
            Self::WindowTooLong => "signature is valid for too long",
            Self::KeyIdMalformed => "keyid is not a jwk thumbprint",
            Self::TooOld => "signature was made too long ago",
            Self::TimestampMalformed => "timestamp is not ten digits of seconds",
            Self::AlgorithmNotAllowed => "algorithm is not one that the profile allows",
            Self::AlgorithmMismatch => "alg disagrees with the key",
            Self::AlgorithmAmbiguous => "neither key nor signature says which algorithm it is",
            Self::KeyForbidden => "key is published for testing",
            Self::Invalid => "signature does not verify",
            Self::AgentMissing => "signature-agent is missing",
            Self::AgentMalformed => "signature-agent is neither a string nor a dictionary of strings",
            Self::AgentDuplicate => "signature-agent names a member twice",
            Self::AgentNotCovered => "signature-agent is not covered",
            Self::AgentMemberMissing => "covered member is not in signature-agent",
            Self::AgentAmbiguous => "several signature agents are covered",
            Self::AgentTypeUnsupported => "type of the signature agent is not supported",
            Self::AgentNotOrigin => "signature agent must be an origin",
            Self::AgentUrlScheme => "signature agent is not https",
            Self::AgentUrlUserInfo => "signature agent carries user information",
            Self::AgentUrlFragment => "signature agent has a fragment",
            Self::AgentUrlAddress => "signature agent is not at a public address",
            Self::AgentUrlMalformed => "signature agent is not a url",
            // The rest carry a place or a parameter and are shown by `Display`.
            _ => "signature is refused",
        }
    }
}

impl core::error::Error for SignatureError {}
