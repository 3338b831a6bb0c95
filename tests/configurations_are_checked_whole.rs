//! A configuration is refused for each of its faults, with the path of the field and what to write instead; and
//! those that this repository shows are good.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::path::Path;

use countersign::config::{Config, ConfigError, Events, Gate, MAX_CONFIG_BYTES};
use serde_json::{Value, json};

const GOOD: &str = r#"
origin = "https://origin.example"
public_origins = ["https://api.example"]
clock_skew = "30s"
max_body_bytes = 1024

[[issuers]]
issuer = "https://auth.example"
jwks_uri = "https://auth.example/jwks.json"
audience = ["https://api.example"]
algorithms = ["EdDSA", "ES256"]
max_lifetime = "1h"

[signatures]
profiles = ["web-bot-auth", "rfc9421", "agent-headers"]
trust = ["https://agents.example"]

[signatures.rules.web-bot-auth]
max_window = "1h"

[signatures.rules.rfc9421]
components = ["@method", "\"x-list\";sf"]
keys = ["https://agents.example/keys.json"]

[signatures.rules.agent-headers]
signature_field = "X-Agent-Signature"

[[agents]]
id = "shopper"
operator = "Example"
purpose = "shopping"
contact = "ops@agents.example"
jwks_uri = "https://agents.example/shopper.json"

[dpop]
max_age = "60s"

[risk]
medium = 40
high = 70
half_life = "5m"

[events]
url = "https://events.example/push"

[[routes]]
match = "POST /orders"
require = ["signature", "token", "dpop"]
scope = ["order:write"]
components = ["@method", "content-digest"]
replay = "isolate"
rate = [{ per = "agent", limit = 60, window = "1m", burst = 10, store = "kv" }]
"#;

fn faults(config: &str) -> Vec<ConfigError> {
    match Config::from_toml(config) {
        Ok(config) => Gate::new(&config).err().unwrap_or_default(),
        Err(fault) => vec![fault],
    }
}

fn changed(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from}");
    GOOD.replace(from, to)
}

/// Changes the good configuration, and expects exactly one fault.
#[track_caller]
fn refused(from: &str, to: &str, path: &str, advice: &str) {
    let faults = faults(&changed(from, to));
    let found: Vec<_> = faults.iter().map(|fault| (fault.path.as_str(), fault.message.as_str())).collect();
    assert_eq!(found.len(), 1, "{to}: {found:?}");
    assert_eq!(found[0].0, path, "{to}: {found:?}");
    assert!(found[0].1.contains(advice), "{to}: {found:?}");
}

#[track_caller]
fn accepted(from: &str, to: &str) {
    assert_eq!(faults(&changed(from, to)), [], "{to}");
}

#[test]
fn the_configuration_that_the_cases_change_is_good() {
    assert_eq!(faults(GOOD), []);
}

