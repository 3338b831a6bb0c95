//! Tokens that say nothing by themselves are good while their issuer says so (RFC 7662), and JWTs are no longer good
//! once it says otherwise. Each refusal, and what is asked of the issuer and how often.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use std::sync::Arc;
use std::time::Duration;

use countersign::config::{Config, Gate};
use countersign::crypto::{Algorithm, SignatureCheck, Verdict};
use countersign::decision::{CheckResult, Decision};
use countersign::encoding::base64url;
use countersign::engine::{Answer, Session, Step};
use countersign::memory::Memory;
use countersign::revocation::{Inquiry, InquiryResponse};
use gate_support::{CONFIG, Draft, ISSUER, JWKS_URI, Key, NOW, World, header};
use serde_json::{Value, json};

const ENDPOINT: &str = "https://auth.example/introspect";
const OPAQUE: &str = "ya29.c-opaque_1";
const SECRET: &str = "s3cret word/+";

/// The configuration of the other tests, whose issuer is asked, with further fields for that.
fn config(introspection: &str) -> String {
    let issuer = format!(
        "[issuers.introspection]\nendpoint = \"{ENDPOINT}\"\nclient_id = \"gate 1\"\n{introspection}\n[signatures]"
    );
    CONFIG.replacen("[signatures]", &issuer, 1)
}

fn world(introspection: &str) -> World {
    world_with(&config(introspection), &json!({ ISSUER: { "client_secret": SECRET } }))
}

fn world_with(config: &str, credentials: &Value) -> World {
    let mut world = World::with(config);
    let gate = Gate::clone(&world.gate).with_issuer_credentials(&credentials.to_string()).unwrap();
    world.gate = Arc::new(gate);
    world
}

/// An answer about an active token, changed as asked.
fn active(change: impl FnOnce(&mut Value)) -> (u16, String) {
    let mut answer = json!({
        "active": true, "sub": "person-1", "client_id": "shopper", "scope": "order:read order:write",
        "aud": "https://api.example", "iss": ISSUER, "iat": NOW - 10, "exp": NOW + 600, "token_type": "Bearer",
    });
    change(&mut answer);
    (200, answer.to_string())
}

fn says(world: &World, token: &str, answer: (u16, String)) {
    world.answers.borrow_mut().insert(token.into(), answer);
}

fn orders(token: &str) -> Draft {
    Draft::new("GET", "/orders").bearer(token)
}

fn calls(world: &World) -> usize {
    world.inquiries.borrow().len()
}

fn later(world: &mut World, secs: u64) {
    world.now = world.now.plus(Duration::from_secs(secs));
}

#[track_caller]
fn revocation(decision: &Decision) -> (CheckResult, &'static str) {
    let mut evidence = decision.evidence.iter().filter(|evidence| evidence.check == "revocation");
    let found = evidence.next().expect("revocation was checked");
    assert_eq!(evidence.next(), None, "it is told once");
    assert_eq!(found.detail.as_deref(), Some("introspection"));
    (found.result, found.code)
}

/// What is refused of an opaque token about which this is answered.
#[track_caller]
fn refused(answer: (u16, String), code: &str) {
    let world = world("");
    says(&world, OPAQUE, answer);
    let decision = world.decide(&orders(OPAQUE));
    assert_eq!(decision.code, code);
    assert!(!decision.is_allowed());
    assert_eq!(calls(&world), 1);
}

#[test]
fn an_opaque_token_is_malformed_where_no_issuer_is_asked_about_such() {
    let world = World::new();
    assert_eq!(world.code(&orders(OPAQUE)), "token.malformed");
    let world = self::world("when = \"jwt\"");
    assert_eq!(world.code(&orders(OPAQUE)), "token.malformed");
    let world = self::world("token_prefix = \"oat_\"");
    assert_eq!(world.code(&orders(OPAQUE)), "token.malformed");
    assert_eq!(calls(&world), 0);
}

#[test]
fn a_token_that_is_not_active_is_refused() {
    let world = world("");
    let decision = world.decide(&orders(OPAQUE));
    assert_eq!((decision.code, decision.status), ("token.inactive", 401));
    assert!(header(&decision, "WWW-Authenticate").unwrap().contains("error=\"invalid_token\""));
    assert_eq!(revocation(&decision), (CheckResult::Fail, "token.inactive"));
    assert_eq!((decision.agent, decision.principal), (None, None));
}

#[test]
fn answers_that_are_none_are_no_answers() {
    for answer in [
        (200, "{\"active\":\"true\"}".into()),
        (200, "{\"active\":1}".into()),
        (200, "{}".into()),
        (200, "[]".into()),
        (200, "active".into()),
        (200, String::new()),
        (200, "{\"active\":false,\"active\":true}".into()),
        (200, format!("{{\"active\":true,\"x\":\"{}\"}}", "x".repeat(64 * 1024))),
        (302, String::new()),
        (400, "{\"active\":true}".into()),
        (401, "{\"active\":true}".into()),
        (403, "{\"active\":true}".into()),
        (500, "{\"active\":true}".into()),
        (503, "{\"active\":true}".into()),
    ] {
        let what = format!("{answer:.60?}");
        let world = world("");
        says(&world, OPAQUE, answer);
        let decision = world.decide(&orders(OPAQUE));
        assert_eq!((decision.code, decision.status), ("revocation.unavailable", 503), "{what}");
        assert_eq!(revocation(&decision), (CheckResult::Fail, "revocation.unavailable"));
    }
}

