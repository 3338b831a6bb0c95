//! Web Bot Auth: a claim is read from each wire form, and everything short of the profile is refused by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::request::RequestView;
use countersign::signature::profiles::web_bot_auth::{AgentForm, KeySourceUrl};
use countersign::signature::profiles::{self, Claim, KeyPlace, Rules};
use countersign::signature::{
    PUBLISHED_TEST_KEYS, Param, SignatureError as E, is_published_test_key, present,
};
use countersign::time::UnixSeconds;
use signature_support::*;
use std::time::Duration;

const NOW: i64 = 1_735_689_700;
const GOOD: &str = r#";created=1735689600;expires=1735693200;keyid="poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U";tag="web-bot-auth""#;
const WELL_KNOWN: &str = "/.well-known/http-message-signatures-directory";

fn view(agent: Option<&str>, label: &str, input: &str) -> RequestView {
    let (input, signature) = (format!("{label}={input}"), format!("{label}=:AA==:"));
    let mut fields = vec![("Signature-Input", input.as_str()), ("Signature", &signature)];
    fields.extend(agent.map(|agent| ("Signature-Agent", agent)));
    request("GET", "https://shop.example/cart", &fields)
}

fn claim_of(view: &RequestView, rules: &Rules) -> Result<Claim, E> {
    rules.claim(&only(view), view.fields(), UnixSeconds(NOW))
}

fn rules() -> Rules {
    profiles::rules("web-bot-auth").unwrap()
}

/// The form and the URL that a claim names.
fn place(claim: &Claim) -> (AgentForm, &KeySourceUrl) {
    let KeyPlace::Directory { form, url } = &claim.place else { panic!("no directory") };
    (*form, url)
}

/// The claim of a request whose signature `s` covers `@authority` and `covered`.
fn agent(value: &str, covered: &str) -> Result<Claim, E> {
    claim_of(&view(Some(value), "s", &format!("(\"@authority\" {covered}){GOOD}")), &rules())
}

/// The claim of a request that is good but for its parameters.
fn params(params: &str) -> Result<Claim, E> {
    let input = format!("(\"@authority\" \"signature-agent\"){params}");
    claim_of(&view(Some("\"https://chatgpt.com\""), "s", &input), &rules())
}

fn source(claim: Result<Claim, E>) -> (AgentForm, String) {
    let claim = claim.unwrap();
    let (form, url) = place(&claim);
    (form, url.as_str().into())
}

const WHOLE: &str = "\"signature-agent\"";
const OWN: &str = "\"signature-agent\";key=\"s\"";

#[test]
fn a_legacy_string_names_an_origin_with_a_directory() {
    let input = format!("(\"@authority\" \"@method\" \"@path\" \"signature-agent\"){GOOD};nonce=\"n\"");
    let claim = claim_of(&view(Some("\"https://chatgpt.com\""), "sig1", &input), &rules()).unwrap();
    let (form, url) = place(&claim);
    assert_eq!(form, AgentForm::LegacyString);
    assert_eq!(url.as_str(), format!("https://chatgpt.com{WELL_KNOWN}"));
    assert_eq!(claim.identity(), Some(url.as_str()));
    assert_eq!(url.origin(), "https://chatgpt.com");
    assert_eq!(claim.keyid.as_deref(), Some(ED25519_KEYID));
    assert_eq!((claim.created, claim.until), (UnixSeconds(1_735_689_600), UnixSeconds(1_735_693_200)));
    assert_eq!(claim.nonce.as_deref(), Some("n"));
}

#[test]
fn a_member_that_is_a_bare_origin_has_a_directory() {
    let expected = (AgentForm::DictionaryOrigin, format!("https://agent.bot.goog{WELL_KNOWN}"));
    for value in [
        "s=\"https://agent.bot.goog\"",
        "s=\"https://agent.bot.goog/\"",
        "s=\"HTTPS://Agent.Bot.Goog:443\"",
        "s=\"https://agent.bot.goog\";type=directory",
        "other=\"https://b.example\", s=\"https://agent.bot.goog\"",
    ] {
        assert_eq!(source(agent(value, OWN)), expected, "{value}");
    }
}

