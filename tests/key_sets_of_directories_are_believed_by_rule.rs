//! What a gate makes of the answers of agents' directories: which are keys, which a definite no, which none for now,
//! and which keys have signed where they must. Times are constants.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod gate_support;

use countersign::crypto::{Algorithm, PublicKey, Verdict};
use countersign::encoding::base64url;
use countersign::encoding::structured::{BareItem, Item};
use countersign::engine::{Answer, Session, Step};
use countersign::jose::thumbprint;
use countersign::keys::{
    DIRECTORY_MEDIA_TYPE, DIRECTORY_TAG, KeyRefusal, KeyResponse, KeyResponseError, KeySource, KeysTaken,
};
use countersign::request::{Fields, RequestView, Target};
use countersign::response::ResponseView;
use countersign::signature::digest::content_digest;
use countersign::signature::{Component, Message, Param, SignatureError, SignatureParams, prepare};
use countersign::time::{UnixMillis, UnixSeconds};
use gate_support::{AGENT, CONFIG, DIRECTORY, Draft, Key, NOW, World};
use serde_json::{Value, json};
use std::sync::Arc;

/// A response of a directory, in the making.
#[derive(Clone)]
struct Sent {
    status: u16,
    fields: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Sent {
    fn new(status: u16, body: &str) -> Self {
        Self { status, fields: Vec::new(), body: Some(body.into()) }
            .field("content-type", DIRECTORY_MEDIA_TYPE)
    }

    fn keys(keys: &[Value]) -> Self {
        Self::new(200, &json!({ "keys": keys }).to_string())
    }

    fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self
    }

    fn response(&self) -> KeyResponse<'_> {
        let response = KeyResponse::new(self.status, self.body.as_deref());
        self.fields.iter().fold(response, |response, (name, value)| response.with(name, value))
    }

    fn digested(self) -> Self {
        let digest = content_digest(self.body.as_deref().unwrap_or_default());
        self.field("content-digest", &digest)
    }
}

/// A request that the world's agent signs now.
fn signed(world: &World) -> Draft {
    let now = i64::try_from(world.now.0 / 1000).unwrap();
    let components = ["\"@authority\"", "\"@method\"", "\"@path\"", "\"signature-agent\";key=\"sig1\""];
    Draft::new("GET", "/signed").signed_with(&world.agent, &components, |params| {
        params.created = Some(UnixSeconds(now));
        params.expires = Some(UnixSeconds(now + 60));
    })
}

/// What a request of the agent asks the host for, if anything.
fn asked(world: &World) -> Option<KeySource> {
    let mut session = Session::new(Arc::clone(&world.gate), signed(world).view(), world.now, [7; 10]);
    match session.step(&mut world.memory.borrow_mut(), world.now, &Answer::Ready) {
        Step::Keys(sources) => Some(sources.into_iter().next().unwrap()),
        _ => None,
    }
}

fn take(world: &World, source: &KeySource, sent: &Sent) -> KeysTaken {
    let reading = source.read(&sent.response(), world.now.seconds());
    let verdicts: Vec<_> = reading.checks().iter().map(|check| check.verify() == Verdict::Valid).collect();
    world.memory.borrow_mut().keys_read(source, reading, &verdicts, world.now)
}

/// A world whose directory has answered, and what became of that.
fn after(config: &str, sent: &Sent) -> (World, KeysTaken) {
    let world = World::with(config);
    let source = asked(&world).expect("a cold gate asks");
    assert_eq!(source.url(), DIRECTORY);
    let taken = take(&world, &source, sent);
    (world, taken)
}

fn code_after(sent: &Sent) -> &'static str {
    let (world, _) = after(CONFIG, sent);
    let code = world.code(&signed(&world));
    assert!(world.fetches.borrow().is_empty(), "the answer is remembered");
    code
}

fn later(world: &mut World, seconds: u64) {
    world.now = UnixMillis(world.now.0 + seconds * 1000);
}

fn agent_jwk() -> Value {
    Key::of(2).jwk()
}

