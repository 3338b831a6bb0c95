//! What each store of limits promises, as the gate carries it out: who is counted, what is given back, and what becomes of
//! a request where a store does not answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod gate_support;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use countersign::client::Client;
use countersign::config::Gate;
use countersign::decision::{CheckResult, Decision, RateGuarantee};
use countersign::memory::Memory;
use countersign::time::UnixMillis;
use gate_support::{CONFIG, Draft, World, header};
use serde_json::{Value, json};

/// A world whose first routes are these.
fn world(routes: &str) -> World {
    World::with(&CONFIG.replacen("[[routes]]", &format!("{routes}\n[[routes]]"), 1))
}

/// A world with one more route `GET /x`, for bearer tokens, with this `rate` and whatever else.
fn tokens(rate: &str) -> World {
    world(&format!("[[routes]]\nmatch = \"GET /x\"\nrequire = [\"token\"]\n{rate}"))
}

fn decide(world: &World, path: &str, change: impl FnOnce(&mut Value)) -> Decision {
    let conclusion = world.conclude(&Draft::new("GET", path).bearer(&world.token(change)));
    let mut subjects = world.subjects.borrow_mut();
    for asked in &conclusion.after {
        subjects.as_mut().unwrap().answer(asked.subject, &asked.call, world.now);
    }
    conclusion.decision
}

fn code(world: &World, path: &str) -> &'static str {
    decide(world, path, |_| {}).code
}

fn passes(world: &World, path: &str, tries: usize) -> usize {
    (0..tries).filter(|_| code(world, path) == "ok").count()
}

/// Another isolate of the same gate.
fn another_isolate(world: &World) {
    *world.memory.borrow_mut() = Memory::new(8);
}

fn details(decision: &Decision) -> Vec<(CheckResult, &str)> {
    let of_rate = decision.evidence.iter().filter(|evidence| evidence.check == "rate");
    of_rate.map(|evidence| (evidence.result, evidence.detail.as_deref().unwrap_or_default())).collect()
}

#[test]
fn isolates_together_pass_exactly_what_the_object_has() {
    for limit in [3, 40, 600] {
        let world = tokens(&format!(
            "rate = [{{ per = \"agent\", limit = {limit}, window = \"1h\", store = \"durable-object\" }}]"
        ));
        let mut isolates: Vec<_> = (0..7).map(|seed| RefCell::new(Memory::new(seed))).collect();
        let mut passed = 0;
        for i in 0..limit * 10 {
            world.memory.swap(&isolates[i % 7]);
            passed += usize::from(code(&world, "/x") == "ok");
            world.memory.swap(&isolates[i % 7]);
        }
        assert!(passed <= limit, "{passed} of {limit}");
        // What was leased and not used ends, and drains; the first isolate has it all to itself then.
        assert!(passed * 4 >= limit * 3, "{passed} of {limit}");
        isolates.clear();
    }
}

#[test]
fn leases_save_calls_and_say_so() {
    let rate = "rate = [{ per = \"agent\", limit = 600, window = \"1m\", store = \"durable-object\" }]";
    let world = tokens(rate);
    assert_eq!(passes(&world, "/x", 100), 100);
    let calls = *world.state_calls.borrow();
    assert!(calls <= 12, "{calls} calls for 100 requests");
    assert_eq!(decide(&world, "/x", |_| {}).guarantees.rate, RateGuarantee::Bounded);

    let world = tokens(&rate.replace("store", "lease = false, store"));
    assert_eq!(passes(&world, "/x", 20), 20);
    assert_eq!(*world.state_calls.borrow(), 20);
    assert_eq!(decide(&world, "/x", |_| {}).guarantees.rate, RateGuarantee::Exact);
}

#[test]
fn a_limit_in_objects_refuses_with_what_clients_need() {
    let world =
        tokens("rate = [{ per = \"agent\", limit = 2, window = \"1h\", store = \"durable-object\" }]");
    assert_eq!(passes(&world, "/x", 2), 2);
    let refused = decide(&world, "/x", |_| {});
    assert_eq!((refused.code, refused.status), ("rate.exceeded", 429));
    assert_eq!(details(&refused), [(CheckResult::Fail, "durable-object")]);
    assert_eq!(header(&refused, "RateLimit-Policy"), Some("\"agent-3600s\";q=2;w=3600"));
    assert_eq!(header(&refused, "RateLimit"), Some("\"agent-3600s\";r=0;t=1800"));
    assert_eq!(header(&refused, "Retry-After"), Some("1800"));
    let problem = refused.problem(world.gate.disclosure());
    assert_eq!(problem["type"], json!("https://iana.org/assignments/http-problem-types#quota-exceeded"));
    assert_eq!(problem["violated-policies"], json!(["agent-3600s"]));
    // It need not be asked again to refuse again.
    let calls = *world.state_calls.borrow();
    assert_eq!(code(&world, "/x"), "rate.exceeded");
    assert_eq!(*world.state_calls.borrow(), calls);
    another_isolate(&world);
    assert_eq!(code(&world, "/x"), "rate.exceeded");
}

