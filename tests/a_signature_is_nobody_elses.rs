//! Whose name a signature that holds gets: of one agent, for as long as that agent and its key may act, and in one
//! scheme only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod gate_support;

use std::sync::Arc;
use std::time::Duration;

use countersign::config::{Config, Gate};
use countersign::crypto::SharedKey;
use countersign::decision::Decision;
use countersign::encoding::base64url;
use countersign::encoding::structured::{BareItem, Item};
use countersign::engine::{Answer, Session, Step};
use countersign::registry::Registry;
use countersign::signature::{Component, Message, SignatureParams, prepare};
use countersign::time::UnixSeconds;
use gate_support::{AGENT, CONFIG, Draft, Key, NOW, World};
use serde_json::json;

/// A key as an entry of a configuration, with more of it.
fn key(key: &Key, more: &str) -> String {
    let jwk = key.jwk();
    format!("{{ jwk = {{ kty = \"OKP\", crv = \"Ed25519\", x = {} }}{more} }}", jwk["x"])
}

fn registered(id: &str, more: &str) -> String {
    format!("[[agents]]\nid = \"{id}\"\noperator = \"O\"\npurpose = \"p\"\ncontact = \"c\"\n{more}\n")
}

fn bot_config(agents: &str) -> String {
    CONFIG.replace("[signatures]", &format!("{agents}\n[signatures]"))
}

/// Plain headers and message signatures, by registered keys.
fn known_config(agents: &str) -> String {
    format!(
        "origin = \"http://127.0.0.1:9000\"\npublic_origins = [\"https://api.example\"]\n\
         [signatures]\nprofiles = [\"agent-headers\", \"rfc9421\"]\n\
         [signatures.rules.rfc9421]\ncomponents = [\"@method\", \"@target-uri\"]\nalgorithms = [\"ed25519\"]\n\
         {agents}\n[[routes]]\nmatch = \"* /signed\"\nrequire = [\"signature\"]\n"
    )
}

fn set(keys: &[&Key]) -> Vec<u8> {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string().into_bytes()
}

fn by_directory(url: &str, key: &Key) -> Draft {
    Draft::new("GET", "/signed")
        .field("signature-agent", &format!("sig1=\"{url}\""))
        .resigned(key, &["\"@authority\"", "\"signature-agent\";key=\"sig1\""])
}

fn plain(body: &str, agent: &str, signature: &[u8]) -> Draft {
    let value = Item::from(BareItem::Bytes(signature.into())).serialize().unwrap();
    let mut draft = Draft::new("POST", "/signed");
    draft.body = Some(body.as_bytes().to_vec());
    let draft = draft.field("Agent-ID", agent).field("Timestamp", &NOW.to_string());
    draft.field("Signature", value.trim_matches(':'))
}

fn plain_by(agent: &str, key: &Key) -> Draft {
    plain("{}", agent, &key.sign(format!("{{}}{NOW}").as_bytes()))
}

fn id(decision: &Decision) -> Option<&str> {
    decision.agent.as_ref().map(|agent| agent.id.as_str())
}

#[test]
fn a_registered_key_is_its_agents_and_not_the_origins() {
    let b = Key::of(40);
    let agents = registered("main", &format!("directories = [\"{AGENT}\"]"));
    let agents = agents + &registered("b", &format!("keys = [{}]", key(&b, "")));
    let mut world = World::with(&bot_config(&agents));
    let url = format!("{AGENT}/b/jwks.json");
    world.documents.insert(url.clone(), set(&[&b]));
    let decision = world.decide(&by_directory(&url, &b));
    assert_eq!((decision.code, id(&decision)), ("ok", Some("b")));
}

#[test]
fn one_agents_directory_with_anothers_key_is_neithers() {
    let b = Key::of(40);
    let url = format!("{AGENT}/b/jwks.json");
    let agents = registered("main", &format!("directories = [\"{url}\"]"));
    let agents = agents + &registered("b", &format!("keys = [{}]", key(&b, "")));
    let mut world = World::with(&bot_config(&agents));
    world.documents.insert(url.clone(), set(&[&b]));
    assert_eq!(world.code(&by_directory(&url, &b)), "signature.key_unknown");
}

#[test]
fn a_suspended_agent_gains_nothing_by_naming_its_key_set_as_its_directory() {
    let b = Key::of(41);
    let url = format!("{AGENT}/b/jwks.json");
    let agents = registered("b", &format!("jwks_uri = \"{url}\"\nsuspended = true"));
    let mut world = World::with(&bot_config(&agents));
    world.documents.insert(url.clone(), set(&[&b]));
    assert_eq!(world.code(&by_directory(&url, &b)), "agent.suspended");
}

