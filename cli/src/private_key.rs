//! Private keys that sign: JWKs of RFC 7517, as `keygen` and every JOSE library write them.
//!
//! For each algorithm of RFC 9421's registry (§6.2.2). The core has no private keys; what is here serves whoever
//! tries signing out by hand, a deployed agent keeps its key elsewhere. No message says anything of a key's content.

use countersign::crypto::{Algorithm, PublicKey, SharedKey};
use countersign::encoding::base64url;
use countersign::encoding::json::{self, Object, Value};
use countersign::jose::thumbprint;
use ed25519_compact::{KeyPair, Seed};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use p256::ecdsa::signature::Signer as _;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BoxedUint, RsaPrivateKey, pkcs1v15, pss};
use sha2::{Sha256, Sha512};

/// Longest document in bytes: 64 KiB.
const MAX_BYTES: usize = 64 * 1024;
/// What RFC 9421 calls HMAC with SHA-256 (§3.3.3).
pub(crate) const HMAC: &str = "hmac-sha256";

const NO_NAME: &str =
    "RFC 9421 has no name for; of RSA keys, those with alg PS512 or RS256 sign HTTP messages";

/// A key that signs, and what others are told of it.
pub(crate) struct PrivateKey {
    secret: Secret,
    kid: Option<String>,
    /// None of a shared key.
    public: Option<PublicKey>,
    thumbprint: Option<String>,
    /// What the JWK says it is for.
    alg: Option<String>,
}

enum Secret {
    Ed25519(Box<KeyPair>),
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    Rsa(Box<RsaPrivateKey>),
    Shared(SharedKey),
}

impl PrivateKey {
    /// Reads a private JWK; the error says what it lacks.
    pub(crate) fn parse(document: &str) -> Result<Self, String> {
        let jwk =
            json::parse_object(document.trim().as_bytes(), MAX_BYTES).map_err(|error| error.to_string())?;
        Self::of(&jwk).map_err(str::to_owned)
    }

    /// The same of a JWK that is parsed already.
    pub(crate) fn of(jwk: &Object<'_>) -> Result<Self, &'static str> {
        let members = Members(jwk);
        let (secret, public) = match (members.text("kty"), members.text("crv")) {
            (Some("OKP"), Some("Ed25519")) => ed25519(&members),
            (Some("EC"), Some("P-256")) => p256(&members),
            (Some("EC"), Some("P-384")) => p384(&members),
            (Some("RSA"), _) => rsa(&members),
            (Some("oct"), _) => shared(&members),
            _ => Err(
                "is no JWK of a key that signs: kty OKP with crv Ed25519, EC with P-256 or P-384, RSA, or oct",
            ),
        }?;
        Ok(Self {
            secret,
            kid: members.text("kid").map(str::to_owned),
            thumbprint: public.as_ref().map(thumbprint),
            public,
            alg: members.text("alg").map(str::to_owned),
        })
    }

    /// Makes a new one of this algorithm of JOSE: a private JWK in one line, whose `kid` is its thumbprint.
    pub(crate) fn generate(alg: &str, rsa_bits: usize) -> Result<String, String> {
        let made = match alg {
            "EdDSA" | "Ed25519" => new_ed25519(),
            "ES256" => new_p256(),
            "ES384" => new_p384(),
            _ => new_rsa(rsa_bits),
        }?;
        let New { public, private } = made;
        let mut members: Vec<(&str, String)> = public.jwk_members();
        members.extend(private);
        members.extend([("kid", thumbprint(&public)), ("use", "sig".to_owned()), ("alg", alg.to_owned())]);
        Ok(jwk_text(&members))
    }

    /// The public half as a JWK, under this name. None of a shared key.
    pub(crate) fn to_public_jwk(&self, kid: Option<&str>) -> Option<String> {
        let mut members = self.public.as_ref()?.jwk_members();
        members.push(("kid", kid?.to_owned()));
        members.push(("use", "sig".to_owned()));
        let alg = self.alg.as_deref().or(match self.secret {
            Secret::Ed25519(_) => Some("EdDSA"),
            Secret::P256(_) => Some("ES256"),
            Secret::P384(_) => Some("ES384"),
            Secret::Rsa(_) | Secret::Shared(_) => None,
        });
        members.extend(alg.map(|alg| ("alg", alg.to_owned())));
        Some(jwk_text(&members))
    }

    /// Its RFC 7638 thumbprint; a shared key has none that may be shown.
    pub(crate) fn thumbprint(&self) -> Option<&str> {
        self.thumbprint.as_deref()
    }

    /// Its `kid`, else its thumbprint.
    pub(crate) fn keyid(&self) -> Option<&str> {
        self.kid.as_deref().or(self.thumbprint())
    }

    /// The algorithm to sign with: the one asked for, the one its JWK names, or the first of its kind.
    pub(crate) fn algorithm(&self, asked: Option<&str>) -> Result<&'static str, String> {
        let own = self.algorithms();
        let named = match self.alg.as_deref().map(|alg| (alg, of_jose(alg))) {
            Some((alg, None)) => return Err(format!("is for {alg:.16} by its alg, which {NO_NAME}")),
            named => named.and_then(|(_, algorithm)| algorithm),
        };
        if let Some(asked) = asked {
            let found = own.iter().copied().find(|name| *name == asked);
            let found =
                found.ok_or_else(|| format!("signs with {}, not with {asked:?}", own.join(" or ")))?;
            return match named {
                Some(named) if named != found => Err(format!("is for {named} by its alg, not for {found}")),
                _ => Ok(found),
            };
        }
        match named {
            Some(named) => own
                .iter()
                .copied()
                .find(|name| *name == named)
                .ok_or_else(|| "has an alg of another kind of key".to_owned()),
            None => own.first().copied().ok_or_else(|| "signs with nothing".to_owned()),
        }
    }