#[test]
fn an_answer_of_another_media_type_is_none() {
    for (content_type, code) in [
        (Some("application/jwt"), "revocation.unavailable"),
        (Some("application/token-introspection+jwt"), "revocation.unavailable"),
        (None, "revocation.unavailable"),
        (Some("Application/JSON; charset=utf-8"), "ok"),
    ] {
        let world = world("");
        let (_, body) = active(|_| {});
        let decision = drive(&world, &orders(OPAQUE), |memory, inquiry| {
            let response = InquiryResponse::new(200, Some(body.as_bytes()));
            let response = match content_type {
                Some(content_type) => response.with("content-type", content_type),
                None => response,
            };
            let reading = inquiry.read(&response, world.now.seconds());
            memory.inquiry_answered(inquiry, reading, &[], world.now);
        });
        assert_eq!(decision.code, code, "{content_type:?}");
    }
}

#[test]
fn an_answer_that_is_too_long_is_none() {
    let world = world("");
    let decision = drive(&world, &orders(OPAQUE), |memory, inquiry| {
        assert_eq!(inquiry.max_bytes(), 64 * 1024);
        let response = InquiryResponse::new(200, None).with("content-type", "application/json");
        let reading = inquiry.read(&response, world.now.seconds());
        memory.inquiry_answered(inquiry, reading, &[], world.now);
    });
    assert_eq!(decision.code, "revocation.unavailable");
}

#[test]
fn an_active_token_is_held_to_the_rules_of_its_issuer() {
    refused(active(|a| a["iss"] = json!("https://other.example")), "token.issuer_unknown");
    refused(active(|a| a["iss"] = json!(7)), "token.claim_invalid");
    refused(active(|a| a["aud"] = json!("https://other.example")), "token.audience_mismatch");
    refused(active(|a| a["aud"] = json!([])), "token.audience_mismatch");
    refused(active(|a| a["aud"] = json!({})), "token.claim_invalid");
    refused(active(|a| drop(a.as_object_mut().unwrap().remove("aud"))), "token.audience_mismatch");
    refused(active(|a| a["exp"] = json!(NOW - 31)), "token.expired");
    refused(active(|a| a["exp"] = json!(1.5)), "token.claim_invalid");
    refused(active(|a| a["nbf"] = json!(NOW + 31)), "token.not_yet_valid");
    refused(active(|a| a["iat"] = json!(NOW + 31)), "token.issued_in_future");
    refused(active(|a| a["exp"] = json!(NOW + 90_000)), "token.lifetime_too_long");
    refused(active(|a| a["scope"] = json!(7)), "token.claim_invalid");
    refused(active(|a| a["scope"] = json!("order:write")), "policy.scope_missing");
    refused(active(|a| a["cnf"] = json!("key")), "token.claim_invalid");
}

#[test]
fn what_is_no_access_token_does_not_pass_for_one() {
    refused(active(|a| a["token_type"] = json!("refresh_token")), "token.type_mismatch");
    refused(active(|a| a["token_type"] = json!(7)), "token.type_mismatch");
    refused(active(|a| a["token_use"] = json!("refresh_token")), "token.type_mismatch");
    refused(active(|a| a["typ"] = json!("Refresh")), "token.type_mismatch");
    refused(active(|a| a["typ"] = json!("ID")), "token.type_mismatch");
}

#[test]
fn a_bound_token_is_held_to_its_binding() {
    let jkt = Key::of(3).thumbprint();
    refused(active(|a| a["cnf"] = json!({ "jkt": jkt })), "token.bound_used_as_bearer");
    refused(active(|a| a["token_type"] = json!("DPoP")), "token.bound_used_as_bearer");
    refused(active(|a| a["cnf"] = json!({ "x": 1 })), "token.binding_unsupported");

    let world = world("");
    let bound = |token: &str, key: &Key| Draft::new("GET", "/bound").dpop(token, key);
    says(&world, OPAQUE, active(|_| {}));
    assert_eq!(world.code(&bound(OPAQUE, &world.holder)), "token.not_bound");
    says(&world, "bound", active(|a| a["cnf"] = json!({ "jkt": jkt })));
    assert_eq!(world.code(&bound("bound", &Key::of(9))), "dpop.key_mismatch");
    let decision = world.decide(&bound("bound", &world.holder));
    assert_eq!((decision.code, decision.agent.unwrap().method.as_str()), ("ok", "dpop"));
    assert_eq!(world.code(&bound("bound", &world.holder)), "dpop.proof_replayed");
    // Known by now, and still held to its binding.
    assert_eq!(world.code(&Draft::new("GET", "/orders").bearer("bound")), "token.bound_used_as_bearer");
    assert_eq!(calls(&world), 2);
}

