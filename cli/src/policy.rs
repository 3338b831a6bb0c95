//! `policy test` and `policy explain`: what a configuration would permit, on requests that are written down as data.
//!
//! The core rehearses each case ([`rehearse`]); here cases are read and results shown. A member that is not known is
//! refused: a misspelt expectation must not pass.

use std::fmt::Write as _;

use countersign::client::Client;
use countersign::config::Gate;
use countersign::decision::{Agent, Method};
use countersign::encoding::json;
use countersign::policy::{Considered, Rehearsal, Supposed, Truth, rehearse};
use countersign::request::{Fields, RequestView, Target};
use countersign::signature::profiles;
use countersign::time::{UnixMillis, UnixSeconds};
use serde_json::{Map, Value, json};

use crate::arguments::Input;
use crate::{Failure, Report, Status, check, exchange, input, time};

/// Longest claims of a case in bytes.
const MAX_CLAIMS_BYTES: usize = 64 * 1024;

/// A case, and what came of it.
struct Tried {
    name: String,
    expected: Expected,
    rehearsal: Rehearsal,
}

/// What a case expects. What it does not say is not compared.
#[derive(Default)]
struct Expected {
    outcome: Option<String>,
    code: Option<String>,
    /// Empty where no rule decides: no rule has an empty name.
    rule: Option<String>,
}

/// `policy test`.
pub(crate) fn test(input: &Input) -> Result<Report, Failure> {
    let tried = try_cases(input)?;
    let good = tried.iter().filter(|tried| tried.is_as_expected()).count();
    let status = if good == tried.len() { Status::Good } else { Status::Faults };
    let text = if input.has("json") {
        let cases: Vec<_> = tried.iter().map(Tried::as_json).collect();
        format!("{}\n", json!({ "good": status == Status::Good, "cases": cases }))
    } else {
        table(&tried) + &format!("{good} of {} as expected\n", tried.len())
    };
    Ok(Report::new(text, status))
}

/// `policy explain`.
pub(crate) fn explain(input: &Input) -> Result<Report, Failure> {
    let tried = try_cases(input)?;
    if input.has("json") {
        let cases: Vec<_> = tried.iter().map(Tried::explained_as_json).collect();
        return Ok(Report::good(format!("{}\n", json!({ "cases": cases }))));
    }
    let text: Vec<_> = tried.iter().map(Tried::explained).collect();
    Ok(Report::good(text.join("\n")))
}

fn try_cases(input: &Input) -> Result<Vec<Tried>, Failure> {
    exchange::read_stdin_once(input, &["config", "cases"])?;
    let gate = check::gate(input.value("config").unwrap_or_default())?;
    let file = input.value("cases").unwrap_or_default();
    let failure = |message: String| Failure::new(format!("{file}: {message}"));
    let text = input::read(file)?;
    if text.trim_start().starts_with('[') && json::parse(text.as_bytes(), text.len()).is_ok() {
        return Err(failure("is a list; write {\"cases\": [...]}".to_owned()));
    }
    let document: Map<String, Value> = if text.trim_start().starts_with('{') {
        // Strict first: a member that is there twice would be the last one silently.
        json::parse(text.as_bytes(), text.len()).map_err(|error| failure(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| failure(error.to_string()))?
    } else {
        // Where it is, and not the line itself: a case may have a token.
        toml::from_str(&text).map_err(|error| failure(check::syntax_error(&text, &error).message))?
    };
    let document = Value::Object(document);
    let members = Members::of(&document, "", &["cases"]).map_err(failure)?;
    let cases =
        members.required("cases").and_then(|cases| cases.as_array().ok_or("cases: is no list".into()));
    let cases = cases.map_err(failure)?;
    let mut tried = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        tried.push(try_case(&gate, case, &format!("cases[{i}]")).map_err(failure)?);
    }
    if let Some(name) = input.value("case") {
        tried.retain(|tried| tried.name == name);
    }
    if tried.is_empty() {
        return Err(failure("there is no such case".into()));
    }
    Ok(tried)
}

fn try_case(gate: &Gate, case: &Value, path: &str) -> Result<Tried, String> {
    let case = Members::of(case, path, &["name", "now", "request", "proven", "expect"])?;
    let name = case.text("name")?.ok_or_else(|| format!("{path}.name: is missing"))?;
    let request = Members::of(
        case.required("request")?,
        &case.at("request"),
        &["method", "url", "headers", "body", "client"],
    )?;
    let (view, body) = read_request(&request)?;
    let nothing = json!({});
    let proven = case.get("proven").unwrap_or(&nothing);
    let proven = Members::of(proven, &case.at("proven"), &["claims", "agent"])?;
    let now = read_time(case.required("now")?).ok_or_else(|| {
        format!("{path}.now: is no time; write 2026-11-23T09:00:00+01:00, or seconds since 1970")
    })?;
    let claims = proven.get("claims").map(|claims| complete(gate, claims, now)).transpose();
    let claims = claims.map_err(|message| format!("{}: {message}", proven.at("claims")))?;
    let parsed =
        claims.as_ref().map(|claims| json::parse_object(claims.as_bytes(), MAX_CLAIMS_BYTES)).transpose();
    let parsed = parsed.map_err(|error| format!("{}: {error}", proven.at("claims")))?;
    let agent = proven.get("agent").map(|agent| read_agent(agent, &proven.at("agent"))).transpose()?;
    let supposed = Supposed { request: &view, content: body.as_deref(), claims: parsed.as_ref(), agent, now };
    let rehearsal = rehearse(gate, &supposed).map_err(|error| format!("{}: {error}", proven.at("claims")))?;
    let expected = case.get("expect").map(|expect| read_expected(expect, &case.at("expect"))).transpose()?;
    Ok(Tried { name: name.to_owned(), expected: expected.unwrap_or_default(), rehearsal })
}

