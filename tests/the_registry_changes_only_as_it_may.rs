//! Changes of the registry: each is made whole or refused for a reason of its own, rotation never leaves a gap, and
//! what is revoked stays revoked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::time::Duration;

use countersign::config::{AgentConfig, AgentKeyConfig};
use countersign::encoding::base64url;
use countersign::reason::Reason;
use countersign::registry::agent::MAX_KEYS;
use countersign::registry::change::{DEFAULT_OVERLAP, MAX_OVERLAP, REGISTRY_CHANGE};
use countersign::registry::{
    Action, Actor, AgentKey, AgentRecord, AuditEvent, Change, MAX_AGENTS, MAX_ALL_DIRECTORIES, MAX_ALL_KEYS,
    Patch, Registry, RegistryError, RegistryErrorKind as Kind, Status,
};
use countersign::time::{UnixMillis, UnixSeconds};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: i64 = 1_790_000_000;

fn at(offset: i64) -> UnixMillis {
    UnixMillis(u64::try_from(NOW + offset).unwrap() * 1000)
}

fn public(seed: u32) -> [u8; 32] {
    let mut secret = [7; 32];
    secret[..4].copy_from_slice(&seed.to_le_bytes());
    SigningKey::from_bytes(&secret).verifying_key().to_bytes()
}

fn jwk(seed: u32) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&public(seed)) })
}

fn key_config(seed: u32) -> AgentKeyConfig {
    AgentKeyConfig { kid: Some(format!("key-{seed}")), jwk: jwk(seed), not_before: None, not_after: None }
}

fn read_key(config: &AgentKeyConfig) -> Result<AgentKey, RegistryError> {
    AgentKey::from_config(config, UnixSeconds(NOW))
}

fn key(seed: u32) -> AgentKey {
    read_key(&key_config(seed)).unwrap()
}

fn agent(id: &str, seeds: &[u32]) -> AgentConfig {
    AgentConfig {
        id: id.into(),
        operator: "https://shop.example".into(),
        purpose: "Buys what its users want".into(),
        contact: "ops@shop.example".into(),
        directories: vec![format!("https://{id}.example")],
        keys: seeds.iter().map(|seed| key_config(*seed)).collect(),
        jwks_uri: None,
        suspended: false,
    }
}

fn record(config: &AgentConfig) -> AgentRecord {
    AgentRecord::from_config(config, false, UnixSeconds(NOW)).unwrap()
}

fn actor() -> Actor {
    Actor { iss: "https://auth.example".into(), sub: Some("ada".into()), client_id: None }
}

fn change(id: &str, action: Action) -> Change {
    Change { agent: id.into(), action, expects: None, actor: actor() }
}

fn apply(registry: &Registry, id: &str, action: Action) -> Result<(Registry, AuditEvent), Kind> {
    registry.apply(&change(id, action), at(0)).map_err(|error| error.kind)
}

fn after(registry: &Registry, id: &str, action: Action) -> Registry {
    apply(registry, id, action).unwrap().0
}

fn register(registry: &Registry, config: &AgentConfig) -> Result<Registry, Kind> {
    let record = AgentRecord::from_config(config, false, UnixSeconds(NOW)).map_err(|error| error.kind)?;
    apply(registry, &config.id, Action::Register(record)).map(|(next, _)| next)
}

/// Agent `a` with key 1, agent `b` with key 2.
fn two() -> Registry {
    let one = register(&Registry::default(), &agent("a", &[1])).unwrap();
    register(&one, &agent("b", &[2])).unwrap()
}

fn standing(
    registry: &Registry,
    directory: &str,
    keyid: &str,
    offset: i64,
) -> Result<Option<String>, Reason> {
    let directory = (!directory.is_empty()).then_some(directory);
    registry
        .standing(directory, keyid, UnixSeconds(NOW + offset))
        .map(|agent| agent.map(|agent| agent.id().to_owned()))
}

#[allow(clippy::unnecessary_wraps, reason = "reads as what it is compared with")]
fn known(id: &str) -> Result<Option<String>, Reason> {
    Ok(Some(id.to_owned()))
}