#[test]
fn nobody_makes_the_gate_ask_without_the_proofs_that_go_with_the_token() {
    let world = world("");
    says(&world, OPAQUE, active(|a| a["cnf"] = json!({ "jkt": Key::of(3).thumbprint() })));
    assert_eq!(world.code(&Draft::new("GET", "/bound").bearer(OPAQUE)), "dpop.missing");
    let other_key = |header: &mut Value, _: &mut Value| header["jwk"] = Key::of(9).jwk();
    let forged = Draft::new("GET", "/bound").dpop_with(OPAQUE, &world.holder, other_key);
    assert_eq!(world.code(&forged), "dpop.signature_invalid");
    let old = Draft::new("GET", "/bound").dpop_with(OPAQUE, &world.holder, |_, c| c["iat"] = json!(NOW - 61));
    assert_eq!(world.code(&old), "dpop.expired");
    let unsigned = Draft::new("POST", "/checkout").body("{}").dpop(OPAQUE, &world.holder);
    assert_eq!(world.code(&unsigned), "signature.missing");
    let forged = unsigned.signed(&Key::of(9));
    assert_eq!(world.code(&forged), "signature.key_unknown");
    assert_eq!(calls(&world), 0);

    let world = self::world("when = \"always\"");
    let mut token = world.token(|_| {});
    token.replace_range(token.len() - 2.., "AA");
    assert!(["token.signature_invalid", "token.malformed"].contains(&world.code(&orders(&token))));
    assert_eq!(
        world.code(&Draft::new("GET", "/bound").dpop(&world.bound(), &Key::of(9))),
        "dpop.key_mismatch"
    );
    assert_eq!(world.code(&orders("eyJhbGciOiJub25lIn0.e30.")), "token.claim_missing");
    assert_eq!(calls(&world), 0);
}

#[test]
fn an_active_token_is_a_token_like_any_other() {
    let world = world("");
    says(&world, OPAQUE, active(|a| a["act"] = json!({ "sub": "agent-1" })));
    let decision = world.decide(&orders(OPAQUE));
    assert_eq!(decision.code, "ok", "{}", decision.to_json());
    let agent = decision.agent.clone().unwrap();
    assert_eq!((agent.id.as_str(), agent.method.as_str()), ("shopper", "token"));
    assert_eq!(decision.principal.as_ref().unwrap().sub.as_deref(), Some("person-1"));
    assert_eq!(decision.scope, ["order:read", "order:write"]);
    assert_eq!(decision.delegation, ["agent-1"]);
    assert_eq!(revocation(&decision), (CheckResult::Pass, "ok"));
    let json: Value = serde_json::from_str(&decision.to_json()).unwrap();
    assert_eq!(json["revocation"], json!([{ "source": "introspection", "age_secs": 0 }]));
}

#[test]
fn what_an_answer_may_leave_out_it_may_leave_out() {
    let bare = |a: &mut Value| {
        for name in ["iss", "exp", "iat", "token_type", "sub"] {
            a.as_object_mut().unwrap().remove(name);
        }
    };
    let world = world("");
    says(&world, OPAQUE, active(bare));
    let decision = world.decide(&orders(OPAQUE));
    assert_eq!((decision.code, decision.principal.unwrap().iss.as_str()), ("ok", ISSUER));

    let world = self::world("audience = \"if_present\"");
    says(&world, OPAQUE, active(|a| drop(a.as_object_mut().unwrap().remove("aud"))));
    assert_eq!(world.code(&orders(OPAQUE)), "ok");
    says(&world, "other", active(|a| a["aud"] = json!("https://other.example")));
    assert_eq!(world.code(&orders("other")), "token.audience_mismatch");
}

#[test]
fn an_answer_counts_as_long_as_it_is_kept_and_never_beyond_exp() {
    let mut world = world("cache = \"30s\"");
    says(&world, OPAQUE, active(|_| {}));
    assert_eq!(world.code(&orders(OPAQUE)), "ok");
    later(&mut world, 29);
    says(&world, OPAQUE, (200, "{\"active\":false}".into()));
    let decision = world.decide(&orders(OPAQUE));
    assert_eq!((decision.code, decision.revocation[0].age_secs), ("ok", 29));
    later(&mut world, 1);
    assert_eq!(world.code(&orders(OPAQUE)), "token.inactive");
    assert_eq!(calls(&world), 2);

    says(&world, "short", active(|a| a["exp"] = json!(NOW + 40)));
    assert_eq!(world.code(&orders("short")), "ok");
    later(&mut world, 9);
    assert_eq!((world.code(&orders("short")), calls(&world)), ("ok", 3));
    later(&mut world, 1);
    assert_eq!((world.code(&orders("short")), calls(&world)), ("ok", 4), "it is asked again at exp");
    later(&mut world, 30);
    assert_eq!(world.code(&orders("short")), "token.expired", "whatever its issuer says");
}

#[test]
fn without_a_cache_each_request_asks_once() {
    let mut world = world("cache = \"0s\"");
    says(&world, OPAQUE, active(|_| {}));
    for call in 1..=3 {
        assert_eq!((world.code(&orders(OPAQUE)), calls(&world)), ("ok", call));
        later(&mut world, 1);
    }
}

