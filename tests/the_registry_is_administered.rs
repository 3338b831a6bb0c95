//! The admin API: what it answers to each request, and what it refuses, with a code for each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use countersign::config::{Admin, Config, ConfigError, Gate};
use countersign::decision::Principal;
use countersign::encoding::base64url;
use countersign::reason::Reason;
use countersign::registry::admin::{Answer, Command, MAX_BODY_BYTES, PREFIX, ROUTE, Request};
use countersign::registry::{Actor, Registry, RegistryErrorKind as Kind, Status};
use countersign::time::UnixMillis;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

fn jwk(seed: u8) -> Value {
    let public = SigningKey::from_bytes(&[seed; 32]).verifying_key();
    json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(public.as_bytes()) })
}

fn agent(id: &str, seed: u8) -> Value {
    json!({
        "id": id,
        "operator": "Shop",
        "purpose": "Buys",
        "contact": "ops@shop.example",
        "keys": [{ "kid": format!("key-{seed}"), "jwk": jwk(seed) }],
    })
}

struct Sent<'a> {
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    if_match: Option<&'a str>,
    body: String,
}

fn send<'a>(method: &'a str, path: &'a str) -> Sent<'a> {
    Sent { method, path, query: None, if_match: None, body: String::new() }
}

impl Sent<'_> {
    fn with(self, body: &Value) -> Self {
        Self { body: body.to_string(), ..self }
    }

    fn parse(&self) -> Result<Command, Kind> {
        let request = Request {
            method: self.method,
            path: &format!("{PREFIX}{}", self.path),
            query: self.query,
            if_match: self.if_match,
            body: self.body.as_bytes(),
            actor: Actor { iss: "https://auth.example".into(), sub: None, client_id: None },
            allow_loopback: false,
        };
        Command::parse(&request, NOW).map_err(|error| error.kind)
    }

    fn to(&self, registry: &Registry) -> Result<(Answer, Registry), Kind> {
        let (answer, changed) = self.parse()?.answer(registry, NOW).map_err(|error| error.kind)?;
        Ok((answer, changed.map_or_else(|| registry.clone(), |(next, _)| next)))
    }
}

/// Agent `a` with key 1.
fn one() -> Registry {
    send("POST", "/agents").with(&agent("a", 1)).to(&Registry::default()).unwrap().1
}

#[test]
fn an_agent_lives_from_registration_to_revocation() {
    let (answer, registry) = send("POST", "/agents").with(&agent("a", 1)).to(&Registry::default()).unwrap();
    assert_eq!((answer.status, answer.etag.as_deref()), (201, Some("\"1\"")));
    assert_eq!(answer.location, Some(format!("{PREFIX}/agents/a")));
    assert_eq!((&answer.body["status"], &answer.body["source"]), (&json!("active"), &json!("registry")));

    let (answer, _) = send("GET", "/agents/a").to(&registry).unwrap();
    assert_eq!((answer.status, answer.etag.as_deref()), (200, Some("\"1\"")));
    assert_eq!(answer.body["keys"][0]["kid"], "key-1");
    assert_eq!(answer.body["keys"][0]["not_before"], 1_790_000_000);
    assert_eq!(send("GET", "/agents/a/").to(&registry).unwrap().0, answer);

    let patch = json!({ "contact": "new", "jwks_uri": "https://a.example/keys" });
    let (answer, registry) = send("PATCH", "/agents/a").with(&patch).to(&registry).unwrap();
    assert_eq!((&answer.body["contact"], &answer.body["purpose"]), (&json!("new"), &json!("Buys")));
    let nowhere = json!({ "jwks_uri": null });
    let (answer, registry) = send("PATCH", "/agents/a").with(&nowhere).to(&registry).unwrap();
    assert_eq!(answer.body["jwks_uri"], Value::Null);

    let key = json!({ "kid": "key:2", "jwk": jwk(2), "overlap": 60 });
    let (answer, registry) = send("POST", "/agents/a/keys").with(&key).to(&registry).unwrap();
    assert_eq!(answer.body["keys"][0]["not_after"], 1_790_000_060);
    let added = json!({ "jwk": jwk(3), "rotate": false });
    let (answer, registry) = send("POST", "/agents/a/keys").with(&added).to(&registry).unwrap();
    assert_eq!(
        (&answer.body["keys"][1]["not_after"], answer.body["keys"].as_array().unwrap().len()),
        (&Value::Null, 3)
    );

    let (answer, registry) = send("DELETE", "/agents/a/keys/key%3A2").to(&registry).unwrap();
    assert_eq!(answer.body["keys"][1]["state"], "agent.key_revoked");

    let mut registry = registry;
    for (verb, status) in [("suspend", "suspended"), ("resume", "active"), ("revoke", "revoked")] {
        let path = format!("/agents/a/{verb}");
        let (answer, next) = send("POST", &path).with(&json!({})).to(&registry).unwrap();
        assert_eq!(answer.body["status"], status);
        registry = next;
    }
    let (answer, _) = send("GET", "/agents").to(&registry).unwrap();
    assert_eq!((&answer.body["revision"], answer.etag.as_deref()), (&json!(9), Some("\"9\"")));
    assert_eq!(answer.body["agents"][0]["status"], "revoked");
}

