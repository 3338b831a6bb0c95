//! A host of the gate that has nothing but what it was given: the time as a value, the outside as files, all state in
//! memory. It answers each step of the core as the Worker does.

use std::sync::Arc;
use std::time::Duration;

use countersign::config::Gate;
use countersign::crypto::{SignatureCheck, Verdict};
use countersign::decision::Decision;
use countersign::engine::{Answer, Conclusion, Session, Step};
use countersign::keys::{KeyResponse, KeySource, MAX_KEY_DOCUMENT_BYTES};
use countersign::memory::Memory;
use countersign::reason::Blame;
use countersign::registry::copy::published;
use countersign::request::RequestView;
use countersign::revocation::{Inquiry, InquiryResponse};
use countersign::state::budget::{OriginAnswer, Reservations};
use countersign::state::subject::{MemorySubjects, Reply, SubjectCall};
use countersign::time::UnixMillis;

use crate::Failure;
use crate::shown::quoted;
use crate::source::Sources;

/// Most rows of all subjects together, as in the npm package.
const MAX_ROWS: usize = 250_000;
/// Most steps of one request: a few dozen at most are needed, and a core that asks on is broken.
const MAX_STEPS: usize = 256;
/// How long a request waits for what another fetches. Nobody else does here, so that time alone passes.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something from outside that was asked for, and is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The URL, or what an option brings.
    pub(crate) what: String,
    /// The option that brings it.
    pub(crate) option: String,
    /// How to get it, where there is a way.
    pub(crate) how: Option<String>,
}

/// What came of a request.
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    pub(crate) missing: Vec<Missing>,
    /// What an operator would find in a log: key sets that cannot be used, and why.
    pub(crate) notes: Vec<String>,
    /// What is reserved of budgets.
    pub(crate) reservations: Option<Reservations>,
    /// Whether a secret that was not given could have changed the decision.
    pub(crate) lacks_secret: bool,
}

impl Decided {
    /// A decision that nothing was asked for.
    pub(crate) fn of(decision: Decision) -> Self {
        Self { decision, missing: Vec::new(), notes: Vec::new(), reservations: None, lacks_secret: false }
    }

    /// Whether the decision says nothing of the request, for want of what the gate would have asked for.
    pub(crate) fn is_for_want(&self) -> bool {
        let is_unavailable = self.decision.reason.is_some_and(|reason| reason.blame() == Blame::Unavailable);
        !self.missing.is_empty() && (is_unavailable || self.lacks_secret) && !self.decision.is_allowed()
    }
}

/// The host.
pub(crate) struct Host {
    gate: Arc<Gate>,
    memory: Memory,
    subjects: MemorySubjects,
    sources: Sources,
    /// The registry of agents and the deny list, as an admin API would have them published.
    agents: Option<String>,
    denials: Option<String>,
    missing: Vec<Missing>,
    notes: Vec<String>,
}

