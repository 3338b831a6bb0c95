//! What a host knows of the connection that a request came on: [`Client`].
//!
//! None of it is proven by the request itself: it is the host's word, so that a host which does not know leaves it out,
//! and what depends on it is refused.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

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
    /// The certificate that it presented (RFC 8705), if it did.
    pub certificate: Option<ClientCertificate>,
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