#[test]
fn an_agent_is_found_by_id_key_and_directory() {
    let registry = two();
    assert_eq!(registry.by_id("a").unwrap().operator(), "https://shop.example");
    let thumbprint = key(1).thumbprint().to_owned();
    for keyid in ["key-1", &thumbprint] {
        assert_eq!(registry.by_keyid(keyid).unwrap().0.id(), "a");
    }
    for identity in [
        "https://a.example/",
        "https://a.example/.well-known/http-message-signatures-directory",
        "https://a.example/jwks.json",
    ] {
        assert_eq!(registry.by_directory(identity).unwrap().id(), "a", "{identity}");
    }
    for identity in
        ["https://a.example:8443/", "https://a.example.evil/", "https://c.example/", "a.example", ""]
    {
        assert!(registry.by_directory(identity).is_none(), "{identity}");
    }
    assert!(registry.by_id("c").is_none() && registry.by_keyid("key-3").is_none());
}

#[test]
fn a_directory_of_its_own_goes_before_the_origin_of_another() {
    let mut tenant = agent("tenant", &[]);
    tenant.directories = vec!["https://a.example/agents/t/jwks.json".into()];
    let registry = after(&register(&two(), &tenant).unwrap(), "a", Action::Suspend);
    assert_eq!(standing(&registry, "https://a.example/agents/t/jwks.json", "new", 0), known("tenant"));
    assert_eq!(standing(&registry, "https://a.example/other.json", "new", 0), Err(Reason::AgentSuspended));
}

#[test]
fn strangers_are_nobody_s_and_nothing_is_held_against_them() {
    assert_eq!(standing(&two(), "https://c.example/", "key-3", 0), Ok(None));
    assert_eq!(standing(&Registry::default(), "", "key-1", 0), Ok(None));
}

#[test]
fn a_suspended_agent_cannot_act_under_any_of_its_names_until_it_is_resumed() {
    let suspended = after(&two(), "a", Action::Suspend);
    for (directory, keyid) in [
        ("https://a.example/jwks.json", "never-registered"),
        ("", "key-1"),
        ("https://elsewhere.example/", "key-1"),
        ("https://b.example/", "key-1"),
        ("https://a.example/", "key-2"),
    ] {
        assert_eq!(
            standing(&suspended, directory, keyid, 0),
            Err(Reason::AgentSuspended),
            "{directory} {keyid}"
        );
    }
    assert_eq!(standing(&suspended, "", "key-2", 0), known("b"));
    let resumed = after(&suspended, "a", Action::Resume);
    assert_eq!(standing(&resumed, "", "key-1", 0), known("a"));
}

#[test]
fn what_is_revoked_is_revoked_for_good() {
    let revoked = after(&two(), "a", Action::Revoke);
    assert_eq!(standing(&revoked, "", "key-1", 0), Err(Reason::AgentRevoked));
    for action in [
        Action::Resume,
        Action::Suspend,
        Action::Revoke,
        Action::AddKey(key(3)),
        Action::Rotate { key: key(3), overlap: DEFAULT_OVERLAP },
        Action::RevokeKey("key-1".into()),
        Action::Update(Patch { contact: Some("x".into()), ..Patch::default() }),
    ] {
        assert_eq!(apply(&revoked, "a", action.clone()).err(), Some(Kind::AgentRevoked), "{action:?}");
    }
    assert_eq!(register(&revoked, &agent("a", &[3])).err(), Some(Kind::AgentExists));
    assert_eq!(register(&revoked, &agent("c", &[1])).err(), Some(Kind::KeyInUse));
    let mut heir = agent("c", &[3]);
    heir.directories = vec!["https://a.example/".into()];
    assert_eq!(register(&revoked, &heir).err(), Some(Kind::DirectoryInUse));
}

