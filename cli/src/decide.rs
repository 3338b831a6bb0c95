//! `verify`: what a gate of this configuration would decide about a request, or about several in turn.
//!
//! Here is read what the caller gives, and shown what came of it; the [`Host`] decides.

use std::net::IpAddr;

use countersign::client::{Client, ClientCertificate, MAX_CERTIFICATE_BYTES, address_of, country_of};
use countersign::config::{AuthenticationConfig, Config, Disclosure, Gate};
use countersign::crypto::sha256;
use countersign::engine::Session;
use countersign::memory::AGENTS_NAME;
use countersign::reason::Reason;
use countersign::registry::Registry;
use countersign::request::{RequestView, Scheme, Target};
use countersign::revocation::deny_list::{self, DENIALS_NAME};
use countersign::state::budget::OriginAnswer;
use countersign::time::UnixMillis;
use serde_json::{Map, Value, json};

use crate::arguments::{Input, Opt, flag, optional, repeated, required};
use crate::har::{Archive, Wanted};
use crate::host::{Decided, Host, Missing};
use crate::http::{self, Fault};
use crate::shown::printable;
use crate::source::Sources;
use crate::{Failure, Report, Status, certificate, check, exchange, har, input, shown};

/// What `verify` and `explain` take.
pub(crate) const OPTIONS: &[Opt] = &[
    required("config", "FILE"),
    repeated("request", "FILE"),
    optional("har", "FILE"),
    optional("entry", "N"),
    optional("now", "UNIX"),
    optional("scheme", "SCHEME"),
    repeated("source", "URL=FILE"),
    optional("client-address", "IP"),
    optional("client-asn", "N"),
    optional("client-country", "CC"),
    optional("client-certificate", "FILE"),
    optional("client-certificate-status", "STATUS"),
    optional("agents", "FILE"),
    optional("deny-list", "FILE"),
    optional("shared-keys", "FILE"),
    optional("nonce-secrets", "FILE"),
    flag("json"),
];

/// Longest document of the admin API in bytes.
const MAX_PUBLISHED_BYTES: u64 = 8 * 1024 * 1024;

/// A request that is asked about.
struct Asked {
    name: String,
    entry: Option<usize>,
    now: UnixMillis,
    message: Message,
    /// What the origin answered, where that is known: its status and its field about budgets.
    answer: Option<(u16, Option<String>)>,
}

/// What was sent.
enum Message {
    Request(Box<RequestView>, Vec<u8>),
    /// What no gate would read.
    Refused(Fault),
    /// Nobody knows: why.
    Unknown(String),
}

impl From<Result<(RequestView, Vec<u8>), Fault>> for Message {
    fn from(read: Result<(RequestView, Vec<u8>), Fault>) -> Self {
        match read {
            Ok((view, content)) => Self::Request(Box::new(view), content),
            Err(fault) => Self::Refused(fault),
        }
    }
}

/// An entry of an archive that was not decided on.
pub(crate) struct Unread {
    name: String,
    entry: Option<usize>,
    error: String,
}

/// A request, and what was decided about it.
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) entry: Option<usize>,
    pub(crate) now: UnixMillis,
    /// The request; none where it is none.
    pub(crate) view: Option<RequestView>,
    /// What is wrong with a message that is no request.
    pub(crate) fault: Option<Fault>,
    pub(crate) decided: Decided,
    /// The body of the refusal.
    pub(crate) problem: Option<Value>,
}

/// What was decided about all requests, and by which gate.
pub(crate) struct Judgement {
    pub(crate) gate: std::sync::Arc<Gate>,
    pub(crate) judged: Vec<Result<Judged, Unread>>,
    /// What else there is to say.
    pub(crate) notes: Vec<String>,
}

pub(crate) fn run(input: &Input) -> Result<Report, Failure> {
    let judgement = judge(input, None)?;
    let is_json = input.has("json");
    let show = |judged: &Judged| if is_json { judged.to_json(Map::new()) } else { shown::decision(judged) };
    Ok(judgement.report(is_json, show))
}

