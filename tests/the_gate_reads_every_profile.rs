//! Signatures of every profile through a whole gate: whose key, which demands, which of several, and why not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod gate_support;

use std::sync::Arc;

use countersign::config::{Config, Gate};
use countersign::crypto::SharedKey;
use countersign::decision::{Decision, Outcome};
use countersign::encoding::structured::{BareItem, Item};
use countersign::signature::digest::DigestAlgorithm;
use countersign::signature::{AcceptSignature, Component, Message, SignatureParams, prepare};
use countersign::time::UnixSeconds;
use gate_support::{API, Draft, Key, NOW, World};
use serde_json::{Value, json};

const KEYS: &str = "https://keys.example/jwks";
const SECRET: [u8; 32] = [9; 32];

const HEAD: &str = r#"
origin = "http://127.0.0.1:9000"
public_origins = ["https://api.example"]
disclosure = "explain"

[signatures]
profiles = ["web-bot-auth", "tap", "tap-deployed", "agent-headers", "rfc9421"]
trust = ["https://agents.example"]

[signatures.rules.tap]
keys = ["https://keys.example/jwks"]

[signatures.rules.tap-deployed]
keys = ["https://keys.example/jwks"]

[signatures.rules.rfc9421]
tags = ["shop"]
components = ["@method", "@target-uri"]
keys = ["https://keys.example/jwks"]
algorithms = ["ed25519", "hmac-sha256"]

[[agents]]
id = "plain-agent"
operator = "Plain Ltd"
purpose = "price checks"
contact = "ops@plain.example"
keys = [{ jwk = PLAIN_KEY }]

[[routes]]
match = "* /signed"
require = ["signature"]

[[routes]]
match = "* /covered"
require = ["signature"]
components = ["@method", "@path"]

[[routes]]
match = "* /optional"
require = ["token"]
"#;

fn plain_key() -> Key {
    Key::of(21)
}

fn tap_key() -> Key {
    Key::of(22)
}

/// A world with every profile, a key set of one key named `primary`, and a registered agent with a key of its own.
fn world() -> World {
    let x = plain_key().jwk()["x"].clone();
    let config = HEAD.replace("PLAIN_KEY", &format!("{{ kty = \"OKP\", crv = \"Ed25519\", x = {x} }}"));
    let issuer = "\n[[issuers]]\nissuer = \"https://auth.example\"\njwks_uri = \"https://auth.example/jwks.json\"\naudience = [\"https://api.example\"]\nalgorithms = [\"EdDSA\"]\n";
    let mut world = World::with(gate_support::CONFIG);
    let gate = Gate::new(&Config::from_toml(&format!("{config}{issuer}")).unwrap()).unwrap();
    assert!(gate.needs_shared_keys());
    let shared = json!({ "keys": [{ "kty": "oct", "kid": "partner", "k": countersign::encoding::base64url::encode(&SECRET) }] });
    world.gate = Arc::new(gate.with_shared_keys(&shared.to_string()).unwrap());
    let mut jwk = tap_key().jwk();
    jwk["kid"] = "primary".into();
    world.documents.insert(KEYS.into(), json!({ "keys": [jwk] }).to_string().into_bytes());
    world
}

/// How a test signs: label, components, parameters, and the key's hand.
struct Signing<'a> {
    label: &'a str,
    components: &'a [&'a str],
    params: SignatureParams,
}

fn params(tag: Option<&str>, keyid: &str) -> SignatureParams {
    SignatureParams {
        created: Some(UnixSeconds(NOW)),
        expires: Some(UnixSeconds(NOW + 60)),
        keyid: Some(keyid.into()),
        tag: tag.map(Into::into),
        ..SignatureParams::default()
    }
}

fn tap_params() -> SignatureParams {
    let params = params(Some("agent-payer-auth"), "primary");
    SignatureParams { alg: Some("ed25519".into()), nonce: Some("n-1".into()), ..params }
}

/// Adds a signature made by `hand` over the base, and gives it back with the base.
fn sign_with(draft: Draft, signing: &Signing<'_>, hand: impl FnOnce(&str) -> Vec<u8>) -> Draft {
    let components: Vec<_> = signing.components.iter().map(|c| Component::parse(c).unwrap()).collect();
    let view = draft.view();
    let unsigned = prepare(&Message::request(&view, view.target()), &components, &signing.params).unwrap();
    let fields = unsigned.fields(signing.label, &hand(&unsigned.base)).unwrap();
    draft.field("signature-input", &fields.signature_input).field("signature", &fields.signature)
}

