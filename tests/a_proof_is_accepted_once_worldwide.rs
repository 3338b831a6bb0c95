//! `replay = "exact"`: the object of the key that made a proof says whether it is new. Nobody else is asked, nothing is
//! recorded before everything else holds, and where the object cannot be asked the route says what becomes of it.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use std::sync::Arc;

use countersign::config::Gate;
use countersign::decision::{CheckResult, Decision, Outcome, ReplayGuarantee};
use countersign::encoding::base64url;
use countersign::engine::{Answer, Session, Step};
use countersign::memory::Memory;
use countersign::signature::SignatureParams;
use countersign::state::replay::Ask;
use countersign::state::subject::{Call, Op, OpReply, Reply, RequestId, SubjectCall, SubjectName};
use countersign::time::{UnixMillis, UnixSeconds};
use gate_support::{Draft, Key, NOW, World, header};

const ROUTES: &str = r#"
[[routes]]
match = "GET /exact"
require = ["signature"]
replay = "exact"

[[routes]]
match = "GET /proven"
require = ["token", "dpop"]
replay = "exact"

[[routes]]
match = "GET /both"
require = ["signature", "token", "dpop"]
replay = "exact"

[[routes]]
match = "GET /lenient"
require = ["token", "dpop"]
replay = "exact"
on_unavailable = { replay = "allow" }

[[routes]]
match = "GET /limited-exact"
require = ["token", "dpop"]
replay = "exact"
rate = [{ per = "route", limit = 1, window = "1m" }]

[[routes]]
match = "POST /plain"
require = ["signature"]
replay = "exact"
"#;

fn world() -> World {
    let x = plain_key().jwk()["x"].clone();
    let agents = format!(
        "[[agents]]\nid = \"plain-agent\"\noperator = \"Plain Ltd\"\npurpose = \"prices\"\ncontact = \"ops@plain.example\"\n\
         keys = [{{ jwk = {{ kty = \"OKP\", crv = \"Ed25519\", x = {x} }} }}]\n"
    );
    let profiles = "[signatures]\nprofiles = [\"web-bot-auth\", \"agent-headers\"]\n";
    let config = gate_support::CONFIG.replace("[signatures]\n", profiles);
    // It takes a signature again, which plain headers never may.
    let config = config.replace("replay = \"none\"", "replay = \"isolate\"");
    World::with(&format!("{config}{agents}{ROUTES}"))
}

fn plain_key() -> Key {
    Key::of(21)
}

fn signed(world: &World, path: &str, nonce: Option<&str>) -> Draft {
    let components = ["\"@authority\"", "\"@method\"", "\"@path\"", "\"signature-agent\";key=\"sig1\""];
    Draft::new("GET", path).signed_with(&world.agent, &components, |params| {
        params.nonce = nonce.map(Into::into);
    })
}

fn proven(world: &World, path: &str, jti: &str) -> Draft {
    let token = world.bound();
    Draft::new("GET", path).dpop_with(&token, &world.holder, |_, claims| claims["jti"] = jti.into())
}

fn plain(body: &str) -> Draft {
    let signature = plain_key().sign(format!("{body}{NOW}").as_bytes());
    let signature = base64url::encode(&signature);
    let mut draft = Draft::new("POST", "/plain");
    draft.body = Some(body.as_bytes().to_vec());
    let standard = signature.replace('-', "+").replace('_', "/") + "==";
    draft.field("Agent-ID", "plain-agent").field("Timestamp", &NOW.to_string()).field("Signature", &standard)
}

/// As if the next request came to another isolate.
fn elsewhere(world: &World) {
    world.memory.replace(Memory::new(9));
}

fn replay_evidence(decision: &Decision) -> Option<(CheckResult, &'static str, Option<&str>)> {
    let found = decision.evidence.iter().find(|evidence| evidence.check == "replay")?;
    Some((found.result, found.code, found.detail.as_deref()))
}

#[test]
fn every_kind_of_proof_is_refused_in_another_isolate_too() {
    for (draft, refusal) in [
        (signed(&world(), "/exact", Some("n-1")), "signature.replayed"),
        (proven(&world(), "/proven", "p-1"), "dpop.proof_replayed"),
        (plain("{}"), "signature.replayed"),
    ] {
        let world = world();
        let first = world.decide(&draft);
        assert_eq!((first.code, first.guarantees.replay), ("ok", ReplayGuarantee::Exact), "{draft:?}");
        assert_eq!(replay_evidence(&first), Some((CheckResult::Pass, "ok", Some("exact"))));
        elsewhere(&world);
        let second = world.decide(&draft);
        assert_eq!(second.code, refusal);
        assert!(matches!(second.outcome, Outcome::Challenge | Outcome::Deny));
        assert_eq!(replay_evidence(&second), Some((CheckResult::Fail, refusal, Some("exact"))));
        assert_eq!(*world.state_calls.borrow(), 2);
        assert_eq!(world.code(&draft), refusal);
        assert_eq!(*world.state_calls.borrow(), 2, "what an isolate has seen itself costs no call");
    }
}

