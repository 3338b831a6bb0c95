//! Status lists at the gate: which tokens they refuse, when they are fetched, and when they are not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod gate_support;

use std::time::Duration;

use countersign::config::{Config, Gate};
use countersign::decision::CheckResult;
use countersign::encoding::base64url;
use countersign::reason::Reason;
use gate_support::{CONFIG, Draft, ISSUER, JWKS_URI, Key, NOW, World};
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde_json::{Value, json};

const URI: &str = "https://auth.example/statuslists/1";
const TTL: Duration = Duration::from_secs(100);

/// A list of 8 bits for each token, signed by a key.
fn list(key: &Key, statuses: &[u8], change: impl FnOnce(&mut Value, &mut Value)) -> Vec<u8> {
    let lst = base64url::encode(&compress_to_vec_zlib(statuses, 9));
    let mut header = json!({ "typ": "statuslist+jwt", "alg": "EdDSA" });
    let mut claims = json!({
        "sub": URI, "iat": NOW, "ttl": TTL.as_secs(), "status_list": { "bits": 8, "lst": lst },
    });
    change(&mut header, &mut claims);
    key.jws(&header, &claims).into_bytes()
}

/// A gate of a configuration, whose issuer has published statuses.
fn world(config: &str, statuses: &[u8]) -> World {
    let mut world = World::with(config);
    publish(&mut world, statuses);
    world
}

fn publish(world: &mut World, statuses: &[u8]) {
    let list = list(&world.issuer, statuses, |_, _| {});
    world.documents.insert(URI.into(), list);
}

/// What the configuration of the issuer says of its lists.
fn configured(status_list: &str) -> String {
    CONFIG.replacen(
        "algorithms = [\"EdDSA\", \"ES256\"]",
        &format!("algorithms = [\"EdDSA\", \"ES256\"]\nstatus_list = {status_list}"),
        1,
    )
}

fn with_status(world: &World, status: &Value) -> Draft {
    Draft::new("GET", "/orders").bearer(&world.token(|claims| {
        claims["status"] = status.clone();
        claims["exp"] = (NOW + 3600).into();
    }))
}

fn at(world: &World, idx: u64) -> Draft {
    with_status(world, &json!({ "status_list": { "idx": idx, "uri": URI } }))
}

fn asked(world: &World) -> usize {
    world.inquiries.borrow().len()
}

#[test]
fn each_status_has_its_verdict() {
    let world = world(CONFIG, &[0, 1, 2, 3, 200]);
    let decision = world.decide(&at(&world, 0));
    assert_eq!((decision.code, asked(&world)), ("ok", 1));
    let evidence = decision.evidence.iter().find(|evidence| evidence.check == "revocation").unwrap();
    assert_eq!((evidence.result, evidence.detail.as_deref()), (CheckResult::Pass, Some("status-list")));
    for (idx, code) in [
        (1, "token.revoked"),
        (2, "token.suspended"),
        (3, "token.status_invalid"),
        (4, "token.status_invalid"),
        (5, "token.status_invalid"),
        (u64::MAX / 2, "token.status_invalid"),
    ] {
        let decision = world.decide(&at(&world, idx));
        assert_eq!((decision.code, decision.status), (code, 401), "{idx}");
        assert!(decision.evidence.iter().any(|e| e.check == "revocation" && e.result == CheckResult::Fail));
    }
    assert_eq!(asked(&world), 1, "one list serves them all");
}

#[test]
fn a_decision_says_how_old_the_list_was() {
    let mut world = world(CONFIG, &[0]);
    assert_eq!(world.code(&at(&world, 0)), "ok");
    world.now = world.now.plus(Duration::from_secs(50));
    let revocation = world.decide(&at(&world, 0)).revocation;
    assert_eq!(
        serde_json::to_value(revocation).unwrap(),
        json!([{ "source": "status-list", "age_secs": 50 }])
    );
}

