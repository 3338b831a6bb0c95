//! One message against keys that the caller has: no gate, no fetching, no state.
//!
//! [`inspect`] does everything but the arithmetic of public keys; what is left are [`Inspection::checks`], which a
//! host may run where it likes. [`Inspection::conclude`] takes their verdicts and gives a [`Report`]. Nothing is
//! recorded: whether a nonce was seen before is not asked.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::explain::{Explanation, Hint, explain};
use super::profiles::agent_headers::{self, PlainSignature};
use super::profiles::{Carrier, Claim, HMAC, KeyPlace, Rules};
use super::{Message, PresentedSignature, SignatureError, digest};
use crate::crypto::{SharedKey, SignatureCheck, Verdict};
use crate::encoding::json::{self, Value};
use crate::jose::jwk::{Jwk, JwkError, JwkSet, JwkSetError, MAX_SET_BYTES};
use crate::reason::{self, Reason};
use crate::time::UnixSeconds;

/// Most keys that are tried for one signature.
const MAX_TRIED_KEYS: usize = 16;
/// How many bytes a tag of `hmac-sha256` has.
const TAG_BYTES: usize = 32;

/// The keys that signatures may be made with.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    public: JwkSet,
    shared: Vec<SharedKey>,
}

impl Keys {
    /// Reads a JWK Set, or a single JWK. Symmetric keys (`kty` `oct`) count for `hmac-sha256` alone; keys that cannot
    /// be used are skipped ([`Self::skipped`]).
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        let public = JwkSet::parse_directory(document)?;
        let object = json::parse_object(document, MAX_SET_BYTES).map_err(|_| JwkSetError::Json)?;
        let shared = match object.get("keys").and_then(Value::as_array) {
            Some(keys) => keys.iter().filter_map(|key| SharedKey::from_jwk(key.as_object()?).ok()).collect(),
            None => SharedKey::from_jwk(&object).into_iter().collect(),
        };
        Ok(Self { public, shared })
    }

    /// Whether no key can be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.public.keys().is_empty() && self.shared.is_empty()
    }

    /// Why other keys were skipped; symmetric ones are among them.
    #[must_use]
    pub fn skipped(&self) -> &[JwkError] {
        self.public.skipped()
    }

    /// The public keys that a `keyid` names: by `kid` or by thumbprint. Without one, all.
    fn named(&self, keyid: Option<&str>, by_thumbprint: bool) -> Vec<&Jwk> {
        let is_named = |key: &&Jwk| match keyid {
            None => true,
            Some(keyid) => key.thumbprint() == keyid || (!by_thumbprint && key.kid() == Some(keyid)),
        };
        self.public.keys().iter().filter(is_named).take(MAX_TRIED_KEYS).collect()
    }

    fn shared(&self, keyid: Option<&str>) -> Option<&SharedKey> {
        self.shared.iter().find(|key| keyid.is_none_or(|keyid| key.kid() == Some(keyid)))
    }
}

/// What was found out about a message, a token or a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A signature of the profile holds, or the token or proof does.
    Verified,
    /// What was presented was judged, and refused.
    Invalid,
    /// Nothing could be judged: there is no signature of the profile, or no key for it or the token.
    Unverified,
}

impl Outcome {
    /// Whether a reason says that something is wrong, or only that nothing could be said.
    #[must_use]
    pub fn of(reason: Reason) -> Self {
        match reason {
            Reason::SignatureMissing
            | Reason::SignatureTagUnknown
            | Reason::SignatureKeyUnknown
            | Reason::SignatureAgentUntrusted
            | Reason::SignatureAgentUnsupported
            | Reason::SignatureDirectoryInvalid
            | Reason::SignatureComponentUnsupported
            | Reason::AgentUnknown
            | Reason::AgentsUnavailable
            | Reason::KeysUnavailable
            | Reason::TokenKeyUnknown => Self::Unverified,
            _ => Self::Invalid,
        }
    }
}

