//! CORS: which preflights the gate answers and how, and what its decisions tell browsers. Nothing where no `[cors]` is.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use std::fmt::Write as _;

use countersign::config::{Config, Gate};
use countersign::served::Served;
use gate_support::{API, CONFIG, Draft, World, header};
use serde_json::Value;

const PAGE: &str = "https://app.example";
const VARY: &str = "Origin, Access-Control-Request-Method";

/// The usual configuration with this `[cors]`, and routes of which fields and methods are worth asking for.
fn config(cors: &str) -> String {
    format!(
        r#"{CONFIG}
[[routes]]
match = "* /anything"
require = []

[[routes]]
match = "GET /items/{{id}}"
require = []

[[routes]]
match = "PATCH /items/*"
require = ["signature"]
components = ["x-tenant", "\"x-list\";sf"]

[[routes]]
match = "POST /mcp"
require = ["token"]
mcp = {{ legacy = true }}

{cors}
"#
    )
}

fn listed(more: &str) -> String {
    config(&format!("[cors]\norigins = [\"{PAGE}\", \"http://localhost:5173\"]\n{more}"))
}

fn preflight(path: &str, origin: &str, method: &str) -> Draft {
    Draft::new("OPTIONS", path).field("origin", origin).field("access-control-request-method", method)
}

fn serve(config: &str, draft: &Draft) -> Option<Served> {
    Gate::new(&Config::from_toml(config).unwrap()).unwrap().serve(&draft.view())
}

fn field<'a>(served: &'a Served, name: &str) -> Option<&'a str> {
    served.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
}

/// That it is refused without a field that allows anything.
#[track_caller]
fn assert_refused(served: Option<Served>, code: &str) {
    let served = served.unwrap();
    assert_eq!(served.status, 403);
    let names: Vec<_> = served.headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["Vary", "Content-Type"]);
    let problem: Value = serde_json::from_str(&served.body.unwrap()).unwrap();
    assert_eq!(problem["code"], code);
}

#[test]
fn without_a_configuration_a_preflight_is_a_request_like_any_other() {
    let draft = preflight("/signed", PAGE, "GET");
    assert_eq!(serve(CONFIG, &draft), None);
    let world = World::new();
    let decision = world.decide(&draft);
    assert_eq!(decision.code, "policy.no_route");
    let allowed = world.decide(&Draft::new("GET", "/open/a").field("origin", PAGE));
    for decision in [decision, allowed] {
        let is_of_cors = |name: &str| name == "Vary" || name.starts_with("Access-Control-");
        assert!(!decision.headers.iter().any(|(name, _)| is_of_cors(name)), "{:?}", decision.headers);
    }
}

#[test]
fn pages_of_other_origins_are_refused_by_a_preflight() {
    let long = format!("https://{}.example", "a".repeat(4000));
    for origin in [
        "https://evil.example",
        "https://app.example.evil.example",
        "https://sub.app.example",
        "http://app.example",
        "https://app.example:443",
        "https://app.example:8443",
        "https://app.example/",
        "HTTPS://app.example",
        "https://App.example",
        "https://app.example.",
        "https://app.example, https://app.example",
        "http://localhost",
        "http://localhost:5174",
        "http://127.0.0.1:5173",
        "app.example",
        "null",
        "*",
        "",
        &long,
    ] {
        assert_refused(serve(&listed(""), &preflight("/signed", origin, "GET")), "cors.origin_not_allowed");
    }
    let twice = preflight("/signed", PAGE, "GET").field("origin", PAGE);
    assert_refused(serve(&listed(""), &twice), "cors.origin_not_allowed");
}

#[test]
fn methods_that_pages_may_not_use_are_refused_by_a_preflight() {
    let config = listed("methods = [\"GET\", \"PATCH\"]");
    assert_refused(serve(&config, &preflight("/checkout", PAGE, "POST")), "cors.method_not_allowed");
    assert_refused(serve(&config, &preflight("/anything", PAGE, "DELETE")), "cors.method_not_allowed");
    for (path, method) in [("/signed", "GET"), ("/signed", "HEAD"), ("/items/1", "PATCH")] {
        assert_eq!(serve(&config, &preflight(path, PAGE, method)).unwrap().status, 204, "{method} {path}");
    }
    let served = serve(&config, &preflight("/anything", PAGE, "GET")).unwrap();
    assert_eq!(field(&served, "Access-Control-Allow-Methods"), Some("GET, HEAD, PATCH"));
}