#[test]
fn a_revocation_acts_when_the_list_is_fetched_anew() {
    let mut world = world(CONFIG, &[0]);
    let draft = at(&world, 0);
    assert_eq!(world.code(&draft), "ok");
    publish(&mut world, &[1]);
    world.now = world.now.plus(TTL / 2);
    assert_eq!(world.code(&draft), "ok");
    world.now = world.now.plus(TTL / 2);
    assert_eq!((world.code(&draft), asked(&world)), ("token.revoked", 2));
}

#[test]
fn a_list_is_fetched_anew_in_the_background() {
    let mut world = world(CONFIG, &[0]);
    let draft = at(&world, 0);
    assert!(world.conclude(&draft).inquiries.is_empty());
    world.now = world.now.plus(TTL * 9 / 10);
    let later: Vec<_> = (0..3).map(|_| world.conclude(&draft).inquiries.len()).collect();
    assert_eq!((later, asked(&world)), (vec![1, 0, 0], 1));
}

#[test]
fn a_reference_that_is_malformed_or_leads_elsewhere_refuses_and_fetches_nothing() {
    let world = world(CONFIG, &[0]);
    for list in [
        json!({ "idx": -1, "uri": URI }),
        json!({ "idx": "0", "uri": URI }),
        json!({ "idx": 0 }),
        json!("x"),
        json!({ "idx": 0, "uri": "https://other.example/statuslists/1" }),
        json!({ "idx": 0, "uri": "http://auth.example/statuslists/1" }),
        json!({ "idx": 0, "uri": "https://auth.example.evil.example/1" }),
        json!({ "idx": 0, "uri": "https://auth.example@evil.example/1" }),
        json!({ "idx": 0, "uri": "http://169.254.169.254/latest" }),
    ] {
        let decision = world.decide(&with_status(&world, &json!({ "status_list": list })));
        assert_eq!((decision.code, decision.status), ("token.status_invalid", 401), "{list}");
    }
    assert_eq!(asked(&world), 0);
    let narrow = configured("{ uris = [\"https://auth.example/lists\"] }");
    let world = self::world(&narrow, &[0]);
    assert_eq!((world.code(&at(&world, 0)), asked(&world)), ("token.status_invalid", 0));
}

#[test]
fn a_status_is_looked_at_as_the_configuration_says() {
    let none = |world: &World| Draft::new("GET", "/orders").bearer(&world.token(|_| {}));
    // A claim of the issuer's own, where nothing says that it is this one.
    let lax = world(CONFIG, &[0]);
    assert_eq!(lax.code(&with_status(&lax, &json!("active"))), "ok");
    assert_eq!(lax.code(&with_status(&lax, &json!({ "other_list": {} }))), "ok");
    assert_eq!(lax.code(&none(&lax)), "ok");
    let told = world(&configured("{}"), &[0]);
    assert_eq!(told.code(&with_status(&told, &json!("active"))), "token.status_invalid");
    assert_eq!(told.code(&with_status(&told, &json!({ "other_list": {} }))), "token.status_invalid");
    assert_eq!((told.code(&none(&told)), told.code(&at(&told, 0))), ("ok", "ok"));
    let strict = world(&configured("{ require = true }"), &[0]);
    assert_eq!((strict.code(&none(&strict)), strict.code(&at(&strict, 0))), ("token.status_invalid", "ok"));
}

#[test]
fn without_a_list_that_is_believed_nothing_passes() {
    let other = Key::of(9);
    let issuer = Key::of(1);
    for document in [
        None,
        Some(b"no list".to_vec()),
        Some(list(&other, &[0], |_, _| {})),
        Some(list(&issuer, &[0], |_, claims| claims["sub"] = "https://auth.example/statuslists/2".into())),
        Some(list(&issuer, &[0], |_, claims| claims["iss"] = "https://other.example".into())),
        Some(list(&issuer, &[0], |header, _| header["typ"] = "at+jwt".into())),
        Some(list(&issuer, &[0], |_, claims| claims["exp"] = (NOW - 60).into())),
        Some(list(&issuer, &[0], |_, claims| claims["status_list"]["lst"] = "eNrbuRgAAhcBXX".into())),
        Some(list(&issuer, &vec![0; 2 << 20], |_, _| {})),
    ] {
        let mut world = World::new();
        world.documents.extend(document.map(|document| (URI.to_owned(), document)));
        let decision = world.decide(&at(&world, 0));
        assert_eq!((decision.code, decision.status), ("revocation.unavailable", 503));
        assert_eq!(
            (world.code(&at(&world, 0)), asked(&world)),
            ("revocation.unavailable", 1),
            "it is left alone"
        );
    }
}