#[test]
fn a_definite_no_is_the_agents_fault_and_none_for_now_is_nobodys() {
    let good = Sent::keys(&[agent_jwk()]);
    assert_eq!(code_after(&good), "ok");
    for status in [204, 301, 302, 307, 404, 410] {
        let sent = Sent { status, ..good.clone() };
        assert_eq!(code_after(&sent), "signature.directory_invalid", "{status}");
    }
    for status in [400, 401, 403, 408, 429, 500, 502, 503, 504] {
        let sent = Sent { status, ..good.clone() };
        assert_eq!(code_after(&sent), "keys.unavailable", "{status}");
    }
    for body in ["", "<html></html>", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert_eq!(code_after(&Sent::new(200, body)), "signature.directory_invalid", "{body}");
    }
    let too_many = vec![agent_jwk(); 101];
    assert_eq!(code_after(&Sent::keys(&too_many)), "signature.directory_invalid");
    assert_eq!(code_after(&Sent { body: None, ..good.clone() }), "signature.directory_invalid", "too long");
    let untyped = good.clone().without("content-type");
    assert_eq!(code_after(&untyped), "signature.directory_invalid");
    assert_eq!(code_after(&untyped.field("content-type", "application/json")), "signature.directory_invalid");
    assert_eq!(code_after(&Sent::keys(&[])), "signature.key_unknown", "a directory may be empty");

    let silent = World::new();
    let source = asked(&silent).unwrap();
    silent.memory.borrow_mut().keys_failed(&source, silent.now);
    assert_eq!(silent.code(&signed(&silent)), "keys.unavailable");
}

#[test]
fn a_definite_no_is_passed_over_where_no_signature_is_required() {
    let (world, taken) = after(CONFIG, &Sent::new(404, ""));
    assert_eq!(taken.error, Some(KeyResponseError::Status(404)));
    assert_eq!(taken.store, None, "it is not for other isolates");
    let open = Draft { url: format!("{}/open/x", gate_support::API), ..signed(&world) };
    assert_eq!(world.code(&open), "ok");
}

#[test]
fn an_issuer_without_keys_is_never_the_clients_fault() {
    for status in [404, 410, 302, 500] {
        let world = World::new();
        let draft = || Draft::new("GET", "/orders").bearer(&world.token(|_| {}));
        let mut session = Session::new(Arc::clone(&world.gate), draft().view(), world.now, [7; 10]);
        let step = session.step(&mut world.memory.borrow_mut(), world.now, &Answer::Ready);
        let Step::Keys(sources) = step else { panic!() };
        take(&world, &sources[0], &Sent::new(status, ""));
        assert_eq!(world.code(&draft()), "keys.unavailable", "{status}");
    }
}

/// For how long the directory is not asked again.
fn pause_after(sent: &Sent) -> u64 {
    let (mut world, _) = after(CONFIG, sent);
    let start = world.now;
    while asked(&world).is_none() {
        later(&mut world, 1);
    }
    (world.now.0 - start.0) / 1000
}

#[test]
fn a_definite_no_is_remembered_for_one_to_five_minutes() {
    let gone = || Sent::new(404, "");
    assert_eq!(pause_after(&gone()), 60);
    assert_eq!(pause_after(&gone().field("cache-control", "max-age=200")), 200);
    assert_eq!(pause_after(&gone().field("cache-control", "max-age=1")), 60);
    assert_eq!(pause_after(&gone().field("cache-control", "no-store")), 60);
    assert_eq!(pause_after(&gone().field("cache-control", "max-age=86400")), 300);
    assert_eq!(pause_after(&gone().field("retry-after", "86400")), 300);
    assert_eq!(pause_after(&Sent::new(200, "<html>").field("cache-control", "max-age=200")), 200);
}

#[test]
fn retry_after_is_honoured_in_seconds_and_as_a_date() {
    assert_eq!(pause_after(&Sent::new(503, "")), 2);
    assert_eq!(pause_after(&Sent::new(503, "").field("retry-after", "120")), 120);
    assert_eq!(pause_after(&Sent::new(429, "").field("retry-after", "120")), 120);
    assert_eq!(pause_after(&Sent::new(503, "").field("retry-after", "86400")), 3600, "within a cap");
    assert_eq!(pause_after(&Sent::new(503, "").field("retry-after", "soon")), 2);
    // NOW is Mon, 21 Sep 2026 14:13:20 GMT.
    for date in
        ["Mon, 21 Sep 2026 14:15:20 GMT", "Monday, 21-Sep-26 14:15:20 GMT", "Mon Sep 21 14:15:20 2026"]
    {
        assert_eq!(pause_after(&Sent::new(503, "").field("retry-after", date)), 120, "{date}");
    }
    let past = Sent::new(503, "").field("retry-after", "Mon, 21 Sep 2026 14:13:00 GMT");
    assert_eq!(pause_after(&past), 2);
}