fn read_request(request: &Members<'_>) -> Result<(RequestView, Option<Vec<u8>>), String> {
    let mut fields = Fields::new();
    let path = request.at("headers");
    for (name, value) in request.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().ok_or_else(|| format!("{path}.{name}: is no string"))?;
        fields.push(name, value).map_err(|error| format!("{path}.{name}: {error}"))?;
    }
    let body = match request.get("body") {
        None => None,
        Some(Value::String(text)) => Some(text.clone().into_bytes()),
        Some(value) => {
            if !fields.contains("content-type") {
                fields.push("content-type", "application/json").map_err(|error| error.to_string())?;
            }
            Some(value.to_string().into_bytes())
        }
    };
    let url = request.text("url")?.ok_or_else(|| format!("{}: is missing", request.at("url")))?;
    let target = Target::parse(url).map_err(|error| format!("{}: {error}", request.at("url")))?;
    let method = request.text("method")?.unwrap_or("GET");
    let view = RequestView::new(method, target, fields, body.is_some());
    let view = view.map_err(|error| format!("{}: {error}", request.at("method")))?;
    let client =
        request.get("client").map(|client| read_client(client, &request.at("client"))).transpose()?;
    Ok((view.with_client(client.unwrap_or_default()), body))
}

fn read_client(client: &Value, path: &str) -> Result<Client, String> {
    let client = Members::of(client, path, &["address", "asn", "country"])?;
    let address = client
        .text("address")?
        .map(|text| text.parse().map_err(|_| format!("{path}.address: is no address")));
    let asn = client.get("asn").map(|asn| {
        asn.as_u64()
            .and_then(|asn| u32::try_from(asn).ok())
            .ok_or_else(|| format!("{path}.asn: is no number of a system"))
    });
    let country = client.text("country")?.map(str::to_owned);
    Ok(Client { address: address.transpose()?, asn: asn.transpose()?, country, ..Client::default() })
}

/// The claims as JSON; what no rule asks about and every token has need not be written down.
fn complete(gate: &Gate, claims: &Value, now: UnixSeconds) -> Result<String, String> {
    let mut claims = claims.as_object().ok_or("is no table")?.clone();
    let issuer = gate.issuers().first().map(|issuer| issuer.name().to_owned());
    for (name, value) in
        [("iss", json!(issuer)), ("aud", json!("any")), ("exp", json!(now.0.saturating_add(60)))]
    {
        claims.entry(name).or_insert(value);
    }
    Ok(Value::Object(claims).to_string())
}

fn read_agent(agent: &Value, path: &str) -> Result<Agent, String> {
    let agent = Members::of(agent, path, &["id", "method", "operator"])?;
    let method = agent.text("method")?.unwrap_or("token");
    let method = match method {
        "token" => Method::Token,
        "dpop" => Method::Dpop,
        "mtls" => Method::Mtls,
        profile => match profiles::profile(profile) {
            Some(profile) => Method::Signature(profile.name),
            None => {
                return Err(format!(
                    "{path}.method: is no way to prove an agent; write web-bot-auth, dpop or token"
                ));
            }
        },
    };
    let id = agent.text("id")?.ok_or_else(|| format!("{path}.id: is missing"))?.to_owned();
    Ok(Agent { id, method, key: None, operator: agent.text("operator")?.map(str::to_owned), purpose: None })
}

fn read_expected(expect: &Value, path: &str) -> Result<Expected, String> {
    let expect = Members::of(expect, path, &["outcome", "code", "rule"])?;
    let rule = match expect.get("rule") {
        None => None,
        Some(Value::Bool(false)) => Some(String::new()),
        Some(Value::String(name)) if !name.is_empty() => Some(name.clone()),
        Some(_) => return Err(format!("{path}.rule: is no name; write false where no rule decides")),
    };
    let text = |name| Ok::<_, String>(expect.text(name)?.map(str::to_owned));
    Ok(Expected { outcome: text("outcome")?, code: text("code")?, rule })
}