#[test]
fn that_a_token_is_not_active_is_soon_asked_again() {
    let mut world = world("cache = \"5m\"");
    assert_eq!(world.code(&orders(OPAQUE)), "token.inactive");
    says(&world, OPAQUE, active(|_| {}));
    later(&mut world, 9);
    assert_eq!((world.code(&orders(OPAQUE)), calls(&world)), ("token.inactive", 1));
    later(&mut world, 1);
    assert_eq!((world.code(&orders(OPAQUE)), calls(&world)), ("ok", 2));
}

#[test]
fn a_jwt_counts_no_longer_once_its_issuer_says_so() {
    let mut world = world("when = \"always\"");
    let token = world.token(|_| {});
    says(&world, &token, active(|_| {}));
    let decision = world.decide(&orders(&token));
    assert_eq!((decision.code, revocation(&decision)), ("ok", (CheckResult::Pass, "ok")));
    says(&world, &token, (200, "{\"active\":false}".into()));
    later(&mut world, 59);
    assert_eq!(world.code(&orders(&token)), "ok");
    later(&mut world, 1);
    let decision = world.decide(&orders(&token));
    assert_eq!(
        (decision.code, revocation(&decision)),
        ("token.inactive", (CheckResult::Fail, "token.inactive"))
    );
}

#[test]
fn an_answer_about_a_jwt_need_not_repeat_whom_it_is_for_and_must_not_contradict_it() {
    let world = world("when = \"jwt\"");
    for (number, (answer, code)) in [
        ("{\"active\":true}", "ok"),
        ("{\"active\":true,\"aud\":\"https://other.example\"}", "token.audience_mismatch"),
        ("{\"active\":true,\"iss\":\"https://other.example\"}", "token.issuer_unknown"),
        ("{\"active\":true,\"exp\":1700000000}", "token.expired"),
        ("{\"active\":true,\"token_type\":\"refresh_token\"}", "token.type_mismatch"),
    ]
    .into_iter()
    .enumerate()
    {
        let token = world.token(|claims| claims["jti"] = json!(format!("token-{number}")));
        says(&world, &token, (200, answer.into()));
        assert_eq!(world.code(&orders(&token)), code, "{answer}");
    }
}

#[test]
fn claims_of_an_answer_are_read_where_the_issuer_writes_them() {
    let config =
        config("").replacen("[signatures]", "[issuers.claims]\nclient_id = \"app.id\"\n[signatures]", 1);
    let world = world_with(&config, &json!({ ISSUER: { "client_secret": SECRET } }));
    says(&world, OPAQUE, active(|a| a["app"] = json!({ "id": "robot" })));
    assert_eq!(world.decide(&orders(OPAQUE)).principal.unwrap().client_id.as_deref(), Some("robot"));
}

#[test]
fn jwts_are_not_asked_about_unless_the_configuration_says_so() {
    let world = world("when = \"opaque\"");
    let decision = world.decide(&orders(&world.token(|_| {})));
    assert_eq!((decision.code, calls(&world)), ("ok", 0));
    assert_eq!(decision.revocation, []);
    assert!(!decision.to_json().contains("revocation"));
}

#[test]
fn a_jwt_passes_without_an_answer_only_where_the_route_allows_that() {
    let closed = world("when = \"always\"");
    *closed.is_silent.borrow_mut() = true;
    let decision = closed.decide(&orders(&closed.token(|_| {})));
    assert_eq!((decision.code, decision.status), ("revocation.unavailable", 503));

    let open = config("when = \"always\"").replace(
        "scope = [\"order:read\"]",
        "scope = [\"order:read\"]\non_unavailable = { revocation = \"allow\" }",
    );
    let world = world_with(&open, &json!({ ISSUER: { "client_secret": SECRET } }));
    *world.is_silent.borrow_mut() = true;
    let decision = world.decide(&orders(&world.token(|_| {})));
    assert_eq!(decision.code, "ok");
    assert_eq!(revocation(&decision), (CheckResult::Skipped, "revocation.unavailable"));
    assert_eq!(decision.revocation, []);
    assert_eq!(world.code(&orders(OPAQUE)), "revocation.unavailable", "nothing else proves an opaque token");
}

#[test]
fn a_dead_issuer_is_left_alone_and_what_is_known_goes_on() {
    let mut world = world("");
    says(&world, OPAQUE, active(|_| {}));
    assert_eq!(world.code(&orders(OPAQUE)), "ok");
    *world.is_silent.borrow_mut() = true;
    for token in ["a", "b", "c", "d", "e"] {
        assert_eq!(world.code(&orders(token)), "revocation.unavailable");
    }
    assert_eq!(calls(&world), 4, "after three failures it has a pause");
    assert_eq!(world.code(&orders(OPAQUE)), "ok");
    *world.is_silent.borrow_mut() = false;
    says(&world, "a", active(|_| {}));
    later(&mut world, 1);
    assert_eq!(world.code(&orders("a")), "ok");
}

#[test]
fn strangers_use_up_the_budget_for_unknown_tokens_only() {
    let mut world = world("budget = 5");
    says(&world, OPAQUE, active(|_| {}));
    assert_eq!(world.code(&orders(OPAQUE)), "ok");
    for number in 0..20 {
        let code = world.code(&orders(&format!("random-{number}")));
        assert_eq!(code, if number < 2 { "token.inactive" } else { "revocation.unavailable" });
    }
    assert_eq!(calls(&world), 3, "half of it, rounded up");
    assert_eq!(world.code(&orders(OPAQUE)), "ok");
    assert_eq!(world.code(&orders("random-0")), "token.inactive", "also that one is known to be bad");
    later(&mut world, 20);
    says(&world, "new", active(|_| {}));
    assert_eq!(world.code(&orders("new")), "ok");
}

