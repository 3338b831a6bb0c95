//! What operators fetch: the metrics of all isolates, and the ledger of the audit log. Each has a secret of its own, sent as a
//! bearer token (RFC 6750 §2.1), which is what collectors can do; without its secret, there is no such document.

use std::rc::Rc;

use countersign::audit::ledger::{self, LEDGER_TYPE, MAX_PAGE};
use countersign::config::{ConfigError, PublicOrigin};
use countersign::crypto::{constant_time_eq, sha256};
use countersign::metrics::openmetrics::MEDIA_TYPE;
use countersign::request::Target;
use web_sys::{Request, Response};
use worker::{Env, Result, console_error};

use crate::isolate::{Isolate, now};
use crate::well_known::respond;
use crate::{journal, metrics};

const METRICS_PATH: &str = "/.well-known/countersign/metrics";
const LEDGER_PATH: &str = "/.well-known/countersign/audit";
/// The secret that opens the metrics.
pub(crate) const METRICS_TOKEN: &str = "GATE_METRICS_TOKEN";
/// The secret that opens the ledger.
pub(crate) const AUDIT_TOKEN: &str = "GATE_AUDIT_TOKEN";
/// Fewest characters of a secret: 32, which no one guesses where they are random.
const LEAST_CHARACTERS: usize = 32;
/// Most pages of the ledger in one answer: a hundred thousand shards. `?after=` has those behind them.
const MAX_PAGES: usize = 100;

/// What each document is opened with: digests, so that comparing tells nothing of a length.
pub(crate) struct Tokens {
    metrics: Option<[u8; 32]>,
    audit: Option<[u8; 32]>,
}

impl Tokens {
    /// Reads the secrets. Each needs what it opens.
    pub(crate) fn read(env: &Env, has_audit: bool) -> core::result::Result<Self, ConfigError> {
        let audit = token(env, AUDIT_TOKEN)?;
        if audit.is_some() && !has_audit {
            let message = "is set, and there is no [audit]; configure it, or remove the secret";
            return Err(ConfigError { path: AUDIT_TOKEN.into(), message: message.into() });
        }
        Ok(Self { metrics: token(env, METRICS_TOKEN)?, audit })
    }

    /// Whether anybody can read the metrics.
    pub(crate) fn open_metrics(&self) -> bool {
        self.metrics.is_some()
    }
}

fn token(env: &Env, name: &str) -> core::result::Result<Option<[u8; 32]>, ConfigError> {
    let fault = |message: &str| ConfigError { path: name.into(), message: message.into() };
    let Ok(secret) = env.secret(name).map(|secret| secret.to_string()) else { return Ok(None) };
    if secret.len() < LEAST_CHARACTERS || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(fault("is not a token; set it to 32 random characters or more, without spaces"));
    }
    if !journal::is_bound(env) {
        return Err(fault(
            "is set, and JOURNAL is not bound; bind the Durable Object class Journal under this name",
        ));
    }
    Ok(Some(sha256(secret.as_bytes())))
}

/// The answer, where the request is for one of these documents.
pub(crate) async fn serve(isolate: &Rc<Isolate>, request: &Request, env: &Env) -> Option<Result<Response>> {
    let url = request.url();
    if !url.contains("/.well-known/") || !matches!(request.method().as_str(), "GET" | "HEAD") {
        return None;
    }
    let target = Target::parse(&url).ok()?;
    let (token, is_metrics) = match target.path() {
        METRICS_PATH => (isolate.tokens.metrics, true),
        LEDGER_PATH => (isolate.tokens.audit, false),
        _ => return None,
    };
    // Without its secret, it is a path like any other.
    let token = token?;
    if !is_opened(request, &token) {
        let fields = [
            ("WWW-Authenticate", "Bearer realm=\"countersign\"".to_owned()),
            ("Cache-Control", "no-store".to_owned()),
        ];
        return Some(respond(401, None, &fields));
    }
    let (kind, text) = if is_metrics {
        metrics::tell(isolate, env).await;
        (MEDIA_TYPE, journal::metrics(env).await)
    } else {
        ("application/jose", pages(isolate, env, after(target.query())).await)
    };
    let fields = [("Content-Type", kind.to_owned()), ("Cache-Control", "no-store".to_owned())];
    Some(if let Ok(text) = text {
        respond(200, Some(&text), &fields)
    } else {
        console_error!("countersign cannot reach its journal");
        respond(503, None, &[("Cache-Control", "no-store".to_owned())])
    })
}

fn is_opened(request: &Request, token: &[u8; 32]) -> bool {
    let field = request.headers().get("authorization").ok().flatten().unwrap_or_default();
    let (scheme, given) = field.split_once(' ').unwrap_or_default();
    scheme.eq_ignore_ascii_case("bearer") && constant_time_eq(&sha256(given.trim().as_bytes()), token)
}

fn after(query: Option<&str>) -> u64 {
    query
        .and_then(|query| query.strip_prefix("after="))
        .and_then(|after| after.parse().ok())
        .unwrap_or_default()
}

/// The ledger, a signed page a line.
async fn pages(isolate: &Isolate, env: &Env, mut after: u64) -> Result<String> {
    let issuer = isolate.gate.public_origins().first().map(PublicOrigin::url).unwrap_or_default();
    let mut text = String::new();
    for _ in 0..MAX_PAGES {
        let (page, total, forgotten) = journal::page(env, after).await?;
        let claims = ledger::claims(&issuer, &page, total, forgotten, now());
        text.push_str(&isolate.signer.statement(LEDGER_TYPE, &claims).await?);
        text.push('\n');
        match page.last() {
            Some(last) if page.len() >= MAX_PAGE => after = last.number,
            _ => break,
        }
    }
    Ok(text)
}
