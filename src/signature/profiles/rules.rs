//! A profile as a configuration has tightened it: [`Rules`].

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::agent_headers::HeaderNames;
use super::claim::{Claim, KeyPlace};
use super::{ALL, Carrier, Profile};
use crate::crypto::{Algorithm, CheckError, PublicKey, SharedKey, SignatureCheck};
use crate::jose::jwk::Jwk;
use crate::request::Fields;
use crate::signature::error::Param;
use crate::signature::{
    Component, Message, PresentedSignature, SignatureError, is_published_test_key, present, signature_base,
};
use crate::time::UnixSeconds;

/// The name of the one symmetric algorithm (RFC 9421 §3.3.3).
pub(crate) const HMAC: &str = "hmac-sha256";

/// What a verifier accepts under a profile.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) profile: &'static Profile,
    /// The tags of which a signature must have one. Empty: any that no other profile has, and none.
    pub tags: Vec<String>,
    /// What must be covered: of each group, one component.
    pub components: Vec<Vec<Component>>,
    /// The signature parameters that must be there.
    pub parameters: Vec<Param>,
    /// How far `created` may lie ahead of the verifier's clock: 30 s by default. It does not extend `expires`,
    /// which the signer chose itself.
    pub clock_skew: Duration,
    /// Longest time from `created` to `expires`, or since `created`.
    pub max_window: Duration,
    /// The algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// Whether `hmac-sha256` is accepted, with keys that both sides share.
    pub shared_keys: bool,
    /// The key sets, by URL, in which keys are looked for that no registered agent has.
    pub key_sets: Vec<String>,
    /// Whether keys that are printed in a standard are refused.
    pub refuses_published_keys: bool,
    /// Whether loopback hosts may be named, also over plain `http`; off by default, for tests only.
    pub allow_loopback_http: bool,
    /// The fields of the plain header scheme.
    pub headers: HeaderNames,
}

impl Rules {
    /// The rules of a profile where no configuration says more.
    #[must_use]
    pub fn of(profile: &'static Profile) -> Self {
        let component = |identifier: &&str| Component::parse(identifier).ok();
        let group = |group: &&[&str]| group.iter().filter_map(component).collect();
        Self {
            profile,
            tags: profile.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            components: profile.components.iter().map(group).collect(),
            parameters: profile.parameters.to_vec(),
            clock_skew: Duration::from_secs(30),
            max_window: profile.max_window,
            algorithms: profile.algorithms.to_vec(),
            shared_keys: false,
            key_sets: Vec::new(),
            refuses_published_keys: profile.refuses_published_keys,
            allow_loopback_http: false,
            headers: HeaderNames::default(),
        }
    }

    /// The profile's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.profile.name
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// The request fields that its signatures need, beside those of RFC 9421 itself, in lower case.
    pub(crate) fn request_fields(&self) -> impl Iterator<Item = &str> {
        let covered = self.components.iter().flatten().filter_map(Component::field);
        let HeaderNames { agent, timestamp, signature } = &self.headers;
        let is_plain = self.profile.carrier == Carrier::PlainHeaders;
        let plain = [agent, timestamp, signature].into_iter().filter(move |_| is_plain);
        covered.chain(plain.map(String::as_str))
    }

    /// Demands that a component is covered, beyond what is demanded already.
    pub fn require(&mut self, component: Component) {
        self.components.push(Vec::from([component]));
    }

    /// The signatures of a message, as this profile writes them.
    pub fn present(&self, fields: &Fields) -> Result<Vec<PresentedSignature>, SignatureError> {
        self.profile.present.unwrap_or(present)(fields)
    }

    /// Whether a signature is one of this profile, by its tag.
    #[must_use]
    pub fn selects(&self, signature: &PresentedSignature) -> bool {
        let tag = signature.params().tag.as_deref();
        if self.tags.is_empty() {
            return !ALL.iter().any(|profile| profile.tags.iter().any(|own| Some(*own) == tag));
        }
        self.tags.iter().any(|own| Some(own.as_str()) == tag)
    }

    /// Checks a signature against the profile and reads who it claims to be from.
    pub fn claim(
        &self,
        signature: &PresentedSignature,
        fields: &Fields,
        now: UnixSeconds,
    ) -> Result<Claim, SignatureError> {
        let params = signature.params();
        if !self.selects(signature) {
            return Err(SignatureError::TagMismatch);
        }
        if params.alg.as_deref() == Some(HMAC) && !self.shared_keys {
            return Err(SignatureError::AlgorithmSymmetric);
        }
        let covers = |wanted: &Component| signature.components().iter().any(|c| c.is_same_as(wanted));
        if !self.components.iter().all(|group| group.iter().any(covers)) {
            return Err(SignatureError::ComponentNotCovered);
        }
        if let Some(missing) = self.parameters.iter().find(|param| !params.has(**param)) {
            return Err(SignatureError::ParamMissing(*missing));
        }
        let (created, until) = self.window(signature, now)?;
        let place = match self.profile.locate {
            Some(locate) => locate(signature, fields, self)?,
            None => KeyPlace::Known,
        };
        Ok(Claim {
            profile: self.profile.name,
            place,
            keyid: params.keyid.clone(),
            created,
            until,
            nonce: params.nonce.clone().filter(|nonce| !nonce.is_empty()),
        })
    }