fn sign(draft: Draft, signing: &Signing<'_>, key: &Key) -> Draft {
    sign_with(draft, signing, |base| key.sign(base.as_bytes()))
}

const TAP: &[&str] = &["\"@authority\"", "\"@path\""];

fn tap(path: &str, params: SignatureParams) -> Draft {
    sign(Draft::new("GET", path), &Signing { label: "sig2", components: TAP, params }, &tap_key())
}

fn agent(decision: &Decision) -> Value {
    json!(decision.agent)
}

fn signature_evidence(decision: &Decision) -> Option<&str> {
    decision.evidence.iter().find(|evidence| evidence.check == "signature")?.detail.as_deref()
}

#[test]
fn tap_is_believed_by_the_key_set_of_its_profile() {
    let decision = world().decide(&tap("/signed?a=1", tap_params()));
    assert_eq!(decision.code, "ok");
    assert_eq!(signature_evidence(&decision), Some("tap"));
    let thumbprint = tap_key().thumbprint();
    let expected = json!({ "id": format!("{KEYS}#{thumbprint}"), "method": "tap", "key": thumbprint });
    assert_eq!(agent(&decision), expected);
}

#[test]
fn a_nonce_of_tap_is_good_once() {
    let world = world();
    assert_eq!(world.code(&tap("/signed", tap_params())), "ok");
    assert_eq!(world.code(&tap("/signed", tap_params())), "signature.replayed");
    assert_eq!(
        world.code(&tap("/signed", SignatureParams { nonce: Some("n-2".into()), ..tap_params() })),
        "ok"
    );
}

#[test]
fn tap_has_demands_of_its_own() {
    let world = world();
    let code = |params| world.code(&tap("/signed", params));
    let long = SignatureParams { expires: Some(UnixSeconds(NOW + 481)), ..tap_params() };
    assert_eq!(code(long), "signature.window_invalid");
    for params in [
        SignatureParams { alg: None, ..tap_params() },
        SignatureParams { nonce: None, ..tap_params() },
        SignatureParams { keyid: None, ..tap_params() },
    ] {
        assert_eq!(code(params), "signature.parameter_missing");
    }
    let unknown = SignatureParams { keyid: Some("secondary".into()), ..tap_params() };
    assert_eq!(code(unknown), "signature.key_unknown");
    let wrong = SignatureParams { alg: Some("ecdsa-p256-sha256".into()), ..tap_params() };
    assert_eq!(code(wrong), "signature.algorithm_mismatch");
    let short = Signing { label: "s", components: &["\"@authority\""], params: tap_params() };
    let draft = sign(Draft::new("GET", "/signed"), &short, &tap_key());
    assert_eq!(world.code(&draft), "signature.component_not_covered");
}

fn byte_sequence(bytes: &[u8]) -> String {
    let mut value = String::new();
    Item::from(BareItem::Bytes(bytes.into())).write(&mut value).unwrap();
    value
}

/// As the published samples write it: `keyId`, spaces, and the query in `@path`.
fn deployed(world: &World, path: &str, query_in_path: bool) -> &'static str {
    let input = format!(
        "(\"@authority\" \"@path\"); created={NOW}; expires={}; keyId=\"primary\"; alg=\"ed25519\"; nonce=\"{path}\"; tag=\"agent-browser-auth\"",
        NOW + 60,
    );
    let signed_path = if query_in_path { path } else { path.split('?').next().unwrap() };
    let base = format!(
        "\"@authority\": {}\n\"@path\": {signed_path}\n\"@signature-params\": {input}",
        API.strip_prefix("https://").unwrap(),
    );
    let value = format!("sig2={}", byte_sequence(&tap_key().sign(base.as_bytes())));
    let draft = Draft::new("GET", path).field("signature-input", &format!("sig2={input}"));
    world.code(&draft.field("signature", &value))
}