impl Host {
    pub(crate) fn new(gate: Gate, sources: Sources) -> Self {
        Self {
            gate: Arc::new(gate.with_subjects()),
            memory: Memory::new(0),
            subjects: MemorySubjects::new(MAX_ROWS),
            sources,
            agents: None,
            denials: None,
            missing: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The same with what the admin API would have published.
    pub(crate) fn with_published(self, agents: Option<String>, denials: Option<String>) -> Self {
        Self { agents, denials, ..self }
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Forgets all that it has learnt: as after a restart.
    pub(crate) fn restart(&mut self) {
        self.memory = Memory::new(0);
        self.subjects = MemorySubjects::new(MAX_ROWS);
    }

    /// Decides on a request.
    pub(crate) fn decide(
        &mut self,
        view: RequestView,
        content: &[u8],
        now: UnixMillis,
        entropy: [u8; 10],
    ) -> Result<Decided, Failure> {
        let mut session = Session::new(Arc::clone(&self.gate), view, now, entropy);
        let conclusion = self.conclude(&mut session, content, now)?;
        let reservations = conclusion.reservations.clone();
        let (missing, notes) = (std::mem::take(&mut self.missing), std::mem::take(&mut self.notes));
        let decision = self.finish(conclusion, now);
        // What only later requests need is asked for again by them.
        self.missing.clear();
        Ok(Decided { missing, notes, reservations, ..Decided::of(decision) })
    }

    fn conclude(
        &mut self,
        session: &mut Session,
        content: &[u8],
        now: UnixMillis,
    ) -> Result<Conclusion, Failure> {
        let (mut verdicts, mut replies, mut floods): (Vec<bool>, Vec<Option<Reply>>, Vec<Option<bool>>);
        let mut now = now;
        let mut step = session.step(&mut self.memory, now, &Answer::Ready);
        for _ in 0..MAX_STEPS {
            let answer = match step {
                Step::Done(conclusion) => return Ok(*conclusion),
                Step::Keys(sources) => {
                    for source in &sources {
                        self.bring_keys(source, now);
                    }
                    Answer::Ready
                }
                Step::Fetch(inquiries) => {
                    for inquiry in &inquiries {
                        self.bring_answer(inquiry, now);
                    }
                    Answer::Ready
                }
                Step::Agents => {
                    self.bring_agents(now);
                    Answer::Ready
                }
                Step::Denials => {
                    self.bring_denials(now);
                    Answer::Ready
                }
                Step::Wait => {
                    now = now.plus(PATIENCE);
                    Answer::Ready
                }
                Step::Checks(checks) => {
                    verdicts = verify(&checks);
                    Answer::Verdicts(&verdicts)
                }
                Step::Body if content.len() > self.gate.max_body_bytes() => Answer::BodyTooLarge,
                Step::Body => Answer::Body(content),
                // The platform's shield is not here; nobody floods.
                Step::Flood(asked) => {
                    floods = vec![Some(true); asked.len()];
                    Answer::Flood(&floods)
                }
                Step::State(calls) => {
                    replies = self.ask(&calls, now);
                    Answer::State(&replies)
                }
                // Nobody else counts.
                Step::Limits(asked) => {
                    for limit in asked {
                        self.memory.ask(limit, None, now);
                    }
                    Answer::Ready
                }
            };
            step = session.step(&mut self.memory, now, &answer);
        }
        Err(Failure::new("the gate does not come to a decision; that is a bug of countersign"))
    }

    /// Does what is left to do after a decision.
    fn finish(&mut self, conclusion: Conclusion, now: UnixMillis) -> Decision {
        for source in &conclusion.refresh {
            self.bring_keys(source, now);
        }
        for inquiry in &conclusion.inquiries {
            self.bring_answer(inquiry, now);
        }
        if conclusion.refresh_agents {
            self.bring_agents(now);
        }
        if conclusion.refresh_denials {
            self.bring_denials(now);
        }
        self.ask(&conclusion.after, now);
        conclusion.decision
    }

    /// Says what the origin answered to a request that was allowed, so that its budgets are settled.
    pub(crate) fn settle(&mut self, reservations: &Reservations, answer: &OriginAnswer<'_>, now: UnixMillis) {
        self.ask(&reservations.settle(answer), now);
    }

    fn ask(&mut self, calls: &[SubjectCall], now: UnixMillis) -> Vec<Option<Reply>> {
        calls.iter().map(|asked| self.subjects.answer(asked.subject, &asked.call, now)).collect()
    }

    fn bring_keys(&mut self, source: &KeySource, now: UnixMillis) {
        let url = source.url();
        if !self.gate.may_fetch(url) {
            self.notes.push(format!("{url} is not fetched: a gate takes keys by https only"));
        } else if !self.memory.may_fetch(source, now) {
            self.notes.push(format!("{url} is not fetched: too many new directories of its origin"));
        } else if let Some(found) = self.sources.at(url) {
            let mut response = KeyResponse::new(found.status(), found.body(MAX_KEY_DOCUMENT_BYTES));
            for (name, value) in found.fields(source.accept()) {
                response = response.with(name, value);
            }
            let reading = source.read(&response, now.seconds());
            let verdicts = verify(&reading.checks());
            let taken = self.memory.keys_read(source, reading, &verdicts, now);
            self.notes.extend(taken.lines().map(|line| format!("{url}: {line}")));
            return;
        } else {
            self.lacks_url(url, Some(saving(url, source.accept())));
        }
        self.memory.keys_failed(source, now);
    }

    fn bring_answer(&mut self, inquiry: &Inquiry, now: UnixMillis) {
        let url = inquiry.url();
        let Some(found) = self.sources.at(url).filter(|_| self.gate.may_fetch(url)) else {
            // What is asked by POST has a token in it, and the gate's own credentials.
            let how = (inquiry.method() == "GET").then(|| saving(url, inquiry.accept()));
            self.lacks_url(url, how);
            self.memory.inquiry_failed(inquiry, now);
            return;
        };
        let mut response = InquiryResponse::new(found.status(), found.body(inquiry.max_bytes()));
        for (name, value) in found.fields(inquiry.accept()) {
            response = response.with(name, value);
        }
        let reading = inquiry.read(&response, now.seconds());
        let verdicts = verify(reading.checks());
        let taken = self.memory.inquiry_answered(inquiry, reading, &verdicts, now);
        self.notes.extend(taken.error.map(|error| format!("{url}: {error}")));
    }

    fn bring_agents(&mut self, now: UnixMillis) {
        let document = self.agents.as_deref().and_then(|text| publication(text, now));
        if document.is_none() {
            self.lacks("the registry of agents", "--agents FILE");
        }
        if document.is_none() || !self.memory.agents_loaded(document.as_deref(), now) {
            self.memory.agents_failed(now);
        }
    }

    fn bring_denials(&mut self, now: UnixMillis) {
        let document = self.denials.as_deref().and_then(|text| publication(text, now));
        if document.is_none() {
            self.lacks("the deny list", "--deny-list FILE");
        }
        if document.is_none() || !self.memory.denials_loaded(document.as_deref(), now) {
            self.memory.denials_failed(now);
        }
    }

    fn lacks_url(&mut self, url: &str, how: Option<String>) {
        let option = format!("--source {}", quoted(&format!("{url}=FILE")));
        self.push(Missing { what: url.to_owned(), option, how });
    }

    fn lacks(&mut self, what: &str, option: &str) {
        self.push(Missing { what: what.to_owned(), option: option.to_owned(), how: None });
    }

    fn push(&mut self, missing: Missing) {
        if !self.missing.contains(&missing) {
            self.missing.push(missing);
        }
    }
}

/// What saves an answer when it is pasted into a shell. The URL is a stranger's: it is one word there, and curl takes no
/// brackets of it for a range.
fn saving(url: &str, accept: &str) -> String {
    format!("curl -sS -i -g -H {} -o FILE {}", quoted(&format!("Accept: {accept}")), quoted(url))
}

fn verify(checks: &[SignatureCheck]) -> Vec<bool> {
    checks.iter().map(|check| check.verify() == Verdict::Valid).collect()
}

/// A document of the admin API as it would have been published just now: whoever gives it vouches for it.
fn publication(document: &str, now: UnixMillis) -> Option<String> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(document).ok()?;
    let members: serde_json::Map<_, _> =
        members.into_iter().filter(|(name, _)| name != "published_at").collect();
    published(&serde_json::Value::Object(members).to_string(), now)
}