impl Judgement {
    /// Each request as it is shown. Good where all are let through; a failure where one was refused for want of a file,
    /// or was not decided on.
    pub(crate) fn report(self, is_json: bool, show: impl Fn(&Judged) -> String) -> Report {
        let one = |judged: &Result<Judged, Unread>| match judged {
            Ok(judged) => show(judged),
            Err(unread) if is_json => unread.to_json(),
            Err(unread) => unread.to_text(),
        };
        let texts: Vec<_> = self.judged.iter().map(one).collect();
        let text = texts.join(if is_json { "" } else { "\n" });
        let is_failure =
            |judged: &Result<Judged, Unread>| judged.as_ref().map_or(true, |one| one.decided.is_for_want());
        let is_good = |judged: &Result<Judged, Unread>| {
            judged.as_ref().is_ok_and(|one| one.decided.decision.is_allowed())
        };
        let status = if self.judged.iter().any(is_failure) {
            Status::Failure
        } else if self.judged.iter().all(is_good) {
            Status::Good
        } else {
            Status::Faults
        };
        Report { notes: self.notes, ..Report::new(text, status) }
    }
}

impl Unread {
    fn to_json(&self) -> String {
        format!("{}\n", json!({ "entry": self.entry, "error": self.error }))
    }

    fn to_text(&self) -> String {
        let name = if self.name.is_empty() { String::new() } else { format!("{}\n", printable(&self.name)) };
        format!("not decided\n{name}{}\n", printable(&self.error))
    }
}

impl Judged {
    /// The decision as every host writes it, in one line, with the problem that a refused client gets and what is said
    /// beyond that.
    pub(crate) fn to_json(&self, mut more: Map<String, Value>) -> String {
        let mut text = self.decided.decision.to_json();
        let missing: Vec<_> = self.decided.missing.iter().map(shown::missing_as_json).collect();
        let members = [
            ("problem", self.problem.clone()),
            ("entry", self.entry.map(Value::from)),
            ("detail", self.fault.map(|fault| fault.to_string().into())),
            ("missing", Some(missing).filter(|missing| !missing.is_empty()).map(Value::from)),
            ("notes", Some(self.decided.notes.clone()).filter(|notes| !notes.is_empty()).map(Value::from)),
        ];
        more.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let more = Value::Object(more).to_string();
        // Both are objects in one line.
        if more != "{}" && text.pop() == Some('}') {
            text.push(',');
            text.push_str(more.get(1..).unwrap_or_default());
        }
        text + "\n"
    }
}

/// Decides on each request in turn, with one memory.
pub(crate) fn judge(input: &Input, disclosure: Option<Disclosure>) -> Result<Judgement, Failure> {
    let files = ["request", "source", "config", "har", "agents", "deny-list"];
    let stdin = files.iter().flat_map(|option| input.values(option));
    if stdin.filter(|given| *given == "-" || given.ends_with("=-")).count() > 1 {
        return Err(Failure::new("stdin can be read once; give - once"));
    }
    let gate = gate(input, disclosure)?;
    let agents = published(input, "agents", AGENTS_NAME)?;
    let denials = published(input, "deny-list", DENIALS_NAME)?;
    let mut host = Host::new(gate, Sources::read(input)?).with_published(agents, denials);
    let client = client(input)?;
    let (asked, mut notes) = asked(input, host.gate())?;
    let mut judged = Vec::new();
    for (index, asked) in asked.into_iter().enumerate() {
        judged.push(decide(input, &mut host, asked, &client, index)?);
    }
    notes.extend(host.sources().unused().map(|url| format!("nobody asked for {url}")));
    Ok(Judgement { gate: std::sync::Arc::clone(host.gate()), judged, notes })
}

