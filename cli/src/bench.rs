//! `bench`: what decisions cost on this machine, with requests that are the same at each run.
//!
//! An issuer, an agent and a holder of tokens are made from fixed seeds, and every request is signed before the clock is
//! looked at. Warm is a gate that has seen the agent before: its keys and its token are known, and a key that is used
//! often has a table. Cold is one that was just started, for each request anew.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use countersign::config::{Config, Gate};
use countersign::crypto::{PublicKey, sha256_base64url};
use countersign::encoding::base64url;
use countersign::jose::thumbprint;
use countersign::request::{Fields, RequestView, Target};
use countersign::signature::digest::content_digest;
use countersign::signature::{Component, Message, SignatureParams, prepare};
use countersign::time::{UnixMillis, UnixSeconds};
use ed25519_compact::{KeyPair, Seed};
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};

use crate::arguments::Input;
use crate::host::Host;
use crate::source::{Source, Sources};
use crate::{Failure, Report};

/// Decisions of each kind, unless told.
const COUNT: usize = 1000;
/// Most that one can ask for: each is made beforehand, of some KiB.
const MAX_COUNT: usize = 100_000;
/// Decisions before those that count, as often as it takes until keys have tables.
const WARM_UP: usize = 32;

const NOW: i64 = 1_790_000_000;
const API: &str = "https://api.example";
const ISSUER: &str = "https://auth.example";
const JWKS: &str = "https://auth.example/jwks.json";
const AGENT: &str = "https://agents.example";
const DIRECTORY: &str = "https://agents.example/.well-known/http-message-signatures-directory";

const CONFIG: &str = r#"
origin = "https://origin.example"
public_origins = ["https://api.example"]
[[issuers]]
issuer = "https://auth.example"
jwks_uri = "https://auth.example/jwks.json"
audience = ["https://api.example"]
algorithms = ["EdDSA", "ES256"]
[signatures]
trust = ["https://agents.example"]
[[routes]]
match = "GET /signed"
require = ["signature"]
[[routes]]
match = "GET /token"
require = ["token", "dpop"]
scope = ["order:read"]
[[routes]]
match = "POST /proven"
require = ["signature", "token", "dpop"]
scope = ["order:write"]
components = ["@method", "@path", "content-digest"]
[[routes]]
match = "GET /bare"
require = ["signature"]
"#;

/// What a request brings.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    is_signed: bool,
    /// The algorithm of the proof; none without a token.
    proof: Option<&'static str>,
    code: &'static str,
}

const KINDS: [Kind; 5] = [
    kind("signature (Ed25519)", "GET", "/signed", true, None, "ok"),
    kind("token (EdDSA) and proof (EdDSA)", "GET", "/token", false, Some("EdDSA"), "ok"),
    kind("token (EdDSA) and proof (ES256)", "GET", "/token", false, Some("ES256"), "ok"),
    kind("signature, token, proof, digest", "POST", "/proven", true, Some("EdDSA"), "ok"),
    kind("nothing, and is refused", "GET", "/bare", false, None, "signature.missing"),
];

const fn kind(
    name: &'static str,
    method: &'static str,
    path: &'static str,
    is_signed: bool,
    proof: Option<&'static str>,
    code: &'static str,
) -> Kind {
    Kind { name, method, path, is_signed, proof, code }
}

/// What was measured.
struct Measured {
    name: &'static str,
    memory: &'static str,
    decisions: usize,
    median: Duration,
    p99: Duration,
    mean: Duration,
}

pub(crate) fn run(input: &Input) -> Result<Report, Failure> {
    let count = match input.value("count").map(str::parse) {
        None => COUNT,
        Some(Ok(count @ 1..=MAX_COUNT)) => count,
        Some(_) => return Err(Failure::new(format!("--count is a number from 1 to {MAX_COUNT}"))),
    };
    let world = World::new()?;
    let mut measured = Vec::new();
    for kind in KINDS {
        let requests = world.requests(kind, count + WARM_UP)?;
        for is_cold in [false, true] {
            measured.push(measure(kind, &requests, is_cold)?);
        }
    }
    Ok(Report::good(if input.has("json") { as_json(&measured) } else { as_text(&measured) }))
}