#[test]
fn a_route_may_let_pass_what_cannot_be_found_out() {
    let allows = CONFIG.replacen(
        "match = \"GET /orders\"",
        "match = \"GET /orders\"\non_unavailable = { revocation = \"allow\" }",
        1,
    );
    let world = World::with(&allows);
    let decision = world.decide(&at(&world, 0));
    let evidence = decision.evidence.iter().find(|evidence| evidence.check == "revocation").unwrap();
    assert_eq!((decision.code, evidence.result), ("ok", CheckResult::Skipped));
    assert_eq!(evidence.code, Reason::RevocationUnavailable.code());
    // What is known against a token still counts.
    let world = self::world(&allows, &[1]);
    assert_eq!(world.code(&at(&world, 0)), "token.revoked");
}

#[test]
fn a_list_serves_while_its_source_fails() {
    let mut world = world(CONFIG, &[0, 1]);
    assert_eq!(world.code(&at(&world, 0)), "ok");
    *world.is_silent.borrow_mut() = true;
    world.now = world.now.plus(TTL);
    assert_eq!((world.code(&at(&world, 0)), world.code(&at(&world, 1))), ("ok", "token.revoked"));
    world.now = world.now.plus(Duration::from_mins(15));
    assert_eq!(world.code(&at(&world, 0)), "revocation.unavailable");
}

#[test]
fn nothing_is_fetched_for_what_is_not_proven() {
    let world = world(CONFIG, &[0]);
    let token = world.token(|claims| claims["status"] = json!({ "status_list": { "idx": 0, "uri": URI } }));
    let (input, _) = token.rsplit_once('.').unwrap();
    let forged = Draft::new("GET", "/orders").bearer(&format!("{input}.{}", "A".repeat(86)));
    assert_eq!(world.code(&forged), "token.signature_invalid");
    let jkt = world.holder.thumbprint();
    let bound = world.token(|claims| {
        claims["status"] = json!({ "status_list": { "idx": 0, "uri": URI } });
        claims["cnf"] = json!({ "jkt": jkt });
    });
    assert_eq!(world.code(&Draft::new("GET", "/bound").dpop(&bound, &Key::of(9))), "dpop.key_mismatch");
    assert_eq!(asked(&world), 0);
    assert_eq!(
        (world.code(&Draft::new("GET", "/bound").dpop(&bound, &world.holder)), asked(&world)),
        ("ok", 1)
    );
}

/// The issuer signs its next list with a key that no token has named yet.
#[test]
fn a_list_with_a_new_key_has_the_key_set_fetched() {
    let mut world = World::new();
    let named = |key: &Key, kid: &str| {
        let mut jwk = key.jwk();
        jwk["kid"] = kid.into();
        jwk
    };
    let (old, new) = (named(&world.issuer, "old"), named(&Key::of(8), "new"));
    world.documents.insert(JWKS_URI.into(), json!({ "keys": [old] }).to_string().into_bytes());
    let plain = Draft::new("GET", "/orders").bearer(&world.token(|_| {}));
    assert_eq!(world.code(&plain), "ok");
    world.documents.insert(JWKS_URI.into(), json!({ "keys": [old, new] }).to_string().into_bytes());
    let by_new = list(&Key::of(8), &[0], |header, _| header["kid"] = "new".into());
    world.documents.insert(URI.into(), by_new);
    world.now = world.now.plus(Duration::from_secs(20));
    assert_eq!(world.code(&at(&world, 0)), "revocation.unavailable");
    world.now = world.now.plus(Duration::from_secs(2));
    assert_eq!((world.code(&at(&world, 0)), asked(&world)), ("ok", 2));
    assert_eq!(world.fetches.borrow().iter().filter(|url| *url == JWKS_URI).count(), 2);
}