#[test]
fn a_revoked_key_is_refused_wherever_it_is_published_and_never_comes_back() {
    let thumbprint = key(1).thumbprint().to_owned();
    for keyid in ["key-1", &thumbprint] {
        let (revoked, event) = apply(&two(), "a", Action::RevokeKey(keyid.into())).unwrap();
        assert_eq!(event.key.as_deref(), Some(&*thumbprint));
        for directory in ["", "https://a.example/", "https://elsewhere.example/"] {
            assert_eq!(
                standing(&revoked, directory, &thumbprint, 0),
                Err(Reason::AgentKeyRevoked),
                "{directory}"
            );
        }
        assert_eq!(apply(&revoked, "a", Action::RevokeKey("key-1".into())).err(), Some(Kind::Unchanged));
        assert_eq!(apply(&revoked, "a", Action::AddKey(key(1))).err(), Some(Kind::KeyInUse));
        assert_eq!(apply(&revoked, "b", Action::AddKey(key(1))).err(), Some(Kind::KeyInUse));
    }
}

#[test]
fn keys_are_valid_from_not_before_until_just_before_not_after() {
    let times = AgentKeyConfig { not_before: Some(NOW + 10), not_after: Some(NOW + 20), ..key_config(3) };
    let registry = after(&two(), "a", Action::AddKey(read_key(&times).unwrap()));
    for (offset, expected) in [
        (9, Err(Reason::AgentKeyNotYetValid)),
        (10, known("a")),
        (19, known("a")),
        (20, Err(Reason::AgentKeyExpired)),
    ] {
        assert_eq!(standing(&registry, "", "key-3", offset), expected, "{offset}");
    }
}

#[test]
fn a_rotation_leaves_the_keys_before_valid_for_the_overlap() {
    let overlap = Duration::from_hours(1);
    let rotated = after(&two(), "a", Action::Rotate { key: key(3), overlap });
    for (keyid, offset, expected) in [
        ("key-1", 0, known("a")),
        ("key-1", 3599, known("a")),
        ("key-1", 3600, Err(Reason::AgentKeyExpired)),
        ("key-3", 0, known("a")),
        ("key-3", 1_000_000, known("a")),
    ] {
        assert_eq!(standing(&rotated, "", keyid, offset), expected, "{keyid} {offset}");
    }
    assert_eq!(standing(&rotated, "", "key-2", 1_000_000), known("b"));
}

#[test]
fn the_overlap_counts_from_when_the_new_key_is_valid() {
    let later = AgentKeyConfig { not_before: Some(NOW + 50_000), ..key_config(3) };
    let rotate = Action::Rotate { key: read_key(&later).unwrap(), overlap: Duration::from_secs(10) };
    let rotated = after(&two(), "a", rotate);
    for offset in [0, 49_999, 50_000, 50_009, 50_010] {
        let valid = |keyid| standing(&rotated, "", keyid, offset).is_ok();
        assert!(valid("key-1") || valid("key-3"), "no key at {offset}");
    }
    assert_eq!(standing(&rotated, "", "key-1", 50_010), Err(Reason::AgentKeyExpired));
}

#[test]
fn a_rotation_makes_no_key_live_longer_and_leaves_later_ones_alone() {
    let short = AgentKeyConfig { not_after: Some(NOW + 5), ..key_config(3) };
    let staged = AgentKeyConfig { not_before: Some(NOW + 100_000), ..key_config(4) };
    let mut registry = after(&two(), "a", Action::AddKey(read_key(&short).unwrap()));
    registry = after(&registry, "a", Action::AddKey(read_key(&staged).unwrap()));
    registry = after(&registry, "a", Action::Rotate { key: key(5), overlap: Duration::from_mins(1) });
    assert_eq!(standing(&registry, "", "key-3", 5), Err(Reason::AgentKeyExpired));
    assert_eq!(standing(&registry, "", "key-4", 100_000), known("a"));
    assert_eq!(standing(&registry, "", "key-1", 60), Err(Reason::AgentKeyExpired));
}

#[test]
fn an_overlap_is_at_most_two_days() {
    let rotate = |overlap| apply(&two(), "a", Action::Rotate { key: key(3), overlap }).err();
    assert_eq!(rotate(MAX_OVERLAP), None);
    assert_eq!(rotate(Duration::ZERO), None);
    assert_eq!(rotate(MAX_OVERLAP + Duration::from_secs(1)), Some(Kind::OverlapInvalid));
}

