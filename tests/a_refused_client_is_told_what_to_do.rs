//! The challenges of refusals, to the letter: RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1, RFC 9470 §3.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use countersign::config::{Config, Gate};
use countersign::decision::Decision;
use countersign::reason::Reason;
use countersign::request::Target;
use gate_support::{API, CONFIG, Draft, NOW, World};
use serde_json::{Value, json};

const ROUTES: &str = r#"
[[resources]]
path = "/mcp"
name = "Orders over MCP"

[[resources]]
path = "/mcp/internal"
audience = ["urn:internal"]

[[routes]]
match = "POST /mcp"
require = ["token"]
scope = ["mcp:connect"]

[routes.mcp]
operations = [
  { method = "tools/call", scope = ["tools:call"] },
  { method = "tools/call", name = "refund", scope = ["order:refund", "mcp:connect"] },
]

[[routes]]
match = "POST /mcp/listed"
require = ["token"]
mcp = { only_listed = true, legacy = true, operations = [{ method = "tools/list" }] }

[[routes]]
match = "GET /mcp/internal/status"
require = ["token"]
scope = ["status:read"]

[[routes]]
match = "GET /mcp/internal/keys"
require = ["token", "mtls"]

[[routes]]
match = "POST /transfer"
require = ["token"]
acr_values = ["urn:acr:mfa", "urn:acr:phr"]
max_age = "10m"
"#;

fn world() -> World {
    let audiences = format!("[\"{API}\", \"{API}/mcp\", \"urn:internal\"]");
    World::with(
        &(CONFIG.replace(&format!("[\"{API}\"]\nalgorithms"), &format!("{audiences}\nalgorithms")) + ROUTES),
    )
}

fn challenges(decision: &Decision) -> Vec<&str> {
    let mine = decision.headers.iter().filter(|(name, _)| *name == "WWW-Authenticate");
    mine.map(|(_, value)| value.as_str()).collect()
}

const METADATA: &str = r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource""#;
const DPOP: &str = r#"algs="EdDSA ES256 RS256", "#;

