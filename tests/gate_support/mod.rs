//! A host for the gate made of constants: an issuer, an agent, a directory, and a clock that stands still.
#![allow(dead_code, reason = "each test uses another part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::client::Client;
use countersign::config::{Config, Gate};
use countersign::crypto::{PublicKey, Verdict, sha256_base64url};
use countersign::decision::Decision;
use countersign::encoding::base64url;
use countersign::engine::{Answer, Conclusion, Flood, Session, Step};
use countersign::jose::thumbprint;
use countersign::keys::{DIRECTORY_MEDIA_TYPE, KeyResponse, KeySource};
use countersign::memory::Memory;
use countersign::registry::copy::published;
use countersign::request::{Fields, RequestView, Target};
use countersign::revocation::deny_list::DenyList;
use countersign::revocation::{Inquiry, InquiryResponse};
use countersign::signature::digest::content_digest;
use countersign::signature::{Component, Message, SignatureParams, prepare};
use countersign::state::subject::{MemorySubjects, Reply, SubjectCall};
use countersign::time::{UnixMillis, UnixSeconds};
use ed25519_dalek::Signer as _;
use serde_json::{Value, json};

pub(crate) const NOW: i64 = 1_790_000_000;
pub(crate) const ISSUER: &str = "https://auth.example";
pub(crate) const API: &str = "https://api.example";
pub(crate) const AGENT: &str = "https://agents.example";
pub(crate) const JWKS_URI: &str = "https://auth.example/jwks.json";
pub(crate) const DIRECTORY: &str = "https://agents.example/.well-known/http-message-signatures-directory";

pub(crate) const CONFIG: &str = r#"
origin = "http://127.0.0.1:9000"
public_origins = ["https://api.example"]
disclosure = "full"

[[issuers]]
issuer = "https://auth.example"
jwks_uri = "https://auth.example/jwks.json"
audience = ["https://api.example"]
algorithms = ["EdDSA", "ES256"]

[signatures]
trust = ["https://agents.example"]

[[routes]]
match = "POST /checkout"
require = ["signature", "token", "dpop"]
scope = ["order:write"]
components = ["@method", "@path", "content-digest"]
rate = [{ per = "agent", limit = 3, window = "1m" }]

[[routes]]
match = "GET /signed"
require = ["signature"]

[[routes]]
match = "GET /orders"
require = ["token"]
scope = ["order:read"]

[[routes]]
match = "GET /bound"
require = ["token", "dpop"]

[[routes]]
match = "GET /repeatable"
require = ["token", "dpop"]
replay = "none"

[[routes]]
match = "GET /watched"
require = ["token"]
shadow = true

[[routes]]
match = "GET /limited"
require = []
rate = [{ per = "route", limit = 2, window = "1m" }]

[[routes]]
match = "GET /open/**"
require = []
"#;

/// An Ed25519 key pair.
pub(crate) struct Key(ed25519_dalek::SigningKey);

impl Key {
    pub(crate) fn of(seed: u8) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::ed25519(self.0.verifying_key().as_bytes()).unwrap()
    }

    pub(crate) fn jwk(&self) -> Value {
        serde_json::from_str(&self.public().to_jwk()).unwrap()
    }

    pub(crate) fn thumbprint(&self) -> String {
        thumbprint(&self.public())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).to_bytes().to_vec()
    }

    pub(crate) fn jws(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let input = format!("{}.{}", part(header), part(claims));
        format!("{input}.{}", base64url::encode(&self.sign(input.as_bytes())))
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) client: Client,
}

