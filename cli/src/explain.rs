//! `explain`: why a request was refused, for a person who wants to change that.
//!
//! What a token or a proof says of itself is shown from what was sent, whether it was believed or not, and is marked so.

use std::fmt::Write as _;

use countersign::config::{Disclosure, Gate};
use countersign::jose::Jws;
use countersign::reason::Reason;
use countersign::request::{Fields, RequestView};
use countersign::signature::{ACCEPT_SIGNATURE, AcceptSignature, Component, PresentedSignature, present};
use countersign::time::UnixSeconds;
use serde_json::{Map, Value, json};

use crate::arguments::Input;
use crate::decide::{self, Judged};
use crate::diff::{self, Line};
use crate::paint::Paint;
use crate::shown::{self, printable};
use crate::{Failure, Report, advice, codes, http, input, time};

pub(crate) fn run(input: &Input) -> Result<Report, Failure> {
    let signer = input.value("signer-base").map(signer_base).transpose()?;
    let judgement = decide::judge(input, Some(Disclosure::Explain))?;
    let gate = std::sync::Arc::clone(&judgement.gate);
    let paint = Paint::of_stdout();
    let is_json = input.has("json");
    let show = |judged: &Judged| {
        let explained = Explained::of(judged, &gate, signer.as_deref());
        if is_json {
            let more = Map::from_iter([("explanation".to_owned(), explained.as_json(judged.now.seconds()))]);
            judged.to_json(more)
        } else {
            explained.as_text(judged, paint)
        }
    };
    Ok(judgement.report(is_json, show))
}

