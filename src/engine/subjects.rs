//! Who a request is counted for: from [`Per`] and what was proven to the text of a subject.
//!
//! Each part of the text has its name and its length before it, so that no two subjects run together, whatever clients
//! and issuers write. What an issuer says of people and organisations has the issuer before it: another's may have the
//! same identifiers.
//!
//! An IPv6 address counts with its /64 (RFC 4291 §2.5.4): a host has all of that to itself (RFC 4862, RFC 8981), and so
//! would have a count of its own for each request. Who has a shorter prefix has as many counts as that has networks of
//! 64 bits. That is not configurable: a longer prefix would limit nobody, and with a shorter one strangers share a count.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use super::Session;
use crate::config::Per;
use crate::decision::Method;

/// The bits of an IPv6 address that name a network.
const NETWORK_BITS: u128 = u128::MAX << 64;

impl Session {
    /// The subject of a request by this combination. `None` where the request has no such subject, as one without a token
    /// has no principal.
    pub(super) fn subject_of(&self, per: &[Per]) -> Option<String> {
        let parts: Option<Vec<_>> = per.iter().map(|per| Some((*per, Some(self.part_of(*per)?)))).collect();
        parts.map(|parts| text_of(&parts))
    }

    /// The same for what must not go uncounted: all requests without such a subject share one.
    pub(super) fn counted_as(&self, per: &[Per]) -> String {
        self.subject_of(per).unwrap_or_else(|| {
            let parts: Vec<_> = per.iter().map(|per| (*per, self.part_of(*per))).collect();
            text_of(&parts)
        })
    }

    fn part_of(&self, per: Per) -> Option<String> {
        let verified = &self.verified;
        match per {
            Per::Agent => verified.subject().map(String::from),
            Per::Key => {
                let agent = verified.counted()?;
                // Thumbprints of keys and of certificates are of different things.
                let kind = if agent.method == Method::Mtls { "x5t#S256" } else { "jkt" };
                agent.key.as_ref().map(|key| format!("{kind} {key}"))
            }
            Per::Principal => {
                let claims = verified.claims()?;
                claims.sub.as_ref().map(|sub| format!("{} {sub}", claims.iss))
            }
            Per::Organisation => {
                let claims = verified.claims()?;
                claims.delegation.organisation.as_ref().map(|name| format!("{} {name}", claims.iss))
            }
            Per::Address => self.view.client().address.map(network_of),
            Per::Route => self.route().map(|route| String::from(route.pattern.as_str())),
        }
    }
}

/// The text of a subject; a part that is not there has no length.
pub(crate) fn text_of(parts: &[(Per, Option<String>)]) -> String {
    let part = |(per, part): &(Per, Option<String>)| match part {
        Some(part) => format!("{} {} {part}\n", per.as_str(), part.len()),
        None => format!("{} -\n", per.as_str()),
    };
    parts.iter().map(part).collect()
}

/// The network that an address counts with.
fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("{address}"),
        IpAddr::V6(address) => format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & NETWORK_BITS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> String {
        network_of(address.parse().unwrap())
    }

    #[test]
    fn neighbours_in_a_network_count_together_and_others_do_not() {
        assert_eq!(network("2001:db8:1:2::1"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::/64");
        assert_ne!(network("2001:db8:1:3::1"), network("2001:db8:1:2::1"));
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_ne!(network("192.0.2.2"), network("192.0.2.1"));
    }

    #[test]
    fn no_two_subjects_run_together() {
        let subject = |parts: &[(Per, Option<&str>)]| {
            let parts: Vec<_> = parts.iter().map(|(per, part)| (*per, part.map(String::from))).collect();
            text_of(&parts)
        };
        let honest = subject(&[(Per::Agent, Some("a")), (Per::Key, Some("b"))]);
        assert_ne!(honest, subject(&[(Per::Agent, Some("a\nkey 1 b"))]));
        assert_ne!(subject(&[(Per::Agent, Some("-"))]), subject(&[(Per::Agent, None)]));
        assert_ne!(subject(&[(Per::Agent, Some(""))]), subject(&[(Per::Agent, None)]));
    }
}
