//! What requests spend, through the gate: which budgets, how much, what refuses, and what is left when they end; what a
//! configuration may say about it, and what administrators can see and settle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod gate_support;

use std::cell::Cell;

use countersign::config::{Config, Gate};
use countersign::decision::{BudgetGuarantee, CheckResult, Decision, Outcome};
use countersign::engine::{Answer, Conclusion, Session, Step};
use countersign::reason::Reason;
use countersign::registry::admin::Request;
use countersign::registry::copy::published;
use countersign::registry::{Actor, RegistryErrorKind};
use countersign::state::budget::OriginAnswer;
use countersign::state::budget::admin::{Command, is_asked_at};
use countersign::state::subject::{Reply, SubjectCall};
use countersign::time::UnixMillis;
use gate_support::{Draft, ISSUER, NOW, World, header};
use serde_json::{Value, json};

const BUDGETS: &str = r#"
origin = "http://127.0.0.1:9000"
public_origins = ["https://api.example"]

[admin]
issuer = "https://auth.example"
dpop = true

[[issuers]]
issuer = "https://auth.example"
jwks_uri = "https://auth.example/jwks.json"
audience = ["https://api.example"]
algorithms = ["EdDSA"]

[[authorization_details]]
type = "payment"
amount = "limit.amount"
currency = "limit.currency"

[[budgets]]
name = "agent-daily"
per = "agent"
amount = 100
currency = "EUR"
period = "day"

[[budgets]]
name = "user-total"
per = "principal"
amount = 150
currency = "EUR"
period = "total"

[[budgets]]
name = "user-daily"
per = "principal"
amount = 500
currency = "EUR"
period = "day"

[[budgets]]
name = "org-monthly"
per = ["organisation"]
amount = 300
currency = "EUR"
period = "month"
zone = "Europe/Berlin"

[[budgets]]
name = "dollars"
per = "principal"
amount = 100
currency = "USD"
period = "day"

[[routes]]
match = "POST /pay"
require = ["token"]
replay = "none"
amount = { field = "x-amount", currency_field = "x-currency" }
budget = ["agent-daily", "user-total", "user-daily", "org-monthly"]

[[routes]]
match = "POST /keyed"
require = ["token"]
replay = "none"
amount = { body = "/amount", currency = "EUR" }
budget = ["user-daily"]
idempotency_key = "Idempotency-Key"

[[routes]]
match = "POST /granted"
require = ["token"]
details = { type = "payment" }
budget = ["user-daily"]

[[routes]]
match = "POST /lenient"
require = ["token"]
amount = { field = "x-amount", currency = "EUR" }
budget = ["agent-daily", "org-monthly"]
on_unavailable = { budget = "allow" }

[[routes]]
match = "POST /watched"
require = ["token"]
amount = { body = "/amount", currency = "EUR" }
budget = ["user-daily"]
shadow = true
"#;

/// A host whose clock goes on with each request, as decisions have their identifiers from it.
struct Shop {
    world: World,
    asked: Cell<u64>,
}

impl Shop {
    fn new() -> Self {
        Self { world: World::with(BUDGETS), asked: Cell::new(0) }
    }

    fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        self.world.token(|claims| {
            claims["org_id"] = "acme".into();
            change(claims);
        })
    }

    fn ask(&mut self, draft: &Draft) -> Conclusion {
        self.asked.set(self.asked.get() + 1);
        self.world.now = UnixMillis(u64::try_from(NOW).unwrap() * 1000 + self.asked.get());
        let conclusion = self.world.conclude(draft);
        self.tell(&conclusion.after);
        conclusion
    }

    fn tell(&self, calls: &[SubjectCall]) {
        let mut subjects = self.world.subjects.borrow_mut();
        for call in calls {
            subjects.as_mut().and_then(|all| all.answer(call.subject, &call.call, self.world.now));
        }
    }

    fn pay(&mut self, amount: u64) -> Conclusion {
        let draft = Draft::new("POST", "/pay").bearer(&self.token(|_| {}));
        self.ask(&draft.field("x-amount", &amount.to_string()).field("x-currency", "EUR"))
    }

    fn settle(&self, conclusion: &Conclusion, answer: &OriginAnswer<'_>) {
        self.tell(&conclusion.reservations.as_ref().unwrap().settle(answer));
    }

    /// What an administrator is answered.
    fn administer(&self, method: &str, path: &str, body: &Value) -> Result<Value, RegistryErrorKind> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request {
            method,
            path: &format!("/.well-known/countersign/admin{path}"),
            query: None,
            if_match: None,
            body: text.as_bytes(),
            actor: Actor { iss: ISSUER.into(), sub: None, client_id: None },
            allow_loopback: false,
        };
        let command = Command::parse(&request, &self.world.gate, "decision", self.world.now);
        let command = command.map_err(|error| error.kind)?;
        let mut subjects = self.world.subjects.borrow_mut();
        let reply: Option<Reply> = command.call().and_then(|call| {
            subjects.as_mut().and_then(|all| all.answer(call.subject, &call.call, self.world.now))
        });
        let answered = command.answer(&self.world.gate, reply.as_ref(), "decision", self.world.now);
        answered.map(|(answer, _)| answer.body).map_err(|error| error.kind)
    }

    fn account(&self, budget: &str) -> Value {
        let person = json!({ "iss": ISSUER, "id": "person-1" });
        let subject = match budget {
            "agent-daily" => json!({ "agent": format!("{ISSUER} client shopper") }),
            "org-monthly" => json!({ "organisation": { "iss": ISSUER, "id": "acme" } }),
            _ => json!({ "principal": person }),
        };
        self.administer("POST", &format!("/budgets/{budget}/account"), &json!({ "subject": subject }))
            .unwrap()
    }

    /// Committed, reserved, held.
    fn counts(&self, budget: &str) -> (u64, u64, u64) {
        let account = self.account(budget);
        let count = |name: &str| account[name].as_u64().unwrap();
        (count("committed"), count("reserved"), count("held"))
    }
}

const ALL: [&str; 4] = ["agent-daily", "user-total", "user-daily", "org-monthly"];

fn of_status(status: u16) -> OriginAnswer<'static> {
    OriginAnswer::Response { status, field: None }
}

fn refused(decision: &Decision, reason: Reason) {
    assert_eq!(decision.reason, Some(reason), "{}", decision.to_json());
    assert_eq!(decision.status, reason.status());
    assert!(decision.budget.is_empty());
    assert!(decision.evidence.iter().any(|e| e.check == "budget" && e.code == reason.code()));
}

#[test]
fn a_budget_that_has_not_enough_refuses_until_its_period_ends() {
    let mut shop = Shop::new();
    let first = shop.pay(60);
    shop.settle(&first, &of_status(200));
    let conclusion = shop.pay(41);
    refused(&conclusion.decision, Reason::BudgetExceeded);
    assert_eq!(conclusion.decision.outcome, Outcome::Throttle);
    // 2026-09-21T14:13:20Z: the rest of the day.
    assert_eq!(header(&conclusion.decision, "Retry-After"), Some("35200"));
    assert!(conclusion.reservations.is_none());
    let failed = conclusion.decision.evidence.iter().find(|e| e.result == CheckResult::Fail).unwrap();
    assert_eq!(failed.detail.as_deref(), Some("agent-daily"));
    let decision = shop.pay(40).decision;
    assert_eq!(decision.outcome, Outcome::Allow, "{}", decision.to_json());
}

#[test]
fn a_budget_that_never_will_have_enough_says_so() {
    let mut shop = Shop::new();
    let conclusion = shop.pay(101);
    refused(&conclusion.decision, Reason::BudgetExhausted);
    assert_eq!(header(&conclusion.decision, "Retry-After"), None);
}