#[test]
fn the_default_overlap_is_a_day() {
    let key = json!({ "jwk": jwk(2) });
    let (answer, _) = send("POST", "/agents/a/keys").with(&key).to(&one()).unwrap();
    assert_eq!(answer.body["keys"][0]["not_after"], 1_790_000_000 + 86_400);
}

#[test]
fn paths_and_methods_that_are_not_there_are_refused() {
    for path in [
        "",
        "/",
        "/x",
        "/agents/a/x",
        "/agents/a/keys/k/x",
        "/agents/a/suspend/x",
        "/audit/1",
        "/agents//a",
        "/agents/a%2fb",
        "/agents/%61",
        "/../x",
    ] {
        assert_eq!(send("GET", path).parse(), Err(Kind::PathUnknown), "{path}");
    }
    for (method, path) in [
        ("DELETE", "/agents"),
        ("PUT", "/agents/a"),
        ("DELETE", "/agents/a"),
        ("post", "/agents"),
        ("GET", "/agents/a/keys"),
        ("GET", "/agents/a/keys/k"),
        ("GET", "/agents/a/suspend"),
        ("POST", "/audit"),
    ] {
        assert_eq!(send(method, path).parse(), Err(Kind::MethodNotAllowed), "{method} {path}");
        let allow =
            Answer::problem(&Kind::MethodNotAllowed.into(), &format!("{PREFIX}{path}")).allow.unwrap();
        assert!(!allow.split(", ").any(|allowed| allowed == method), "{method} {path}");
    }
}

#[test]
fn bodies_are_strict() {
    let good = agent("a", 1);
    let mut unknown = good.clone();
    unknown["status"] = json!("revoked");
    let mut missing = good.clone();
    missing.as_object_mut().unwrap().remove("contact");
    let mut mistyped = good.clone();
    mistyped["directories"] = json!("https://a.example");
    for body in [json!([]), json!(null), json!("x"), unknown, missing, mistyped] {
        assert_eq!(send("POST", "/agents").with(&body).parse(), Err(Kind::BodyMalformed), "{body}");
    }
    let text = good.to_string();
    for body in
        [String::new(), format!("{text}x"), text.replacen('{', "{\"id\":\"b\",", 1), "\u{feff}{}".into()]
    {
        assert_eq!(Sent { body, ..send("POST", "/agents") }.parse(), Err(Kind::BodyMalformed));
    }
    for body in [
        json!({ "contact": null }),
        json!({ "id": "b" }),
        json!({ "status": "active" }),
        json!({ "keys": [] }),
    ] {
        assert_eq!(send("PATCH", "/agents/a").with(&body).parse(), Err(Kind::BodyMalformed), "{body}");
    }
    for body in
        [json!({}), json!({ "jwk": jwk(2), "overlap": -1 }), json!({ "jwk": jwk(2), "overlap": "24h" })]
    {
        assert_eq!(send("POST", "/agents/a/keys").with(&body).parse(), Err(Kind::BodyMalformed), "{body}");
    }
    for (method, path) in [("POST", "/agents/a/suspend"), ("DELETE", "/agents/a/keys/k")] {
        assert_eq!(send(method, path).with(&json!({ "x": 1 })).parse(), Err(Kind::BodyMalformed));
    }
    let long = Sent { body: " ".repeat(MAX_BODY_BYTES + 1), ..send("POST", "/agents") };
    assert_eq!(long.parse(), Err(Kind::BodyTooLarge));
}