impl Draft {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.into(),
            url: format!("{API}{path}"),
            fields: Vec::new(),
            body: None,
            client: Client::default(),
        }
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = Some(body.into());
        self.field("content-digest", &content_digest(body.as_bytes()))
    }

    pub(crate) fn view(&self) -> RequestView {
        let mut fields = Fields::new();
        for (name, value) in &self.fields {
            fields.push(name, value).unwrap();
        }
        RequestView::new(&self.method, Target::parse(&self.url).unwrap(), fields, self.body.is_some())
            .unwrap()
            .with_client(self.client.clone())
    }

    pub(crate) fn client(self, client: Client) -> Self {
        Self { client, ..self }
    }

    pub(crate) fn signed(self, key: &Key) -> Self {
        let mut components =
            vec!["\"@authority\"", "\"@method\"", "\"@path\"", "\"signature-agent\";key=\"sig1\""];
        if self.body.is_some() {
            components.push("\"content-digest\"");
        }
        self.signed_with(key, &components, |_| {})
    }

    pub(crate) fn signed_with(
        self,
        key: &Key,
        components: &[&str],
        change: impl FnOnce(&mut SignatureParams),
    ) -> Self {
        let draft = self.field("signature-agent", &format!("sig1=\"{AGENT}\""));
        draft.signed_as_is(key, components, change)
    }

    /// Signs with the `Signature-Agent` that is there.
    pub(crate) fn resigned(self, key: &Key, components: &[&str]) -> Self {
        self.signed_as_is(key, components, |_| {})
    }

    fn signed_as_is(self, key: &Key, components: &[&str], change: impl FnOnce(&mut SignatureParams)) -> Self {
        let draft = self;
        let components: Vec<_> = components.iter().map(|c| Component::parse(c).unwrap()).collect();
        let mut params = SignatureParams {
            created: Some(UnixSeconds(NOW)),
            expires: Some(UnixSeconds(NOW + 60)),
            keyid: Some(key.thumbprint()),
            tag: Some("web-bot-auth".into()),
            ..SignatureParams::default()
        };
        change(&mut params);
        let view = draft.view();
        let unsigned = prepare(&Message::request(&view, view.target()), &components, &params).unwrap();
        let signature = key.sign(unsigned.base.as_bytes());
        let fields = unsigned.fields("sig1", &signature).unwrap();
        draft.field("signature-input", &fields.signature_input).field("signature", &fields.signature)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.field("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn dpop(self, token: &str, key: &Key) -> Self {
        self.dpop_with(token, key, |_, _| {})
    }

    pub(crate) fn dpop_with(
        self,
        token: &str,
        key: &Key,
        change: impl FnOnce(&mut Value, &mut Value),
    ) -> Self {
        let mut header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": key.jwk() });
        let mut claims = json!({
            "htm": self.method, "htu": self.url, "iat": NOW, "jti": "proof-1",
            "ath": sha256_base64url(token.as_bytes()),
        });
        change(&mut header, &mut claims);
        let proof = key.jws(&header, &claims);
        self.field("authorization", &format!("DPoP {token}")).field("dpop", &proof)
    }
}