#[test]
fn an_outer_budget_that_refuses_leaves_nothing_behind_inside() {
    let mut shop = Shop::new();
    for agent in ["one", "two"] {
        let token = shop.token(|claims| claims["client_id"] = agent.into());
        let draft = Draft::new("POST", "/pay").bearer(&token);
        let paid = shop.ask(&draft.field("x-amount", "70").field("x-currency", "EUR"));
        assert!(paid.decision.is_allowed(), "{}", paid.decision.to_json());
        shop.settle(&paid, &of_status(200));
    }
    // The agent has 100, the user 10 of 150.
    let conclusion = shop.pay(20);
    refused(&conclusion.decision, Reason::BudgetExhausted);
    assert_eq!(conclusion.after.len(), 1);
    assert_eq!(shop.counts("agent-daily"), (0, 0, 0));
    // Of one subject's budgets both were asked at once, and the other took nothing.
    assert_eq!(shop.counts("user-daily"), (140, 0, 0));
    assert_eq!(shop.counts("org-monthly"), (140, 0, 0));
}

#[test]
fn an_allowed_request_says_what_it_has_reserved() {
    let mut shop = Shop::new();
    let conclusion = shop.pay(30);
    let decision = &conclusion.decision;
    assert_eq!(decision.guarantees.budget, Some(BudgetGuarantee::Exact));
    let said: Vec<_> = decision
        .budget
        .iter()
        .map(|b| (b.name.as_str(), b.reserved, b.remaining, b.currency.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("agent-daily", 30, 70, "EUR"),
            ("user-total", 30, 120, "EUR"),
            ("user-daily", 30, 470, "EUR"),
            ("org-monthly", 30, 270, "EUR")
        ]
    );
    // Three subjects, three calls: both budgets of the user are asked at once.
    assert_eq!(*shop.world.state_calls.borrow(), 3);
    for budget in ALL {
        assert_eq!(shop.counts(budget), (0, 30, 0), "{budget}");
    }
    shop.settle(&conclusion, &of_status(200));
    for budget in ALL {
        assert_eq!(shop.counts(budget), (30, 0, 0), "{budget}");
    }
}

#[test]
fn what_the_origin_answers_settles() {
    for (answer, counts) in [
        (of_status(201), (30, 0, 0)),
        (of_status(302), (30, 0, 0)),
        (of_status(402), (0, 0, 0)),
        (of_status(500), (0, 0, 30)),
        (OriginAnswer::Lost, (0, 0, 30)),
        (OriginAnswer::NotSent, (0, 0, 0)),
        (OriginAnswer::Response { status: 200, field: Some("commit=12") }, (12, 0, 0)),
        (OriginAnswer::Response { status: 200, field: Some("commit=9999") }, (30, 0, 0)),
        (OriginAnswer::Response { status: 200, field: Some("release") }, (0, 0, 0)),
        (OriginAnswer::Response { status: 200, field: Some("nonsense") }, (0, 0, 30)),
    ] {
        let mut shop = Shop::new();
        let conclusion = shop.pay(30);
        shop.settle(&conclusion, &answer);
        for budget in ALL {
            assert_eq!(shop.counts(budget), counts, "{budget} {answer:?}");
        }
    }
}

#[test]
fn an_amount_in_another_currency_is_refused() {
    let mut shop = Shop::new();
    let draft = Draft::new("POST", "/pay").bearer(&shop.token(|_| {}));
    let conclusion = shop.ask(&draft.field("x-amount", "1").field("x-currency", "USD"));
    refused(&conclusion.decision, Reason::BudgetCurrencyMismatch);
}

#[test]
fn a_request_without_the_subject_of_a_budget_is_refused() {
    for claim in ["sub", "org_id"] {
        let mut shop = Shop::new();
        let token = shop.token(|claims| {
            claims.as_object_mut().unwrap().remove(claim);
        });
        let draft = Draft::new("POST", "/pay").bearer(&token);
        let conclusion = shop.ask(&draft.field("x-amount", "1").field("x-currency", "EUR"));
        if claim == "org_id" {
            refused(&conclusion.decision, Reason::BudgetSubjectMissing);
        } else {
            assert!(!conclusion.decision.is_allowed());
        }
    }
}

