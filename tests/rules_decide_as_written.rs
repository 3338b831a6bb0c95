//! What a route permits beyond proofs and scopes: roles, `authorization_details`, amounts and rules, each both ways;
//! what is not known counts against the request, and the first rule that matches decides.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use countersign::client::Client;
use countersign::config::Disclosure;
use countersign::decision::{CheckResult, Decision, Outcome};
use countersign::time::UnixMillis;
use gate_support::{CONFIG, Draft, NOW, World};
use serde_json::{Value, json};

const ROUTE: &str = "POST /accounts/{account}/payments";
const PATH: &str = "/accounts/a-1/payments";
const OTHERWISE: &str = "\n[[routes.rules]]\nname = \"otherwise\"\nthen = \"deny\"\n";

/// A gate with one more route, which requires a token.
fn gate(policy: &str) -> World {
    gate_of(&format!("match = \"{ROUTE}\"\nrequire = [\"token\"]\n{policy}"))
}

fn gate_of(route: &str) -> World {
    let details = "[[authorization_details]]\ntype = \"payment_initiation\"\namount = \"instructedAmount.amount\"\n\
        currency = \"instructedAmount.currency\"\ndecimals = 2\n\
        [[authorization_details]]\ntype = \"account_information\"\n";
    let config = CONFIG.replace("[signatures]", &format!("{details}[signatures]"));
    World::with(&format!("{config}\n[[routes]]\n{route}"))
}

/// A gate with one rule that denies under a condition.
fn denying(condition: &str) -> World {
    gate(&format!("[[routes.rules]]\nname = \"the-rule\"\nthen = \"deny\"\n{condition}"))
}

/// A gate with one rule that allows under a condition, and denies otherwise.
fn allowing(condition: &str) -> World {
    gate(&format!("[[routes.rules]]\nname = \"the-rule\"\nthen = \"allow\"\n{condition}\n{OTHERWISE}"))
}

fn request(world: &World, change: impl FnOnce(&mut Value)) -> Draft {
    Draft::new("POST", PATH).bearer(&world.token(change))
}

fn code(world: &World, change: impl FnOnce(&mut Value)) -> &'static str {
    world.code(&request(world, change))
}

/// The detail of the last evidence about the policy.
fn detail(decision: &Decision) -> Option<&str> {
    decision.evidence.iter().rfind(|e| e.check == "policy").unwrap().detail.as_deref()
}

/// A condition against requests that meet it, that do not, and of which it is not known: what a rule that denies and
/// one that allows make of each.
#[track_caller]
fn three_ways(condition: &str, request: impl Fn(&World, Option<bool>) -> Draft) {
    let (denying, allowing) = (denying(condition), allowing(condition));
    for (met, denied, allowed) in [(Some(true), true, true), (Some(false), false, false), (None, true, false)]
    {
        let expect = |is_ok: bool| if is_ok { "ok" } else { "policy.rule_denied" };
        assert_eq!(denying.code(&request(&denying, met)), expect(!denied), "{condition}: denying, {met:?}");
        assert_eq!(
            allowing.code(&request(&allowing, met)),
            expect(allowed),
            "{condition}: allowing, {met:?}"
        );
    }
}

