//! `keygen`, `jwks` and `thumbprint`: keys, what the world may see of them, and what they are called.

use std::fs::OpenOptions;
use std::io::Write as _;

use countersign::crypto::{Algorithm, sha256_base64url};
use countersign::encoding::base64url;
use countersign::encoding::json::{self, Object, Value};
use countersign::mtls::x5t_s256;
use serde_json::json;

use crate::arguments::Input;
use crate::private_key::PrivateKey;
use crate::verify::unknown;
use crate::{Failure, Report, certificate, input};

/// Longest key document in bytes: 64 KiB.
const MAX_BYTES: usize = 64 * 1024;
/// RFC 9278 §3, with the only hash that it registers for use today.
const THUMBPRINT_URN: &str = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:";
/// Sizes of RSA keys. Fewer bits no verifier of today takes, more are slow beyond use.
const RSA_BITS: [&str; 3] = ["2048", "3072", "4096"];

/// Prints a new private key, or writes it into a file.
pub(crate) fn generate(input: &Input) -> Result<Report, Failure> {
    let alg = input.value("alg").unwrap_or("EdDSA");
    let known: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.jose()).collect();
    let alg = Algorithm::from_jose(alg).ok_or_else(|| unknown("alg", &known, alg))?.jose();
    let bits = input.value("bits").unwrap_or("2048");
    let is_rsa = alg.starts_with("RS") || alg.starts_with("PS");
    match bits.parse() {
        _ if input.has("bits") && !is_rsa => {
            Err(Failure::new(format!("--bits is for RSA; {alg} has its own size")))
        }
        Ok(number) if RSA_BITS.contains(&bits) => make(input, alg, number),
        _ => Err(unknown("bits", &RSA_BITS, bits)),
    }
}

fn make(input: &Input, alg: &str, bits: usize) -> Result<Report, Failure> {
    if input.value("out") == Some("-") {
        return Err(Failure::new("--out is the name of a file; without it, the key is printed"));
    }
    let key = PrivateKey::generate(alg, bits).map_err(Failure::new)?;
    let Some(file) = input.value("out") else { return Ok(Report::good(key + "\n")) };
    write_secret(file, &key)?;
    let made = PrivateKey::parse(&key).map_err(Failure::new)?;
    let kid = made.keyid().unwrap_or_default();
    Ok(Report::good(if input.has("json") {
        format!("{}\n", json!({ "file": file, "kid": kid, "alg": alg }))
    } else {
        format!("{file}: {alg} key {kid}\n")
    }))
}

/// Writes a secret into a new file that nobody else may read.
fn write_secret(file: &str, secret: &str) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut file| {
        file.write_all(secret.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new(format!("{file} is there already; a key is not written over"))
        }
        _ => Failure::new(format!("cannot write {file}: {error}")),
    })
}

/// Prints the public halves of private keys.
pub(crate) fn publish(input: &Input) -> Result<Report, Failure> {
    let mut public: Vec<String> = Vec::new();
    stdin_once(input)?;
    for file in input.operands() {
        let text = input::read(file)?;
        // A message about a secret repeats nothing of it.
        let unusable = |what: String| Failure::fault(format!("{file}: {what}"));
        let document =
            json::parse(text.trim().as_bytes(), MAX_BYTES).map_err(|error| unusable(error.to_string()))?;
        for (i, key) in keys_of(&document).map_err(|what| unusable(what.to_owned()))?.into_iter().enumerate()
        {
            let key = PrivateKey::of(key).map_err(|why| unusable(format!("key {i} {why}")))?;
            let kid = if input.has("keep-kid") { key.keyid() } else { key.thumbprint() };
            let jwk = key.to_public_jwk(kid);
            public.push(jwk.ok_or_else(|| unusable(format!("key {i} is shared: all of it is secret")))?);
        }
    }
    public.dedup();
    Ok(Report::good(format!("{{\"keys\":[{}]}}\n", public.join(","))))
}

