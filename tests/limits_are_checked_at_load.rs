//! A limit that cannot be kept, or would keep everyone out, is refused when the configuration is read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod gate_support;

use countersign::config::{Config, Gate};
use gate_support::CONFIG;

/// The paths of the faults of a configuration with these lines before its first route.
fn faults(lines: &str) -> Vec<String> {
    let text = CONFIG.replacen("[[routes]]", &format!("{lines}\n[[routes]]"), 1);
    match Config::from_toml(&text).map(|config| Gate::new(&config)) {
        Ok(Ok(_)) => Vec::new(),
        Ok(Err(faults)) => faults.into_iter().map(|fault| fault.path).collect(),
        Err(fault) => vec![format!("unreadable: {}", fault.path)],
    }
}

fn route(rest: &str) -> String {
    format!("[[routes]]\nmatch = \"GET /x\"\nrequire = [\"token\"]\n{rest}")
}

fn rate(limit: &str) -> Vec<String> {
    faults(&route(&format!("rate = [{{ {limit} }}]")))
}

#[test]
fn what_cannot_be_counted_is_refused_with_its_path() {
    let window = "window = \"1m\"";
    for (limit, path) in [
        (format!("per = \"agent\", limit = 0, {window}"), "routes[0].rate[0].limit"),
        (format!("per = \"agent\", limit = 1000001, {window}"), "routes[0].rate[0].limit"),
        (format!("per = \"agent\", limit = 1, burst = 0, {window}"), "routes[0].rate[0].burst"),
        ("per = \"agent\", limit = 1, window = \"500ms\"".into(), "routes[0].rate[0].window"),
        ("per = \"agent\", limit = 1, window = \"2d\"".into(), "routes[0].rate[0].window"),
        (
            format!("per = \"agent\", limit = 9, store = \"kv\", lease = true, {window}"),
            "routes[0].rate[0].lease",
        ),
        (format!("per = \"agent\", limit = 9, store = \"binding\", {window}"), "routes[0].rate[0].per"),
        (
            format!("per = [\"address\", \"key\"], limit = 9, store = \"binding\", {window}"),
            "routes[0].rate[0].per",
        ),
        (
            "per = \"address\", limit = 9, store = \"binding\", window = \"1h\"".into(),
            "routes[0].rate[0].window",
        ),
        (
            format!("per = \"address\", limit = 9, burst = 3, store = \"binding\", {window}"),
            "routes[0].rate[0].burst",
        ),
        (
            format!("per = \"route\", limit = 9, class = \"agent\", store = \"binding\", {window}"),
            "routes[0].rate[0].class",
        ),
        (format!("per = \"nobody\", limit = 1, {window}"), "unreadable: routes[0].rate[0].per"),
        (format!("per = [], limit = 1, {window}"), "unreadable: routes[0].rate[0].per"),
        (
            format!("per = \"agent\", limit = 1, class = \"robots\", {window}"),
            "unreadable: routes[0].rate[0].class",
        ),
        (
            format!("per = \"agent\", limit = 1, store = \"redis\", {window}"),
            "unreadable: routes[0].rate[0].store",
        ),
    ] {
        assert_eq!(rate(&limit), [path], "{limit}");
    }
}

#[test]
fn a_weight_that_nothing_could_bear_is_refused() {
    let limit = "rate = [{ per = \"agent\", limit = 60, burst = 10, window = \"1m\" }]";
    assert_eq!(faults(&route(&format!("{limit}\ncost = 10"))), [""; 0]);
    for cost in [0, 11, 10_001] {
        let faults = faults(&route(&format!("{limit}\ncost = {cost}")));
        assert!(
            faults.iter().all(|path| path == "routes[0].cost") && !faults.is_empty(),
            "{cost}: {faults:?}"
        );
    }
    assert_eq!(faults(&route("cost = 2")), ["routes[0].cost"]);
    let flood = "rate = [{ per = \"address\", limit = 60, window = \"60s\", store = \"binding\" }]\ncost = 2";
    assert_eq!(faults(&route(flood)), ["routes[0].cost"]);
}