#[test]
fn limits_are_in_objects_where_the_host_has_them_and_nothing_else_is_said() {
    let rate = "rate = [{ per = \"agent\", limit = 2, window = \"1h\" }]";
    let mut world = tokens(rate);
    assert_eq!(details(&decide(&world, "/x", |_| {})), [(CheckResult::Pass, "kv")]);
    assert!(!world.gate.needs_subjects());
    world.gate = Arc::new(Gate::clone(&world.gate).with_subjects());
    assert_eq!(details(&decide(&world, "/x", |_| {})), [(CheckResult::Pass, "durable-object")]);
    assert!(tokens(&rate.replace("window", "store = \"durable-object\", window")).gate.needs_subjects());
}

#[test]
fn without_the_object_a_request_is_refused_or_passes_uncounted_as_the_route_says() {
    let rate = "rate = [{ per = \"agent\", limit = 2, window = \"1h\", store = \"durable-object\" }]\n";
    let world = tokens(rate);
    *world.subjects.borrow_mut() = None;
    let refused = world.decide(&Draft::new("GET", "/x").bearer(&world.token(|_| {})));
    assert_eq!((refused.code, refused.status), ("rate.unavailable", 503));

    let world = tokens(&format!("{rate}on_unavailable = {{ rate = \"allow\" }}"));
    *world.subjects.borrow_mut() = None;
    let allowed = world.decide(&Draft::new("GET", "/x").bearer(&world.token(|_| {})));
    assert_eq!(allowed.code, "ok");
    assert_eq!(allowed.guarantees.rate, RateGuarantee::None);
    assert_eq!(details(&allowed), [(CheckResult::Skipped, "")]);
}

#[test]
fn several_windows_count_at_once_and_one_that_refuses_costs_the_others_nothing() {
    for store in ["durable-object", "kv"] {
        let rate = format!(
            "rate = [{{ per = \"agent\", limit = 2, window = \"1s\", store = \"{store}\" }}, {{ per = \"agent\", limit = 6, window = \"1h\", store = \"{store}\" }}]"
        );
        let mut world = tokens(&rate);
        let mut passed = 0;
        for _ in 0..5 {
            passed += passes(&world, "/x", 10);
            world.now = world.now.plus(Duration::from_secs(6));
        }
        assert_eq!(passed, 6, "{store}");
        let refused = decide(&world, "/x", |_| {});
        assert_eq!(refused.problem(world.gate.disclosure())["violated-policies"], json!(["agent-3600s"]));
    }
}

#[test]
fn what_one_object_refuses_is_given_back_to_the_other() {
    let world = tokens(
        "rate = [{ per = \"agent\", limit = 3, window = \"1h\", store = \"durable-object\" }, { per = \"principal\", limit = 1, window = \"1h\", store = \"durable-object\" }]",
    );
    let of = |person: &'static str| decide(&world, "/x", |claims| claims["sub"] = json!(person)).code;
    assert_eq!(of("a"), "ok");
    for _ in 0..5 {
        another_isolate(&world);
        assert_eq!(of("a"), "rate.exceeded");
    }
    assert_eq!([of("b"), of("c"), of("d")], ["ok", "ok", "rate.exceeded"]);
}

#[test]
fn a_replayed_request_takes_nothing() {
    for store in ["durable-object", "kv"] {
        let world = world(&format!(
            "[[routes]]\nmatch = \"GET /x\"\nrequire = [\"token\", \"dpop\"]\nreplay = \"exact\"\nrate = [{{ per = \"agent\", limit = 2, window = \"1h\", store = \"{store}\" }}]"
        ));
        let token = world.bound();
        let send = |jti: &str| {
            let draft = Draft::new("GET", "/x");
            let draft = draft.dpop_with(&token, &world.holder, |_, claims| claims["jti"] = json!(jti));
            world.code(&draft)
        };
        assert_eq!(send("1"), "ok");
        for _ in 0..5 {
            another_isolate(&world);
            assert_eq!(send("1"), "dpop.proof_replayed", "{store}");
        }
        if store == "durable-object" {
            assert_eq!([send("2"), send("3")], ["ok", "rate.exceeded"]);
        }
    }
}