#[test]
fn no_failure_evicts_a_set_that_is_fresh_and_only_a_definite_one_ends_with_it() {
    let good = Sent::keys(&[agent_jwk()]).field("cache-control", "max-age=600");
    for (failed, code_when_stale) in [
        (Sent::new(503, ""), "ok"),
        (Sent::new(404, ""), "signature.directory_invalid"),
        (Sent::new(200, "<html>"), "signature.directory_invalid"),
    ] {
        let (mut world, _) = after(CONFIG, &good);
        later(&mut world, 600);
        let source = world.conclude(&signed(&world)).refresh.pop().expect("one caller refreshes it");
        take(&world, &source, &failed);
        assert_eq!(world.code(&signed(&world)), "ok", "{}", failed.status);
        later(&mut world, 120);
        if let Some(source) = asked(&world) {
            take(&world, &source, &failed);
        }
        assert_eq!(world.code(&signed(&world)), code_when_stale, "{}", failed.status);
    }
}

#[test]
fn a_good_fetch_without_the_key_takes_it_away() {
    let (mut world, _) = after(CONFIG, &Sent::keys(&[agent_jwk()]).field("cache-control", "max-age=60"));
    assert_eq!(world.code(&signed(&world)), "ok");
    later(&mut world, 60);
    let source = world.conclude(&signed(&world)).refresh.pop().unwrap();
    let without = Sent::keys(&[Key::of(9).jwk()]);
    take(&world, &source, &without);
    // Another question for it, which a key may cause that was there, finds the same.
    world.documents.insert(DIRECTORY.into(), without.body.unwrap());
    assert_eq!(world.code(&signed(&world)), "signature.key_unknown");
}

#[test]
fn what_must_not_be_stored_stays_in_one_isolate_for_a_minute() {
    let sent = |cache_control| Sent::keys(&[agent_jwk()]).field("cache-control", cache_control);
    assert!(after(CONFIG, &sent("max-age=600")).1.store.is_some());
    assert!(after(CONFIG, &sent("no-cache")).1.store.is_some());
    let (mut world, taken) = after(CONFIG, &sent("no-store, max-age=600"));
    assert_eq!(taken.store, None);
    assert_eq!(world.conclude(&signed(&world)).decision.code, "ok");
    later(&mut world, 60);
    let source = asked(&world).expect("it is past its end");
    take(&world, &source, &Sent::new(503, ""));
    assert_eq!(world.code(&signed(&world)), "keys.unavailable", "nor does it serve while its source fails");
}

#[test]
fn directories_are_read_in_all_the_shapes_that_are_live() {
    let agent = Key::of(2);
    let with = |members: Value| {
        let mut jwk = agent_jwk();
        jwk.as_object_mut().unwrap().append(&mut members.as_object().unwrap().clone());
        jwk
    };
    let unknown = json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "x" });
    for (shape, sent) in [
        ("a bare JWK", Sent::new(200, &agent_jwk().to_string())),
        ("no kid, no alg", Sent::keys(&[agent_jwk()])),
        ("kid is the thumbprint", Sent::keys(&[with(json!({ "kid": agent.thumbprint() }))])),
        ("alg EdDSA", Sent::keys(&[with(json!({ "alg": "EdDSA" }))])),
        ("alg ed25519", Sent::keys(&[with(json!({ "alg": "ed25519" }))])),
        ("alg Ed25519", Sent::keys(&[with(json!({ "alg": "Ed25519" }))])),
        (
            "use, key_ops, nbf, exp",
            Sent::keys(&[with(json!({ "use": "sig", "key_ops": ["verify"], "nbf": 1 }))]),
        ),
        ("unknown kty beside", Sent::keys(&[unknown.clone(), agent_jwk()])),
        ("no keys at all beside", Sent::keys(&[json!(7), json!(null), json!({}), agent_jwk()])),
        ("a secret key beside", Sent::keys(&[json!({ "kty": "oct", "k": "AA" }), agent_jwk()])),
        ("members beside", Sent::new(200, &json!({ "keys": [agent_jwk()], "purpose": "x" }).to_string())),
        (
            "media type in capitals",
            Sent::keys(&[agent_jwk()])
                .without("content-type")
                .field("content-type", "Application/HTTP-Message-Signatures-Directory+JSON; charset=utf-8"),
        ),
    ] {
        assert_eq!(code_after(&sent), "ok", "{shape}");
    }
    for (shape, sent) in [
        ("kid is not the thumbprint", Sent::keys(&[with(json!({ "kid": "agent" }))])),
        ("alg of another kind", Sent::keys(&[with(json!({ "alg": "ES256" }))])),
        ("for encryption", Sent::keys(&[with(json!({ "use": "enc" }))])),
        ("private", Sent::keys(&[with(json!({ "d": "AA" }))])),
        ("a bare JWK of an unknown kind", Sent::new(200, &unknown.to_string())),
    ] {
        assert_eq!(code_after(&sent), "signature.key_unknown", "{shape}");
    }
}

