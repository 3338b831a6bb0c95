//! The nonce of a DPoP proof (RFC 9449 §9): judged before anything else in the proof, and handed out with the decision.
//!
//! A nonce is made for the key that a proof names, once the proof is one; whether it holds that key does not matter, as
//! the nonce is of no use to anyone else. A request without a proof gets the plain challenge: there is no key yet that a
//! nonce could be for, and the proof that follows gets one.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::Session;
use crate::config::{Gate, NonceConfig};
use crate::dpop::{NONCE_FIELD, NonceBucket, Proof};
use crate::policy::Route;
use crate::reason::Reason;
use crate::time::UnixMillis;

/// A request's nonce, on a route that asks for them.
pub(super) struct Nonce {
    /// Whom the next one is for.
    jkt: String,
    /// That of the proof, if it is good.
    bucket: Option<NonceBucket>,
}

impl Session {
    /// Whether the proof has the nonce that the route asks for. What does not depend on the nonce, such as its age, is
    /// not compared before: a client whose clock is wrong gets a nonce all the same.
    pub(super) fn judge_nonce(
        &mut self,
        gate: &Gate,
        route: &Route,
        proof: Option<&Proof>,
        now: UnixMillis,
    ) -> Result<Option<NonceBucket>, Reason> {
        let Some(proof) = proof.filter(|_| route.dpop_nonce != NonceConfig::Off) else { return Ok(None) };
        let audience = self.public_url();
        let verify = |nonce: &str| gate.nonces()?.verify(nonce, proof.jkt(), &audience, now.seconds());
        let bucket = proof.nonce().and_then(verify);
        self.nonce = Some(Nonce { jkt: proof.jkt().to_owned(), bucket });
        match (proof.nonce(), bucket) {
            (Some(_), None) => Err(Reason::DpopNonceInvalid),
            (None, _) if route.dpop_nonce == NonceConfig::Required => Err(Reason::DpopNonceMissing),
            _ => Ok(bucket),
        }
    }

    /// The field with the client's next nonce (RFC 9449 §8.2): with every answer where nonces are offered, else where
    /// the client's own will soon be refused, or is already.
    pub(super) fn next_nonce(&self, now: UnixMillis) -> Vec<(&'static str, String)> {
        let (Some(nonce), Some(route), Some(nonces)) = (&self.nonce, self.route(), self.gate.nonces()) else {
            return Vec::new();
        };
        let is_current = nonce.bucket.is_some_and(|bucket| bucket.is_current(now.seconds()));
        if route.dpop_nonce == NonceConfig::Required && is_current {
            return Vec::new();
        }
        Vec::from([(NONCE_FIELD, nonces.make(&nonce.jkt, &self.public_url(), now.seconds()))])
    }
}