/// The keys of an array, a JWK Set or a single JWK.
fn keys_of<'a>(document: &'a Value<'a>) -> Result<Vec<&'a Object<'a>>, &'static str> {
    let set = document.as_object().and_then(|object| object.get("keys"));
    let keys: Option<Vec<_>> = match set.unwrap_or(document).as_array() {
        Some(keys) => keys.iter().map(Value::as_object).collect(),
        None => document.as_object().map(|key| vec![key]),
    };
    match keys {
        Some(keys) if keys.is_empty() => Err("has no key"),
        Some(keys) => Ok(keys),
        None => Err("is no JWK, no list of them, and no JWK Set"),
    }
}

fn stdin_once(input: &Input) -> Result<(), Failure> {
    match input.operands().iter().filter(|file| *file == "-").count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::new("stdin can be read once; give - once")),
    }
}

/// A key or a certificate, and what it is called.
struct Named {
    file: String,
    kid: Option<String>,
    kind: &'static str,
    thumbprint: String,
}

/// Prints the thumbprints of keys and certificates.
pub(crate) fn thumbprint(input: &Input) -> Result<Report, Failure> {
    stdin_once(input)?;
    let mut named = Vec::new();
    for file in input.operands() {
        let bytes = input::read_bytes(file, MAX_BYTES as u64)?;
        let unusable = |what: String| Failure::fault(format!("{file}: {what}"));
        if certificate::is_certificate(&bytes) {
            let der = certificate::read(&bytes).map_err(|why| unusable(why.to_owned()))?;
            let thumbprint = x5t_s256(&der);
            named.push(Named { file: file.clone(), kid: None, kind: "x5t#S256", thumbprint });
            continue;
        }
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let document =
            json::parse(text.trim_ascii(), MAX_BYTES).map_err(|error| unusable(error.to_string()))?;
        for (i, key) in keys_of(&document).map_err(|what| unusable(what.to_owned()))?.into_iter().enumerate()
        {
            let thumbprint = jwk_thumbprint(key).map_err(|why| unusable(format!("key {i} {why}")))?;
            let kid = key.get("kid").and_then(Value::as_str).map(str::to_owned);
            named.push(Named { file: file.clone(), kid, kind: "jkt", thumbprint });
        }
    }
    let name = |named: &Named| match (named.kind, input.has("uri")) {
        ("jkt", true) => format!("{THUMBPRINT_URN}{}", named.thumbprint),
        _ => named.thumbprint.clone(),
    };
    let text = if input.has("json") {
        let value = |named: &Named| json!({ "file": named.file, "kid": named.kid, named.kind: named.thumbprint, "name": name(named) });
        format!("{}\n", json!({ "thumbprints": named.iter().map(value).collect::<Vec<_>>() }))
    } else {
        named.iter().map(|named| name(named) + "\n").collect()
    };
    Ok(Report::good(text))
}

/// RFC 7638 §3, of keys of any curve (RFC 7517, RFC 8037 §2): nobody needs to be able to use a key to name it.
fn jwk_thumbprint(key: &Object<'_>) -> Result<String, &'static str> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let members: &[&str] = match text("kty") {
        Some("EC") => &["crv", "kty", "x", "y"],
        Some("OKP") => &["crv", "kty", "x"],
        Some("RSA") => &["e", "kty", "n"],
        Some("oct") => return Err("is shared: its thumbprint would give it away to a search (RFC 7638 §7)"),
        _ => return Err("is no JWK: its kty is not EC, OKP or RSA"),
    };
    let mut parts = Vec::new();
    for name in members {
        let value = text(name).ok_or("lacks a member that its kty needs")?;
        let is_number = !["crv", "kty"].contains(name);
        if is_number && (value.is_empty() || base64url::decode(value).is_err()) {
            return Err("has a member that is not base64url");
        }
        parts.push(format!("\"{name}\":{}", json!(value)));
    }
    Ok(sha256_base64url(format!("{{{}}}", parts.join(",")).as_bytes()))
}