#[test]
fn a_key_set_is_of_one_agent() {
    let url = "jwks_uri = \"https://platform.example/jwks.json\"";
    let both = known_config(&(registered("a", url) + &registered("b", url)));
    let faults = Gate::new(&Config::from_toml(&both).unwrap()).unwrap_err();
    assert!(faults.iter().any(|fault| fault.path == "agents[1].jwks_uri"), "{faults:?}");
}

#[test]
fn a_key_in_one_agents_set_that_is_registered_as_anothers_is_neithers() {
    let b = Key::of(43);
    let url = "https://platform.example/jwks.json";
    let agents = registered("a", &format!("jwks_uri = \"{url}\""));
    let agents = agents + &registered("b", &format!("keys = [{}]", key(&b, "")));
    let mut world = World::with(&known_config(&agents));
    world.documents.insert(url.into(), set(&[&b]));
    assert_eq!(world.code(&plain_by("a", &b)), "signature.key_unknown");
    assert_eq!(world.code(&plain_by("b", &b)), "ok");
}

#[test]
fn a_key_cannot_be_named_by_anothers_thumbprint() {
    let victim = Key::of(2).thumbprint();
    let with = |kid: &str| {
        let kid = format!(", kid = \"{kid}\"");
        let agents = registered("b", &format!("keys = [{}]", key(&Key::of(44), &kid)));
        Gate::new(&Config::from_toml(&bot_config(&agents)).unwrap()).err()
    };
    let faults = with(&victim).unwrap();
    assert!(faults.iter().any(|fault| fault.path.starts_with("agents[0].keys[0]")), "{faults:?}");
    assert_eq!(with(&Key::of(44).thumbprint()), None);
    assert_eq!(with("primary"), None);
}

#[test]
fn the_key_in_use_is_tried_however_many_came_before() {
    let keys: Vec<_> = (50..62).map(Key::of).collect();
    let old = keys.iter().take(11).map(|k| key(k, &format!(", not_after = {}", NOW - 1)));
    let all: Vec<_> = old.chain([key(&keys[11], &format!(", not_before = {}", NOW - 1))]).collect();
    let world = World::with(&known_config(&registered("a", &format!("keys = [{}]", all.join(", ")))));
    assert_eq!(world.code(&plain_by("a", &keys[11])), "ok");
    assert_eq!(world.code(&plain_by("a", &keys[0])), "agent.key_expired");
}

#[test]
fn a_body_that_comes_slowly_does_not_outlive_the_key() {
    let agents =
        registered("s", &format!("keys = [{}]", key(&Key::of(2), &format!(", not_after = {}", NOW + 5))));
    let config = bot_config(&agents).replace("match = \"GET /signed\"", "match = \"POST /signed\"");
    assert_eq!(after_a_slow_body(&World::with(&config), Duration::from_secs(4)), "ok");
    assert_eq!(after_a_slow_body(&World::with(&config), Duration::from_secs(5)), "agent.key_expired");
}

#[test]
fn a_body_that_comes_slowly_does_not_outlive_what_the_registry_said() {
    let admin = "[admin]\nissuer = \"https://auth.example\"\n";
    let config = CONFIG.replace("match = \"GET /signed\"", "match = \"POST /signed\"");
    let world = || {
        let mut world = World::with(&format!("{config}\n{admin}"));
        world.agents = Some(Registry::default().to_json());
        world
    };
    assert_eq!(after_a_slow_body(&world(), Duration::from_secs(29)), "ok");
    assert_eq!(after_a_slow_body(&world(), Duration::from_secs(30)), "request.body_unreadable");
}

/// What becomes of a signed request whose body takes so long.
fn after_a_slow_body(world: &World, time: Duration) -> &'static str {
    let components = ["\"@authority\"", "\"signature-agent\";key=\"sig1\"", "\"content-digest\""];
    let draft = || {
        Draft::new("POST", "/signed").body("{}").signed_with(&world.agent, &components, |params| {
            params.expires = Some(UnixSeconds(NOW + 80_000));
        })
    };
    // So that keys and registry are there.
    assert_eq!(world.code(&draft()), "ok");
    let mut session = Session::new(Arc::clone(&world.gate), draft().view(), world.now, [7; 10]);
    let mut memory = world.memory.borrow_mut();
    assert!(matches!(session.step(&mut memory, world.now, &Answer::Ready), Step::Body));
    match session.step(&mut memory, world.now.plus(time), &Answer::Body(b"{}")) {
        Step::Done(conclusion) => conclusion.decision.code,
        step => panic!("{step:?}"),
    }
}

