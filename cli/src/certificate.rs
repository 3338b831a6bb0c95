//! Certificates in files: DER, or the first one of a PEM text (RFC 7468 §5).

use countersign::client::MAX_CERTIFICATE_BYTES;
use countersign::mtls::certificate_of_field;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Whether a file looks as if a certificate was in it.
pub(crate) fn is_certificate(bytes: &[u8]) -> bool {
    is_der(bytes) || std::str::from_utf8(bytes).is_ok_and(|text| text.contains(BEGIN))
}

/// The DER of a certificate; the error says what is wrong with it.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let der = if is_der(bytes) { bytes.to_vec() } else { of_pem(bytes)? };
    // One SEQUENCE, whole: else what is hashed is not what others see.
    match length(&der) {
        Some(length) if length == der.len() && length <= MAX_CERTIFICATE_BYTES => Ok(der),
        _ => Err("is no certificate of at most 16 KiB: it is not one whole DER value"),
    }
}

fn of_pem(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let no_pem = "is no certificate, neither in DER nor in PEM";
    let text = std::str::from_utf8(bytes).map_err(|_| no_pem)?;
    let (_, rest) = text.split_once(BEGIN).ok_or(no_pem)?;
    let (inner, _) = rest.split_once(END).ok_or("has no end of its certificate")?;
    let base64: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    // The same base64 between colons is what proxies hand on.
    certificate_of_field(&format!(":{base64}:")).ok_or("has a certificate that is not base64, or too long")
}

/// Whether it begins as a SEQUENCE of more than 127 bytes, as every certificate does.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x81..=0x83, ..])
}

/// The length of the DER value that begins here (X.690 §8.1.3), head included.
fn length(der: &[u8]) -> Option<usize> {
    let [0x30, count @ 0x81..=0x83, rest @ ..] = der else { return None };
    let count = usize::from(count & 0x7f);
    let length = rest.get(..count)?.iter().fold(0usize, |length, byte| (length << 8) | usize::from(*byte));
    Some(length + count + 2)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn der() -> Vec<u8> {
        let mut der = vec![0x30, 0x81, 0x80];
        der.resize(131, 7);
        der
    }

    #[test]
    fn what_is_no_whole_certificate_is_refused() {
        let (mut long, mut short) = (der(), der());
        long.push(0);
        short.pop();
        for bytes in [&long[..], &short, b"", b"hello", &[0xff, 0xfe], b"-----BEGIN CERTIFICATE-----\nMII"] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
        assert!(!is_certificate(b"{}") && is_certificate(&short));
    }

    #[test]
    fn der_and_pem_of_it_are_the_same() {
        assert_eq!(read(&der()).unwrap(), der());
        let base64 = "MIGA".to_owned() + &"BwcH".repeat(42) + "Bwc=";
        let (first, second) = base64.split_at(64);
        let pem = format!("a text before\n{BEGIN}\n{first}\n{second}\n{END}\n");
        assert_eq!(read(pem.as_bytes()).unwrap(), der());
    }
}