#[test]
fn a_document_that_cannot_be_read_is_refused() {
    assert_eq!(faults("origin = ").len(), 1);
    let long = faults(&"#".repeat(MAX_CONFIG_BYTES + 1));
    assert_eq!(long[0].to_string(), "the document is longer than 256 KiB");
    let twice = Config::from_json(r#"{"origin":"https://a.example","origin":"https://b.example"}"#);
    assert!(twice.unwrap_err().message.contains("twice"));
    let long = Config::from_json(&" ".repeat(MAX_CONFIG_BYTES + 1)).unwrap_err();
    assert_eq!(long.to_string(), "the document is longer than 256 KiB");
}

#[test]
fn a_fault_of_grammar_says_where_and_nothing_of_what_is_there() {
    for (config, said) in [
        ("origin = \"https://a.example\"\n\n  origin = \"s3cret\"\n", "line 3, column 3: duplicate key"),
        ("a = 1\r\n# \u{e9}\u{1f600}\r\n\"\u{e9}\" = s3cret", "line 3, column 7: "),
        ("routes = [\n  ,\n]", "line 2, column 3: "),
        ("a = 1\ns3cret", "line 2, column "),
        ("a = 1\nkey = \"s3cret\n", "line 2, column "),
    ] {
        let fault = Config::from_toml(config).unwrap_err();
        assert!(fault.path.is_empty() && fault.message.starts_with(said), "{config}: {fault}");
        assert!(!fault.message.contains("s3cret") && !fault.message.contains('\n'), "{config}: {fault}");
    }
    for (config, said) in [
        (
            "{\n  \"a\": {\n    \"b\": 1,\n    \"b\": \"s3cret\"\n  }\n}",
            "line 2, column 9: json object has a member twice",
        ),
        ("{\"\u{e9}\": \"s3cret\"; }", "line 1, column 15: json syntax error"),
        ("{\"a\": \"s3cret", "line 1, column "),
        ("{}\n\ns3cret", "line 3, column 1: json value is followed by more"),
        ("", "line 1, column 1: json syntax error"),
    ] {
        let fault = Config::from_json(config).unwrap_err();
        assert!(fault.path.is_empty() && fault.message.starts_with(said), "{config}: {fault}");
        assert!(!fault.message.contains("s3cret"), "{config}: {fault}");
    }
    // Where it is in another document than the one that was written is not said.
    let deep = format!("a = {}1{}", "[".repeat(40), "]".repeat(40));
    assert_eq!(Config::from_toml(&deep).unwrap_err().to_string(), "json is nested too deep");
}

#[test]
fn a_field_that_is_not_there_is_refused_at_every_depth() {
    refused("clock_skew", "clock_scew", "clock_scew", "unknown field");
    refused("max_lifetime", "lifetime", "issuers[0].lifetime", "unknown field");
    refused("max_window", "window", "signatures.rules.web-bot-auth.window", "unknown field");
    refused("max_age", "age", "dpop.age", "unknown field");
    refused("half_life", "halflife", "risk.halflife", "unknown field");
    refused("url =", "uri =", "events.uri", "unknown field");
    refused("require =", "requires =", "routes[0].requires", "unknown field");
    refused("burst =", "bursts =", "routes[0].rate[0].bursts", "unknown field");
}

#[test]
fn a_field_of_another_type_or_value_is_refused() {
    refused("1024", "\"1k\"", "max_body_bytes", "expected");
    refused("\"dpop\"]", "\"tls\"]", "routes[0].require[2]", "signature");
    refused("per = \"agent\"", "per = \"user\"", "routes[0].rate[0].per", "agent");
    refused("\"isolate\"", "\"once\"", "routes[0].replay", "isolate");
    refused("\"kv\"", "\"redis\"", "routes[0].rate[0].store", "kv");
    refused("\"1h\"\n\n[signatures]", "3600\n\n[signatures]", "issuers[0].max_lifetime", "expected");
    refused("[[routes]]", "[[unused]]\n[[routes]]", "unused", "unknown field");
    let without_routes = GOOD.split("[[routes]]").next().unwrap();
    assert!(faults(without_routes)[0].message.contains("`routes`"));
}

#[test]
fn lengths_of_time_have_a_unit_and_a_range() {
    for text in ["30", "30 s", "-1s", "1.5s", "1w", "", "1h30m"] {
        refused("\"30s\"", &format!("\"{text}\""), "clock_skew", "write \"30s\"");
    }
    refused("\"30s\"", "\"61s\"", "clock_skew", "to 1m");
    refused("\"1h\"\n\n[signatures]", "\"0s\"\n\n[signatures]", "issuers[0].max_lifetime", "write 1s to 30d");
    refused(
        "\"1h\"\n\n[signatures]",
        "\"31d\"\n\n[signatures]",
        "issuers[0].max_lifetime",
        "write 1s to 30d",
    );
    refused(
        "max_window = \"1h\"",
        "max_window = \"25h\"",
        "signatures.rules.web-bot-auth.max_window",
        "write 1s to 1d",
    );
    refused("\"60s\"", "\"6m\"", "dpop.max_age", "write 1s to 5m");
    refused("\"60s\"", "\"999ms\"", "dpop.max_age", "write 1s to 5m");
    refused("\"5m\"", "\"0s\"", "risk.half_life", "write 1s to 1d");
    refused("window = \"1m\"", "window = \"25h\"", "routes[0].rate[0].window", "write 1s to 1d");
    accepted("\"30s\"", "\"0s\"");
    accepted("window = \"1m\"", "window = \"1d\"");
}

#[test]
fn numbers_have_a_range() {
    refused("1024", "8388609", "max_body_bytes", "write at most 8388608");
    refused("limit = 60", "limit = 0", "routes[0].rate[0].limit", "write 1 to 1000000");
    refused("limit = 60", "limit = 1000001", "routes[0].rate[0].limit", "write 1 to 1000000");
    refused("burst = 10", "burst = 0", "routes[0].rate[0].burst", "write 1 to 1000000");
    for (medium, high) in [(0, 70), (70, 70), (80, 70), (40, 101)] {
        let risk = format!("medium = {medium}\nhigh = {high}");
        refused("medium = 40\nhigh = 70", &risk, "risk", "1 <= medium < high <= 100");
    }
    accepted("1024", "8388608");
    accepted("limit = 60", "limit = 1000000");
}

#[test]
fn lists_have_a_length() {
    let many = |n: usize, entry: fn(usize) -> String| {
        (0..n).map(entry).fold(String::new(), |mut list, entry| {
            write!(list, "{entry},").unwrap();
            list
        })
    };
    let origins = |n| format!("[{}]", many(n, |i| format!("\"https://host{i}.example\"")));
    refused("[\"https://api.example\"]\nclock", "[]\nclock", "public_origins", "at least one");
    let more = format!("{}\nclock", origins(65));
    refused("[\"https://api.example\"]\nclock", &more, "public_origins", "at most 64");
    refused("[\"https://api.example\"]\nalg", "[]\nalg", "issuers[0].audience", "at least one");
    refused("[\"EdDSA\", \"ES256\"]", "[]", "issuers[0].algorithms", "at least one");
    refused("max_age = \"60s\"", "algorithms = []", "dpop.algorithms", "at least one");
    refused("[\"https://agents.example\"]", "[]", "signatures.trust", "at least one");
    refused("[\"https://agents.example\"]", &origins(65), "signatures.trust", "at most 64");
    refused(
        "[\"@method\", \"\\\"x-list\\\";sf\"]",
        "[]",
        "signatures.rules.rfc9421.components",
        "at least one",
    );
    let limits = many(9, |i| format!("{{ per = \"agent\", limit = 60, window = \"{}m\" }}", i + 1));
    let rate = "[{ per = \"agent\", limit = 60, window = \"1m\", burst = 10, store = \"kv\" }]";
    refused(rate, &format!("[{limits}]"), "routes[0].rate", "at most 8");
    let routes = many(1025, |i| format!("{{ match = \"GET /{i}\", require = [] }}"));
    let head = GOOD.split("[[issuers]]").next().unwrap();
    let found = faults(&format!("{head}routes = [{routes}]"));
    assert_eq!(found[0].to_string(), "routes: has 1025 entries; write at most 1024");
    assert_eq!(
        faults(&format!("{head}routes = []"))[0].to_string(),
        "routes: is empty; write at least one entry"
    );
}

#[test]
fn algorithms_and_profiles_are_those_of_this_gate() {
    for name in ["none", "HS256", "HS512", "ES512", "rs384", "eddsa", ""] {
        let list = format!("[\"EdDSA\", \"{name}\"]");
        let advice =
            r#"write one of "ES256", "ES384", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512""#;
        refused("[\"EdDSA\", \"ES256\"]", &list, "issuers[0].algorithms[1]", advice);
        refused("max_age = \"60s\"", &format!("algorithms = {list}"), "dpop.algorithms[1]", advice);
    }
    let names = r#"write one of "agent-headers", "rfc9421", "tap", "tap-deployed", "web-bot-auth""#;
    let listed = "[\"web-bot-auth\", \"rfc9421\", \"agent-headers\"]";
    let with = |name: &str| format!("[\"web-bot-auth\", \"rfc9421\", \"agent-headers\", \"{name}\"]");
    refused(listed, &with("cavage"), "signatures.profiles[3]", names);
    refused(listed, &with("rfc9421"), "signatures.profiles[3]", "twice");
    refused(listed, "[\"web-bot-auth\", \"rfc9421\"]", "signatures.rules.agent-headers", "not in profiles");
    refused("max_lifetime = \"1h\"", "profile = \"id\"", "issuers[0].profile", "at+jwt");
}

#[test]
fn rules_of_a_profile_tighten_what_it_demands() {
    let rules = |old: &str, new: &str, path: &str, advice: &str| {
        refused(old, new, &format!("signatures.rules.{path}"), advice);
    };
    let window = "max_window = \"1h\"";
    rules(window, "tags = [\"x\"]", "web-bot-auth.tags", "profile's own");
    rules(window, "keys = [\"https://a.example/k\"]", "web-bot-auth.keys", "use trust");
    rules(window, "algorithms = [\"hmac-sha256\"]", "web-bot-auth.algorithms[0]", "write one of");
    rules(window, "algorithms = [\"rsa-pss-sha256\"]", "web-bot-auth.algorithms[0]", "write one of");
    for jose_only in ["rsa-v1_5-sha384", "rsa-pss-sha384", "RS384"] {
        let algorithms = format!("algorithms = [\"{jose_only}\"]");
        rules(window, &algorithms, "web-bot-auth.algorithms[0]", "write one of");
    }
    rules(window, "parameters = [\"key\"]", "web-bot-auth.parameters[0]", "write one of");
    rules(window, "components = [\"@status\"]", "web-bot-auth.components[0]", "not a component of a request");
    rules(window, "components = ['\"x\";req']", "web-bot-auth.components[0]", "not a component of a request");
    rules(window, "components = ['\"x\";tr']", "web-bot-auth.components[0]", "not a component of a request");
    rules(window, "agent_field = \"x\"", "web-bot-auth", "are of \"agent-headers\"");
    rules("keys.json\"]", "keys.json\", \"http://a.example/k\"]", "rfc9421.keys[1]", "not an https url");
    rules(
        "keys = [\"https://agents.example/keys.json\"]",
        "keys = [\"http://a.example\"]",
        "rfc9421.keys[0]",
        "https",
    );
    let field = "signature_field = \"X-Agent-Signature\"";
    rules(field, "signature_field = \"X Y\"", "agent-headers.signature_field", "not a field name");
    rules(field, "signature_field = \"Agent-Id\"", "agent-headers", "same name");
    rules(field, "components = [\"@method\"]", "agent-headers.components", "plain headers are not");
    rules(field, "max_window = \"6m\"", "agent-headers.max_window", "write 1s to 5m");
    rules(
        field,
        "algorithms = [\"ecdsa-p256-sha256\"]",
        "agent-headers.algorithms[0]",
        "\"ed25519\", \"rsa-v1_5-sha256\"",
    );
}

#[test]
fn origins_are_origins() {
    for origin in [
        "origin.example",
        "https://",
        "ftp://origin.example",
        "https://origin.example/a",
        "https://o.example/?a",
    ] {
        refused(
            "\"https://origin.example\"",
            &format!("\"{origin}\""),
            "origin",
            "write scheme://host[:port]",
        );
    }
    accepted("\"https://origin.example\"", "\"http://10.0.0.7:9000\"");

    let public = "[\"https://api.example\"]\nclock";
    let refused_public = |origins: &str, path: &str, advice: &str| {
        refused(public, &format!("{origins}\nclock"), path, advice);
    };
    refused_public("[\"api.example\"]", "public_origins[0]", "write https://host[:port]");
    refused_public("[\"http://api.example\"]", "public_origins[0]", "write https");
    refused_public("[\"https://api.example/v1\"]", "public_origins[0]", "behind_proxy only");
    refused_public("[\"https://api.example/?a\"]", "public_origins[0]", "has a path or query");
    let twice = "[\"https://api.example\", \"https://API.example:443\"]";
    refused_public(twice, "public_origins[1]", "is there twice");
    accepted(public, "[\"http://127.0.0.1:8787\", \"http://[::1]:8787\"]\nclock");
}

#[test]
fn a_gate_behind_a_proxy_has_one_public_origin() {
    let public = "[\"https://api.example\"]\nclock";
    let two = "[\"https://api.example\", \"https://other.example\"]\nbehind_proxy = true\nclock";
    refused(public, two, "public_origins", "takes exactly one");
    let query = "[\"https://api.example/v1?a\"]\nbehind_proxy = true\nclock";
    refused(public, query, "public_origins[0]", "has a path or query");
    accepted(public, "[\"https://api.example/v1/\"]\nbehind_proxy = true\nclock");
}

#[test]
fn events_have_a_form_and_an_algorithm_that_there_is() {
    refused("url =", "format = \"xml\"\nurl =", "events.format", "cloudevents");
    for algorithm in ["HS256", "none", "ES256", "eddsa"] {
        refused("url =", &format!("algorithm = \"{algorithm}\"\nurl ="), "events.algorithm", "RS256");
    }
    accepted("url =", "format = \"cloudevents\"\nalgorithm = \"RS256\"\nurl =");
    accepted("url =", "format = \"set\"\nalgorithm = \"EdDSA\"\nurl =");
}

#[test]
fn keys_and_events_travel_over_https() {
    let jwks = "\"https://auth.example/jwks.json\"";
    refused(jwks, "\"http://auth.example/jwks.json\"", "issuers[0].jwks_uri", "https url");
    refused(jwks, "\"http://127.0.0.1/jwks.json\"", "issuers[0].jwks_uri", "https url");
    refused(jwks, "\"jwks.json\"", "issuers[0].jwks_uri", "write where the key set is");
    let agents = "\"https://agents.example\"";
    refused(agents, "\"http://agents.example\"", "signatures.trust[0]", "write https://host[:port]");
    refused(agents, "\"https://agents.example/keys\"", "signatures.trust[0]", "without a path");
    let events = "\"https://events.example/push\"";
    refused(events, "\"http://events.example/push\"", "events.url", "nor a url of `origin`");
    refused(events, "\"/push\"", "events.url", "https url");

    let local = changed(jwks, "\"http://localhost:9001/jwks.json\"")
        .replace(agents, "\"http://127.0.0.1:9002\"")
        .replace("clock_skew", "allow_loopback = true\nclock_skew");
    assert_eq!(faults(&local), []);
    let elsewhere = faults(&local.replace("localhost:9001", "localhost.example:9001"));
    assert_eq!(elsewhere[0].path, "issuers[0].jwks_uri");
    let at_origin = changed(events, "\"http://10.0.0.7:9000/events\"")
        .replace("https://origin.example", "http://10.0.0.7:9000");
    assert_eq!(faults(&at_origin), []);
}

#[test]
fn issuers_are_named_and_there_once() {
    refused("issuer = \"https://auth.example\"", "issuer = \"\"", "issuers[0].issuer", "write the `iss`");
    let issuer = &GOOD[GOOD.find("[[issuers]]").unwrap()..GOOD.find("[signatures]").unwrap()];
    refused("[signatures]", &format!("{issuer}[signatures]"), "issuers[1].issuer", "is there twice");
}

/// The issuer of the good configuration, asked about its tokens with these fields besides.
fn introspection(fields: &str) -> (String, String) {
    let from = "max_lifetime = \"1h\"";
    let table = "endpoint = \"https://auth.example/introspect\"\nclient_id = \"gate\"";
    (from.into(), format!("{from}\n[issuers.introspection]\n{table}\n{fields}\n"))
}

#[test]
fn issuers_are_asked_about_tokens_over_https_and_within_bounds() {
    let accepted_with = |fields: &str| {
        let (from, to) = introspection(fields);
        accepted(&from, &to);
    };
    let refused_with = |fields: &str, path: &str, advice: &str| {
        let (from, to) = introspection(fields);
        let to = match fields.split_once(" = ") {
            // The field that the case is about takes the place of the good one.
            Some(("endpoint", _)) => to.replace("endpoint = \"https://auth.example/introspect\"\n", ""),
            Some(("client_id", _)) => to.replace("client_id = \"gate\"\n", ""),
            _ => to,
        };
        refused(&from, &to, &format!("issuers[0].introspection.{path}"), advice);
    };
    accepted_with("");
    accepted_with(
        "cache = \"0s\"\nbudget = 1\nwhen = \"always\"\ntoken_prefix = \"oat_\"\naudience = \"if_present\"",
    );
    accepted_with(
        "authentication = \"private_key_jwt\"\nassertion_audience = \"https://auth.example/token\"",
    );
    refused_with("endpoint = \"http://auth.example/introspect\"", "endpoint", "https");
    refused_with("client_id = \"\"", "client_id", "which client");
    refused_with("client_id = \"ü\"", "client_id", "ASCII");
    refused_with("cache = \"301s\"", "cache", "0s to 5m");
    refused_with("budget = 0", "budget", "1 to 60000");
    refused_with("budget = 60001", "budget", "1 to 60000");
    refused_with("when = \"jwt\"\ntoken_prefix = \"oat_\"", "token_prefix", "opaque");
    refused_with("token_prefix = \"o t\"", "token_prefix", "begins with");
    refused_with("assertion_audience = \"https://auth.example\"", "assertion_audience", "private_key_jwt");
    refused_with("authentication = \"none\"", "authentication", "client_secret_basic");
    refused_with("client_secret = \"hush\"", "client_secret", "");
}

#[test]
fn opaque_tokens_are_those_of_one_issuer() {
    let (from, first) = introspection("FIRST");
    let another = "[[issuers]]\nissuer = \"https://two.example\"\njwks_uri = \"https://two.example/jwks.json\"\n\
        audience = [\"https://api.example\"]\nalgorithms = [\"EdDSA\"]\n[issuers.introspection]\n\
        endpoint = \"https://two.example/introspect\"\nclient_id = \"gate\"\nSECOND\n";
    let both =
        |one: &str, two: &str| format!("{first}{another}").replace("FIRST", one).replace("SECOND", two);
    let advice = "give both a prefix of their own";
    for (one, two, at) in [
        ("", "", 1),
        ("token_prefix = \"a_\"", "", 0),
        ("", "token_prefix = \"a_\"", 1),
        ("token_prefix = \"a_\"", "token_prefix = \"a_\"", 1),
        ("token_prefix = \"a_b\"", "token_prefix = \"a_\"", 0),
    ] {
        refused(&from, &both(one, two), &format!("issuers[{at}].introspection.token_prefix"), advice);
    }
    accepted(&from, &both("token_prefix = \"a_\"", "token_prefix = \"b_\""));
    accepted(&from, &both("when = \"jwt\"", ""));
}

#[test]
fn what_cannot_be_found_out_lets_only_tokens_through() {
    let route = "replay = \"isolate\"";
    let allows = "replay = \"isolate\"\non_unavailable = { revocation = \"allow\" }";
    accepted(route, allows);
    let without_token = "require = [\"signature\"]\non_unavailable = { revocation = \"allow\" }";
    let from = "require = [\"signature\", \"token\", \"dpop\"]\nscope = [\"order:write\"]";
    refused(from, without_token, "routes[0].on_unavailable.revocation", "token");
    refused(
        route,
        "on_unavailable = { revocation = \"maybe\" }",
        "routes[0].on_unavailable.revocation",
        "deny",
    );
}

#[test]
fn a_route_asks_only_for_what_can_be_given() {
    let signatures = &GOOD[GOOD.find("[signatures]").unwrap()..GOOD.find("[dpop]").unwrap()];
    refused(
        signatures,
        "",
        "routes[0].require",
        "\"signature\" cannot be given, as there is no [signatures]; add it",
    );
    let issuer = &GOOD[GOOD.find("[[issuers]]").unwrap()..GOOD.find("[signatures]").unwrap()];
    refused(
        issuer,
        "",
        "routes[0].require",
        "\"token\" cannot be given, as there are no [[issuers]]; add one",
    );

    let require = "[\"signature\", \"token\", \"dpop\"]\nscope = [\"order:write\"]";
    refused(require, "[\"signature\", \"dpop\"]", "routes[0].require", "add \"token\"");
    let scope_alone = "[\"signature\"]\nscope = [\"order:write\"]";
    refused(require, scope_alone, "routes[0].scope", "add \"token\" to require");
    let unsigned = "[\"signature\", \"token\", \"dpop\"]";
    refused(unsigned, "[\"token\", \"dpop\"]", "routes[0].components", "add \"signature\" to require");
    let unproven =
        GOOD.replace("\"signature\", \"token\", \"dpop\"", "\"token\"").replace("isolate", "exact");
    let found = faults(&unproven.replace("components = [\"@method\", \"content-digest\"]", ""));
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|f| f.starts_with("routes[0].replay: \"exact\" is about proofs")), "{found:?}");
    accepted("store = \"kv\"", "store = \"durable-object\"");
}

