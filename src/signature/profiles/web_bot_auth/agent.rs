//! `Signature-Agent`: which of its members a signature speaks for, and what that member means.
//!
//! Three forms are live. Early deployments send a bare String that names an origin; later ones a Dictionary whose
//! members name an origin, with or without `type=directory`; current drafts a Dictionary whose members are the
//! URL of the key set itself, or say `type=jwks_uri`. A member of another type, or with parameters that no draft
//! defines, is passed over, never guessed at.

use super::source::{KeySourceUrl, Source};
use crate::encoding::structured::{BareItem, Dictionary, Entry, Item, Limits, Parameters};
use crate::request::Fields;
use crate::signature::{PresentedSignature, SignatureError, combined};

const SIGNATURE_AGENT: &str = "signature-agent";
/// Members of two URLs' length each; one or two members are usual.
const LIMITS: Limits = Limits { bytes: 8 * 1024, members: 16, inner_items: 0, parameters: 8 };

/// The wire form of `Signature-Agent` that a claim was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentForm {
    /// A bare String that names an origin.
    LegacyString,
    /// A Dictionary member that names an origin.
    DictionaryOrigin,
    /// A Dictionary member that is the URL of the key set.
    DirectUrl,
}

impl AgentForm {
    /// A stable name for decisions and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LegacyString => "legacy-string",
            Self::DictionaryOrigin => "dictionary-origin",
            Self::DirectUrl => "direct-url",
        }
    }
}

type Agent = (AgentForm, KeySourceUrl);

/// Reads the agent that `presented` speaks for.
pub(super) fn resolve(
    presented: &PresentedSignature,
    fields: &Fields,
    allow_loopback: bool,
) -> Result<Agent, SignatureError> {
    let value = combined(fields, SIGNATURE_AGENT).ok_or(SignatureError::AgentMissing)?;
    if value.starts_with('"') {
        return legacy(presented, &value, allow_loopback);
    }
    let members = Dictionary::parse_within(&value, LIMITS).map_err(|_| SignatureError::AgentMalformed)?;
    if members.duplicate().is_some() {
        return Err(SignatureError::AgentDuplicate);
    }
    if members.entries().is_empty() {
        return Err(SignatureError::AgentMissing);
    }
    match own_member(presented)? {
        Covered::Member(key) => {
            let entry = members.get(key).ok_or(SignatureError::AgentMemberMissing)?;
            member(entry, allow_loopback)
        }
        Covered::Whole => only_usable(&members, allow_loopback),
    }
}

/// A String names an origin, and is covered as a whole: it has no members.
fn legacy(
    presented: &PresentedSignature,
    value: &str,
    allow_loopback: bool,
) -> Result<Agent, SignatureError> {
    let item = Item::parse_within(value, LIMITS).map_err(|_| SignatureError::AgentMalformed)?;
    if !presented.covers_field(SIGNATURE_AGENT) {
        return Err(SignatureError::AgentNotCovered);
    }
    if !item.params.is_empty() {
        return Err(SignatureError::AgentTypeUnsupported);
    }
    let text = item.value.as_string().ok_or(SignatureError::AgentMalformed)?;
    let source = Source::parse(text, allow_loopback)?;
    Ok((AgentForm::LegacyString, source.well_known()?))
}

enum Covered<'a> {
    Member(&'a str),
    Whole,
}

/// Which member the signature covers as its own: the one keyed to its label, else the only one. The label itself
/// is not signed and an intermediary may change it, so that the only covered member counts under any label.
fn own_member(presented: &PresentedSignature) -> Result<Covered<'_>, SignatureError> {
    let covered = || presented.components().iter().filter(|c| c.is_field(SIGNATURE_AGENT));
    let mut keys = covered().filter_map(|component| component.key());
    if let Some(own) = keys.clone().find(|key| *key == presented.label()) {
        return Ok(Covered::Member(own));
    }
    match (keys.next(), keys.next()) {
        (Some(only), None) => Ok(Covered::Member(only)),
        (Some(_), Some(_)) => Err(SignatureError::AgentAmbiguous),
        (None, _) if covered().next().is_some() => Ok(Covered::Whole),
        (None, _) => Err(SignatureError::AgentNotCovered),
    }
}

/// The whole field is covered, as some signers do: then one member only may be usable.
fn only_usable(members: &Dictionary<'_>, allow_loopback: bool) -> Result<Agent, SignatureError> {
    let mut agents = members.entries().iter().map(|entry| member(entry, allow_loopback));
    let mut found = agents.next().unwrap_or(Err(SignatureError::AgentMissing));
    for next in agents {
        found = match (found, next) {
            (Ok(_), Ok(_)) => return Err(SignatureError::AgentAmbiguous),
            (Err(_), Ok(agent)) => Ok(agent),
            (found, Err(_)) => found,
        };
    }
    found
}

/// What `type` says about how a member's URL leads to keys.
enum Type {
    /// No parameters: a bare origin has a directory, any other URL is the key set.
    Unstated,
    Directory,
    JwksUri,
}

fn member(entry: &Entry<'_>, allow_loopback: bool) -> Result<Agent, SignatureError> {
    let item = entry.member.as_item().ok_or(SignatureError::AgentMalformed)?;
    let text = item.value.as_string().ok_or(SignatureError::AgentMalformed)?;
    let kind = member_type(&item.params)?;
    let source = Source::parse(text, allow_loopback)?;
    match kind {
        Type::Unstated if source.is_origin() => Ok((AgentForm::DictionaryOrigin, source.well_known()?)),
        Type::Directory => Ok((AgentForm::DictionaryOrigin, source.well_known()?)),
        Type::Unstated | Type::JwksUri => Ok((AgentForm::DirectUrl, source.itself())),
    }
}

fn member_type(params: &Parameters<'_>) -> Result<Type, SignatureError> {
    if params.duplicate().is_some() {
        return Err(SignatureError::AgentDuplicate);
    }
    if params.iter().any(|(key, _)| key != "type") {
        return Err(SignatureError::AgentTypeUnsupported);
    }
    match params.get("type").map(BareItem::as_token) {
        None => Ok(Type::Unstated),
        Some(Some("directory")) => Ok(Type::Directory),
        Some(Some("jwks_uri")) => Ok(Type::JwksUri),
        Some(_) => Err(SignatureError::AgentTypeUnsupported),
    }
}