#[test]
fn strangers_keep_no_known_token_from_being_asked_about_again() {
    let mut world = world("budget = 5");
    says(&world, OPAQUE, active(|_| {}));
    assert_eq!(world.code(&orders(OPAQUE)), "ok");
    later(&mut world, 61);
    for number in 0..20 {
        world.code(&orders(&format!("random-{number}")));
    }
    assert_eq!(world.code(&orders("random-20")), "revocation.unavailable");
    assert_eq!((world.code(&orders(OPAQUE)), calls(&world)), ("ok", 5), "its answer had ended");
    // Once the issuer has said otherwise, it is one of them.
    says(&world, OPAQUE, (200, "{\"active\":false}".into()));
    later(&mut world, 61);
    assert_eq!(world.code(&orders(OPAQUE)), "token.inactive");
    says(&world, OPAQUE, active(|_| {}));
    later(&mut world, 61);
    for number in 30..50 {
        world.code(&orders(&format!("random-{number}")));
    }
    assert_eq!(world.code(&orders(OPAQUE)), "revocation.unavailable");
}

#[test]
fn an_opaque_token_is_denied_by_its_digest_where_its_issuer_names_it_not() {
    use countersign::crypto::sha256_base64url;
    for (denied, jti, code) in [
        (sha256_base64url(OPAQUE.as_bytes()), None, "token.revoked"),
        (sha256_base64url(b"another"), None, "ok"),
        // By the name that it has, where it has one.
        ("id-1".into(), Some("id-1"), "token.revoked"),
        (sha256_base64url(OPAQUE.as_bytes()), Some("id-1"), "ok"),
    ] {
        let deny = format!("[revocation]\ndeny = [{{ kind = \"jti\", value = \"{denied}\" }}]");
        let config = format!("{}\n{deny}", config(""));
        let world = world_with(&config, &json!({ ISSUER: { "client_secret": SECRET } }));
        says(
            &world,
            OPAQUE,
            active(|a| a.as_object_mut().unwrap().extend(jti.map(|jti| ("jti".into(), json!(jti))))),
        );
        assert_eq!(world.code(&orders(OPAQUE)), code, "{jti:?}");
    }
}

#[test]
fn of_many_requests_one_asks_and_the_others_wait() {
    let world = world("");
    says(&world, OPAQUE, active(|_| {}));
    let mut memory = Memory::new(7);
    let mut sessions: Vec<_> = (0..50)
        .map(|n| Session::new(Arc::clone(&world.gate), orders(OPAQUE).view(), world.now, [n; 10]))
        .collect();
    let steps: Vec<_> = sessions.iter_mut().map(|s| s.step(&mut memory, world.now, &Answer::Ready)).collect();
    let mut inquiries = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Fetch(made) if number == 0 => inquiries.extend(made),
            Step::Wait if number > 0 => {}
            step => panic!("request {number}: {step:?}"),
        }
    }
    for inquiry in inquiries {
        world.answer(&mut memory, inquiry);
    }
    for session in &mut sessions {
        let Step::Done(conclusion) = session.step(&mut memory, world.now, &Answer::Ready) else { panic!() };
        assert_eq!(conclusion.decision.code, "ok");
    }
    assert_eq!(calls(&world), 1);
}

#[test]
fn whoever_waits_in_vain_is_refused_in_time() {
    let world = world("");
    let mut memory = Memory::new(7);
    let mut first = Session::new(Arc::clone(&world.gate), orders(OPAQUE).view(), world.now, [1; 10]);
    assert!(matches!(first.step(&mut memory, world.now, &Answer::Ready), Step::Fetch(_)));
    let mut second = Session::new(Arc::clone(&world.gate), orders(OPAQUE).view(), world.now, [2; 10]);
    assert!(matches!(second.step(&mut memory, world.now, &Answer::Ready), Step::Wait));
    let late = world.now.plus(Duration::from_secs(9));
    let Step::Done(conclusion) = second.step(&mut memory, late, &Answer::Ready) else { panic!() };
    assert_eq!(conclusion.decision.code, "revocation.unavailable");
}

/// Decides, with an issuer of its own.
fn drive(world: &World, draft: &Draft, mut answer: impl FnMut(&mut Memory, &Inquiry)) -> Decision {
    let mut memory = world.memory.borrow_mut();
    let mut session = Session::new(Arc::clone(&world.gate), draft.view(), world.now, [7; 10]);
    for _ in 0..20 {
        match session.step(&mut memory, world.now, &Answer::Ready) {
            Step::Done(conclusion) => return conclusion.decision,
            Step::Fetch(inquiries) => inquiries.iter().for_each(|inquiry| answer(&mut memory, inquiry)),
            step => panic!("{step:?}"),
        }
    }
    panic!("the session does not end");
}

fn asked(world: &World) -> Inquiry {
    says(world, OPAQUE, active(|_| {}));
    assert_eq!(world.code(&orders(OPAQUE)), "ok");
    world.inquiries.borrow()[0].clone()
}

