//! What an agent does has consequences for it: by thresholds of routes, by a breaker, in the home of its key, and nobody
//! else can bring them upon it.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use countersign::client::{Client, Place};
use countersign::decision::{CheckResult, Decision, Outcome, RiskGuarantee};
use countersign::event::{Event, Subject};
use countersign::memory::Memory;
use countersign::state::risk::{Level, Observed, Scoring, Signal, State};
use countersign::time::{UnixMillis, UnixSeconds};
use gate_support::{API, Draft, NOW, World};
use serde_json::{Value, json};

const SIGNED: &str = "match = \"GET /signed\"\nrequire = [\"signature\"]";
const ORDERS: &str = "match = \"GET /orders\"\nrequire = [\"token\"]";
const SIGNED_ORDERS: &str = "match = \"GET /orders\"\nrequire = [\"signature\", \"token\"]";
const BOUND: &str = "match = \"GET /bound\"\nrequire = [\"token\", \"dpop\"]";

/// The gate with this on the route for signatures, and this under `[risk]`.
fn world(route: &str, gate: &str) -> World {
    let config = gate_support::CONFIG.replace(SIGNED, &format!("{SIGNED}\n{route}"));
    World::with(&format!("{}\n[risk]\n{gate}", config.replace(ORDERS, SIGNED_ORDERS)))
}

const AT_HOME: &str = "store = \"durable-object\"";
const THRESHOLDS: &str = "risk = { throttle = 40, challenge = 55, approve = 70, deny = 85 }";

fn nonced(world: &World, path: &str, nonce: &str) -> Draft {
    sign(world, Draft::new("GET", path), nonce, &["\"@path\""])
}

/// Signs it, with a nonce, over these components, too.
fn sign(world: &World, draft: Draft, nonce: &str, more: &[&str]) -> Draft {
    let now = i64::try_from(world.now.0 / 1000).unwrap();
    let components = ["\"@authority\"", "\"@method\"", "\"signature-agent\";key=\"sig1\""];
    draft.signed_with(&world.agent, &[&components, more].concat(), |params| {
        params.nonce = Some(nonce.into());
        params.created = Some(UnixSeconds(now));
        params.expires = Some(UnixSeconds(now + 60));
    })
}

/// A request that is the agent's own, and refused: its token lacks the scope.
fn probing(world: &World, nonce: &str) -> Draft {
    let token = world.token(|claims| claims["scope"] = json!("other"));
    sign(world, Draft::new("GET", "/orders").bearer(&token), nonce, &["\"@path\"", "\"authorization\""])
}

/// A request with a token for this scope and the holder's proof, which expires with the world's time.
fn bound(world: &World, jti: &str, scope: &str) -> Draft {
    let jkt = world.holder.thumbprint();
    let token = world.token(|claims| {
        claims["cnf"] = json!({ "jkt": jkt });
        claims["scope"] = json!(scope);
    });
    Draft::new("GET", "/bound").dpop_with(&token, &world.holder, |_, claims| {
        claims["jti"] = json!(jti);
        claims["iat"] = json!(world.now.0 / 1000);
    })
}

fn probe(world: &World, times: usize) -> Vec<Decision> {
    let at = world.now.0;
    let decisions = (0..times).map(|i| world.decide(&probing(world, &format!("p{at}-{i}"))));
    decisions.inspect(|decision| assert_eq!(decision.code, "policy.scope_missing")).collect()
}

fn good(world: &World, nonce: &str) -> Decision {
    world.decide(&nonced(world, "/signed", nonce))
}

fn later(world: &mut World, secs: u64) {
    world.now = UnixMillis(world.now.0 + secs * 1000);
}

fn header<'a>(decision: &'a Decision, name: &str) -> Option<&'a str> {
    decision.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
}