    /// The signature of a base, with one of its algorithms.
    pub(crate) fn sign(&self, algorithm: &str, base: &[u8]) -> Result<Vec<u8>, String> {
        match &self.secret {
            Secret::Ed25519(pair) => Ok(pair.sk.sign(base, None).to_vec()),
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(base);
                Ok(signature.to_bytes().to_vec())
            }
            Secret::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(base);
                Ok(signature.to_bytes().to_vec())
            }
            Secret::Rsa(key) => sign_rsa(key, algorithm, base),
            Secret::Shared(key) => Ok(key.tag(base).to_vec()),
        }
    }

    fn algorithms(&self) -> &'static [&'static str] {
        match self.secret {
            Secret::Ed25519(_) => &["ed25519"],
            Secret::P256(_) => &["ecdsa-p256-sha256"],
            Secret::P384(_) => &["ecdsa-p384-sha384"],
            Secret::Rsa(_) => &["rsa-pss-sha512", "rsa-v1_5-sha256", "rsa-pss-sha256"],
            Secret::Shared(_) => &[HMAC],
        }
    }
}

/// A key that was just made.
struct New {
    public: PublicKey,
    private: Vec<(&'static str, String)>,
}

fn new_ed25519() -> Result<New, String> {
    let seed: [u8; Seed::BYTES] = random()?;
    let pair = KeyPair::from_seed(Seed::new(seed));
    let public = PublicKey::ed25519(pair.pk.as_slice()).map_err(|error| error.to_string())?;
    Ok(New { public, private: vec![("d", base64url::encode(&seed))] })
}

fn new_p256() -> Result<New, String> {
    // One in four thousand million draws is not below the order of the curve.
    loop {
        let d: [u8; 32] = random()?;
        let Ok(key) = p256::ecdsa::SigningKey::from_slice(&d) else { continue };
        let point = key.verifying_key().to_sec1_point(false);
        let (x, y) = (point.x().map(|x| x.to_vec()), point.y().map(|y| y.to_vec()));
        let public = PublicKey::p256(&x.unwrap_or_default(), &y.unwrap_or_default());
        let public = public.map_err(|error| error.to_string())?;
        return Ok(New { public, private: vec![("d", base64url::encode(&d))] });
    }
}

fn new_p384() -> Result<New, String> {
    loop {
        let d: [u8; 48] = random()?;
        let Ok(key) = p384::ecdsa::SigningKey::from_slice(&d) else { continue };
        let point = key.verifying_key().to_sec1_point(false);
        let (x, y) = (point.x().map(|x| x.to_vec()), point.y().map(|y| y.to_vec()));
        let public = PublicKey::p384(&x.unwrap_or_default(), &y.unwrap_or_default());
        let public = public.map_err(|error| error.to_string())?;
        return Ok(New { public, private: vec![("d", base64url::encode(&d))] });
    }
}

/// With the members that WebCrypto wants of a private key, too (RFC 7518 §6.3.2).
fn new_rsa(bits: usize) -> Result<New, String> {
    // That there is randomness at all is known before the loop that cannot fail.
    let _: [u8; 1] = random()?;
    let failed = || "the key could not be made".to_owned();
    let key = RsaPrivateKey::new(&mut UnwrapErr(SysRng), bits).map_err(|_| failed())?;
    let text = |number: &BoxedUint| base64url::encode(trimmed(&number.to_be_bytes()));
    let public = PublicKey::rsa(trimmed(&key.n().to_be_bytes()), trimmed(&key.e().to_be_bytes()))
        .map_err(|error| error.to_string())?;
    let [p, q] = key.primes() else { return Err(failed()) };
    let (Some(dp), Some(dq), Some(qi)) = (key.dp(), key.dq(), key.qinv()) else { return Err(failed()) };
    let private = vec![
        ("d", text(key.d())),
        ("p", text(p.as_ref())),
        ("q", text(q.as_ref())),
        ("dp", text(dp)),
        ("dq", text(dq)),
        ("qi", text(&qi.retrieve())),
    ];
    Ok(New { public, private })
}

/// Without leading zeros.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    bytes.get(first..).unwrap_or_default()
}

fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| format!("has no randomness: {error}"))?;
    Ok(bytes)
}

fn jwk_text(members: &[(&str, String)]) -> String {
    let members: Vec<_> =
        members.iter().map(|(name, value)| format!("\"{name}\":{}", serde_json::json!(value))).collect();
    format!("{{{}}}", members.join(","))
}

/// What a JOSE `alg` is called in RFC 9421.
fn of_jose(alg: &str) -> Option<&'static str> {
    if alg == "HS256" { Some(HMAC) } else { Algorithm::from_jose(alg).and_then(Algorithm::http_signatures) }
}

fn sign_rsa(key: &RsaPrivateKey, algorithm: &str, base: &[u8]) -> Result<Vec<u8>, String> {
    let key = key.clone();
    let no_randomness = |_| "cannot sign: it has no randomness, or the key is too short".to_owned();
    if algorithm == "rsa-v1_5-sha256" {
        let key = pkcs1v15::SigningKey::<Sha256>::new(key);
        return key
            .try_sign_with_rng(&mut SysRng, base)
            .map(|signature| signature.to_vec())
            .map_err(no_randomness);
    }
    // The salt is as long as the hash (RFC 9421 §3.3.1).
    let signature = if algorithm == "rsa-pss-sha256" {
        pss::SigningKey::<Sha256>::new(key).try_sign_with_rng(&mut SysRng, base)
    } else {
        pss::SigningKey::<Sha512>::new(key).try_sign_with_rng(&mut SysRng, base)
    };
    signature.map(|signature| signature.to_vec()).map_err(no_randomness)
}

/// A private key and its public half, or what is wrong with it.
type Read = Result<(Secret, Option<PublicKey>), &'static str>;