#[test]
fn the_question_is_that_of_rfc_7662_with_the_secret_in_basic() {
    let inquiry = asked(&world(""));
    assert_eq!((inquiry.method(), inquiry.url()), ("POST", ENDPOINT));
    assert_eq!(inquiry.accept(), "application/json");
    assert_eq!(inquiry.content_type(), Some("application/x-www-form-urlencoded"));
    assert_eq!(inquiry.body(), Some(&*format!("token={OPAQUE}&token_type_hint=access_token")));
    // gate+1:s3cret+word%2F%2B
    assert_eq!(inquiry.authorization(), Some("Basic Z2F0ZSsxOnMzY3JldCt3b3JkJTJGJTJC"));
    assert!(inquiry.signing().is_none() && inquiry.name().is_none());
}

#[test]
fn the_secret_is_in_the_form_where_the_issuer_wants_it_there() {
    let inquiry = asked(&world("authentication = \"client_secret_post\""));
    let body = format!(
        "token={OPAQUE}&token_type_hint=access_token&client_id=gate+1&client_secret=s3cret+word%2F%2B"
    );
    assert_eq!((inquiry.body(), inquiry.authorization()), (Some(&*body), None));
}

#[test]
fn an_assertion_is_signed_by_the_host_for_this_issuer_and_once() {
    let key = Key::of(5);
    let mut jwk = key.jwk();
    jwk["kid"] = json!("gate-key");
    jwk["d"] = json!(base64url::encode(&[5; 32]));
    let config = config("authentication = \"private_key_jwt\"");
    let world = world_with(&config, &json!({ ISSUER: jwk }));
    let inquiry = asked(&world);
    assert_eq!(inquiry.authorization(), None);
    let signing = inquiry.signing().unwrap();
    assert_eq!(signing.algorithm(), Algorithm::Ed25519);
    assert_eq!(serde_json::from_str::<Value>(signing.key()).unwrap()["d"], jwk["d"]);

    let signature = key.sign(signing.message());
    let signed = inquiry.clone().signed(&signature);
    let (rest, assertion) = signed.body().unwrap().split_once("&client_assertion=").unwrap();
    assert_eq!(
        rest,
        format!(
            "token={OPAQUE}&token_type_hint=access_token&client_id=gate+1\
             &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        )
    );
    let parts: Vec<_> = assertion.split('.').collect();
    let part = |i: usize| serde_json::from_slice::<Value>(&base64url::decode(parts[i]).unwrap()).unwrap();
    assert_eq!(part(0), json!({ "alg": "EdDSA", "typ": "JWT", "kid": "gate-key" }));
    let claims = part(1);
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"]),
        (&json!("gate 1"), &json!("gate 1"), &json!(ISSUER))
    );
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 60)));
    let message = format!("{}.{}", parts[0], parts[1]).into_bytes();
    let check =
        SignatureCheck::new(key.public(), Algorithm::Ed25519, message, base64url::decode(parts[2]).unwrap());
    assert_eq!(check.unwrap().verify(), Verdict::Valid);

    // Another decision, another assertion.
    let mut memory = Memory::new(7);
    let mut session = Session::new(Arc::clone(&world.gate), orders(OPAQUE).view(), world.now, [8; 10]);
    let Step::Fetch(other) = session.step(&mut memory, world.now, &Answer::Ready) else { panic!() };
    assert_ne!(other[0].signing().unwrap().message(), signing.message());
}

#[test]
fn assertions_are_for_the_audience_that_the_configuration_names() {
    let mut jwk = Key::of(5).jwk();
    jwk["d"] = json!(base64url::encode(&[5; 32]));
    let config =
        config("authentication = \"private_key_jwt\"\nassertion_audience = \"https://auth.example/token\"");
    let inquiry = asked(&world_with(&config, &json!({ ISSUER: jwk })));
    let message = String::from_utf8(inquiry.signing().unwrap().message().to_vec()).unwrap();
    let claims = base64url::decode(message.split_once('.').unwrap().1).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap()["aud"], "https://auth.example/token");
}

#[test]
fn no_secret_is_in_what_can_be_printed() {
    let mut jwk = Key::of(5).jwk();
    jwk["d"] = json!(base64url::encode(&[5; 32]));
    let secret = jwk["d"].as_str().unwrap().to_owned();
    let signed = world_with(&config("authentication = \"private_key_jwt\""), &json!({ ISSUER: jwk }));
    for (world, secret) in [(world(""), SECRET.to_owned()), (signed, secret)] {
        let inquiry = asked(&world);
        let decision = world.decide(&orders(OPAQUE)).to_json();
        for text in [format!("{:?}", world.gate), format!("{inquiry:?} {:?}", inquiry.signing()), decision] {
            assert!(!text.contains(&secret) && !text.contains(OPAQUE), "{text}");
        }
        let memory = format!("{:?}", world.memory.borrow());
        assert!(!memory.contains(&secret) && !memory.contains(OPAQUE));
    }
}