#[test]
fn without_thresholds_risk_is_only_reported() {
    let world = world("", "");
    probe(&world, 12);
    let decision = good(&world, "a");
    assert_eq!((decision.code, decision.risk.score, decision.risk.level), ("ok", 93, Level::High));
    assert_eq!(decision.risk.reasons, ["refused_scopes", "key_age"]);
    assert_eq!(decision.guarantees.risk, RiskGuarantee::Isolate);
    assert!(decision.evidence.iter().all(|evidence| evidence.check != "risk"));
}

#[test]
fn each_threshold_has_its_own_consequence() {
    for (probes, code, status, outcome) in [
        (3, "ok", 200, Outcome::Allow),
        (4, "risk.throttled", 429, Outcome::Throttle),
        (5, "ok", 200, Outcome::Allow),
        (7, "risk.approval_required", 403, Outcome::Approve),
        (8, "risk.denied", 403, Outcome::Deny),
    ] {
        let world = world(THRESHOLDS, "");
        probe(&world, probes);
        let decision = good(&world, "a");
        assert_eq!((decision.code, decision.status, decision.outcome), (code, status, outcome), "{probes}");
        let evidence = decision.evidence.iter().find(|evidence| evidence.check == "risk").unwrap();
        assert_eq!((evidence.code, evidence.detail.as_deref()), (code, Some("isolate")));
        let problem = decision.problem(world.gate.disclosure());
        assert_eq!(problem["type"].as_str().unwrap().ends_with("#approval-required"), probes == 7);
    }
}

#[test]
fn who_is_throttled_is_told_when_to_come_back_and_passes_then() {
    let mut world = world("risk = { throttle = 40 }", "");
    probe(&world, 6);
    let refused = good(&world, "a");
    assert_eq!(refused.code, "risk.throttled");
    let wait: u64 = header(&refused, "Retry-After").unwrap().parse().unwrap();
    assert!((60..300).contains(&wait), "{wait}");
    later(&mut world, wait);
    assert_eq!(good(&world, "b").code, "ok");
}

#[test]
fn a_challenge_is_answered_by_a_signature_with_a_nonce() {
    let world = world("risk = { challenge = 40 }", "");
    probe(&world, 5);
    let decision = world.decide(&Draft::new("GET", "/signed").signed(&world.agent));
    assert_eq!((decision.code, decision.outcome), ("risk.challenge", Outcome::Challenge));
    assert!(header(&decision, "Accept-Signature").unwrap().contains(";nonce"), "{:?}", decision.headers);
    assert!(header(&decision, "WWW-Authenticate").unwrap().starts_with("Signature realm="));
    assert_eq!(good(&world, "fresh").code, "ok");
}

#[test]
fn a_challenge_is_answered_by_a_person_who_has_just_authenticated() {
    let config = gate_support::CONFIG.replace(ORDERS, &format!("{ORDERS}\nrisk = {{ challenge = 40 }}"));
    let world = World::with(&format!("{config}\n[risk]\nchallenge_max_age = \"2m\""));
    let refused = world.token(|claims| claims["scope"] = json!("other"));
    for _ in 0..5 {
        assert_eq!(world.code(&Draft::new("GET", "/orders").bearer(&refused)), "policy.scope_missing");
    }
    let send = |auth_time: Option<i64>| {
        let token = world.token(|claims| {
            claims["jti"] = json!(format!("{auth_time:?}"));
            if let Some(time) = auth_time {
                claims["auth_time"] = json!(time);
            }
        });
        world.decide(&Draft::new("GET", "/orders").bearer(&token))
    };
    for auth_time in [None, Some(NOW - 151), Some(NOW + 31)] {
        let decision = send(auth_time);
        assert_eq!((decision.code, decision.status), ("risk.challenge", 401), "{auth_time:?}");
        let challenge = header(&decision, "WWW-Authenticate").unwrap();
        assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
        assert!(challenge.contains("max_age=\"120\""), "{challenge}");
    }
    assert_eq!(send(Some(NOW - 100)).code, "ok");
}