#[test]
fn overlaps_are_bounded_and_of_rotations() {
    for body in [
        json!({ "jwk": jwk(2), "overlap": 172_801 }),
        json!({ "jwk": jwk(2), "overlap": 1, "rotate": false }),
    ] {
        assert_eq!(send("POST", "/agents/a/keys").with(&body).parse(), Err(Kind::OverlapInvalid), "{body}");
    }
}

#[test]
fn if_match_is_obeyed() {
    let suspend = |if_match| {
        Sent { if_match: Some(if_match), ..send("POST", "/agents/a/suspend") }.to(&one()).map(drop)
    };
    assert_eq!(suspend("\"1\""), Ok(()));
    assert_eq!(suspend("*"), Ok(()));
    for stale in ["\"0\"", "\"2\"", "\"abc\"", "\"99999999999999999999\"", "\"\""] {
        assert_eq!(suspend(stale), Err(Kind::RevisionConflict), "{stale}");
    }
    for malformed in ["1", "W/\"1\"", "\"1\", \"2\"", "\"", "", "\"1"] {
        assert_eq!(suspend(malformed), Err(Kind::IfMatchMalformed), "{malformed}");
    }
    let create = Sent { if_match: Some("*"), ..send("POST", "/agents") }.with(&agent("b", 2));
    assert!(create.to(&one()).is_ok());
}

#[test]
fn the_audit_trail_is_asked_from_a_revision_on() {
    let audit = |query| Sent { query, ..send("GET", "/audit") }.parse();
    assert_eq!(audit(None), Ok(Command::Audit { after: 0 }));
    assert_eq!(audit(Some("after=41")), Ok(Command::Audit { after: 41 }));
    for query in [
        "",
        "after",
        "after=",
        "after=-1",
        "after=+1",
        "after=1&after=2",
        "before=1",
        "after=99999999999999999999",
    ] {
        assert_eq!(audit(Some(query)), Err(Kind::QueryInvalid), "{query}");
    }
    assert_eq!(Sent { query: Some("after=1"), ..send("GET", "/agents") }.parse(), Err(Kind::QueryInvalid));
}

#[test]
fn what_is_not_there_is_not_found() {
    assert_eq!(send("GET", "/agents/b").to(&one()).map(drop), Err(Kind::AgentNotFound));
    assert_eq!(send("POST", "/agents/b/suspend").to(&one()).map(drop), Err(Kind::AgentNotFound));
    assert_eq!(send("DELETE", "/agents/a/keys/key-2").to(&one()).map(drop), Err(Kind::KeyNotFound));
    assert_eq!(send("POST", "/agents").with(&agent("a", 2)).to(&one()).map(drop), Err(Kind::AgentExists));
}

#[test]
fn an_agent_may_be_registered_suspended() {
    let mut suspended = agent("b", 2);
    suspended["suspended"] = json!(true);
    let (_, registry) = send("POST", "/agents").with(&suspended).to(&one()).unwrap();
    assert_eq!(registry.by_id("b").unwrap().status(), Status::Suspended);
    assert_eq!(registry.standing(None, "key-2", NOW.seconds()), Err(Reason::AgentSuspended));
}