#[test]
fn opaque_tokens_of_several_issuers_are_told_apart_by_their_prefix() {
    let other = "https://other.example";
    let config = config("token_prefix = \"one_\"").replacen(
        "[signatures]",
        "[[issuers]]\nissuer = \"https://other.example\"\njwks_uri = \"https://other.example/jwks.json\"\n\
         audience = [\"https://api.example\"]\nalgorithms = [\"EdDSA\"]\n[issuers.introspection]\n\
         endpoint = \"https://other.example/introspect\"\nclient_id = \"gate\"\ntoken_prefix = \"two_\"\n[signatures]",
        1,
    );
    let secret = json!({ "client_secret": SECRET });
    let world = world_with(&config, &json!({ ISSUER: secret, other: secret }));
    for (token, issuer) in [("one_x", ISSUER), ("two_x", other)] {
        says(&world, token, active(|a| a["iss"] = json!(issuer)));
        let decision = world.decide(&orders(token));
        assert_eq!((decision.code, decision.principal.unwrap().iss.as_str()), ("ok", issuer));
    }
    let urls: Vec<_> = world.inquiries.borrow().iter().map(|inquiry| inquiry.url().to_owned()).collect();
    assert_eq!(urls, [ENDPOINT, "https://other.example/introspect"]);
    assert_eq!(world.code(&orders("three_x")), "token.malformed");
    // The same answer from the other issuer does not do.
    says(&world, "two_y", active(|_| {}));
    assert_eq!(world.code(&orders("two_y")), "token.issuer_unknown");
}

#[test]
fn a_verified_token_is_held_to_time_binding_and_keys_at_each_use() {
    let mut world = World::new();
    let token = world.bound();
    let bound = |world: &World, jti: &str| {
        let now = i64::try_from(world.now.0 / 1000).unwrap();
        let draft = Draft::new("GET", "/bound");
        draft.dpop_with(&token, &world.holder, |_, c| (c["jti"], c["iat"]) = (json!(jti), json!(now)))
    };
    assert_eq!(world.code(&bound(&world, "1")), "ok");
    assert_eq!(world.code(&Draft::new("GET", "/bound").dpop(&token, &Key::of(9))), "dpop.key_mismatch");
    assert_eq!(world.code(&orders(&token)), "token.bound_used_as_bearer");

    // What is revoked changes, and the issuer's key is another by now: the token is not taken on trust.
    let set = json!({ "keys": [Key::of(4).jwk()] }).to_string().into_bytes();
    assert_eq!(world.code(&bound(&world, "2")), "ok");
    world.documents.insert(JWKS_URI.into(), set);
    later(&mut world, 301);
    assert_eq!(world.code(&bound(&world, "3")), "ok", "the key set is refreshed after the response");
    later(&mut world, 70);
    assert_eq!(world.code(&bound(&world, "4")), "token.signature_invalid");

    let mut world = World::new();
    assert_eq!(world.code(&bound(&world, "1")), "ok");
    later(&mut world, 629);
    assert_eq!(world.code(&bound(&world, "2")), "ok");
    later(&mut world, 1);
    assert_eq!(world.code(&bound(&world, "3")), "token.expired");
}

#[test]
fn a_verified_token_is_judged_anew_once_what_is_revoked_has_changed() {
    // Ed25519 is verified by the core; the host is asked about this one, so that it can be seen how often.
    let world = World::new();
    let token = world.token(|_| {});
    assert_eq!(world.code(&orders(&token)), "ok");
    let debug = |world: &World| format!("{:?}", world.memory.borrow());
    assert!(debug(&world).contains("revocation_epoch: 0"));
    world.memory.borrow_mut().revocations_changed();
    assert_eq!(world.code(&orders(&token)), "ok");
    assert!(!debug(&world).contains("revocation_epoch: 0"), "it was verified again");
}

#[test]
fn credentials_are_there_where_they_are_needed_and_nowhere_else() {
    let refused = |config: &str, credentials: &str| {
        let gate = Gate::new(&Config::from_toml(config).unwrap()).unwrap();
        gate.with_issuer_credentials(credentials).unwrap_err().message
    };
    let config = config("");
    assert!(Gate::new(&Config::from_toml(&config).unwrap()).unwrap().needs_issuer_credentials());
    assert!(!Gate::new(&Config::from_toml(CONFIG).unwrap()).unwrap().needs_issuer_credentials());
    let good = json!({ "client_secret": SECRET });
    assert!(refused(&config, "[]").contains("JSON object"));
    assert!(refused(&config, "{}").contains(ISSUER));
    assert!(refused(&config, &json!({ ISSUER: SECRET }).to_string()).contains(ISSUER));
    assert!(
        refused(&config, &json!({ ISSUER: good, "https://typo.example": good }).to_string())
            .contains("remove")
    );
    assert!(refused(CONFIG, &json!({ ISSUER: good }).to_string()).contains("remove"));
    let mut private = Key::of(5).jwk();
    private["d"] = json!(base64url::encode(&[5; 32]));
    for unusable in
        [json!({}), json!({ "client_secret": "" }), json!({ "client_secret": "é" }), private.clone()]
    {
        let message = refused(&config, &json!({ ISSUER: unusable }).to_string());
        assert!(message.contains("client_secret"), "{message}");
    }
    let config = self::config("authentication = \"private_key_jwt\"");
    let mut weak = json!({ "kty": "RSA", "e": "AQAB", "d": "AQAB" });
    weak["n"] = json!(base64url::encode(&[0xff; 128]));
    let mut other_use = private.clone();
    other_use["use"] = json!("enc");
    let mut symmetric = json!({ "kty": "oct", "d": "AAAA" });
    symmetric["k"] = json!("AAAA");
    let mut other_ops = private.clone();
    other_ops["key_ops"] = json!(["verify"]);
    for unusable in [good, Key::of(5).jwk(), weak, other_use, other_ops, symmetric] {
        let message = refused(&config, &json!({ ISSUER: unusable }).to_string());
        assert!(message.contains("private JWK"), "{message}");
        assert!(!message.contains(SECRET));
    }
}

