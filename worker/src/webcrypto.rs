//! Signatures on the host's `WebCrypto`: ECDSA and RSA, which are native there. Ed25519 is answered by the
//! core, which verifies it strictly. The core has checked form and ranges before a check gets here, so that the
//! host has nothing left to disagree about.

use std::cell::RefCell;

use countersign::crypto::{Algorithm, SignatureCheck, Verdict};
use countersign::jose::thumbprint;
use countersign::revocation::Signing;
use countersign::state::bounded::Bounded;
use js_sys::{Array, JSON, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto, WorkerGlobalScope};

/// How many imported keys are kept: issuers' keys, and the keys of agents that prove possession.
const MOST_KEYS: usize = 512;

/// Keys that `WebCrypto` has imported, by algorithm and thumbprint.
pub(crate) type ImportedKeys = Bounded<String, CryptoKey>;

/// No keys yet.
pub(crate) fn no_keys() -> ImportedKeys {
    Bounded::new(MOST_KEYS)
}

/// The host's cryptography.
pub(crate) fn subtle() -> Result<SubtleCrypto, JsValue> {
    Ok(js_sys::global().unchecked_into::<WorkerGlobalScope>().crypto()?.subtle())
}

/// Whether the signature is valid. What the host fails at is not.
pub(crate) async fn verify(imported: &RefCell<ImportedKeys>, check: &SignatureCheck) -> bool {
    if check.is_supported() {
        return check.verify() == Verdict::Valid;
    }
    verify_on_host(imported, check).await.unwrap_or(false)
}

async fn verify_on_host(imported: &RefCell<ImportedKeys>, check: &SignatureCheck) -> Option<bool> {
    let subtle = subtle().ok()?;
    let key = import(imported, &subtle, check).await?;
    let algorithm = algorithm(check.algorithm(), check.salt_length())?;
    let valid = subtle.verify_with_object_and_u8_array_and_u8_array(
        &algorithm,
        &key,
        check.signature(),
        check.message(),
    );
    JsFuture::from(valid.ok()?).await.ok()?.as_bool()
}

async fn import(
    imported: &RefCell<ImportedKeys>,
    subtle: &SubtleCrypto,
    check: &SignatureCheck,
) -> Option<CryptoKey> {
    // WebCrypto binds a key to its algorithm as it imports it, and an RSA key may be used with several.
    let name = format!("{} {}", check.algorithm().jose(), thumbprint(check.key()));
    if let Some(key) = imported.borrow_mut().touch(&name) {
        return Some(key.clone());
    }
    let jwk: Object = JSON::parse(&check.key().to_jwk()).ok()?.dyn_into().ok()?;
    let usages = Array::of1(&JsValue::from_str("verify"));
    let algorithm = algorithm(check.algorithm(), check.salt_length())?;
    let key = subtle.import_key_with_object("jwk", &jwk, &algorithm, false, &usages);
    let key: CryptoKey = JsFuture::from(key.ok()?).await.ok()?.dyn_into().ok()?;
    imported.borrow_mut().insert(name, key.clone());
    Some(key)
}

/// Signs what an inquiry needs signed, as [`sign_with`].
pub(crate) async fn sign(signing: &Signing) -> Option<Vec<u8>> {
    sign_with(signing.key(), signing.algorithm(), signing.salt_length(), signing.message()).await
}

/// Signs with a private JWK; `None` where the host cannot use it. It is imported each time: what is signed like this is
/// rare, and the key is then nowhere kept in a form that could be used.
pub(crate) async fn sign_with(
    key: &str,
    algorithm: Algorithm,
    salt_length: Option<usize>,
    message: &[u8],
) -> Option<Vec<u8>> {
    let subtle = subtle().ok()?;
    let jwk: Object = JSON::parse(key).ok()?.dyn_into().ok()?;
    // What a JWK says of its use may be in words that the host does not know, as `EdDSA`.
    for member in ["alg", "use", "key_ops", "ext", "kid"] {
        Reflect::delete_property(&jwk, &member.into()).ok()?;
    }
    let parameters = match algorithm {
        Algorithm::Ed25519 => {
            let parameters = Object::new();
            Reflect::set(&parameters, &"name".into(), &"Ed25519".into()).ok()?;
            parameters
        }
        other => self::algorithm(other, salt_length)?,
    };
    let usages = Array::of1(&JsValue::from_str("sign"));
    let key = subtle.import_key_with_object("jwk", &jwk, &parameters, false, &usages).ok()?;
    let key: CryptoKey = JsFuture::from(key).await.ok()?.dyn_into().ok()?;
    let signature = subtle.sign_with_object_and_u8_array(&parameters, &key, message).ok()?;
    Some(Uint8Array::new(&JsFuture::from(signature).await.ok()?).to_vec())
}

/// The algorithm's parameters, for `importKey` and `verify` alike: each reads what it knows of them. `None` where the
/// host is not asked.
fn algorithm(algorithm: Algorithm, salt_length: Option<usize>) -> Option<Object> {
    let (name, hash) = match algorithm {
        Algorithm::EcdsaP256Sha256 => ("ECDSA", "SHA-256"),
        Algorithm::EcdsaP384Sha384 => ("ECDSA", "SHA-384"),
        Algorithm::RsaPssSha512 => ("RSA-PSS", "SHA-512"),
        Algorithm::RsaPssSha256 => ("RSA-PSS", "SHA-256"),
        Algorithm::RsaV15Sha256 => ("RSASSA-PKCS1-v1_5", "SHA-256"),
        Algorithm::RsaPssSha384 => ("RSA-PSS", "SHA-384"),
        Algorithm::RsaV15Sha384 => ("RSASSA-PKCS1-v1_5", "SHA-384"),
        Algorithm::RsaV15Sha512 => ("RSASSA-PKCS1-v1_5", "SHA-512"),
        _ => return None,
    };
    let parameters = Object::new();
    let set = |name: &str, value: JsValue| Reflect::set(&parameters, &name.into(), &value).ok();
    set("name", name.into())?;
    set("hash", hash.into())?;
    match algorithm {
        Algorithm::EcdsaP256Sha256 => set("namedCurve", "P-256".into())?,
        Algorithm::EcdsaP384Sha384 => set("namedCurve", "P-384".into())?,
        _ => true,
    };
    if let Some(length) = salt_length {
        set("saltLength", u32::try_from(length).ok()?.into())?;
    }
    Some(parameters)
}