#[test]
fn what_holds_for_all_routes_a_route_can_say_otherwise() {
    let world = world("risk = {}", "deny = 40");
    probe(&world, 5);
    assert_eq!(good(&world, "a").code, "ok");
    let orders = nonced(&world, "/orders", "b").bearer(&world.token(|_| {}));
    assert_eq!(world.code(&orders), "risk.denied");
    assert_eq!(world.code(&Draft::new("GET", "/open/a")), "ok", "who proves nothing has no risk");
}

#[test]
fn in_shadow_it_is_said_what_would_be_done() {
    for (route, gate) in [("risk = { deny = 40, shadow = true }", ""), ("", "deny = 40\nshadow = true")] {
        let world = world(route, gate);
        probe(&world, 5);
        let decision = good(&world, "a");
        assert_eq!((decision.code, decision.risk.would), ("ok", Some("deny")));
        let evidence = decision.evidence.iter().find(|evidence| evidence.check == "risk").unwrap();
        assert_eq!((evidence.result, evidence.code), (CheckResult::Fail, "risk.denied"));
        assert_eq!(evidence.detail.as_deref(), Some("shadow"));
        let line: Value = serde_json::from_str(&decision.to_json()).unwrap();
        assert_eq!(line["risk"]["would"], "deny");
    }
}

#[test]
fn a_breaker_opens_lets_probes_through_and_closes() {
    let breaker = "[risk.breaker]\nrefusals = 4\ncool_down = \"10s\"\nprobes = 2";
    let mut world = world("", breaker);
    probe(&world, 4);
    let refused = good(&world, "a");
    assert_eq!((refused.code, refused.status), ("risk.breaker_open", 429));
    assert_eq!(header(&refused, "Retry-After"), Some("10"));
    later(&mut world, 5);
    assert_eq!(header(&good(&world, "b"), "Retry-After"), Some("5"));
    later(&mut world, 5);
    assert_eq!(good(&world, "c").code, "ok", "a probe");
    assert_eq!(good(&world, "d").code, "risk.breaker_open", "one a second");
    later(&mut world, 1);
    assert_eq!(good(&world, "e").code, "ok");
    assert_eq!(good(&world, "f").code, "ok", "it is closed");
}

#[test]
fn a_refused_probe_opens_the_breaker_again_for_longer() {
    let breaker = "[risk.breaker]\nrefusals = 4\ncool_down = \"10s\"";
    let mut world = world("", breaker);
    probe(&world, 4);
    later(&mut world, 10);
    probe(&world, 1);
    assert_eq!(header(&good(&world, "a"), "Retry-After"), Some("20"));
}

#[test]
fn at_home_one_gate_knows_what_another_has_seen() {
    let mut world = world("risk = { throttle = 40, deny = 80 }", AT_HOME);
    probe(&world, 1);
    assert_eq!(*world.state_calls.borrow(), 1, "the first refusal is told at once");
    for i in 0..9 {
        world.decide(&probing(&world, &format!("x{i}")));
    }
    assert_eq!(*world.state_calls.borrow(), 1, "those after it within a second are not");
    later(&mut world, 1);
    world.decide(&probing(&world, "y"));
    assert_eq!(*world.state_calls.borrow(), 2, "but together");

    // Another isolate, which has seen nothing.
    world.memory.replace(Memory::new(8));
    let decision = good(&world, "a");
    assert_eq!((decision.code, decision.guarantees.risk), ("risk.denied", RiskGuarantee::Exact));
    let evidence = decision.evidence.iter().find(|evidence| evidence.check == "risk").unwrap();
    assert_eq!(evidence.detail.as_deref(), Some("durable-object"));
    assert_eq!(decision.risk.score, 93);
    later(&mut world, 600);
    assert_eq!(good(&world, "b").code, "ok");
}

#[test]
fn what_was_not_told_goes_along_with_the_next_permitted_request() {
    let world = world("", AT_HOME);
    probe(&world, 4);
    assert_eq!(*world.state_calls.borrow(), 1);
    let decision = good(&world, "a");
    assert_eq!((decision.risk.score, decision.risk.level), (44, Level::Medium));
    assert_eq!(*world.state_calls.borrow(), 2);
}