#[test]
fn a_signature_without_a_nonce_is_not_single_use_and_refused() {
    let world = world();
    let decision = world.decide(&signed(&world, "/exact", None));
    assert_eq!((decision.code, decision.status), ("signature.parameter_missing", 401));
    let challenge = header(&decision, "Accept-Signature").unwrap();
    assert!(challenge.contains(";nonce"), "{challenge}");
    assert_eq!(*world.state_calls.borrow(), 0);
    let open = world.decide(&Draft::new("GET", "/signed"));
    assert!(!header(&open, "Accept-Signature").unwrap().contains(";nonce"));
}

/// The same signature under another label, which is not signed.
fn relabelled(mut draft: Draft, label: &str) -> Draft {
    for (name, value) in &mut draft.fields {
        if name == "signature-input" || name == "signature" {
            *value = value.replacen("sig1=", &format!("{label}="), 1);
        }
    }
    draft
}

/// A request with the signatures of another one beside its own.
fn beside(mut draft: Draft, other: Draft) -> Draft {
    let of_signature = |(name, _): &(String, String)| name == "signature-input" || name == "signature";
    draft.fields.extend(relabelled(other, "sig2").fields.into_iter().filter(of_signature));
    draft
}

fn signed_as(world: &World, change: impl FnOnce(&mut SignatureParams)) -> Draft {
    let components = ["\"@authority\"", "\"@method\"", "\"@path\"", "\"signature-agent\";key=\"sig1\""];
    Draft::new("GET", "/exact").signed_with(&world.agent, &components, |params| {
        params.nonce = Some("n-2".into());
        change(params);
    })
}

#[test]
fn a_request_with_several_signatures_that_could_hold_is_not_single_use_and_refused() {
    let world = world();
    let first = || signed(&world, "/exact", Some("n-1"));
    let mut forged = signed_as(&world, |_| {});
    let value = forged.fields.iter_mut().find(|(name, _)| name == "signature").unwrap();
    value.1 = "sig1=:AAAA:".into();
    // A signature that does not hold now may hold later, when nobody sees that it came along.
    let not_yet = signed_as(&world, |params| {
        params.created = Some(UnixSeconds(NOW + 3_000));
        params.expires = Some(UnixSeconds(NOW + 3_060));
    });
    for other in [signed_as(&world, |_| {}), forged.clone(), not_yet] {
        let decision = world.decide(&beside(first(), other.clone()));
        assert_eq!((decision.code, decision.status), ("signature.several", 401), "{other:?}");
        assert!(header(&decision, "Accept-Signature").is_some());
        assert_eq!(world.code(&beside(relabelled(other, "sig0"), first())), "signature.several");
    }
    assert_eq!(*world.state_calls.borrow(), 0);
    assert_eq!(world.code(&first()), "ok", "nothing was recorded");
    assert_eq!(world.code(&signed(&world, "/signed", Some("n-3"))), "ok");
    let two = beside(signed(&world, "/signed", Some("n-4")), signed_as(&world, |_| {}));
    assert_eq!(world.code(&two), "ok", "an isolate's memory promises nothing");
}

#[test]
fn a_signature_that_no_profile_selects_does_not_count() {
    let world = world();
    for (nonce, tag) in [("n-1", Some("proxy")), ("n-2", Some("agent-payer-auth")), ("n-3", None)] {
        let other = signed_as(&world, |params| params.tag = tag.map(Into::into));
        let draft = beside(signed(&world, "/exact", Some(nonce)), other);
        assert_eq!(world.code(&draft), "ok", "{tag:?}");
        elsewhere(&world);
        assert_eq!(world.code(&signed(&world, "/exact", Some(nonce))), "signature.replayed");
    }
}

