//! Requests and keys that the tests of signatures share.
#![allow(dead_code, reason = "each test file uses a part")]

use countersign::encoding::structured::Item;
use countersign::request::{Fields, RequestView, Target};
use countersign::response::ResponseView;
use countersign::signature::{
    Component, Message, PresentedSignature, SignatureError, SignatureParams, prepare, present, signature_base,
};

/// The private key of RFC 9421 §B.1.4 (`test-key-ed25519`), as a JWK's `d`.
pub(crate) const ED25519_SEED: &str = "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU";
/// Its public key, as a JWK's `x`.
pub(crate) const ED25519_PUBLIC: &str = "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs";
/// Its thumbprint.
pub(crate) const ED25519_KEYID: &str = "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U";

pub(crate) fn request(method: &str, url: &str, fields: &[(&str, &str)]) -> RequestView {
    RequestView::new(method, Target::parse(url).unwrap(), lines(fields), false).unwrap()
}

/// `test-request` of RFC 9421 §B.2, with more fields.
pub(crate) fn test_request(more: &[(&str, &str)]) -> RequestView {
    let mut fields = vec![
        ("Host", "example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("Content-Type", "application/json"),
        ("Content-Digest", TEST_REQUEST_DIGEST),
        ("Content-Length", "18"),
    ];
    fields.extend(more);
    request("POST", "https://example.com/foo?param=Value&Pet=dog", &fields)
}

pub(crate) const TEST_REQUEST_CONTENT: &[u8] = br#"{"hello": "world"}"#;
pub(crate) const TEST_REQUEST_DIGEST: &str =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

pub(crate) fn response(status: u16, fields: &[(&str, &str)]) -> ResponseView {
    ResponseView::new(status, lines(fields), false).unwrap()
}

pub(crate) fn lines(fields: &[(&str, &str)]) -> Fields {
    let mut lines = Fields::new();
    for (name, value) in fields {
        lines.push(name, value).unwrap();
    }
    lines
}

/// A component by its identifier.
pub(crate) fn component(identifier: &str) -> Component {
    Component::parse(identifier).unwrap()
}

/// Components by their identifiers, separated by spaces as in `Signature-Input`.
pub(crate) fn components(identifiers: &str) -> Vec<Component> {
    identifiers.split(' ').filter(|one| !one.is_empty()).map(component).collect()
}

/// The value of a component of a message, as it stands in the base.
pub(crate) fn value_of(message: &Message<'_>, identifier: &str) -> Result<String, SignatureError> {
    let unsigned = prepare(message, &[component(identifier)], &SignatureParams::default())?;
    let (line, last) = unsigned.base.rsplit_once('\n').unwrap();
    assert_eq!(last, format!("\"@signature-params\": ({identifier})"));
    Ok(line.strip_prefix(&format!("{identifier}: ")).unwrap().to_string())
}

/// The only signature of a request.
pub(crate) fn only(view: &RequestView) -> PresentedSignature {
    let mut presented = present(view.fields()).unwrap();
    assert_eq!(presented.len(), 1);
    presented.remove(0)
}

/// The base of a request's only signature, for the view's own target.
pub(crate) fn base_of(view: &RequestView) -> Result<String, SignatureError> {
    signature_base(&only(view), &Message::request(view, view.target()))
}

/// The base that `input` (components with parameters) has on a request with these fields.
pub(crate) fn base_for(
    method: &str,
    url: &str,
    fields: &[(&str, &str)],
    input: &str,
) -> Result<String, SignatureError> {
    let input = format!("s={input}");
    let mut all = fields.to_vec();
    all.extend([("Signature-Input", input.as_str()), ("Signature", "s=:AA==:")]);
    base_of(&request(method, url, &all))
}

/// Decodes base64url by way of the structured-field parser.
pub(crate) fn unbase64url(text: &str) -> Vec<u8> {
    let standard = format!(":{}:", text.replace('-', "+").replace('_', "/"));
    Item::parse(&standard).unwrap().value.as_bytes().unwrap().to_vec()
}

/// Whether the test key signed these bytes, by the strict rules of an independent library.
pub(crate) fn verifies(base: &str, signature: &[u8]) -> bool {
    let public = unbase64url(ED25519_PUBLIC).try_into().unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap();
    let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
    key.verify_strict(base.as_bytes(), &signature).is_ok()
}

/// Signs with the test key.
pub(crate) fn sign(base: &str) -> Vec<u8> {
    let seed = ed25519_compact::Seed::from_slice(&unbase64url(ED25519_SEED)).unwrap();
    let pair = ed25519_compact::KeyPair::from_seed(seed);
    pair.sk.sign(base.as_bytes(), None).to_vec()
}
