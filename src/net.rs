//! Where an address leads: to the internet, to this machine, or into somebody's own network.
//!
//! Agents name the URLs that a host fetches, so that none may lead to what only the host can reach (server-side
//! request forgery). Literal addresses in URLs are judged where the URL is read; what a name resolves to only the host
//! learns, and asks [`is_public`] for each address before it connects to that very address. On Workers names lead to
//! public addresses only, and the host has nothing to ask.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To the internet.
    Public,
    /// To this machine.
    Loopback,
    /// Into a private network, or nowhere.
    Private,
}

/// Whether a literal address, IPv6 without brackets, is one of the internet. What is no address is not.
#[must_use]
pub fn is_public(address: &str) -> bool {
    let reach = match address.parse() {
        Ok(IpAddr::V4(address)) => ipv4_reach(address),
        Ok(IpAddr::V6(address)) => ipv6_reach(address),
        Err(_) => return false,
    };
    reach == Reach::Public
}

/// Whether an authority names this machine: by an address, or as `localhost` or below it (RFC 6761 §6.3).
pub(crate) fn names_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next(),
        None => authority.split(':').next(),
    };
    let host = host.unwrap_or_default();
    match host.parse() {
        Ok(IpAddr::V4(address)) => ipv4_reach(address) == Reach::Loopback,
        Ok(IpAddr::V6(address)) => ipv6_reach(address) == Reach::Loopback,
        Err(_) => host.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost")),
    }
}

pub(crate) fn ipv4_reach(address: Ipv4Addr) -> Reach {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127, ..) => Reach::Loopback,
        // Addresses that RFC 6890's registry does not make globally reachable, multicast and reserved ones.
        (0 | 10 | 224..=255, ..)
        | (100, 64..=127, _)
        | (169, 254, _)
        | (172, 16..=31, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (192, 168, _)
        | (198, 18..=19, _)
        | (198, 51, 100)
        | (203, 0, 113) => Reach::Private,
        _ => Reach::Public,
    }
}

/// Only global unicast is public, without documentation and the ranges that embed an IPv4 address.
pub(crate) fn ipv6_reach(address: Ipv6Addr) -> Reach {
    match address.segments() {
        _ if address.is_loopback() => Reach::Loopback,
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Private,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Private,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for address in ["1.1.1.1", "203.0.112.7", "192.0.1.1", "172.32.0.1", "2606:4700::1111", "2a00::1"] {
            assert!(is_public(address), "{address}");
        }
        for address in [
            "127.0.0.1",
            "127.255.255.255",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.251",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_public() {
        for text in
            ["", "localhost", "1.1.1", "1.1.1.1.", "01.1.1.1", "0x1.1.1.1", "[2606:4700::1]", "fe80::1%eth0"]
        {
            assert!(!is_public(text), "{text}");
        }
    }
}