/// The host.
pub(crate) struct World {
    pub(crate) gate: Arc<Gate>,
    pub(crate) memory: RefCell<Memory>,
    pub(crate) issuer: Key,
    pub(crate) agent: Key,
    pub(crate) holder: Key,
    pub(crate) documents: BTreeMap<String, Vec<u8>>,
    pub(crate) fetches: RefCell<Vec<String>>,
    pub(crate) now: UnixMillis,
    /// The objects; `None` where none can be asked.
    pub(crate) subjects: RefCell<Option<MemorySubjects>>,
    /// How many requests there were, so that each decision has an identifier of its own.
    pub(crate) decided: Cell<u16>,
    /// What the flood shield says.
    pub(crate) flood: RefCell<Option<bool>>,
    /// What it was asked.
    pub(crate) floods: RefCell<Vec<Flood>>,
    /// How often they were asked.
    pub(crate) state_calls: RefCell<usize>,
    /// How often KV was asked for a count.
    pub(crate) kv_reads: RefCell<usize>,
    /// How many checks the core asked the host for.
    pub(crate) host_checks: RefCell<usize>,
    /// What the store has of the registry of agents.
    pub(crate) agents: Option<String>,
    /// With which status a URL answers instead of 200; 0 is no answer.
    pub(crate) statuses: BTreeMap<String, u16>,
    /// What other hosts have stored of keys, where this host has a store.
    pub(crate) store: Option<RefCell<BTreeMap<String, String>>>,
    /// What the store has of the deny list.
    pub(crate) denials: Option<String>,
    /// What is answered to inquiries: status and body, by the `token` of the form. All other tokens are not active.
    pub(crate) answers: RefCell<BTreeMap<String, (u16, String)>>,
    /// Whether inquiries get no answer at all.
    pub(crate) is_silent: RefCell<bool>,
    /// The inquiries that were made.
    pub(crate) inquiries: RefCell<Vec<Inquiry>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(CONFIG)
    }

    pub(crate) fn with(config: &str) -> Self {
        let (issuer, agent, holder) = (Key::of(1), Key::of(2), Key::of(3));
        let set = |key: &Key| json!({ "keys": [key.jwk()] }).to_string().into_bytes();
        let documents = BTreeMap::from([(JWKS_URI.into(), set(&issuer)), (DIRECTORY.into(), set(&agent))]);
        Self {
            gate: Arc::new(Gate::new(&Config::from_toml(config).unwrap()).unwrap()),
            memory: RefCell::new(Memory::new(7)),
            issuer,
            agent,
            holder,
            documents,
            fetches: RefCell::default(),
            now: UnixMillis(u64::try_from(NOW).unwrap() * 1000),
            subjects: RefCell::new(Some(MemorySubjects::new(100_000))),
            decided: Cell::new(0x0707),
            flood: RefCell::new(Some(true)),
            floods: RefCell::default(),
            state_calls: RefCell::default(),
            kv_reads: RefCell::default(),
            host_checks: RefCell::default(),
            agents: None,
            statuses: BTreeMap::new(),
            store: None,
            denials: Some(DenyList::default().to_json()),
            answers: RefCell::default(),
            is_silent: RefCell::default(),
            inquiries: RefCell::default(),
        }
    }

    /// A token with everything, changed as asked.
    pub(crate) fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": API, "sub": "person-1", "client_id": "shopper", "jti": "token-1",
            "iat": NOW - 10, "exp": NOW + 600, "scope": "order:read order:write",
        });
        change(&mut claims);
        self.issuer.jws(&json!({ "typ": "at+jwt", "alg": "EdDSA" }), &claims)
    }

    /// A token that is bound to the holder's key.
    pub(crate) fn bound(&self) -> String {
        let jkt = self.holder.thumbprint();
        self.token(|claims| claims["cnf"] = json!({ "jkt": jkt }))
    }

    /// A request with every proof, as it should be.
    pub(crate) fn proven(&self) -> Draft {
        Draft::new("POST", "/checkout")
            .body("{\"total\":1}")
            .dpop(&self.bound(), &self.holder)
            .signed(&self.agent)
    }

    /// What the issuer answers to an inquiry.
    pub(crate) fn answer(&self, memory: &mut Memory, inquiry: Inquiry) {
        let body = inquiry.body().unwrap_or_default();
        let token = body.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
        let answer = self.answers.borrow().get(token).cloned();
        let (status, answer) = answer.unwrap_or_else(|| (200, "{\"active\":false}".into()));
        if *self.is_silent.borrow() {
            memory.inquiry_failed(&inquiry, self.now);
        } else if inquiry.method() == "GET" {
            let document = self.documents.get(inquiry.url()).map(Vec::as_slice);
            let status = if document.is_some() { 200 } else { 404 };
            let response = InquiryResponse::new(status, document.or(Some(b"")))
                .with("content-type", "application/statuslist+jwt");
            let reading = inquiry.read(&response, self.now.seconds());
            let verdicts: Vec<_> =
                reading.checks().iter().map(|check| check.verify() == Verdict::Valid).collect();
            memory.inquiry_answered(&inquiry, reading, &verdicts, self.now);
        } else {
            let response = InquiryResponse::new(status, Some(answer.as_bytes()))
                .with("content-type", "application/json;charset=UTF-8");
            let reading = inquiry.read(&response, self.now.seconds());
            memory.inquiry_answered(&inquiry, reading, &[], self.now);
        }
        self.inquiries.borrow_mut().push(inquiry);
    }

    pub(crate) fn decide(&self, draft: &Draft) -> Decision {
        self.conclude(draft).decision
    }

    pub(crate) fn code(&self, draft: &Draft) -> &'static str {
        self.decide(draft).code
    }

    /// Brings the keys of a source as hosts do: from the store, else from the source.
    pub(crate) fn bring(&self, memory: &mut Memory, source: &KeySource) {
        let stored = self.store.as_ref().and_then(|store| store.borrow().get(&source.name()).cloned());
        if stored.is_some_and(|text| memory.keys_loaded(source, &text, self.now)) {
            return;
        }
        let status = self.statuses.get(source.url()).copied();
        let body = self.documents.get(source.url()).filter(|_| status != Some(0));
        let answered = body.is_some() || status.is_some_and(|status| status != 0);
        let store = if !memory.may_fetch(source, self.now) {
            memory.keys_failed(source, self.now)
        } else if answered {
            self.fetches.borrow_mut().push(source.url().into());
            let body = body.map_or(&[][..], Vec::as_slice);
            let response = KeyResponse::new(status.unwrap_or(200), Some(body));
            let response = response.with("content-type", DIRECTORY_MEDIA_TYPE);
            let reading = source.read(&response, self.now.seconds());
            memory.keys_read(source, reading, &[], self.now).store
        } else {
            self.fetches.borrow_mut().push(source.url().into());
            memory.keys_failed(source, self.now)
        };
        if let (Some(kept), Some((text, _))) = (&self.store, store) {
            kept.borrow_mut().insert(source.name(), text);
        }
    }

    pub(crate) fn conclude(&self, draft: &Draft) -> Conclusion {
        let mut entropy = [7; 10];
        entropy[8..].copy_from_slice(&self.decided.get().to_be_bytes());
        self.decided.set(self.decided.get().wrapping_add(1));
        let mut session = Session::new(Arc::clone(&self.gate), draft.view(), self.now, entropy);
        let mut verdicts: Vec<bool>;
        let mut replies: Vec<Option<Reply>>;
        let mut floods: Vec<Option<bool>>;
        let mut memory = self.memory.borrow_mut();
        let mut step = session.step(&mut memory, self.now, &Answer::Ready);
        for _ in 0..20 {
            let answer = match step {
                Step::Done(conclusion) => return *conclusion,
                Step::Keys(sources) => {
                    for source in sources {
                        self.bring(&mut memory, &source);
                    }
                    Answer::Ready
                }
                Step::Fetch(inquiries) => {
                    for inquiry in inquiries {
                        self.answer(&mut memory, inquiry);
                    }
                    Answer::Ready
                }
                Step::Agents => {
                    let document = self.agents.as_deref().and_then(|agents| published(agents, self.now));
                    memory.agents_loaded(document.as_deref(), self.now);
                    Answer::Ready
                }
                Step::Denials => {
                    let document = self.denials.as_deref().and_then(|list| published(list, self.now));
                    memory.denials_loaded(document.as_deref(), self.now);
                    Answer::Ready
                }
                Step::Wait => Answer::Ready,
                Step::Checks(checks) => {
                    *self.host_checks.borrow_mut() += checks.len();
                    verdicts = checks.iter().map(|check| check.verify() == Verdict::Valid).collect();
                    Answer::Verdicts(&verdicts)
                }
                Step::Body => draft.body.as_ref().map_or(Answer::Body(&[]), |body| Answer::Body(body)),
                Step::Flood(asked) => {
                    let verdict = *self.flood.borrow();
                    floods = asked.iter().map(|_| verdict).collect();
                    self.floods.borrow_mut().extend(asked);
                    Answer::Flood(&floods)
                }
                Step::State(calls) => {
                    *self.state_calls.borrow_mut() += calls.len();
                    let mut subjects = self.subjects.borrow_mut();
                    let answer = |asked: &SubjectCall| {
                        subjects.as_mut().and_then(|all| all.answer(asked.subject, &asked.call, self.now))
                    };
                    replies = calls.iter().map(answer).collect();
                    Answer::State(&replies)
                }
                Step::Limits(asked) => {
                    *self.kv_reads.borrow_mut() += asked.len();
                    for limit in asked {
                        memory.ask(limit, None, self.now);
                    }
                    Answer::Ready
                }
            };
            step = session.step(&mut memory, self.now, &answer);
        }
        panic!("the session does not end");
    }
}

pub(crate) fn header<'a>(decision: &'a Decision, name: &str) -> Option<&'a str> {
    decision.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
}