/// The usual configuration, where directories must be signed.
fn strict() -> String {
    CONFIG.replace("[signatures]\n", "[signatures]\nrequire_signed_directories = true\n")
}

/// What a directory's signature says.
struct Signing<'a> {
    components: &'a [&'a str],
    url: &'a str,
    params: SignatureParams,
    label: &'a str,
}

fn signing(thumbprint: String) -> Signing<'static> {
    Signing {
        components: &["\"@authority\";req", "\"content-digest\""],
        url: DIRECTORY,
        params: SignatureParams {
            created: Some(UnixSeconds(NOW)),
            expires: Some(UnixSeconds(NOW + 300)),
            keyid: Some(thumbprint),
            tag: Some(DIRECTORY_TAG.into()),
            ..SignatureParams::default()
        },
        label: "sig1",
    }
}

/// Adds a signature to a response.
fn sign(sent: Sent, signing: &Signing<'_>, signer: impl FnOnce(&[u8]) -> Vec<u8>) -> Sent {
    let mut fields = Fields::new();
    for (name, value) in &sent.fields {
        fields.push(name, value).unwrap();
    }
    let response = ResponseView::new(sent.status, fields, true).unwrap();
    let target = Target::parse(signing.url).unwrap();
    let mut asked = Fields::new();
    asked.push("accept", DIRECTORY_MEDIA_TYPE).unwrap();
    let request = RequestView::new("GET", target.clone(), asked, false).unwrap();
    let message = Message::response(&response, Some((&request, &target)));
    let components: Vec<_> = signing.components.iter().map(|c| Component::parse(c).unwrap()).collect();
    let unsigned = prepare(&message, &components, &signing.params).unwrap();
    let signature = signer(unsigned.base.as_bytes());
    let fields = unsigned.fields(signing.label, &signature).unwrap();
    sent.field("signature-input", &fields.signature_input).field("signature", &fields.signature)
}