#[test]
fn a_refusal_is_a_problem_that_names_the_member() {
    let mut private = agent("b", 2);
    private["keys"][0]["jwk"]["d"] = json!("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I");
    let body = private.to_string();
    let path = format!("{PREFIX}/agents");
    let actor = Actor { iss: "i".into(), sub: None, client_id: None };
    let request = Request {
        method: "POST",
        path: &path,
        query: None,
        if_match: None,
        body: body.as_bytes(),
        actor,
        allow_loopback: false,
    };
    let error = Command::parse(&request, NOW).unwrap_err();
    let problem = Answer::problem(&error, &path);
    assert_eq!((problem.status, &problem.body["code"]), (400, &json!("admin.key_private")));
    assert_eq!(problem.body["member"], "keys[0].jwk");
    assert!(!problem.body.to_string().contains("c2VjcmV0") && !error.to_string().contains("c2VjcmV0"));
}

#[test]
fn codes_are_unique_dotted_and_of_this_api() {
    let codes: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), Kind::ALL.len());
    assert!(codes.iter().all(|code| code.strip_prefix("admin.").is_some_and(|cause| {
        !cause.is_empty() && cause.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    })));
    assert!(Kind::ALL.iter().all(|kind| (400..600).contains(&kind.status()) && !kind.title().is_empty()));
}

const CONFIG: &str = r#"
origin = "https://origin.example"
public_origins = ["https://api.example"]

[[issuers]]
issuer = "https://auth.example"
jwks_uri = "https://auth.example/jwks.json"
audience = ["https://api.example"]
algorithms = ["EdDSA"]

[signatures]
trust = ["https://agents.example"]
require_registered = true

[[agents]]
id = "a"
operator = "https://shop.example"
purpose = "Buys"
contact = "ops@shop.example"
directories = ["https://agents.example"]

[[agents.keys]]
kid = "one"
jwk = { kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }

[admin]
issuer = "https://auth.example"

[[routes]]
match = "* /**"
require = []
"#;

fn faults(config: &str) -> Vec<ConfigError> {
    match Config::from_toml(config) {
        Ok(config) => Gate::new(&config).err().unwrap_or_default(),
        Err(fault) => vec![fault],
    }
}

fn admin() -> (Gate, Admin) {
    let gate = Gate::new(&Config::from_toml(CONFIG).unwrap()).unwrap();
    let admin = gate.admin().unwrap().clone();
    (gate, admin)
}

#[test]
fn the_admin_api_is_a_route_of_its_own_before_all_others() {
    let (gate, _) = admin();
    let first = &gate.routes()[0];
    assert_eq!((first.pattern().as_str(), first.scope()), (ROUTE, &["countersign:admin".to_owned()][..]));
    assert!(gate.requires_registration());
    let without = CONFIG.replace("[admin]\nissuer = \"https://auth.example\"\n", "");
    let without = Gate::new(&Config::from_toml(&without).unwrap()).unwrap();
    assert!(without.admin().is_none() && without.routes().len() == 1);
}

#[test]
fn only_the_issuer_that_administers_is_an_actor() {
    let (_, admin) = admin();
    let principal =
        |iss: &str| Principal { sub: Some("ada".into()), iss: iss.into(), client_id: Some("console".into()) };
    let actor = admin.actor(Some(&principal("https://auth.example"))).unwrap();
    assert_eq!((actor.sub.as_deref(), actor.client_id.as_deref()), (Some("ada"), Some("console")));
    for stranger in [Some(principal("https://other.example")), Some(principal("https://auth.example/")), None]
    {
        assert_eq!(admin.actor(stranger.as_ref()).unwrap_err().kind, Kind::IssuerNotAllowed);
    }
}