#[test]
fn keys_stay_bounded_by_forgetting_expired_ones_and_never_revoked_ones() {
    let mut registry = two();
    for seed in 100..100 + u32::try_from(MAX_KEYS).unwrap() - 1 {
        registry = after(&registry, "a", Action::AddKey(key(seed)));
    }
    assert_eq!(apply(&registry, "a", Action::AddKey(key(500))).err(), Some(Kind::TooManyKeys));
    registry = after(&registry, "a", Action::RevokeKey("key-100".into()));
    assert_eq!(apply(&registry, "a", Action::AddKey(key(500))).err(), Some(Kind::TooManyKeys));
    // With keys that have expired there is room, and the revoked one is still there.
    let nowhere = Action::Update(Patch { directories: Some(Vec::new()), ..Patch::default() });
    let mut rotating = after(&two(), "a", nowhere);
    rotating = after(&rotating, "a", Action::RevokeKey("key-1".into()));
    for seed in 0..40 {
        let rotate =
            Action::Rotate { key: read_key(&key_config(1000 + seed)).unwrap(), overlap: Duration::ZERO };
        rotating = rotating.apply(&change("a", rotate), at(i64::from(seed))).unwrap().0;
    }
    assert_eq!(rotating.by_id("a").unwrap().keys().len(), MAX_KEYS);
    assert_eq!(standing(&rotating, "", "key-1", 100), Err(Reason::AgentKeyRevoked));
    assert_eq!(standing(&rotating, "", "key-1039", 100), known("a"));
    assert_eq!(standing(&rotating, "", "key-1001", 100), Ok(None));
}

#[test]
fn an_expired_key_is_not_forgotten_while_it_may_be_published_elsewhere() {
    let nowhere = Patch { directories: Some(Vec::new()), ..Patch::default() };
    let at_a_url = Patch { jwks_uri: Some(Some("https://a.example/keys".into())), ..nowhere.clone() };
    for (patch, refused) in [(Patch::default(), true), (at_a_url, true), (nowhere, false)] {
        let mut full = two();
        if patch != Patch::default() {
            full = after(&full, "a", Action::Update(patch));
        }
        for seed in 0..u32::try_from(MAX_KEYS).unwrap() - 1 {
            let rotate = Action::Rotate { key: key(1000 + seed), overlap: Duration::ZERO };
            full = full.apply(&change("a", rotate), at(i64::from(seed))).unwrap().0;
        }
        for action in [Action::AddKey(key(2000)), Action::Rotate { key: key(2000), overlap: Duration::ZERO }]
        {
            let error = full.apply(&change("a", action), at(100)).err().map(|error| error.kind);
            assert_eq!(error, refused.then_some(Kind::TooManyKeys));
        }
        assert_eq!(standing(&full, "https://a.example/", "key-1", 100), Err(Reason::AgentKeyExpired));
    }
}

#[test]
fn one_key_or_kid_belongs_to_one_agent() {
    assert_eq!(register(&two(), &agent("c", &[1])).err(), Some(Kind::KeyInUse));
    assert_eq!(apply(&two(), "b", Action::AddKey(key(1))).err(), Some(Kind::KeyInUse));
    assert_eq!(apply(&two(), "a", Action::AddKey(key(1))).err(), Some(Kind::KeyInUse));
    let same_kid = AgentKeyConfig { kid: Some("key-1".into()), ..key_config(3) };
    assert_eq!(apply(&two(), "b", Action::AddKey(read_key(&same_kid).unwrap())).err(), Some(Kind::KeyInUse));
    // A `kid` that is another key's thumbprint would answer for it.
    let disguised = AgentKeyConfig { kid: Some(key(1).thumbprint().into()), ..key_config(3) };
    assert_eq!(read_key(&disguised).err().map(|error| error.kind), Some(Kind::KeyIdInvalid));
    assert_eq!(register(&two(), &agent("c", &[3, 3])).err(), Some(Kind::KeyInUse));
    let own = AgentKeyConfig { kid: Some(key(3).thumbprint().into()), ..key_config(3) };
    assert!(apply(&two(), "b", Action::AddKey(read_key(&own).unwrap())).is_ok());
}