    fn window(
        &self,
        signature: &PresentedSignature,
        now: UnixSeconds,
    ) -> Result<(UnixSeconds, UnixSeconds), SignatureError> {
        let params = signature.params();
        let created = params.created.ok_or(SignatureError::ParamMissing(Param::Created))?;
        if created > now.plus(self.clock_skew) {
            return Err(SignatureError::CreatedInFuture);
        }
        let most = created.plus(self.max_window);
        let Some(expires) = params.expires else {
            return if most <= now { Err(SignatureError::TooOld) } else { Ok((created, most)) };
        };
        if expires <= created {
            return Err(SignatureError::ExpiresBeforeCreated);
        }
        if expires <= now {
            return Err(SignatureError::Expired);
        }
        if expires > most {
            return Err(SignatureError::WindowTooLong);
        }
        Ok((created, expires))
    }

    /// Which algorithm a signature by this key is of. The key decides; where it leaves a choice, as RSA keys without
    /// `alg` do, the signature's own `alg` says which, and where neither does, the only one that is accepted.
    pub fn algorithm(&self, key: &Jwk, stated: Option<&str>) -> Result<Algorithm, SignatureError> {
        let is_weak = matches!(key.key(), PublicKey::Rsa(rsa) if rsa.bits() < self.profile.min_rsa_bits);
        if is_weak {
            return Err(SignatureError::AlgorithmNotAllowed);
        }
        // Whoever wrote the list: what RFC 9421 has no name for signs no message.
        let accepted = |algorithm: &Algorithm| {
            algorithm.http_signatures().is_some() && self.algorithms.contains(algorithm)
        };
        if let Some(stated) = stated {
            let algorithm =
                Algorithm::from_http_signatures(stated).ok_or(SignatureError::AlgorithmNotAllowed)?;
            return match (key.permits(algorithm), accepted(&algorithm)) {
                (false, _) => Err(SignatureError::AlgorithmMismatch),
                (true, false) => Err(SignatureError::AlgorithmNotAllowed),
                (true, true) => Ok(algorithm),
            };
        }
        let mut fitting =
            Algorithm::ALL.iter().filter(|algorithm| key.permits(**algorithm) && accepted(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(*only),
            (Some(_), Some(_)) => Err(SignatureError::AlgorithmAmbiguous),
            (None, _) => Err(SignatureError::AlgorithmNotAllowed),
        }
    }

    /// The check of a signature with a key: everything but the arithmetic is done here.
    pub fn check(
        &self,
        signature: &PresentedSignature,
        message: &Message<'_>,
        key: &Jwk,
    ) -> Result<SignatureCheck, SignatureError> {
        if self.refuses_published_keys && is_published_test_key(key.thumbprint()) {
            return Err(SignatureError::KeyForbidden);
        }
        let algorithm = self.algorithm(key, signature.params().alg.as_deref())?;
        let base = self.base(signature, message)?;
        self.check_of(key, algorithm, base.into_bytes(), signature.signature())
            .map_err(|_| SignatureError::Invalid)
    }

    /// The check of a value over a message, with this profile's salt.
    pub(crate) fn check_of(
        &self,
        key: &Jwk,
        algorithm: Algorithm,
        message: Vec<u8>,
        value: &[u8],
    ) -> Result<SignatureCheck, CheckError> {
        let check = SignatureCheck::new(key.key().clone(), algorithm, message, value.to_vec())?;
        Ok(if self.profile.longest_salt { check.with_longest_salt() } else { check })
    }

    /// Whether a signature is one of a key that both sides share (RFC 9421 §3.3.3).
    pub fn verify_shared(
        &self,
        signature: &PresentedSignature,
        message: &Message<'_>,
        key: &SharedKey,
    ) -> Result<bool, SignatureError> {
        if !self.shared_keys {
            return Err(SignatureError::AlgorithmSymmetric);
        }
        if signature.params().alg.as_deref().is_some_and(|alg| alg != HMAC) {
            return Err(SignatureError::AlgorithmMismatch);
        }
        Ok(key.verify(self.base(signature, message)?.as_bytes(), signature.signature()))
    }

    /// The signature base, as this profile forms it.
    pub fn base(
        &self,
        signature: &PresentedSignature,
        message: &Message<'_>,
    ) -> Result<String, SignatureError> {
        let Some(target) = message.target() else { return signature_base(signature, message) };
        match (self.profile.target)(target) {
            Cow::Borrowed(_) => signature_base(signature, message),
            Cow::Owned(target) => signature_base(signature, &message.with_target(&target)),
        }
    }
}