#[test]
fn at_home_a_change_of_level_is_an_event_of_the_request_that_made_it() {
    let mut world = world("", AT_HOME);
    let agent = Subject::Agent(gate_support::DIRECTORY.into());
    let mut levels = Vec::new();
    for i in 0..8 {
        for event in world.conclude(&probing(&world, &format!("e{i}"))).events {
            let Event::RiskLevelChange(event) = event else { panic!("{event:?}") };
            assert_eq!((&event.subject, event.version), (&agent, 2));
            assert_eq!(event.signals.first(), Some(&Signal::RefusedScopes));
            levels.push(event.change.to);
        }
        later(&mut world, 1);
    }
    assert_eq!(levels, [Level::Medium, Level::High]);
}

#[test]
fn a_breaker_that_opens_or_closes_is_an_event() {
    let breaker = "[risk.breaker]\nrefusals = 4\ncool_down = \"10s\"\nprobes = 1";
    let mut world = world("", breaker);
    let mut changes = Vec::new();
    let mut send = |world: &World, draft: &Draft| {
        for event in world.conclude(draft).events {
            if let Event::BreakerChange(event) = event {
                changes.push((event.from, event.to));
            }
        }
    };
    for i in 0..4 {
        send(&world, &probing(&world, &format!("{i}")));
    }
    later(&mut world, 10);
    send(&world, &nonced(&world, "/signed", "a"));
    assert_eq!(changes, [("closed", "open"), ("open", "closed")]);
}

#[test]
fn who_sends_again_what_it_has_seen_harms_nobody() {
    for store in ["", AT_HOME] {
        let mut world = world("risk = { deny = 40 }", store);
        let (accepted, refused) = (nonced(&world, "/signed", "seen"), probing(&world, "refused"));
        let elsewhere = Client {
            asn: Some(64_999),
            country: Some("BR".into()),
            place: Place::new(-23.5, -46.6),
            ..Client::default()
        };
        assert_eq!(world.code(&accepted), "ok");
        for i in 0..40 {
            // From another isolate each time, too.
            world.memory.replace(Memory::new(i));
            assert_eq!(world.code(&refused.clone().client(elsewhere.clone())), "policy.scope_missing");
            if store == AT_HOME {
                later(&mut world, 1);
            }
        }
        let world = &world;
        for _ in 0..20 {
            let code = world.code(&accepted.clone().client(elsewhere.clone()));
            assert!(["signature.replayed", "ok"].contains(&code), "{code}");
        }
        let own = world.token(|claims| claims["scope"] = json!("nothing"));
        for i in 0..20 {
            // The captured signature with tokens of its own.
            let with_own = nonced(world, "/orders", "seen").bearer(&own).field("x-try", &i.to_string());
            world.code(&with_own);
        }
        if store == AT_HOME {
            let decision = good(world, "honest");
            assert_eq!(decision.code, "ok");
            assert!(decision.risk.score <= 22, "{:?}", decision.risk);
        }
    }
}

#[test]
fn of_a_replayed_request_the_home_observes_nothing() {
    let exact = "replay = \"exact\"";
    let mut world = world(exact, AT_HOME);
    let first = good(&world, "a");
    assert_eq!((first.code, first.guarantees.risk), ("ok", RiskGuarantee::Exact));
    let observations = |world: &mut World, nonce: &str| {
        later(world, 1);
        world.memory.replace(Memory::new(8));
        let elsewhere = Client { asn: Some(64_999), ..Client::default() };
        let decision = world.decide(&nonced(world, "/signed", nonce).client(elsewhere));
        (decision.code, decision.observed.is_some_and(|observed| observed.subject.starts_with("key:")))
    };
    assert_eq!(observations(&mut world, "b"), ("ok", true));
    let replayed = nonced(&world, "/signed", "c");
    assert_eq!(world.code(&replayed), "ok");
    world.memory.replace(Memory::new(9));
    let decision = world.decide(&replayed);
    assert_eq!(decision.code, "signature.replayed");
    assert_eq!(decision.observed.unwrap().subject, "unidentified");
    assert_eq!(good(&world, "d").risk.score, 0);
}