#[test]
fn a_rule_is_named_in_the_evidence() {
    let world = denying("when = { claims = [{ path = \"tier\", is = [\"free\"] }] }");
    let decision = world.decide(&request(&world, |c| c["tier"] = json!("free")));
    assert_eq!((decision.outcome, decision.status), (Outcome::Deny, 403));
    let evidence = decision.evidence.last().unwrap();
    assert_eq!(
        (evidence.check, evidence.result, evidence.code, evidence.detail.as_deref()),
        ("policy", CheckResult::Fail, "policy.rule_denied", Some("the-rule"))
    );
    let problem = decision.problem(Disclosure::Full);
    assert_eq!(problem["evidence"].as_array().unwrap().last().unwrap()["detail"], "the-rule");
    assert!(!decision.problem(Disclosure::Code).to_string().contains("the-rule"));

    let passed = world.decide(&request(&world, |c| c["tier"] = json!("paid")));
    assert_eq!((passed.code, detail(&passed)), ("ok", None));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rule = |name: &str, then: &str| {
        format!("[[routes.rules]]\nname = \"{name}\"\nthen = \"{then}\"\nwhen = {{ method = [\"POST\"] }}\n")
    };
    for (first, code) in
        [("deny", "policy.rule_denied"), ("approve", "policy.approval_required"), ("allow", "ok")]
    {
        for second in ["deny", "approve", "allow"] {
            let world = gate(&(rule("first", first) + &rule("second", second)));
            let decision = world.decide(&request(&world, |_| {}));
            assert_eq!((decision.code, detail(&decision)), (code, Some("first")), "{first}, {second}");
        }
    }
    let world = gate(&(rule("first", "deny").replace("POST", "PUT") + &rule("second", "approve")));
    let decision = world.decide(&request(&world, |_| {}));
    assert_eq!((decision.code, detail(&decision)), ("policy.approval_required", Some("second")));
}

#[test]
fn all_of_when_must_hold_and_not_all_of_unless() {
    let claims = |names: &[&str]| {
        let all: Vec<_> = names.iter().map(|n| format!("{{ path = \"{n}\", exists = true }}")).collect();
        format!("{{ claims = [{}] }}", all.join(", "))
    };
    let condition = format!("when = {}\nunless = {}", claims(&["a", "b"]), claims(&["c", "d"]));
    let world = denying(&condition);
    for (there, denied) in
        [("ab", true), ("a", false), ("b", false), ("", false), ("abc", true), ("abd", true), ("abcd", false)]
    {
        let code = code(&world, |claims| there.chars().for_each(|name| claims[name.to_string()] = json!(1)));
        assert_eq!(code == "policy.rule_denied", denied, "{there}");
    }
}

#[test]
fn claims_are_compared_by_type() {
    let request_with = |values: [Value; 3]| {
        move |world: &World, met: Option<bool>| {
            let value = values[met.map_or(2, |met| usize::from(!met))].clone();
            request(world, |claims| claims["x"] = value)
        }
    };
    let text = "when = { claims = [{ path = \"x\", is = [\"a\", \"b\"] }] }";
    three_ways(text, request_with([json!("b"), json!("c"), json!(null)]));
    three_ways(text, request_with([json!(["z", "a"]), json!(["z"]), json!(1)]));
    three_ways(text, request_with([json!(["a", 1]), json!([]), json!(["z", 1])]));
    three_ways(text, request_with([json!("a"), json!("A"), json!({ "a": "a" })]));
    let not = "when = { claims = [{ path = \"x\", not = [\"a\"] }] }";
    three_ways(not, request_with([json!("b"), json!("a"), json!(null)]));
    three_ways(not, request_with([json!(["b"]), json!(["b", "a"]), json!(true)]));
    let integer = "when = { claims = [{ path = \"x\", is = [1, -2] }] }";
    three_ways(integer, request_with([json!(-2), json!(2), json!("1")]));
    three_ways(integer, request_with([json!(1), json!(0), json!(1.5)]));
    let truth = "when = { claims = [{ path = \"x\", is = [true] }] }";
    three_ways(truth, request_with([json!(true), json!(false), json!("true")]));
    let nested = "when = { claims = [{ path = \"x.y\", is = [\"a\"] }] }";
    three_ways(nested, request_with([json!({ "y": "a" }), json!({ "y": "b" }), json!({ "z": "a" })]));
}

#[test]
fn a_claim_that_is_null_is_not_there() {
    for (exists, there, not_there) in
        [(true, "policy.rule_denied", "ok"), (false, "ok", "policy.rule_denied")]
    {
        let world = denying(&format!("when = {{ claims = [{{ path = \"x\", exists = {exists} }}] }}"));
        assert_eq!(code(&world, |claims| claims["x"] = json!(false)), there);
        assert_eq!(code(&world, |claims| claims["x"] = json!(null)), not_there);
        assert_eq!(code(&world, |_| {}), not_there);
    }
}