#[test]
fn the_amount_may_be_what_the_token_permits_where_it_permits_one() {
    let entry = |amount: u64| json!({ "type": "payment", "limit": { "amount": amount, "currency": "EUR" } });
    for (entries, allowed) in [(vec![entry(40)], true), (vec![entry(40), entry(50)], false)] {
        let mut shop = Shop::new();
        let token = shop.token(|claims| claims["authorization_details"] = entries.into());
        let conclusion = shop.ask(&Draft::new("POST", "/granted").bearer(&token));
        if allowed {
            assert!(conclusion.decision.is_allowed(), "{}", conclusion.decision.to_json());
            assert_eq!(shop.counts("user-daily"), (0, 40, 0));
        } else {
            refused(&conclusion.decision, Reason::BudgetAmountMissing);
        }
    }
}

fn keyed(shop: &Shop, key: &str, body: &str) -> Draft {
    let draft = Draft::new("POST", "/keyed").bearer(&shop.token(|_| {}));
    draft.field("content-type", "application/json").field("idempotency-key", key).body(body)
}

#[test]
fn a_request_that_comes_again_is_charged_once_and_another_is_refused() {
    let mut shop = Shop::new();
    let body = r#"{"amount":50,"item":"a"}"#;
    let first = shop.ask(&keyed(&shop, "k1", body));
    assert!(first.decision.is_allowed(), "{}", first.decision.to_json());
    // At the same amount, and yet something else is bought.
    let other = shop.ask(&keyed(&shop, "k1", r#"{"amount":50,"item":"b"}"#));
    refused(&other.decision, Reason::BudgetRequestConflict);
    let again = shop.ask(&keyed(&shop, "k1", body));
    assert!(again.decision.is_allowed());
    shop.settle(&first, &of_status(200));
    shop.settle(&again, &of_status(409));
    assert_eq!(shop.counts("user-daily"), (50, 0, 0));
    // Another agent's key is another.
    let token = shop.token(|claims| claims["client_id"] = "another".into());
    let draft = Draft::new("POST", "/keyed").bearer(&token).field("content-type", "application/json");
    let theirs = shop.ask(&draft.field("idempotency-key", "k1").body(body));
    assert!(theirs.decision.is_allowed());
    assert_eq!(shop.counts("user-daily"), (50, 50, 0));
}

#[test]
fn an_idempotency_key_that_is_none_is_refused() {
    for key in ["", &"k".repeat(256)] {
        let mut shop = Shop::new();
        let conclusion = shop.ask(&keyed(&shop, key, r#"{"amount":1}"#));
        refused(&conclusion.decision, Reason::BudgetRequestIdInvalid);
    }
    let mut shop = Shop::new();
    let conclusion = shop.ask(&keyed(&shop, "a", r#"{"amount":1}"#).field("idempotency-key", "b"));
    refused(&conclusion.decision, Reason::BudgetRequestIdInvalid);
}

#[test]
fn without_a_key_each_request_is_charged() {
    let mut shop = Shop::new();
    for _ in 0..2 {
        let draft = Draft::new("POST", "/keyed").bearer(&shop.token(|_| {}));
        let draft = draft.field("content-type", "application/json").body(r#"{"amount":50}"#);
        assert!(shop.ask(&draft).decision.is_allowed());
    }
    assert_eq!(shop.counts("user-daily"), (0, 100, 0));
}

#[test]
fn an_object_that_cannot_be_asked_refuses_or_lets_through_as_the_route_says() {
    let mut shop = Shop::new();
    *shop.world.subjects.borrow_mut() = None;
    let conclusion = shop.pay(1);
    refused(&conclusion.decision, Reason::BudgetUnavailable);
    // It may have reserved all the same.
    assert_eq!(conclusion.after.len(), 1);

    let draft = Draft::new("POST", "/lenient").bearer(&shop.token(|_| {})).field("x-amount", "1");
    let conclusion = shop.ask(&draft);
    assert!(conclusion.decision.is_allowed(), "{}", conclusion.decision.to_json());
    assert_eq!(conclusion.decision.guarantees.budget, Some(BudgetGuarantee::None));
    assert!(conclusion.decision.budget.is_empty());
    assert!(
        conclusion.decision.evidence.iter().any(|e| e.check == "budget" && e.result == CheckResult::Skipped)
    );
    assert_eq!(conclusion.reservations.unwrap().lines.len(), 2);
}

#[test]
fn a_route_that_only_watches_leaves_the_amount_unread() {
    let mut shop = Shop::new();
    let draft = Draft::new("POST", "/watched").bearer(&shop.token(|_| {}));
    let conclusion = shop.ask(&draft.field("content-type", "application/json").body(r#"{"amount":1}"#));
    assert!(conclusion.decision.is_allowed());
    assert_eq!(conclusion.decision.guarantees.budget, Some(BudgetGuarantee::None));
    assert!(
        conclusion.decision.evidence.iter().any(|e| e.check == "budget" && e.result == CheckResult::Skipped)
    );
    assert_eq!(*shop.world.state_calls.borrow(), 0);
}

#[test]
fn an_account_with_too_many_reservations_refuses() {
    let mut shop = Shop::new();
    let draft = Draft::new("POST", "/keyed").bearer(&shop.token(|_| {}));
    let draft = draft.field("content-type", "application/json").body(r#"{"amount":0}"#);
    for _ in 0..10_000 {
        assert!(shop.ask(&draft).decision.is_allowed());
    }
    let conclusion = shop.ask(&draft);
    refused(&conclusion.decision, Reason::BudgetTooManyReservations);
    assert_eq!(header(&conclusion.decision, "Retry-After"), Some("60"));
}

#[test]
fn a_proof_that_ends_while_budgets_are_asked_leaves_nothing_reserved() {
    // The signature is not demanded, so that nobody but the budget is asked.
    let config =
        BUDGETS.replace("[[issuers]]", "[signatures]\ntrust = [\"https://agents.example\"]\n\n[[issuers]]");
    let mut shop = Shop::new();
    shop.world = World::with(&config);
    shop.world.agents = Some(countersign::registry::Registry::default().to_json());
    let draft = Draft::new("POST", "/keyed").bearer(&shop.token(|_| {}));
    let draft = draft.field("content-type", "application/json").body(r#"{"amount":50}"#);
    let draft = draft.signed(&shop.world.agent);
    let gate = std::sync::Arc::clone(&shop.world.gate);
    let mut session = Session::new(gate, draft.view(), shop.world.now, [7; 10]);
    let mut memory = shop.world.memory.borrow_mut();
    let (mut now, mut asked) = (shop.world.now, 0);
    let mut replies: Vec<Option<Reply>> = Vec::new();
    let mut step = session.step(&mut memory, now, &Answer::Ready);
    let conclusion = loop {
        let answer = match step {
            Step::Done(conclusion) => break *conclusion,
            Step::Keys(sources) => {
                for source in &sources {
                    shop.world.bring(&mut memory, source);
                }
                Answer::Ready
            }
            Step::Agents => {
                let agents = shop.world.agents.as_deref().and_then(|agents| published(agents, now));
                memory.agents_loaded(agents.as_deref(), now);
                Answer::Ready
            }
            Step::Denials => {
                let denials = shop.world.denials.as_deref().and_then(|denials| published(denials, now));
                memory.denials_loaded(denials.as_deref(), now);
                Answer::Ready
            }
            Step::Body => Answer::Body(draft.body.as_deref().unwrap()),
            Step::State(calls) => {
                asked += 1;
                let mut subjects = shop.world.subjects.borrow_mut();
                let all = subjects.as_mut().unwrap();
                replies = calls.iter().map(|call| all.answer(call.subject, &call.call, now)).collect();
                // Longer than the signature is good.
                now = UnixMillis(now.0 + 61_000);
                Answer::State(&replies)
            }
            other => panic!("{other:?}"),
        };
        step = session.step(&mut memory, now, &answer);
    };
    drop(memory);
    assert_eq!(replies.len(), 1);
    assert_eq!((asked, conclusion.decision.reason), (1, Some(Reason::SignatureExpired)));
    assert_eq!(shop.counts("user-daily"), (0, 50, 0));
    shop.tell(&conclusion.after);
    assert_eq!(shop.counts("user-daily"), (0, 0, 0));
}

mod administration {
    use super::*;

    fn subject() -> Value {
        json!({ "principal": { "iss": ISSUER, "id": "person-1" } })
    }

    fn reconcile(shop: &Shop, body: &Value) -> Result<Value, RegistryErrorKind> {
        shop.administer("POST", "/budgets/user-total/reconcile", body)
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let shop = Shop::new();
        let account =
            |body: Value| shop.administer("POST", "/budgets/user-total/account", &body).unwrap_err();
        for (body, kind) in [
            (json!({}), RegistryErrorKind::BodyMalformed),
            (json!({ "subject": subject(), "more": 1 }), RegistryErrorKind::BodyMalformed),
            (json!({ "subject": {} }), RegistryErrorKind::BudgetSubjectInvalid),
            (json!({ "subject": { "agent": "a" } }), RegistryErrorKind::BudgetSubjectInvalid),
            (
                json!({ "subject": { "agent": "a", "principal": { "iss": "a", "id": "b" } } }),
                RegistryErrorKind::BudgetSubjectInvalid,
            ),
            (
                json!({ "subject": { "principal": { "iss": "a", "id": "b".repeat(2048) } } }),
                RegistryErrorKind::BudgetSubjectInvalid,
            ),
            (json!({ "subject": subject(), "after": "?" }), RegistryErrorKind::ReservationNotFound),
        ] {
            assert_eq!(account(body.clone()), kind, "{body}");
        }
        for (method, path, kind) in [
            ("POST", "/budgets/nothing/account", RegistryErrorKind::BudgetNotFound),
            ("GET", "/budgets/user-total/account", RegistryErrorKind::MethodNotAllowed),
            ("DELETE", "/budgets", RegistryErrorKind::MethodNotAllowed),
            ("GET", "/budgets/user-total", RegistryErrorKind::PathUnknown),
        ] {
            assert_eq!(shop.administer(method, path, &json!({ "subject": subject() })), Err(kind), "{path}");
        }
        assert!(is_asked_at("/.well-known/countersign/admin/budgets/a/account"));
        assert!(!is_asked_at("/.well-known/countersign/admin/agents"));
    }

    #[test]
    fn without_proof_of_a_key_nothing_is_reconciled() {
        let mut shop = Shop::new();
        let config = BUDGETS.replace("dpop = true", "dpop = false");
        shop.world.gate = std::sync::Arc::new(Gate::new(&Config::from_toml(&config).unwrap()).unwrap());
        let body = json!({ "subject": subject(), "reservation": "A".repeat(22), "verdict": "release" });
        assert_eq!(reconcile(&shop, &body), Err(RegistryErrorKind::ReconcilingNeedsProof));
    }

    #[test]
    fn what_is_held_is_shown_and_reconciled_once() {
        let mut shop = Shop::new();
        let conclusion = shop.pay(30);
        let account = shop.account("user-total");
        let id = account["reservations"][0]["reservation"].as_str().unwrap().to_owned();
        assert_eq!(account["reservations"][0]["state"], "reserved");
        assert_eq!(account["reservations"][0]["decision"], conclusion.decision.id.as_str());
        let body = |verdict: &str, amount: Option<u64>| {
            let mut body = json!({ "subject": subject(), "reservation": id, "verdict": verdict });
            if let Some(amount) = amount {
                body["amount"] = amount.into();
            }
            body
        };
        assert_eq!(reconcile(&shop, &body("release", None)), Err(RegistryErrorKind::ReservationUnderWay));
        shop.settle(&conclusion, &of_status(500));
        assert_eq!(shop.account("user-total")["reservations"][0]["state"], "held");
        for (verdict, amount) in [("commit", Some(31)), ("release", Some(1))] {
            let answer = reconcile(&shop, &body(verdict, amount));
            assert_eq!(answer, Err(RegistryErrorKind::ReservationAmountInvalid));
        }
        let done = reconcile(&shop, &body("commit", Some(20))).unwrap();
        assert_eq!((done["reserved"].as_u64(), done["committed"].as_u64()), (Some(30), Some(20)));
        assert_eq!(reconcile(&shop, &body("release", None)), Err(RegistryErrorKind::ReservationNotFound));
        assert_eq!(shop.counts("user-total"), (20, 0, 0));
        // Each budget's account is reconciled by itself.
        assert_eq!(shop.counts("user-daily"), (0, 0, 30));
        *shop.world.subjects.borrow_mut() = None;
        let account =
            shop.administer("POST", "/budgets/user-total/account", &json!({ "subject": subject() }));
        assert_eq!(account, Err(RegistryErrorKind::Unavailable));
    }

    #[test]
    fn an_expired_reservation_is_held_and_reconciled() {
        let mut shop = Shop::new();
        shop.pay(30);
        shop.world.now = UnixMillis(shop.world.now.0 + 15 * 60 * 1000);
        let account = shop.account("user-total");
        assert_eq!(account["reservations"][0]["state"], "expired-held");
        assert_eq!(shop.counts("user-total"), (0, 0, 30));
        let id = account["reservations"][0]["reservation"].clone();
        let body = json!({ "subject": subject(), "reservation": id, "verdict": "release" });
        assert_eq!(reconcile(&shop, &body).unwrap()["committed"], 0);
        assert_eq!(shop.counts("user-total"), (0, 0, 0));
    }

    #[test]
    fn the_configured_budgets_are_listed() {
        let shop = Shop::new();
        let listed = shop.administer("GET", "/budgets", &Value::Null).unwrap();
        let names: Vec<_> = listed["budgets"].as_array().unwrap().iter().map(|b| b["name"].clone()).collect();
        assert_eq!(names, ["agent-daily", "user-total", "user-daily", "org-monthly", "dollars"]);
    }
}

mod configuration {
    use super::*;

    /// The paths of the faults that a configuration has with this instead of that.
    fn faults(change: &[(&str, &str)]) -> Vec<String> {
        let mut config = BUDGETS.to_owned();
        for (from, to) in change {
            assert!(config.contains(from), "{from}");
            config = config.replacen(from, to, 1);
        }
        match Gate::new(&Config::from_toml(&config).unwrap()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| fault.path.clone()).collect(),
        }
    }

    #[test]
    fn what_no_gate_could_keep_is_refused_with_its_path() {
        assert_eq!(faults(&[]), [""; 0]);
        let cases: [(&[(&str, &str)], &str); 20] = [
            (&[("name = \"dollars\"", "name = \"dol lars\"")], "budgets[4].name"),
            (&[("name = \"dollars\"", "name = \"\"")], "budgets[4].name"),
            (&[("name = \"dollars\"", "name = \"user-daily\"")], "budgets[4].name"),
            (&[("per = [\"organisation\"]", "per = \"address\"")], "budgets[3].per"),
            (&[("amount = 500", "amount = 0")], "budgets[2].amount"),
            (&[("amount = 500", "amount = 9007199254740992")], "budgets[2].amount"),
            (&[("currency = \"USD\"", "currency = \"usd\"")], "budgets[4].currency"),
            (&[("zone = \"Europe/Berlin\"", "zone = \"Europe/Nowhere\"")], "budgets[3].zone"),
            (&[("period = \"total\"", "period = \"total\"\nzone = \"UTC\"")], "budgets[1].zone"),
            (&[("period = \"total\"", "period = \"total\"\nreservation = \"9s\"")], "budgets[1].reservation"),
            (
                &[("period = \"total\"", "period = \"total\"\nreservation = \"25h\"")],
                "budgets[1].reservation",
            ),
            (
                &[("budget = [\"agent-daily\", \"user-total\"", "budget = [\"nothing\", \"user-total\"")],
                "routes[0].budget[0]",
            ),
            (
                &[("budget = [\"agent-daily\", \"user-total\"", "budget = [\"user-total\", \"user-total\"")],
                "routes[0].budget[1]",
            ),
            (
                &[(
                    "currency = \"EUR\" }\nbudget = [\"user-daily\"]",
                    "currency = \"USD\" }\nbudget = [\"user-daily\"]",
                )],
                "routes[1].budget[0]",
            ),
            (
                &[("amount = { field = \"x-amount\", currency_field = \"x-currency\" }\n", "")],
                "routes[0].budget",
            ),
            (&[("amount = \"limit.amount\"\ncurrency = \"limit.currency\"\n", "")], "routes[2].budget"),
            (
                &[("idempotency_key = \"Idempotency-Key\"", "idempotency_key = \"a b\"")],
                "routes[1].idempotency_key",
            ),
            (
                &[("budget = [\"user-daily\"]\nidempotency_key", "idempotency_key")],
                "routes[1].idempotency_key",
            ),
            (
                &[("match = \"POST /pay\"\nrequire = [\"token\"]", "match = \"POST /pay\"\nrequire = []")],
                "routes[0].budget[0]",
            ),
            (
                &[
                    (
                        "match = \"POST /pay\"\nrequire = [\"token\"]",
                        "match = \"POST /pay\"\nrequire = [\"mtls\"]",
                    ),
                    (
                        "budget = [\"agent-daily\", \"user-total\"",
                        "budget = [\"user-total\", \"agent-daily\"",
                    ),
                ],
                "routes[0].budget[0]",
            ),
        ];
        for (change, path) in cases {
            let faults = faults(change);
            assert!(faults.iter().any(|fault| fault == path), "{change:?}: {faults:?}");
        }
    }

    #[test]
    fn what_a_captured_request_could_spend_again_is_refused() {
        let require = "match = \"POST /granted\"\nrequire = [\"token\"]";
        for (proof, replay, is_refused) in [
            ("\"token\", \"dpop\"", "", true),
            ("\"token\", \"dpop\"", "replay = \"isolate\"", true),
            ("\"token\", \"dpop\"", "replay = \"none\"", true),
            ("\"token\", \"dpop\"", "replay = \"exact\"", false),
            ("\"signature\", \"token\"", "", true),
            ("\"signature\", \"token\"", "replay = \"exact\"", false),
            ("\"token\"", "", false),
            ("\"token\", \"mtls\"", "", false),
        ] {
            let route = format!("match = \"POST /granted\"\nrequire = [{proof}]\n{replay}");
            let signatures = "[signatures]\ntrust = [\"https://agents.example\"]\n[[routes]]";
            let faults = faults(&[(require, &route), ("[[routes]]", signatures)]);
            let expected: &[&str] = if is_refused { &["routes[2].replay"] } else { &[] };
            assert_eq!(faults, expected, "{route}");
        }
    }

    #[test]
    fn too_many_budgets_are_refused() {
        let budget = |i: usize| {
            format!(
                "[[budgets]]\nname = \"b{i}\"\nper = \"agent\"\namount = 1\ncurrency = \"EUR\"\nperiod = \"day\"\n"
            )
        };
        let many: String = (0..60).map(budget).collect();
        assert_eq!(faults(&[("[[routes]]", &format!("{many}\n[[routes]]"))]), ["budgets"]);
        let names: Vec<String> = (0..9).map(|i| format!("\"b{i}\"")).collect();
        let few: String = (0..9).map(budget).collect();
        let listed = format!("{few}\n[[routes]]");
        let changed = [
            ("[[routes]]", listed.as_str()),
            ("budget = [\"user-daily\"]", &format!("budget = [{}]", names.join(", "))),
        ];
        assert_eq!(faults(&changed), ["routes[1].budget"]);
    }
}