#[test]
fn a_throttled_request_has_used_its_proof() {
    let world = world("replay = \"exact\"\nrisk = { throttle = 40 }", AT_HOME);
    probe(&world, 6);
    let throttled = nonced(&world, "/signed", "a");
    assert_eq!(world.code(&throttled), "risk.throttled");
    world.memory.replace(Memory::new(8));
    assert_eq!(world.code(&throttled), "signature.replayed", "so that nobody else can send it again");
}

#[test]
fn without_its_home_a_request_is_refused_or_passes_as_the_route_says() {
    let world = world("on_unavailable = { risk = \"allow\" }", AT_HOME);
    *world.subjects.borrow_mut() = None;
    let decision = good(&world, "a");
    assert_eq!(decision.code, "ok");
    let evidence = decision.evidence.iter().find(|evidence| evidence.check == "risk").unwrap();
    assert_eq!((evidence.result, evidence.code), (CheckResult::Skipped, "risk.unavailable"));
    assert_eq!(decision.guarantees.risk, RiskGuarantee::None);
    let orders = nonced(&world, "/orders", "b").bearer(&world.token(|_| {}));
    let decision = world.decide(&orders);
    assert_eq!((decision.code, decision.status), ("risk.unavailable", 503));
    assert_eq!(world.code(&probing(&world, "c")), "policy.scope_missing", "a refusal is one all the same");
}

#[test]
fn a_decision_has_all_that_its_score_was_made_from_and_nothing_else() {
    let mut world = world("", "");
    let client = Client {
        address: "192.0.2.7".parse().ok(),
        asn: Some(64_500),
        country: Some("DE".into()),
        place: Place::new(50.11, 8.68),
        ..Client::default()
    };
    let mut lines = Vec::new();
    for i in 0..40 {
        let draft = match i % 4 {
            0 => probing(&world, &format!("n{i}")),
            1 => Draft::new("GET", "/signed").field("x", "forged"),
            _ => nonced(&world, "/signed", &format!("n{i}")),
        };
        lines.push(world.decide(&draft.client(client.clone())).to_json());
        later(&mut world, 7);
    }
    let scoring = Scoring::default();
    let mut states = std::collections::BTreeMap::<String, State>::new();
    for line in &lines {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = line["observed"].to_string();
        assert!(
            !["192.0.2.7", "/signed", "/orders", API].iter().any(|secret| text.contains(secret)),
            "{text}"
        );
        let mut observed = line["observed"].as_object().unwrap().clone();
        let subject = observed.remove("subject").unwrap().as_str().unwrap().to_owned();
        let at = UnixMillis(observed.remove("at").unwrap().as_u64().unwrap());
        let observed: Observed = serde_json::from_value(Value::Object(observed)).unwrap();
        let state = states.remove(&subject).unwrap_or_default();
        let (state, assessment) = state.observe(&observed, &scoring, at);
        states.insert(subject, state);
        assert_eq!(json!(assessment.score), line["risk"]["score"], "{line}");
        let reasons: Vec<_> = assessment.reasons.iter().map(|(signal, _)| signal.code()).collect();
        assert_eq!(json!(reasons), line["risk"]["reasons"]);
    }
    assert_eq!(states.len(), 2);
}

