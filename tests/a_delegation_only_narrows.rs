//! Who sent an agent, and for what: each refusal of a delegation, and that no accepted child exceeds its parent.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use countersign::config::{Config, Gate};
use countersign::decision::Decision;
use gate_support::{CONFIG, DIRECTORY, Draft, ISSUER, Key, NOW, World};
use proptest::prelude::*;
use serde_json::{Value, json};

const RULES: &str = r#"
[[issuers]]
issuer = "https://other-issuer.example"
jwks_uri = "https://other-issuer.example/jwks.json"
audience = ["https://api.example"]
algorithms = ["EdDSA"]

[delegation]
parent_field = "Parent-Token"
agents = { "urn:agents:shopper" = "https://agents.example/.well-known/http-message-signatures-directory" }

[scopes]
matching = "hierarchical"
levels = { "files" = 1, "files:write" = 2, "users:admin" = 3 }
level_names = { restricted = 1, full = 3 }

[[authorization_details]]
type = "pay"
amount = "limit.amount"
currency = "limit.currency"

[[authorization_details]]
type = "plain"

[[routes]]
match = "GET /both"
require = ["signature", "token"]

[[routes]]
match = "GET /any"
require = ["token"]

[[routes]]
match = "GET /files"
require = ["token"]
scope = ["files:github/specific"]

[[routes]]
match = "GET /task"
require = ["token"]
task = { field = "Task-Id" }

[[routes]]
match = "POST /task"
require = ["token"]
task = { body = "/params/task_id" }

[[routes]]
match = "POST /files"
require = ["token"]
scope = ["files:write"]

[[routes]]
match = "POST /users"
require = ["token"]
scope = ["files:admin/users"]

[[routes]]
match = "POST /mcp"
require = ["token"]
mcp = { legacy = true, operations = [{ method = "tools/call", name = "write", scope = ["files:write"] }] }
"#;

fn config(change: impl Fn(String) -> String) -> World {
    World::with(&change(format!("{CONFIG}{RULES}")))
}

fn world() -> World {
    config(|config| config)
}

fn with(changes: &Value) -> impl FnOnce(&mut Value) + '_ {
    move |claims| {
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
    }
}

fn any_token(world: &World, changes: &Value) -> Draft {
    Draft::new("GET", "/any").bearer(&world.token(with(changes)))
}

#[track_caller]
fn refused(world: &World, draft: &Draft, code: &str) {
    let decision = world.decide(draft);
    assert_eq!(decision.code, code);
    if code.starts_with("delegation.") && code != "delegation.malformed" {
        let evidence: Vec<_> = decision.evidence.iter().map(|e| (e.check, e.code)).collect();
        assert!(evidence.contains(&("delegation", code)), "{evidence:?}");
    }
}

fn checked(decision: &Decision) -> Option<&str> {
    decision.evidence.iter().find(|e| e.check == "delegation").and_then(|e| e.detail.as_deref())
}

#[test]
fn a_claim_of_the_wrong_type_is_refused() {
    let world = world();
    let long = "a".repeat(1025);
    let many: Vec<_> = (0..257).map(|i| i.to_string()).collect();
    let steps: Vec<_> = (0..33).map(|_| "step").collect();
    for (name, value) in [
        ("act", json!("agent")),
        ("act", json!([])),
        ("act", json!(null)),
        ("act", json!({})),
        ("act", json!({"iss": ISSUER})),
        ("act", json!({"sub": 1})),
        ("act", json!({"sub": ""})),
        ("act", json!({"sub": "a", "client_id": 1})),
        ("act", json!({"sub": "a", "act": {"client": "b"}})),
        ("agent_id", json!(1)),
        ("agent_id", json!("")),
        ("agent_id", json!(long)),
        ("agent_instance_id", json!([])),
        ("task_id", json!(7)),
        ("parent_task_id", json!(null)),
        ("parent_token_id", json!({})),
        ("delegator_sub", json!(true)),
        ("delegation_purpose", json!([])),
        ("launch_reason", json!(1)),
        ("scope_inheritance_type", json!(1)),
        ("granted_tools", json!({})),
        ("granted_tools", json!(["a", 1])),
        ("granted_tools", json!(["a", ""])),
        ("granted_tools", json!("a  b")),
        ("granted_tools", json!(many)),
        ("granted_resources", json!(1)),
        ("granted_resources", json!([long])),
        ("max_scope_level", json!(-1)),
        ("max_scope_level", json!(1.5)),
        ("max_scope_level", json!([])),
        ("delegation_chain", json!("a b")),
        ("delegation_chain", json!([1])),
        ("delegation_chain", json!(steps)),
        ("delegation_chain", json!([{"sub": 1}])),
        ("delegation_chain", json!([{"aud": [1]}])),
        ("delegation_chain", json!([{"exp": "1"}])),
        ("delegation_chain", json!([{"jti": ""}])),
        ("delegation_chain", json!([{"scope": 1}])),
        ("delegation_chain", json!([{"granted_tools": 1}])),
        ("delegation_chain", json!([{"max_scope_level": true}])),
    ] {
        let changes = json!({ name: value });
        assert_eq!(world.code(&any_token(&world, &changes)), "delegation.malformed", "{changes}");
    }
    for (name, value) in [
        ("roles", json!(1)),
        ("roles", json!([""])),
        ("roles", json!(["a", 1])),
        ("scope", json!([" "])),
        ("scope", json!({})),
        ("client_id", json!([])),
    ] {
        let changes = json!({ name: value });
        assert_eq!(world.code(&any_token(&world, &changes)), "token.claim_invalid", "{changes}");
    }
}

#[test]
fn actors_are_told_and_bounded() {
    let world = world();
    let nested = |depth: usize| {
        (0..depth).rev().fold(Value::Null, |inner, i| {
            let mut actor = json!({ "sub": format!("agent-{i}") });
            if !inner.is_null() {
                actor["act"] = inner;
            }
            actor
        })
    };
    refused(&world, &any_token(&world, &json!({ "act": nested(5) })), "delegation.too_deep");
    refused(&world, &any_token(&world, &json!({ "act": nested(20) })), "delegation.too_deep");
    refused(
        &world,
        &any_token(&world, &json!({ "delegation_chain": ["a", "b", "c", "d", "e"] })),
        "delegation.too_deep",
    );
    let decision = world.decide(&any_token(&world, &json!({ "act": nested(4) })));
    assert_eq!(
        (decision.code, decision.delegation.as_slice()),
        ("ok", &["agent-0", "agent-1", "agent-2", "agent-3"].map(String::from)[..])
    );
    let deep = config(|config| config.replace("parent_field", "max_depth = 8\nparent_field"));
    assert_eq!(deep.code(&any_token(&deep, &json!({ "act": nested(8) }))), "ok");
    refused(&deep, &any_token(&deep, &json!({ "act": nested(9) })), "delegation.too_deep");
    let client = json!({ "act": { "client_id": "c" } });
    assert_eq!(world.decide(&any_token(&world, &client)).delegation, ["c"]);
}

