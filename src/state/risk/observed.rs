//! What is observed of a request: all that risk knows of it ([`Observed`]).
//!
//! Counts and digests, no names: no address, path, token or key. A decision carries it to the log, so that a score can be
//! recomputed from lines alone, and a call to the object that keeps the state carries the same.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::net::IpAddr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::signal::{INCIDENTS, Signal};
use crate::client::{Client, Place};
use crate::crypto::sha256_parts;
use crate::reason::Reason;

/// The most requests that one observation stands for.
pub const MAX_REQUESTS: u32 = 1_000_000;

/// What is observed of a request, or of several that were refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Observed {
    /// How many requests it stands for, at most [`MAX_REQUESTS`].
    #[serde(skip_serializing_if = "is_one")]
    pub requests: Requests,
    /// What spoke against them.
    #[serde(skip_serializing_if = "Incidents::is_empty")]
    pub incidents: Incidents,
    /// A digest of what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Digest<8>>,
    /// A digest of the network that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Digest<4>>,
    /// The country that it came from (ISO 3166-1 alpha-2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// Where it came from, in whole degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The money that it is about, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// How many actors stand between the person and the request.
    #[serde(skip_serializing_if = "is_zero")]
    pub depth: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(depth: &u8) -> bool {
    *depth == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(requests: &Requests) -> bool {
    requests.0 == 1
}

impl Observed {
    /// A request for this resource that nothing spoke against.
    #[must_use]
    pub fn of(resource: &str, client: &Client) -> Self {
        let network = match (client.asn, client.address) {
            (Some(asn), _) => Some(Digest::of(&["asn", itoa(asn).as_str()])),
            // Without its number, a network is what is commonly one: /16, /32.
            (None, Some(IpAddr::V4(address))) => {
                let [a, b, ..] = address.octets();
                Some(Digest::of(&["ipv4", itoa(u32::from(u16::from_be_bytes([a, b]))).as_str()]))
            }
            (None, Some(IpAddr::V6(address))) => {
                let [a, b, ..] = address.segments();
                Some(Digest::of(&["ipv6", itoa((u32::from(a) << 16) | u32::from(b)).as_str()]))
            }
            (None, None) => None,
        };
        Self {
            resource: Some(Digest::of(&["resource", resource])),
            network,
            country: client.country.as_deref().and_then(Country::new),
            place: client.place,
            ..Self::default()
        }
    }

    /// A request that was refused. Of where it came from nothing is known: who has seen a request can send it again.
    #[must_use]
    pub fn refused(reason: Reason) -> Self {
        Signal::of(reason).map_or_else(Self::default, Self::refused_for)
    }

    /// A request that was refused for what this is the signal of.
    #[must_use]
    pub fn refused_for(signal: Signal) -> Self {
        let mut observed = Self::default();
        observed.incidents.add(signal, 1);
        observed
    }

    /// Takes in others that were refused.
    pub fn add_refused(&mut self, other: &Self) {
        self.requests = Requests(self.requests.0.saturating_add(other.requests.0).min(MAX_REQUESTS));
        for (signal, count) in other.incidents.iter() {
            self.incidents.add(signal, count);
        }
    }
}

fn itoa(number: u32) -> String {
    use alloc::string::ToString;
    number.to_string()
}

/// How many requests: 1 unless it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Requests(pub u32);

impl Default for Requests {
    fn default() -> Self {
        Self(1)
    }
}

/// How often each of the signals that are counted was there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incidents([u32; INCIDENTS]);

impl Incidents {
    /// Counts `count` more. What is not counted but follows from the state is passed over.
    pub fn add(&mut self, signal: Signal, count: u32) {
        if let Some(slot) = self.0.get_mut(signal.index()) {
            *slot = slot.saturating_add(count).min(MAX_REQUESTS);
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// Those that are there.
    pub fn iter(&self) -> impl Iterator<Item = (Signal, u32)> {
        Signal::ALL.iter().copied().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl Serialize for Incidents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Incidents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = BTreeMap::<String, u32>::deserialize(deserializer)?;
        let mut incidents = Self::default();
        for (code, count) in counts {
            let signal = Signal::from_code(&code).filter(|signal| signal.index() < INCIDENTS);
            incidents.add(signal.ok_or_else(|| D::Error::custom("no such incident"))?, count);
        }
        Ok(incidents)
    }
}

/// The first bytes of a SHA-256, written in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest<const N: usize>(pub [u8; N]);

impl<const N: usize> Digest<N> {
    /// Of texts, of which the first says what is hashed.
    fn of(parts: &[&str]) -> Self {
        let mut digest = [0; N];
        digest.iter_mut().zip(sha256_parts(parts)).for_each(|(to, from)| *to = from);
        Self(digest)
    }
}

impl<const N: usize> Serialize for Digest<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
        let text: String = self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Digest<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut digest = [0; N];
        let mut pairs = text.as_bytes().chunks_exact(2);
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        for byte in &mut digest {
            let pair = pairs.next().and_then(|pair| match pair {
                [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
                _ => None,
            });
            *byte = pair.ok_or_else(|| D::Error::custom("no digest"))?;
        }
        if text.len() == 2 * N { Ok(Self(digest)) } else { Err(D::Error::custom("no digest")) }
    }
}

/// A country (ISO 3166-1 alpha-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country(pub(super) [u8; 2]);

impl Country {
    /// The country of these two letters in upper case.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        match code.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Some(Self([*a, *b])),
            _ => None,
        }
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(core::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| D::Error::custom("no country"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn client(asn: Option<u32>, address: Option<&str>) -> Client {
        Client { asn, address: address.map(|text| text.parse().unwrap()), ..Client::default() }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let place = Place::new(50.1, 8.6);
        let from = Client { country: Some("DE".into()), place, ..client(Some(64_496), None) };
        let mut observed = Observed::of("GET /a?b", &from);
        observed.amount = Some(1_250);
        observed.depth = 2;
        observed.incidents.add(Signal::RefusedScopes, 3);
        observed.requests = Requests(4);
        let text = serde_json::to_string(&observed).unwrap();
        assert_eq!(serde_json::from_str::<Observed>(&text).unwrap(), observed);
        assert!(text.contains("\"incidents\":{\"refused_scopes\":3}"), "{text}");
        assert!(text.contains("\"place\":[50,9]"), "{text}");
        assert!(!text.contains("/a"), "{text}");
        assert_eq!(serde_json::to_string(&Observed::default()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Observed>("{}").unwrap(), Observed::default());
    }

    #[test]
    fn what_is_no_observation_is_refused() {
        for text in [
            "1",
            "{\"x\":1}",
            "{\"requests\":-1}",
            "{\"requests\":1.5}",
            "{\"incidents\":{\"velocity\":1}}",
            "{\"incidents\":{\"refused_scopes\":-1}}",
            "{\"resource\":\"00\"}",
            "{\"resource\":\"00112233445566zz\"}",
            "{\"resource\":\"0011223344556677 \"}",
            "{\"resource\":\"é011223344556677\"}",
            "{\"network\":\"0011223344\"}",
            "{\"country\":\"de\"}",
            "{\"country\":\"DEU\"}",
            "{\"place\":[91,0]}",
            "{\"place\":[0,181]}",
            "{\"place\":[0]}",
            "{\"amount\":\"1\"}",
            "{\"depth\":256}",
        ] {
            assert!(serde_json::from_str::<Observed>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_is_its_number_or_what_is_commonly_one() {
        let network = |asn, address| Observed::of("/", &client(asn, address)).network;
        assert_eq!(network(Some(1), Some("192.0.2.1")), network(Some(1), Some("198.51.100.1")));
        assert_eq!(network(None, Some("192.0.2.1")), network(None, Some("192.0.200.1")));
        assert_ne!(network(None, Some("192.0.2.1")), network(None, Some("192.1.2.1")));
        assert_eq!(network(None, Some("2001:db8::1")), network(None, Some("2001:db8:1::1")));
        assert_ne!(network(None, Some("2001:db8::1")), network(None, Some("2001:db9::1")));
        assert_eq!(network(None, None), None);
    }

    #[test]
    fn refusals_add_up_within_a_bound() {
        let mut sum = Observed::refused(Reason::PolicyScopeMissing);
        sum.add_refused(&Observed::refused(Reason::PolicyScopeMissing));
        sum.add_refused(&Observed::refused(Reason::RequestMalformed));
        let counts: std::vec::Vec<_> = sum.incidents.iter().map(|(s, n)| (s.code().to_string(), n)).collect();
        assert_eq!(
            (sum.requests.0, counts),
            (3, [("refused_scopes".into(), 2), ("malformed".into(), 1)].into())
        );
        sum.requests = Requests(MAX_REQUESTS);
        sum.add_refused(&Observed::refused(Reason::RiskDenied));
        assert_eq!(sum.requests.0, MAX_REQUESTS);
    }
}
