//! Nonces of the gate's own for DPoP proofs (RFC 9449 §8, §9): [`Nonces`].
//!
//! A nonce is the number of a span of time, its bucket, and the first 16 bytes of an HMAC-SHA-256 over the thumbprint
//! of the key that it was made for, the audience (the public origin) and that number, all in base64url. So nothing is
//! stored: whoever has the secret can tell a nonce that the gate made lately, for this key and this origin, from any
//! other text. The one of the bucket before is taken too, or each turn of the clock would refuse every client.
//!
//! A nonce limits how long before its use a proof can have been made. It is not single-use: that is for the `jti`.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::crypto::hmac::MAX_KEY_BYTES;
use crate::crypto::{SharedKey, constant_time_eq};
use crate::encoding::base64url;
use crate::encoding::json::{self, Value};
use crate::time::UnixSeconds;

/// The field that hands a client its next nonce (RFC 9449 §8.1).
pub const NONCE_FIELD: &str = "DPoP-Nonce";
/// Most secrets at once: 8, far more than a rotation needs, as each may cost an HMAC a request.
pub const MAX_NONCE_SECRETS: usize = 8;

/// Longest document of secrets in bytes; one of as many as may be, and as long, fits also where every byte is escaped.
const MAX_SECRETS_BYTES: usize = MAX_NONCE_SECRETS * (MAX_KEY_BYTES * 6 + 16);
/// Bytes of the bucket's number.
const INDEX_BYTES: usize = 8;
/// Bytes of the HMAC that are kept: 128 bits, which nobody guesses online. With the number they are 32 characters.
const TAG_BYTES: usize = 16;
/// What the secret's tags over nonces begin with, so that it may come to serve another purpose.
const PURPOSE: &str = "dpop-nonce";

/// Makes nonces, and tells whether it made one.
#[derive(Clone, Debug)]
pub struct Nonces {
    /// Never empty. The first makes, all are accepted.
    secrets: Vec<SharedKey>,
    bucket: Duration,
}

/// The span of time that a nonce was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceBucket {
    index: u64,
    length: u64,
}

impl Nonces {
    /// Reads the secrets: one text, or a JSON array of them, each 32 to 128 bytes long. White space around them is
    /// none of theirs, as files end with it. The message says what is wrong with them, and nothing of what they are.
    pub fn new(document: &str, bucket: Duration) -> Result<Self, &'static str> {
        let document = document.trim();
        if !document.starts_with('[') {
            return Ok(Self { secrets: Vec::from([secret(document)?]), bucket });
        }
        let document = json::parse(document.as_bytes(), MAX_SECRETS_BYTES);
        let document = document.map_err(|_| "are not strict JSON; write one secret, or an array of them")?;
        let texts = document.as_array().unwrap_or_default();
        if texts.is_empty() || texts.len() > MAX_NONCE_SECRETS {
            return Err("are none, or more than 8; write the one that makes nonces, then those before it");
        }
        let mut secrets = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            let text = text.as_str().ok_or("have one that is no text; write an array of texts")?;
            if texts.iter().take(i).any(|other: &Value<'_>| other.as_str() == Some(text)) {
                return Err("have one twice; remove it");
            }
            secrets.push(secret(text)?);
        }
        Ok(Self { secrets, bucket })
    }

    /// The nonce that a key may use at an audience from now on, until the end of the bucket after this one.
    #[must_use]
    pub fn make(&self, jkt: &str, audience: &str, now: UnixSeconds) -> String {
        let index = self.bucket_of(now).index;
        let mut nonce = Vec::from(index.to_be_bytes());
        if let Some(secret) = self.secrets.first() {
            nonce.extend(tag(secret, jkt, audience, index));
        }
        base64url::encode(&nonce)
    }

    /// The bucket of a nonce that was made for this key and audience in this bucket or the one before. `None` for all
    /// else.
    #[must_use]
    pub fn verify(&self, nonce: &str, jkt: &str, audience: &str, now: UnixSeconds) -> Option<NonceBucket> {
        let bytes: [u8; INDEX_BYTES + TAG_BYTES] = base64url::decode_array(nonce).ok()?;
        let (index, received) = bytes.split_first_chunk::<INDEX_BYTES>()?;
        let index = u64::from_be_bytes(*index);
        let current = self.bucket_of(now);
        // Anyone may know a bucket's number: nothing is told by how long this takes.
        if index != current.index && index.checked_add(1) != Some(current.index) {
            return None;
        }
        let made = |secret| constant_time_eq(&tag(secret, jkt, audience, index), received);
        self.secrets.iter().any(made).then_some(NonceBucket { index, ..current })
    }

    fn bucket_of(&self, now: UnixSeconds) -> NonceBucket {
        let length = self.bucket.as_secs().max(1);
        NonceBucket { index: u64::try_from(now.0).unwrap_or(0) / length, length }
    }
}

impl NonceBucket {
    /// Its first second.
    #[must_use]
    pub fn start(self) -> UnixSeconds {
        self.second(0)
    }

    /// The second from which on its nonces are refused: when the bucket after it ends.
    #[must_use]
    pub fn refused_from(self) -> UnixSeconds {
        self.second(2)
    }

