//! What speaks against a subject ([`Signal`]), and how much each signal weighs ([`Weights`]).
//!
//! Weights are data under a version: a decision says with which version it was scored, and `countersign risk replay`
//! scores a log with other ones.

use core::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::reason::{Blame, Reason};

macro_rules! signals {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $points:literal, $cap:literal;)+) => {
        /// Something that speaks against a subject. The order is fixed: it decides between signals of equal points.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Signal {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Signal {
            /// Every signal, in their order.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// One sentence for people.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }

        const DEFAULTS: [Weight; SIGNALS] = [$(Weight { points: $points, cap: $cap },)+];
    };
}

/// How many signals there are.
pub const SIGNALS: usize = 17;
/// How many of them, the first, are counted as they happen and fade; the others follow from what is known of the subject.
pub const INCIDENTS: usize = 12;

// The points of incidents are those of one of them; those of the others are said with each.
signals! {
    /// A proof was sent again.
    Replays = "replays", 25, 75;
    /// A proof did not fit what it came with: another key, another token.
    BadProofs = "bad_proofs", 20, 75;
    /// A signature did not verify.
    BadSignatures = "bad_signatures", 15, 60;
    /// A scope was asked for that the token does not have.
    RefusedScopes = "refused_scopes", 10, 85;
    /// A request was refused for another reason.
    Refusals = "refusals", 8, 60;
    /// A request broke the grammar of a standard.
    Malformed = "malformed", 5, 40;
    /// A proof was too old, or of the future.
    ClockSkew = "clock_skew", 2, 15;
    /// A request was over a limit.
    OverLimit = "over_limit", 3, 30;
    /// A network was seen for the first time.
    NewNetwork = "new_network", 15, 25;
    /// A country was seen for the first time.
    NewCountry = "new_country", 12, 20;
    /// A new network is too far from where the request before came from to be travelled to.
    Travel = "travel", 8, 12;
    /// A network that is new is used while one that is known is in use as well.
    NetworksAtOnce = "networks_at_once", 5, 18;
    /// More requests than usual; points for each doubling.
    Velocity = "velocity", 16, 48;
    /// More different resources than usual; points for each doubling.
    Resources = "resources", 14, 45;
    /// More money than usual; points for each doubling.
    Spend = "spend", 12, 45;
    /// The request was delegated more often than is common; points for each actor above two.
    DelegationDepth = "delegation_depth", 3, 9;
    /// The subject is young, so that the points of all other signals weigh more; percent of them.
    KeyAge = "key_age", 10, 10;
}

impl Signal {
    /// The signal of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|signal| signal.code() == code)
    }

    /// What a refusal is a signal of. `None` where it says nothing about who asked: what the gate asked for itself, what
    /// somebody must approve, what could not be checked, and what was refused for its risk already.
    #[must_use]
    pub fn of(refusal: Reason) -> Option<Self> {
        Some(match refusal {
            // The gate asked for the nonce: to come once without it is how the protocol goes.
            Reason::DpopNonceMissing | Reason::DpopNonceInvalid | Reason::PolicyApprovalRequired => {
                return None;
            }
            // So it is with a step-up.
            Reason::PolicyAuthenticationInsufficient | Reason::PolicyAuthenticationTooOld => return None,
            // Or the score would hold itself up.
            _ if refusal.code().starts_with("risk.") => return None,
            Reason::SignatureReplayed | Reason::DpopProofReplayed => Self::Replays,
            Reason::DpopKeyMismatch
            | Reason::MtlsCertificateMismatch
            | Reason::TokenBoundUsedAsBearer
            | Reason::DpopTokenHashMismatch
            | Reason::SignatureDigestMismatch => Self::BadProofs,
            Reason::SignatureInvalid | Reason::TokenSignatureInvalid | Reason::DpopSignatureInvalid => {
                Self::BadSignatures
            }
            Reason::PolicyScopeMissing | Reason::DelegationScopeLevelExceeded => Self::RefusedScopes,
            Reason::SignatureExpired
            | Reason::SignatureCreatedInFuture
            | Reason::SignatureTooOld
            | Reason::TokenExpired
            | Reason::TokenNotYetValid
            | Reason::TokenIssuedInFuture
            | Reason::DpopExpired
            | Reason::DpopIssuedInFuture => Self::ClockSkew,
            _ => match refusal.blame() {
                Blame::Malformed => Self::Malformed,
                Blame::Unproven | Blame::NotPermitted => Self::Refusals,
                Blame::OverLimit => Self::OverLimit,
                Blame::Unavailable => return None,
            },
        })
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// Whether it is a refusal, of which a small share is normal.
    pub(super) fn is_refusal(self) -> bool {
        self <= Self::OverLimit
    }
}