/// The base that a signer says it has signed, without the line end that an editor puts after it.
fn signer_base(file: &str) -> Result<String, Failure> {
    let text = String::from_utf8(input::read_bytes(file, http::MAX_BYTES)?)
        .map_err(|_| Failure::new(format!("{file}: is not UTF-8, as a signature base is")))?;
    Ok(text
        .strip_suffix('\n')
        .map_or(text.clone(), |text| text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// What there is to say beyond the decision.
struct Explained<'a> {
    reason: Option<Reason>,
    signatures: Vec<PresentedSignature>,
    token: Option<Said>,
    proof: Option<Said>,
    missing_scopes: Vec<String>,
    missing_components: Vec<String>,
    base: Option<&'a str>,
    /// What was signed instead: by its signer's word, or because the signature holds for it.
    signed: Option<String>,
    hint: Option<&'a str>,
}

/// What a token or a proof says of itself; nobody has verified it here.
struct Said {
    members: Vec<(&'static str, String)>,
    times: Vec<(&'static str, UnixSeconds)>,
}

impl<'a> Explained<'a> {
    fn of(judged: &'a Judged, gate: &Gate, signer: Option<&str>) -> Self {
        let decision = &judged.decided.decision;
        let fields = judged.view.as_ref().map(RequestView::fields);
        let signatures = fields.and_then(|fields| present(fields).ok()).unwrap_or_default();
        let explanation = decision.explanation.as_ref();
        let reason = decision.reason;
        let missing_components = match reason {
            Some(Reason::SignatureComponentNotCovered | Reason::SignatureAgentNotCovered) => {
                missing_components(judged, &signatures)
            }
            _ => Vec::new(),
        };
        let missing_scopes = match reason {
            Some(Reason::PolicyScopeMissing) => missing_scopes(judged, gate),
            _ => Vec::new(),
        };
        Self {
            reason,
            token: fields.and_then(token).and_then(|text| said(&text, &TOKEN_MEMBERS, &TOKEN_TIMES)),
            proof: fields.and_then(|fields| said(fields.lines("dpop").next()?, &PROOF_MEMBERS, &["iat"])),
            signatures,
            missing_scopes,
            missing_components,
            base: explanation.and_then(|explanation| explanation.base.as_deref()),
            signed: signer
                .map(str::to_owned)
                .or_else(|| explanation.and_then(|explanation| explanation.signed.clone())),
            hint: explanation.and_then(|explanation| Some(explanation.hint.as_ref()?.text.as_str())),
        }
    }

    fn diff(&self) -> Vec<Line<'_>> {
        match (&self.base, &self.signed) {
            (Some(base), Some(signed)) => diff::lines(base, signed),
            _ => Vec::new(),
        }
    }

    fn as_json(&self, now: UnixSeconds) -> Value {
        let signature = |signature: &PresentedSignature| {
            let params = signature.params();
            let components: Vec<_> = signature.components().iter().map(Component::identifier).collect();
            json!({
                "label": signature.label(), "components": components, "keyid": params.keyid, "tag": params.tag,
                "created": params.created.map(|time| time.0), "expires": params.expires.map(|time| time.0),
            })
        };
        let diff: Vec<_> = self
            .diff()
            .iter()
            .map(|line| json!({ "mark": line.mark().to_string(), "line": line.text() }))
            .collect();
        let mut value = json!({
            "now": now.0,
            "signatures": self.signatures.iter().map(signature).collect::<Vec<_>>(),
            "token": self.token.as_ref().map(Said::as_json), "proof": self.proof.as_ref().map(Said::as_json),
            "missing_scopes": self.missing_scopes, "missing_components": self.missing_components,
            "base": self.base, "signed": self.signed, "diff": diff, "hint": self.hint,
        });
        if let (Some(reason), Some(members)) = (self.reason, value.as_object_mut()) {
            members.insert("blame".to_owned(), codes::name(reason.blame()).into());
            members.insert("meaning".to_owned(), reason.title().into());
            members.insert("advice".to_owned(), advice::about(reason).into());
        }
        value
    }

    fn as_text(&self, judged: &Judged, paint: Paint) -> String {
        let now = judged.now.seconds();
        let mut text = shown::decision(judged);
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "\n{}", paint.bold(&format!("decided at {} ({})", time::shown(now), now.0)));
        for signature in &self.signatures {
            text.push_str(&signature_text(signature, now));
        }
        for (name, said) in [("token", &self.token), ("proof", &self.proof)] {
            if let Some(said) = said {
                let _ = write!(text, "  the {name} says of itself\n{}", said.as_text(now));
            }
        }
        for (what, missing) in
            [("scopes missing", &self.missing_scopes), ("components missing", &self.missing_components)]
        {
            if !missing.is_empty() {
                let _ = writeln!(text, "  {what}: {}", printable(&missing.join(" ")));
            }
        }
        self.push_base(&mut text, paint);
        if !judged.decided.notes.is_empty() {
            let _ = writeln!(text, "\n{}", paint.bold("for the operator's log"));
            for note in &judged.decided.notes {
                let _ = writeln!(text, "  {}", printable(note));
            }
        }
        if let Some(reason) = self.reason {
            let blame = reason.blame();
            let _ = writeln!(text, "\n{}", paint.bold("what to do"));
            let _ = writeln!(text, "  {}: {}", codes::name(blame), codes::meaning(blame));
            if let Some(hint) = self.hint {
                let _ = writeln!(text, "  {}", printable(hint));
            }
            // Which mistake it was is known: what else it could be is not.
            if self.hint.is_none() || reason != Reason::SignatureInvalid {
                let _ = writeln!(text, "  {}", advice::about(reason));
            }
        }
        text
    }

    /// The base that was expected, or how what was signed differs from it.
    fn push_base(&self, text: &mut String, paint: Paint) {
        let Some(base) = self.base else { return };
        let diff = self.diff();
        if diff.is_empty() {
            let _ = writeln!(text, "\n{}", paint.bold("the signature base that was expected"));
            for line in base.split('\n') {
                let _ = writeln!(text, "  {}", printable(line));
            }
            return;
        }
        let title = "the signature base: - expected, + signed";
        let _ = writeln!(text, "\n{}", paint.bold(title));
        if diff.iter().all(|line| matches!(line, Line::Same(_))) {
            let _ =
                writeln!(text, "  both are the same: it was signed with another key, or another algorithm");
        }
        for line in diff {
            let shown = format!("{} {}", line.mark(), visible(line.text()));
            let shown = match line {
                Line::Same(_) => paint.faint(&shown),
                Line::Removed(_) => paint.good(&shown),
                Line::Added(_) => paint.bad(&shown),
            };
            let _ = writeln!(text, "  {shown}");
        }
    }
}

/// A line with what nobody sees at its end made visible.
fn visible(line: &str) -> String {
    let seen = line.trim_end_matches('\r');
    let text = printable(seen);
    let end = if seen.len() < line.len() { "<CR>" } else { "" };
    let spaces = text.len() - text.trim_end_matches(' ').len();
    if spaces > 0 {
        format!("{}{}{end}", text.trim_end_matches(' '), "<SP>".repeat(spaces))
    } else {
        text + end
    }
}

fn signature_text(signature: &PresentedSignature, now: UnixSeconds) -> String {
    let params = signature.params();
    let mut text = format!("  signature {}\n", printable(signature.label()));
    let covered: Vec<_> = signature.components().iter().map(Component::identifier).collect();
    for (name, value) in [
        ("covers", Some(covered.join(" "))),
        ("keyid", params.keyid.clone()),
        ("tag", params.tag.clone()),
        ("created", params.created.map(|time| when(time, now))),
        ("expires", params.expires.map(|time| when(time, now))),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "    {name:10} {}", printable(&value));
        }
    }
    text
}

fn when(time: UnixSeconds, now: UnixSeconds) -> String {
    format!("{} ({}), {}", time.0, time::shown(time), time::from_now(time, now))
}

const TOKEN_MEMBERS: [&str; 6] = ["iss", "aud", "client_id", "sub", "scope", "jti"];
const TOKEN_TIMES: [&str; 4] = ["iat", "nbf", "exp", "auth_time"];
const PROOF_MEMBERS: [&str; 4] = ["htm", "htu", "jti", "nonce"];