#[test]
fn what_samples_of_tap_send_is_a_profile_of_its_own() {
    let world = world();
    assert_eq!(deployed(&world, "/signed", true), "ok");
    assert_eq!(deployed(&world, "/signed?a=1", true), "ok");
    assert_eq!(deployed(&world, "/signed?a=2", false), "signature.invalid");
    let mut strict = world;
    let config = gate_support::CONFIG.replace("replay = \"none\"", "").replace(
        "[signatures]",
        "[signatures.rules.tap]\nkeys = [\"https://keys.example/jwks\"]\n[signatures]\nprofiles = [\"tap\"]",
    );
    strict.gate = Arc::new(Gate::new(&Config::from_toml(&config).unwrap()).unwrap());
    assert_eq!(deployed(&strict, "/signed", true), "signature.malformed");
}

fn plain(body: Option<&str>, timestamp: i64, agent: &str, key: &Key) -> Draft {
    let signed = format!("{}{timestamp}", body.unwrap_or_default());
    let value = byte_sequence(&key.sign(signed.as_bytes()));
    let mut draft = Draft::new("POST", "/signed");
    draft.body = body.map(|body| body.as_bytes().to_vec());
    draft
        .field("Agent-ID", agent)
        .field("Timestamp", &timestamp.to_string())
        .field("Signature", value.trim_matches(':'))
}

#[test]
fn plain_headers_are_believed_by_the_registered_key() {
    let world = world();
    let decision = world.decide(&plain(Some("{}"), NOW - 299, "plain-agent", &plain_key()));
    assert_eq!(decision.code, "ok");
    assert_eq!(signature_evidence(&decision), Some("agent-headers"));
    let expected = json!({
        "id": "plain-agent", "method": "agent-headers", "key": plain_key().thumbprint(),
        "operator": "Plain Ltd", "purpose": "price checks",
    });
    assert_eq!(agent(&decision), expected);
    assert_eq!(world.code(&plain(None, NOW, "plain-agent", &plain_key())), "ok");
}

#[test]
fn plain_headers_are_refused_each_for_its_own_reason() {
    let world = world();
    let good = || plain(Some("{}"), NOW, "plain-agent", &plain_key());
    let code = |change: &dyn Fn(&mut Draft)| {
        let mut draft = good();
        change(&mut draft);
        world.code(&draft)
    };
    let set = |name: &str, value: &str| {
        code(&|draft: &mut Draft| {
            for (other, text) in &mut draft.fields {
                if other == name {
                    *text = value.into();
                }
            }
        })
    };
    assert_eq!(code(&|draft| draft.body = Some(b"{1}".to_vec())), "signature.invalid");
    assert_eq!(set("Agent-ID", "somebody"), "agent.unknown");
    assert_eq!(set("Agent-ID", "a b"), "signature.agent_malformed");
    assert_eq!(set("Timestamp", "2026-11-22T00:00:00Z"), "signature.timestamp_invalid");
    assert_eq!(set("Timestamp", &format!("{NOW}000")), "signature.timestamp_invalid");
    assert_eq!(set("Timestamp", &(NOW + 1).to_string()), "signature.invalid");
    assert_eq!(set("Timestamp", &(NOW - 300).to_string()), "signature.too_old");
    assert_eq!(set("Timestamp", &(NOW + 301).to_string()), "signature.created_in_future");
    assert_eq!(set("Signature", "AAAA"), "signature.invalid");
    assert_eq!(set("Signature", "%%"), "signature.malformed");
    assert_eq!(code(&|draft| draft.fields.retain(|(name, _)| name != "Signature")), "signature.missing");
    assert_eq!(
        code(&|draft| draft.fields.push(("Agent-ID".into(), "plain-agent".into()))),
        "signature.duplicate_label"
    );
    assert_eq!(code(&|draft| draft.url = format!("{API}/covered")), "signature.component_not_covered");
}

#[test]
fn a_plain_signature_is_good_once() {
    let world = world();
    let draft = plain(Some("{}"), NOW, "plain-agent", &plain_key());
    assert_eq!(world.code(&draft), "ok");
    assert_eq!(world.code(&draft), "signature.replayed");
}

const SHOP: &[&str] = &["\"@method\"", "\"@target-uri\""];

fn shop(params: SignatureParams) -> Signing<'static> {
    Signing { label: "s", components: SHOP, params }
}

