//! `sign`: what a client must add to a request or response (RFC 9421 §3.1), to try signing out by hand.

use std::time::Duration;

use countersign::crypto::Algorithm;
use countersign::encoding::base64url;
use countersign::request::{Scheme, Target};
use countersign::signature::digest::{CONTENT_DIGEST, DigestAlgorithm};
use countersign::signature::profiles::{self, Rules};
use countersign::signature::{
    Component, Message, SignatureError, SignatureParams, SigningFields, prepare, present,
};
use serde_json::{Value, json};

use crate::arguments::Input;
use crate::exchange::{self, Exchange, Unread};
use crate::private_key::PrivateKey;
use crate::shown::quoted;
use crate::{Failure, Report, input};

/// How long a signature is good for unless told: long enough to send it by hand.
const EXPIRES_IN: Duration = Duration::from_mins(1);
/// Random bytes of a nonce.
const NONCE_BYTES: usize = 32;

/// What a profile fills in.
struct Preset {
    name: &'static str,
    components: &'static [&'static str],
    tag: Option<&'static str>,
    /// Whether `alg` is always stated.
    states_alg: bool,
    /// Whether there is always a nonce.
    makes_nonce: bool,
    /// Whether the keys are in a directory that must be named, each under its thumbprint.
    has_directory: bool,
}

const PRESETS: [Preset; 3] = [
    Preset {
        name: "rfc9421",
        components: &[],
        tag: None,
        states_alg: false,
        makes_nonce: false,
        has_directory: false,
    },
    Preset {
        name: "web-bot-auth",
        components: &["@authority", "@method", "@path"],
        tag: Some("web-bot-auth"),
        states_alg: false,
        makes_nonce: true,
        has_directory: true,
    },
    Preset {
        name: "tap",
        components: &["@authority", "@path"],
        tag: Some("agent-browser-auth"),
        states_alg: true,
        makes_nonce: true,
        has_directory: false,
    },
];

pub(crate) fn run(input: &Input) -> Result<Report, Failure> {
    exchange::read_stdin_once(input, &["request", "response", "key"])?;
    let preset = preset(input)?;
    let key = read_key(input)?;
    let exchange = Exchange::read(input).map_err(|unread| match unread {
        Unread::Failure(failure) => failure,
        Unread::Refused { file, fault } => Failure::fault(format!("{file}: {fault}")),
    })?;
    let label = label(input, &exchange)?;
    let mut added = Added { lines: Vec::new(), exchange };
    let asked = input.values("component").filter(|component| !preset.components.contains(component));
    let named = preset.components.iter().copied().chain(asked);
    let mut components = named.map(exchange::component).collect::<Result<Vec<_>, _>>()?;
    components.extend(added.digest(input)?);
    components.extend(added.agent(input, preset, &label)?);
    if components.is_empty() {
        return Err(Failure::new("covers nothing; give at least one --component, such as @method"));
    }
    let (params, algorithm) = params(input, preset, &key)?;
    let message = added.exchange.message();
    let unsigned = prepare(&message, &components, &params)
        .map_err(|error| Failure::fault(unsignable(error, &message, &components, &params)))?;
    let signature = key.sign(algorithm, unsigned.base.as_bytes()).map_err(Failure::new)?;
    let fields = unsigned.fields(&label, &signature).map_err(|error| Failure::new(error.to_string()))?;
    let SigningFields { signature_input, signature } = fields;
    added.lines.push(("Signature-Input", signature_input));
    added.lines.push(("Signature", signature));
    print(input, &added.lines, &unsigned.base)
}

/// What is sent besides the message as it was.
struct Added {
    lines: Vec<(&'static str, String)>,
    exchange: Exchange,
}

impl Added {
    fn digest(&mut self, input: &Input) -> Result<Option<Component>, Failure> {
        let Some(name) = input.value("digest") else { return Ok(None) };
        let algorithm = [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512].into_iter();
        let algorithm = algorithm
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| Failure::new(format!("--digest is sha-256 or sha-512, not {name:?}")))?;
        let value = algorithm.field_value(self.exchange.content());
        self.add("Content-Digest", CONTENT_DIGEST, value)?;
        exchange::component(CONTENT_DIGEST).map(Some)
    }

    /// The agent's directory, as the dictionary of Web Bot Auth, its member named as the signature.
    fn agent(&mut self, input: &Input, preset: &Preset, label: &str) -> Result<Option<Component>, Failure> {
        let Some(url) = input.value("agent") else {
            return if preset.has_directory {
                Err(Failure::new(format!("{} needs --agent, the https URL of the keys", preset.name)))
            } else {
                Ok(None)
            };
        };
        let is_https = Target::parse(url).is_ok_and(|target| target.scheme() == Scheme::Https);
        if !is_https || !url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte)) {
            return Err(Failure::new(format!("--agent is an https URL, not {url:?}")));
        }
        self.add("Signature-Agent", "signature-agent", format!("{label}=\"{url}\""))?;
        exchange::component(&format!("\"signature-agent\";key=\"{label}\"")).map(Some)
    }

    fn add(&mut self, shown: &'static str, name: &str, value: String) -> Result<(), Failure> {
        if self.exchange.message().fields().contains(name) {
            return Err(Failure::fault(format!(
                "the message has a {shown} already; cover it with --component"
            )));
        }
        self.exchange.push_field(name, &value).map_err(|fault| Failure::fault(fault.to_string()))?;
        self.lines.push((shown, value));
        Ok(())
    }
}

