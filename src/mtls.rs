//! Proof of possession by the connection (mTLS, RFC 8705): a client certificate, and what a token that is bound to one
//! says of it.
//!
//! The handshake proved that the client holds the certificate's key. Who signed it, and whether it still counts, the host
//! says ([`ClientCertificate`]); here it is only compared, as the bytes that it is: no certificate is parsed, and no chain
//! is built.

use alloc::string::String;
use alloc::vec::Vec;

use crate::client::{Client, ClientCertificate, MAX_CERTIFICATE_BYTES};
use crate::crypto::{constant_time_eq, sha256_base64url};
use crate::encoding::structured::{BareItem, Item, Limits};
use crate::reason::Reason;

/// As much as a certificate of [`MAX_CERTIFICATE_BYTES`] takes in base64.
const FIELD_LIMITS: Limits =
    Limits { bytes: MAX_CERTIFICATE_BYTES.div_ceil(3) * 4 + 2, members: 1, inner_items: 0, parameters: 0 };

/// The thumbprint of a certificate in DER (`x5t#S256`, RFC 8705 §3.1).
#[must_use]
pub fn x5t_s256(der: &[u8]) -> String {
    sha256_base64url(der)
}

/// The DER of a certificate in the form that proxies and platforms hand on: a Byte Sequence (RFC 9440 §2.1). `None` where
/// it is none, or longer than [`MAX_CERTIFICATE_BYTES`].
#[must_use]
pub fn certificate_of_field(value: &str) -> Option<Vec<u8>> {
    match Item::parse_within(value, FIELD_LIMITS).ok()?.value {
        BareItem::Bytes(der) if der.len() <= MAX_CERTIFICATE_BYTES => Some(der),
        _ => None,
    }
}

/// A certificate that is there, of a length that certificates have, and not revoked.
pub(crate) struct Presented<'a>(&'a ClientCertificate);

impl<'a> Presented<'a> {
    /// The certificate of a connection.
    pub(crate) fn of(client: &'a Client) -> Result<Self, Reason> {
        let certificate = client.certificate.as_ref().ok_or(Reason::MtlsMissing)?;
        if certificate.revoked {
            return Err(Reason::MtlsRevoked);
        }
        if certificate.der.is_empty() || certificate.der.len() > MAX_CERTIFICATE_BYTES {
            return Err(Reason::MtlsUnverified);
        }
        Ok(Self(certificate))
    }

    /// Whether the host verified its chain.
    pub(crate) fn is_verified(&self) -> bool {
        self.0.verified
    }

    /// The same, where the host verified its chain.
    pub(crate) fn verified(self) -> Result<Self, Reason> {
        if self.is_verified() { Ok(self) } else { Err(Reason::MtlsUnverified) }
    }

    /// Its thumbprint.
    pub(crate) fn x5t_s256(&self) -> String {
        x5t_s256(&self.0.der)
    }

    /// Whether it is the one that a token is bound to (RFC 8705 §3).
    pub(crate) fn is_bound_by(&self, x5t_s256: &str) -> bool {
        constant_time_eq(self.x5t_s256().as_bytes(), x5t_s256.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn a_thumbprint_is_the_hash_of_the_whole_certificate() {
        // SHA-256 of "abc" (FIPS 180-2 §B.1), in base64url.
        assert_eq!(x5t_s256(b"abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }

    #[test]
    fn a_certificate_is_one_byte_sequence() {
        assert_eq!(certificate_of_field(":MIIB:").unwrap(), [0x30, 0x82, 0x01]);
        let most = format!(":{}:", "AAAA".repeat(MAX_CERTIFICATE_BYTES / 3));
        assert_eq!(certificate_of_field(&most).unwrap().len(), MAX_CERTIFICATE_BYTES / 3 * 3);
        let more = format!(":{}:", "AAAA".repeat(MAX_CERTIFICATE_BYTES / 3 + 1));
        for value in ["", "MIIB", ":MIIB", ":MI IB:", ":MIIB:;a", ":MIIB:, :MIIB:", "\"MIIB\"", "?1", &more] {
            assert_eq!(certificate_of_field(value), None, "{}", value.chars().take(20).collect::<String>());
        }
    }

    #[test]
    fn a_certificate_counts_that_is_whole_and_not_revoked() {
        let certificate = |der: &[u8], verified, revoked| Client {
            certificate: Some(ClientCertificate { der: der.to_vec(), verified, revoked }),
            ..Client::default()
        };
        let of = |client: &Client| Presented::of(client).and_then(Presented::verified).map(|_| ());
        assert_eq!(of(&certificate(b"x", true, false)), Ok(()));
        assert_eq!(of(&certificate(b"x", false, false)), Err(Reason::MtlsUnverified));
        assert_eq!(of(&certificate(b"x", true, true)), Err(Reason::MtlsRevoked));
        assert_eq!(of(&certificate(b"", true, false)), Err(Reason::MtlsUnverified));
        let long = alloc::vec![0; MAX_CERTIFICATE_BYTES + 1];
        assert_eq!(of(&certificate(&long, true, false)), Err(Reason::MtlsUnverified));
        assert_eq!(of(&Client::default()), Err(Reason::MtlsMissing));
    }

    #[test]
    fn a_binding_is_to_one_certificate() {
        let certificate = ClientCertificate { der: b"abc".to_vec(), verified: true, revoked: false };
        let presented = Presented(&certificate);
        let bound = x5t_s256(b"abc");
        assert!(presented.is_bound_by(&bound));
        for other in [&x5t_s256(b"abd"), "", &bound[1..], &bound.to_uppercase(), &format!("{bound}=")] {
            assert!(!presented.is_bound_by(other), "{}", other.to_string());
        }
    }
}