#[test]
fn a_configuration_names_lists_as_they_are_fetched() {
    let faults = |config: &str| -> Vec<String> {
        let gate = Gate::new(&Config::from_toml(config).unwrap()).map(|_| ());
        gate.err().into_iter().flatten().map(|fault| fault.path).collect()
    };
    assert!(faults(&configured("{ uris = [\"https://lists.example/a\"], max_age = \"10s\" }")).is_empty());
    for (table, path) in [
        ("{ uris = [\"http://lists.example/\"] }", "issuers[0].status_list.uris[0]"),
        ("{ uris = [\"https://LISTS.example/\"] }", "issuers[0].status_list.uris[0]"),
        ("{ uris = [\"https://lists.example:443/\"] }", "issuers[0].status_list.uris[0]"),
        ("{ uris = [\"https://lists.example/a/../b\"] }", "issuers[0].status_list.uris[0]"),
        ("{ uris = [\"https://lists.example/?a\"] }", "issuers[0].status_list.uris[0]"),
        ("{ uris = [\"lists\"] }", "issuers[0].status_list.uris[0]"),
        ("{ max_age = \"9s\" }", "issuers[0].status_list.max_age"),
        ("{ max_age = \"25h\" }", "issuers[0].status_list.max_age"),
    ] {
        assert_eq!(faults(&configured(table)), [path], "{table}");
    }
    let nowhere =
        configured("{ require = true }").replace(&format!("issuer = \"{ISSUER}\""), "issuer = \"me\"");
    assert_eq!(faults(&nowhere), ["issuers[0].status_list.uris"]);
    let unknown = Config::from_toml(&configured("{ url = \"https://auth.example/\" }"));
    assert_eq!(unknown.unwrap_err().path, "issuers[0].status_list.url");
}

#[test]
fn a_parent_that_is_taken_back_carries_no_child() {
    let config = format!("{CONFIG}\n[delegation]\nparent_field = \"Parent-Token\"\nlineage = \"required\"\n");
    for (status, code) in [
        (0, "ok"),
        (1, "delegation.parent_invalid"),
        (2, "delegation.parent_invalid"),
        (9, "delegation.parent_invalid"),
    ] {
        let world = world(&config, &[0, status]);
        let listed = |idx: u64| json!({ "status_list": { "idx": idx, "uri": URI } });
        let parent = world.token(|c| {
            (c["jti"], c["task_id"], c["status"]) = ("parent".into(), "root".into(), listed(1));
        });
        for of_child in [json!({}), listed(0)] {
            let child = world.token(|c| {
                (c["jti"], c["task_id"]) = ("child".into(), "leaf".into());
                (c["parent_token_id"], c["status"]) = ("parent".into(), of_child);
            });
            let draft = Draft::new("GET", "/orders").bearer(&child).field("parent-token", &parent);
            assert_eq!((world.code(&draft), asked(&world)), (code, 1), "{status}");
        }
    }
}

#[test]
fn a_client_with_tokens_of_many_lists_makes_the_gate_fetch_so_often_and_no_more() {
    for (lists, fetches) in [(1, 1), (16, 16), (17, 32)] {
        let world = World::new();
        let uri = |list: u64| format!("https://auth.example/statuslists/{list}");
        let drafts: Vec<_> = (0..lists)
            .map(|at| with_status(&world, &json!({ "status_list": { "idx": 0, "uri": uri(at) } })))
            .collect();
        let mut world = world;
        for at in 0..lists {
            let of = list(&world.issuer, &[0], |_, claims| claims["sub"] = uri(at).into());
            world.documents.insert(uri(at), of);
        }
        assert!(drafts.iter().all(|draft| world.code(draft) == "ok"));
        for draft in (0..20).flat_map(|_| &drafts) {
            let _ = world.code(draft);
        }
        assert_eq!(asked(&world), fetches, "{lists}");
    }
}