#[test]
fn keys_that_anyone_could_sign_with_are_refused() {
    let kind = |jwk: Value| read_key(&AgentKeyConfig { kid: None, jwk, ..key_config(1) }).unwrap_err().kind;
    let mut private = jwk(1);
    private["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    assert_eq!(kind(private), Kind::KeyPrivate);
    assert_eq!(kind(json!({ "kty": "oct", "k": "c2VjcmV0" })), Kind::KeyPrivate);
    // RFC 9421 §B.1.4.
    let published =
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs" });
    assert_eq!(kind(published), Kind::KeyForbidden);
    let small_order = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&[0; 32]) });
    assert_eq!(kind(small_order), Kind::KeyInvalid);
    let weak = base64url::encode(&[0xff; 128]);
    for jwk in [json!({ "kty": "RSA", "e": "AQAB", "n": weak }), json!({}), json!(7), json!("x"), Value::Null]
    {
        assert_eq!(kind(jwk), Kind::KeyInvalid);
    }
    let mut encrypting = jwk(1);
    encrypting["use"] = json!("enc");
    assert_eq!(kind(encrypting), Kind::KeyInvalid);
}

#[test]
fn a_kid_is_visible_ascii_and_said_once() {
    let kid = |kid: &str, inside: Option<&str>| {
        let mut jwk = jwk(1);
        if let Some(inside) = inside {
            jwk["kid"] = json!(inside);
        }
        let kid = (!kid.is_empty()).then(|| kid.to_owned());
        read_key(&AgentKeyConfig { kid, jwk, ..key_config(1) }).map_err(|error| error.kind)
    };
    assert_eq!(kid("a", Some("a")).unwrap().kid(), "a");
    assert_eq!(kid("", Some("b")).unwrap().kid(), "b");
    assert_eq!(kid("", None).unwrap().kid(), key(1).thumbprint());
    assert_eq!(kid("a", Some("b")), Err(Kind::KeyIdInvalid));
    for bad in ["a b", "é", "\n", &"x".repeat(257)] {
        assert_eq!(kid(bad, None), Err(Kind::KeyIdInvalid), "{bad:?}");
    }
    assert_eq!(kid("", Some("")), Err(Kind::KeyIdInvalid));
}

#[test]
fn times_of_a_key_are_times_in_order() {
    for (not_before, not_after, member) in [
        (-1, None, "not_before"),
        (i64::MAX, None, "not_before"),
        (10, Some(10), "not_after"),
        (10, Some(9), "not_after"),
        (10, Some(i64::MAX), "not_after"),
    ] {
        let config = AgentKeyConfig { not_before: Some(not_before), not_after, ..key_config(1) };
        let error = read_key(&config).unwrap_err();
        assert_eq!((error.kind, &*error.path), (Kind::KeyTimesInvalid, member));
    }
}