    /// Whether it is not over yet.
    #[must_use]
    pub fn is_current(self, now: UnixSeconds) -> bool {
        now < self.second(1)
    }

    /// The first second of the bucket that comes so many after it.
    fn second(self, after: u64) -> UnixSeconds {
        let second = self.index.saturating_add(after).saturating_mul(self.length);
        UnixSeconds(i64::try_from(second).unwrap_or(i64::MAX))
    }
}

fn secret(text: &str) -> Result<SharedKey, &'static str> {
    SharedKey::new(text.as_bytes())
        .map_err(|_| "have one that is not 32 to 128 bytes long; write a random one")
}

/// The tag of a nonce. Texts have their length before them, so that no two lists of them run together.
fn tag(secret: &SharedKey, jkt: &str, audience: &str, index: u64) -> [u8; TAG_BYTES] {
    let mut message = Vec::new();
    for part in [PURPOSE, jkt, audience] {
        message.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        message.extend(part.as_bytes());
    }
    message.extend(index.to_be_bytes());
    let mut kept = [0; TAG_BYTES];
    kept.iter_mut().zip(secret.tag(&message)).for_each(|(kept, byte)| *kept = byte);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const BUCKET: Duration = Duration::from_secs(60);
    const SECRET: &str = "an example of thirty-two bytes..";
    const API: &str = "https://api.example";

    fn nonces(document: &str) -> Nonces {
        Nonces::new(document, BUCKET).unwrap()
    }

    #[test]
    fn a_nonce_lasts_its_bucket_and_the_next() {
        let nonces = nonces(SECRET);
        let nonce = nonces.make("jkt", API, UnixSeconds(125));
        let verify = |now| nonces.verify(&nonce, "jkt", API, UnixSeconds(now));
        assert_eq!(verify(119), None, "made in the future");
        for now in [120, 179, 180, 239] {
            let bucket = verify(now).unwrap();
            assert_eq!((bucket.start(), bucket.refused_from()), (UnixSeconds(120), UnixSeconds(240)));
            assert_eq!(bucket.is_current(UnixSeconds(now)), now < 180);
        }
        assert_eq!(verify(240), None);
    }

    #[test]
    fn what_is_no_nonce_is_refused() {
        let nonces = nonces(SECRET);
        let now = UnixSeconds(125);
        let nonce = nonces.make("jkt", API, now);
        assert_eq!(nonce.len(), 32);
        let verifies = |nonce: &str| nonces.verify(nonce, "jkt", API, now).is_some();
        assert!(verifies(&nonce));
        for other in [
            String::new(),
            format!("{nonce}A"),
            format!("{nonce}AAAA"),
            format!("{nonce}="),
            format!(" {nonce}"),
            nonce[..31].into(),
            nonce[..28].into(),
            nonce.replace('A', "."),
            "A".repeat(32),
            "A".repeat(8192),
        ] {
            assert!(!verifies(&other), "{other}");
        }
    }

    #[test]
    fn every_bit_counts() {
        let nonces = nonces(SECRET);
        let now = UnixSeconds(125);
        let nonce = base64url::decode(&nonces.make("jkt", API, now)).unwrap();
        for bit in 0..nonce.len() * 8 {
            let mut other = nonce.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(nonces.verify(&base64url::encode(&other), "jkt", API, now), None, "{bit}");
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        let nonces = nonces(SECRET);
        let nonce = nonces.make("jkt", API, UnixSeconds(125));
        assert_eq!(nonces.verify(&nonce, "jkth", &API[1..], UnixSeconds(125)), None);
    }

    #[test]
    fn the_first_secret_makes_and_all_are_accepted() {
        let now = UnixSeconds(125);
        let [old, new] = [SECRET, "another one of thirty-two bytes."];
        let rotating = nonces(&format!("[\"{new}\", \"{old}\"]"));
        assert_eq!(rotating.make("jkt", API, now), nonces(new).make("jkt", API, now));
        assert!(rotating.verify(&nonces(old).make("jkt", API, now), "jkt", API, now).is_some());
        assert!(nonces(new).verify(&nonces(old).make("jkt", API, now), "jkt", API, now).is_none());
    }

    #[test]
    fn what_are_no_secrets_is_refused() {
        let long = "x".repeat(129);
        for document in [
            "",
            "short",
            &long,
            "[]",
            "[\"short\"]",
            "[1]",
            "[",
            "[null]",
            &format!("[\"{SECRET}\", \"{SECRET}\"]"),
            &format!("[\"{SECRET}\", \"short\"]"),
            &format!("[{}]", alloc::vec![format!("\"{SECRET}{}\"", "1"); 9].join(",")),
            &format!("[\"{}\"]", "x".repeat(MAX_SECRETS_BYTES)),
        ] {
            assert!(Nonces::new(document, BUCKET).is_err(), "{document}");
        }
        let same = nonces(&format!("{SECRET}\n")).make("jkt", API, UnixSeconds(0));
        assert_eq!(same, nonces(&format!("[\"{SECRET}\"]")).make("jkt", API, UnixSeconds(0)));
    }

    #[test]
    fn debug_says_nothing_of_the_secrets() {
        let other = "another one of thirty-two bytes.";
        assert_eq!(format!("{:?}", nonces(SECRET)), format!("{:?}", nonces(other)));
    }
}