#[test]
fn keys_of_each_kind_sign_as_they_can() {
    let config = config("authentication = \"private_key_jwt\"");
    let algorithm =
        |jwk: Value| asked(&world_with(&config, &json!({ ISSUER: jwk }))).signing().unwrap().algorithm();
    let mut rsa = json!({ "kty": "RSA", "e": "AQAB", "d": "AQAB", "n": base64url::encode(&[0xff; 256]) });
    assert_eq!(algorithm(rsa.clone()), Algorithm::RsaV15Sha256);
    rsa["alg"] = json!("PS256");
    assert_eq!(algorithm(rsa), Algorithm::RsaPssSha256);
    // RFC 7515, Appendix A.3.1.
    let ec = json!({
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        "key_ops": ["sign"], "ext": true,
    });
    assert_eq!(algorithm(ec), Algorithm::EcdsaP256Sha256);
}

/// A gate that reads parents and asks about JWTs, a parent's token and one that came from it, by the field and by its chain.
fn delegated(more: &str) -> (World, String, [Draft; 2]) {
    let lineage = "[delegation]\nparent_field = \"Parent-Token\"\nlineage = \"required\"\n";
    let config =
        format!("{}\n{lineage}", config("when = \"jwt\"").replacen("match = \"GET /orders\"", more, 1));
    let world = world_with(&config, &json!({ ISSUER: { "client_secret": SECRET } }));
    let parent = world.token(|c| (c["jti"], c["task_id"]) = ("parent".into(), "root".into()));
    let child = world.token(|c| {
        (c["jti"], c["task_id"], c["parent_token_id"]) = ("child".into(), "leaf".into(), "parent".into());
    });
    let by_chain = world.token(|c| {
        (c["jti"], c["task_id"]) = ("chained".into(), "leaf".into());
        c["delegation_chain"] = json!([parent]);
    });
    says(&world, &child, active(|_| {}));
    says(&world, &by_chain, active(|_| {}));
    let drafts = [orders(&child).field("parent-token", &parent), orders(&by_chain)];
    (world, parent, drafts)
}

#[test]
fn a_parent_that_is_not_active_carries_no_child() {
    for which in 0..2 {
        let (world, parent, drafts) = delegated("match = \"GET /orders\"");
        assert_eq!(world.code(&orders(&parent)), "token.inactive");
        let decision = world.decide(&drafts[which]);
        assert_eq!((decision.code, decision.status), ("delegation.parent_invalid", 401));
        let told = decision.evidence.iter().find(|e| e.result == CheckResult::Fail).unwrap();
        assert_eq!((told.check, told.code), ("revocation", "token.inactive"));

        let (good, ..) = delegated("match = \"GET /orders\"");
        says(&good, &parent, active(|_| {}));
        let decision = good.decide(&drafts[which]);
        assert_eq!(decision.code, "ok", "{}", decision.to_json());
        assert_eq!(revocation(&decision), (CheckResult::Pass, "ok"));
        assert_eq!((calls(&good), decision.revocation.len()), (2, 1), "each is asked about, and told as one");
    }
}

#[test]
fn a_parent_about_which_nothing_is_known_is_as_a_token_about_which_nothing_is() {
    let allows = "match = \"GET /orders\"\non_unavailable = { revocation = \"allow\" }";
    for (more, code) in [("match = \"GET /orders\"", "revocation.unavailable"), (allows, "ok")] {
        let (world, parent, drafts) = delegated(more);
        says(&world, &parent, (503, String::new()));
        for draft in &drafts {
            assert_eq!(world.code(draft), code);
        }
    }
}

#[test]
fn everything_is_asked_at_once() {
    let (world, parent, [draft, _]) = delegated("match = \"GET /orders\"");
    says(&world, &parent, active(|_| {}));
    // So that the key set is there.
    world.code(&orders("a.b.c"));
    world.code(&orders(&world.token(|c| c["jti"] = "other".into())));
    let mut session = Session::new(Arc::clone(&world.gate), draft.view(), world.now, [7; 10]);
    let mut memory = world.memory.borrow_mut();
    let Step::Fetch(inquiries) = session.step(&mut memory, world.now, &Answer::Ready) else { panic!() };
    assert_eq!(inquiries.len(), 2);
    for inquiry in inquiries {
        world.answer(&mut memory, inquiry);
    }
    let Step::Done(conclusion) = session.step(&mut memory, world.now, &Answer::Ready) else { panic!() };
    assert_eq!(conclusion.decision.code, "ok");
}