#[test]
fn path_parameters_are_compared_decoded() {
    let world = allowing("when = { parameters = [{ name = \"account\", is = [\"a 1\"] }] }");
    let send = |world: &World, path: &str| world.code(&Draft::new("POST", path).bearer(&world.token(|_| {})));
    assert_eq!(send(&world, "/accounts/a%201/payments"), "ok");
    assert_eq!(send(&world, "/accounts/a-1/payments"), "policy.rule_denied");
    assert_eq!(send(&world, "/accounts/a%201;x/payments"), "request.path_ambiguous");
    assert_eq!(send(&world, "/accounts/a%201%3Bx/payments"), "request.path_ambiguous");
    let world = denying("when = { parameters = [{ name = \"account\", not = [\"a-1\"] }] }");
    assert_eq!(send(&world, PATH), "ok");
    assert_eq!(send(&world, "/accounts/%61-1/payments"), "request.path_ambiguous");
    assert_eq!(send(&world, "/accounts/a-2/payments"), "policy.rule_denied");
}

#[test]
fn a_claim_and_a_parameter_can_be_the_same() {
    for condition in [
        "when = { claims = [{ path = \"account\", equals_parameter = \"account\" }] }",
        "when = { parameters = [{ name = \"account\", equals_claim = \"account\" }] }",
    ] {
        three_ways(condition, |world, met| {
            let account = met.map_or(json!(null), |met| json!(if met { "a-1" } else { "a-2" }));
            request(world, |claims| claims["account"] = account)
        });
        let world = allowing(condition);
        let send = |account: Value| {
            let token = world.token(|claims| claims["account"] = account);
            world.code(&Draft::new("POST", "/accounts/42/payments").bearer(&token))
        };
        assert_eq!(send(json!(42)), "ok");
        assert_eq!(send(json!(["7", "42"])), "ok");
        assert_eq!(send(json!("042")), "policy.rule_denied");
        assert_eq!(send(json!(true)), "policy.rule_denied");
    }
}

#[test]
fn networks_are_asked_of_the_host() {
    let from = |client: Client| move |world: &World| request(world, |_| {}).client(client.clone());
    let address = |text: &str| Client { address: Some(text.parse().unwrap()), ..Client::default() };
    let three = |condition: &str, met: Client, unmet: Client, unknown: Client| {
        three_ways(condition, |world, is_met| {
            let client = match is_met {
                Some(true) => &met,
                Some(false) => &unmet,
                None => &unknown,
            };
            from(client.clone())(world)
        });
    };
    let cidr = "when = { network = { cidr = [\"10.0.0.0/8\", \"2001:db8::/32\"] } }";
    three(cidr, address("10.1.2.3"), address("11.0.0.0"), Client::default());
    three(cidr, address("2001:db8::1"), address("2001:db9::1"), Client::default());
    three(cidr, address("::ffff:10.0.0.1"), address("::ffff:11.0.0.1"), Client::default());
    let asn = |asn| Client { asn, ..address("10.0.0.1") };
    three("when = { network = { asn = [64500] } }", asn(Some(64500)), asn(Some(64501)), asn(None));
    let country = |name: &str| Client { country: Some(name.into()), ..Client::default() };
    let land = "when = { network = { country = [\"DE\", \"T1\"] } }";
    three(land, country("DE"), country("FR"), country("XX"));
    three(land, country("T1"), country("T2"), Client::default());
    // Each list that is there must have it.
    let both = "when = { network = { cidr = [\"10.0.0.0/8\"], asn = [64500] } }";
    three(both, asn(Some(64500)), Client { asn: Some(64500), ..address("11.0.0.1") }, asn(None));
    three(both, asn(Some(64500)), address("11.0.0.1"), Client { asn: Some(64500), ..Client::default() });
}

#[test]
fn an_exception_for_a_network_is_none_for_nobody_knows_where() {
    let world = denying("unless = { network = { cidr = [\"10.0.0.0/8\"] } }");
    let send = |client: Client| world.code(&request(&world, |_| {}).client(client));
    assert_eq!(send(Client { address: "10.0.0.1".parse().ok(), ..Client::default() }), "ok");
    assert_eq!(send(Client { address: "11.0.0.1".parse().ok(), ..Client::default() }), "policy.rule_denied");
    assert_eq!(send(Client::default()), "policy.rule_denied");
    assert!(world.gate.routes().iter().any(countersign::policy::Route::reads_client));
    assert!(!World::new().gate.routes().iter().any(countersign::policy::Route::reads_client));
}