#[test]
fn a_member_with_a_path_or_of_type_jwks_uri_is_the_key_set_itself() {
    for (value, url, identity) in [
        ("s=\"https://x.example/jwks.json\"", "https://x.example/jwks.json", "https://x.example/jwks.json"),
        (
            "s=\"https://x.example/jwks.json\";type=jwks_uri",
            "https://x.example/jwks.json",
            "https://x.example/jwks.json",
        ),
        ("s=\"https://x.example/%6awks?v=2\"", "https://x.example/jwks?v=2", "https://x.example/jwks"),
        ("s=\"https://x.example\";type=jwks_uri", "https://x.example/", "https://x.example/"),
    ] {
        let claim = agent(value, OWN).unwrap();
        assert_eq!(
            (place(&claim).0, place(&claim).1.as_str(), claim.identity()),
            (AgentForm::DirectUrl, url, Some(identity))
        );
    }
}

#[test]
fn a_whole_dictionary_counts_where_one_member_only_is_usable() {
    let expected = (AgentForm::DictionaryOrigin, format!("https://a.example{WELL_KNOWN}"));
    assert_eq!(source(agent("g=\"https://a.example\"", WHOLE)), expected);
    assert_eq!(
        source(agent("x=\"https://b.example/c\";type=cimd, g=\"https://a.example\"", WHOLE)),
        expected
    );
    let two = "s=\"https://a.example\", t=\"https://b.example\"";
    assert_eq!(agent(two, WHOLE), Err(E::AgentAmbiguous));
}

#[test]
fn the_only_covered_member_counts_under_any_label() {
    let expected = (AgentForm::DictionaryOrigin, format!("https://a.example{WELL_KNOWN}"));
    let value = "agent2=\"https://a.example\", s=\"https://b.example\"";
    assert_eq!(source(agent(value, "\"signature-agent\";key=\"agent2\"")), expected);
}

#[test]
fn of_several_covered_members_the_one_of_the_label_counts() {
    let value = "a=\"https://a.example\", b=\"https://b.example\", s=\"https://s.example\"";
    let expected = (AgentForm::DictionaryOrigin, format!("https://s.example{WELL_KNOWN}"));
    assert_eq!(source(agent(value, &format!("\"signature-agent\";key=\"a\" {OWN}"))), expected);
    let others = "\"signature-agent\";key=\"a\" \"signature-agent\";key=\"b\"";
    assert_eq!(agent(value, others), Err(E::AgentAmbiguous));
}

#[test]
fn signatures_are_chosen_by_tag_and_never_by_label() {
    let input =
        format!("web-bot-auth=(\"@method\");tag=\"other\", x=(\"@authority\" \"signature-agent\"){GOOD}");
    let view = request(
        "GET",
        "https://shop.example/",
        &[
            ("Signature-Input", &input),
            ("Signature", "web-bot-auth=:AA==:, x=:AA==:"),
            ("Signature-Agent", "\"https://chatgpt.com\""),
        ],
    );
    let presented = present(view.fields()).unwrap();
    let rules = rules();
    let chosen: Vec<_> = presented.iter().filter(|signature| rules.selects(signature)).collect();
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0].label(), "x");
    assert!(rules.claim(chosen[0], view.fields(), UnixSeconds(NOW)).is_ok());
    assert_eq!(rules.claim(&presented[0], view.fields(), UnixSeconds(NOW)), Err(E::TagMismatch));
}

#[test]
fn another_tag_is_refused() {
    assert_eq!(params(&GOOD.replace("web-bot-auth", "Web-Bot-Auth")), Err(E::TagMismatch));
    assert_eq!(params(";created=1735689600;expires=1735693200"), Err(E::TagMismatch));
}

#[test]
fn a_symmetric_algorithm_is_refused() {
    assert_eq!(params(&format!("{GOOD};alg=\"hmac-sha256\"")), Err(E::AlgorithmSymmetric));
    assert!(params(&format!("{GOOD};alg=\"ed25519\"")).is_ok());
}

#[test]
fn the_target_must_be_covered() {
    let covering = |components: &str| {
        let input = format!("({components} \"signature-agent\"){GOOD}");
        claim_of(&view(Some("\"https://chatgpt.com\""), "s", &input), &rules())
    };
    assert_eq!(covering("\"@method\" \"@path\" \"host\""), Err(E::ComponentNotCovered));
    assert_eq!(covering("\"@authority\";req"), Err(E::ComponentNotCovered));
    assert!(covering("\"@target-uri\"").is_ok());
}