#[test]
fn metadata_is_bounded_and_printable() {
    type Edit = fn(&mut AgentConfig);
    let cases: [(Edit, Kind, &str); 20] = [
        (|a| a.id = String::new(), Kind::AgentIdInvalid, "id"),
        (|a| a.id = "-a".into(), Kind::AgentIdInvalid, "id"),
        (|a| a.id = "..".into(), Kind::AgentIdInvalid, "id"),
        (|a| a.id = "a/b".into(), Kind::AgentIdInvalid, "id"),
        (|a| a.id = "a%20b".into(), Kind::AgentIdInvalid, "id"),
        (|a| a.id = "x".repeat(65), Kind::AgentIdInvalid, "id"),
        (|a| a.operator = " ".into(), Kind::OperatorInvalid, "operator"),
        (|a| a.operator = "x".repeat(257), Kind::OperatorInvalid, "operator"),
        (|a| a.operator = "http://shop.example".into(), Kind::OperatorInvalid, "operator"),
        (|a| a.purpose = String::new(), Kind::TextInvalid, "purpose"),
        (|a| a.purpose = "x".repeat(513), Kind::TextInvalid, "purpose"),
        (|a| a.purpose = "a\u{1b}[2J".into(), Kind::TextInvalid, "purpose"),
        (|a| a.contact = "a\u{202e}b".into(), Kind::TextInvalid, "contact"),
        (|a| a.contact = "x".repeat(257), Kind::TextInvalid, "contact"),
        (|a| a.directories = vec!["http://a.example".into()], Kind::DirectoryInvalid, "directories[0]"),
        (|a| a.directories.push("https://a.example/k?v=1".into()), Kind::DirectoryInvalid, "directories[1]"),
        (|a| a.directories = vec!["https://127.0.0.1/".into()], Kind::DirectoryInvalid, "directories[0]"),
        (
            |a| a.directories = (0..17).map(|i| format!("https://a.example/{i}")).collect(),
            Kind::TooManyDirectories,
            "directories",
        ),
        (|a| a.jwks_uri = Some("https://169.254.169.254/keys".into()), Kind::JwksUriInvalid, "jwks_uri"),
        (|a| a.directories = vec![], Kind::AgentUnrecognisable, ""),
    ];
    for (edit, kind, path) in cases {
        let mut config = agent("a", &[]);
        edit(&mut config);
        let error = AgentRecord::from_config(&config, false, UnixSeconds(NOW)).unwrap_err();
        assert_eq!((error.kind, &*error.path), (kind, path));
    }
    let many = agent("a", &(0..=u32::try_from(MAX_KEYS).unwrap()).collect::<Vec<_>>());
    let error = AgentRecord::from_config(&many, false, UnixSeconds(NOW)).unwrap_err();
    assert_eq!((error.kind, &*error.path), (Kind::TooManyKeys, "keys"));
    let mut loopback = agent("a", &[]);
    loopback.jwks_uri = Some("http://127.0.0.1:9/keys".into());
    assert!(AgentRecord::from_config(&loopback, true, UnixSeconds(NOW)).is_ok());
}

#[test]
fn an_update_changes_what_it_names_and_nothing_else() {
    let patch = Patch {
        contact: Some("new@shop.example".into()),
        jwks_uri: Some(Some("https://a.example/keys".into())),
        ..Patch::default()
    };
    let updated = after(&two(), "a", Action::Update(patch.clone()));
    let (before, now) = (two(), updated.by_id("a").unwrap());
    assert_eq!((now.contact(), now.jwks_uri()), ("new@shop.example", Some("https://a.example/keys")));
    let before = before.by_id("a").unwrap();
    assert_eq!(
        (now.operator(), now.keys(), now.directories()),
        (before.operator(), before.keys(), before.directories())
    );
    assert_eq!(apply(&updated, "a", Action::Update(patch)).err(), Some(Kind::Unchanged));
    let nowhere = Patch { jwks_uri: Some(None), ..Patch::default() };
    assert_eq!(after(&updated, "a", Action::Update(nowhere)).by_id("a").unwrap().jwks_uri(), None);
    for (patch, kind) in [
        (Patch { operator: Some(String::new()), ..Patch::default() }, Kind::OperatorInvalid),
        (
            Patch { directories: Some(vec!["https://b.example".into()]), ..Patch::default() },
            Kind::DirectoryInUse,
        ),
        (Patch { jwks_uri: Some(Some("http://a.example".into())), ..Patch::default() }, Kind::JwksUriInvalid),
        (Patch::default(), Kind::Unchanged),
    ] {
        assert_eq!(apply(&two(), "a", Action::Update(patch)).err(), Some(kind));
    }
    // What an agent gives up, another may have.
    let moved = after(&two(), "a", Action::Update(Patch { directories: Some(vec![]), ..Patch::default() }));
    let taken = Patch { directories: Some(vec!["https://a.example".into()]), ..Patch::default() };
    assert_eq!(
        after(&moved, "b", Action::Update(taken)).by_directory("https://a.example/x").unwrap().id(),
        "b"
    );
}