#[test]
fn the_clock_of_a_place_is_asked() {
    let condition = "when = { time = { days = [\"mon\", \"tue\"], from = \"09:00\", to = \"17:30\", zone = \"Europe/Berlin\" } }";
    let at = |world: &mut World, seconds: i64| {
        world.now = UnixMillis(u64::try_from(seconds).unwrap() * 1000);
        // The token is as old as the time.
        let token = world.token(|claims| {
            claims["iat"] = json!(seconds);
            claims["exp"] = json!(seconds + 60);
        });
        world.code(&Draft::new("POST", PATH).bearer(&token))
    };
    let mut world = allowing(condition);
    // NOW is Monday, 2026-09-21, 14:13:20 UTC, when Berlin is two hours ahead.
    let midnight = NOW - (14 * 3600 + 13 * 60 + 20) - 2 * 3600;
    let mut day = |day: i64, hour: i64, minute: i64, second: i64| {
        at(&mut world, midnight + day * 86_400 + hour * 3600 + minute * 60 + second)
    };
    assert_eq!(day(0, 9, 0, 0), "ok");
    assert_eq!(day(0, 8, 59, 59), "policy.rule_denied");
    assert_eq!(day(1, 17, 29, 59), "ok");
    assert_eq!(day(1, 17, 30, 0), "policy.rule_denied");
    assert_eq!(day(2, 12, 0, 0), "policy.rule_denied");

    let mut night = denying(&condition.replace("09:00", "22:00").replace("17:30", "06:00"));
    let mut day = |day: i64, hour: i64| at(&mut night, midnight + day * 86_400 + hour * 3600);
    assert_eq!([day(0, 5), day(0, 6), day(0, 21)], ["ok"; 3]);
    assert_eq!([day(0, 22), day(1, 0), day(1, 5), day(1, 23), day(2, 5)], ["policy.rule_denied"; 5]);
    assert_eq!([day(2, 6), day(2, 22), day(7, 5)], ["ok"; 3]);
}

#[test]
fn methods_are_those_of_the_request() {
    let route = "match = \"* /things\"\nrequire = []\n[[routes.rules]]\nname = \"reads\"\nthen = \"deny\"\nwhen = { method = [\"GET\", \"PUT\"] }\n";
    let world = gate_of(route);
    for (method, code) in [
        ("GET", "policy.rule_denied"),
        ("HEAD", "policy.rule_denied"),
        ("PUT", "policy.rule_denied"),
        ("POST", "ok"),
        ("DELETE", "ok"),
    ] {
        assert_eq!(world.code(&Draft::new(method, "/things")), code, "{method}");
    }
}

#[test]
fn scopes_can_be_asked_for_in_rules() {
    let world = denying("unless = { scope = [\"order:write\", \"admin\"] }");
    assert_eq!(code(&world, |_| {}), "policy.rule_denied");
    assert_eq!(code(&world, |claims| claims["scope"] = json!("order:write admin")), "ok");
    assert_eq!(
        code(&world, |claims| _ = claims.as_object_mut().unwrap().remove("scope")),
        "policy.rule_denied"
    );
}