#[test]
fn rfc9421_takes_what_the_configuration_says() {
    let world = world();
    let get = || Draft::new("GET", "/signed");
    let decision = world.decide(&sign(get(), &shop(params(Some("shop"), "primary")), &tap_key()));
    assert_eq!((decision.code, signature_evidence(&decision)), ("ok", Some("rfc9421")));
    let untagged = sign(get(), &shop(params(None, "primary")), &tap_key());
    assert_eq!(world.code(&untagged), "signature.tag_unknown");
    let short = Signing { label: "s", components: &["\"@method\""], params: params(Some("shop"), "primary") };
    assert_eq!(world.code(&sign(get(), &short, &tap_key())), "signature.component_not_covered");
    let lasting = SignatureParams { expires: None, ..params(Some("shop"), "primary") };
    assert_eq!(world.code(&sign(get(), &shop(lasting.clone()), &tap_key())), "ok");
    let old = SignatureParams { created: Some(UnixSeconds(NOW - 86_400)), ..lasting };
    assert_eq!(world.code(&sign(get(), &shop(old), &tap_key())), "signature.too_old");
}

fn shared(params: SignatureParams, secret: &[u8]) -> Draft {
    let key = SharedKey::new(secret).unwrap();
    sign_with(Draft::new("GET", "/signed"), &shop(params), |base| key.tag(base.as_bytes()).to_vec())
}

#[test]
fn a_shared_key_is_believed_where_it_is_configured_and_nowhere_else() {
    let world = world();
    let good = || params(Some("shop"), "partner");
    let decision = world.decide(&shared(good(), &SECRET));
    assert_eq!(decision.code, "ok");
    assert_eq!(agent(&decision), json!({ "id": "shared-key:partner", "method": "rfc9421" }));
    assert_eq!(world.code(&shared(good(), &[8; 32])), "signature.invalid");
    let named = |alg: &str, keyid: &str, tag: &str| SignatureParams {
        alg: Some(alg.into()),
        nonce: Some("n".into()),
        ..params(Some(tag), keyid)
    };
    assert_eq!(world.code(&shared(named("hmac-sha256", "partner", "shop"), &SECRET)), "ok");
    assert_eq!(
        world.code(&shared(named("ed25519", "partner", "shop"), &SECRET)),
        "signature.algorithm_mismatch"
    );
    // A public key is never a shared one, whatever the signature says.
    let x = countersign::encoding::base64url::decode(tap_key().jwk()["x"].as_str().unwrap()).unwrap();
    assert_eq!(
        world.code(&shared(named("hmac-sha256", "primary", "shop"), &x)),
        "signature.algorithm_not_allowed"
    );
    let tag = "agent-payer-auth";
    let signing = Signing { label: "s", components: TAP, params: named("hmac-sha256", "partner", tag) };
    let key = SharedKey::new(&SECRET).unwrap();
    let draft = sign_with(Draft::new("GET", "/signed"), &signing, |base| key.tag(base.as_bytes()).to_vec());
    assert_eq!(world.code(&draft), "signature.algorithm_not_allowed");
}

fn bot(world: &World) -> Signing<'static> {
    Signing {
        label: "sig1",
        components: &["\"@authority\"", "\"@method\"", "\"@path\"", "\"signature-agent\";key=\"sig1\""],
        params: params(Some("web-bot-auth"), &world.agent.thumbprint()),
    }
}

fn named(draft: Draft, agent: &str) -> Draft {
    draft.field("signature-agent", &format!("sig1=\"{agent}\""))
}

#[test]
fn of_several_signatures_the_first_that_holds_says_who_it_is() {
    let world = world();
    let both = |first: &dyn Fn(Draft) -> Draft, second: &dyn Fn(Draft) -> Draft| {
        world.decide(&second(first(named(Draft::new("GET", "/signed"), gate_support::AGENT))))
    };
    let good = |draft| sign(draft, &bot(&world), &world.agent);
    let forged = |draft| sign(draft, &bot(&world), &Key::of(77));
    let good_tap =
        |draft| sign(draft, &Signing { label: "sig2", components: TAP, params: tap_params() }, &tap_key());
    let forged_tap =
        |draft| sign(draft, &Signing { label: "sig2", components: TAP, params: tap_params() }, &Key::of(77));
    let method = |decision: &Decision| agent(decision)["method"].clone();
    assert_eq!(method(&both(&good, &good_tap)), "web-bot-auth");
    let decision = both(&forged, &good_tap);
    assert_eq!((decision.code, method(&decision)), ("ok", "tap".into()));
    assert_eq!(both(&forged, &forged_tap).code, "signature.invalid");
    assert_eq!(both(&good, &forged_tap).code, "ok");
}