#[test]
fn what_is_not_there_or_already_so_is_refused() {
    for action in [Action::Suspend, Action::RevokeKey("key-1".into())] {
        assert_eq!(apply(&two(), "c", action).err(), Some(Kind::AgentNotFound));
    }
    assert_eq!(apply(&two(), "a", Action::RevokeKey("key-2".into())).err(), Some(Kind::KeyNotFound));
    assert_eq!(apply(&two(), "a", Action::Resume).err(), Some(Kind::Unchanged));
    assert_eq!(
        apply(&after(&two(), "a", Action::Suspend), "a", Action::Suspend).err(),
        Some(Kind::Unchanged)
    );
    assert_eq!(
        apply(&two(), "b", Action::Register(record(&agent("c", &[3])))).err(),
        Some(Kind::AgentIdInvalid)
    );
}

#[test]
fn a_change_that_was_made_for_another_revision_is_refused() {
    let registry = two();
    let expecting = |agent: &str, action, expects| {
        let change = Change { expects: Some(expects), ..change(agent, action) };
        registry.apply(&change, at(0)).map(|(next, _)| next.revision()).map_err(|error| error.kind)
    };
    assert_eq!((registry.by_id("a").unwrap().revision(), registry.revision()), (Some(1), 2));
    assert_eq!(expecting("a", Action::Suspend, 1), Ok(3));
    // Of the registry, not of the agent.
    assert_eq!(expecting("a", Action::Suspend, 2), Err(Kind::RevisionConflict));
    assert_eq!(expecting("c", Action::Register(record(&agent("c", &[3]))), 2), Err(Kind::RevisionConflict));
}

#[test]
fn each_change_is_one_revision_and_one_event() {
    let mut registry = Registry::default();
    let mut ids = BTreeSet::new();
    let rotate = Action::Rotate { key: key(3), overlap: DEFAULT_OVERLAP };
    let actions = [
        (Action::Register(record(&agent("a", &[1]))), "register", None),
        (Action::AddKey(key(2)), "add_key", Some(2)),
        (rotate, "rotate_key", Some(3)),
        (Action::RevokeKey("key-1".into()), "revoke_key", Some(1)),
        (Action::Update(Patch { contact: Some("x".into()), ..Patch::default() }), "update", None),
        (Action::Suspend, "suspend", None),
        (Action::Resume, "resume", None),
        (Action::Revoke, "revoke", None),
    ];
    for (i, (action, name, seed)) in actions.into_iter().enumerate() {
        let revision = u64::try_from(i).unwrap() + 1;
        let (next, event) = apply(&registry, "a", action.clone()).unwrap();
        assert_eq!(
            apply(&registry, "a", action).unwrap().1.id(),
            event.id(),
            "an event's id follows from what happened"
        );
        assert_eq!((next.revision(), event.revision, event.action), (revision, revision, name));
        assert_eq!(next.by_id("a").unwrap().revision(), Some(revision));
        assert_eq!(event.key, seed.map(|seed| key(seed).thumbprint().to_owned()));
        assert!(ids.insert(event.id()));
        registry = next;
    }
    assert_eq!(registry.by_id("a").unwrap().status(), Status::Revoked);
}

#[test]
fn an_event_says_who_did_what_and_nothing_secret() {
    let (_, event) = apply(&two(), "a", Action::Suspend).unwrap();
    let claims = event.claims("https://api.example", "https://origin.example");
    assert_eq!(claims["sub_id"], json!({ "format": "opaque", "id": "a" }));
    assert_eq!((&claims["jti"], &claims["iat"]), (&json!(event.id()), &json!(NOW)));
    assert!(claims.get("exp").is_none() && claims.get("sub").is_none());
    let details = json!({
        "action": "suspend",
        "revision": 3,
        "actor": { "iss": "https://auth.example", "sub": "ada" },
        "event_timestamp": NOW,
        "initiating_entity": "admin",
    });
    assert_eq!(claims["events"], json!({ REGISTRY_CHANGE: details }));
    let trail = event.to_json();
    assert_eq!((&trail["agent"], &trail["at_millis"]), (&json!("a"), &json!(NOW * 1000)));
    let other =
        Change { actor: Actor { sub: Some("eve".into()), ..actor() }, ..change("a", Action::Suspend) };
    assert_ne!(two().apply(&other, at(0)).unwrap().1.id(), event.id());
}