#[test]
fn scopes_and_components_are_those_of_their_standards() {
    for scope in ["", "a b", "a\\\"b", "a\\\\b", "ä", "a\\t"] {
        refused("\"order:write\"", &format!("\"{scope}\""), "routes[0].scope", "write one scope an entry");
    }
    for component in ["", "Content-Digest", "@unknown", "@query-param", "a b", "@signature-params", "@status"]
    {
        let list = format!("\"@method\", \"{component}\"");
        let advice = "write a field name in lower case";
        refused("\"@method\", \"content-digest\"", &list, "routes[0].components[1]", advice);
    }
}

#[test]
fn routes_are_well_formed_and_reached() {
    for pattern in
        ["/orders", "POST", "POST orders", "POST /a/**/b", "POST /a*", "POST /a//b", "P T /a", "POST /../a"]
    {
        let advice = "write \"METHOD /path\"";
        refused("\"POST /orders\"", &format!("\"{pattern}\""), "routes[0].match", advice);
    }
    let then = |pattern: &str| format!("{GOOD}\n[[routes]]\nmatch = \"{pattern}\"\nrequire = []\n");
    let unreachable = |first: &str, second: &str| {
        let found = faults(&then(second).replacen("POST /orders", first, 1));
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let fault = "routes[1].match: is never reached, as routes[0] matches all it matches; put it first";
    for (first, second) in [
        ("POST /orders", "POST /orders"),
        ("* /orders", "GET /orders"),
        ("* /**", "POST /orders"),
        ("GET /a/*", "GET /a/b"),
        ("GET /a/**", "GET /a/*/c"),
        ("GET /a%3b", "GET /a%3B"),
    ] {
        assert_eq!(unreachable(first, second), [fault], "{first}, {second}");
    }
    for (first, second) in [
        ("POST /orders", "GET /orders"),
        ("GET /orders", "* /orders"),
        ("GET /a/b", "GET /a/*"),
        ("GET /a/*", "GET /a"),
    ] {
        assert!(unreachable(first, second).is_empty(), "{first}, {second}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let config = GOOD
        .replace("\"30s\"", "\"5m\"")
        .replace("\"ES256\"", "\"HS256\"")
        .replace("limit = 60", "limit = 0");
    let found = faults(&config);
    let paths: Vec<_> = found.iter().map(|fault| fault.path.as_str()).collect();
    let expected = ["clock_skew", "issuers[0].algorithms[1]", "routes[0].rate[0].limit"];
    assert_eq!(paths, expected);
    assert_eq!(found[2].to_string(), "routes[0].rate[0].limit: is 0; write 1 to 1000000");
}

/// What the Worker reads from the file that the README tells to start from.
#[test]
fn the_worker_would_start_with_the_wrangler_file() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("wrangler.toml");
    let wrangler: Value = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let config = &wrangler["vars"]["COUNTERSIGN_CONFIG"];
    let gate = Gate::new(&Config::from_json(&config.to_string()).unwrap()).unwrap();
    assert_eq!(json!(gate.origin()), config["origin"]);
    assert_eq!(gate.routes().len(), config["routes"].as_array().unwrap().len());
    assert_eq!(json!(gate.events().map(Events::url)), config["events"]["url"]);
}

/// The good configuration with more on its route, and the types that it asks for.
fn with_policy(more: &str) -> String {
    let types = "[[authorization_details]]\ntype = \"payment\"\namount = \"amount\"\ncurrency = \"currency\"\n\
        [[authorization_details]]\ntype = \"account\"\n";
    let route = GOOD.replace("POST /orders", "POST /orders/{order}");
    format!("{route}{more}\n{types}")
}

#[track_caller]
fn policy_refused(more: &str, path: &str, advice: &str) {
    let faults = faults(&with_policy(more));
    let found: Vec<_> = faults.iter().map(|fault| (fault.path.as_str(), fault.message.as_str())).collect();
    assert_eq!(found.len(), 1, "{more}: {found:?}");
    assert_eq!(found[0].0, path, "{more}: {found:?}");
    assert!(found[0].1.contains(advice), "{more}: {found:?}");
}

#[test]
fn a_policy_is_refused_for_what_it_cannot_mean() {
    let amount = "amount = { body = \"/a\", currency = \"EUR\" }\n";
    assert_eq!(
        faults(&with_policy(&format!(
            "{amount}details = {{ type = \"payment\", action = \"a\" }}\nroles = [\"r\"]"
        ))),
        []
    );
    policy_refused("roles = [\"\"]", "routes[0].roles[0]", "1 to 1024 bytes");
    policy_refused("details = { type = \"other\" }", "routes[0].details.type", "[[authorization_details]]");
    policy_refused(
        "details = { type = \"payment\", action = \"\" }",
        "routes[0].details.action",
        "remove it",
    );
    policy_refused(
        &format!("{amount}details = {{ type = \"account\" }}"),
        "routes[0].details.type",
        "`amount`",
    );
    policy_refused("amount = { currency = \"EUR\" }", "routes[0].amount", "`body` or `field`");
    policy_refused(
        "amount = { body = \"/a\", field = \"a\", currency = \"EUR\" }",
        "routes[0].amount",
        "`body` or `field`",
    );
    policy_refused("amount = { body = \"/a\" }", "routes[0].amount", "`currency`");
    policy_refused(
        "amount = { body = \"/a\", currency = \"EUR\", currency_field = \"c\" }",
        "routes[0].amount",
        "`currency`",
    );
    policy_refused("amount = { body = \"a\", currency = \"EUR\" }", "routes[0].amount.body", "JSON Pointer");
    policy_refused(
        "amount = { field = \"a b\", currency = \"EUR\" }",
        "routes[0].amount.field",
        "header field",
    );
    policy_refused("amount = { body = \"/a\", currency = \"eur\" }", "routes[0].amount.currency", "ISO 4217");
    policy_refused(
        "amount = { body = \"/a\", currency_body = \"/a~\" }",
        "routes[0].amount.currency_body",
        "JSON Pointer",
    );
    policy_refused(
        "amount = { body = \"/a\", currency = \"EUR\", decimals = 5 }",
        "routes[0].amount.decimals",
        "0 to 4",
    );

    let without_token = |more: &str| {
        let route = format!("match = \"GET /open/{{x}}\"\nrequire = []\n{more}");
        let faults = faults(&with_policy(&format!("[[routes]]\n{route}")));
        faults.iter().map(|fault| fault.path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(without_token(""), [""; 0]);
    assert_eq!(without_token("roles = [\"r\"]"), ["routes[1].roles"]);
    assert_eq!(without_token("any_role = [\"r\"]"), ["routes[1].any_role"]);
    assert_eq!(without_token("details = { type = \"payment\" }"), ["routes[1].details"]);
    assert_eq!(without_token(amount), ["routes[1].amount"]);
    let rule = |when: &str| {
        without_token(&format!("rules = [{{ name = \"r\", then = \"deny\", when = {{ {when} }} }}]"))
    };
    assert_eq!(rule("claims = [{ path = \"a\", exists = true }]"), ["routes[1].rules[0].when.claims[0]"]);
    assert_eq!(
        rule("parameters = [{ name = \"x\", equals_claim = \"a\" }]"),
        ["routes[1].rules[0].when.parameters[0]"]
    );
    assert_eq!(rule("scope = [\"a\"]"), ["routes[1].rules[0].when.scope"]);
    assert_eq!(rule("agent = { operator = [\"a\"] }"), ["routes[1].rules[0].when.agent"]);
    assert_eq!(
        rule("agent = { method = [\"dpp\"] }"),
        ["routes[1].rules[0].when.agent.method[0]", "routes[1].rules[0].when.agent"]
    );
    assert_eq!(
        rule("agent = { id = [\"a\"] }"),
        ["routes[1].rules[0].when.agent.id", "routes[1].rules[0].when.agent"]
    );
    assert_eq!(rule("parameters = [{ name = \"x\", is = [\"a\"] }]"), [""; 0]);
}

#[test]
fn a_rule_is_refused_for_what_it_cannot_mean() {
    let rule = |rest: &str| format!("[[routes.rules]]\nname = \"r\"\nthen = \"deny\"\n{rest}");
    let when = |condition: &str| rule(&format!("when = {{ {condition} }}"));
    let at = |name: &str| format!("routes[0].rules[0].when.{name}");
    assert_eq!(faults(&with_policy(&rule(""))), []);
    for name in ["", "a b", "\u{e9}", &"a".repeat(65)] {
        policy_refused(
            &rule("").replace("\"r\"", &format!("\"{name}\"")),
            "routes[0].rules[0].name",
            "1 to 64",
        );
    }
    policy_refused(&rule("").replace("deny", "ask"), "routes[0].rules[0].then", "unknown variant");
    policy_refused(&rule("wenn = {}"), "routes[0].rules[0].wenn", "unknown field");
    policy_refused(&when(""), "routes[0].rules[0].when", "asks nothing");
    policy_refused(&when("clam = []"), &at("clam"), "unknown field");
    policy_refused(
        &format!("{}{}", rule("when = { method = [\"POST\"] }\n"), rule("")),
        "routes[0].rules[1].name",
        "twice",
    );
    policy_refused(
        &format!("{}{}", rule(""), rule("").replace("\"r\"", "\"s\"")),
        "routes[0].rules[1]",
        "never reached",
    );
    let many: String = (0..65)
        .map(|i| rule("when = { method = [\"POST\"] }\n").replace("\"r\"", &format!("\"r{i}\"")))
        .collect();
    policy_refused(&many, "routes[0].rules", "at most 64");

    policy_refused(
        &when("claims = [{ path = \"\", exists = true }]"),
        &at("claims[0].path"),
        "is not a claim",
    );
    policy_refused(&when("claims = [{ path = \"a\" }]"), &at("claims[0]"), "asks one thing");
    policy_refused(
        &when("claims = [{ path = \"a\", is = [1], not = [1] }]"),
        &at("claims[0]"),
        "asks one thing",
    );
    policy_refused(&when("claims = [{ path = \"a\", is = [] }]"), &at("claims[0].is"), "is empty");
    policy_refused(
        &when("claims = [{ path = \"a\", is = [{}] }]"),
        &at("claims[0].is[0]"),
        "a string, an integer",
    );
    policy_refused(
        &when("claims = [{ path = \"a\", is = [1.5] }]"),
        &at("claims[0].is[0]"),
        "a string, an integer",
    );
    policy_refused(
        &when("claims = [{ path = \"a\", equals_parameter = \"b\" }]"),
        &at("claims[0].equals_parameter"),
        "\"order\"",
    );
    policy_refused(
        &when("parameters = [{ name = \"b\", is = [\"1\"] }]"),
        &at("parameters[0].name"),
        "\"order\"",
    );
    policy_refused(&when("parameters = [{ name = \"order\" }]"), &at("parameters[0]"), "asks one thing");
    policy_refused(
        &when("parameters = [{ name = \"order\", not = [\"\"] }]"),
        &at("parameters[0].not[0]"),
        "1 to 1024",
    );
}

#[test]
fn what_a_rule_asks_of_a_request_must_be_something_that_requests_have() {
    let when = |condition: &str| {
        format!("[[routes.rules]]\nname = \"r\"\nthen = \"deny\"\nwhen = {{ {condition} }}")
    };
    let at = |name: &str| format!("routes[0].rules[0].when.{name}");
    policy_refused(&when("method = [\"post\"]"), &at("method"), "case-sensitive");
    policy_refused(&when("scope = [\"a b\"]"), &at("scope"), "RFC 6749");
    policy_refused(&when("agent = {}"), &at("agent"), "asks nothing");
    policy_refused(&when("network = {}"), &at("network"), "asks nothing");
    policy_refused(
        &when("network = { cidr = [\"10.0.0.0/8\", \"10.0.0.1/8\"] }"),
        &at("network.cidr[1]"),
        "behind the prefix",
    );
    policy_refused(&when("network = { country = [\"de\"] }"), &at("network.country[0]"), "ISO 3166");
    policy_refused(&when("network = { country = [\"XX\"] }"), &at("network.country[0]"), "ISO 3166");
    policy_refused(&when("network = { asn = [-1] }"), &at("network.asn[0]"), "integer");
    policy_refused(
        &when("amount = { above = 1, currency = \"EUR\" }"),
        &at("amount"),
        "add `amount` to the route",
    );
    let amount = |currency: &str, above: &str| {
        format!(
            "amount = {{ body = \"/a\", currency = \"USD\" }}\n{}",
            when(&format!("amount = {{ above = {above}, currency = \"{currency}\" }}"))
        )
    };
    assert_eq!(faults(&with_policy(&amount("USD", "1"))), []);
    policy_refused(&amount("EUR", "1"), &at("amount.currency"), "is another");
    policy_refused(&amount("USD", "9007199254740992"), &at("amount.above"), "at most 9007199254740991");

    let time = |time: &str| when(&format!("time = {{ {time} }}"));
    assert_eq!(
        faults(&with_policy(&time(
            "zone = \"Europe/Berlin\", from = \"22:00\", to = \"06:00\", days = [\"sat\"]"
        ))),
        []
    );
    policy_refused(&time("zone = \"Europe/Nowhere\""), &at("time.zone"), "Europe/Berlin");
    policy_refused(&time("zone = \"Asia/Gaza\""), &at("time.zone"), "POSIX");
    policy_refused(&time("zone = \"UTC+2\""), &at("time.zone"), "+02:00");
    policy_refused(&time("from = \"09:00\""), &at("time"), "zone");
    for bad in ["9:00", "25:00", "24:01", "09:60", "0900", "09:00:00", "+9:00"] {
        policy_refused(&time(&format!("zone = \"UTC\", from = \"{bad}\"")), &at("time.from"), "09:00");
    }
    policy_refused(&time("zone = \"UTC\", from = \"09:00\", to = \"09:00\""), &at("time"), "whole day");
    policy_refused(&time("zone = \"UTC\", from = \"24:00\", to = \"09:00\""), &at("time"), "whole day");
    policy_refused(&time("zone = \"UTC\", days = [\"monday\"]"), &at("time.days[0]"), "unknown variant");
}

#[test]
fn an_issuer_without_jwks_uri_is_one_that_metadata_can_be_asked_for() {
    let issuer = "issuer = \"https://auth.example\"\njwks_uri = \"https://auth.example/jwks.json\"";
    for discovery in ["", "\ndiscovery = \"rfc8414\"", "\ndiscovery = \"openid\""] {
        for name in ["https://auth.example", "https://auth.example/", "https://auth.example:8443/tenant/v2.0"]
        {
            accepted(issuer, &format!("issuer = \"{name}\"{discovery}"));
        }
    }
    for name in [
        "auth.example",
        "http://auth.example",
        "http://127.0.0.1:8080",
        "https://auth.example?tenant=1",
        "https://auth.example/#1",
        "urn:example:auth",
    ] {
        refused(issuer, &format!("issuer = \"{name}\""), "issuers[0].issuer", "write jwks_uri");
        accepted(issuer, &format!("issuer = \"{name}\"\njwks_uri = \"https://auth.example/jwks.json\""));
    }
    refused(issuer, "issuer = \"\"", "issuers[0].issuer", "write the `iss`");
    refused(
        issuer,
        "issuer = \"https://auth.example\"\ndiscovery = \"webfinger\"",
        "issuers[0].discovery",
        "openid",
    );
    refused(issuer, &format!("{issuer}\ndiscovery = \"openid\""), "issuers[0].discovery", "remove one");
}

/// Puts this under `[risk]`, or on the first route, and expects exactly one fault.
#[track_caller]
fn risk_is_refused(risk: &str, path: &str, advice: &str) {
    refused("half_life = \"5m\"", &format!("half_life = \"5m\"\n{risk}"), path, advice);
}

#[test]
fn risk_is_acted_upon_in_an_order_that_can_be_reached() {
    let order = "1 <= throttle < challenge < approve < deny <= 100";
    for thresholds in
        ["throttle = 50\nchallenge = 50", "throttle = 60\ndeny = 50", "throttle = 0", "deny = 101"]
    {
        risk_is_refused(thresholds, "risk", order);
        let inline = thresholds.replace('\n', ", ");
        let route = format!("match = \"POST /orders\"\nrisk = {{ {inline} }}");
        refused("match = \"POST /orders\"", &route, "routes[0].risk", order);
    }
    accepted(
        "half_life = \"5m\"",
        "half_life = \"5m\"\nthrottle = 1\nchallenge = 2\napprove = 99\ndeny = 100",
    );
    let open = |risk: &str| format!("{GOOD}\n[[routes]]\nmatch = \"GET /x\"\n{risk}");
    let fault =
        |risk: &str| faults(&open(risk)).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    assert!(fault("require = []\nrisk = { deny = 50 }").contains("about agents that are proven"));
    assert!(fault("require = [\"mtls\"]\nrisk = { challenge = 50 }").contains("requires neither"));
    assert_eq!(fault("require = []\nrisk = {}"), "");
    assert_eq!(fault("require = [\"mtls\"]\nrisk = { deny = 50, shadow = true }"), "");
}

#[test]
fn weights_and_breakers_have_their_ranges() {
    for (risk, path, advice) in [
        ("challenge_max_age = \"1s\"", "risk.challenge_max_age", "write 10s to 1d"),
        ("breaker = { refusals = 0 }", "risk.breaker.refusals", "write 1 to 1000000"),
        ("breaker = { window = \"0s\" }", "risk.breaker.window", "write 1s to 1d"),
        ("breaker = { score = 10 }", "risk.breaker.score", "write 11 to 100"),
        ("breaker = { cool_down = \"500ms\" }", "risk.breaker.cool_down", "write 1s to 1d"),
        ("breaker = { cool_down = \"1h\" }", "risk.breaker.most_cool_down", "write 1h to 1d"),
        ("breaker = { probes = 0 }", "risk.breaker.probes", "write 1 to 1000"),
        ("weights = { version = 999 }", "risk.weights.version", "write 1000 or more"),
        ("weights = { version = 1000, refused_share = 100 }", "risk.weights.refused_share", "write 0 to 99"),
        (
            "weights = { version = 1000, velocity_times = 0 }",
            "risk.weights.velocity_times",
            "write 1 to 1000",
        ),
        ("weights = { version = 1000, young = \"366d\" }", "risk.weights.young", "write 0s to 365d"),
        (
            "weights = { version = 1000, signals = { luck = { points = 1, cap = 1 } } }",
            "risk.weights.signals.luck",
            "is not a signal",
        ),
        (
            "weights = { version = 1000, signals = { velocity = { points = 101, cap = 1 } } }",
            "risk.weights.signals.velocity.points",
            "write 0 to 100",
        ),
        ("store = \"redis\"", "risk.store", "durable-object"),
    ] {
        risk_is_refused(risk, path, advice);
    }
}

#[test]
fn the_audit_log_has_a_sink_and_bounds() {
    let to = |audit: &str| format!("[audit]\n{audit}\n\n[risk]");
    accepted("[risk]", &to("sink = \"console\""));
    accepted("[risk]", &to("sink = \"queue\"\nlevel = \"refusals\"\nbatch_lines = 1\nbatch_wait = \"20s\""));
    refused("[risk]", &to("level = \"all\""), "audit", "sink");
    refused("[risk]", &to("sink = \"s3\""), "audit.sink", "console");
    refused("[risk]", &to("sink = \"r2\"\nlevel = \"some\""), "audit.level", "refusals");
    refused("[risk]", &to("sink = \"r2\"\nbatch_lines = 0"), "audit.batch_lines", "write 1 to 5000");
    refused("[risk]", &to("sink = \"r2\"\nbatch_lines = 5001"), "audit.batch_lines", "write 1 to 5000");
    refused("[risk]", &to("sink = \"r2\"\nbatch_wait = \"21s\""), "audit.batch_wait", "write 1s to 20s");
    refused("[risk]", &to("sink = \"r2\"\nbuffer_bytes = 65535"), "audit.buffer_bytes", "write 65536 to");
    refused("[risk]", &to("sink = \"r2\"\nbuffer_bytes = 16777217"), "audit.buffer_bytes", "to 16777216");
    refused("[risk]", &to("sink = \"r2\"\nbucket = \"b\""), "audit.bucket", "unknown field");
}

#[test]
fn metrics_have_bounds() {
    let to = |metrics: &str| format!("[metrics]\n{metrics}\n\n[risk]");
    accepted("[risk]", &to("agents = 0\nsample = 10000"));
    refused("[risk]", &to("agents = 1001"), "metrics.agents", "at most 1000");
    refused("[risk]", &to("sample = 0"), "metrics.sample", "write 1 to 10000");
    refused("[risk]", &to("sample = 10001"), "metrics.sample", "write 1 to 10000");
    refused("[risk]", &to("routes = 5"), "metrics.routes", "unknown field");
}