/// What was found out about a message, and about which of its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether a signature holds.
    pub outcome: Outcome,
    /// `ok`, or the code of the reason.
    pub code: &'static str,
    /// The reason, where there is one.
    #[serde(skip)]
    pub reason: Option<Reason>,
    /// The profile.
    pub profile: &'static str,
    /// The label of the signature that this is about. It is not signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its `keyid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyid: Option<String>,
    /// The thumbprint of the key that made it; only of a signature that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The algorithm, by its name in RFC 9421; only of a signature that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<&'static str>,
    /// The URL of the directory that the signature names, or the agent of the plain header scheme. Whether the key is
    /// there was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Which of the wire forms named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<&'static str>,
    /// The covered components, as a signature base has them; only of a signature that holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// `created`, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// `expires`, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// `nonce`: whether it was seen before is the caller's to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// `tag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The signature base that was expected, where an explanation was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The base under which it does hold: what the signer apparently signed ([`Explanation::signed`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    /// What the signer did otherwise, where an explanation was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
}

impl Report {
    /// The report on a message of which a host could not even make a [`Message`].
    #[must_use]
    pub fn refused(rules: &Rules, reason: Reason) -> Self {
        Self::of(rules, Some(reason))
    }

    fn of(rules: &Rules, refusal: Option<Reason>) -> Self {
        Self {
            outcome: refusal.map_or(Outcome::Verified, Outcome::of),
            code: refusal.map_or(reason::OK, Reason::code),
            reason: refusal,
            profile: rules.name(),
            label: None,
            keyid: None,
            key: None,
            algorithm: None,
            agent: None,
            form: None,
            components: Vec::new(),
            created: None,
            expires: None,
            nonce: None,
            tag: None,
            base: None,
            signed: None,
            hint: None,
        }
    }

    fn about(mut self, signature: &PresentedSignature) -> Self {
        let params = signature.params();
        self.label = Some(signature.label().to_owned());
        self.keyid.clone_from(&params.keyid);
        self.created = params.created.map(|at| at.0);
        self.expires = params.expires.map(|at| at.0);
        self.nonce.clone_from(&params.nonce);
        self.tag.clone_from(&params.tag);
        self
    }

    fn explained(mut self, explanation: Explanation) -> Self {
        (self.base, self.signed, self.hint) = (explanation.base, explanation.signed, explanation.hint);
        self
    }
}

/// A signature that waits for verdicts, or has been judged already.
#[derive(Debug)]
struct Candidate {
    signature: PresentedSignature,
    claim: Option<Claim>,
    state: State,
}

#[derive(Debug)]
enum State {
    Checks(Vec<SignatureCheck>, Vec<Jwk>),
    Shared,
    Refused(SignatureError),
    Unknown,
}

/// A message whose signatures wait for the verdicts of their checks.
#[derive(Debug)]
pub struct Inspection<'a> {
    message: Message<'a>,
    content: Option<&'a [u8]>,
    rules: &'a Rules,
    now: UnixSeconds,
    explains: bool,
    found: Found,
}

#[derive(Debug)]
enum Found {
    Refused(Reason),
    Messages(Vec<Candidate>),
    Plain(PlainSignature, Vec<(SignatureCheck, Jwk)>),
}

/// Reads the signatures of a message and does everything but the arithmetic of public keys.
#[must_use]
pub fn inspect<'a>(
    message: &Message<'a>,
    content: Option<&'a [u8]>,
    rules: &'a Rules,
    keys: &Keys,
    now: UnixSeconds,
) -> Inspection<'a> {
    let found = match rules.profile().carrier {
        Carrier::PlainHeaders => plain(message, content.unwrap_or_default(), rules, keys, now),
        Carrier::MessageSignature => messages(message, rules, keys, now),
    };
    let found = found.unwrap_or_else(|error| Found::Refused(error.into()));
    Inspection { message: *message, content, rules, now, explains: false, found }
}