/// The token of the request, under either scheme.
fn token(fields: &Fields) -> Option<String> {
    let line = fields.lines("authorization").next()?;
    let (scheme, token) = line.split_once(' ')?;
    let is_known = ["bearer", "dpop"].contains(&scheme.to_ascii_lowercase().as_str());
    is_known.then(|| token.trim().to_owned())
}

/// What a JWS says in these members. `None` where it is no JWS with claims.
fn said(text: &str, members: &[&'static str], times: &[&'static str]) -> Option<Said> {
    let jws = Jws::parse(text).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(jws.payload()).ok()?;
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut said: Vec<(&'static str, String)> = vec![("alg", jws.algorithm_name().to_owned())];
    said.extend(jws.typ().map(|typ| ("typ", typ.to_owned())));
    said.extend(jws.kid().map(|kid| ("kid", kid.to_owned())));
    said.extend(members.iter().filter_map(|name| Some((*name, shown(claims.get(*name)?)))));
    let jkt = claims.get("cnf").and_then(|cnf| cnf.get("jkt")?.as_str());
    said.extend(jkt.map(|jkt| ("cnf.jkt", jkt.to_owned())));
    let time = |name: &&'static str| Some((*name, UnixSeconds(claims.get(*name)?.as_i64()?)));
    Some(Said { members: said, times: times.iter().filter_map(time).collect() })
}

impl Said {
    fn as_json(&self) -> Value {
        let members =
            self.members.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
        let times = self.times.iter().map(|(name, time)| ((*name).to_owned(), Value::from(time.0)));
        Value::Object(members.chain(times).collect())
    }

    fn as_text(&self, now: UnixSeconds) -> String {
        let members = self.members.iter().map(|(name, value)| (*name, value.clone()));
        let times = self.times.iter().map(|(name, time)| (*name, when(*time, now)));
        members.chain(times).fold(String::new(), |mut text, (name, value)| {
            // Writing to a `String` does not fail.
            let _ = writeln!(text, "    {name:10} {}", printable(&value));
            text
        })
    }
}

/// The scopes that the challenge demands, as the token does not have them.
fn missing_scopes(judged: &Judged, gate: &Gate) -> Vec<String> {
    let decision = &judged.decided.decision;
    let of_header = decision.headers.iter().find_map(|(name, value)| {
        let value = value.as_str();
        let scope = (*name == "WWW-Authenticate").then(|| value.split_once(" scope=\"")).flatten()?.1;
        Some(scope.split('"').next().unwrap_or_default().split(' ').map(str::to_owned).collect::<Vec<_>>())
    });
    let of_route = || {
        let route =
            gate.routes().iter().find(|route| decision.route.as_deref() == Some(route.pattern().as_str()));
        route.map(|route| route.scope().to_vec()).unwrap_or_default()
    };
    let demanded = of_header.unwrap_or_else(of_route);
    demanded.into_iter().filter(|scope| !decision.scope.contains(scope)).collect()
}

/// What the challenge asks to be covered, and the signature for that tag, or the only one, does not cover.
fn missing_components(judged: &Judged, signatures: &[PresentedSignature]) -> Vec<String> {
    let mut fields = Fields::new();
    let headers = judged.decided.decision.headers.iter();
    for (_, value) in headers.filter(|(name, _)| name.eq_ignore_ascii_case(ACCEPT_SIGNATURE)) {
        let _ = fields.push(ACCEPT_SIGNATURE, value);
    }
    let Some(wanted) = AcceptSignature::parse(&fields).ok().and_then(|wanted| wanted.into_iter().next())
    else {
        return Vec::new();
    };
    let Some(signature) = signatures.first() else { return Vec::new() };
    // The key of a dictionary's member is the signature's own label, whichever the challenge writes.
    let own_label = |identifier: &str| {
        identifier
            .replace(&format!(";key=\"{}\"", wanted.label()), &format!(";key=\"{}\"", signature.label()))
    };
    let covered: Vec<_> = signature.components().iter().map(Component::identifier).collect();
    let asked = wanted.components().iter().map(|component| own_label(component.identifier()));
    asked.filter(|identifier| !covered.contains(&identifier.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign::encoding::base64url;

    #[test]
    fn what_a_token_says_is_read_without_believing_it() {
        let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let token = format!(
            "{}.{}.{}",
            part(&json!({ "alg": "ES256" })),
            part(&json!({ "iss": "https://a.example", "aud": ["x", "y"], "exp": 7, "cnf": { "jkt": "k" } })),
            base64url::encode(&[1; 64])
        );
        let said = said(&token, &TOKEN_MEMBERS, &TOKEN_TIMES).map(|said| said.as_json());
        let expected = json!({ "alg": "ES256", "iss": "https://a.example", "aud": "[\"x\",\"y\"]", "cnf.jkt": "k", "exp": 7 });
        assert_eq!(said, Some(expected));
    }

    #[test]
    fn what_nobody_sees_is_made_visible() {
        assert_eq!(visible("a: b  "), "a: b<SP><SP>");
        assert_eq!(visible("a\r"), "a<CR>");
        assert_eq!(visible("a"), "a");
    }
}