fn shared(config: &str) -> Decision {
    let secret = [9; 32];
    let keys = json!({ "keys": [{ "kty": "oct", "kid": "b", "k": base64url::encode(&secret) }] });
    let mut world = World::with(config);
    let gate = Gate::new(&Config::from_toml(config).unwrap()).unwrap();
    world.gate = Arc::new(gate.with_shared_keys(&keys.to_string()).unwrap());
    let draft = Draft::new("GET", "/signed");
    let view = draft.view();
    let params = SignatureParams {
        created: Some(UnixSeconds(NOW)),
        keyid: Some("b".into()),
        ..SignatureParams::default()
    };
    let components = [Component::named("@method").unwrap(), Component::named("@target-uri").unwrap()];
    let unsigned = prepare(&Message::request(&view, view.target()), &components, &params).unwrap();
    let tag = SharedKey::new(&secret).unwrap().tag(unsigned.base.as_bytes());
    let fields = unsigned.fields("s", &tag).unwrap();
    let draft = draft.field("signature-input", &fields.signature_input);
    world.decide(&draft.field("signature", &fields.signature))
}

#[test]
fn a_shared_key_is_of_a_registered_agent_or_of_nobodys_name() {
    let config = |agents: &str| known_config(agents).replace("[\"ed25519\"]", "[\"hmac-sha256\"]");
    let other = registered("x", &format!("keys = [{}]", key(&Key::of(1), "")));
    let own = |more: &str| other.clone() + &registered("b", &format!("directories = [\"{AGENT}\"]\n{more}"));
    assert_eq!(id(&shared(&config(&other))), Some("shared-key:b"));
    assert_eq!(id(&shared(&config(&own("")))), Some("b"));
    assert_eq!(shared(&config(&own("suspended = true"))).code, "agent.suspended");
    let required = config(&other).replace("[signatures]", "[signatures]\nrequire_registered = true");
    assert_eq!(shared(&required).code, "agent.unknown");
}

#[test]
fn shared_keys_that_nobody_asked_for_are_a_fault() {
    let config = known_config(&registered("a", &format!("keys = [{}]", key(&Key::of(1), ""))));
    let gate = Gate::new(&Config::from_toml(&config).unwrap()).unwrap();
    let fault = gate.with_shared_keys("{\"keys\":[]}").unwrap_err();
    assert!(fault.message.contains("no profile accepts hmac-sha256"), "{fault}");
}

#[test]
fn a_stranger_does_not_make_the_gate_read_a_body() {
    let agents = registered("a", &format!("keys = [{}]", key(&Key::of(60), "")));
    let agents =
        agents + &registered("gone", &format!("keys = [{}]\nsuspended = true", key(&Key::of(61), "")));
    let world = World::with(&known_config(&agents));
    let first = |agent: &str| {
        let view = plain("{}", agent, &[1; 64]).view();
        let mut session = Session::new(Arc::clone(&world.gate), view, world.now, [7; 10]);
        session.step(&mut world.memory.borrow_mut(), world.now, &Answer::Ready)
    };
    assert!(matches!(first("a"), Step::Body));
    assert!(matches!(first("nobody"), Step::Done(_)));
    assert!(matches!(first("gone"), Step::Done(_)));
    assert_eq!(world.code(&plain_by("gone", &Key::of(61))), "agent.suspended");
}

#[test]
fn a_signature_of_one_scheme_is_none_of_the_other() {
    let k = Key::of(61);
    let world = World::with(&known_config(&registered("a", &format!("keys = [{}]", key(&k, "")))));
    // A base that ends in `created` is content and a time.
    let base = format!(
        "\"@method\": GET\n\"@authority\": other.example\n\"@signature-params\": (\"@method\" \"@authority\");keyid=\"{}\";created={NOW}",
        k.thumbprint()
    );
    let signature = k.sign(base.as_bytes());
    let content = base.strip_suffix(&NOW.to_string()).unwrap();
    assert_eq!(world.code(&plain(content, "a", &signature)), "signature.invalid");
    // Content and time may be a base that ends in `created`.
    let message = |params: &str| {
        let base = format!(
            "\"@method\": DELETE\n\"@target-uri\": https://api.example/signed\n\"@signature-params\": (\"@method\" \"@target-uri\"){params}"
        );
        let value = Item::from(BareItem::Bytes(k.sign(base.as_bytes()))).serialize().unwrap();
        let draft = Draft::new("DELETE", "/signed");
        let draft = draft.field("signature-input", &format!("s=(\"@method\" \"@target-uri\"){params}"));
        world.code(&draft.field("signature", &format!("s={value}")))
    };
    let keyid = format!(";keyid=\"{}\"", k.thumbprint());
    assert_eq!(message(&format!("{keyid};created={NOW}")), "signature.parameter_invalid");
    assert_eq!(message(&format!(";created={NOW}{keyid}")), "ok");
}

#[test]
fn a_plain_signature_has_one_spelling() {
    let k = Key::of(62);
    let world = World::with(&known_config(&registered("a", &format!("keys = [{}]", key(&k, "")))));
    let mut draft = plain_by("a", &k);
    for (name, value) in &mut draft.fields {
        if name == "Signature" {
            value.push_str(":;a=:AAAA");
        }
    }
    assert_eq!(world.code(&draft), "signature.malformed");
}