fn decide(
    input: &Input,
    host: &mut Host,
    asked: Asked,
    client: &Client,
    index: usize,
) -> Result<Result<Judged, Unread>, Failure> {
    let Asked { name, entry, now, message, answer } = asked;
    let entropy = entropy(&name, index);
    let (view, decided, fault) = match message {
        Message::Unknown(error) => return Ok(Err(Unread { name, entry, error })),
        Message::Request(view, content) => {
            let view = (*view).with_client(client.clone());
            let mut decided = host.decide(view.clone(), &content, now, entropy)?;
            if let Some(missing) = missing_secret(input, host.gate(), &view, decided.decision.reason) {
                decided.missing.push(missing);
                decided.lacks_secret = true;
            }
            (Some(view), decided, None)
        }
        Message::Refused(fault) => {
            let decision = Session::refuse_unviewable(fault.reason(), now, entropy);
            (None, Decided::of(decision), Some(fault))
        }
    };
    if let (Some(reservations), Some((status, field))) = (&decided.reservations, &answer) {
        let answer = OriginAnswer::Response { status: *status, field: field.as_deref() };
        host.settle(reservations, &answer, now);
    }
    let decision = &decided.decision;
    let problem = (!decision.is_allowed()).then(|| decision.problem(host.gate().disclosure()));
    Ok(Ok(Judged { name, entry, now, view, fault, decided, problem }))
}

/// What makes a decision's identifier unique: of the same request it is the same at each run.
fn entropy(name: &str, index: usize) -> [u8; 10] {
    let digest = sha256(format!("{index} {name}").as_bytes());
    let mut entropy = [0; 10];
    entropy.iter_mut().zip(digest).for_each(|(byte, of)| *byte = of);
    entropy
}

/// The gate, with what it needs beside its configuration.
fn gate(input: &Input, disclosure: Option<Disclosure>) -> Result<Gate, Failure> {
    let file = input.value("config").unwrap_or_default();
    let (mut gate, mut config) = check::config(file)?;
    let failure = |fault: countersign::config::ConfigError| Failure::new(format!("{file}: {fault}"));
    if let Some(disclosure) = disclosure {
        config.disclosure = disclosure;
        gate = Gate::new(&config).map_err(|_| Failure::new(format!("{file} is no configuration")))?;
    }
    if let Some(secret) = input.value("shared-keys") {
        gate = gate.with_shared_keys(&input::read_secret("shared-keys", secret)?).map_err(failure)?;
    }
    if let Some(secret) = input.value("nonce-secrets") {
        let secrets = input::read_secret("nonce-secrets", secret)?;
        gate = gate.with_nonce_secrets(secrets.trim_end_matches(['\r', '\n'])).map_err(failure)?;
    } else if gate.needs_nonce_secrets() {
        gate = gate.with_nonce_secrets(STAND_IN_SECRET).map_err(failure)?;
    }
    if gate.needs_issuer_credentials() {
        gate = gate.with_issuer_credentials(&stand_ins(&config)).map_err(failure)?;
    }
    Ok(gate)
}

/// What makes nonces where nothing is given: of no worth, and no nonce of a gate is judged with it.
const STAND_IN_SECRET: &str = "stand-in for GATE_NONCE_SECRET, known to all";

/// What the request was refused for want of, beside what would be fetched: secrets that were not given.
fn missing_secret(input: &Input, gate: &Gate, view: &RequestView, reason: Option<Reason>) -> Option<Missing> {
    let missing = |what: &str, option: &str| {
        (!input.has(option)).then(|| Missing {
            what: what.to_owned(),
            option: format!("--{option} FILE"),
            how: None,
        })
    };
    match reason? {
        Reason::DpopNonceInvalid => missing("what made the nonce (GATE_NONCE_SECRET)", "nonce-secrets"),
        Reason::SignatureKeyUnknown | Reason::SignatureAgentMissing
            if gate.needs_shared_keys() && !view.fields().contains("signature-agent") =>
        {
            missing("the keys that are shared with clients (GATE_SHARED_KEYS)", "shared-keys")
        }
        _ => None,
    }
}