#[test]
fn a_signature_that_covers_too_little_does_not_lend_its_cover_to_another() {
    let world = world();
    // One signature covers what the route demands and is forged; the other holds and covers less.
    let draft = named(Draft::new("GET", "/covered"), gate_support::AGENT);
    let draft = sign(draft, &bot(&world), &Key::of(77));
    let short = Signing { label: "sig2", components: TAP, params: tap_params() };
    let decision = world.decide(&sign(draft, &short, &tap_key()));
    assert_eq!((decision.outcome, decision.code), (Outcome::Deny, "signature.invalid"));
    assert_eq!(decision.agent, None);
}

#[test]
fn an_optional_signature_that_is_wrong_refuses_and_one_that_cannot_be_judged_does_not() {
    let world = world();
    let token = world.token(|_| ());
    let with = |key: &Key, agent: &str| {
        let draft = named(Draft::new("GET", "/optional").bearer(&token), agent);
        world.decide(&sign(draft, &bot(&world), key))
    };
    assert_eq!(with(&world.agent, gate_support::AGENT).code, "ok");
    assert_eq!(with(&Key::of(77), gate_support::AGENT).code, "signature.invalid");
    let untrusted = with(&world.agent, "https://nobody.example");
    assert_eq!(untrusted.code, "ok");
    assert_eq!(agent(&untrusted)["method"], "token");
}

#[test]
fn a_representation_digest_that_is_covered_is_compared() {
    let world = world();
    let draft = |stated: &str| {
        let mut draft = named(Draft::new("POST", "/signed"), gate_support::AGENT);
        draft.body = Some(b"{}".to_vec());
        let draft = draft.field("repr-digest", &DigestAlgorithm::Sha512.field_value(stated.as_bytes()));
        let signing = Signing {
            components: &["\"@authority\"", "\"signature-agent\";key=\"sig1\"", "\"repr-digest\""],
            ..bot(&world)
        };
        sign(draft, &signing, &world.agent)
    };
    assert_eq!(world.code(&draft("{}")), "ok");
    assert_eq!(world.code(&draft("{1}")), "signature.digest_mismatch");
}

/// The problem document of a request whose signature was made over a base that `mistake` changed.
fn explained(mistake: impl FnOnce(&str) -> Vec<u8>) -> Value {
    let world = world();
    let draft = named(Draft::new("GET", "/signed"), gate_support::AGENT);
    let draft = sign_with(draft, &bot(&world), |base| world.agent.sign(&mistake(base)));
    let decision = world.decide(&draft);
    assert_eq!(decision.code, "signature.invalid");
    assert!(!decision.to_json().contains("@signature-params"), "a log must not show it");
    decision.problem(world.gate.disclosure())["explanation"].clone()
}