#[test]
fn the_agent_of_a_token_is_the_one_that_was_proven() {
    let world = world();
    let both = |world: &World, agent: &str| {
        let token = world.token(|claims| claims["agent_id"] = json!(agent));
        Draft::new("GET", "/both").bearer(&token).signed(&world.agent)
    };
    let other = Key::of(9).thumbprint();
    for agent in ["somebody", "https://agents.example/", "https://agents.exampl", "shopper", &other] {
        refused(&world, &both(&world, agent), "delegation.agent_mismatch");
    }
    for agent in [DIRECTORY, "https://agents.example", &world.agent.thumbprint(), "urn:agents:shopper"] {
        let decision = world.decide(&both(&world, agent));
        assert_eq!((decision.code, checked(&decision)), ("ok", Some("agent")), "{agent}");
    }
    // The key that a token is bound to, and the client that its issuer bound it to.
    let bound = |world: &World, agent: &str| {
        let jkt = world.holder.thumbprint();
        let token =
            world.token(|claims| (claims["cnf"], claims["agent_id"]) = (json!({ "jkt": jkt }), json!(agent)));
        Draft::new("GET", "/repeatable").dpop(&token, &world.holder)
    };
    refused(&world, &bound(&world, "somebody"), "delegation.agent_mismatch");
    assert_eq!(world.code(&bound(&world, "shopper")), "ok");
    assert_eq!(world.code(&bound(&world, &world.holder.thumbprint())), "ok");
    // A bearer token proves nobody to compare with.
    assert_eq!(world.code(&any_token(&world, &json!({ "agent_id": "somebody" }))), "ok");
}

#[test]
fn an_agent_may_be_demanded_and_need_not_be_looked_at() {
    let required = config(|config| config.replace("parent_field", "agent = \"required\"\nparent_field"));
    let both = |world: &World, changes: &Value| {
        Draft::new("GET", "/both").bearer(&world.token(with(changes))).signed(&world.agent)
    };
    refused(&required, &both(&required, &json!({})), "delegation.agent_missing");
    refused(&required, &any_token(&required, &json!({ "agent_id": "shopper" })), "delegation.agent_mismatch");
    assert_eq!(required.code(&both(&required, &json!({ "agent_id": DIRECTORY }))), "ok");
    // The link between a signature and the client of the token beside it.
    let linked = config(|config| {
        config.replace(
            "algorithms = [\"EdDSA\", \"ES256\"]",
            "algorithms = [\"EdDSA\"]\nagent = \"required\"\nclaims = { agent = \"client_id\" }",
        )
    });
    refused(&linked, &both(&linked, &json!({})), "delegation.agent_mismatch");
    assert_eq!(linked.code(&both(&linked, &json!({ "client_id": "https://agents.example" }))), "ok");
    let actor = config(|config| {
        config.replace(
            "algorithms = [\"EdDSA\", \"ES256\"]",
            "algorithms = [\"EdDSA\"]\nclaims = { agent = [\"agent_id\", \"act.sub\"] }",
        )
    });
    refused(&actor, &both(&actor, &json!({ "act": { "sub": "other" } })), "delegation.agent_mismatch");
    // Nested actors are history.
    let history = json!({ "act": { "sub": DIRECTORY, "act": { "sub": "other" } } });
    assert_eq!(actor.code(&both(&actor, &history)), "ok");
    let off = config(|config| config.replace("parent_field", "agent = \"off\"\nparent_field"));
    assert_eq!(off.code(&both(&off, &json!({ "agent_id": "somebody" }))), "ok");
}

#[test]
fn scopes_are_covered_by_the_grammar_of_the_gate() {
    let files = |world: &World, scope: &str| {
        Draft::new("GET", "/files").bearer(&world.token(|c| c["scope"] = json!(scope)))
    };
    let world = world();
    for scope in ["files:git", "files:github/", "files:github/specifi", "file", "files:github:specific", ""] {
        assert_eq!(world.code(&files(&world, scope)), "policy.scope_missing", "{scope}");
    }
    for scope in ["files", "files:github", "files:github/specific", "other files:github"] {
        assert_eq!(world.code(&files(&world, scope)), "ok", "{scope}");
    }
    let exact = config(|config| config.replace("\"hierarchical\"", "\"exact\""));
    assert_eq!(exact.code(&files(&exact, "files:github")), "policy.scope_missing");
    assert_eq!(exact.code(&files(&exact, "files:github/specific")), "ok");
}

