//! Ed25519 (RFC 8032) for the agent SDK, where WebCrypto lacks it: keys are made, and sign.
//!
//! Signatures are the deterministic ones of RFC 8032 §5.1.6, so that a key signs alike wherever it is. The arithmetic on
//! secrets takes the same steps whatever they are, as far as an engine that compiles WebAssembly leaves it so: none
//! promises constant time. A seed that comes in is overwritten here, and so is the key that is made of it; a seed that
//! goes out, and what the arithmetic leaves of either on the stack, stays in the module's memory until something else is
//! written there. The copies that JavaScript has are the caller's to forget, and its collector may have moved them.
//!
//! Nothing here judges other people's signatures: [`verify`] is for the caller's own, whether something that signs in
//! his name does so.

use ed25519_compact::{KeyPair, PublicKey, Seed, Signature};
use getrandom::Error as NoRandomness;
use wasm_bindgen::prelude::*;
use zeroize::{Zeroize as _, Zeroizing};

/// A new seed: 32 random bytes, the private key of RFC 8032 §5.1.5.
#[wasm_bindgen(js_name = generateSeed)]
pub fn generate_seed() -> Result<Vec<u8>, JsError> {
    let mut seed = Zeroizing::new([0; Seed::BYTES]);
    getrandom::fill(seed.as_mut_slice())
        .map_err(|_: NoRandomness| JsError::new("the platform has no randomness"))?;
    Ok(seed.to_vec())
}

/// The public key of a seed: 32 bytes.
#[wasm_bindgen(js_name = publicKey)]
pub fn public_key(seed: Vec<u8>) -> Result<Vec<u8>, JsError> {
    Ok(key_pair(seed)?.pk.to_vec())
}

/// The signature of `data` by the key of a seed: 64 bytes.
#[wasm_bindgen]
pub fn sign(seed: Vec<u8>, data: &[u8]) -> Result<Vec<u8>, JsError> {
    Ok(key_pair(seed)?.sk.sign(data, None).to_vec())
}

/// Whether this is the signature of `data` by a public key.
#[wasm_bindgen]
#[must_use]
pub fn verify(public_key: &[u8], data: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = PublicKey::from_slice(public_key) else { return false };
    let Ok(signature) = Signature::from_slice(signature) else { return false };
    key.verify(data, &signature).is_ok()
}

/// Takes the seed whole, to leave nothing of it: the secret key wipes itself when it is dropped.
fn key_pair(mut seed: Vec<u8>) -> Result<KeyPair, JsError> {
    let copied = <[u8; Seed::BYTES]>::try_from(seed.as_slice()).map(Zeroizing::new);
    seed.zeroize();
    let copied = copied.map_err(|_| JsError::new("a seed is 32 bytes"))?;
    // The only seed that gives no pair is all zeros, which no generator gives.
    KeyPair::try_from_seed(Seed::new(*copied)).map_err(|_| JsError::new("no key has this seed"))
}