/// Seconds since 1970, or a time with its offset (RFC 3339 §5.6), as a text or as TOML has it.
fn read_time(value: &Value) -> Option<UnixSeconds> {
    if let Some(seconds) = value.as_i64() {
        return Some(UnixSeconds(seconds));
    }
    // How `toml` hands a date and time on to JSON.
    let text = value.get("$__toml_private_datetime").unwrap_or(value).as_str()?;
    time::parse(text).map(UnixMillis::seconds)
}

/// The members of a table, all of which are known.
struct Members<'a> {
    object: &'a Map<String, Value>,
    path: String,
}

impl<'a> Members<'a> {
    fn of(value: &'a Value, path: &str, known: &[&str]) -> Result<Self, String> {
        let object = value.as_object().ok_or_else(|| format!("{path}: is no table"))?;
        let members = Self { object, path: path.to_owned() };
        match object.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                Err(format!("{}: is not known; write one of {}", members.at(name), known.join(", ")))
            }
            None => Ok(members),
        }
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name)
    }

    fn required(&self, name: &str) -> Result<&'a Value, String> {
        self.get(name).ok_or_else(|| format!("{}: is missing", self.at(name)))
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, String> {
        let text =
            |value: &'a Value| value.as_str().ok_or_else(|| format!("{}: is no string", self.at(name)));
        self.get(name).map(text).transpose()
    }
}

impl Tried {
    fn outcome(&self) -> String {
        json!(self.rehearsal.outcome()).as_str().unwrap_or_default().to_owned()
    }

    fn rule(&self) -> Option<&str> {
        self.rehearsal.verdict.rule()
    }

    fn is_as_expected(&self) -> bool {
        let Expected { outcome, code, rule } = &self.expected;
        outcome.as_ref().is_none_or(|outcome| *outcome == self.outcome())
            && code.as_ref().is_none_or(|code| code == self.rehearsal.code())
            && rule.as_ref().is_none_or(|rule| *rule == self.rule().unwrap_or_default())
    }

    fn as_json(&self) -> Value {
        json!({
            "name": self.name, "good": self.is_as_expected(), "route": self.rehearsal.route,
            "outcome": self.outcome(), "code": self.rehearsal.code(), "rule": self.rule(),
        })
    }

    fn explained_as_json(&self) -> Value {
        let conditions = |list: &[(String, Truth)]| -> Vec<_> {
            list.iter().map(|(about, truth)| json!({ "about": about, "holds": truth.as_str() })).collect()
        };
        let rule = |rule: &Considered| {
            json!({
                "name": rule.rule, "then": rule.then.as_str(), "matches": rule.matches, "holds": rule.truth.as_str(),
                "when": conditions(&rule.when), "unless": conditions(&rule.unless),
            })
        };
        let mut value = self.as_json();
        if let Some(members) = value.as_object_mut() {
            members.insert("rules".to_owned(), self.rehearsal.rules.iter().map(rule).collect());
        }
        value
    }

    fn explained(&self) -> String {
        // Writing to a `String` does not fail.
        let mut text = format!("{}\n", self.name);
        let _ = writeln!(text, "  route {}", self.rehearsal.route.as_deref().unwrap_or("(none)"));
        for finding in &self.rehearsal.verdict.findings {
            // What rules say follows one by one.
            if let Some(about) = finding.about.detail().filter(|_| !finding.about.is_rule()) {
                let _ = writeln!(text, "  {about}: {}", finding.refusal.map_or("ok", |reason| reason.code()));
            }
        }
        let mut is_decided = false;
        for rule in &self.rehearsal.rules {
            let says = match (rule.matches, is_decided) {
                (true, false) => "matches, and decides",
                (true, true) => "would match, and is not asked",
                (false, _) => "does not match",
            };
            is_decided |= rule.matches;
            let _ = writeln!(text, "  rule {} ({}): {says}", rule.rule, rule.then.as_str());
            for (word, conditions) in [("when", &rule.when), ("unless", &rule.unless)] {
                for (about, truth) in conditions {
                    let _ = writeln!(text, "    {word} {about}: {}", truth.as_str());
                }
            }
        }
        let _ = writeln!(text, "  {}, {}", self.outcome(), self.rehearsal.code());
        text
    }
}

fn table(tried: &[Tried]) -> String {
    let width = tried.iter().map(|tried| tried.name.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for tried in tried {
        let mark = if tried.is_as_expected() { "ok  " } else { "FAIL" };
        let rule = tried.rule().map(|rule| format!("  {rule}")).unwrap_or_default();
        let (name, code) = (&tried.name, tried.rehearsal.code());
        let mut line = format!("{mark}  {name:width$}  {:9}  {code}{rule}", tried.outcome());
        if !tried.is_as_expected() {
            let Expected { outcome, code, rule } = &tried.expected;
            let rule =
                rule.as_ref().map(|rule| if rule.is_empty() { "no rule".to_owned() } else { rule.clone() });
            let expected: Vec<_> = [outcome.clone(), code.clone(), rule].into_iter().flatten().collect();
            let _ = write!(line, "  (expected {})", expected.join(", "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