#[test]
fn the_store_bounds_agents_keys_and_directories() {
    let fill = |agents: usize, keys: u32, directories: usize| {
        let mut registry = Registry::default();
        for i in 0..agents {
            let first = u32::try_from(i).unwrap() * keys;
            let mut config = agent(&format!("agent-{i}"), &(first..first + keys).collect::<Vec<_>>());
            config.directories =
                (0..directories).map(|d| format!("https://agents.example/{i}/{d}")).collect();
            registry = match register(&registry, &config) {
                Ok(next) => next,
                Err(kind) => return (registry, Some(kind)),
            };
        }
        (registry, None)
    };
    let (most, refusal) = fill(MAX_AGENTS + 1, 1, 1);
    assert_eq!((most.agents().len(), refusal), (MAX_AGENTS, Some(Kind::RegistryFull)));
    let (most, refusal) = fill(MAX_ALL_KEYS / 16 + 1, 16, 0);
    assert_eq!((most.agents().len(), refusal), (MAX_ALL_KEYS / 16, Some(Kind::RegistryFull)));
    let (most, refusal) = fill(MAX_ALL_DIRECTORIES / 16 + 1, 0, 16);
    assert_eq!((most.agents().len(), refusal), (MAX_ALL_DIRECTORIES / 16, Some(Kind::RegistryFull)));
    assert_eq!(Registry::from_json(&most.to_json()).unwrap(), most);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// At every moment from a rotation on, some key of the agent is valid, and the one before is through the overlap.
    #[test]
    fn no_rotation_breaks_a_session_within_its_overlap(
        overlap in 0u64..=172_800, starts in -1000i64..200_000, moment in 0i64..600_000,
    ) {
        let new = AgentKeyConfig { not_before: Some(NOW + starts), ..key_config(3) };
        let rotate = Action::Rotate { key: read_key(&new).unwrap(), overlap: Duration::from_secs(overlap) };
        let rotated = after(&two(), "a", rotate);
        let valid = |keyid| standing(&rotated, "", keyid, moment).is_ok();
        prop_assert!(valid("key-1") || valid("key-3"));
        prop_assert_eq!(valid("key-1"), moment < starts.max(0) + i64::try_from(overlap).unwrap());
    }

    /// Whatever is done after, a revoked agent and a revoked key stay so, and no refused change leaves a trace.
    #[test]
    fn nothing_brings_back_what_was_revoked(actions in prop::collection::vec((0usize..9, 1u32..6, any::<bool>()), 0..40)) {
        let mut registry = after(&two(), "a", Action::RevokeKey("key-1".into()));
        registry = after(&registry, "b", Action::Revoke);
        for (which, seed, first) in actions {
            let id = if first { "a" } else { "b" };
            let action = match which {
                0 => Action::Suspend,
                1 => Action::Resume,
                2 => Action::AddKey(key(seed)),
                3 => Action::Rotate { key: key(seed), overlap: Duration::ZERO },
                4 => Action::RevokeKey(format!("key-{seed}")),
                5 => Action::Register(record(&agent(id, &[seed]))),
                6 => Action::Update(Patch { contact: Some(format!("c{seed}")), ..Patch::default() }),
                7 => Action::Update(Patch { directories: Some(vec![]), ..Patch::default() }),
                _ => Action::Update(Patch { directories: Some(vec!["https://b.example".into()]), ..Patch::default() }),
            };
            let before = registry.revision();
            if let Ok((next, event)) = apply(&registry, id, action) {
                prop_assert_eq!((next.revision(), event.revision), (before + 1, before + 1));
                registry = next;
            }
            prop_assert!(matches!(standing(&registry, "", "key-1", 0), Err(Reason::AgentKeyRevoked | Reason::AgentSuspended)));
            prop_assert_eq!(standing(&registry, "", "key-2", 0), Err(Reason::AgentRevoked));
            prop_assert_eq!(&Registry::from_json(&registry.to_json()).unwrap(), &registry);
        }
    }
}
