//! The gate obeys the registry: a signature that holds is not enough where its agent, or its key, may not act now.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod gate_support;

use countersign::config::AgentConfig;
use countersign::registry::copy::{MAX_AGE, MAX_AGE_WHILE_FAILING, REFRESH_FROM};
use countersign::registry::{Action, Actor, AgentKey, AgentRecord, Change, Registry};
use countersign::time::{UnixMillis, UnixSeconds};
use gate_support::{AGENT, CONFIG, Draft, Key, NOW, World};
use serde_json::json;

const ADMIN: &str = "[admin]\nissuer = \"https://auth.example\"\n";

/// A world whose gate is administered, and whose store has an empty registry.
fn administered() -> World {
    let mut world = World::with(&format!("{CONFIG}\n{ADMIN}"));
    world.agents = Some(Registry::default().to_json());
    world
}

fn signed(world: &World) -> Draft {
    Draft::new("GET", "/signed").signed(&world.agent)
}

/// The agent of the world, registered with its key and its origin.
fn registered(world: &World) -> Registry {
    let config = json!({
        "id": "shopper",
        "operator": "Shop",
        "purpose": "Buys",
        "contact": "ops@shop.example",
        "directories": [AGENT],
        "keys": [{ "jwk": world.agent.jwk() }],
    });
    let config: AgentConfig = serde_json::from_value(config).unwrap();
    let record = AgentRecord::from_config(&config, false, UnixSeconds(0)).unwrap();
    apply(&Registry::default(), Action::Register(record))
}

fn apply(registry: &Registry, action: Action) -> Registry {
    let actor = Actor { iss: "https://auth.example".into(), sub: None, client_id: None };
    let change = Change { agent: "shopper".into(), action, expects: None, actor };
    registry.apply(&change, UnixMillis(u64::try_from(NOW).unwrap() * 1000)).unwrap().0
}

fn code_after(action: Action) -> &'static str {
    let mut world = administered();
    world.agents = Some(apply(&registered(&world), action).to_json());
    world.code(&signed(&world))
}

fn new_key() -> AgentKey {
    let config = serde_json::from_value(json!({ "jwk": Key::of(9).jwk() })).unwrap();
    AgentKey::from_config(&config, UnixSeconds(NOW)).unwrap()
}

#[test]
fn an_agent_that_nobody_registered_is_as_welcome_as_its_directory() {
    let world = administered();
    assert_eq!(world.code(&signed(&world)), "ok");
    assert_eq!(world.decide(&signed(&world)).agent.unwrap().id, gate_support::DIRECTORY);
}

#[test]
fn who_may_not_act_is_refused_with_the_reason() {
    let thumbprint = Key::of(2).thumbprint();
    assert_eq!(code_after(Action::Suspend), "agent.suspended");
    assert_eq!(code_after(Action::Revoke), "agent.revoked");
    assert_eq!(code_after(Action::RevokeKey(thumbprint)), "agent.key_revoked");
    let rotate = |secs| Action::Rotate { key: new_key(), overlap: core::time::Duration::from_secs(secs) };
    assert_eq!(code_after(rotate(0)), "agent.key_expired");
    assert_eq!(code_after(rotate(60)), "ok");
}

#[test]
fn a_key_that_is_not_valid_yet_is_refused() {
    let world = World::with(&CONFIG.replace(
        "[signatures]",
        &format!(
            "[[agents]]\nid = \"shopper\"\noperator = \"Shop\"\npurpose = \"Buys\"\ncontact = \"x\"\n\
             keys = [{{ jwk = {}, not_before = {} }}]\n\n[signatures]",
            toml_jwk(&Key::of(2)),
            NOW + 1,
        ),
    ));
    assert_eq!(world.code(&signed(&world)), "agent.key_not_yet_valid");
}

fn toml_jwk(key: &Key) -> String {
    let jwk = key.jwk();
    format!("{{ kty = \"OKP\", crv = \"Ed25519\", x = {} }}", jwk.get("x").unwrap())
}

