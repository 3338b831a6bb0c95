//! What a host knows of the connection that a request came on: [`Client`].
//!
//! None of it is proven by the request itself: it is the host's word, so that a host which does not know leaves it out,
//! and what depends on it is refused.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Longest client certificate in bytes (DER): 16 KiB.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;

/// The connection's other end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: Option<IpAddr>,
    /// The number of the autonomous system that the address is in.
    pub asn: Option<u32>,
    /// The country of the address (ISO 3166-1 alpha-2, in upper case).
    pub country: Option<String>,
    /// Where the address is, as far as that is known.
    pub place: Option<Place>,
    /// The certificate that it presented (RFC 8705), if it did.
    pub certificate: Option<ClientCertificate>,
}

/// A place on Earth in whole degrees, some 100 km: what is known of an address is not more exact, and nobody's home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(i16, i16)", try_from = "(i16, i16)")]
pub struct Place {
    latitude: i16,
    longitude: i16,
}

impl Place {
    /// The place at these degrees, rounded; `None` where there is none on Earth.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "it is in range, and what is no number is not")]
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let round = |degrees: f64| (degrees + if degrees < 0.0 { -0.5 } else { 0.5 }) as i16;
        let is_on_earth = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        is_on_earth.then(|| Self { latitude: round(latitude), longitude: round(longitude) })
    }

    /// Degrees north of the equator, -90 to 90.
    #[must_use]
    pub fn latitude(self) -> i16 {
        self.latitude
    }

    /// Degrees east of Greenwich, -180 to 180.
    #[must_use]
    pub fn longitude(self) -> i16 {
        self.longitude
    }
}

impl From<Place> for (i16, i16) {
    fn from(place: Place) -> Self {
        (place.latitude, place.longitude)
    }
}

impl TryFrom<(i16, i16)> for Place {
    type Error = &'static str;

    fn try_from((latitude, longitude): (i16, i16)) -> Result<Self, Self::Error> {
        Self::new(latitude.into(), longitude.into()).ok_or("no place on Earth")
    }
}

/// A client certificate, and what the host says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate in DER; at most [`MAX_CERTIFICATE_BYTES`].
    pub der: Vec<u8>,
    /// Whether its chain verified against the authorities that the host trusts, at the time of the handshake.
    pub verified: bool,
    /// Whether its authority has revoked it.
    pub revoked: bool,
}

/// An address as hosts write it: IPv6 without brackets, a zone dropped (RFC 4007 §11), and IPv4 in the form of IPv6 as
/// the IPv4 that it is (RFC 4291 §2.5.5.2). `None` where it is none.
#[must_use]
pub fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.split_once('%').map_or(text, |(address, _zone)| address);
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// A country as hosts write it. `None` where it is none, or stands for one that is not known (`XX`, `T1`).
#[must_use]
pub fn country_of(text: &str) -> Option<String> {
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) && text != "XX";
    is_code.then(|| String::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn an_address_has_one_form() {
        let form = |text| address_of(text).map(|address| address.to_string());
        for (text, address) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("", None),
            ("192.0.2.1:80", None),
            ("[2001:db8::1]", None),
            ("192.0.2.1, 192.0.2.2", None),
            ("192.0.2.01", None),
        ] {
            assert_eq!(form(text).as_deref(), address, "{text}");
        }
    }

    #[test]
    fn a_place_is_on_earth() {
        let place = |latitude, longitude| Place::new(latitude, longitude).map(<(i16, i16)>::from);
        assert_eq!(place(50.11, 8.68), Some((50, 9)));
        assert_eq!(place(-33.5, -70.6), Some((-34, -71)));
        assert_eq!(place(90.0, -180.0), Some((90, -180)));
        for (latitude, longitude) in [(90.1, 0.0), (0.0, 180.5), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(place(latitude, longitude), None);
        }
    }

    #[test]
    fn a_country_is_known_or_not_there() {
        assert_eq!(country_of("DE").as_deref(), Some("DE"));
        for text in ["", "de", "DEU", "D", "T1", "XX", "ÄÖ", "D "] {
            assert_eq!(country_of(text), None, "{text}");
        }
    }
}
