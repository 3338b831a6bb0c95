//! Networks: blocks of addresses in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3).
//!
//! An IPv4 address may come in IPv6 form (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2), as servers that listen on both write
//! it. It is taken for the IPv4 address that it is, on either side. Addresses that carry an IPv4 address by other means
//! (6to4, NAT64) are not looked into.

use core::net::IpAddr;

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The first address, as bits from the left.
    first: u128,
    prefix: u8,
    is_v4: bool,
}

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address; `None` where it is none, or where bits are set behind
    /// the prefix: whether the block or the address was meant nobody knows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let length: u8 = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(length), |text| {
            let is_number =
                text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            text.parse().ok().filter(|prefix| is_number && *prefix <= length)
        })?;
        let canonical = address.to_canonical();
        // A block of mapped addresses is one of IPv4, unless it has others in it too.
        let prefix = match (address, canonical) {
            (IpAddr::V6(_), IpAddr::V4(_)) if prefix < 96 => return None,
            (IpAddr::V6(_), IpAddr::V4(_)) => prefix - 96,
            _ => prefix,
        };
        let network = Self { first: bits(canonical), prefix, is_v4: canonical.is_ipv4() };
        (network.first & !network.mask() == 0).then_some(network)
    }

    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.is_v4 && bits(address) & self.mask() == self.first
    }

    fn mask(&self) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0)
    }
}

/// The address from the left of 128 bits, so that prefixes of both families are counted alike.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_block_has_its_addresses_and_no_others() {
        assert!(contains("10.0.0.0/8", "10.255.255.255"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("192.0.2.7", "192.0.2.7"));
        assert!(!contains("192.0.2.7", "192.0.2.6"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::"));
        assert!(contains("0.0.0.0/0", "203.0.113.9") && contains("::/0", "2001:db8::1"));
    }

    #[test]
    fn families_are_kept_apart_and_mapped_addresses_are_ipv4() {
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(!contains("::/0", "192.0.2.1"));
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.1"));
        assert!(contains("::ffff:192.0.2.0/120", "192.0.2.1"));
        assert!(!contains("::/0", "::ffff:192.0.2.1"));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in [
            "",
            "/",
            "10",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.1/8",
            "010.0.0.0/8",
            "2001:db8::/129",
            "2001:db8::1/64",
            "::ffff:0:0/95",
            "[::1]",
            "::1%eth0",
            "localhost",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    /// Bit for bit, as one would with a pencil.
    fn naive(first: &[u8], prefix: usize, address: &[u8]) -> bool {
        let bits = |bytes: &[u8]| -> Vec<bool> {
            bytes.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1 == 1)).collect()
        };
        first.len() == address.len() && bits(first)[..prefix] == bits(address)[..prefix]
    }

    proptest! {
        #[test]
        fn ipv4_blocks_equal_bits_compared_one_by_one(first: u32, prefix in 0u8..=32, near: bool, other: u32, flip in 0u32..32) {
            let first = u32::try_from(u64::from(first) >> (32 - prefix) << (32 - prefix)).unwrap();
            let address = if near { first ^ (1 << flip) } else { other };
            let network = Network::parse(&alloc::format!("{}/{prefix}", Ipv4Addr::from_bits(first))).unwrap();
            let expected = naive(&first.to_be_bytes(), usize::from(prefix), &address.to_be_bytes());
            prop_assert_eq!(network.contains(Ipv4Addr::from_bits(address).into()), expected);
            prop_assert_eq!(network.contains(Ipv4Addr::from_bits(address).to_ipv6_mapped().into()), expected);
        }

        #[test]
        fn ipv6_blocks_equal_bits_compared_one_by_one(first: u128, prefix in 0u32..=128, near: bool, other: u128, flip in 0u32..128) {
            let first = first & u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            let address = if near { first ^ (1 << flip) } else { other };
            let (first, address) = (Ipv6Addr::from_bits(first), Ipv6Addr::from_bits(address));
            prop_assume!(first.to_ipv4_mapped().is_none() && address.to_ipv4_mapped().is_none());
            let network = Network::parse(&alloc::format!("{first}/{prefix}")).unwrap();
            let expected = naive(&first.octets(), prefix as usize, &address.octets());
            prop_assert_eq!(network.contains(address.into()), expected);
        }
    }
}