#[test]
fn an_explanation_names_the_mistake_that_was_made() {
    let changed = |from: &str, to: &str| {
        let explanation = explained(|base| {
            assert!(base.contains(from), "{base}");
            base.replacen(from, to, 1).into_bytes()
        });
        assert!(explanation["base"].as_str().unwrap().contains("\"@authority\": api.example\n"));
        explanation["hint"]["code"].as_str().map(ToOwned::to_owned)
    };
    let hint = |code: &str| Some(code.to_owned());
    assert_eq!(changed("api.example", "api.example:443"), hint("authority"));
    assert_eq!(changed("\"@method\": GET", "\"@method\": get"), hint("method"));
    assert_eq!(changed("/signed", "/signed/"), hint("path"));
    assert_eq!(changed(";created", "; created"), None);
    let spaced = explained(|base| {
        let (lines, params) = base.split_once("\"@signature-params\": ").unwrap();
        format!(
            "{lines}\"@signature-params\": {}",
            params
                .replace(";c", "; c")
                .replace(";e", "; e")
                .replace(";keyid", "; keyid")
                .replace(";tag", "; tag")
        )
        .into_bytes()
    });
    assert_eq!(spaced["hint"]["code"], "white-space");
    assert_eq!(explained(|base| format!("{base}\n").into_bytes())["hint"]["code"], "line-ends");
    assert_eq!(explained(|base| base.replace('\n', "\r\n").into_bytes())["hint"]["code"], "line-ends");
    assert_eq!(
        explained(|base| countersign::crypto::sha256(base.as_bytes()).to_vec())["hint"]["code"],
        "pre-hashed"
    );
    let ordered = explained(|base| {
        let (lines, params) = base.split_once("\"@signature-params\": ").unwrap();
        let (list, rest) = params.split_once(')').unwrap();
        let mut parts: Vec<_> = rest.split(';').skip(1).collect();
        parts.reverse();
        format!("{lines}\"@signature-params\": {list});{}", parts.join(";")).into_bytes()
    });
    assert_eq!(ordered["hint"]["code"], "order");
    assert_eq!(explained(|_| b"something else".to_vec())["hint"], Value::Null);
}

#[test]
fn an_explanation_shows_no_credentials() {
    let world = world();
    let signing = Signing {
        components: &["\"@authority\"", "\"signature-agent\";key=\"sig1\"", "\"cookie\""],
        ..bot(&world)
    };
    let draft = named(Draft::new("GET", "/signed"), gate_support::AGENT).field("cookie", "id=hush");
    let decision = world.decide(&sign(draft, &signing, &Key::of(77)));
    let problem = decision.problem(world.gate.disclosure()).to_string();
    assert!(problem.contains("(not shown)") && !problem.contains("hush"), "{problem}");
}

#[test]
fn a_clock_that_is_wrong_is_explained_and_only_where_that_is_configured() {
    let mut world = world();
    let ahead = SignatureParams { created: Some(UnixSeconds(NOW + 31)), ..tap_params() };
    let decision = world.decide(&tap("/signed", ahead.clone()));
    assert_eq!(decision.code, "signature.created_in_future");
    let hint = &decision.problem(world.gate.disclosure())["explanation"]["hint"];
    assert_eq!(hint["code"], "clock");
    assert!(hint["text"].as_str().unwrap().contains("31 s ahead"), "{hint}");
    let quiet = gate_support::CONFIG.replace("replay = \"none\"", "").replace(
        "[signatures]",
        "[signatures.rules.tap]\nkeys = [\"https://keys.example/jwks\"]\n[signatures]\nprofiles = [\"tap\"]",
    );
    world.gate = Arc::new(Gate::new(&Config::from_toml(&quiet).unwrap()).unwrap());
    let decision = world.decide(&tap("/signed", ahead));
    assert_eq!(decision.explanation, None);
    assert_eq!(decision.problem(world.gate.disclosure()).get("explanation"), None);
}

#[test]
fn a_client_is_asked_for_what_each_profile_takes() {
    let decision = world().decide(&Draft::new("GET", "/covered"));
    assert_eq!((decision.code, decision.status), ("signature.missing", 401));
    let (_, value) = decision.headers.iter().find(|(name, _)| *name == "Accept-Signature").unwrap();
    let mut fields = countersign::request::Fields::new();
    fields.push("accept-signature", value).unwrap();
    let asked = AcceptSignature::parse(&fields).unwrap();
    let labels: Vec<_> = asked.iter().map(AcceptSignature::label).collect();
    assert_eq!(labels, ["sig1", "sig2", "sig3", "sig4"]);
    let covered = |index: usize| {
        let components = asked[index].components();
        components.iter().map(|c| c.identifier().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        covered(0),
        ["\"@authority\"", "\"signature-agent\";key=\"sig1\"", "\"@method\"", "\"@path\""]
    );
    assert_eq!(covered(1), ["\"@authority\"", "\"@path\"", "\"@method\""]);
    assert_eq!(covered(3), ["\"@method\"", "\"@target-uri\"", "\"@path\""]);
    assert!(value.contains(";tag=\"agent-browser-auth\"") && value.contains(";tag=\"shop\""), "{value}");
}