fn measure(kind: Kind, requests: &[(RequestView, Vec<u8>)], is_cold: bool) -> Result<Measured, Failure> {
    let now = UnixMillis(NOW.unsigned_abs() * 1000);
    let mut host = host()?;
    let mut times = Vec::with_capacity(requests.len());
    for (index, (view, content)) in requests.iter().enumerate() {
        if is_cold {
            host.restart();
        }
        let view = view.clone();
        let mut entropy = [0; 10];
        entropy.iter_mut().zip(index.to_be_bytes()).for_each(|(byte, of)| *byte = of);
        let began = Instant::now();
        let decided = black_box(host.decide(black_box(view), content, now, entropy))?;
        let took = began.elapsed();
        if decided.decision.code != kind.code {
            let code = decided.decision.code;
            return Err(Failure::new(format!("{}: {code}; that is a bug of countersign", kind.name)));
        }
        times.push(took);
    }
    let mut times = times.split_off(WARM_UP.min(times.len()));
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
    let total: Duration = times.iter().sum();
    Ok(Measured {
        name: kind.name,
        memory: if is_cold { "cold" } else { "warm" },
        decisions: times.len(),
        median: at(50).copied().unwrap_or_default(),
        p99: at(99).copied().unwrap_or_default(),
        mean: total.checked_div(u32::try_from(times.len()).unwrap_or(u32::MAX)).unwrap_or_default(),
    })
}

fn as_text(measured: &[Measured]) -> String {
    let mut text = format!(
        "{:33} {:6} {:>9} {:>11} {:>11} {:>11}\n",
        "what is proven", "memory", "decisions", "median", "p99", "per second"
    );
    for Measured { name, memory, decisions, median, p99, mean } in measured {
        let micros = |time: &Duration| format!("{:.1} µs", time.as_secs_f64() * 1e6);
        let a_second = 1.0 / mean.as_secs_f64().max(f64::EPSILON);
        // Writing to a `String` does not fail.
        let _ = writeln!(
            text,
            "{name:33} {memory:6} {decisions:>9} {:>11} {:>11} {a_second:>11.0}",
            micros(median),
            micros(p99)
        );
    }
    if cfg!(debug_assertions) {
        text.push_str("this is a debug build; a release build is several times as fast\n");
    }
    text
}

fn as_json(measured: &[Measured]) -> String {
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let one = |m: &Measured| {
        json!({
            "name": m.name, "memory": m.memory, "decisions": m.decisions,
            "median_ns": nanos(m.median), "p99_ns": nanos(m.p99), "mean_ns": nanos(m.mean),
        })
    };
    let debug = cfg!(debug_assertions);
    format!("{}\n", json!({ "debug": debug, "measured": measured.iter().map(one).collect::<Vec<_>>() }))
}

/// A key pair.
enum Pair {
    Ed25519(Box<KeyPair>),
    P256(Box<p256::ecdsa::SigningKey>),
}

impl Pair {
    fn ed25519(seed: u8) -> Self {
        Self::Ed25519(Box::new(KeyPair::from_seed(Seed::new([seed; 32]))))
    }

    fn p256(seed: u8) -> Result<Self, Failure> {
        let key = p256::ecdsa::SigningKey::from_slice(&[seed; 32]).map_err(|_| broken())?;
        Ok(Self::P256(Box::new(key)))
    }

    fn public(&self) -> Result<PublicKey, Failure> {
        match self {
            Self::Ed25519(pair) => PublicKey::ed25519(pair.pk.as_slice()).map_err(|_| broken()),
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = (point.x().map(|x| x.to_vec()), point.y().map(|y| y.to_vec()));
                PublicKey::p256(&x.unwrap_or_default(), &y.unwrap_or_default()).map_err(|_| broken())
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(pair) => pair.sk.sign(message, None).to_vec(),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
        }
    }

    fn jws(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let input = format!("{}.{}", part(header), part(claims));
        format!("{input}.{}", base64url::encode(&self.sign(input.as_bytes())))
    }
}

fn broken() -> Failure {
    Failure::new("the benchmark cannot make its requests; that is a bug of countersign")
}

fn issuer() -> Pair {
    Pair::ed25519(1)
}

fn agent() -> Pair {
    Pair::ed25519(2)
}

fn host() -> Result<Host, Failure> {
    let config = Config::from_toml(CONFIG).map_err(|_| broken())?;
    let gate = Gate::new(&config).map_err(|_| broken())?;
    let mut sources = Sources::default();
    for (url, key) in [(JWKS, issuer()), (DIRECTORY, agent())] {
        let set = format!("{{\"keys\":[{}]}}", key.public()?.to_jwk());
        sources.push(Source::new(url, set.into_bytes()).map_err(|_| broken())?);
    }
    Ok(Host::new(gate, sources))
}

