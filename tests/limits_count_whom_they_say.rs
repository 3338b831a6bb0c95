//! Whose requests a limit counts together, and that a request which has no such subject is counted all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod gate_support;

use countersign::client::Client;
use gate_support::{CONFIG, Draft, Key, World};
use serde_json::{Value, json};

/// A world whose route `GET /orders` takes two requests a minute for each of what `per` says.
fn world(per: &str) -> World {
    let route = "scope = [\"order:read\"]\n";
    let limited = format!("{route}rate = [{{ per = {per}, limit = 2, window = \"1m\" }}]\n");
    World::with(&CONFIG.replacen(route, &limited, 1))
}

fn ask(world: &World, change: impl FnOnce(&mut Value)) -> &'static str {
    world.code(&Draft::new("GET", "/orders").bearer(&world.token(change)))
}

/// Two requests pass, the third does not.
fn fills(ask: impl Fn() -> &'static str) {
    assert_eq!([ask(), ask(), ask()], ["ok", "ok", "rate.exceeded"]);
}

#[test]
fn an_agent_is_counted_whomever_it_acts_for() {
    let world = world("\"agent\"");
    fills(|| ask(&world, |_| {}));
    assert_eq!(ask(&world, |claims| claims["sub"] = json!("person-2")), "rate.exceeded");
    assert_eq!(ask(&world, |claims| claims["client_id"] = json!("another")), "ok");
}

#[test]
fn a_principal_is_counted_whichever_agent_acts() {
    let world = world("\"principal\"");
    fills(|| ask(&world, |_| {}));
    assert_eq!(ask(&world, |claims| claims["client_id"] = json!("another")), "rate.exceeded");
    assert_eq!(ask(&world, |claims| claims["sub"] = json!("person-2")), "ok");
}

#[test]
fn an_organisation_is_counted_where_its_issuers_write_it() {
    for claim in ["org_id", "organization_id", "org", "tenant_id", "tid"] {
        let world = world("\"organisation\"");
        let of = |name: &'static str| ask(&world, |claims| claims[claim] = json!(name));
        fills(|| of("shop"));
        assert_eq!(of("bank"), "ok", "{claim}");
    }
    let config =
        CONFIG.replacen("[signatures]", "[issuers.claims]\norganisation = \"o.id\"\n[signatures]", 1);
    let route = "scope = [\"order:read\"]\n";
    let limit = "rate = [{ per = \"organisation\", limit = 2, window = \"1m\" }]\n";
    let world = World::with(&config.replacen(route, &format!("{route}{limit}"), 1));
    fills(|| ask(&world, |claims| claims["o"] = json!({ "id": "shop" })));
    assert_eq!(ask(&world, |claims| claims["o"] = json!({ "id": "bank" })), "ok");
}

#[test]
fn those_of_no_organisation_share_one_count() {
    let world = world("\"organisation\"");
    let odd = [json!(7), json!(["a"]), json!({ "a": 1 }), json!(""), json!(null)];
    let codes: Vec<_> = odd.iter().map(|odd| ask(&world, |claims| claims["org"] = odd.clone())).collect();
    assert_eq!(codes, ["ok", "ok", "rate.exceeded", "rate.exceeded", "rate.exceeded"]);
    assert_eq!(ask(&world, |_| {}), "rate.exceeded");
    assert_eq!(ask(&world, |claims| claims["org"] = json!("shop")), "ok");
}

#[test]
fn an_address_is_counted_with_its_network() {
    let world = world("\"address\"");
    let from = |address: &str| {
        let client = Client { address: Some(address.parse().unwrap()), ..Client::default() };
        world.code(&Draft::new("GET", "/orders").bearer(&world.token(|_| {})).client(client))
    };
    let codes = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"].map(from);
    assert_eq!(codes, ["ok", "ok", "rate.exceeded", "ok"]);
    assert_eq!(
        ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"].map(from),
        ["ok", "ok", "rate.exceeded", "ok"]
    );
}

#[test]
fn requests_from_addresses_that_the_host_does_not_know_share_one_count() {
    let world = world("\"address\"");
    fills(|| ask(&world, |_| {}));
}

#[test]
fn a_key_is_counted_and_those_without_share_one_count() {
    let world = world("\"key\"");
    let other = Key::of(9);
    let bound = |key: &Key, jti: &str| {
        let token = world.token(|claims| claims["cnf"] = json!({ "jkt": key.thumbprint() }));
        world.code(
            &Draft::new("GET", "/orders").dpop_with(&token, key, |_, claims| claims["jti"] = json!(jti)),
        )
    };
    assert_eq!(["1", "2", "3"].map(|jti| bound(&world.holder, jti)), ["ok", "ok", "rate.exceeded"]);
    assert_eq!(bound(&other, "4"), "ok");
    fills(|| ask(&world, |_| {}));
    assert_eq!(ask(&world, |claims| claims["client_id"] = json!("another")), "rate.exceeded");
}

#[test]
fn a_combination_counts_each_combination() {
    let world = world("[\"agent\", \"principal\"]");
    let of = |client: &'static str, person: &'static str| {
        ask(&world, |claims| (claims["client_id"], claims["sub"]) = (json!(client), json!(person)))
    };
    fills(|| of("a", "x"));
    fills(|| of("a", "y"));
    fills(|| of("b", "x"));
}