/// Credentials of no worth for the issuers that would be asked about tokens: nobody is asked here.
fn stand_ins(config: &Config) -> String {
    let credential = |authentication: &AuthenticationConfig| match authentication {
        AuthenticationConfig::PrivateKeyJwt => json!({
            // RFC 8037 A.1.
            "kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }),
        _ => json!({ "client_secret": "not-sent" }),
    };
    let member = |issuer: &countersign::config::IssuerConfig| {
        let introspection = issuer.introspection.as_ref()?;
        Some((issuer.issuer.clone(), credential(&introspection.authentication)))
    };
    Value::Object(config.issuers.iter().filter_map(member).collect()).to_string()
}

/// A document that the Worker publishes in KV, under this name.
fn published(input: &Input, option: &str, name: &str) -> Result<Option<String>, Failure> {
    let Some(file) = input.value(option) else { return Ok(None) };
    let text = input::read_text(file, MAX_PUBLISHED_BYTES)?;
    let unusable = |what: &str| Failure::new(format!("--{option} {}: {what}", input::name(file)));
    let document: Map<String, Value> =
        serde_json::from_str(&text).map_err(|_| unusable("is no JSON object"))?;
    let is_sound = if option == "agents" {
        Registry::from_json(&text).is_ok()
    } else {
        deny_list::parse(&text).is_some()
    };
    if is_sound {
        return Ok(Some(Value::Object(document).to_string()));
    }
    Err(unusable(&format!(
        "is not what a Worker publishes as {name:?}; get that with `wrangler kv key get {name} --binding COUNTERSIGN_KV --remote` (answers of the admin API are none)"
    )))
}

/// What is known of the connection.
fn client(input: &Input) -> Result<Client, Failure> {
    let unusable =
        |option: &str, what: &str, given: &str| Failure::new(format!("--{option} is {what}, not {given:?}"));
    let address = |given: &str| -> Result<IpAddr, Failure> {
        address_of(given).ok_or_else(|| unusable("client-address", "an IP address", given))
    };
    let asn = |given: &str| {
        let digits = given.strip_prefix("AS").unwrap_or(given);
        digits.parse().map_err(|_| unusable("client-asn", "the number of an autonomous system", given))
    };
    let country = |given: &str| {
        country_of(given).ok_or_else(|| unusable("client-country", "two letters of ISO 3166-1, as DE", given))
    };
    Ok(Client {
        address: input.value("client-address").map(address).transpose()?,
        asn: input.value("client-asn").map(asn).transpose()?,
        country: input.value("client-country").map(country).transpose()?,
        place: None,
        certificate: client_certificate(input)?,
    })
}

fn client_certificate(input: &Input) -> Result<Option<ClientCertificate>, Failure> {
    let status = input.value("client-certificate-status");
    let (verified, revoked) = match status {
        None | Some("verified") => (true, false),
        Some("unverified") => (false, false),
        Some("revoked") => (true, true),
        Some(other) => {
            let known = ["verified", "unverified", "revoked"];
            return Err(crate::verify::unknown("client-certificate-status", &known, other));
        }
    };
    let Some(file) = input.value("client-certificate") else {
        return match status {
            None => Ok(None),
            Some(_) => Err(Failure::new("--client-certificate-status goes with --client-certificate")),
        };
    };
    // In PEM it is some third longer.
    let bytes = input::read_bytes(file, 2 * MAX_CERTIFICATE_BYTES as u64)?;
    let der = certificate::read(&bytes).map_err(|why| Failure::new(format!("{file}: {why}")))?;
    Ok(Some(ClientCertificate { der, verified, revoked }))
}

/// The requests, in their order, and what there is to say about those that are passed over.
fn asked(input: &Input, gate: &Gate) -> Result<(Vec<Asked>, Vec<String>), Failure> {
    let now = input.value("now").map(|text| exchange::of_option("now", text)).transpose()?;
    match (input.has("request"), input.value("har")) {
        (true, Some(_)) => Err(Failure::new("takes --request or --har, not both")),
        (false, None) => Err(Failure::new("needs --request or --har")),
        (true, None) if input.has("entry") => Err(Failure::new("--entry goes with --har")),
        (true, None) => {
            let now = now.map_or_else(exchange::clock, Ok)?;
            let requests = input.values("request").map(|file| asked_of_file(input, gate, file, now));
            Ok((requests.collect::<Result<_, _>>()?, Vec::new()))
        }
        (false, Some(_)) if input.has("scheme") => Err(Failure::new("--scheme goes with --request")),
        (false, Some(file)) => asked_of_archive(input, gate, file, now),
    }
}

fn asked_of_file(input: &Input, gate: &Gate, file: &str, now: UnixMillis) -> Result<Asked, Failure> {
    let bytes = input::read_bytes(file, http::MAX_BYTES)?;
    let read = |scheme| http::read_request(&bytes, scheme);
    let mut message = read(exchange::scheme(input)?);
    // HTTP/1.1 does not say by which scheme it came: of an authority that the gate guards by http alone, by that.
    if let (false, Ok(request), Ok(other)) = (input.has("scheme"), &message, read(Scheme::Http))
        && gate.public_origin(request.view.target()).is_none()
        && gate.public_origin(other.view.target()).is_some()
    {
        message = Ok(other);
    }
    let name = match &message {
        Ok(request) => format!("{} {}", request.view.method(), request.view.target()),
        Err(_) => file.to_owned(),
    };
    let message = message.map(|request| (request.view, request.content)).into();
    Ok(Asked { name, entry: None, now, message, answer: None })
}

fn asked_of_archive(
    input: &Input,
    gate: &Gate,
    file: &str,
    now: Option<UnixMillis>,
) -> Result<(Vec<Asked>, Vec<String>), Failure> {
    let failure = |message: &str| Failure::new(format!("{file}: {message}"));
    let text =
        String::from_utf8(input::read_bytes(file, har::MAX_BYTES)?).map_err(|_| failure("is not UTF-8"))?;
    let is_guarded = |target: &Target| gate.public_origin(target).is_some();
    let one = input.value("entry").map(|given| {
        given.parse().map_err(|_| Failure::new(format!("--entry is a number from 0 on, not {given:?}")))
    });
    let one: Option<usize> = one.transpose()?;
    // A page loads from everywhere; what the gate does not guard says nothing about it.
    let wanted = one.map_or(Wanted::Guarded(&is_guarded), Wanted::One);
    let Archive { entries, all } = har::read(&text, &wanted).map_err(|message| failure(&message))?;
    if entries.is_empty() {
        return Err(failure(&match one {
            Some(one) => format!("has no log.entries[{one}]; it has {all}, counted from 0"),
            None => format!(
                "none of its {all} requests is for a public origin of the configuration; --entry N decides on one all the same"
            ),
        }));
    }
    let passed_over = if one.is_some() { 0 } else { all - entries.len() };
    let passed_over = (passed_over > 0)
        .then(|| format!("{passed_over} of {all} requests are for other origins, and were passed over"));
    let redacted = entries.iter().all(is_without_proofs).then(|| WITHOUT_PROOFS.to_owned());
    let clock = exchange::clock()?;
    let asked = entries.into_iter().map(|har::Entry { index, name, sent }| match sent {
        Ok(sent) => Asked {
            name,
            entry: Some(index),
            now: now.or(sent.started).unwrap_or(clock),
            answer: sent.status.map(|status| (status, sent.budget)),
            message: sent.request.into(),
        },
        Err(error) => {
            Asked { name, entry: Some(index), now: clock, answer: None, message: Message::Unknown(error) }
        }
    });
    Ok((asked.collect(), passed_over.into_iter().chain(redacted).collect()))
}

const WITHOUT_PROOFS: &str = "no request of the archive has Authorization, DPoP or Signature: exporters leave them out \
    unless they are told to keep them (in Chrome: \"Export HAR (with sensitive data)\")";

/// Whether nothing in a request proves who sent it.
fn is_without_proofs(entry: &har::Entry) -> bool {
    let Ok(har::Sent { request: Ok((view, _)), .. }) = &entry.sent else { return false };
    ["authorization", "dpop", "signature"].iter().all(|name| !view.fields().contains(name))
}