#[test]
fn a_refused_preflight_says_as_much_as_other_refusals() {
    let config = listed("").replace("disclosure = \"full\"", "disclosure = \"none\"");
    let served = serve(&config, &preflight("/signed", "https://evil.example", "GET")).unwrap();
    assert_eq!((served.status, served.body.as_deref()), (403, None));
    assert_eq!(served.headers, [("Vary", VARY.into())]);
}

#[test]
fn what_no_route_takes_is_decided_like_any_other_request() {
    let config = listed("");
    let world = World::with(&config);
    let elsewhere = Draft { url: "https://other.example/signed".into(), ..preflight("/", PAGE, "GET") };
    for (draft, code) in [
        (preflight("/nowhere", PAGE, "GET"), "policy.no_route"),
        (preflight("/signed", PAGE, "DELETE"), "policy.no_route"),
        (preflight("/signed", PAGE, "get"), "policy.no_route"),
        // Browsers send `patch` as it is written: methods are case-sensitive.
        (preflight("/items/1", PAGE, "patch"), "policy.no_route"),
        (preflight("/signed/../signed", PAGE, "GET"), "request.path_ambiguous"),
        (elsewhere, "request.authority_unknown"),
    ] {
        assert_eq!(serve(&config, &draft), None, "{draft:?}");
        let decision = world.decide(&draft);
        assert_eq!(decision.code, code);
        // A page sees why its preflight failed where its developer looks.
        assert_eq!(header(&decision, "Access-Control-Allow-Origin"), Some(PAGE));
    }
}

#[test]
fn what_is_no_preflight_is_decided() {
    let config = listed("");
    let ask = |method: &str| preflight("/anything", PAGE, method);
    let no_preflights = [
        Draft::new("OPTIONS", "/anything"),
        Draft::new("OPTIONS", "/anything").field("origin", PAGE),
        Draft::new("OPTIONS", "/anything").field("access-control-request-method", "GET"),
        Draft { method: "POST".into(), ..ask("GET") },
        Draft { method: "options".into(), ..ask("GET") },
        ask("GET").field("access-control-request-method", "POST"),
        ask(""),
        ask("G\u{c9}T"),
        ask("GET POST"),
        ask(&"A".repeat(33)),
    ];
    for draft in &no_preflights {
        assert_eq!(serve(&config, draft), None, "{draft:?}");
    }
    assert_eq!(serve(&config, &ask(&"A".repeat(32))).unwrap().status, 204);
}

#[test]
fn a_preflight_is_told_all_that_its_path_takes() {
    let served =
        serve(&listed("headers = [\"X-Trace\", \"dpop\"]"), &preflight("/items/7", PAGE, "PATCH")).unwrap();
    assert_eq!(
        served.headers,
        [
            ("Access-Control-Allow-Origin", PAGE.into()),
            ("Access-Control-Allow-Methods", "GET, HEAD, PATCH".into()),
            (
                "Access-Control-Allow-Headers",
                "authorization, dpop, signature, signature-input, signature-agent, content-digest, repr-digest, \
                 content-type, accept, x-tenant, x-list, x-trace"
                    .into()
            ),
            ("Access-Control-Max-Age", "600".into()),
            ("Vary", VARY.into()),
        ]
    );
    assert_eq!((served.status, served.body), (204, None));
}

#[test]
fn a_route_for_every_method_takes_the_usual_ones_and_the_one_that_is_asked_for() {
    let methods = |method: &str| {
        let served = serve(&listed(""), &preflight("/anything", PAGE, method)).unwrap();
        field(&served, "Access-Control-Allow-Methods").unwrap().to_owned()
    };
    assert_eq!(methods("PUT"), "GET, HEAD, POST, PUT, PATCH, DELETE");
    assert_eq!(methods("QUERY"), "GET, HEAD, POST, PUT, PATCH, DELETE, QUERY");
}