impl Serialize for Signal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = alloc::string::String::deserialize(deserializer)?;
        Self::from_code(&code).ok_or_else(|| D::Error::custom("no such signal"))
    }
}

/// What a signal adds to a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// Points of one incident, of one doubling, of one actor; percent for `key_age`. 0 to 100.
    pub points: u8,
    /// The most that the signal adds, 0 to 100.
    pub cap: u8,
}

/// The version of the weights that are in the code; it changes with them.
pub const WEIGHTS_VERSION: u32 = 2;

/// How much each signal weighs, and from where on something is unusual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// Which weights these are.
    pub version: u32,
    /// One for each signal, in the order of [`Signal::ALL`].
    pub signals: [Weight; SIGNALS],
    /// The share of refused requests, in percent, from which on refusals count in full; below it in proportion. A busy
    /// agent has a refusal now and then.
    pub refused_share: u8,
    /// How many requests a minute are never unusual, over some 10 seconds.
    pub burst_per_minute: u64,
    /// How many requests a minute are never unusual, over some 5 minutes.
    pub sustained_per_minute: u64,
    /// How many times the requests of its last hours are not unusual for a subject.
    pub velocity_times: u64,
    /// How many different resources a day are never unusual.
    pub resources_per_day: u64,
    /// How many times the resources of its days before are not unusual for a subject.
    pub resources_times: u64,
    /// How many minor units of money an hour are never unusual.
    pub spend_per_hour: u64,
    /// How many times the spending of its days before is not unusual for a subject.
    pub spend_times: u64,
    /// From which speed on a journey is not plausible, in km/h.
    pub travel_speed: u64,
    /// Up to which distance nobody has travelled, in km: where an address is, is a guess.
    pub travel_distance: u64,
    /// How long a subject is learnt before a network or country is new to it, and how long one then stays new.
    pub learning: Duration,
    /// Until which age a subject is young.
    pub young: Duration,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            version: WEIGHTS_VERSION,
            signals: DEFAULTS,
            refused_share: 25,
            burst_per_minute: 600,
            sustained_per_minute: 150,
            velocity_times: 4,
            resources_per_day: 300,
            resources_times: 2,
            spend_per_hour: 100_000,
            spend_times: 4,
            travel_speed: 1_200,
            travel_distance: 800,
            learning: Duration::from_hours(1),
            young: Duration::from_hours(24),
        }
    }
}

impl Weights {
    /// The weight of a signal.
    #[must_use]
    pub fn of(&self, signal: Signal) -> Weight {
        self.signals.get(signal.index()).copied().unwrap_or(Weight { points: 0, cap: 0 })
    }

    /// Gives a signal another weight.
    pub fn set(&mut self, signal: Signal, points: u8, cap: u8) {
        if let Some(weight) = self.signals.get_mut(signal.index()) {
            *weight = Weight { points, cap };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_lead_back() {
        assert_eq!((Signal::ALL.len(), Signal::KeyAge.index() + 1), (SIGNALS, SIGNALS));
        assert_eq!(Signal::NetworksAtOnce.index() + 1, INCIDENTS);
        let codes: BTreeSet<_> = Signal::ALL.iter().map(|signal| signal.code()).collect();
        assert_eq!(codes.len(), SIGNALS);
        for signal in Signal::ALL {
            assert_eq!(Signal::from_code(signal.code()), Some(*signal));
            assert!(!signal.title().is_empty());
        }
        assert_eq!(Signal::from_code("Velocity"), None);
    }

    #[test]
    fn refusals_that_say_nothing_about_who_asked_are_no_signal() {
        for reason in Reason::ALL {
            let says_nothing = matches!(
                reason,
                Reason::DpopNonceMissing
                    | Reason::DpopNonceInvalid
                    | Reason::PolicyApprovalRequired
                    | Reason::PolicyAuthenticationInsufficient
                    | Reason::PolicyAuthenticationTooOld
            ) || reason.code().starts_with("risk.")
                || reason.blame() == Blame::Unavailable;
            assert_eq!(Signal::of(*reason).is_none(), says_nothing, "{reason}");
            assert!(Signal::of(*reason).is_none_or(Signal::is_refusal), "{reason}");
        }
    }
}