#[test]
fn created_must_be_there_and_not_ahead() {
    assert_eq!(params(&GOOD.replace(";created=1735689600", "")), Err(E::ParamMissing(Param::Created)));
    let created = |at: i64| params(&GOOD.replace("created=1735689600", &format!("created={at}")));
    assert!(created(NOW + 30).is_ok());
    assert_eq!(created(NOW + 31), Err(E::CreatedInFuture));
}

#[test]
fn expires_must_be_there_and_ahead() {
    assert_eq!(params(&GOOD.replace(";expires=1735693200", "")), Err(E::ParamMissing(Param::Expires)));
    let expires = |at: i64| params(&GOOD.replace("expires=1735693200", &format!("expires={at}")));
    assert!(expires(NOW + 1).is_ok());
    assert_eq!(expires(NOW), Err(E::Expired));
    assert_eq!(expires(1_735_689_601), Err(E::Expired));
    assert_eq!(expires(1_735_689_600), Err(E::ExpiresBeforeCreated));
    assert_eq!(expires(-1), Err(E::ExpiresBeforeCreated));
}

#[test]
fn a_window_of_more_than_a_day_is_refused() {
    let lasting =
        |secs: i64| params(&GOOD.replace("expires=1735693200", &format!("expires={}", 1_735_689_600 + secs)));
    assert!(lasting(86_400).is_ok());
    assert_eq!(lasting(86_401), Err(E::WindowTooLong));
    let mut short = rules();
    short.max_window = Duration::from_mins(1);
    let input = format!("(\"@authority\" \"signature-agent\"){GOOD}");
    assert_eq!(claim_of(&view(Some("\"https://a.example\""), "s", &input), &short), Err(E::WindowTooLong));
}

#[test]
fn keyid_must_be_a_thumbprint() {
    assert_eq!(
        params(&GOOD.replace(&format!(";keyid=\"{ED25519_KEYID}\""), "")),
        Err(E::ParamMissing(Param::KeyId))
    );
    for keyid in [
        "test-key-ed25519",
        "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0",
        "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U=",
        "poqkLGiymh/W0uP6PZFw+dvez3QJT5SolqXBCW38r0U",
        // The same bytes but for bits that decode to nothing.
        "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0V",
    ] {
        assert_eq!(params(&GOOD.replace(ED25519_KEYID, keyid)), Err(E::KeyIdMalformed), "{keyid}");
    }
}

#[test]
fn a_nonce_is_required_where_the_rules_say_so() {
    let mut strict = rules();
    strict.parameters.push(Param::Nonce);
    let with = |more: &str| {
        let input = format!("(\"@authority\" \"signature-agent\"){GOOD}{more}");
        claim_of(&view(Some("\"https://a.example\""), "s", &input), &strict)
    };
    assert_eq!(with(""), Err(E::ParamMissing(Param::Nonce)));
    assert_eq!(with(";nonce=\"\""), Err(E::ParamMissing(Param::Nonce)));
    assert!(with(";nonce=\"n\"").is_ok());
}

#[test]
fn a_request_without_an_agent_is_refused() {
    let input = format!("(\"@authority\"){GOOD}");
    assert_eq!(claim_of(&view(None, "s", &input), &rules()), Err(E::AgentMissing));
    assert_eq!(agent("", WHOLE), Err(E::AgentMissing));
}

#[test]
fn an_agent_that_is_not_covered_is_refused() {
    let input = format!("(\"@authority\"){GOOD}");
    for value in ["\"https://a.example\"", "s=\"https://a.example\""] {
        assert_eq!(claim_of(&view(Some(value), "s", &input), &rules()), Err(E::AgentNotCovered));
    }
    // A String has no members to cover.
    assert_eq!(agent("\"https://a.example\"", OWN), Err(E::AgentNotCovered));
    assert_eq!(agent("s=\"https://a.example\"", "\"signature-agent\";req"), Err(E::AgentNotCovered));
}

#[test]
fn a_covered_member_that_is_absent_is_refused() {
    assert_eq!(agent("t=\"https://a.example\"", OWN), Err(E::AgentMemberMissing));
}

#[test]
fn an_agent_twice_is_refused() {
    assert_eq!(agent("s=\"https://a.example\", s=\"https://b.example\"", OWN), Err(E::AgentDuplicate));
    let input = format!("s=(\"@authority\" {OWN}){GOOD}");
    let across_lines = request(
        "GET",
        "https://shop.example/",
        &[
            ("Signature-Agent", "s=\"https://a.example\""),
            ("Signature-Agent", "s=\"https://b.example\""),
            ("Signature-Input", &input),
            ("Signature", "s=:AA==:"),
        ],
    );
    assert_eq!(claim_of(&across_lines, &rules()), Err(E::AgentDuplicate));
}