#[test]
fn what_is_asked_for_is_money_and_resources_too() {
    let config = gate_support::CONFIG.replace(
        "match = \"POST /checkout\"",
        "match = \"POST /checkout\"\namount = { body = \"/total\", currency = \"EUR\" }",
    );
    let world = World::with(&config);
    let order = Draft::new("POST", "/checkout")
        .body("{\"total\":12345}")
        .field("content-type", "application/json")
        .dpop(&world.bound(), &world.holder)
        .signed(&world.agent);
    let decision = world.decide(&order);
    let observed = decision.observed.unwrap().observed;
    assert_eq!((decision.code, observed.amount), ("ok", Some(12_345)));
    assert!(observed.resource.is_some());
}

#[test]
fn other_weights_have_their_own_version() {
    let weights = "[risk.weights]\nversion = 1001\nsignals = { refused_scopes = { points = 50, cap = 60 } }";
    for store in ["", "store = \"durable-object\"\n"] {
        let world = world("", &format!("{store}{weights}"));
        probe(&world, 1);
        let decision = good(&world, "a");
        assert_eq!((decision.risk.score, decision.risk.version), (55, 1001));
    }
}

#[test]
fn a_signature_that_is_not_demanded_leaves_nothing_behind() {
    for store in ["", AT_HOME] {
        let config = gate_support::CONFIG.replace(BOUND, &format!("{BOUND}\nscope = [\"order:read\"]"));
        let breaker = "[risk.breaker]\nrefusals = 4\ncool_down = \"10s\"";
        let mut world = World::with(&format!("{config}\n[risk]\n{store}\n{breaker}"));
        let also_signed =
            |world: &World, jti: &str, scope| sign(world, bound(world, jti, scope), jti, &["\"@path\""]);
        for i in 0..2 {
            assert_eq!(world.code(&bound(&world, &format!("a{i}"), "other")), "policy.scope_missing");
            let signed = also_signed(&world, &format!("b{i}"), "other");
            assert_eq!(world.code(&signed), "policy.scope_missing", "counts for the same");
        }
        later(&mut world, 1);
        assert_eq!(world.code(&bound(&world, "c", "other")), "policy.scope_missing");
        assert_eq!(world.code(&bound(&world, "d", "order:read")), "risk.breaker_open");
        let signed = world.decide(&also_signed(&world, "e", "order:read"));
        assert_eq!(signed.code, "risk.breaker_open");
        assert_eq!(signed.agent.unwrap().id, gate_support::DIRECTORY, "who signed is known all the same");
        let own = nonced(&world, "/signed", "f");
        assert_eq!(world.code(&own), "ok", "nothing was kept of the key that signed");
    }
}

#[test]
fn a_signature_that_is_not_demanded_begins_no_new_count() {
    for per in ["agent", "key"] {
        let limit = format!("rate = [{{ per = \"{per}\", limit = 2, window = \"1m\" }}]");
        let world = World::with(&gate_support::CONFIG.replace(BOUND, &format!("{BOUND}\n{limit}")));
        let codes = [
            world.code(&bound(&world, "a", "other")),
            world.code(&sign(&world, bound(&world, "b", "other"), "b", &["\"@path\""])),
            world.code(&sign(&world, bound(&world, "c", "other"), "c", &["\"@path\""])),
            world.code(&bound(&world, "d", "other")),
        ];
        assert_eq!(codes, ["ok", "ok", "rate.exceeded", "rate.exceeded"], "{per}");
    }
}

const PAY: &str = "[[routes]]\nmatch = \"POST /pay\"\nrequire = [\"signature\"]\namount = { body = \"/total\", currency = \"EUR\" }";

/// An order whose signature covers nothing of its body.
fn paying(world: &World, nonce: &str, body: &str, more: &[&str]) -> Draft {
    let draft = Draft::new("POST", "/pay").field("content-type", "application/json").body(body);
    sign(world, draft, nonce, more)
}