#[test]
fn signatures_count_in_whatever_way_they_are_written() {
    let config = gate_support::CONFIG.replace("replay = \"none\"", "replay = \"isolate\"");
    let profiles = "[signatures]\nprofiles = [\"web-bot-auth\", \"tap-deployed\", \"agent-headers\"]\n\
                    rules.agent-headers = { signature_field = \"X-Agent-Signature\" }\n";
    let x = plain_key().jwk()["x"].clone();
    let agents = format!(
        "[[agents]]\nid = \"plain-agent\"\noperator = \"Plain Ltd\"\npurpose = \"prices\"\ncontact = \"ops@plain.example\"\n\
         keys = [{{ jwk = {{ kty = \"OKP\", crv = \"Ed25519\", x = {x} }} }}]\n"
    );
    let config = config.replace("[signatures]\n", profiles);
    let world = World::with(&format!("{config}{agents}{ROUTES}"));

    // One that only the samples' spelling makes a signature hides those beside it from everybody else.
    let input = format!(
        "sig0=(\"@authority\" \"@path\"); created={NOW}; expires={}; keyId=\"k\"; alg=\"ed25519\"; nonce=\"d\"; tag=\"agent-payer-auth\"",
        NOW + 60
    );
    let draft = signed(&world, "/exact", Some("n-1"));
    let both = draft.clone().field("signature-input", &input).field("signature", "sig0=:AAAA:");
    assert_eq!(world.code(&both), "signature.several");
    assert_eq!(world.code(&draft), "ok");

    // Without `Signature-Input` the plain headers of the same request count.
    let components = ["\"@authority\"", "\"signature-agent\";key=\"sig1\""];
    let mut plain = plain("{}");
    plain.fields.iter_mut().filter(|(name, _)| name == "Signature").for_each(|(name, _)| {
        *name = "X-Agent-Signature".into();
    });
    assert_eq!(world.code(&plain), "ok");
    let both = plain.signed_with(&world.agent, &components, |params| params.nonce = Some("n-2".into()));
    assert_eq!(world.code(&both), "signature.several");
}

#[test]
fn where_a_proof_is_demanded_that_is_good_once_signatures_beside_it_are_free() {
    let world = world();
    let proven = proven(&world, "/proven", "p-1");
    let components = ["\"@authority\"", "\"@path\"", "\"signature-agent\";key=\"sig1\""];
    let sign = |draft: Draft, nonce: &str| {
        draft.signed_with(&world.agent, &components, |params| params.nonce = Some(nonce.into()))
    };
    let other = sign(Draft::new("GET", "/proven"), "n-2");
    assert_eq!(world.code(&beside(sign(proven.clone(), "n-1"), other)), "ok");
    elsewhere(&world);
    assert_eq!(world.code(&sign(proven, "n-2")), "dpop.proof_replayed");
}

#[test]
fn a_signature_under_another_label_is_the_same() {
    let mut world = world();
    let keys = world.documents[gate_support::DIRECTORY].clone();
    world.documents.insert("https://agents.example/keys.json".into(), keys);
    let components = ["\"@authority\"", "\"signature-agent\";key=\"sig1\"", "\"signature-agent\";key=\"b\""];
    let draft =
        Draft::new("GET", "/exact").field("signature-agent", "b=\"https://agents.example/keys.json\"");
    let draft = draft.signed_with(&world.agent, &components, |params| params.nonce = Some("n-1".into()));
    let renamed = relabelled(draft.clone(), "b");
    let first = world.decide(&draft);
    assert_eq!((first.code, first.agent.unwrap().id.as_str()), ("ok", gate_support::DIRECTORY));
    elsewhere(&world);
    assert_eq!(world.code(&renamed), "signature.replayed");
}

#[test]
fn what_administers_is_taken_once_where_there_are_objects() {
    let admin = format!("[admin]\nissuer = \"{}\"\ndpop = true\n", gate_support::ISSUER);
    for (has_subjects, again) in [(true, "dpop.proof_replayed"), (false, "ok")] {
        let mut world = World::with(&format!("{}{admin}", gate_support::CONFIG));
        if has_subjects {
            world.gate = Arc::new(Gate::clone(&world.gate).with_subjects());
        }
        let jkt = world.holder.thumbprint();
        let token = world.token(|claims| {
            claims["cnf"] = serde_json::json!({ "jkt": jkt });
            claims["scope"] = "countersign:admin".into();
        });
        let mut draft = Draft::new("POST", "/.well-known/countersign/admin/budgets/b/reconcile");
        draft.body = Some(b"{}".to_vec());
        let draft = draft.dpop(&token, &world.holder);
        assert_eq!(world.code(&draft), "ok");
        elsewhere(&world);
        assert_eq!(world.code(&Draft { body: Some(b"{\"other\":1}".to_vec()), ..draft }), again);
    }
}