#[test]
fn agents_are_those_that_were_proven() {
    let route = "match = \"GET /who\"\nrequire = [\"signature\"]\n[[routes.rules]]\nname = \"r\"\n";
    let directory = gate_support::DIRECTORY;
    for (agent, is_it) in [
        (format!("id = [\"{directory}\"], method = [\"web-bot-auth\"]"), true),
        ("id = [\"https://agents.example\"], method = [\"web-bot-auth\"]".into(), false),
        ("operator = [\"https://agents.example\"]".into(), true),
        ("operator = [\"https://other.example\"]".into(), false),
        ("method = [\"web-bot-auth\"]".into(), true),
        ("method = [\"token\", \"dpop\"]".into(), false),
        (format!("id = [\"{directory}\"], method = [\"token\"]"), false),
    ] {
        let world = gate_of(&format!("{route}then = \"deny\"\nwhen = {{ agent = {{ {agent} }} }}"));
        let code = world.code(&Draft::new("GET", "/who").signed(&world.agent));
        assert_eq!(code == "policy.rule_denied", is_it, "{agent}");
    }
    // A token names its client, and nobody answers for it.
    let shopper = denying("when = { agent = { id = [\"shopper\"], method = [\"token\"] } }");
    assert_eq!(code(&shopper, |_| {}), "policy.rule_denied");
    assert_eq!(code(&shopper, |claims| claims["client_id"] = json!("other")), "ok");
    let operator = "when = { agent = { operator = [\"https://agents.example\"] } }";
    assert_eq!(code(&denying(operator), |_| {}), "policy.rule_denied");
    assert_eq!(code(&allowing(operator), |_| {}), "policy.rule_denied");
}

#[test]
fn roles_are_demanded_all_or_one_of_them() {
    let world = gate("roles = [\"payer\", \"eu\"]\nany_role = [\"teller\", \"clerk\"]");
    let send = |roles: Value| world.decide(&request(&world, |claims| claims["roles"] = roles));
    let refused = send(json!(["payer", "teller"]));
    assert_eq!(
        (refused.code, refused.outcome, detail(&refused)),
        ("policy.role_missing", Outcome::Deny, Some("roles"))
    );
    assert_eq!(send(json!(["payer", "eu"])).code, "policy.role_missing");
    assert_eq!(send(json!(["teller"])).code, "policy.role_missing");
    assert_eq!(send(json!(["payer eu teller"])).code, "policy.role_missing");
    assert_eq!(code(&world, |_| {}), "policy.role_missing");
    assert_eq!(send(json!(["x", "eu", "payer", "clerk"])).code, "ok");
    let world = gate("roles = [\"payer\"]");
    assert_eq!(code(&world, |claims| claims["roles"] = json!("payer")), "ok");
    assert_eq!(code(&world, |claims| claims["roles"] = json!("payer ")), "policy.role_missing");
}

const AMOUNT: &str = "amount = { body = \"/payment/amount\", currency_body = \"/payment/currency\" }\n";

fn pay(world: &World, amount: &Value, currency: &str, details: Option<Value>) -> Decision {
    let token = world.token(|claims| {
        if let Some(details) = details {
            claims["authorization_details"] = details;
        }
    });
    let body = json!({ "payment": { "amount": amount, "currency": currency } }).to_string();
    world.decide(
        &Draft::new("POST", PATH).bearer(&token).body(&body).field("content-type", "application/json"),
    )
}

fn initiation(amount: &str, currency: &str) -> Value {
    json!({ "type": "payment_initiation", "actions": ["initiate", "status"],
        "instructedAmount": { "amount": amount, "currency": currency } })
}

#[test]
fn amounts_that_cannot_be_read_are_refused() {
    let world = gate(AMOUNT);
    for amount in [json!(-1), json!(1.5), json!("100"), json!(null), json!([1]), json!(1_u64 << 53)] {
        let decision = pay(&world, &amount, "EUR", None);
        assert_eq!(
            (decision.code, decision.status, detail(&decision)),
            ("policy.amount_invalid", 403, Some("amount")),
            "{amount}"
        );
    }
    assert_eq!(pay(&world, &json!(1), "eur", None).code, "policy.amount_invalid");
    assert_eq!(pay(&world, &json!(1), "EUR", None).code, "ok");
    // No body, one that is not called JSON, one that is not strict.
    assert_eq!(code(&world, |_| {}), "policy.amount_invalid");
    let token = world.token(|_| {});
    let send = |media_type: &str, body: &str| {
        world.code(&Draft::new("POST", PATH).bearer(&token).body(body).field("content-type", media_type))
    };
    let good = "{\"payment\":{\"amount\":1,\"currency\":\"EUR\"}}";
    assert_eq!(send("application/json", good), "ok");
    assert_eq!(send("text/plain", good), "policy.amount_invalid");
    // In UTF-7, which some handlers read where they find the parameter, the amount is another.
    let two =
        "{\"payment\":{\"amount\":1,\"currency\":\"EUR\"},\"+AHAAYQB5AG0AZQBuAHQ-\":{\"amount\":9000000}}";
    assert_eq!(send("application/json; charset=utf-8", two), "ok");
    for parameters in ["charset=utf-7", "charset =utf-7", "charset= utf-7", "charset=utf-8; charset=utf-7"] {
        assert_eq!(send(&format!("application/json; {parameters}"), two), "policy.amount_invalid");
    }
    assert_eq!(send("application/json", &good.replace(":1", ":1,\"amount\":2")), "policy.amount_invalid");

    let world = gate("amount = { field = \"X-Amount\", currency = \"EUR\", decimals = 2 }\n");
    let send = |amount: &str| world.code(&request(&world, |_| {}).field("x-amount", amount));
    assert_eq!([send("1.234"), send("-1"), send("")], ["policy.amount_invalid"; 3]);
    assert_eq!(send("1.23"), "ok");
}