#[test]
fn a_request_takes_what_it_costs() {
    for store in ["durable-object", "kv"] {
        let limit = format!(
            "[[limits]]\nname = \"hour\"\nper = \"agent\"\nlimit = 10\nwindow = \"1h\"\nstore = \"{store}\""
        );
        let route = |path: &str, cost: u32| {
            format!(
                "[[routes]]\nmatch = \"GET {path}\"\nrequire = [\"token\"]\nlimits = [\"hour\"]\ncost = {cost}"
            )
        };
        let world = world(&format!("{limit}\n{}\n{}", route("/dear", 4), route("/cheap", 1)));
        assert_eq!(passes(&world, "/dear", 5), 2, "{store}");
        assert_eq!(passes(&world, "/cheap", 5), 2, "{store}");
    }
}

#[test]
fn a_limit_of_its_own_is_counted_by_route_and_a_shared_one_by_name() {
    let route = |path: &str, rate: &str| {
        format!("[[routes]]\nmatch = \"GET {path}\"\nrequire = [\"token\"]\n{rate}\n")
    };
    let own = "rate = [{ per = \"agent\", limit = 2, window = \"1h\", store = \"kv\" }]";
    let shared = "[[limits]]\nname = \"api\"\nper = \"agent\"\nlimit = 2\nwindow = \"1h\"\nstore = \"kv\"\n";
    let routes = [
        route("/a", own),
        route("/b", own),
        route("/c", "limits = [\"api\"]"),
        route("/d", "limits = [\"api\"]"),
    ];
    let world = world(&format!("{shared}{}", routes.concat()));
    assert_eq!([passes(&world, "/a", 3), passes(&world, "/b", 3)], [2, 2]);
    assert_eq!([passes(&world, "/c", 1), passes(&world, "/d", 3)], [1, 1]);
    let refused = decide(&world, "/c", |_| {});
    assert_eq!(header(&refused, "RateLimit-Policy"), Some("\"api\";q=2;w=3600"));
}

#[test]
fn people_and_agents_have_limits_of_their_own_and_nobody_has_none() {
    let world = tokens(
        "rate = [{ per = \"principal\", class = \"people\", limit = 2, window = \"1h\" }, { per = \"principal\", class = \"agent\", limit = 1, window = \"1h\" }]",
    );
    let agents: [fn(&mut Value); 5] = [
        |claims| claims["act"] = json!({ "sub": "bot" }),
        |claims| claims["agent_id"] = json!("bot"),
        |claims| claims["delegator_sub"] = json!("person-2"),
        |claims| claims["delegation_chain"] = json!(["bot"]),
        |claims| claims["sub"] = claims["client_id"].clone(),
    ];
    for (place, agent) in agents.iter().enumerate() {
        let refused = decide(&world, "/x", agent);
        let policy = header(&refused, "RateLimit-Policy").unwrap();
        assert!(policy.contains("principal-3600s-agent"), "{policy}");
        // The first takes what the agent of this person has; the client by itself is another principal.
        assert_eq!(refused.code, if place == 0 || place == 4 { "ok" } else { "rate.exceeded" }, "{place}");
    }
    assert_eq!(passes(&world, "/x", 3), 2);
}

#[test]
fn the_flood_shield_is_asked_before_anything_is_verified() {
    let route = "[[routes]]\nmatch = \"GET /x\"\nrequire = [\"signature\"]\nrate = [{ per = \"address\", limit = 100, window = \"10s\", store = \"binding\" }]\n";
    let flooded = world(route);
    assert_eq!(flooded.gate.flood_bindings(), ["FLOOD_100_10"]);
    *flooded.flood.borrow_mut() = Some(false);
    let client = Client { address: Some("192.0.2.1".parse().unwrap()), ..Client::default() };
    // Without any proof, as nothing is looked at.
    let refused = flooded.decide(&Draft::new("GET", "/x").client(client.clone()));
    assert_eq!((refused.code, header(&refused, "Retry-After")), ("rate.exceeded", Some("10")));
    assert_eq!(details(&refused), [(CheckResult::Fail, "binding")]);
    let asked = flooded.floods.borrow()[0].clone();
    assert_eq!(asked.binding, "FLOOD_100_10");
    assert!(!asked.key.contains("192.0.2.1"));
    flooded.decide(&Draft::new("GET", "/x"));
    assert_ne!(flooded.floods.borrow()[1].key, asked.key);

    *flooded.flood.borrow_mut() = Some(true);
    let passed = flooded.decide(&Draft::new("GET", "/x").client(client.clone()).signed(&flooded.agent));
    assert_eq!((passed.code, passed.guarantees.rate), ("ok", RateGuarantee::Approximate));

    *flooded.flood.borrow_mut() = None;
    let unknown = Draft::new("GET", "/x").client(client);
    assert_eq!(flooded.code(&unknown.clone().signed(&flooded.agent)), "rate.unavailable");
    let allowing = world(&format!("{route}on_unavailable = {{ rate = \"allow\" }}"));
    *allowing.flood.borrow_mut() = None;
    assert_eq!(allowing.code(&unknown.signed(&allowing.agent)), "ok");
}