#[test]
fn a_class_that_nobody_can_prove_to_be_of_is_refused() {
    let limit = |class: &str| {
        format!("rate = [{{ per = \"route\", limit = 60, window = \"1m\", class = \"{class}\" }}]")
    };
    let open = |class: &str| format!("[[routes]]\nmatch = \"GET /x\"\nrequire = []\n{}", limit(class));
    assert_eq!(faults(&open("agent")), ["routes[0].require"]);
    assert_eq!(faults(&open("people")), ["routes[0].require"]);
    assert_eq!(faults(&open("any")), [""; 0]);
    assert_eq!(faults(&route(&limit("people"))), [""; 0]);
}

#[test]
fn a_store_that_anybody_could_fill_is_refused_where_nobody_is_proven() {
    let open = |limit: &str| {
        let rate = format!("rate = [{{ limit = 60, window = \"1m\", {limit} }}]");
        faults(&format!("[[routes]]\nmatch = \"GET /x\"\nrequire = []\n{rate}"))
    };
    for refused in [
        "per = \"address\", store = \"durable-object\"",
        "per = \"address\", store = \"kv\"",
        "per = [\"address\", \"route\"], store = \"kv\"",
        "per = \"agent\", store = \"durable-object\"",
        "per = \"route\", store = \"durable-object\", lease = false",
        "per = \"route\", store = \"durable-object\", burst = 4",
    ] {
        assert_eq!(open(refused), ["routes[0].rate"], "{refused}");
    }
    for accepted in [
        "per = \"address\"",
        "per = \"route\", store = \"durable-object\"",
        "per = \"route\", store = \"kv\"",
    ] {
        assert_eq!(open(accepted), [""; 0], "{accepted}");
    }
    let shared =
        "[[limits]]\nname = \"hour\"\nper = \"address\"\nlimit = 9\nwindow = \"1h\"\nstore = \"kv\"\n";
    let using = "[[routes]]\nmatch = \"GET /x\"\nrequire = []\nlimits = [\"hour\"]";
    assert_eq!(faults(&format!("{shared}{using}")), ["routes[0].limits"]);
}

#[test]
fn the_same_count_twice_is_refused() {
    let limit = "{ per = [\"agent\", \"route\"], limit = 60, window = \"1m\" }";
    let other = "{ per = [\"route\", \"agent\"], limit = 50, window = \"60s\" }";
    assert_eq!(faults(&route(&format!("rate = [{limit}, {other}]"))), ["routes[0].rate[1]"]);
    let of_class = other.replace("limit", "class = \"agent\", limit");
    assert_eq!(faults(&route(&format!("rate = [{limit}, {of_class}]"))), [""; 0]);
}

#[test]
fn a_shared_limit_has_a_name_of_its_own_and_is_of_a_route() {
    let shared =
        |name: &str| format!("[[limits]]\nname = \"{name}\"\nper = \"agent\"\nlimit = 9\nwindow = \"1h\"\n");
    let using = |names: &str| route(&format!("limits = [{names}]"));
    assert_eq!(faults(&format!("{}{}", shared("hour"), using("\"hour\""))), [""; 0]);
    assert_eq!(faults(&using("\"hour\"")), ["routes[0].limits[0]"]);
    assert_eq!(faults(&shared("hour")), ["limits[0]"]);
    assert_eq!(
        faults(&format!("{}{}", shared("hour"), using("\"hour\", \"hour\""))),
        ["routes[0].limits[1]"]
    );
    let twice = format!("{}{}{}", shared("hour"), shared("hour"), using("\"hour\""));
    assert_eq!(faults(&twice), ["limits[1].name"]);
    for name in ["", "an hour", "stündlich", &"x".repeat(33)] {
        assert_eq!(
            faults(&format!("{}{}", shared(name), using(&format!("\"{name}\"")))),
            ["limits[0].name"],
            "{name}"
        );
    }
    let bad = shared("hour").replace("limit = 9", "limit = 0");
    assert!(faults(&format!("{bad}{}", using("\"hour\""))).contains(&"limits[0].limit".to_owned()));
    let many: Vec<_> = (0..9).map(|i| format!("\"l{i}\"")).collect();
    let all: String = (0..9).map(|i| shared(&format!("l{i}"))).collect();
    assert_eq!(faults(&format!("{all}{}", using(&many.join(", ")))), ["routes[0].limits"]);
}