fn plain(
    message: &Message<'_>,
    content: &[u8],
    rules: &Rules,
    keys: &Keys,
    now: UnixSeconds,
) -> Result<Found, SignatureError> {
    let plain = agent_headers::present(message.fields(), rules, now)?.ok_or(SignatureError::Missing)?;
    // A key that has a name counts for the agent of that name only: the name in the request is not signed.
    let is_agents = |key: &&Jwk| {
        key.kid().is_none_or(|kid| {
            kid.strip_prefix(plain.agent.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
        })
    };
    let keys: Vec<_> =
        keys.public.keys().iter().filter(is_agents).take(MAX_TRIED_KEYS).map(Cow::Borrowed).collect();
    if keys.is_empty() {
        return Ok(Found::Refused(Reason::SignatureKeyUnknown));
    }
    let mut checks = Vec::new();
    for (check, index) in plain.checks(content, &keys, rules)? {
        checks.extend(keys.get(index).map(|key| (check, Jwk::clone(key))));
    }
    Ok(Found::Plain(plain, checks))
}

fn messages(
    message: &Message<'_>,
    rules: &Rules,
    keys: &Keys,
    now: UnixSeconds,
) -> Result<Found, SignatureError> {
    let presented = rules.present(message.fields())?;
    let selected: Vec<_> = presented
        .into_iter()
        .filter(|signature| rules.selects(signature))
        .map(|signature| candidate(signature, message, rules, keys, now))
        .collect();
    if selected.is_empty() { Err(SignatureError::TagMismatch) } else { Ok(Found::Messages(selected)) }
}

fn candidate(
    signature: PresentedSignature,
    message: &Message<'_>,
    rules: &Rules,
    keys: &Keys,
    now: UnixSeconds,
) -> Candidate {
    let claim = match rules.claim(&signature, message.fields(), now) {
        Ok(claim) => claim,
        Err(error) => return Candidate { signature, claim: None, state: State::Refused(error) },
    };
    let keyid = claim.keyid.as_deref();
    let by_thumbprint = matches!(claim.place, KeyPlace::Directory { .. });
    let named = keys.named(keyid, by_thumbprint);
    // Where the signature does not say, its length does: no public key makes one as short as a tag.
    let is_shared = match signature.params().alg.as_deref() {
        Some(alg) => alg == HMAC || named.is_empty(),
        None => signature.signature().len() == TAG_BYTES || named.is_empty(),
    };
    let shared = keys.shared(keyid).filter(|_| is_shared && rules.shared_keys && !by_thumbprint);
    let state = match shared {
        Some(key) => match rules.verify_shared(&signature, message, key) {
            Ok(true) => State::Shared,
            Ok(false) => State::Refused(SignatureError::Invalid),
            Err(error) => State::Refused(error),
        },
        None => public(&signature, message, rules, &named),
    };
    Candidate { signature, claim: Some(claim), state }
}

fn public(signature: &PresentedSignature, message: &Message<'_>, rules: &Rules, keys: &[&Jwk]) -> State {
    let (mut checks, mut tried, mut refusal) = (Vec::new(), Vec::new(), None);
    for key in keys {
        match rules.check(signature, message, key) {
            Ok(check) => {
                checks.push(check);
                tried.push(Jwk::clone(key));
            }
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    match refusal {
        Some(error) if checks.is_empty() => State::Refused(error),
        None if checks.is_empty() => State::Unknown,
        _ => State::Checks(checks, tried),
    }
}

impl Inspection<'_> {
    /// The same, whose report explains a refusal.
    #[must_use]
    pub fn explained(self) -> Self {
        Self { explains: true, ..self }
    }

    /// The same about the signature with this label only. A label is not signed: this is for looking at one of
    /// several, never for choosing the one to trust.
    #[must_use]
    pub fn only(mut self, label: &str) -> Self {
        if let Found::Messages(candidates) = &mut self.found {
            candidates.retain(|candidate| candidate.signature.label() == label);
        }
        self
    }

    /// The checks whose verdicts are needed, in order.
    #[must_use]
    pub fn checks(&self) -> Vec<SignatureCheck> {
        match &self.found {
            Found::Refused(_) => Vec::new(),
            Found::Plain(_, checks) => checks.iter().map(|(check, _)| check.clone()).collect(),
            Found::Messages(candidates) => candidates
                .iter()
                .flat_map(|candidate| match &candidate.state {
                    State::Checks(checks, _) => checks.as_slice(),
                    _ => &[],
                })
                .cloned()
                .collect(),
        }
    }

    /// The report, with the verdicts of the checks, in their order; what has no verdict is not valid.
    #[must_use]
    pub fn conclude(self, verdicts: &[bool]) -> Report {
        let mut verdicts = verdicts.iter().copied().chain(core::iter::repeat(false));
        match &self.found {
            Found::Refused(reason) => Report::of(self.rules, Some(*reason)),
            Found::Plain(plain, checks) => {
                let valid =
                    checks.iter().zip(&mut verdicts).find(|(_, valid)| *valid).map(|(check, _)| check);
                self.conclude_plain(plain, valid)
            }
            Found::Messages(candidates) => {
                let mut first: Option<Report> = None;
                for candidate in candidates {
                    let report = self.conclude_one(candidate, &mut verdicts);
                    if report.outcome == Outcome::Verified {
                        return report;
                    }
                    // What was judged says more than what could not be.
                    let says_more = |first: &Report| {
                        first.outcome == Outcome::Unverified && report.outcome == Outcome::Invalid
                    };
                    if first.as_ref().is_none_or(says_more) {
                        first = Some(report);
                    }
                }
                first.unwrap_or_else(|| Report::of(self.rules, Some(Reason::SignatureMissing)))
            }
        }
    }

    /// The report, with verdicts of the built-in backend. A check for which this build has none is not valid.
    #[must_use]
    pub fn conclude_here(self) -> Report {
        let verdicts: Vec<_> = self.checks().iter().map(|check| check.verify() == Verdict::Valid).collect();
        self.conclude(&verdicts)
    }

    fn conclude_plain(&self, plain: &PlainSignature, valid: Option<&(SignatureCheck, Jwk)>) -> Report {
        let refusal = if valid.is_some() { None } else { Some(Reason::SignatureInvalid) };
        let mut report = Report::of(self.rules, refusal);
        report.created = Some(plain.created.0);
        if let Some((check, key)) = valid {
            // Nothing else binds the name that the request gives.
            report.agent = key.kid().map(|_| plain.agent.clone());
            report.key = Some(key.thumbprint().to_owned());
            report.algorithm = check.algorithm().http_signatures();
        }
        report
    }

    fn conclude_one(&self, candidate: &Candidate, verdicts: &mut impl Iterator<Item = bool>) -> Report {
        let signature = &candidate.signature;
        let refused = |error: SignatureError, key: Option<&Jwk>| {
            let report = Report::of(self.rules, Some(error.into())).about(signature);
            if !self.explains {
                return report;
            }
            report.explained(explain(self.rules, signature, &self.message, key, error, self.now))
        };
        let (key, algorithm) = match &candidate.state {
            State::Refused(error) => return refused(*error, None),
            State::Unknown => {
                return Report::of(self.rules, Some(Reason::SignatureKeyUnknown)).about(signature);
            }
            State::Shared => (None, Some(HMAC)),
            State::Checks(checks, keys) => {
                let judged: Vec<_> = checks.iter().zip(keys).zip(verdicts.take(checks.len())).collect();
                let valid = judged.iter().find(|(_, valid)| *valid).map(|(which, _)| which);
                let Some((check, key)) = valid else { return refused(SignatureError::Invalid, keys.first()) };
                (Some(key.thumbprint().to_owned()), check.algorithm().http_signatures())
            }
        };
        if let Err(error) = self.compare_digest(signature) {
            return Report::of(self.rules, Some(error)).about(signature);
        }
        let mut report = Report::of(self.rules, None).about(signature);
        report.key = key;
        report.algorithm = algorithm;
        report.components = signature.components().iter().map(|c| c.identifier().to_owned()).collect();
        if let Some(claim) = &candidate.claim {
            report.agent = claim.identity().map(ToOwned::to_owned);
            report.form = claim.form();
        }
        report
    }

    /// Covering a digest proves nothing unless the content is hashed and compared.
    fn compare_digest(&self, signature: &PresentedSignature) -> Result<(), Reason> {
        if !digest::is_covered(signature) {
            return Ok(());
        }
        let content = self.content.ok_or(Reason::RequestBodyUnreadable)?;
        digest::verify_covered(signature, &self.message, content)?;
        Ok(())
    }
}