#[test]
fn large_amounts_need_approval() {
    let rule = "[[routes.rules]]\nname = \"large\"\nthen = \"approve\"\nwhen = { amount = { above = 10000, currency = \"EUR\" } }\n";
    let world = gate(&format!("{AMOUNT}{rule}"));
    assert_eq!(pay(&world, &json!(10_000), "EUR", None).code, "ok");
    let decision = pay(&world, &json!(10_001), "EUR", None);
    assert_eq!(
        (decision.code, decision.status, decision.outcome),
        ("policy.approval_required", 403, Outcome::Approve)
    );
    assert_eq!(detail(&decision), Some("large"));
    assert_eq!(serde_json::to_value(&decision).unwrap()["outcome"], "approve");
    let problem = decision.problem(Disclosure::Code);
    assert_eq!(problem["title"], "Somebody must approve the request first.");
    assert!(problem["type"].as_str().unwrap().ends_with("#approval-required"));
    assert_eq!(decision.problem(Disclosure::None)["type"], "about:blank");
    // Nothing is said of the agent: it did what it is meant to.
    assert_eq!(decision.risk.score, 0);
    // How much another currency is worth nobody knows.
    assert_eq!(pay(&world, &json!(1), "USD", None).code, "policy.approval_required");
    let world = gate(&format!("{AMOUNT}{}{OTHERWISE}", rule.replace("approve", "allow")));
    assert_eq!(pay(&world, &json!(10_001), "EUR", None).code, "ok");
    assert_eq!(pay(&world, &json!(10_001), "USD", None).code, "policy.rule_denied");
}

#[test]
fn a_route_that_only_watches_says_what_it_would_have_done() {
    let rule = "[[routes.rules]]\nname = \"never\"\nthen = \"approve\"\n";
    let world = gate(&format!("shadow = true\n{rule}"));
    let decision = world.decide(&request(&world, |_| {}));
    assert_eq!(
        (decision.outcome, decision.status, decision.code),
        (Outcome::Allow, 200, "policy.approval_required")
    );
    // It does not use up the body, and so cannot ask for its amount.
    let large = "[[routes.rules]]\nname = \"large\"\nthen = \"deny\"\nunless = { amount = { above = 1, currency = \"EUR\" } }\n";
    let world = gate(&format!("shadow = true\n{AMOUNT}{large}"));
    let decision = pay(&world, &json!(5), "EUR", None);
    assert_eq!(decision.code, "ok");
    assert!(
        decision
            .evidence
            .iter()
            .any(|e| e.result == CheckResult::Skipped && e.detail.as_deref() == Some("amount"))
    );
}

