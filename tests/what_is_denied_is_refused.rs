//! The deny list: what an administrator denies is refused at the next request, and with it what came from it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod gate_support;

use std::collections::BTreeMap;
use std::time::Duration;

use countersign::client::{Client, ClientCertificate};
use countersign::config::{Config, ConfigError, Gate};
use countersign::decision::CheckResult;
use countersign::registry::admin::{Answer, MAX_BODY_BYTES, PREFIX, Request};
use countersign::registry::copy::{
    Document, MAX_AGE, MAX_AGE_WHILE_FAILING, REFRESH_FROM, RETRY_AFTER, published,
};
use countersign::registry::{Actor, Registry, RegistryErrorKind as Error};
use countersign::revocation::admin::{Command, MAX_LISTED, is_asked_at};
use countersign::revocation::deny_list::{self, DenyList, Digest, Kind, MAX_DENIALS};
use countersign::revocation::ledger::{Changed, Denial, Denying, Ledger};
use countersign::time::{UnixMillis, UnixSeconds};
use gate_support::{CONFIG, Draft, ISSUER, NOW, World};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a configuration with an admin API has, and deep delegations.
const ADMIN: &str = "[admin]\nissuer = \"https://auth.example\"\ndpop = true\n[delegation]\nmax_depth = 8\n";

fn with(more: &str) -> World {
    World::with(&format!("{CONFIG}\n{more}"))
}

/// A gate whose store denies this.
fn denying(entries: &[(Kind, &str)]) -> World {
    let mut world = with(ADMIN);
    let ends = UnixSeconds(NOW + 3600);
    let list = DenyList::new(1, entries.iter().map(|(kind, value)| (Digest::of(*kind, ISSUER, value), ends)));
    world.denials = Some(list.to_json());
    world.agents = Some(Registry::default().to_json());
    world
}

fn orders(world: &World, change: impl FnOnce(&mut Value)) -> Draft {
    Draft::new("GET", "/orders").bearer(&world.token(change))
}

#[test]
fn a_token_that_nothing_denies_passes_and_says_how_it_was_looked_up() {
    for world in
        [denying(&[]), denying(&[(Kind::Jti, "token-2"), (Kind::Sub, "person-2"), (Kind::Task, "t")])]
    {
        let decision = world.decide(&orders(&world, |_| {}));
        let evidence = decision.evidence.iter().find(|evidence| evidence.check == "revocation").unwrap();
        assert_eq!((decision.code, evidence.result), ("ok", CheckResult::Pass));
        assert_eq!(evidence.detail.as_deref(), Some("deny-list"));
    }
    // Where there is nothing to look it up in, nothing is said.
    let world = World::new();
    assert!(
        world.decide(&orders(&world, |_| {})).evidence.iter().all(|evidence| evidence.check != "revocation")
    );
}

#[test]
fn whoever_is_denied_is_denied_wherever_a_delegation_names_them() {
    let person = denying(&[(Kind::Sub, "mallory")]);
    for change in [
        json!({ "sub": "mallory" }),
        json!({ "delegator_sub": "mallory" }),
        json!({ "act": { "sub": "mallory" } }),
        json!({ "delegation_chain": [{ "sub": "mallory" }] }),
    ] {
        let draft = orders(&person, |claims| {
            claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        });
        assert_eq!(person.code(&draft), "token.subject_revoked", "{change}");
    }
    assert_eq!(person.code(&orders(&person, |claims| claims["act"] = json!({ "sub": "alice" }))), "ok");
    let agent = denying(&[(Kind::Agent, "rogue")]);
    let draft = orders(&agent, |claims| claims["act"] = json!({ "sub": "rogue" }));
    assert_eq!(agent.code(&draft), "agent.revoked");
    let history = orders(&agent, |claims| claims["act"] = json!({ "sub": "a", "act": { "sub": "rogue" } }));
    assert_eq!(agent.code(&history), "ok");
}

#[test]
fn each_kind_is_refused_for_its_own_reason() {
    let jkt = gate_support::Key::of(3).thumbprint();
    for (kind, value, code, status) in [
        (Kind::Jti, "token-1", "token.revoked", 401),
        (Kind::Sub, "person-1", "token.subject_revoked", 401),
        (Kind::Agent, "shopper", "agent.revoked", 403),
        (Kind::Task, "task-1", "token.task_revoked", 401),
        (Kind::Key, jkt.as_str(), "token.key_revoked", 401),
    ] {
        let world = denying(&[(kind, value)]);
        let token = world.token(|claims| {
            claims["cnf"] = json!({ "jkt": jkt });
            claims["task_id"] = "task-1".into();
        });
        let decision = world.decide(&Draft::new("GET", "/bound").dpop(&token, &world.holder));
        assert_eq!((decision.code, decision.status), (code, status));
    }
}