#[test]
fn where_agents_must_be_registered_others_are_refused() {
    let required = CONFIG.replace("[signatures]", "[signatures]\nrequire_registered = true");
    let mut world = World::with(&format!("{required}\n{ADMIN}"));
    world.agents = Some(Registry::default().to_json());
    assert_eq!(world.code(&signed(&world)), "agent.unknown");
    world.agents = Some(registered(&world).to_json());
    world.now = world.now.plus(MAX_AGE);
    assert_eq!(world.code(&signed(&world)), "ok");
}

#[test]
fn a_change_acts_once_the_copy_is_as_old_as_it_may_be() {
    let mut world = administered();
    world.agents = Some(registered(&world).to_json());
    assert_eq!(world.code(&signed(&world)), "ok");
    world.agents = Some(apply(&registered(&world), Action::Suspend).to_json());
    world.now = world.now.plus(REFRESH_FROM);
    let conclusion = world.conclude(&signed(&world));
    assert_eq!((conclusion.decision.code, conclusion.refresh_agents), ("ok", true));
    world.now = world.now.plus(MAX_AGE.checked_sub(REFRESH_FROM).unwrap());
    assert_eq!(world.code(&signed(&world)), "agent.suspended");
}

#[test]
fn without_a_registry_no_signature_is_believed() {
    let mut world = administered();
    world.agents = None;
    assert_eq!(world.code(&signed(&world)), "agents.unavailable");
    // What needs no signature needs no registry.
    let token = world.token(|_| ());
    assert_eq!(world.code(&Draft::new("GET", "/orders").bearer(&token)), "ok");
}

#[test]
fn a_copy_outlives_a_store_that_fails_but_not_for_ever() {
    let mut world = administered();
    world.agents = Some(registered(&world).to_json());
    assert_eq!(world.code(&signed(&world)), "ok");
    let start = world.now;
    world.agents = None;
    let components = ["\"@authority\"", "\"signature-agent\";key=\"sig1\""];
    let long = Draft::new("GET", "/signed").signed_with(&world.agent, &components, |params| {
        params.expires = Some(UnixSeconds(NOW + 3600));
    });
    world.now = start.plus(MAX_AGE);
    assert_eq!(world.code(&long), "ok");
    world.now = start.plus(MAX_AGE_WHILE_FAILING);
    assert_eq!(world.code(&long), "agents.unavailable");
}

/// A suspended agent gains nothing by a route that does not ask who it is, if it says who it is.
#[test]
fn a_suspended_agent_is_refused_also_where_no_signature_is_required() {
    let mut world = administered();
    world.agents = Some(apply(&registered(&world), Action::Suspend).to_json());
    let token = world.token(|_| ());
    let draft = Draft::new("GET", "/orders").bearer(&token).signed(&world.agent);
    assert_eq!(world.code(&draft), "agent.suspended");
}

#[test]
fn the_admin_api_demands_its_scope_on_a_route_of_its_own() {
    let world = administered();
    let path = "/.well-known/countersign/admin/agents";
    let decide = |scope: &str| {
        let token = world.token(|claims| claims["scope"] = json!(scope));
        world.decide(&Draft::new("POST", path).bearer(&token))
    };
    assert_eq!(decide("order:read").code, "policy.scope_missing");
    let decision = decide("countersign:admin");
    assert!(decision.is_allowed() && countersign::config::Admin::is_asked_by(&decision));
    assert_eq!(world.code(&Draft::new("POST", path)), "token.missing");
    for other in ["/.well%2Dknown/countersign/admin", "/x/../.well-known/countersign/admin/agents"] {
        assert_eq!(world.code(&Draft::new("GET", other)), "request.path_ambiguous", "{other}");
    }
    assert_eq!(World::new().code(&Draft::new("POST", path)), "policy.no_route");
}