#[test]
fn nobody_is_asked_for_a_request_that_is_refused_or_needs_nobody() {
    let world = world();
    let mut forged = proven(&world, "/proven", "p-1");
    let proof = forged.fields.iter_mut().find(|(name, _)| name == "dpop").unwrap();
    proof.1 = format!("{}AAAA", &proof.1[..proof.1.len() - 4]);
    assert_eq!(world.code(&forged), "dpop.signature_invalid");
    assert_eq!(world.code(&signed(&world, "/signed", Some("n-1"))), "ok");
    assert_eq!(world.code(&proven(&world, "/bound", "p-2")), "ok");
    assert_eq!(*world.state_calls.borrow(), 0);
}

#[test]
fn a_limit_does_not_burn_a_proof_in_an_object() {
    let mut world = world();
    assert_eq!(world.code(&proven(&world, "/limited-exact", "p-1")), "ok");
    let draft = proven(&world, "/limited-exact", "p-2");
    assert_eq!(world.code(&draft), "rate.exceeded");
    assert_eq!(*world.state_calls.borrow(), 1);
    world.now = UnixMillis(world.now.0 + 59_000);
    elsewhere(&world);
    assert_eq!(world.code(&draft), "ok");
}

/// A session that waits for what objects say, and what it asks of them.
fn asking(world: &World, draft: &Draft, memory: &mut Memory) -> (Session, Vec<SubjectCall>) {
    let mut session = Session::new(Arc::clone(&world.gate), draft.view(), world.now, [1; 10]);
    let mut step = session.step(memory, world.now, &Answer::Ready);
    loop {
        match step {
            Step::Keys(sources) => sources.iter().for_each(|source| world.bring(memory, source)),
            Step::Limits(asked) => asked.into_iter().for_each(|limit| memory.ask(limit, None, world.now)),
            Step::Denials => memory.denials_failed(world.now),
            Step::State(calls) => return (session, calls),
            other => panic!("{other:?}"),
        }
        step = session.step(memory, world.now, &Answer::Ready);
    }
}