#[test]
fn an_agent_is_denied_by_each_of_its_names() {
    let world = denying(&[(Kind::Agent, gate_support::DIRECTORY)]);
    assert_eq!(world.code(&Draft::new("GET", "/signed").signed(&world.agent)), "agent.revoked");
    let world = denying(&[(Kind::Agent, "helper")]);
    assert_eq!(world.code(&orders(&world, |claims| claims["agent_id"] = "helper".into())), "agent.revoked");
    assert_eq!(world.code(&orders(&world, |claims| claims["agent_id"] = "helpers".into())), "ok");
}

#[test]
fn an_agent_is_denied_by_the_names_that_stand_for_its_identity() {
    use gate_support::{AGENT, DIRECTORY};
    let denying = |value: &str| {
        with(&format!(
            "[delegation]\nagents = {{ \"urn:a\" = \"{DIRECTORY}\", \"urn:b\" = \"{AGENT}\", \"urn:c\" = \"other\" }}\n\
             [revocation]\ndeny = [{{ kind = \"agent\", value = \"{value}\" }}]\n"
        ))
    };
    for value in [DIRECTORY, AGENT] {
        let world = denying(value);
        for name in ["urn:a", "urn:b", AGENT, DIRECTORY] {
            let draft = orders(&world, |claims| claims["agent_id"] = name.into());
            assert_eq!(world.code(&draft), "agent.revoked", "{value} {name}");
            let draft = orders(&world, |claims| claims["client_id"] = name.into());
            assert_eq!(world.code(&draft), "agent.revoked", "{value} {name}");
        }
        assert_eq!(world.code(&Draft::new("GET", "/signed").signed(&world.agent)), "agent.revoked");
        for name in ["urn:c", "urn:d", "https://agents.example.com", "https://agents.example/x"] {
            let draft = orders(&world, |claims| claims["agent_id"] = name.into());
            assert_eq!(world.code(&draft), "ok", "{value} {name}");
        }
    }
}

#[test]
fn a_token_in_a_chain_is_read_where_its_issuer_writes() {
    let names =
        "[issuers.claims]\ntask = \"tid\"\nparent_task = \"ptid\"\nparent_token = \"ptoken\"\n\n[signatures]";
    let config = CONFIG.replacen("[signatures]", names, 1);
    let config = format!(
        "{config}\n[delegation]\nlineage = \"off\"\n[revocation]\ndeny = [{{ kind = \"task\", value = \"bad\" }}, \
         {{ kind = \"jti\", value = \"stolen\", issuer = \"{ISSUER}\" }}]\n"
    );
    let code = |claim: &str, value: &str| {
        // Another each time: what one token came from is remembered.
        let world = World::with(&config);
        let step = world.token(|claims| (claims["jti"], claims[claim]) = ("p".into(), value.into()));
        world.code(&orders(&world, |claims| {
            claims["tid"] = "leaf".into();
            claims["delegation_chain"] = json!([step]);
        }))
    };
    assert_eq!(code("tid", "bad"), "token.task_revoked");
    assert_eq!(code("ptid", "bad"), "token.task_revoked");
    assert_eq!(code("ptoken", "stolen"), "token.revoked");
    assert_eq!(code("jti", "stolen"), "token.revoked");
    for (claim, value) in [("tid", "good"), ("task_id", "bad"), ("parent_task_id", "bad"), ("ptoken", "p")] {
        assert_eq!(code(claim, value), "ok", "{claim}");
    }
}

#[test]
fn a_key_that_signs_is_denied_too() {
    let world = denying(&[(Kind::Key, &gate_support::Key::of(2).thumbprint())]);
    let decision = world.decide(&Draft::new("GET", "/signed").signed(&world.agent));
    assert_eq!((decision.code, decision.status), ("agent.key_revoked", 403));
}