#[test]
fn a_long_refusal_in_kv_is_told_at_once() {
    let world =
        tokens("rate = [{ per = \"agent\", limit = 10, window = \"1h\", burst = 2, store = \"kv\" }]");
    let draft = || Draft::new("GET", "/x").bearer(&world.token(|_| {}));
    for _ in 0..2 {
        assert!(world.conclude(&draft()).tell.is_empty());
    }
    let refused = world.conclude(&draft());
    assert_eq!((refused.decision.code, refused.tell.len()), ("rate.exceeded", 1));
    let stored = world.memory.borrow_mut().tell(refused.tell[0], None, world.now);
    assert!(world.conclude(&draft()).tell.is_empty());
    // Another isolate, asked for the first time, has heard of it.
    another_isolate(&world);
    world.memory.borrow_mut().ask(refused.tell[0], Some(&stored), world.now);
    assert_eq!(world.code(&draft()), "rate.exceeded");
    let later = World { now: UnixMillis(world.now.0 + 361_000), ..world };
    assert_eq!(later.code(&Draft::new("GET", "/x").bearer(&later.token(|_| {}))), "ok");
}

/// From the n-th of the many networks that one host can have.
fn from(n: u32) -> Client {
    let address = std::net::Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(n) << 64);
    Client { address: Some(address.into()), ..Client::default() }
}

#[test]
fn who_proves_nothing_causes_no_calls_and_is_counted_all_the_same() {
    let open = "[[routes]]\nmatch = \"GET /open\"\nrequire = []\nrate = [{ per = [\"address\", \"route\"], limit = 2, window = \"1m\" }]\n";
    let kv = world(open);
    let objects = world(open);
    let objects = World { gate: Arc::new(Gate::clone(&objects.gate).with_subjects()), ..objects };
    for world in [kv, objects] {
        let ask = |n| world.conclude(&Draft::new("GET", "/open").client(from(n)));
        for n in 0..300 {
            let conclusion = ask(n);
            assert_eq!(
                (conclusion.decision.code, conclusion.after.len(), conclusion.tell.len()),
                ("ok", 0, 0)
            );
        }
        assert_eq!((*world.state_calls.borrow(), *world.kv_reads.borrow()), (0, 0));
        let passed = ask(299).decision;
        assert_eq!((passed.code, passed.guarantees.rate), ("ok", RateGuarantee::Approximate));
        let refused = ask(299).decision;
        assert_eq!(
            (refused.code, details(&refused)),
            ("rate.exceeded", vec![(CheckResult::Fail, "isolate")])
        );
        assert_eq!(ask(298).decision.code, "ok");
    }
}

#[test]
fn a_route_that_is_open_has_one_count_of_its_own_worldwide() {
    let open = "[[routes]]\nmatch = \"GET /open\"\nrequire = []\nrate = [{ per = \"route\", limit = 400, window = \"1h\" }]\n";
    let world = world(open);
    let world = World { gate: Arc::new(Gate::clone(&world.gate).with_subjects()), ..world };
    let passed =
        (0..100).filter(|n| world.code(&Draft::new("GET", "/open").client(from(*n))) == "ok").count();
    assert_eq!(passed, 100);
    let calls = *world.state_calls.borrow();
    assert!(calls < 15, "{calls} calls for 100 requests");
    let passed =
        (0..900).filter(|n| world.code(&Draft::new("GET", "/open").client(from(*n))) == "ok").count();
    assert_eq!(passed, 300);
    // What is refused is remembered.
    let calls = *world.state_calls.borrow();
    (0..100)
        .for_each(|n| assert_eq!(world.code(&Draft::new("GET", "/open").client(from(n))), "rate.exceeded"));
    assert_eq!(*world.state_calls.borrow(), calls);
}

#[test]
fn who_proves_nothing_pushes_out_nobody_elses_lease() {
    let routes = "[[routes]]\nmatch = \"GET /open\"\nrequire = []\nrate = [{ per = \"address\", limit = 2, window = \"1m\" }]\n[[routes]]\nmatch = \"GET /x\"\nrequire = [\"token\"]\nrate = [{ per = \"agent\", limit = 600, window = \"1h\" }]\n";
    let world = world(routes);
    let world = World { gate: Arc::new(Gate::clone(&world.gate).with_subjects()), ..world };
    assert_eq!(passes(&world, "/x", 12), 12);
    let calls = *world.state_calls.borrow();
    (0..17_000).for_each(|n| assert_eq!(world.code(&Draft::new("GET", "/open").client(from(n))), "ok"));
    assert_eq!(passes(&world, "/x", 1), 1);
    assert_eq!(*world.state_calls.borrow(), calls);
}