#[test]
fn what_is_neither_a_string_nor_a_dictionary_of_strings_is_refused() {
    for value in
        ["\"https://a.example", "\"https://a.example\", \"https://b.example\"", "https://a.example", "?1"]
    {
        assert_eq!(agent(value, WHOLE), Err(E::AgentMalformed), "{value}");
    }
    for value in ["s", "s=1", "s=token", "s=(\"https://a.example\")"] {
        assert_eq!(agent(value, OWN), Err(E::AgentMalformed), "{value}");
    }
}

#[test]
fn types_that_are_not_supported_and_unknown_parameters_are_refused() {
    for parameters in [";type=cimd", ";type=new", ";type=\"directory\"", ";type", ";x=1", ";type=directory;x"]
    {
        let value = format!("s=\"https://a.example\"{parameters}");
        assert_eq!(agent(&value, OWN), Err(E::AgentTypeUnsupported), "{value}");
        assert_eq!(agent(&value, WHOLE), Err(E::AgentTypeUnsupported), "{value}");
    }
    assert_eq!(agent("\"https://a.example\";type=jwks_uri", WHOLE), Err(E::AgentTypeUnsupported));
}

#[test]
fn where_an_origin_is_meant_a_path_is_refused() {
    assert_eq!(agent("\"https://a.example/jwks.json\"", WHOLE), Err(E::AgentNotOrigin));
    assert_eq!(agent("\"https://a.example?x\"", WHOLE), Err(E::AgentNotOrigin));
    assert_eq!(agent("s=\"https://a.example/x\";type=directory", OWN), Err(E::AgentNotOrigin));
}

#[test]
fn urls_that_must_not_be_fetched_are_refused() {
    for (url, error) in [
        ("http://a.example", E::AgentUrlScheme),
        ("ftp://a.example", E::AgentUrlScheme),
        ("a.example", E::AgentUrlMalformed),
        ("data:application/json,{}", E::AgentUrlMalformed),
        ("https://u:p@a.example", E::AgentUrlUserInfo),
        ("https://a.example/x#f", E::AgentUrlFragment),
        ("https://127.0.0.1/x", E::AgentUrlAddress),
        ("https://169.254.169.254/latest", E::AgentUrlAddress),
        ("http://127.0.0.1/x", E::AgentUrlAddress),
        ("https://0x7f000001/x", E::AgentUrlMalformed),
    ] {
        assert_eq!(agent(&format!("s=\"{url}\""), OWN), Err(error), "{url}");
    }
    let long = format!("s=\"https://a.example/{}\"", "x".repeat(2048));
    assert_eq!(agent(&long, OWN), Err(E::AgentUrlMalformed));
}

#[test]
fn loopback_is_for_tests_that_ask_for_it() {
    let mut lax = rules();
    lax.allow_loopback_http = true;
    for host in ["127.0.0.1:8080", "localhost:9", "[::1]"] {
        let value = format!("s=\"http://{host}\"");
        let view = view(Some(&value), "s", &format!("(\"@authority\" {OWN}){GOOD}"));
        assert_eq!(place(&claim_of(&view, &lax).unwrap()).1.origin(), format!("http://{host}"));
        assert_eq!(claim_of(&view, &rules()), Err(E::AgentUrlAddress));
    }
}

#[test]
fn equivalent_urls_are_one_identity_and_distinct_keys_two_pairs() {
    let identity = |url: &str| agent(&format!("s=\"{url}\""), OWN).unwrap().identity().unwrap().to_string();
    assert_eq!(identity("https://A.example:443/%7ea/../k?x=1"), identity("https://a.example/k"));
    assert_ne!(identity("https://a.example/k"), identity("https://a.example/K"));
    assert_ne!(identity("https://a.example/k"), identity("https://a.example:8443/k"));
}

#[test]
fn the_published_keys_are_known() {
    assert_eq!(PUBLISHED_TEST_KEYS.len(), 4);
    assert!(is_published_test_key(ED25519_KEYID));
    assert!(!is_published_test_key("NFcWBst6DXG-N35nHdzMrioWntdzNZghQSkjHNMMSjw"));
}