/// Whatever else a request is proven by, the certificate that it was believed for can be denied.
#[test]
fn a_certificate_is_denied_wherever_it_was_relied_on() {
    type Make<'a> = &'a dyn Fn(&World) -> Draft;
    let routes = "
        [[routes]]
        match = \"GET /cert\"
        require = [\"mtls\"]
        [[routes]]
        match = \"GET /both\"
        require = [\"token\", \"dpop\", \"mtls\"]
        [[routes]]
        match = \"GET /signed-cert\"
        require = [\"signature\", \"mtls\"]
    ";
    let der = b"a certificate".to_vec();
    let x5t = countersign::mtls::x5t_s256(&der);
    let certificate = ClientCertificate { der, verified: true, revoked: false };
    let client = Client { certificate: Some(certificate), ..Client::default() };
    let code = |denied: &str, make: Make<'_>| {
        let deny = format!("[revocation]\ndeny = [{{ kind = \"key\", value = \"{denied}\" }}]");
        let world = with(&format!("{routes}\n{deny}"));
        let decision = world.decide(&make(&world).client(client.clone()));
        (decision.code, decision.status)
    };
    let bound = |world: &World| world.token(|claims| claims["cnf"] = json!({ "x5t#S256": x5t }));
    let cases: [(Make<'_>, _); 4] = [
        (&|_| Draft::new("GET", "/cert"), ("agent.key_revoked", 403)),
        (&|world| Draft::new("GET", "/orders").bearer(&bound(world)), ("token.key_revoked", 401)),
        (&|world| Draft::new("GET", "/both").dpop(&world.bound(), &world.holder), ("token.key_revoked", 401)),
        (&|world| Draft::new("GET", "/signed-cert").signed(&world.agent), ("token.key_revoked", 401)),
    ];
    for (make, refusal) in cases {
        assert_eq!(code(&x5t, make), refusal);
        assert_eq!(code(&countersign::mtls::x5t_s256(b"another"), make), ("ok", 200));
    }
    // One that nothing was believed for is nobody's.
    assert_eq!(
        code(&x5t, &|world| Draft::new("GET", "/bound").dpop(&world.bound(), &world.holder)),
        ("ok", 200)
    );
}

#[test]
fn a_name_of_one_issuer_is_no_name_of_another() {
    let world = with(ADMIN);
    let ends = UnixSeconds(NOW + 3600);
    let of_other = |kind| (Digest::of(kind, "https://other.example", "token-1"), ends);
    let world = World { denials: Some(DenyList::new(1, [of_other(Kind::Jti)]).to_json()), ..world };
    assert_eq!(world.code(&orders(&world, |_| {})), "ok");
    assert_ne!(Digest::of(Kind::Jti, "a", "b"), Digest::of(Kind::Sub, "a", "b"));
    assert_eq!(Digest::of(Kind::Task, "a", "b"), Digest::of(Kind::Task, "c", "b"));
}

#[test]
fn a_denial_ends_when_it_said() {
    let mut world = denying(&[(Kind::Jti, "token-1")]);
    let list = DenyList::new(1, [(Digest::of(Kind::Jti, ISSUER, "token-1"), UnixSeconds(NOW + 20))]);
    world.denials = Some(list.to_json());
    let draft = orders(&world, |_| {});
    world.now = world.now.plus(Duration::from_secs(19));
    assert_eq!(world.code(&draft), "token.revoked");
    world.now = world.now.plus(Duration::from_secs(1));
    assert_eq!(world.code(&draft), "ok");
}

#[test]
fn a_revoked_task_ends_what_came_from_it() {
    for (denied, change) in [
        ((Kind::Task, "root"), json!({ "task_id": "child", "parent_task_id": "root" })),
        (
            (Kind::Task, "root"),
            json!({ "task_id": "leaf", "delegation_chain": [{ "task_id": "root" }, { "task_id": "child" }] }),
        ),
        ((Kind::Jti, "token-0"), json!({ "parent_token_id": "token-0" })),
    ] {
        let world = denying(&[denied]);
        let refused = world.code(&orders(&world, |claims| {
            claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        }));
        assert_eq!(refused, denied.0.refusal().code(), "{change}");
    }
}

/// A grandchild that names its parent alone is caught where the parent's token was seen.
#[test]
fn a_grandchild_is_caught_by_what_its_parents_token_said() {
    let mut world = denying(&[]);
    let child = orders(&world, |claims| {
        claims["jti"] = "child-token".into();
        (claims["task_id"], claims["parent_task_id"]) = ("child".into(), "root".into());
    });
    let by_task = orders(&world, |claims| {
        (claims["task_id"], claims["parent_task_id"]) = ("leaf".into(), "child".into());
    });
    let by_token = orders(&world, |claims| claims["parent_token_id"] = "child-token".into());
    for draft in [&child, &by_task, &by_token] {
        assert_eq!(world.code(draft), "ok");
    }
    world.denials =
        denying(&[(Kind::Task, "root")]).denials.map(|list| list.replace("\"revision\":1", "\"revision\":2"));
    world.now = world.now.plus(MAX_AGE);
    for draft in [&child, &by_task, &by_token] {
        assert_eq!(world.code(draft), "token.task_revoked");
    }
    // Who has not seen it does not know.
    let other = World { denials: world.denials.clone(), ..denying(&[]) };
    assert_eq!(other.code(&by_task), "ok");
}

/// The parent's token comes with the request: what it says of itself and of its own parents counts at once.
#[test]
fn a_grandchild_that_brings_its_parents_token_is_caught_by_it() {
    for denied in
        [(Kind::Task, "root"), (Kind::Jti, "token-0"), (Kind::Jti, "parent-token"), (Kind::Task, "unrelated")]
    {
        let config = format!("{CONFIG}\n{ADMIN}parent_field = \"Parent-Token\"\n");
        let world = World { denials: denying(&[denied]).denials, ..World::with(&config) };
        let parent = world.token(|claims| {
            (claims["jti"], claims["task_id"]) = ("parent-token".into(), "child".into());
            (claims["parent_task_id"], claims["parent_token_id"]) = ("root".into(), "token-0".into());
        });
        let child = orders(&world, |claims| {
            (claims["task_id"], claims["parent_task_id"]) = ("leaf".into(), "child".into());
            claims["parent_token_id"] = "parent-token".into();
        });
        let expected = if denied.1 == "unrelated" { "ok" } else { denied.0.refusal().code() };
        assert_eq!(world.code(&child.field("parent-token", &parent)), expected, "{denied:?}");
    }
}

#[test]
fn what_a_forged_token_says_is_not_remembered() {
    let mut world = denying(&[]);
    let forged = {
        let token = world
            .token(|claims| (claims["task_id"], claims["parent_task_id"]) = ("child".into(), "root".into()));
        let (input, _) = token.rsplit_once('.').unwrap();
        Draft::new("GET", "/orders").bearer(&format!("{input}.{}", "A".repeat(86)))
    };
    assert_eq!(world.code(&forged), "token.signature_invalid");
    world.denials = denying(&[(Kind::Task, "root")]).denials;
    let world = World { memory: world.memory, ..denying(&[(Kind::Task, "root")]) };
    assert_eq!(world.code(&orders(&world, |claims| claims["task_id"] = "child".into())), "ok");
}

#[test]
fn without_a_list_nothing_that_is_proven_passes() {
    let mut world = denying(&[]);
    world.denials = None;
    let draft = orders(&world, |_| {});
    let decision = world.decide(&draft);
    assert_eq!((decision.code, decision.status), ("revocation.unavailable", 503));
    // What proves nothing has no name, and a forgery is refused as one.
    assert_eq!(world.code(&Draft::new("GET", "/open/x")), "ok");
    assert_eq!(world.code(&Draft::new("GET", "/orders").bearer("a.b.c")), "token.malformed");
}

#[test]
fn a_copy_serves_while_the_store_fails_but_not_for_ever() {
    let mut world = denying(&[(Kind::Jti, "token-2")]);
    let [fine, denied] = ["token-1", "token-2"].map(|jti| {
        orders(&world, |claims| (claims["jti"], claims["exp"]) = (jti.into(), (NOW + 3600).into()))
    });
    assert_eq!(world.code(&fine), "ok");
    let (start, document) = (world.now, world.denials.take());
    for after in [MAX_AGE, MAX_AGE_WHILE_FAILING * 9 / 10] {
        world.now = start.plus(after);
        assert_eq!((world.code(&fine), world.code(&denied)), ("ok", "token.revoked"));
    }
    world.now = start.plus(MAX_AGE_WHILE_FAILING);
    assert_eq!(world.code(&fine), "revocation.unavailable");
    world.now = world.now.plus(RETRY_AFTER);
    world.denials = document;
    assert_eq!((world.code(&fine), world.code(&denied)), ("ok", "token.revoked"));
}

#[test]
fn a_copy_is_read_anew_in_the_background_before_it_is_too_old() {
    let mut world = denying(&[]);
    let draft = orders(&world, |_| {});
    assert!(!world.conclude(&draft).refresh_denials);
    world.now = world.now.plus(REFRESH_FROM);
    let refreshes: Vec<_> = (0..3).map(|_| world.conclude(&draft).refresh_denials).collect();
    assert_eq!(refreshes, [true, false, false], "one request reads it for all");
}

#[test]
fn what_an_isolate_denied_itself_acts_there_at_once() {
    let world = denying(&[]);
    let draft = orders(&world, |_| {});
    assert_eq!(world.code(&draft), "ok");
    let denial = |revision| Denial {
        digest: Digest::of(Kind::Sub, ISSUER, "person-1"),
        kind: Kind::Sub,
        until: Some(NOW + 60),
        at: NOW,
        revision,
        reason: None,
    };
    // One that the copy has seen, and seen lifted, is over.
    world.memory.borrow_mut().denied(denial(1));
    assert_eq!(world.code(&draft), "ok");
    world.memory.borrow_mut().denied(denial(2));
    assert_eq!(world.code(&draft), "token.subject_revoked");
}

#[test]
fn a_configuration_denies_without_a_store() {
    let more = r#"
        [[revocation.deny]]
        kind = "sub"
        value = "person-1"
        issuer = "https://auth.example"
        [[revocation.deny]]
        kind = "jti"
        value = "token-9"
    "#;
    let world = with(more);
    assert_eq!(world.code(&orders(&world, |_| {})), "token.subject_revoked");
    assert_eq!(world.code(&orders(&world, |claims| claims["sub"] = "person-2".into())), "ok");
    let denied =
        orders(&world, |claims| (claims["sub"], claims["jti"]) = ("person-2".into(), "token-9".into()));
    assert_eq!(world.code(&denied), "token.revoked");
    // Nor does a store lift what the configuration denies.
    let world = World { denials: denying(&[]).denials, ..with(&format!("{ADMIN}{more}")) };
    assert_eq!(world.code(&orders(&world, |_| {})), "token.subject_revoked");
}

#[test]
fn a_configuration_that_denies_nothing_in_particular_is_refused() {
    let faults = |entry: &str| -> Vec<ConfigError> {
        let text = format!("{CONFIG}\n[revocation]\ndeny = [{entry}]");
        Gate::new(&Config::from_toml(&text).unwrap()).map(|_| ()).unwrap_err()
    };
    for (entry, path) in [
        ("{ kind = \"sub\", value = \"\" }", "revocation.deny[0].value"),
        ("{ kind = \"key\", value = \"abc\" }", "revocation.deny[0].value"),
        (
            "{ kind = \"jti\", value = \"a\", issuer = \"https://other.example\" }",
            "revocation.deny[0].issuer",
        ),
        (
            "{ kind = \"task\", value = \"a\", issuer = \"https://auth.example\" }",
            "revocation.deny[0].issuer",
        ),
    ] {
        let faults = faults(entry);
        assert_eq!(faults.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(), [path], "{entry}");
    }
    let unknown = format!("{CONFIG}\n[revocation]\ndeny = [{{ kind = \"person\", value = \"a\" }}]");
    assert!(Config::from_toml(&unknown).unwrap_err().path.starts_with("revocation.deny[0]"));
}

// The admin API, and the ledger behind it.

const AT: UnixMillis = UnixMillis(1_790_000_000_000);

fn actor() -> Actor {
    Actor { iss: ISSUER.into(), sub: Some("ada".into()), client_id: None }
}

fn ask(
    gate: &Gate,
    ledger: &mut Ledger,
    method: &str,
    path: &str,
    body: &str,
) -> Result<(Answer, Option<Changed>), Error> {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let path = format!("{PREFIX}{path}");
    assert!(is_asked_at(&path));
    let request = Request {
        method,
        path: &path,
        query,
        if_match: None,
        body: body.as_bytes(),
        actor: actor(),
        allow_loopback: false,
    };
    let command = Command::parse(&request, gate, AT).map_err(|error| error.kind)?;
    let (answer, changed) = command.answer(ledger, AT).map_err(|error| error.kind)?;
    if let Some(changed) = &changed {
        ledger.take(changed);
    }
    Ok((answer, changed))
}

#[test]
fn a_denial_lives_from_post_to_delete() {
    let (world, mut ledger) = (with(ADMIN), Ledger::default());
    let gate = &world.gate;
    let body = json!({ "kind": "jti", "value": "token-1", "reason": "stolen" }).to_string();
    let (answer, changed) = ask(gate, &mut ledger, "POST", "/revocations", &body).unwrap();
    let digest = Digest::of(Kind::Jti, ISSUER, "token-1");
    assert_eq!((answer.status, answer.etag.as_deref()), (201, Some("\"1\"")));
    assert_eq!(answer.location, Some(format!("{PREFIX}/revocations/{}", digest.to_text())));
    // A day that the issuer's tokens may live for, and twice the skew of clocks.
    assert_eq!(answer.body["until"], NOW + 86_400 + 60);
    assert_eq!((&answer.body["kind"], &answer.body["digest"]), (&json!("jti"), &json!(digest.to_text())));
    assert!(!answer.body.to_string().contains("token-1"), "nobody is named");
    let event = changed.unwrap().event;
    assert_eq!((event.action, event.actor.sub.as_deref()), ("deny", Some("ada")));
    let claims = event.claims("https://api.example", "https://origin.example");
    assert_eq!(claims["sub_id"], json!({ "format": "opaque", "id": digest.to_text() }));
    assert_eq!((&claims["jti"], &event.to_json()["id"]), (&json!(event.id()), &json!(event.id())));
    assert_eq!(event.to_json()["reason"], "stolen");

    // Asked twice, it is denied once.
    let (again, changed) = ask(gate, &mut ledger, "POST", "/revocations", &body).unwrap();
    assert_eq!((again.status, &again.body, changed), (200, &answer.body, None));
    let path = format!("/revocations/{}", digest.to_text());
    assert_eq!(ask(gate, &mut ledger, "GET", &path, "").unwrap().0.body, answer.body);
    let listed = ask(gate, &mut ledger, "GET", "/revocations", "").unwrap().0.body;
    assert_eq!(listed, json!({ "revision": 1, "revocations": [answer.body] }));
    assert!(ledger.deny_list().denies(&digest, AT.seconds()));

    let (lifted, changed) = ask(gate, &mut ledger, "DELETE", &path, "").unwrap();
    assert_eq!((lifted.status, changed.unwrap().event.action), (200, "lift"));
    assert!(ledger.deny_list().is_empty());
    assert_eq!(ask(gate, &mut ledger, "DELETE", &path, "").unwrap_err(), Error::RevocationNotFound);
    assert_eq!(ask(gate, &mut ledger, "GET", &path, "").unwrap_err(), Error::RevocationNotFound);
    assert_eq!(ledger.revision(), 2);
}

/// Who has stolen an administrator's token could undo what was done about it.
#[test]
fn a_denial_is_lifted_only_where_administrators_prove_their_keys() {
    let digest = Digest::of(Kind::Sub, ISSUER, "person-1");
    let path = format!("/revocations/{}", digest.to_text());
    let body = json!({ "kind": "sub", "value": "person-1" }).to_string();
    for (dpop, lifted) in [
        ("", Err(Error::LiftingNeedsProof)),
        ("dpop = false", Err(Error::LiftingNeedsProof)),
        ("dpop = true", Ok(200)),
    ] {
        let world = with(&format!("[admin]\nissuer = \"https://auth.example\"\n{dpop}"));
        let mut ledger = Ledger::default();
        assert_eq!(ask(&world.gate, &mut ledger, "POST", "/revocations", &body).unwrap().0.status, 201);
        let answer = ask(&world.gate, &mut ledger, "DELETE", &path, "");
        assert_eq!(answer.map(|(answer, _)| answer.status), lifted, "{dpop}");
        assert_eq!(ledger.deny_list().denies(&digest, AT.seconds()), lifted.is_err());
    }
    assert_eq!(
        (Error::LiftingNeedsProof.code(), Error::LiftingNeedsProof.status()),
        ("admin.lifting_needs_proof", 403)
    );
}

#[test]
fn a_denial_lasts_at_least_as_long_as_what_it_denies() {
    let (world, mut ledger) = (with(ADMIN), Ledger::default());
    let mut until = |body: Value| -> Value {
        let body = body.to_string();
        ask(&world.gate, &mut ledger, "POST", "/revocations", &body).unwrap().0.body["until"].clone()
    };
    let (day, key) = (NOW + 86_460, gate_support::Key::of(3).thumbprint());
    assert_eq!(until(json!({ "kind": "jti", "value": "a", "until": NOW + 1 })), day);
    assert_eq!(until(json!({ "kind": "jti", "value": "b", "until": day + 1 })), day + 1);
    assert_eq!(until(json!({ "kind": "sub", "value": "a", "until": NOW + 1 })), NOW + 1);
    assert_eq!(until(json!({ "kind": "sub", "value": "b", "issuer": ISSUER })), day);
    assert_eq!(until(json!({ "kind": "task", "value": "a" })), day);
    assert_eq!(until(json!({ "kind": "agent", "value": "a" })), Value::Null);
    assert_eq!(until(json!({ "kind": "key", "value": key })), Value::Null);
    // It never ends earlier for being asked again, and later where that is asked.
    assert_eq!(until(json!({ "kind": "task", "value": "a", "until": NOW + 1 })), day);
    assert_eq!(until(json!({ "kind": "task", "value": "a", "until": day + 9 })), day + 9);
    assert_eq!(until(json!({ "kind": "agent", "value": "a", "until": NOW + 1 })), Value::Null);
    // A whole token says itself when it ends.
    assert_eq!(until(json!({ "token": world.token(|_| {}) })), NOW + 600 + 30);
    assert!(ledger.denial(&Digest::of(Kind::Jti, ISSUER, "token-1")).is_some());
}

#[test]
fn what_is_no_request_for_the_deny_list_is_refused() {
    let (world, mut ledger) = (with(ADMIN), Ledger::default());
    let of_other = world.token(|claims| claims["iss"] = "https://other.example".into());
    let nameless = world.token(|claims| drop(claims.as_object_mut().unwrap().remove("jti")));
    let expired = world.token(|claims| claims["exp"] = (NOW - 60).into());
    let long = "a".repeat(2049);
    let text = |value: Value| value.to_string();
    for (method, path, body, error) in [
        ("PUT", "/revocations", String::new(), Error::MethodNotAllowed),
        ("POST", "/revocations/x", String::new(), Error::MethodNotAllowed),
        ("POST", "/revocations/audit", String::new(), Error::MethodNotAllowed),
        ("GET", "/revocations/x/y", String::new(), Error::PathUnknown),
        ("GET", "/revocations/x", String::new(), Error::RevocationNotFound),
        ("GET", "/revocations/AAAAAAAAAAAAAAAAAAAAAA", String::new(), Error::RevocationNotFound),
        ("DELETE", "/revocations/AAAAAAAAAAAAAAAAAAAAAA", String::from("{\"a\":1}"), Error::BodyMalformed),
        ("GET", "/revocations?before=1", String::new(), Error::QueryInvalid),
        ("GET", "/revocations/AAAAAAAAAAAAAAAAAAAAAA?after=1", String::new(), Error::QueryInvalid),
        ("POST", "/revocations?after=1", String::new(), Error::QueryInvalid),
        ("POST", "/revocations", String::new(), Error::BodyMalformed),
        ("POST", "/revocations", "a".repeat(MAX_BODY_BYTES + 1), Error::BodyTooLarge),
        ("POST", "/revocations", text(json!({ "kind": "jti" })), Error::BodyMalformed),
        ("POST", "/revocations", text(json!({ "value": "a" })), Error::BodyMalformed),
        ("POST", "/revocations", text(json!({ "kind": "person", "value": "a" })), Error::BodyMalformed),
        ("POST", "/revocations", text(json!({ "kind": "jti", "value": "a", "x": 1 })), Error::BodyMalformed),
        ("POST", "/revocations", text(json!({ "kind": "jti", "token": "a.b.c" })), Error::BodyMalformed),
        ("POST", "/revocations", text(json!({ "kind": "jti", "value": "" })), Error::RevocationValueInvalid),
        (
            "POST",
            "/revocations",
            text(json!({ "kind": "sub", "value": "a\nb" })),
            Error::RevocationValueInvalid,
        ),
        (
            "POST",
            "/revocations",
            text(json!({ "kind": "sub", "value": long })),
            Error::RevocationValueInvalid,
        ),
        ("POST", "/revocations", text(json!({ "kind": "key", "value": "a" })), Error::RevocationValueInvalid),
        (
            "POST",
            "/revocations",
            text(json!({ "kind": "sub", "value": "a", "issuer": "https://other.example" })),
            Error::RevocationIssuerInvalid,
        ),
        (
            "POST",
            "/revocations",
            text(json!({ "kind": "agent", "value": "a", "issuer": ISSUER })),
            Error::RevocationIssuerInvalid,
        ),
        (
            "POST",
            "/revocations",
            text(json!({ "kind": "sub", "value": "a", "until": NOW })),
            Error::RevocationUntilInvalid,
        ),
        (
            "POST",
            "/revocations",
            text(json!({ "kind": "jti", "value": "a", "until": 0 })),
            Error::RevocationUntilInvalid,
        ),
        (
            "POST",
            "/revocations",
            text(json!({ "kind": "sub", "value": "a", "reason": "" })),
            Error::TextInvalid,
        ),
        ("POST", "/revocations", text(json!({ "token": "a.b.c" })), Error::RevocationTokenInvalid),
        ("POST", "/revocations", text(json!({ "token": of_other })), Error::RevocationTokenInvalid),
        ("POST", "/revocations", text(json!({ "token": nameless })), Error::RevocationTokenInvalid),
        ("POST", "/revocations", text(json!({ "token": expired })), Error::RevocationUntilInvalid),
    ] {
        let refused = ask(&world.gate, &mut ledger, method, path, &body).map(|_| ()).unwrap_err();
        assert_eq!(refused, error, "{method} {path} {body:.80}");
    }
    assert_eq!(ledger, Ledger::default());
}

#[test]
fn entries_are_told_in_parts() {
    let (world, mut ledger) = (with(ADMIN), Ledger::default());
    for i in 0..=MAX_LISTED {
        let body = json!({ "kind": "task", "value": format!("task-{i}") }).to_string();
        ask(&world.gate, &mut ledger, "POST", "/revocations", &body).unwrap();
    }
    let revisions = |ledger: &mut Ledger, path: &str| -> Vec<u64> {
        let body = ask(&world.gate, ledger, "GET", path, "").unwrap().0.body;
        body["revocations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["revision"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(revisions(&mut ledger, "/revocations"), (1..=100).collect::<Vec<_>>());
    assert_eq!(revisions(&mut ledger, "/revocations?after=100"), [101]);
}

fn full() -> Ledger {
    let entry = |i: usize| Denial {
        digest: Digest::of(Kind::Task, "", &i.to_string()),
        kind: Kind::Task,
        until: Some(NOW + 10 + i64::from(i > 0) * 100),
        at: NOW,
        revision: i as u64 + 1,
        reason: None,
    };
    Ledger::new(MAX_DENIALS as u64, (0..MAX_DENIALS).map(entry))
}

#[test]
fn a_full_list_refuses_and_drops_nobody() {
    let ledger = full();
    let more =
        |until| Denying { digest: Digest::of(Kind::Task, "", "more"), kind: Kind::Task, until, reason: None };
    let refused = ledger.deny(more(Some(NOW + 60)), &actor(), AT).unwrap_err();
    assert_eq!(refused.kind, Error::DenyListFull);
    // What is denied already may be for longer.
    let known = Denying { digest: Digest::of(Kind::Task, "", "7"), ..more(None) };
    assert!(ledger.deny(known, &actor(), AT).unwrap().is_some());
    // What has ended makes room.
    let later = AT.plus(Duration::from_secs(10));
    let changed = ledger.deny(more(None), &actor(), later).unwrap().unwrap();
    assert_eq!(changed.removed, [Digest::of(Kind::Task, "", "0")]);
    let mut next = ledger.clone();
    next.take(&changed);
    assert_eq!(next.deny_list().len(), MAX_DENIALS);
    // The longest list there may be is read.
    let document = published(&next.deny_list().to_json(), AT).unwrap();
    assert_eq!(deny_list::parse(&document), Some(next.deny_list()));
}

#[test]
fn what_ended_and_is_denied_anew_is_denied() {
    let mut ledger = Ledger::default();
    let denying = |until| Denying {
        digest: Digest::of(Kind::Task, "", "a"),
        kind: Kind::Task,
        until: Some(until),
        reason: None,
    };
    let changed = ledger.deny(denying(NOW + 10), &actor(), AT).unwrap().unwrap();
    ledger.take(&changed);
    let later = AT.plus(Duration::from_secs(20));
    let changed = ledger.deny(denying(NOW + 60), &actor(), later).unwrap().unwrap();
    ledger.take(&changed);
    assert!(ledger.deny_list().denies(&Digest::of(Kind::Task, "", "a"), later.seconds()));
    assert_eq!(ledger.denial(&Digest::of(Kind::Task, "", "a")).unwrap().at, NOW + 20);
}

#[test]
fn a_document_that_was_not_written_so_is_none() {
    let entries = [
        (Digest::of(Kind::Task, "", "a"), UnixSeconds(1)),
        (Digest::of(Kind::Task, "", "b"), UnixSeconds(2)),
    ];
    let good = DenyList::new(7, entries).to_json();
    assert_eq!(deny_list::parse(&good).unwrap().revision(), 7);
    let denied = good.split("\"denied\":\"").nth(1).unwrap().trim_end_matches("\"}");
    let (first, second) = denied.split_at(32);
    for text in [
        String::new(),
        "[]".into(),
        "{}".into(),
        good.replace("\"version\":1", "\"version\":2"),
        good.replace('}', ",\"more\":1}"),
        good.replace(denied, "AAAA"),
        good.replace(denied, "A A"),
        good.replace(denied, &format!("{second}{first}")),
        good.replace(denied, &format!("{first}{first}")),
        good.replace(denied, &"A".repeat(32 * (MAX_DENIALS + 1))),
        good.replace("\"revision\":7", "\"revision\":-7"),
    ] {
        assert_eq!(deny_list::parse(&text), None, "{text:.80}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_list_is_read_as_it_was_written(entries in prop::collection::btree_map("[a-z]{1,4}", any::<i64>(), 0..40), revision in 0..=i64::MAX.unsigned_abs()) {
        let digest = |name: &String| Digest::of(Kind::Task, "", name);
        let list = DenyList::new(revision, entries.iter().map(|(name, until)| (digest(name), UnixSeconds(*until))));
        let (read, at) = DenyList::read(&published(&list.to_json(), AT).unwrap()).unwrap();
        prop_assert_eq!((&read, at), (&list, Some(AT)));
        for (name, until) in &entries {
            prop_assert_eq!(read.denies(&digest(name), UnixSeconds(0)), *until > 0);
        }
        prop_assert!(!read.denies(&Digest::of(Kind::Sub, "", "a"), UnixSeconds(i64::MIN)));
    }

    #[test]
    fn no_document_makes_it_panic(text in "\\{(\"(version|revision|denied)\":(1|\"[A-Za-z0-9_-]{0,70}\"),?){0,4}\\}|\\PC{0,60}") {
        let _ = deny_list::parse(&text);
    }

    /// Whatever tree of tasks there is, and whichever is revoked: all below it are refused, and nothing else is.
    #[test]
    fn a_revoked_task_refuses_all_its_descendants(parents in prop::collection::vec(any::<prop::sample::Index>(), 1..8), revoked in any::<prop::sample::Index>(), whole in any::<bool>()) {
        // Task 0 is the root; each other came from one before it.
        let parent: BTreeMap<usize, usize> =
            parents.iter().enumerate().map(|(i, index)| (i + 1, index.index(i + 1))).collect();
        let tasks = parent.len() + 1;
        let ancestors = |task: usize| -> Vec<usize> {
            std::iter::successors(parent.get(&task).copied(), |task| parent.get(task).copied()).collect()
        };
        let revoked = revoked.index(tasks);
        let mut world = denying(&[]);
        let drafts: Vec<_> = (0..tasks).map(|task| orders(&world, |claims| {
            claims["jti"] = format!("token-{task}").into();
            claims["task_id"] = format!("task-{task}").into();
            if let Some(parent) = parent.get(&task) {
                claims["parent_task_id"] = format!("task-{parent}").into();
            }
            if whole {
                let chain: Vec<_> = ancestors(task).iter().rev().map(|task| json!({ "task_id": format!("task-{task}") })).collect();
                claims["delegation_chain"] = chain.into();
            }
        })).collect();
        // A chain that is named whole needs no parent's token to have been seen.
        if !whole {
            for draft in &drafts {
                prop_assert_eq!(world.code(draft), "ok");
            }
        }
        let list = DenyList::new(2, [(Digest::of(Kind::Task, "", &format!("task-{revoked}")), UnixSeconds(NOW + 3600))]);
        world.denials = Some(list.to_json());
        world.now = world.now.plus(MAX_AGE);
        for (task, draft) in drafts.iter().enumerate() {
            let ended = task == revoked || ancestors(task).contains(&revoked);
            prop_assert_eq!(world.code(draft), if ended { "token.task_revoked" } else { "ok" }, "task {}", task);
        }
    }
}