fn preset(input: &Input) -> Result<&'static Preset, Failure> {
    let name = input.value("profile").unwrap_or("rfc9421");
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        Failure::new(format!("--profile is rfc9421, web-bot-auth or tap when signing, not {name:?}"))
    })
}

fn read_key(input: &Input) -> Result<PrivateKey, Failure> {
    let file = input.value("key").unwrap_or_default();
    // A message about a secret repeats nothing of it.
    PrivateKey::parse(&input::read(file)?).map_err(|what| Failure::new(format!("{file}: the key {what}")))
}

/// The label asked for, else one that the message does not have yet.
fn label(input: &Input, exchange: &Exchange) -> Result<String, Failure> {
    let there = match present(exchange.message().fields()) {
        Ok(signatures) => signatures.iter().map(|signature| signature.label().to_owned()).collect(),
        Err(SignatureError::Missing) => Vec::new(),
        Err(error) => return Err(Failure::fault(format!("the message has signatures already, but {error}"))),
    };
    match input.value("label") {
        Some(label) if there.iter().any(|other| other == label) => {
            Err(Failure::fault(format!("the message has a signature {label:?} already")))
        }
        Some(label) => Ok(label.to_owned()),
        None => {
            let mut labels = (1..=there.len() + 1).map(|n| format!("sig{n}"));
            Ok(labels.find(|label| !there.contains(label)).unwrap_or_default())
        }
    }
}

/// The parameters, and the algorithm whether stated or not.
fn params(
    input: &Input,
    preset: &Preset,
    key: &PrivateKey,
) -> Result<(SignatureParams, &'static str), Failure> {
    let asked = input.value("alg");
    let algorithm = key.algorithm(asked).map_err(|what| Failure::new(format!("the key {what}")))?;
    // Its own name for PS256 one profile alone has.
    let knows = |rules: &Rules| rules.algorithms.contains(&Algorithm::RsaPssSha256);
    if algorithm == "rsa-pss-sha256" && !profiles::rules(preset.name).as_ref().is_some_and(knows) {
        return Err(Failure::new(format!(
            "{} does not know rsa-pss-sha256 (PS256); of RSA keys, those with alg PS512 or RS256 sign there",
            preset.name
        )));
    }
    let created = exchange::seconds(input, "created")?;
    let keyid = if preset.has_directory { key.thumbprint() } else { key.keyid() };
    let nonce = match input.value("nonce") {
        Some(nonce) => Some(nonce.to_owned()),
        None if preset.makes_nonce => Some(nonce()?),
        None => None,
    };
    let text = |option: &str| input.value(option).map(str::to_owned);
    let params = SignatureParams {
        created: Some(created),
        expires: Some(created.plus(exchange::duration(input, "expires-in")?.unwrap_or(EXPIRES_IN))),
        keyid: text("keyid").or_else(|| keyid.map(str::to_owned)),
        alg: (asked.is_some() || preset.states_alg).then(|| algorithm.to_owned()),
        nonce,
        tag: text("tag").or_else(|| preset.tag.map(str::to_owned)),
    };
    Ok((params, algorithm))
}

fn nonce() -> Result<String, Failure> {
    let mut bytes = [0; NONCE_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Failure::new(format!("has no randomness: {error}")))?;
    Ok(base64url::encode(&bytes))
}

/// What stands in the way, with the component it is about.
fn unsignable(
    error: SignatureError,
    message: &Message<'_>,
    components: &[Component],
    params: &SignatureParams,
) -> String {
    let alone =
        |component: &&Component| prepare(message, std::slice::from_ref(component), params) == Err(error);
    match components.iter().find(alone) {
        Some(component) => format!("{}: {error}", component.identifier()),
        None => error.to_string(),
    }
}

fn print(input: &Input, lines: &[(&str, String)], base: &str) -> Result<Report, Failure> {
    let text = match (input.has("json"), input.has("curl")) {
        (true, true) => return Err(Failure::new("sign takes --json or --curl, not both")),
        (true, false) => {
            let fields: serde_json::Map<_, _> =
                lines.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
            format!("{}\n", json!({ "fields": fields, "base": base }))
        }
        (false, true) => {
            let arguments: Vec<_> = lines
                .iter()
                .map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}"))))
                .collect();
            format!("{}\n", arguments.join(" "))
        }
        (false, false) => {
            let lines: Vec<_> = lines.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            format!("{}\n", lines.join("\n"))
        }
    };
    Ok(Report::good(text))
}