#[test]
fn fields_that_the_configuration_names_are_allowed() {
    let allowed = |config: &str, path: &str, method: &str| {
        let served = serve(config, &preflight(path, PAGE, method)).unwrap();
        let names = field(&served, "Access-Control-Allow-Headers").unwrap();
        names.split(", ").skip(9).map(str::to_owned).collect::<Vec<_>>()
    };
    let mcp = ["mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id", "last-event-id"];
    assert_eq!(allowed(&listed(""), "/mcp", "POST"), mcp);
    assert_eq!(allowed(&listed(""), "/signed", "GET"), [""; 0]);

    let trust = "trust = [\"https://agents.example\"]";
    let plain = format!(
        "{trust}\nprofiles = [\"web-bot-auth\", \"agent-headers\"]
[[agents]]\nid = \"shopper\"\noperator = \"Example\"\npurpose = \"shopping\"\ncontact = \"ops@agents.example\"
jwks_uri = \"https://agents.example/shopper.json\""
    );
    let config_of_plain = listed("").replace(trust, &plain).replace("replay = \"none\"", "");
    assert_eq!(allowed(&config_of_plain, "/signed", "GET"), ["agent-id", "timestamp"]);

    let spending =
        "[cors]\norigins = [\"https://app.example\"]\n[delegation]\nparent_field = \"X-Parent-Token\"
[[budgets]]\nname = \"day\"\nper = \"agent\"\namount = 1\ncurrency = \"EUR\"\nperiod = \"day\"
[[routes]]\nmatch = \"POST /spend\"\nrequire = [\"token\", \"dpop\"]\nreplay = \"exact\"\nbudget = [\"day\"]
idempotency_key = \"Idempotency-Key\"\namount = { field = \"X-Amount\", currency_field = \"X-Currency\" }
task = { field = \"X-Task\" }\n";
    let named = allowed(&config(spending), "/spend", "POST");
    assert_eq!(named, ["x-parent-token", "x-task", "idempotency-key", "x-amount", "x-currency"]);
}

#[test]
fn nothing_that_a_preflight_asks_for_is_read_back_to_it() {
    let served = serve(&listed(""), &preflight("/signed", PAGE, "GET")).unwrap();
    let long = "x-a, ".repeat(1000);
    for asked in ["X-Evil", "  DPOP ,\tsignature,,Content-TYPE", "*", "a: b", "\"", "", &long] {
        let draft = preflight("/signed", PAGE, "GET").field("access-control-request-headers", asked);
        assert_eq!(serve(&listed(""), &draft).as_ref(), Some(&served), "{asked}");
        let twice = draft.field("access-control-request-headers", "x-b");
        assert_eq!(serve(&listed(""), &twice).as_ref(), Some(&served), "{asked}");
    }
    let private = preflight("/signed", PAGE, "GET").field("access-control-request-private-network", "true");
    assert_eq!(serve(&listed(""), &private), Some(served));
}

#[test]
fn a_preflight_needs_no_proof_and_costs_no_state() {
    let world = World::with(&listed(""));
    for path in ["/checkout", "/limited"] {
        let method = if path == "/limited" { "GET" } else { "POST" };
        for _ in 0..10 {
            assert_eq!(world.gate.serve(&preflight(path, PAGE, method).view()).unwrap().status, 204);
        }
    }
    // The limit of two a minute is untouched.
    assert_eq!(world.code(&Draft::new("GET", "/limited")), "ok");
    assert_eq!(world.code(&Draft::new("GET", "/limited")), "ok");
    assert_eq!(world.code(&Draft::new("GET", "/limited")), "rate.exceeded");
}

#[test]
fn every_page_may_ask_where_the_configuration_says_so_and_none_with_credentials() {
    let config = config("[cors]\norigins = [\"*\"]");
    for origin in [PAGE, "null", "https://evil.example"] {
        let served = serve(&config, &preflight("/signed", origin, "GET")).unwrap();
        assert_eq!(field(&served, "Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(field(&served, "Access-Control-Allow-Credentials"), None);
    }
    // The same for all, also for those who name no origin, so that caches need not tell them apart.
    let world = World::with(&config);
    for draft in [Draft::new("GET", "/signed"), Draft::new("GET", "/signed").field("origin", "null")] {
        let decision = world.decide(&draft);
        assert_eq!(header(&decision, "Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(header(&decision, "Vary"), None);
        assert!(header(&decision, "Access-Control-Expose-Headers").unwrap().contains("www-authenticate"));
    }
}

#[test]
fn credentials_are_allowed_only_by_name() {
    for (more, allowed) in [("", None), ("credentials = false", None), ("credentials = true", Some("true"))] {
        let config = listed(more);
        let served = serve(&config, &preflight("/signed", PAGE, "GET")).unwrap();
        assert_eq!(field(&served, "Access-Control-Allow-Credentials"), allowed);
        let world = World::with(&config);
        let decision = world.decide(&Draft::new("GET", "/signed").field("origin", PAGE));
        assert_eq!(header(&decision, "Access-Control-Allow-Credentials"), allowed);
        let other = world.decide(&Draft::new("GET", "/signed").field("origin", "https://evil.example"));
        assert_eq!(header(&other, "Access-Control-Allow-Credentials"), None);
    }
}

#[test]
fn decisions_are_shared_with_the_pages_that_may_ask_and_no_others() {
    let world = World::with(&listed("expose = [\"ETag\", \"X-Total\"]"));
    let shared = |draft: &Draft| {
        let decision = world.decide(draft);
        let get = |name| header(&decision, name).map(str::to_owned);
        assert_eq!(get("Vary").as_deref(), Some("Origin"), "also where nothing is shared");
        (get("Access-Control-Allow-Origin"), get("Access-Control-Expose-Headers"))
    };
    for draft in [Draft::new("GET", "/signed"), Draft::new("GET", "/open/a"), Draft::new("GET", "/nowhere")] {
        assert_eq!(shared(&draft), (None, None));
        assert_eq!(shared(&draft.clone().field("origin", "https://evil.example")), (None, None));
        assert_eq!(shared(&draft.clone().field("origin", "null")), (None, None));
        let (origin, expose) = shared(&draft.field("origin", PAGE));
        assert_eq!(origin.as_deref(), Some(PAGE));
        assert_eq!(
            expose.as_deref(),
            Some(
                "www-authenticate, accept-signature, dpop-nonce, retry-after, ratelimit, ratelimit-policy, \
                 countersign-decision, etag, x-total, mcp-session-id"
            )
        );
    }
}

#[test]
fn an_answer_to_a_method_that_pages_may_not_use_is_not_shared() {
    let world = World::with(&listed("methods = [\"GET\"]"));
    let origin = |method: &str| {
        let decision = world.decide(&Draft::new(method, "/anything").field("origin", PAGE));
        header(&decision, "Access-Control-Allow-Origin").map(str::to_owned)
    };
    // Browsers send it without asking.
    assert_eq!(origin("POST"), None);
    assert_eq!(origin("GET").as_deref(), Some(PAGE));
    assert_eq!(origin("HEAD").as_deref(), Some(PAGE));
}

#[test]
fn every_field_of_a_decision_can_be_read_by_a_page() {
    let config = listed("").replace(
        "match = \"GET /bound\"\nrequire = [\"token\", \"dpop\"]",
        "match = \"GET /bound\"\nrequire = [\"token\", \"dpop\"]\ndpop_nonce = \"required\"",
    );
    let mut world = World::with(&config);
    let gate = Gate::clone(&world.gate).with_nonce_secrets("0123456789abcdef0123456789abcdef").unwrap();
    world.gate = gate.into();
    let drafts = [
        Draft::new("GET", "/signed"),
        Draft::new("GET", "/bound"),
        Draft::new("GET", "/bound").dpop(&world.bound(), &world.holder),
        Draft::new("GET", "/limited"),
        Draft::new("GET", "/limited"),
        Draft::new("GET", "/limited"),
        Draft::new("GET", "/nowhere"),
    ];
    // Those that Fetch §2.2.2 shows anyway.
    let safe = ["content-type", "cache-control"];
    let mut seen = Vec::new();
    for draft in drafts {
        let decision = world.decide(&draft.field("origin", PAGE));
        let exposed = header(&decision, "Access-Control-Expose-Headers").unwrap().to_owned();
        for (name, _) in &decision.headers {
            let name = name.to_ascii_lowercase();
            let is_read = exposed.split(", ").any(|e| e == name) || safe.contains(&name.as_str());
            assert!(is_read || name == "vary" || name.starts_with("access-control-"), "{name}");
            seen.push(name);
        }
    }
    for name in
        ["www-authenticate", "accept-signature", "dpop-nonce", "retry-after", "ratelimit", "ratelimit-policy"]
    {
        assert!(seen.iter().any(|seen| seen == name), "{name} was tried");
    }
}

#[test]
fn metadata_can_be_read_by_every_page_with_any_field() {
    let config = listed("");
    let path = "/.well-known/oauth-protected-resource";
    let document = serve(&config, &Draft::new("GET", path)).unwrap();
    assert_eq!((document.status, field(&document, "Access-Control-Allow-Origin")), (200, Some("*")));
    let metadata: Value = serde_json::from_str(document.body.as_deref().unwrap()).unwrap();
    assert_eq!(metadata["resource"], API);
    let head = serve(&config, &Draft::new("HEAD", path)).unwrap();
    assert_eq!((head.headers, head.body), (document.headers.clone(), None));
    // Without [cors] too: it is public.
    assert_eq!(serve(CONFIG, &Draft::new("GET", path)), Some(document));

    let asked = preflight(path, "https://evil.example", "GET")
        .field("access-control-request-headers", "mcp-protocol-version");
    let served = serve(&config, &asked).unwrap();
    assert_eq!(served.status, 204);
    assert_eq!(field(&served, "Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(field(&served, "Access-Control-Allow-Headers"), Some("*"));
    assert_eq!(field(&served, "Access-Control-Allow-Credentials"), None);

    for draft in [
        preflight(path, PAGE, "POST"),
        preflight("/.well-known/oauth-protected-resource/nothing", PAGE, "GET"),
        Draft::new("POST", path),
        Draft::new("GET", "/.well-known/oauth-protected-resource/nothing"),
        Draft { url: format!("https://other.example{path}"), ..Draft::new("GET", path) },
    ] {
        assert_eq!(serve(&config, &draft), None, "{draft:?}");
    }
    assert_eq!(serve(CONFIG, &asked), None, "without [cors]");
}

/// The faults of a `[cors]`, and each has one.
#[track_caller]
fn refused(cors: &str, path: &str, advice: &str) {
    let faults = Gate::new(&Config::from_toml(&config(&format!("[cors]\n{cors}"))).unwrap()).unwrap_err();
    let found: Vec<_> = faults.iter().map(|fault| (fault.path.as_str(), fault.message.as_str())).collect();
    assert_eq!(found.len(), 1, "{cors}: {found:?}");
    assert_eq!(found[0].0, path, "{cors}: {found:?}");
    assert!(found[0].1.contains(advice), "{cors}: {found:?}");
}

#[test]
fn what_can_not_be_read_is_refused() {
    for (cors, path, about) in [
        ("origin = []", "cors.origin", "unknown field"),
        ("", "cors", "origins"),
        ("origins = \"*\"", "cors.origins", "expected"),
        ("origins = [\"*\"]\ncredentials = \"yes\"", "cors.credentials", "expected"),
    ] {
        let fault = Config::from_toml(&config(&format!("[cors]\n{cors}"))).unwrap_err();
        assert_eq!(fault.path, path);
        assert!(fault.message.contains(about), "{fault}");
    }
}

#[test]
fn origins_that_no_browser_sends_are_refused() {
    refused("origins = []", "cors.origins", "at least one");
    let mut many = String::from("origins = [");
    for i in 0..257 {
        write!(many, "\"https://a{i}.example\",").unwrap();
    }
    refused(&format!("{many}]"), "cors.origins", "at most 256");
    for (origin, advice) in [
        ("https://app.example/", "write https://app.example"),
        ("https://app.example/path", "write https://app.example"),
        ("https://app.example?q", "write https://app.example"),
        ("https://App.Example", "write https://app.example"),
        ("HTTPS://app.example", "write https://app.example"),
        ("https://app.example:443", "write https://app.example"),
        ("http://localhost:80", "write http://localhost"),
        ("http://app.example", "write https"),
        ("https://*.app.example", "write each origin"),
        ("null", "sandboxed"),
        ("app.example", "scheme://host"),
        ("https://", "scheme://host"),
        ("https://user@app.example", "scheme://host"),
        ("https://caf\u{e9}.example", "scheme://host"),
        ("https://app.example#f", "scheme://host"),
        ("", "scheme://host"),
        ("file://", "scheme://host"),
        ("Chrome-Extension://abc", "scheme://host"),
        ("chrome-extension://abc/", "scheme://host"),
        ("://abc", "scheme://host"),
    ] {
        refused(&format!("origins = [\"{origin}\"]"), "cors.origins[0]", advice);
    }
    refused("origins = [\"https://a.example\", \"*\"]", "cors.origins[1]", "write it alone");
    refused("origins = [\"https://a.example\", \"https://a.example\"]", "cors.origins[1]", "twice");
    refused("origins = [\"*\"]\ncredentials = true", "cors.credentials", "instead of \"*\"");
}

#[test]
fn origins_of_extensions_and_loopback_are_taken() {
    for origin in [
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "moz-extension://0b1c2d3e-0000-4000-8000-000000000000",
        "capacitor://localhost",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://xn--caf-dma.example:8443",
    ] {
        let config = config(&format!("[cors]\norigins = [\"{origin}\"]"));
        assert_eq!(serve(&config, &preflight("/signed", origin, "GET")).unwrap().status, 204, "{origin}");
    }
}

#[test]
fn names_that_would_never_work_are_refused() {
    let with = |more: &str| format!("origins = [\"{PAGE}\"]\n{more}");
    for (more, path, advice) in [
        ("methods = [\"patch\"]", "cors.methods[0]", "upper case"),
        ("methods = [\"GET\", \"\"]", "cors.methods[1]", "is not a method"),
        ("methods = [\"GET POST\"]", "cors.methods[0]", "is not a method"),
        ("methods = [\"*\"]", "cors.methods[0]", "is not a method"),
        ("methods = [\"TRACE\"]", "cors.methods[0]", "no page can use"),
        ("headers = [\"*\"]", "cors.headers[0]", "each by its name"),
        ("headers = [\"X-A\", \"X-B:\"]", "cors.headers[1]", "without a colon"),
        ("headers = [\"\"]", "cors.headers[0]", "without a colon"),
        ("headers = [\"Cookie\"]", "cors.headers[0]", "no page can set"),
        ("headers = [\"Origin\"]", "cors.headers[0]", "no page can set"),
        ("headers = [\"Sec-Purpose\"]", "cors.headers[0]", "no page can set"),
        ("headers = [\"proxy-authorization\"]", "cors.headers[0]", "no page can set"),
        ("headers = [\"Countersign-Agent\"]", "cors.headers[0]", "takes away"),
        ("expose = [\"*\"]", "cors.expose[0]", "each by its name"),
        ("expose = [\"X A\"]", "cors.expose[0]", "without a colon"),
        ("expose = [\"Set-Cookie\"]", "cors.expose[0]", "no page can read"),
        ("max_age = \"25h\"", "cors.max_age", "0s to 1d"),
    ] {
        refused(&with(more), path, advice);
    }
    let many = vec!["\"GET\""; 65].join(",");
    refused(&with(&format!("methods = [{many}]")), "cors.methods", "at most 64");
    let many = vec!["\"x-a\""; 65].join(",");
    refused(&with(&format!("headers = [{many}]")), "cors.headers", "at most 64");
    refused(&with(&format!("expose = [{many}]")), "cors.expose", "at most 64");
    let without = CONFIG.to_owned() + "[cors]\norigins = [\"*\"]\nmethods = [\"PUT\"]";
    let faults = Gate::new(&Config::from_toml(&without).unwrap()).unwrap_err();
    assert_eq!(
        faults[0].to_string(),
        "cors.methods[0]: is the method of no route; leave it out, or add the route"
    );
}

#[test]
fn the_age_of_a_preflight_is_what_is_configured() {
    for (age, seconds) in [("0s", "0"), ("24h", "86400"), ("1500ms", "1")] {
        let served =
            serve(&listed(&format!("max_age = \"{age}\"")), &preflight("/signed", PAGE, "GET")).unwrap();
        assert_eq!(field(&served, "Access-Control-Max-Age"), Some(seconds));
    }
}