#[test]
fn a_request_is_of_its_tokens_task() {
    let world = world();
    let token = world.token(|claims| claims["task_id"] = json!("t1"));
    let taskless = world.token(|_| {});
    let header = |token: &str| Draft::new("GET", "/task").bearer(token);
    refused(&world, &header(&token), "delegation.task_missing");
    refused(&world, &header(&token).field("task-id", ""), "delegation.task_missing");
    refused(&world, &header(&taskless).field("task-id", "t1"), "delegation.task_missing");
    refused(&world, &header(&token).field("task-id", "t2"), "delegation.task_mismatch");
    refused(&world, &header(&token).field("task-id", "T1"), "delegation.task_mismatch");
    let twice = header(&token).field("task-id", "t1").field("task-id", "t1");
    refused(&world, &twice, "delegation.task_mismatch");
    let decision = world.decide(&header(&token).field("task-id", "t1"));
    assert_eq!((decision.code, checked(&decision)), ("ok", Some("task")));
    assert_eq!(decision.task.unwrap().id.as_deref(), Some("t1"));

    let post = |body: Option<&str>| {
        let draft = Draft::new("POST", "/task").bearer(&token).field("content-type", "application/json");
        body.map_or(draft.clone(), |body| draft.body(body))
    };
    for body in [
        None,
        Some(""),
        Some("[]"),
        Some("{\"params\":{}}"),
        Some("{\"params\":{\"task_id\":1}}"),
        Some("{\"params\":{\"task_id\":\"t1\",\"task_id\":\"t1\"}}"),
        Some("{\"params\":{\"task_id\":\"t1\"}} x"),
    ] {
        refused(&world, &post(body), "delegation.task_missing");
    }
    refused(&world, &post(Some("{\"params\":{\"task_id\":\"t2\"}}")), "delegation.task_mismatch");
    assert_eq!(world.code(&post(Some("{\"params\":{\"task_id\":\"t1\"}}"))), "ok");
    // A member whose name has dots is another one.
    let dotted = r#"{"params.task_id":"t1","params":{"task_id":"t2"}}"#;
    refused(&world, &post(Some(dotted)), "delegation.task_mismatch");
    refused(&world, &post(Some(r#"{"/params/task_id":"t1"}"#)), "delegation.task_missing");
    let dotted = r#"{"params.task_id":"t2","params":{"task_id":"t1"}}"#;
    assert_eq!(world.code(&post(Some(dotted))), "ok");
}

#[test]
fn a_task_is_read_from_content_that_is_called_json() {
    let world = world();
    let token = world.token(|claims| claims["task_id"] = json!("t1"));
    let polyglot = r#"{"params":{"task_id":"t1","x":"&task_id=t2&"}}"#;
    let post = || Draft::new("POST", "/task").bearer(&token).body(polyglot);
    for kind in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json; charset=utf-16",
        "application/json; charset =utf-7",
    ] {
        refused(&world, &post().field("content-type", kind), "delegation.task_missing");
    }
    refused(&world, &post(), "delegation.task_missing");
    let json = || post().field("content-type", "application/json");
    refused(&world, &json().field("content-encoding", "gzip"), "delegation.task_missing");
    refused(&world, &json().field("content-type", "text/plain"), "delegation.task_missing");
    assert_eq!(world.code(&json()), "ok");
    assert_eq!(world.code(&post().field("content-type", "application/vnd.x+json")), "ok");
}

#[test]
fn scopes_stay_below_their_level() {
    let world = world();
    let with_level =
        |level: Value, scope: &str| any_token(&world, &json!({ "max_scope_level": level, "scope": scope }));
    for (level, scope) in [
        (json!(1), "files:write"),
        (json!(1), "files:write/a"),
        (json!(1), "files"),
        (json!(2), "files users:admin"),
        (json!(2), "users:admin/a"),
        (json!(9), "users"),
        (json!("restricted"), "users:admin"),
        (json!("unknown"), "files"),
        (json!(9), "unknown"),
    ] {
        refused(&world, &with_level(level, scope), "delegation.scope_level_exceeded");
    }
    for (level, scope) in [
        (json!(1), "files:read"),
        (json!(2), "files"),
        (json!("full"), "files:write users:admin"),
        (json!(0), ""),
    ] {
        assert_eq!(world.code(&with_level(level, scope)), "ok", "{scope}");
    }
    let chain = json!({ "scope": "files:write", "max_scope_level": 3, "delegation_chain": [{ "max_scope_level": 1 }] });
    refused(&world, &any_token(&world, &chain), "delegation.scope_level_exceeded");
    // A gate that does not know the levels cannot tell.
    let plain = World::with(&format!("{CONFIG}\n[[routes]]\nmatch = \"GET /any\"\nrequire = [\"token\"]\n"));
    refused(&plain, &any_token(&plain, &json!({ "max_scope_level": 1 })), "delegation.scope_level_exceeded");
}

#[test]
fn no_level_is_passed_by_a_scope_that_is_written_wider() {
    let with_level = |world: &World, draft: Draft, level: u32, scope: &str| {
        draft.bearer(&world.token(with(&json!({ "max_scope_level": level, "scope": scope }))))
    };
    let files = || Draft::new("POST", "/files");
    let world = world();
    for scope in ["files", "files:write"] {
        refused(&world, &with_level(&world, files(), 1, scope), "delegation.scope_level_exceeded");
        assert_eq!(world.code(&with_level(&world, files(), 2, scope)), "ok", "{scope}");
    }
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write"}}"#;
    let call = || Draft::new("POST", "/mcp").field("content-type", "application/json").body(call);
    refused(&world, &with_level(&world, call(), 1, "files"), "delegation.scope_level_exceeded");
    assert_eq!(world.code(&with_level(&world, call(), 2, "files")), "ok");

    // Below a scope with segments may lie one with any segment; a scope that stands for itself alone has what it says.
    let ending = config(|config| config.replace("\"users:admin\" = 3", "\"*:admin\" = 3"));
    let users = || Draft::new("POST", "/users");
    for scope in ["files:admin/users", "files:admin", "files"] {
        refused(&ending, &with_level(&ending, users(), 2, scope), "delegation.scope_level_exceeded");
        assert_eq!(ending.code(&with_level(&ending, users(), 3, scope)), "ok", "{scope}");
    }
    refused(&ending, &with_level(&ending, files(), 2, "files"), "delegation.scope_level_exceeded");
    let exact = config(|config| {
        config.replace("\"users:admin\" = 3", "\"*:admin\" = 3").replace("\"hierarchical\"", "\"exact\"")
    });
    assert_eq!(exact.code(&with_level(&exact, files(), 2, "files files:write")), "ok");
    refused(
        &exact,
        &with_level(&exact, files(), 2, "files:write files:admin"),
        "delegation.scope_level_exceeded",
    );
}

#[test]
fn authorization_details_are_of_known_types() {
    let world = world();
    for details in [json!({}), json!([{ "type": "other" }]), json!([{ "type": "pay" }])] {
        refused(
            &world,
            &any_token(&world, &json!({ "authorization_details": details })),
            "policy.details_invalid",
        );
    }
    let details = json!([{ "type": "pay", "limit": { "amount": 100, "currency": "EUR" } }]);
    assert_eq!(world.code(&any_token(&world, &json!({ "authorization_details": details }))), "ok");
    // Who does not want them read says so.
    let unread = config(|config| {
        config.replace(
            "algorithms = [\"EdDSA\", \"ES256\"]",
            "algorithms = [\"EdDSA\"]\nclaims = { details = [] }",
        )
    });
    assert_eq!(unread.code(&any_token(&unread, &json!({ "authorization_details": {} }))), "ok");
}

fn pay(amount: i64) -> Value {
    json!([{ "type": "pay", "limit": { "amount": amount, "currency": "EUR" } }])
}

/// What can be widened, from a parent to a child, with the refusal.
fn widenings() -> Vec<(Value, Value, &'static str)> {
    let exp = NOW + 600;
    vec![
        (json!({ "scope": "a" }), json!({ "scope": "a b" }), "delegation.scope_widened"),
        (json!({ "scope": "a:b" }), json!({ "scope": "a" }), "delegation.scope_widened"),
        (json!({ "scope": "" }), json!({ "scope": "a" }), "delegation.scope_widened"),
        (
            json!({ "granted_tools": ["x"] }),
            json!({ "granted_tools": ["x", "y"] }),
            "delegation.tools_widened",
        ),
        (json!({ "granted_tools": [] }), json!({ "granted_tools": "y" }), "delegation.tools_widened"),
        (json!({ "granted_tools": ["x"] }), json!({}), "delegation.tools_widened"),
        (
            json!({ "granted_resources": "x" }),
            json!({ "granted_resources": ["X"] }),
            "delegation.resources_widened",
        ),
        (json!({ "granted_resources": "x" }), json!({}), "delegation.resources_widened"),
        (
            json!({ "authorization_details": pay(5) }),
            json!({ "authorization_details": pay(6) }),
            "delegation.details_widened",
        ),
        (json!({ "authorization_details": pay(5) }), json!({}), "delegation.details_widened"),
        (json!({ "exp": exp }), json!({ "exp": exp + 1 }), "delegation.outlives_parent"),
    ]
}

/// A request with a token and the one that it came from.
fn child(world: &World, parent: &Value, child: &Value) -> Draft {
    let parent = world.token(|claims| {
        claims["jti"] = json!("parent-1");
        with(parent)(claims);
    });
    let child = world.token(|claims| {
        claims["parent_token_id"] = json!("parent-1");
        with(child)(claims);
    });
    Draft::new("GET", "/any").bearer(&child).field("parent-token", &parent)
}

#[test]
fn what_widens_the_parent_token_is_refused() {
    let world = world();
    for (parent, wider, code) in widenings() {
        refused(&world, &child(&world, &parent, &wider), code);
        let equal = world.decide(&child(&world, &parent, &parent));
        assert_eq!((equal.code, checked(&equal)), ("ok", Some("parent")), "{parent}");
    }
    // A whole token that does not speak of tools has none to pass on.
    refused(&world, &child(&world, &json!({}), &json!({ "granted_tools": "x" })), "delegation.tools_widened");
    refused(
        &world,
        &child(&world, &json!({}), &json!({ "granted_resources": "x" })),
        "delegation.resources_widened",
    );
    refused(
        &world,
        &child(&world, &json!({}), &json!({ "authorization_details": [] })),
        "delegation.details_widened",
    );
    // Whatever the token calls it.
    for kind in ["none", "restricted", "inherited", "full", "delegated"] {
        let wider = json!({ "scope": "order:read order:write more", "scope_inheritance_type": kind });
        refused(&world, &child(&world, &json!({}), &wider), "delegation.scope_widened");
    }
    let narrower = json!({ "scope": "order:read", "exp": NOW + 60, "scope_inheritance_type": "restricted" });
    assert_eq!(world.code(&child(&world, &json!({}), &narrower)), "ok");
    // What the parent itself came from counts, too.
    let bounded = json!({ "scope": "a b", "delegation_chain": [{ "scope": "a" }] });
    refused(&world, &child(&world, &bounded, &json!({ "scope": "a" })), "delegation.scope_widened");
    let leveled = json!({ "scope": "files:write", "max_scope_level": 1 });
    refused(
        &world,
        &child(&world, &leveled, &json!({ "scope": "files:write" })),
        "delegation.scope_level_exceeded",
    );
}

#[test]
fn what_widens_a_step_of_the_chain_is_refused() {
    let world = world();
    let chain = |own: &Value, steps: Value| {
        let mut own = own.clone();
        own["delegation_chain"] = steps;
        any_token(&world, &own)
    };
    for (parent, wider, code) in widenings() {
        refused(&world, &chain(&wider, json!([parent])), code);
        assert_eq!(world.code(&chain(&parent, json!([parent]))), "ok", "{parent}");
        // A step between that does not speak of it passes on what it had.
        refused(&world, &chain(&wider, json!([parent, { "sub": "b" }])), code);
        // What one step took away no later one gives back.
        if wider != json!({}) {
            refused(&world, &chain(&parent, json!([parent, wider, parent])), code);
        }
    }
    // A step that does not speak of tools does not limit them.
    assert_eq!(world.code(&chain(&json!({ "granted_tools": "x" }), json!([{ "sub": "a" }]))), "ok");
    let linked = json!([{ "sub": "person", "aud": "a" }, { "sub": "b", "aud": ["c"] }]);
    refused(&world, &chain(&json!({}), linked), "delegation.parent_invalid");
    let linked = json!([{ "sub": "person", "aud": "a" }, { "sub": "a", "aud": ["c"] }, { "sub": "c" }]);
    assert_eq!(world.code(&chain(&json!({}), linked)), "ok");
    refused(
        &world,
        &chain(&json!({}), json!([{ "authorization_details": [{ "type": "other" }] }])),
        "delegation.parent_invalid",
    );
}

#[test]
fn a_parent_token_is_a_valid_token_of_the_same_issuer_that_the_child_names() {
    let world = world();
    let named = world.token(with(&json!({ "parent_token_id": "parent-1" })));
    let beside =
        |token: &str, parent: &str| Draft::new("GET", "/any").bearer(token).field("parent-token", parent);
    let parent = |changes: Value| {
        world.token(|claims| {
            claims["jti"] = json!("parent-1");
            with(&changes)(claims);
        })
    };
    let good = parent(json!({}));
    let (input, _) = good.rsplit_once('.').unwrap();
    let forged = Key::of(9).jws(&json!({ "typ": "at+jwt", "alg": "EdDSA" }), &json!({
        "iss": ISSUER, "aud": "https://api.example", "sub": "p", "client_id": "c", "jti": "parent-1", "iat": NOW, "exp": NOW + 600,
        "scope": "order:read order:write",
    }));
    for invalid in [
        String::new(),
        "x".into(),
        "a.b.c".into(),
        format!("{good}, {good}"),
        format!("{input}."),
        forged,
        parent(json!({ "jti": "parent-2" })),
        parent(json!({ "exp": NOW - 31 })),
        parent(json!({ "aud": "https://other.example" })),
        parent(json!({ "iss": "https://other.example" })),
        parent(json!({ "act": "agent" })),
        "a".repeat(9000),
    ] {
        refused(&world, &beside(&named, &invalid), "delegation.parent_invalid");
    }
    refused(&world, &beside(&named, &good).field("parent-token", &good), "delegation.parent_invalid");
    refused(&world, &beside(&world.token(|_| {}), &good), "delegation.parent_invalid");
    assert_eq!(world.code(&beside(&named, &good)), "ok");
    // Again, now that both were verified before; and once the parent has expired meanwhile.
    assert_eq!(world.code(&beside(&named, &good)), "ok");
    let of_task = world.token(with(&json!({ "parent_task_id": "t1" })));
    refused(&world, &beside(&of_task, &good), "delegation.parent_invalid");
    refused(&world, &beside(&of_task, &parent(json!({ "task_id": "t2" }))), "delegation.parent_invalid");
    assert_eq!(world.code(&beside(&of_task, &parent(json!({ "task_id": "t1" })))), "ok");
}

#[test]
fn a_parent_that_came_from_tokens_is_worth_what_they_are() {
    let world = world();
    let first = world.token(with(&json!({ "jti": "first", "scope": "order:read" })));
    let wider = json!({ "jti": "parent", "scope": "order:read", "delegation_chain": [first] });
    let parent = world.token(with(&wider));
    let own = |chain: Value| {
        let claims = json!({
            "jti": "own", "scope": "order:read", "parent_token_id": "parent", "delegation_chain": chain,
        });
        Draft::new("GET", "/any").bearer(&world.token(with(&claims)))
    };
    refused(&world, &own(json!([parent])), "delegation.parent_invalid");
    assert_eq!(world.code(&own(json!([first, parent]))), "ok");
}

#[test]
fn no_token_is_its_own_parent() {
    let world = config(|config| config.replace("parent_field", "lineage = \"required\"\nparent_field"));
    let beside =
        |token: &str, parent: &str| Draft::new("GET", "/any").bearer(token).field("parent-token", parent);
    // A task that came from itself came from nothing: it demands no parent, and none can be shown for it.
    let of_itself = world.token(with(&json!({ "task_id": "t", "parent_task_id": "t" })));
    assert_eq!(world.code(&Draft::new("GET", "/any").bearer(&of_itself)), "ok");
    refused(&world, &beside(&of_itself, &of_itself), "delegation.parent_invalid");
    let sibling = world.token(with(&json!({ "jti": "other", "task_id": "t" })));
    refused(&world, &beside(&of_itself, &sibling), "delegation.parent_invalid");

    let of_itself = world.token(with(&json!({ "jti": "j", "parent_token_id": "j" })));
    refused(&world, &Draft::new("GET", "/any").bearer(&of_itself), "delegation.parent_missing");
    refused(&world, &beside(&of_itself, &of_itself), "delegation.parent_invalid");
    let same_jti = world.token(with(&json!({ "jti": "j", "iat": NOW - 20 })));
    refused(&world, &beside(&of_itself, &same_jti), "delegation.parent_invalid");
    let same_jti = json!({ "jti": "j", "parent_token_id": "j", "delegation_chain": [same_jti] });
    refused(&world, &any_token(&world, &same_jti), "delegation.parent_missing");
    // Within a task, a token may come from another that is named.
    let child = world.token(with(
        &json!({ "jti": "c", "task_id": "t", "parent_task_id": "t", "parent_token_id": "other" }),
    ));
    refused(&world, &Draft::new("GET", "/any").bearer(&child), "delegation.parent_missing");
    assert_eq!(world.code(&beside(&child, &sibling)), "ok");
}

#[test]
fn a_parent_that_is_named_by_its_task_is_of_the_same_person() {
    let world = config(|config| config.replace("parent_field", "lineage = \"required\"\nparent_field"));
    let parent = |sub: &str| world.token(with(&json!({ "jti": "p", "task_id": "t1", "sub": sub })));
    let child = |more: &Value| {
        world.token(|claims| {
            with(&json!({ "jti": "c", "task_id": "t2", "parent_task_id": "t1" }))(claims);
            with(more)(claims);
        })
    };
    let beside = |more: &Value, sub: &str| {
        Draft::new("GET", "/any").bearer(&child(more)).field("parent-token", &parent(sub))
    };
    refused(&world, &beside(&json!({}), "person-2"), "delegation.parent_invalid");
    refused(
        &world,
        &beside(&json!({ "delegator_sub": "person-3" }), "person-2"),
        "delegation.parent_invalid",
    );
    assert_eq!(world.code(&beside(&json!({}), "person-1")), "ok");
    assert_eq!(world.code(&beside(&json!({ "delegator_sub": "person-2" }), "person-2")), "ok");
    assert_eq!(world.code(&beside(&json!({ "parent_token_id": "p" }), "person-2")), "ok");
    let chained =
        |sub: &str| Draft::new("GET", "/any").bearer(&child(&json!({ "delegation_chain": [parent(sub)] })));
    refused(&world, &chained("person-2"), "delegation.parent_missing");
    assert_eq!(world.code(&chained("person-1")), "ok");
}

#[test]
fn what_a_token_came_from_is_held_to_its_own_rules() {
    let world = world();
    let inside = |ancestor: Value, own: Value| {
        let mut root = json!({ "jti": "root" });
        with(&ancestor)(&mut root);
        let mut own = own;
        own["delegation_chain"] = json!([world.token(with(&root))]);
        any_token(&world, &own)
    };
    let beside = |parent: Value, own: Value| child(&world, &parent, &own);
    let cases: [&dyn Fn(Value, Value) -> Draft; 2] = [&inside, &beside];
    for draft in cases {
        let widened = json!({ "scope": "a b", "delegation_chain": [{ "scope": "a" }] });
        refused(&world, &draft(widened, json!({ "scope": "a" })), "delegation.scope_widened");
        let narrow = json!({ "scope": "a", "delegation_chain": [{ "scope": "a" }] });
        assert_eq!(world.code(&draft(narrow, json!({ "scope": "a" }))), "ok");

        let unlinked = json!({ "delegation_chain": [{ "aud": "a" }, { "sub": "b" }] });
        refused(&world, &draft(unlinked, json!({})), "delegation.parent_invalid");
        let linked = json!({ "delegation_chain": [{ "aud": "a" }, { "sub": "a" }] });
        assert_eq!(world.code(&draft(linked, json!({}))), "ok");

        let level = json!({ "scope": "files", "delegation_chain": [{ "max_scope_level": 1 }] });
        let write = json!({ "scope": "files:write" });
        refused(&world, &draft(level.clone(), write), "delegation.scope_level_exceeded");
        assert_eq!(world.code(&draft(level, json!({ "scope": "files:read" }))), "ok");

        let steps = |count: usize| json!({ "delegation_chain": vec!["step"; count] });
        refused(&world, &draft(steps(4), json!({})), "delegation.too_deep");
        assert_eq!(world.code(&draft(steps(3), json!({}))), "ok");
        let actors = |count: usize| json!({ "act": (1..count).fold(json!({ "sub": "a" }), |act, _| json!({ "sub": "a", "act": act })) });
        refused(&world, &draft(actors(5), json!({})), "delegation.too_deep");
        assert_eq!(world.code(&draft(actors(4), json!({}))), "ok");
    }
    // The steps after a token of the chain count with those before it.
    let root = world.token(with(&json!({ "jti": "root", "delegation_chain": ["a", "b", "c"] })));
    let later = json!({ "delegation_chain": [root, "d"] });
    refused(&world, &any_token(&world, &later), "delegation.too_deep");
}

#[test]
fn a_parent_that_was_verified_before_is_checked_for_its_time_and_keys_again() {
    let mut world = world();
    let draft = child(&world, &json!({ "exp": NOW + 60 }), &json!({ "exp": NOW + 60 }));
    let parent_only = child(&world, &json!({ "exp": NOW + 60 }), &json!({ "exp": NOW + 600 }));
    assert_eq!(world.code(&draft), "ok");
    refused(&world, &parent_only, "delegation.outlives_parent");
    world.now.0 += 91_000;
    refused(&world, &parent_only, "delegation.parent_invalid");
}

#[test]
fn tokens_inside_a_chain_are_verified_and_narrowed() {
    let world = world();
    let root = world.token(with(&json!({ "jti": "root", "scope": "a b", "sub": "r" })));
    let forged = {
        let (input, signature) = root.rsplit_once('.').unwrap();
        let flipped = if signature.starts_with('A') { "B" } else { "A" };
        format!("{input}.{flipped}{}", &signature[1..])
    };
    let token = |chain: Value, scope: &str| {
        any_token(&world, &json!({ "delegation_chain": chain, "scope": scope, "parent_token_id": "root" }))
    };
    refused(&world, &token(json!([forged]), "a"), "delegation.parent_invalid");
    refused(&world, &token(json!(["eyJhbGciOiJub25lIn0.e30."]), "a"), "delegation.parent_invalid");
    refused(&world, &token(json!([root]), "a c"), "delegation.scope_widened");
    refused(&world, &token(json!([{ "scope": "a" }, root]), "a"), "delegation.scope_widened");
    let decision = world.decide(&token(json!([root]), "a"));
    assert_eq!((decision.code, checked(&decision)), ("ok", Some("depth chain")));
    assert_eq!(world.code(&token(json!(["somebody", root, { "scope": "a" }]), "a")), "ok");
}

const OTHER_JWKS: &str = "https://other-issuer.example/jwks.json";

fn of_other_issuer(world: &World, changes: &Value) -> String {
    let mut claims = json!({
        "iss": "https://other-issuer.example", "aud": "https://api.example", "sub": "p", "client_id": "c", "jti": "parent-1",
        "iat": NOW, "exp": NOW + 600, "scope": "order:read order:write",
    });
    with(changes)(&mut claims);
    world.holder.jws(&json!({ "typ": "at+jwt", "alg": "EdDSA" }), &claims)
}

#[test]
fn nothing_is_fetched_for_the_parents_of_a_forged_token() {
    let world = world();
    let parent = of_other_issuer(&world, &json!({}));
    let token = world.token(with(&json!({ "delegation_chain": [parent] })));
    let (input, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}", "A".repeat(86));
    assert_eq!(world.code(&Draft::new("GET", "/any").bearer(&forged)), "token.signature_invalid");
    assert!(!world.fetches.borrow().iter().any(|url| url == OTHER_JWKS));
    // What cannot be found out now is not the delegation's fault.
    assert_eq!(world.code(&Draft::new("GET", "/any").bearer(&token)), "keys.unavailable");
    assert!(world.fetches.borrow().iter().any(|url| url == OTHER_JWKS));
}

#[test]
fn a_token_of_another_issuer_is_a_step_of_a_chain_and_nobodys_parent() {
    let mut world = world();
    let set = json!({ "keys": [world.holder.jwk()] }).to_string().into_bytes();
    world.documents.insert(OTHER_JWKS.into(), set);
    let parent = of_other_issuer(&world, &json!({}));
    let named = world.token(with(&json!({ "parent_token_id": "parent-1" })));
    let beside = Draft::new("GET", "/any").bearer(&named).field("parent-token", &parent);
    refused(&world, &beside, "delegation.parent_invalid");
    let chained = |scope: &str| any_token(&world, &json!({ "delegation_chain": [parent], "scope": scope }));
    refused(&world, &chained("more"), "delegation.scope_widened");
    assert_eq!(world.code(&chained("order:read")), "ok");
}

#[test]
fn a_parent_that_is_named_may_be_demanded() {
    let required = config(|config| config.replace("parent_field", "lineage = \"required\"\nparent_field"));
    let named = json!({ "parent_token_id": "p", "parent_task_id": "t" });
    let with_chain = |step: Value| {
        let mut claims = named.clone();
        claims["delegation_chain"] = json!([step]);
        any_token(&required, &claims)
    };
    refused(&required, &any_token(&required, &named), "delegation.parent_missing");
    refused(&required, &any_token(&required, &json!({ "parent_task_id": "t" })), "delegation.parent_missing");
    for step in [
        json!("p"),
        json!({}),
        json!({ "jti": "p" }),
        json!({ "jti": "q", "task_id": "t" }),
        json!({ "task_id": "t" }),
    ] {
        refused(&required, &with_chain(step), "delegation.parent_missing");
    }
    assert_eq!(required.code(&with_chain(json!({ "jti": "p", "task_id": "t" }))), "ok");
    assert_eq!(required.code(&child(&required, &json!({}), &json!({}))), "ok");
    assert_eq!(required.code(&any_token(&required, &json!({}))), "ok");
    let world = world();
    assert_eq!(world.code(&any_token(&world, &named)), "ok");
    let off = config(|config| config.replace("parent_field = \"Parent-Token\"", "lineage = \"off\""));
    let wider = json!({ "scope": "a b", "delegation_chain": [{ "scope": "a" }] });
    assert_eq!(off.code(&any_token(&off, &wider)), "ok");
}

#[test]
fn the_decision_says_what_the_agent_was_sent_for() {
    let world = world();
    let claims = json!({
        "task_id": "t2", "parent_task_id": "t1", "parent_token_id": "p", "delegator_sub": "person-1", "delegation_purpose": "groceries",
    });
    let decision = world.decide(&any_token(&world, &claims));
    let task = json!({ "id": "t2", "parent": "t1", "parent_token": "p", "delegator": "person-1", "purpose": "groceries" });
    assert_eq!(serde_json::to_value(&decision).unwrap()["task"], task);
    let assertion = decision.assertion(
        "https://api.example",
        "http://127.0.0.1:9000",
        countersign::time::UnixSeconds(NOW),
    );
    assert_eq!(assertion["task"], task);
    let plain = world.decide(&any_token(&world, &json!({})));
    assert_eq!(serde_json::to_value(&plain).unwrap().get("task"), None);
    assert!(plain.evidence.iter().all(|e| e.check != "delegation"));
}

/// What tokens of five issuers look like, with the claims that differ.
#[test]
fn tokens_of_issuers_are_read_where_they_write() {
    let shapes = [
        // Auth0: permissions beside scope, roles under a name that is a URL.
        (
            r#"{ roles = "https://shop.example/roles" }"#,
            json!({ "azp": "app", "scope": "read:orders openid", "https://shop.example/roles": ["buyer"], "permissions": ["read:orders"] }),
            (vec!["read:orders", "openid"], "app"),
        ),
        // Okta: a list in `scp`, the client in `cid`.
        (
            r#"{ roles = "groups" }"#,
            json!({ "cid": "app", "uid": "u", "scp": ["openid", "orders"], "groups": ["buyer"] }),
            (vec!["openid", "orders"], "app"),
        ),
        // Entra ID, version 2 and version 1.
        (
            r"{ }",
            json!({ "azp": "app", "scp": "Orders.Read Orders.Write", "roles": ["buyer"], "oid": "o", "tid": "t" }),
            (vec!["Orders.Read", "Orders.Write"], "app"),
        ),
        (
            r"{ }",
            json!({ "appid": "app", "scp": "Orders.Read", "roles": "buyer" }),
            (vec!["Orders.Read"], "app"),
        ),
        // Keycloak: roles inside `realm_access`.
        (
            r#"{ roles = ["resource_access.shop.api.roles", "realm_access.roles"] }"#,
            json!({ "azp": "app", "scope": "profile email", "realm_access": { "roles": ["buyer"] }, "resource_access": { "account": { "roles": ["x"] } } }),
            (vec!["profile", "email"], "app"),
        ),
        (
            r#"{ roles = ["resource_access.shop.api.roles", "realm_access.roles"] }"#,
            json!({ "azp": "app", "scope": "", "realm_access": { "roles": ["x"] }, "resource_access": { "shop.api": { "roles": ["buyer"] } } }),
            (vec![], "app"),
        ),
        // oidc-provider: as RFC 9068 has it.
        (
            r#"{ roles = "x.roles" }"#,
            json!({ "client_id": "app", "scope": "orders", "x": { "roles": ["buyer"] } }),
            (vec!["orders"], "app"),
        ),
    ];
    for (names, claims, (scope, client)) in shapes {
        let claims = claims.as_object().unwrap().clone();
        let names: countersign::delegation::ClaimNames = {
            let config = CONFIG.replace(
                "algorithms = [\"EdDSA\", \"ES256\"]",
                &format!("algorithms = [\"EdDSA\"]\nprofile = \"jwt\"\nclaims = {names}"),
            );
            Config::from_toml(&config).unwrap().issuers[0].claims.clone()
        };
        let mut whole = json!({ "iss": ISSUER, "aud": "https://api.example", "exp": NOW + 600 });
        whole.as_object_mut().unwrap().extend(claims);
        let token = Key::of(1).jws(&json!({ "alg": "EdDSA" }), &whole);
        let decoded = countersign::jose::DecodedToken::decode(&token).unwrap().named(&names).unwrap();
        let read = decoded.unverified_claims();
        assert_eq!(read.scope, scope, "{whole}");
        assert_eq!(read.client_id.as_deref(), Some(client), "{whole}");
        assert_eq!(read.roles, ["buyer"], "{whole}");
    }
}

#[test]
fn a_configuration_of_delegations_is_checked() {
    let faults = |from: &str, to: &str| {
        let text = format!("{CONFIG}{RULES}");
        assert_eq!(text.matches(from).count(), 1, "{from}");
        let config = Config::from_toml(&text.replace(from, to));
        let faults =
            config.map_or_else(|fault| vec![fault], |config| Gate::new(&config).err().unwrap_or_default());
        faults.into_iter().map(|fault| fault.to_string()).collect::<Vec<_>>()
    };
    let parent = "parent_field = \"Parent-Token\"";
    let issuer = "algorithms = [\"EdDSA\", \"ES256\"]";
    let nine = (0..9).map(|i| format!("\"c{i}\"")).collect::<Vec<_>>().join(", ");
    let nine = format!("{issuer}\nclaims = {{ task = [{nine}] }}");
    for (from, to, fault) in [
        (parent, "max_depth = 0", "delegation.max_depth: is 0; write 1 to 8"),
        (parent, "max_depth = 9", "delegation.max_depth: is 9; write 1 to 8"),
        (parent, "agent = \"never\"", "delegation.agent: "),
        (parent, "depth = 1", "delegation.depth: unknown field"),
        (parent, "parent_field = \"Parent Token\"", "delegation.parent_field: is not a field name"),
        (parent, "parent_field = \"Authorization\"", "delegation.parent_field: is a field with a meaning"),
        (parent, "parent_field = \"p\"\nlineage = \"off\"", "delegation.parent_field: is not read"),
        ("\"hierarchical\"", "\"prefix\"", "scopes.matching: "),
        ("\"files\" = 1", "\"fi les\" = 1", "scopes.levels"),
        ("\"files\" = 1", "\"files\" = -1", "scopes.levels"),
        ("type = \"plain\"", "type = \"pay\"", "authorization_details[1].type: is there twice"),
        ("type = \"plain\"", "type = \"\"", "authorization_details[1].type: is empty"),
        (
            "type = \"plain\"",
            "type = \"plain\"\ndecimals = 2",
            "authorization_details[1].decimals: is of an amount",
        ),
        (
            "type = \"plain\"",
            "type = \"plain\"\namount = \"a\"",
            "authorization_details[1].currency: is missing",
        ),
        (
            "amount = \"limit.amount\"",
            "amount = \"limit.\"",
            "authorization_details[0].amount: is not a member",
        ),
        (
            "amount = \"limit.amount\"",
            "amount = \"a\"\ndecimals = 5",
            "authorization_details[0].decimals: is 5; write 0 to 4",
        ),
        ("{ field = \"Task-Id\" }", "{ }", "routes[11].task: names no one place"),
        ("{ field = \"Task-Id\" }", "{ field = \"a\", body = \"b\" }", "routes[11].task: names no one place"),
        ("{ field = \"Task-Id\" }", "{ field = \"a b\" }", "routes[11].task.field: is not a field name"),
        (
            "{ body = \"/params/task_id\" }",
            "{ body = \"\" }",
            "routes[12].task.body: is no JSON Pointer (RFC 6901); write it as /task_id",
        ),
        (
            "{ body = \"/params/task_id\" }",
            "{ body = \"params.task_id\" }",
            "routes[12].task.body: is no JSON Pointer",
        ),
        ("\"users:admin\" = 3", "\"*:\" = 3", "scopes.levels"),
        ("\"users:admin\" = 3", "\"*:users:admin\" = 3", "scopes.levels"),
        (
            issuer,
            &format!("{issuer}\nclaims = {{ scopes = \"a\" }}"),
            "issuers[0].claims.scopes: unknown field",
        ),
        (issuer, &format!("{issuer}\nclaims = {{ scope = 1 }}"), "issuers[0].claims.scope: "),
        (
            issuer,
            &format!("{issuer}\nclaims = {{ roles = [\"a\", \"\"] }}"),
            "issuers[0].claims.roles: is not a claim",
        ),
        (issuer, &nine, "issuers[0].claims.task: has more than 8 entries"),
    ] {
        let found = faults(from, to);
        assert_eq!(found.len(), 1, "{to}: {found:?}");
        assert!(found[0].starts_with(fault), "{to}: {found:?}");
    }
    let open = faults("require = [\"token\"]\ntask = { field", "require = []\ntask = { field");
    assert_eq!(open, ["routes[11].task: is about a token; add \"token\" to require"]);
}

/// An independent reading of what a token permits.
mod oracle {
    use std::collections::BTreeSet;

    use serde_json::Value;

    fn names(claim: &Value) -> Option<BTreeSet<String>> {
        match claim {
            Value::Null => None,
            Value::String(text) => Some(text.split_whitespace().map(String::from).collect()),
            Value::Array(names) => Some(names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()),
            _ => panic!(),
        }
    }

    /// Whether the segments of `granted` are the first of those of `wanted`.
    fn covers(granted: &str, wanted: &str) -> bool {
        let segments = |scope: &str| scope.split([':', '/']).map(String::from).collect::<Vec<_>>();
        let separators = |scope: &str| scope.chars().filter(|c| [':', '/'].contains(c)).collect::<String>();
        segments(wanted).starts_with(&segments(granted))
            && separators(wanted).starts_with(&separators(granted))
    }

    fn amounts(claim: &Value) -> Vec<(String, i64)> {
        let mut amounts: Vec<_> = claim
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| {
                (
                    entry["to"].to_string() + &entry["limit"]["currency"].to_string(),
                    entry["limit"]["amount"].as_i64().unwrap(),
                )
            })
            .collect();
        amounts.sort();
        amounts
    }

    /// Whether the child permits anything that the parent does not.
    pub(super) fn exceeds(child: &Value, parent: &Value) -> bool {
        let scope = |token: &Value| names(&token["scope"]).unwrap_or_default();
        let granted = scope(parent);
        let wider_scope =
            scope(child).iter().any(|wanted| !granted.iter().any(|granted| covers(granted, wanted)));
        let wider = |claim: &str| match (names(&child[claim]), names(&parent[claim])) {
            (Some(mine), Some(theirs)) => !mine.is_subset(&theirs),
            (mine, theirs) => mine.is_some() != theirs.is_some(),
        };
        // For every receiver and currency: no more in one payment, and no more in all together.
        let (mine, theirs) =
            (amounts(&child["authorization_details"]), amounts(&parent["authorization_details"]));
        let wider_details = mine.iter().any(|(to, _)| {
            let of = |amounts: &[(String, i64)]| {
                amounts.iter().filter(|(t, _)| t == to).map(|(_, a)| *a).collect::<Vec<_>>()
            };
            let (mine, theirs) = (of(&mine), of(&theirs));
            mine.iter().max() > theirs.iter().max() || mine.iter().sum::<i64>() > theirs.iter().sum::<i64>()
        });
        let silent =
            child.get("authorization_details").is_some() != parent.get("authorization_details").is_some();
        wider_scope
            || wider("granted_tools")
            || wider("granted_resources")
            || wider_details
            || silent
            || child["exp"].as_i64() > parent["exp"].as_i64()
    }
}

fn claims() -> impl Strategy<Value = Value> {
    let scope = prop::sample::subsequence(vec!["a", "a:b", "a:b/c", "a:bc", "ab", "d", "d/e"], 0..5);
    let names = || prop::option::of(prop::sample::subsequence(vec!["x", "y", "z"], 0..3));
    let entry = (0_i64..4, prop::sample::select(vec!["EUR", "USD"]), prop::sample::select(vec!["p", "q"]))
        .prop_map(|(amount, currency, to)| json!({ "type": "pay", "to": to, "limit": { "amount": amount, "currency": currency } }));
    let details = prop::option::of(prop::collection::vec(entry, 0..3));
    (scope, names(), names(), details, 500_i64..503).prop_map(|(scope, tools, resources, details, exp)| {
        let mut claims = json!({ "scope": scope.join(" "), "exp": NOW + exp });
        if let Some(tools) = tools {
            claims["granted_tools"] = json!(tools);
        }
        if let Some(resources) = resources {
            claims["granted_resources"] = json!(resources.join(" "));
        }
        if let Some(details) = details {
            claims["authorization_details"] = json!(details);
        }
        claims
    })
}

/// A child that is often, and not always, within the parent.
fn family() -> impl Strategy<Value = (Value, Value)> {
    (claims(), claims(), prop::collection::vec(any::<bool>(), 5)).prop_map(|(parent, other, takes)| {
        let mut child = parent.clone();
        let members = ["scope", "exp", "granted_tools", "granted_resources", "authorization_details"];
        for (member, _) in members.iter().zip(takes).filter(|(_, takes)| *takes) {
            match other.get(member) {
                Some(value) => child[member] = value.clone(),
                None => drop(child.as_object_mut().unwrap().remove(*member)),
            }
        }
        (parent, child)
    })
}

fn accepts(world: &World, parent: &Value, own: &Value) -> bool {
    let code = world.code(&child(world, parent, own));
    assert!(code == "ok" || code.starts_with("delegation."), "{code}");
    code == "ok"
}

fn accepts_chain(world: &World, parent: &Value, own: &Value) -> bool {
    let mut own = own.clone();
    own["delegation_chain"] = json!([parent]);
    world.code(&any_token(world, &own)) == "ok"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, ..ProptestConfig::default() })]

    #[test]
    fn no_accepted_child_exceeds_its_parent((parent, own) in family()) {
        let world = world();
        if accepts(&world, &parent, &own) {
            prop_assert!(!oracle::exceeds(&own, &parent), "{own} of {parent}");
        }
        prop_assert!(accepts(&world, &parent, &parent), "equal is accepted: {parent}");
    }

    #[test]
    fn a_chain_accepts_what_its_steps_do((parent, own) in family()) {
        let world = world();
        // What a step does not speak of it does not limit; what it speaks of it does as a whole token would.
        if accepts(&world, &parent, &own) {
            prop_assert!(accepts_chain(&world, &parent, &own), "{own} of {parent}");
        }
        if accepts_chain(&world, &parent, &own) {
            let mut limited = own.clone();
            for member in ["granted_tools", "granted_resources", "authorization_details"] {
                if parent.get(member).is_none() {
                    limited.as_object_mut().unwrap().remove(member);
                }
            }
            prop_assert!(!oracle::exceeds(&limited, &parent), "{own} of {parent}");
        }
    }

    #[test]
    fn narrowing_is_transitive((first, second) in family(), third in claims()) {
        let world = world();
        if accepts(&world, &first, &second) && accepts(&world, &second, &third) {
            prop_assert!(accepts(&world, &first, &third), "{third} of {second} of {first}");
        }
    }
}