#[test]
fn faults_of_agents_and_admin_are_told_with_their_paths() {
    assert_eq!(faults(CONFIG), []);
    let (head, rest) = CONFIG.split_once("[[agents]]").unwrap();
    let (entry, tail) = rest.split_once("[admin]").unwrap();
    let second = format!("{head}[[agents]]{entry}[[agents]]{entry}[admin]{tail}");
    for (config, path) in [
        (CONFIG.replace("id = \"a\"", "id = \"a b\""), "agents[0].id"),
        (CONFIG.replace("operator = \"https", "operator = \"http"), "agents[0].operator"),
        (CONFIG.replace("purpose = \"Buys\"", "purpose = \"\""), "agents[0].purpose"),
        (
            CONFIG.replace(
                "\"https://agents.example\"]\n\n[[agents.keys",
                "\"http://agents.example\"]\n\n[[agents.keys",
            ),
            "agents[0].directories[0]",
        ),
        (CONFIG.replace("kid = \"one\"", "kid = \"o ne\""), "agents[0].keys[0].kid"),
        (CONFIG.replace("kid = \"one\"", "kid = \"one\"\nnot_after = 0"), "agents[0].keys[0].not_after"),
        (CONFIG.replace("kty = \"OKP\"", "kty = \"oct\""), "agents[0].keys[0].jwk"),
        (CONFIG.replace("kid = \"one\"", "key = \"one\""), "agents[0].keys[0].key"),
        (CONFIG.replace("id = \"a\"", "name = \"a\""), "agents[0].name"),
        (CONFIG.replace("id = \"a\"", "id = \"a\"\njwks_uri = \"x\""), "agents[0].jwks_uri"),
        (second.clone(), "agents[1].id"),
        (second.replacen("id = \"a\"", "id = \"b\"", 1), "agents[1].keys[0]"),
        (
            second
                .replacen("id = \"a\"", "id = \"b\"", 1)
                .replacen(
                    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                    &base64url::encode(SigningKey::from_bytes(&[3; 32]).verifying_key().as_bytes()),
                    1,
                )
                .replacen("\"one\"", "\"two\"", 1),
            "agents[1].directories[0]",
        ),
        (
            CONFIG.replace(
                "[admin]\nissuer = \"https://auth.example\"",
                "[admin]\nissuer = \"https://other.example\"",
            ),
            "admin.issuer",
        ),
        (CONFIG.replace("[admin]", "[admin]\nscope = \"a b\""), "admin.scope"),
        (CONFIG.replace("[admin]", "[admin]\nscope = \"\""), "admin.scope"),
        (CONFIG.replace("[admin]", "[admin]\npath = \"/x\""), "admin.path"),
    ] {
        let found = faults(&config);
        let paths: Vec<_> = found.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, [path]);
    }
    let agent = entry.split_once("\n[[agents.keys]]").unwrap().0;
    let numbered = |i: i32| {
        agent.replace("\"a\"", &format!("\"a{i}\"")).replace("agents.example", &format!("a{i}.example"))
    };
    let many = (0..257).map(|i| format!("[[agents]]{}", numbered(i))).collect::<Vec<_>>().concat();
    let paths: Vec<_> =
        faults(&format!("{head}{many}\n[admin]{tail}")).into_iter().map(|fault| fault.path).collect();
    assert_eq!(paths, ["agents"]);
}

proptest! {
    #[test]
    fn no_request_makes_it_panic(
        method in "GET|POST|PATCH|DELETE|[A-Z]{0,3}",
        path in "(/(agents|audit|keys|suspend|[a%2-]{0,4}|.{0,3})){0,5}/?",
        query in prop::option::of("(after=[0-9]{0,3})|.{0,5}"),
        if_match in prop::option::of("\\*|\"[0-9a\"]{0,3}\"|.{0,4}"),
        body in "\\{(\"(id|jwk|overlap|contact|keys|rotate)\":(\"a\"|\\{\\}|1|null|\\[\\]),?){0,4}\\}|.{0,8}",
    ) {
        let sent = Sent { method: &method, path: &path, query: query.as_deref(), if_match: if_match.as_deref(), body };
        let _ = sent.to(&one());
    }
}