#[test]
fn who_brought_no_token_is_told_no_error() {
    let decision = world().decide(&Draft::new("GET", "/orders"));
    assert_eq!(decision.status, 401);
    let expected = [
        format!(r#"Bearer scope="order:read", {METADATA}"#),
        format!(r#"DPoP scope="order:read", {DPOP}{METADATA}"#),
    ];
    assert_eq!(challenges(&decision), expected);
}

#[test]
fn an_invalid_token_is_named_under_the_scheme_that_it_came_by() {
    let world = world();
    let expired = world.token(|claims| claims["exp"] = json!(NOW - 100));
    let decision = world.decide(&Draft::new("GET", "/orders").bearer(&expired));
    assert_eq!((decision.status, decision.code), (401, "token.expired"));
    let fault = r#"error="invalid_token", error_description="The token has expired.", "#;
    let expected = [
        format!(r#"Bearer {fault}scope="order:read", {METADATA}"#),
        format!(r#"DPoP scope="order:read", {DPOP}{METADATA}"#),
    ];
    assert_eq!(challenges(&decision), expected);
    let unbound = world.token(|_| {});
    let decision = world.decide(&Draft::new("GET", "/orders").dpop(&unbound, &world.holder));
    assert_eq!((decision.status, decision.code), (401, "token.not_bound"));
    let title = Reason::TokenNotBound.title();
    let fault = format!(r#"error="invalid_token", error_description="{title}", "#);
    let expected = [
        format!(r#"Bearer scope="order:read", {METADATA}"#),
        format!(r#"DPoP {fault}scope="order:read", {DPOP}{METADATA}"#),
    ];
    assert_eq!(challenges(&decision), expected);
}

#[test]
fn every_scope_of_a_request_is_named_at_once() {
    let world = world();
    let token = world.token(|claims| {
        claims["aud"] = json!("https://api.example/mcp");
        claims["scope"] = json!("mcp:connect");
    });
    let decision = world.decide(&call("refund").bearer(&token));
    assert_eq!((decision.status, decision.code), (403, "policy.scope_missing"));
    let bearer = challenges(&decision)[0];
    assert_eq!(
        bearer,
        concat!(
            r#"Bearer error="insufficient_scope", error_description="The token lacks a scope that the route demands.", "#,
            r#"scope="mcp:connect tools:call order:refund", "#,
            r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource/mcp""#
        )
    );
    // Before there is a token, the header fields say which scopes to ask for.
    let decision = world.decide(&call("refund"));
    assert_eq!(decision.status, 401);
    assert!(challenges(&decision)[0].contains(r#"scope="mcp:connect tools:call order:refund""#));
}

fn call(tool: &str) -> Draft {
    operation("/mcp", "tools/call", &json!({ "name": tool })).field("mcp-name", tool)
}

fn operation(path: &str, method: &str, params: &Value) -> Draft {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Draft::new("POST", path)
        .body(&body.to_string())
        .field("content-type", "application/json")
        .field("mcp-protocol-version", "2026-07-28")
        .field("mcp-method", method)
}

fn mcp_token(world: &World, scope: &str) -> String {
    world.token(|claims| {
        claims["aud"] = json!("https://api.example/mcp");
        claims["scope"] = json!(scope);
    })
}

#[test]
fn an_operation_goes_through_with_the_scopes_that_it_needs() {
    let world = world();
    assert_eq!(world.code(&call("balance").bearer(&mcp_token(&world, "mcp:connect tools:call"))), "ok");
    assert_eq!(
        world.code(&call("refund").bearer(&mcp_token(&world, "mcp:connect tools:call"))),
        "policy.scope_missing"
    );
    let all = mcp_token(&world, "mcp:connect tools:call order:refund");
    assert_eq!(world.code(&call("refund").bearer(&all)), "ok");
    let list = operation("/mcp", "tools/list", &json!({}));
    assert_eq!(world.code(&list.bearer(&mcp_token(&world, "mcp:connect"))), "ok");
}

#[test]
fn what_header_and_body_of_an_mcp_request_say_must_agree() {
    let world = world();
    let token = mcp_token(&world, "mcp:connect tools:call");
    let lie = operation("/mcp", "tools/call", &json!({ "name": "refund" })).field("mcp-name", "balance");
    let decision = world.decide(&lie.bearer(&token));
    assert_eq!((decision.status, decision.code), (400, "mcp.header_mismatch"));
    assert!(challenges(&decision).is_empty());
    let called = |media_type: &str| {
        let draft = call("balance").bearer(&token);
        let as_called = |(name, value): (String, String)| match name.as_str() {
            "content-type" => (name, media_type.to_owned()),
            _ => (name, value),
        };
        let fields = draft.fields.iter().cloned().map(as_called).collect();
        world.code(&Draft { fields, ..draft })
    };
    for media_type in [
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-7",
        "application/json; charset =utf-7",
        "application/json; charset=utf-8; charset=utf-7",
        "application/json; charset=utf-8; version=1",
    ] {
        assert_eq!(called(media_type), "mcp.body_malformed", "{media_type}");
    }
    assert_eq!(called("application/json; charset=\"UTF-8\""), "ok");
    let broken = call("balance").bearer(&token);
    let broken = Draft { body: Some(b"[]".to_vec()), ..broken };
    assert_eq!(world.code(&broken), "mcp.body_malformed");
    // Without a body there is no operation.
    let empty = Draft { body: None, ..call("balance").bearer(&token) };
    assert_eq!(world.code(&empty), "mcp.body_malformed");
}

#[test]
fn nobody_has_a_body_read_without_a_token_that_holds() {
    let world = world();
    let broken = Draft { body: Some(b"[]".to_vec()), ..call("balance") };
    assert_eq!(world.code(&broken), "token.missing");
    let expired = world.token(|claims| claims["exp"] = json!(NOW - 100));
    assert_eq!(world.code(&broken.bearer(&expired)), "token.expired");
}

#[test]
fn only_listed_operations_are_let_through_where_that_is_said() {
    let world = world();
    let token = mcp_token(&world, "");
    let token = token.as_str();
    assert_eq!(world.code(&operation("/mcp/listed", "tools/list", &json!({})).bearer(token)), "ok");
    let call = operation("/mcp/listed", "tools/call", &json!({ "name": "a" })).field("mcp-name", "a");
    let decision = world.decide(&call.bearer(token));
    assert_eq!((decision.status, decision.code), (403, "policy.not_granted"));
}

#[test]
fn a_token_that_names_its_tools_calls_no_other() {
    let world = world();
    let token = world.token(|claims| {
        claims["aud"] = json!("https://api.example/mcp");
        claims["scope"] = json!("mcp:connect tools:call");
        claims["granted_tools"] = json!(["balance"]);
        claims["granted_resources"] = json!([]);
    });
    assert_eq!(world.code(&call("balance").bearer(&token)), "ok");
    let decision = world.decide(&call("transfer").bearer(&token));
    assert_eq!((decision.status, decision.code), (403, "policy.not_granted"));
    let uri = "file:///a";
    let read = operation("/mcp", "resources/read", &json!({ "uri": uri })).field("mcp-name", uri);
    assert_eq!(world.code(&read.bearer(&token)), "policy.not_granted");
    assert_eq!(world.code(&operation("/mcp", "tools/list", &json!({})).bearer(&token)), "ok");
}

#[test]
fn a_token_for_one_resource_is_none_for_another() {
    let world = world();
    let root = world.token(|claims| claims["scope"] = json!("mcp:connect tools:call"));
    let decision = world.decide(&call("balance").bearer(&root));
    assert_eq!((decision.status, decision.code), (401, "token.audience_mismatch"));
    assert!(challenges(&decision)[0].starts_with("Bearer error=\"invalid_token\""));
    // Nor is it one for the rest of the API.
    let mcp = mcp_token(&world, "order:read");
    assert_eq!(world.code(&Draft::new("GET", "/orders").bearer(&mcp)), "token.audience_mismatch");
    let both = world.token(|claims| claims["aud"] = json!([API, "https://api.example/mcp"]));
    assert_eq!(world.code(&Draft::new("GET", "/orders").bearer(&both)), "ok");
    let stranger =
        world.token(|claims| claims["aud"] = json!(["https://api.example/mcp", "https://other.example"]));
    assert_eq!(world.code(&Draft::new("GET", "/orders").bearer(&stranger)), "token.audience_mismatch");
    let mcp = mcp_token(&world, "status:read");
    let status = || Draft::new("GET", "/mcp/internal/status");
    assert_eq!(world.code(&status().bearer(&mcp)), "token.audience_mismatch");
    let internal = world.token(|claims| {
        claims["aud"] = json!("urn:internal");
        claims["scope"] = json!("status:read");
    });
    assert_eq!(world.code(&status().bearer(&internal)), "ok");
}

#[test]
fn a_person_must_have_authenticated_well_enough_and_lately() {
    let world = world();
    let draft = |acr: Value, auth_time: Value| {
        let token = world.token(|claims| {
            claims["acr"] = acr;
            claims["auth_time"] = auth_time;
        });
        Draft::new("POST", "/transfer").bearer(&token)
    };
    assert_eq!(world.code(&draft(json!("urn:acr:phr"), json!(NOW - 590))), "ok");
    let decision = world.decide(&draft(json!("urn:acr:pwd"), json!(NOW)));
    assert_eq!((decision.status, decision.code), (401, "policy.authentication_insufficient"));
    assert_eq!(
        challenges(&decision)[0],
        concat!(
            r#"Bearer error="insufficient_user_authentication", error_description="The person's authentication is not "#,
            r#"of a context class that the route demands (`acr`).", acr_values="urn:acr:mfa urn:acr:phr", max_age="600", "#,
            r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource""#
        )
    );
    for auth_time in [json!(NOW - 631), json!(NOW + 31), json!("600"), json!(1.5), Value::Null] {
        let decision = world.decide(&draft(json!("urn:acr:mfa"), auth_time.clone()));
        assert_eq!((decision.status, decision.code), (401, "policy.authentication_too_old"), "{auth_time}");
    }
    for acr in [Value::Null, json!(["urn:acr:mfa"]), json!("urn:acr:mfa urn:acr:phr")] {
        assert_eq!(world.code(&draft(acr, json!(NOW))), "policy.authentication_insufficient");
    }
}

#[test]
fn each_resource_has_its_own_metadata() {
    let gate = world().gate;
    let metadata = |path: &str| gate.resource_metadata(&Target::parse(&format!("{API}{path}")).unwrap());
    let root = metadata("/.well-known/oauth-protected-resource").unwrap();
    assert_eq!(root["resource"], API);
    assert_eq!(root["authorization_servers"], json!(["https://auth.example"]));
    assert_eq!(root["scopes_supported"], json!(["order:read", "order:write"]));
    let mcp = metadata("/.well-known/oauth-protected-resource/mcp").unwrap();
    assert_eq!(mcp["resource"], "https://api.example/mcp");
    assert_eq!(mcp["resource_name"], "Orders over MCP");
    assert_eq!(mcp["scopes_supported"], json!(["mcp:connect", "order:refund", "tools:call"]));
    assert_eq!(mcp["dpop_bound_access_tokens_required"], false);
    assert_eq!(mcp.get("tls_client_certificate_bound_access_tokens"), None);
    let internal = metadata("/.well-known/oauth-protected-resource/mcp/internal").unwrap();
    assert_eq!(internal["tls_client_certificate_bound_access_tokens"], true);
    assert_eq!(internal["scopes_supported"], json!(["status:read"]));
    for path in
        ["/.well-known/oauth-protected-resource/", "/.well-known/oauth-protected-resource/orders", "/mcp"]
    {
        assert_eq!(metadata(path), None, "{path}");
    }
    let elsewhere = Target::parse("https://other.example/.well-known/oauth-protected-resource").unwrap();
    assert_eq!(gate.resource_metadata(&elsewhere), None);
}

#[test]
fn a_prefix_that_a_proxy_takes_away_is_a_part_of_the_resource() {
    let config = CONFIG
        .replace("[\"https://api.example\"]\ndis", "[\"https://api.example/v1\"]\nbehind_proxy = true\ndis");
    let world = World::with(&config);
    let at =
        |path: &str| world.gate.resource_metadata(&Target::parse(&format!("http://inside{path}")).unwrap());
    let metadata = at("/.well-known/oauth-protected-resource/v1").unwrap();
    assert_eq!(metadata["resource"], "https://api.example/v1");
    assert_eq!(at("/.well-known/oauth-protected-resource"), None);
    let decision = world.decide(&Draft::new("GET", "/orders"));
    assert!(
        challenges(&decision)[0]
            .ends_with(r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1""#)
    );
}

#[test]
fn what_a_reason_of_tokens_is_called_may_stand_in_a_challenge() {
    let layers = ["token.", "dpop.", "mtls.", "delegation.", "policy."];
    let of_tokens = |reason: &&Reason| layers.iter().any(|layer| reason.code().starts_with(layer));
    for reason in Reason::ALL.iter().filter(of_tokens) {
        let allowed = |byte: u8| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
        assert!(reason.title().bytes().all(allowed), "{reason}");
    }
}

#[test]
fn what_cannot_be_is_refused_at_load() {
    let faults = |text: &str| {
        let config = Config::from_toml(&(CONFIG.to_owned() + text)).unwrap();
        let faults = Gate::new(&config).unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (text, expected) in [
        ("[[resources]]\npath = \"/mcp\"", "resources[0].audience: is an audience of no issuer"),
        (
            "[[resources]]\npath = \"mcp\"\naudience = [\"https://api.example\"]",
            "resources[0].path: is not a path",
        ),
        (
            "[[resources]]\npath = \"/a/\"\naudience = [\"https://api.example\"]",
            "resources[0].path: is not a path",
        ),
        (
            "[[resources]]\npath = \"/\"\naudience = [\"https://api.example\"]",
            "resources[0].path: is not a path",
        ),
        (
            "[[routes]]\nmatch = \"GET /x\"\nrequire = []\nacr_values = [\"a\"]",
            "routes[8].acr_values: is about a token",
        ),
        (
            "[[routes]]\nmatch = \"GET /x\"\nrequire = []\nmax_age = \"1m\"",
            "routes[8].max_age: is about a token",
        ),
        (
            "[[routes]]\nmatch = \"GET /x\"\nrequire = [\"token\"]\nmax_age = \"31d\"",
            "routes[8].max_age: is 31d",
        ),
        (
            "[[routes]]\nmatch = \"GET /x\"\nrequire = [\"token\"]\nacr_values = [\"a b\"]",
            "routes[8].acr_values: has a value with a space",
        ),
        (
            "[[routes]]\nmatch = \"POST /x\"\nrequire = [\"token\"]\nmcp = { operations = [{ method = \"tools/list\", name = \"a\" }] }",
            "routes[8].mcp.operations[0].name: is of no such method",
        ),
        (
            "[[routes]]\nmatch = \"* /x\"\nrequire = [\"token\"]\nmcp = {}",
            "routes[8].mcp: is of requests with a message",
        ),
        (
            "[[routes]]\nmatch = \"POST /x\"\nrequire = []\nmcp = { operations = [{ method = \"a\", scope = [\"b\"] }] }",
            "routes[8].mcp.operations[0].scope: scopes are of a token",
        ),
        (
            "[[routes]]\nmatch = \"POST /x\"\nrequire = [\"token\"]\nmcp = { operations = [{ method = \"\", scope = [\"b c\"] }] }",
            "routes[8].mcp.operations[0].method: is empty",
        ),
    ] {
        let faults = faults(text);
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{text}: {faults:?}");
    }
}
