//! `keygen` and `jwks`: the gate's own signing key, and what the world may see of it.

use countersign::crypto::PublicKey;
use countersign::encoding::base64url;
use countersign::encoding::json::{self, Value};
use countersign::jose::thumbprint;
use ed25519_compact::{KeyPair, Seed};

use crate::arguments::Input;
use crate::{Failure, Report, input};

/// Longest key document in bytes: 64 KiB.
const MAX_BYTES: usize = 64 * 1024;

/// Prints a new private key.
pub(crate) fn generate(_: &Input) -> Result<Report, Failure> {
    let mut seed = [0; Seed::BYTES];
    getrandom::fill(&mut seed).map_err(|error| Failure::new(format!("has no randomness: {error}")))?;
    let (_, [x, kid]) = public_half(seed)?;
    let d = base64url::encode(&seed);
    Ok(Report::good(format!(
        r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"{d}","kid":"{kid}","use":"sig","alg":"EdDSA"}}{}"#,
        '\n'
    )))
}

/// Prints the public halves of private keys.
pub(crate) fn publish(input: &Input) -> Result<Report, Failure> {
    let file = input.operand(0);
    let text = input::read(file)?;
    // A message about a secret repeats nothing of it.
    let unusable = |what: String| Failure::fault(format!("{file}: {what}"));
    let document =
        json::parse(text.trim().as_bytes(), MAX_BYTES).map_err(|error| unusable(error.to_string()))?;
    let keys = keys_of(&document);
    if keys.is_empty() {
        return Err(unusable("has no key".into()));
    }
    let mut public = Vec::new();
    for (i, key) in keys.into_iter().enumerate() {
        let [x, kid] = read_private(key).map_err(|why| unusable(format!("key {i} {why}")))?;
        public.push(format!(
            r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{kid}","use":"sig","alg":"EdDSA"}}"#
        ));
    }
    Ok(Report::good(format!("{{\"keys\":[{}]}}\n", public.join(","))))
}

/// The keys of an array, a JWK Set or a single JWK.
fn keys_of<'a>(document: &'a Value<'a>) -> Vec<&'a Value<'a>> {
    let set = document.as_object().and_then(|object| object.get("keys"));
    match set.unwrap_or(document).as_array() {
        Some(keys) => keys.iter().collect(),
        None => vec![document],
    }
}

/// The public members of a private key: `x` and `kid`.
fn read_private(key: &Value<'_>) -> Result<[String; 2], &'static str> {
    let member = |name| key.as_object().and_then(|key| key.get(name)).and_then(Value::as_str);
    if (member("kty"), member("crv")) != (Some("OKP"), Some("Ed25519")) {
        return Err("is not an Ed25519 JWK (\"kty\":\"OKP\", \"crv\":\"Ed25519\")");
    }
    let d = member("d").ok_or("is not private: it has no d")?;
    let seed: [u8; Seed::BYTES] =
        base64url::decode_array(d).map_err(|_| "has a d that is not 32 bytes in base64url")?;
    let (public, names) = public_half(seed).map_err(|_| "is not usable")?;
    if member("x") != Some(base64url::encode(&public).as_str()) {
        return Err("has an x that is not the public half of its d");
    }
    Ok(names)
}

/// The public key of a seed, and its `x` and thumbprint.
fn public_half(seed: [u8; Seed::BYTES]) -> Result<([u8; 32], [String; 2]), Failure> {
    let public = *KeyPair::from_seed(Seed::new(seed)).pk;
    // The core refuses weak keys, which no seed gives; that it takes this one is worth knowing before it is used.
    let key = PublicKey::ed25519(&public).map_err(|error| Failure::new(format!("made no key: {error}")))?;
    Ok((public, [base64url::encode(&public), thumbprint(&key)]))
}