/// Who sends requests.
struct World {
    agent: Pair,
    holders: [(&'static str, Pair); 2],
}

impl World {
    fn new() -> Result<Self, Failure> {
        Ok(Self { agent: agent(), holders: [("EdDSA", Pair::ed25519(3)), ("ES256", Pair::p256(4)?)] })
    }

    /// Requests of one agent with one token, each with a signature and a proof of its own: none is a replay.
    fn requests(&self, kind: Kind, count: usize) -> Result<Vec<(RequestView, Vec<u8>)>, Failure> {
        let token = kind.proof.map(|alg| self.token(alg)).transpose()?;
        (0..count).map(|number| self.request(kind, token.as_deref(), number)).collect()
    }

    fn holder(&self, alg: &str) -> Result<&Pair, Failure> {
        let holder = self.holders.iter().find(|(name, _)| *name == alg);
        holder.map(|(_, pair)| pair).ok_or_else(broken)
    }

    fn token(&self, alg: &str) -> Result<String, Failure> {
        let jkt = thumbprint(&self.holder(alg)?.public()?);
        let claims = json!({
            "iss": ISSUER, "aud": API, "sub": "person-1", "client_id": "shopper", "jti": "token-1",
            "iat": NOW - 10, "exp": NOW + 600, "scope": "order:read order:write", "cnf": { "jkt": jkt },
        });
        Ok(issuer().jws(&json!({ "typ": "at+jwt", "alg": "EdDSA" }), &claims))
    }

    fn request(
        &self,
        kind: Kind,
        token: Option<&str>,
        number: usize,
    ) -> Result<(RequestView, Vec<u8>), Failure> {
        let url = format!("{API}{}", kind.path);
        let content = if kind.method == "POST" {
            br#"{"cart":"c-1842","total":"129.90"}"#.to_vec()
        } else {
            Vec::new()
        };
        let mut lines = vec![
            ("host", "api.example".to_owned()),
            ("user-agent", "ShoppingAgent/1.0".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        if !content.is_empty() {
            lines.push(("content-type", "application/json".to_owned()));
            lines.push(("content-digest", content_digest(&content)));
        }
        if let (Some(token), Some(alg)) = (token, kind.proof) {
            lines.push(("authorization", format!("DPoP {token}")));
            lines.push(("dpop", self.proof(alg, kind.method, &url, token, number)?));
        }
        if kind.is_signed {
            lines.push(("signature-agent", format!("sig1=\"{AGENT}\"")));
            let view = view(kind.method, &url, &lines, !content.is_empty())?;
            lines.extend(self.signature(&view, number)?);
        }
        Ok((view(kind.method, &url, &lines, !content.is_empty())?, content))
    }

    fn proof(
        &self,
        alg: &str,
        method: &str,
        url: &str,
        token: &str,
        number: usize,
    ) -> Result<String, Failure> {
        let holder = self.holder(alg)?;
        let jwk: Value = serde_json::from_str(&holder.public()?.to_jwk()).map_err(|_| broken())?;
        let claims = json!({
            "htm": method, "htu": url, "iat": NOW, "jti": format!("proof-{number:016}"),
            "ath": sha256_base64url(token.as_bytes()),
        });
        Ok(holder.jws(&json!({ "typ": "dpop+jwt", "alg": alg, "jwk": jwk }), &claims))
    }

    fn signature(&self, view: &RequestView, number: usize) -> Result<[(&'static str, String); 2], Failure> {
        let mut covered =
            vec!["\"@authority\"", "\"@method\"", "\"@path\"", "\"signature-agent\";key=\"sig1\""];
        if view.has_body() {
            covered.push("\"content-digest\"");
        }
        let components: Result<Vec<_>, _> = covered.into_iter().map(Component::parse).collect();
        let params = SignatureParams {
            created: Some(UnixSeconds(NOW)),
            expires: Some(UnixSeconds(NOW + 60)),
            keyid: Some(thumbprint(&self.agent.public()?)),
            nonce: Some(format!("nonce-{number:016}")),
            tag: Some("web-bot-auth".to_owned()),
            ..SignatureParams::default()
        };
        let message = Message::request(view, view.target());
        let unsigned =
            prepare(&message, &components.map_err(|_| broken())?, &params).map_err(|_| broken())?;
        let signature = self.agent.sign(unsigned.base.as_bytes());
        let fields = unsigned.fields("sig1", &signature).map_err(|_| broken())?;
        Ok([("signature-input", fields.signature_input), ("signature", fields.signature)])
    }
}

fn view(method: &str, url: &str, lines: &[(&str, String)], has_body: bool) -> Result<RequestView, Failure> {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.push(name, value).map_err(|_| broken())?;
    }
    let target = Target::parse(url).map_err(|_| broken())?;
    RequestView::new(method, target, fields, has_body).map_err(|_| broken())
}