#[test]
fn a_changed_copy_of_what_was_accepted_harms_nobody() {
    let breaker = "[risk.breaker]\nrefusals = 4\ncool_down = \"10s\"";
    for (replay, store, covered) in [
        ("exact", AT_HOME, &["\"@path\""][..]),
        ("exact", AT_HOME, &[]),
        ("isolate", AT_HOME, &["\"@path\""]),
        ("none", AT_HOME, &["\"@path\""]),
        ("exact", "", &["\"@path\""]),
        ("isolate", "", &["\"@path\""]),
    ] {
        let config = format!("{}\n{PAY}\nreplay = \"{replay}\"", gate_support::CONFIG);
        let mut world = World::with(&format!("{config}\n[risk]\n{store}\n{breaker}"));
        let name = |i: usize| format!("n{i}");
        let changed: Vec<_> = (0..8)
            .map(|i| {
                assert_eq!(world.code(&paying(&world, &name(i), "{\"total\":100}", covered)), "ok");
                paying(&world, &name(i), "{}", covered)
            })
            .collect();
        // Another isolate, which has seen nothing.
        world.memory.replace(Memory::new(9));
        for copy in &changed {
            assert_eq!(world.code(copy), "policy.amount_invalid");
            later(&mut world, 1);
        }
        let own = good(&world, "own");
        assert_eq!((own.code, own.risk.score), ("ok", 0), "{replay} {store} {covered:?}");
    }
}

#[test]
fn what_the_agent_had_refused_itself_counts_where_proofs_are_recorded() {
    let config = format!("{}\n{PAY}\nreplay = \"exact\"", gate_support::CONFIG);
    let mut world = World::with(&format!("{config}\n[risk]\n{AT_HOME}"));
    for i in 0..3 {
        let own = paying(&world, &format!("{i}"), "{}", &["\"@path\""]);
        assert_eq!(world.code(&own), "policy.amount_invalid");
        later(&mut world, 1);
    }
    assert_eq!(good(&world, "a").risk.reasons, ["refusals", "key_age"]);
    // Whoever resends one later, when it may have been accepted and forgotten, is not believed.
    let told_late = paying(&world, "late", "{}", &["\"@path\""]);
    assert_eq!(world.code(&told_late), "policy.amount_invalid");
    later(&mut world, 3600);
    let decision = good(&world, "b");
    assert_eq!((decision.code, decision.risk.score), ("ok", 0));
}

#[test]
fn what_was_refused_after_its_proof_was_used_is_its_own() {
    let limit = "replay = \"exact\"\nrate = [{ per = \"agent\", store = \"durable-object\", limit = 2, window = \"1m\" }]";
    let mut world = world(limit, AT_HOME);
    let codes: Vec<_> = (0..4).map(|i| good(&world, &format!("{i}")).code).collect();
    assert_eq!(codes, ["ok", "ok", "rate.exceeded", "rate.exceeded"]);
    later(&mut world, 70);
    let after = good(&world, "after");
    assert_eq!((after.code, after.risk.reasons.as_slice()), ("ok", &["over_limit"][..]));
}

#[test]
fn another_proof_beside_a_signature_that_was_accepted_harms_nobody() {
    let checkout = "require = [\"signature\", \"token\", \"dpop\"]";
    let config = gate_support::CONFIG.replace(checkout, &format!("{checkout}\nreplay = \"exact\""));
    let mut world = World::with(&format!("{config}\n[risk]\n{AT_HOME}"));
    let token = world.bound();
    let order = |world: &World, nonce: &str, key: &gate_support::Key| {
        let draft = Draft::new("POST", "/checkout").body("{}").dpop_with(&token, key, |_, claims| {
            claims["jti"] = json!(nonce);
        });
        sign(world, draft, nonce, &["\"@path\"", "\"content-digest\"", "\"authorization\""])
    };
    let stranger = gate_support::Key::of(77);
    for nonce in ["a", "b", "c"] {
        assert_eq!(world.code(&order(&world, nonce, &world.holder)), "ok");
        world.memory.replace(Memory::new(9));
        assert_eq!(world.code(&order(&world, nonce, &stranger)), "dpop.key_mismatch");
        later(&mut world, 1);
    }
    assert_eq!(good(&world, "own").risk.score, 0);
}
