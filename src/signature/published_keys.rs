//! Keys whose private half is printed in RFC 9421: whoever reads it can sign with them.

/// RFC 7638 thumbprints of the asymmetric keys of RFC 9421 §B.1: `test-key-rsa`, `test-key-rsa-pss`,
/// `test-key-ecc-p256` and `test-key-ed25519`. Web Bot Auth's examples use them too, and its text has verifiers
/// reject them.
pub const PUBLISHED_TEST_KEYS: [&str; 4] = [
    "BHj8s0GPnMEQtkaULIM-PLgEhLBbuGUQ1vMxmBWZzEo",
    "oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLA",
    "ydQXMtvbsOsZyFir-Y7A8t7fKEM1gbKPvyFkdpu4fvI",
    "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U",
];

/// Whether a thumbprint is that of a published test key.
#[must_use]
pub fn is_published_test_key(thumbprint: &str) -> bool {
    PUBLISHED_TEST_KEYS.contains(&thumbprint)
}