#[test]
fn authorization_details_must_permit_action_and_place() {
    let world = gate("details = { type = \"payment_initiation\", action = \"initiate\" }\n");
    let send =
        |details: Value| world.decide(&request(&world, |claims| claims["authorization_details"] = details));
    let refused = send(json!([]));
    assert_eq!((refused.code, detail(&refused)), ("policy.details_missing", Some("authorization_details")));
    assert_eq!(code(&world, |_| {}), "policy.details_missing");
    assert_eq!(send(json!([initiation("1.00", "EUR")])).code, "ok");
    let with = |name: &str, value: Value| {
        let mut entry = initiation("1.00", "EUR");
        entry[name] = value;
        send(json!([entry])).code
    };
    assert_eq!(with("actions", json!(["status"])), "policy.details_missing");
    assert_eq!(with("locations", json!(["https://api.example/accounts/a-1"])), "ok");
    assert_eq!(with("locations", json!(["https://other.example", "https://api.example/"])), "ok");
    for elsewhere in [
        "https://other.example",
        "https://api.example.evil",
        "https://api.example/accounts/a",
        "https://api.example/accounts/a-1/payments/1",
    ] {
        assert_eq!(with("locations", json!([elsewhere])), "policy.details_missing", "{elsewhere}");
    }
    let mut no_actions = initiation("1.00", "EUR");
    no_actions.as_object_mut().unwrap().remove("actions");
    assert_eq!(send(json!([no_actions])).code, "policy.details_missing");
    assert_eq!(
        send(json!([{ "type": "account_information", "actions": ["initiate"] }])).code,
        "policy.details_missing"
    );
}

#[test]
fn authorization_details_that_cannot_be_read_permit_nothing() {
    let world = gate("details = { type = \"payment_initiation\" }\n");
    for details in [
        json!({}),
        json!("x"),
        json!([{ "type": "unheard_of" }]),
        json!([initiation("1.234", "EUR")]),
        json!([initiation("1", "euro")]),
    ] {
        let code = code(&world, |claims| claims["authorization_details"] = details.clone());
        assert_eq!(code, "policy.details_invalid", "{details}");
    }
}

#[test]
fn an_amount_stays_within_what_one_entry_permits() {
    let world =
        gate(&format!("{AMOUNT}details = {{ type = \"payment_initiation\", action = \"initiate\" }}\n"));
    let send = |amount: u64, currency: &str, limits: &[(&str, &str)]| {
        let entries: Vec<_> = limits.iter().map(|(amount, currency)| initiation(amount, currency)).collect();
        pay(&world, &json!(amount), currency, Some(json!(entries)))
    };
    let refused = send(10_001, "EUR", &[("100.00", "EUR")]);
    assert_eq!(
        (refused.code, refused.status, detail(&refused)),
        ("policy.amount_exceeded", 403, Some("amount"))
    );
    assert_eq!(send(10_000, "EUR", &[("100.00", "EUR")]).code, "ok");
    assert_eq!(send(10_000, "USD", &[("100.00", "EUR")]).code, "policy.amount_exceeded");
    // Not the sum, but one of them.
    assert_eq!(send(10_000, "EUR", &[("60.00", "EUR"), ("60.00", "EUR")]).code, "policy.amount_exceeded");
    assert_eq!(send(10_000, "EUR", &[("60.00", "EUR"), ("100", "EUR")]).code, "ok");
    // An entry that permits the amount, but not the action, does not count.
    let mut other = initiation("1000.00", "EUR");
    other["actions"] = json!(["status"]);
    let details = json!([initiation("1.00", "EUR"), other]);
    assert_eq!(pay(&world, &json!(10_000), "EUR", Some(details)).code, "policy.amount_exceeded");
}

#[test]
fn demands_come_before_rules_and_rules_before_what_is_recorded() {
    let world = gate(
        "roles = [\"payer\"]\nrate = [{ per = \"route\", limit = 1, window = \"1m\" }]\n[[routes.rules]]\nname = \"r\"\nthen = \"deny\"\nwhen = { claims = [{ path = \"x\", exists = true }] }\n",
    );
    assert_eq!(code(&world, |claims| claims["x"] = json!(1)), "policy.role_missing");
    let payer = |claims: &mut Value| claims["roles"] = json!(["payer"]);
    for _ in 0..3 {
        let code = code(&world, |claims| {
            payer(claims);
            claims["x"] = json!(1);
        });
        assert_eq!(code, "policy.rule_denied");
    }
    assert_eq!(code(&world, payer), "ok");
    assert_eq!(code(&world, payer), "rate.exceeded");
}