#[test]
fn a_limit_holds_although_requests_wait_for_objects_together() {
    let world = world();
    let mut memory = Memory::new(3);
    let drafts = ["p-1", "p-2", "p-3"].map(|jti| proven(&world, "/limited-exact", jti));
    let sessions: Vec<_> = drafts.iter().map(|draft| asking(&world, draft, &mut memory).0).collect();
    let reply = serde_json::from_str::<Reply>("{\"a\":[{\"replay\":\"new\"}]}").unwrap();
    let codes = sessions.into_iter().map(|mut session| {
        let answer = [Some(reply.clone())];
        match session.step(&mut memory, world.now, &Answer::State(&answer)) {
            Step::Done(conclusion) => conclusion.decision.code,
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(codes.collect::<Vec<_>>(), ["ok", "rate.exceeded", "rate.exceeded"]);
}

#[test]
fn two_keys_are_asked_at_once_and_one_key_once() {
    let world = world();
    let request = |world: &World, holder: &Key, nonce: &str| {
        let jkt = holder.thumbprint();
        let token = world.token(|claims| claims["cnf"] = serde_json::json!({ "jkt": jkt }));
        let components = ["\"@authority\"", "\"@method\"", "\"@path\"", "\"signature-agent\";key=\"sig1\""];
        let draft = Draft::new("GET", "/both");
        let draft = draft.dpop_with(&token, holder, |_, claims| claims["jti"] = nonce.into());
        draft.signed_with(&world.agent, &components, |params| params.nonce = Some(nonce.into()))
    };
    let subjects = |world: &World, draft: &Draft| asking(world, draft, &mut Memory::new(3)).1;
    let calls = subjects(&world, &request(&world, &world.holder, "n-1"));
    let names: Vec<_> = calls.iter().map(|asked| asked.subject).collect();
    let (agent, holder) =
        (SubjectName::key(&world.agent.thumbprint()), SubjectName::key(&world.holder.thumbprint()));
    assert!(names.len() == 2 && names.contains(&agent) && names.contains(&holder));
    assert!(calls.iter().all(|asked| asked.call.ops.len() == 1));

    let calls = subjects(&world, &request(&world, &world.agent, "n-2"));
    assert_eq!((calls.len(), calls[0].subject, calls[0].call.ops.len()), (1, agent, 2));

    // Whichever of them was used, the request is refused.
    assert_eq!(world.code(&request(&world, &world.holder, "n-3")), "ok");
    elsewhere(&world);
    let mut mixed = request(&world, &world.holder, "n-4");
    let old = request(&world, &world.holder, "n-3");
    for (name, value) in &mut mixed.fields {
        if name == "dpop" {
            value.clone_from(&old.fields.iter().find(|(name, _)| name == "dpop").unwrap().1);
        }
    }
    assert_eq!(world.code(&mixed), "dpop.proof_replayed");
}

#[test]
fn where_the_object_cannot_be_asked_the_route_decides() {
    let world = world();
    world.subjects.replace(None);
    let denied = world.decide(&proven(&world, "/proven", "p-1"));
    assert_eq!((denied.code, denied.status), ("replay.unavailable", 503));
    assert_eq!(denied.guarantees.replay, ReplayGuarantee::Isolate);
    assert_eq!(replay_evidence(&denied), Some((CheckResult::Fail, "replay.unavailable", None)));

    let draft = proven(&world, "/lenient", "p-2");
    let allowed = world.decide(&draft);
    assert_eq!((allowed.code, allowed.guarantees.replay), ("ok", ReplayGuarantee::Isolate));
    assert_eq!(replay_evidence(&allowed), Some((CheckResult::Skipped, "replay.unavailable", None)));
    assert_eq!(world.code(&draft), "dpop.proof_replayed", "what the isolate has seen it still refuses");
}

/// Takes a request to its call, and answers that as told.
fn answered(world: &World, draft: &Draft, replies: &[Option<Reply>]) -> Decision {
    let mut memory = Memory::new(3);
    let (mut session, _) = asking(world, draft, &mut memory);
    match session.step(&mut memory, world.now, &Answer::State(replies)) {
        Step::Done(conclusion) => conclusion.decision,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_that_says_nothing_is_no_permission() {
    let world = world();
    let draft = proven(&world, "/proven", "p-1");
    let damaged = Some(Reply { answers: vec![OpReply::Damaged] });
    let none = Some(Reply { answers: vec![] });
    for replies in [vec![], vec![None], vec![damaged], vec![none]] {
        assert_eq!(answered(&world, &draft, &replies).code, "replay.unavailable", "{replies:?}");
    }
    let reply = |text: &str| Some(serde_json::from_str::<Reply>(text).unwrap());
    assert_eq!(answered(&world, &draft, &[reply("{\"a\":[{\"replay\":\"new\"}]}")]).code, "ok");
    let full = answered(&world, &draft, &[reply("{\"a\":[{\"replay\":\"full\"}]}")]);
    assert_eq!((full.code, full.status, header(&full, "Retry-After")), ("replay.too_many", 429, Some("60")));
    let late = answered(&world, &draft, &[reply("{\"a\":[{\"replay\":\"late\"}]}")]);
    assert_eq!(late.code, "dpop.expired");
    let late =
        answered(&world, &signed(&world, "/exact", Some("n")), &[reply("{\"a\":[{\"replay\":\"late\"}]}")]);
    assert_eq!(late.code, "signature.expired");
}

#[test]
fn a_proof_that_was_new_and_not_recorded_is_not_let_through() {
    let route = "[risk]\nstore = \"durable-object\"\n[[routes]]\nmatch = \"GET /risky\"\nrequire = [\"token\", \"dpop\"]\n\
                 replay = \"exact\"\non_unavailable = { risk = \"allow\" }\n";
    let world = World::with(&format!("{}{route}", gate_support::CONFIG));
    let draft = proven(&world, "/risky", "p-1");
    assert_eq!(world.code(&draft), "ok");
    // What is stored of the risk cannot be read, and the route passes over that; nothing of the call was written.
    let reply = serde_json::from_str::<Reply>("{\"a\":[{\"replay\":\"new\"},\"damaged\"]}").unwrap();
    let decision = answered(&world, &draft, &[Some(reply)]);
    assert_eq!(decision.code, "replay.unavailable");
    assert_eq!(replay_evidence(&decision), Some((CheckResult::Fail, "replay.unavailable", None)));
}

#[test]
fn an_isolate_whose_clock_is_behind_gets_no_old_proof_through() {
    let world = world();
    let draft = proven(&world, "/proven", "p-1");
    let holder = SubjectName::key(&world.holder.thumbprint());
    // The object has seen a time at which nobody remembers the proof.
    let later = UnixMillis(world.now.0 + 3_600_000);
    let key = countersign::state::replay::ReplayKey::new(&["x"]);
    let op = Op::Replay(Ask { key, until: UnixMillis(later.0 + 1) });
    let call = Call::new(RequestId::new("x"), vec![op]);
    world.subjects.borrow_mut().as_mut().unwrap().answer(holder, &call, later).unwrap();
    assert_eq!(world.code(&draft), "dpop.expired");
}