/// A directory of one key, signed by it, with a fault.
fn signed_with(change: impl FnOnce(&mut Signing<'_>)) -> Sent {
    let agent = Key::of(2);
    let mut signing = signing(agent.thumbprint());
    change(&mut signing);
    sign(Sent::keys(&[agent.jwk()]).digested(), &signing, |base| agent.sign(base))
}

fn refusal(sent: &Sent) -> Option<KeyRefusal> {
    let (world, taken) = after(&strict(), sent);
    let refusal = taken.refusals.first().map(|(thumbprint, refusal)| {
        assert_eq!(*thumbprint, Key::of(2).thumbprint());
        *refusal
    });
    let code = if refusal.is_some() { "signature.directory_invalid" } else { "ok" };
    assert_eq!(world.code(&signed(&world)), code, "{refusal:?}");
    assert_eq!(taken.error, refusal.map(|_| KeyResponseError::Unsigned));
    assert_eq!(taken.store.is_some(), refusal.is_none());
    let (lenient, _) = after(CONFIG, sent);
    assert_eq!(lenient.code(&signed(&lenient)), "ok", "where it need not be signed, no signature counts");
    refusal
}

#[test]
fn a_key_that_signed_its_directory_is_kept() {
    assert_eq!(refusal(&signed_with(|_| {})), None);
    let more =
        &["\"content-digest\"", "\"content-type\"", "\"@status\"", "\"@authority\";req", "\"@method\";req"];
    assert_eq!(refusal(&signed_with(|signing| signing.components = more)), None);
    assert_eq!(refusal(&signed_with(|signing| signing.params.alg = Some("ed25519".into()))), None);
    assert_eq!(refusal(&signed_with(|signing| signing.params.nonce = Some("n".into()))), None);
    assert_eq!(refusal(&signed_with(|signing| signing.label = "binding0")), None);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of faults")]
fn a_key_that_did_not_sign_its_directory_is_not_and_says_why() {
    use KeyRefusal as R;
    use SignatureError as E;
    let at = |seconds| Some(UnixSeconds(NOW + seconds));
    for (fault, sent, expected) in [
        ("no signature", Sent::keys(&[agent_jwk()]).digested(), R::Unsigned),
        ("another tag", signed_with(|s| s.params.tag = Some("web-bot-auth".into())), R::Unsigned),
        ("no tag", signed_with(|s| s.params.tag = None), R::Unsigned),
        ("another keyid", signed_with(|s| s.params.keyid = Some(Key::of(9).thumbprint())), R::Unsigned),
        ("no keyid", signed_with(|s| s.params.keyid = None), R::Unsigned),
        (
            "the response's own authority",
            sign_raw("(\"@authority\" \"content-digest\")"),
            R::AuthorityNotCovered,
        ),
        (
            "no authority",
            signed_with(|s| s.components = &["\"content-digest\"", "\"@status\""]),
            R::AuthorityNotCovered,
        ),
        ("no digest", signed_with(|s| s.components = &["\"@authority\";req"]), R::DigestNotCovered),
        (
            "the request's digest",
            sign_raw("(\"@authority\";req \"content-digest\";req)"),
            R::DigestNotCovered,
        ),
        (
            "no created",
            signed_with(|s| s.params.created = None),
            R::Signature(E::ParamMissing(Param::Created)),
        ),
        (
            "no expires",
            signed_with(|s| s.params.expires = None),
            R::Signature(E::ParamMissing(Param::Expires)),
        ),
        ("created ahead", signed_with(|s| s.params.created = at(31)), R::Signature(E::CreatedInFuture)),
        (
            "expired",
            signed_with(|s| (s.params.created, s.params.expires) = (at(-60), at(0))),
            R::Signature(E::Expired),
        ),
        (
            "expires before created",
            signed_with(|s| (s.params.created, s.params.expires) = (at(20), at(10))),
            R::Signature(E::ExpiresBeforeCreated),
        ),
        ("a window too long", signed_with(|s| s.params.expires = at(86_401)), R::Signature(E::WindowTooLong)),
        ("another algorithm", signed_with(|s| s.params.alg = Some("rsa-pss-sha512".into())), R::Algorithm),
        ("a symmetric algorithm", signed_with(|s| s.params.alg = Some("hmac-sha256".into())), R::Algorithm),
        (
            "another authority",
            signed_with(|s| s.url = "https://evil.example/.well-known/http-message-signatures-directory"),
            R::Invalid,
        ),
        (
            "another port",
            signed_with(|s| {
                s.url = "https://agents.example:8443/.well-known/http-message-signatures-directory";
            }),
            R::Invalid,
        ),
        (
            "another key",
            {
                let agent = Key::of(2);
                sign(Sent::keys(&[agent.jwk()]).digested(), &signing(agent.thumbprint()), |b| {
                    Key::of(9).sign(b)
                })
            },
            R::Invalid,
        ),
        (
            "a short signature",
            {
                let agent = Key::of(2);
                sign(Sent::keys(&[agent.jwk()]).digested(), &signing(agent.thumbprint()), |_| vec![1; 32])
            },
            R::Invalid,
        ),
        (
            "another body",
            {
                let mut sent = signed_with(|_| {});
                sent.body.as_mut().unwrap().push(b' ');
                sent
            },
            R::Signature(E::DigestMismatch),
        ),
        (
            "no digest field",
            signed_with(|_| {}).without("content-digest"),
            R::Signature(E::DigestUnsupported),
        ),
        (
            "another digest field",
            {
                let sent = signed_with(|_| {});
                let other = "sha-512=:".to_owned() + &"A".repeat(86) + "==:";
                sent.without("content-digest").field("content-digest", &other)
            },
            R::Signature(E::DigestMismatch),
        ),
        (
            "a label twice",
            {
                let sent = signed_with(|_| {});
                let twice = sent.clone();
                twice
                    .fields
                    .into_iter()
                    .filter(|(n, _)| n.starts_with("signature"))
                    .fold(sent, |s, (n, v)| s.field(&n, &v))
            },
            R::Signature(E::LabelDuplicate),
        ),
        ("no signature value", signed_with(|_| {}).without("signature"), R::Signature(E::LabelUnmatched)),
        (
            "a field that is not there",
            sign_raw("(\"@authority\";req \"content-digest\" \"etag\")"),
            R::Signature(E::ComponentMissing { index: 2 }),
        ),
    ] {
        assert_eq!(refusal(&sent), Some(expected), "{fault}");
    }
}

/// A directory with a signature over whatever, that covers what it says.
fn sign_raw(covered: &str) -> Sent {
    let agent = Key::of(2);
    let params = format!(
        "{covered};created={NOW};expires={};keyid=\"{}\";tag=\"{DIRECTORY_TAG}\"",
        NOW + 60,
        agent.thumbprint()
    );
    let signature = agent.sign(b"whatever");
    let signature = Item::from(BareItem::Bytes(signature.as_slice().into()));
    let mut text = String::from("sig1=");
    signature.write(&mut text).unwrap();
    let sent = Sent::keys(&[agent.jwk()]).digested();
    sent.field("signature-input", &format!("sig1={params}")).field("signature", &text)
}

#[test]
fn of_a_directory_the_keys_that_signed_are_kept_and_no_others() {
    let (agent, other) = (Key::of(2), Key::of(9));
    let sent = Sent::keys(&[other.jwk(), agent.jwk()]).digested();
    let by_one = sign(sent, &signing(agent.thumbprint()), |base| agent.sign(base));
    let (world, taken) = after(&strict(), &by_one);
    assert_eq!(taken.refusals, [(other.thumbprint(), KeyRefusal::Unsigned)]);
    assert_eq!(taken.error, None);
    assert_eq!(world.code(&signed(&world)), "ok");
    let (text, _) = taken.store.unwrap();
    assert!(text.contains(agent.jwk()["x"].as_str().unwrap()));
    assert!(!text.contains(other.jwk()["x"].as_str().unwrap()), "the store does not learn of it");

    let second = Signing { label: "sig2", ..signing(other.thumbprint()) };
    let by_both = sign(by_one, &second, |base| other.sign(base));
    assert_eq!(after(&strict(), &by_both).1.refusals, []);
}

#[test]
fn what_was_stored_unsigned_is_not_found_where_it_must_be_signed() {
    let source = |config: &str| asked(&World::with(config)).unwrap();
    assert_ne!(source(CONFIG).name(), source(&strict()).name());
    assert_eq!(source(CONFIG).url(), source(&strict()).url());
}

/// The host's part: the core verifies Ed25519 only.
#[test]
fn signatures_of_other_algorithms_are_the_hosts_to_verify() {
    let agent = Key::of(2);
    // The key of RFC 7517 §A.1; its signature is none, which the verdicts do not say.
    let jwk = json!({
        "kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    });
    let member = |name: &str| base64url::decode(jwk[name].as_str().unwrap()).unwrap();
    let key = PublicKey::p256(&member("x"), &member("y")).unwrap();
    let sent = Sent::keys(&[jwk.clone(), agent.jwk()]).digested();
    let sent = sign(sent, &signing(agent.thumbprint()), |base| agent.sign(base));
    let second = Signing { label: "sig2", ..signing(thumbprint(&key)) };
    let sent = sign(sent, &second, |_| vec![1; 64]);
    let invalid = [(thumbprint(&key), KeyRefusal::Invalid)];
    for (verdicts, refusals) in [(vec![true], &[][..]), (vec![false], &invalid), (vec![], &invalid)] {
        let world = World::with(&strict());
        let source = asked(&world).unwrap();
        let reading = source.read(&sent.response(), world.now.seconds());
        let checks = reading.checks();
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].algorithm(), Algorithm::EcdsaP256Sha256);
        let base = String::from_utf8(checks[0].message().to_vec()).unwrap();
        assert!(
            base.starts_with("\"@authority\";req: agents.example\n\"content-digest\": sha-256=:"),
            "{base}"
        );
        let taken = world.memory.borrow_mut().keys_read(&source, reading, &verdicts, world.now);
        assert_eq!(taken.refusals, refusals);
        assert_eq!(world.code(&signed(&world)), "ok");
    }
}

#[test]
fn logs_say_why_and_name_no_url() {
    let agent = Key::of(2);
    let (_, taken) = after(&strict(), &Sent::keys(&[agent.jwk()]));
    let lines: Vec<_> = taken.lines().collect();
    let key_line = format!("key {}: key has not signed the directory", agent.thumbprint());
    assert_eq!(lines, ["directory is signed by none of its keys", key_line.as_str()]);
    let (_, taken) = after(CONFIG, &Sent::new(404, ""));
    assert_eq!(taken.lines().collect::<Vec<_>>(), ["answered with status 404"]);
    assert_eq!(asked(&World::new()).unwrap().configured(), AGENT);
}