fn ed25519(members: &Members<'_>) -> Read {
    let seed = members.private("d")?.try_into().map_err(|_| "has a d that is not 32 bytes")?;
    let pair = KeyPair::from_seed(Seed::new(seed));
    let public = PublicKey::ed25519(pair.pk.as_slice()).map_err(|_| "is not usable")?;
    members.is_public_half("x", pair.pk.as_slice())?;
    Ok((Secret::Ed25519(Box::new(pair)), Some(public)))
}

fn p256(members: &Members<'_>) -> Read {
    let d = members.private("d")?;
    if d.len() != 32 {
        return Err("has a d that is not 32 bytes");
    }
    let key = p256::ecdsa::SigningKey::from_slice(&d).map_err(|_| "has a d that is out of range")?;
    let point = key.verifying_key().to_sec1_point(false);
    let (x, y) = (
        point.x().map(|x| x.to_vec()).unwrap_or_default(),
        point.y().map(|y| y.to_vec()).unwrap_or_default(),
    );
    members.is_public_half("x", &x)?;
    members.is_public_half("y", &y)?;
    let public = PublicKey::p256(&x, &y).map_err(|_| "is not usable")?;
    Ok((Secret::P256(Box::new(key)), Some(public)))
}

fn p384(members: &Members<'_>) -> Read {
    let d = members.private("d")?;
    if d.len() != 48 {
        return Err("has a d that is not 48 bytes");
    }
    let key = p384::ecdsa::SigningKey::from_slice(&d).map_err(|_| "has a d that is out of range")?;
    let point = key.verifying_key().to_sec1_point(false);
    let (x, y) = (
        point.x().map(|x| x.to_vec()).unwrap_or_default(),
        point.y().map(|y| y.to_vec()).unwrap_or_default(),
    );
    members.is_public_half("x", &x)?;
    members.is_public_half("y", &y)?;
    let public = PublicKey::p384(&x, &y).map_err(|_| "is not usable")?;
    Ok((Secret::P384(Box::new(key)), Some(public)))
}

#[expect(clippy::many_single_char_names, reason = "the names of RFC 7518 §6.3")]
fn rsa(members: &Members<'_>) -> Read {
    let d = members.private("d")?;
    let part = |name| members.bytes(name).ok_or("lacks one of n, e, p and q, in base64url");
    let (n, e, p, q) = (part("n")?, part("e")?, part("p")?, part("q")?);
    // It checks size and form, so that what is done with the parts below is bounded.
    let public = PublicKey::rsa(&n, &e).map_err(|_| "has an n or an e that is not accepted")?;
    if [&d, &p, &q].iter().any(|part| part.len() > n.len()) {
        return Err("has parts that are longer than its n");
    }
    let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
    let key =
        RsaPrivateKey::from_components(number(&n), number(&e), number(&d), vec![number(&p), number(&q)])
            .map_err(|_| "has parts that do not belong together")?;
    if key.size() != n.len() {
        return Err("has parts that do not belong together");
    }
    Ok((Secret::Rsa(Box::new(key)), Some(public)))
}

fn shared(members: &Members<'_>) -> Read {
    let key = SharedKey::from_jwk(members.0)
        .map_err(|_| "has no k of 32 to 128 bytes, or is for something else")?;
    Ok((Secret::Shared(key), None))
}

struct Members<'a>(&'a Object<'a>);

impl Members<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        base64url::decode(self.text(name)?).ok()
    }

    /// The member that makes the key private.
    fn private(&self, name: &str) -> Result<Vec<u8>, &'static str> {
        match (self.0.get(name), self.bytes(name)) {
            (None, _) => Err("is not private: it has no d"),
            (Some(_), None) => Err("has a d that is not base64url"),
            (Some(_), Some(bytes)) => Ok(bytes),
        }
    }

    /// Others verify with what the JWK says; so it must be what signs.
    fn is_public_half(&self, name: &str, expected: &[u8]) -> Result<(), &'static str> {
        if self.bytes(name).as_deref() == Some(expected) {
            Ok(())
        } else {
            Err("has an x or y that is not the public half of its d")
        }
    }
}
