//! Signatures outside of a gate: one message against keys that the caller has, and what to sign on one.

use std::time::Duration;

use countersign::crypto::{Algorithm, Verdict};
use countersign::reason::Reason;
use countersign::request::{Fields, RequestError, RequestView};
use countersign::response::ResponseView;
use countersign::signature::digest::DigestAlgorithm;
use countersign::signature::profiles::{self, Rules};
use countersign::signature::verify::{self, Keys, Report};
use countersign::signature::{
    self, AcceptSignature, Component, Param, Requested, RequestedParams, SignatureError, SignatureParams,
    Unsigned,
};
use countersign::time::UnixSeconds;
use serde_json::{Map, Value, json};
use wasm_bindgen::prelude::*;

use crate::session::{fields_of, split, view};
use crate::step::{Check, check_to_js};
use crate::unix_seconds;

/// What RFC 9421 calls HMAC with SHA-256 (§3.3.3).
const HMAC: &str = "hmac-sha256";

/// A request or a response. What cannot be viewed is known as such, and is no error before it is used.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Message(Result<Viewed, RequestError>);

/// At least one of the two.
#[derive(Debug, Default)]
struct Viewed {
    request: Option<RequestView>,
    response: Option<ResponseView>,
    trailers: Option<Fields>,
}

#[wasm_bindgen]
impl Message {
    /// A request; `fields` and `lengths` are as for a session.
    pub fn request(
        method: &str,
        url: &str,
        fields: &[u8],
        lengths: &[u32],
        has_body: bool,
    ) -> Result<Self, JsError> {
        let lines = lines(fields, lengths)?;
        let request = view(method, url, &lines, has_body);
        Ok(Self(request.map(|view| Viewed { request: Some(view), ..Viewed::default() })))
    }

    /// A response, with the request that it answers.
    pub fn response(
        status: u16,
        fields: &[u8],
        lengths: &[u32],
        has_body: bool,
        answers: Option<Self>,
    ) -> Result<Self, JsError> {
        let fields = read_fields(fields, lengths)?;
        let response = fields.and_then(|fields| ResponseView::new(status, fields, has_body));
        let request = answers.map_or(Ok(None), |message| message.0.map(|viewed| viewed.request));
        Ok(Self(
            response.and_then(|response| {
                Ok(Viewed { request: request?, response: Some(response), trailers: None })
            }),
        ))
    }

    /// Adds what came after the content.
    #[wasm_bindgen(js_name = setTrailers)]
    pub fn set_trailers(&mut self, fields: &[u8], lengths: &[u32]) -> Result<(), JsError> {
        match (read_fields(fields, lengths)?, &mut self.0) {
            (Ok(trailers), Ok(viewed)) => viewed.trailers = Some(trailers),
            (Err(error), viewed @ Ok(_)) => *viewed = Err(error),
            (_, Err(_)) => {}
        }
        Ok(())
    }

    /// What a signature over these components signs, under a label that the message does not have yet.
    #[expect(clippy::too_many_arguments, reason = "an object of them would have to be read member by member")]
    #[expect(clippy::needless_pass_by_value, reason = "lists of strings come by value")]
    pub fn prepare(
        &self,
        label: &str,
        components: Vec<String>,
        created: f64,
        expires: Option<f64>,
        keyid: Option<String>,
        alg: Option<String>,
        nonce: Option<String>,
        tag: Option<String>,
    ) -> Result<UnsignedMessage, JsError> {
        let viewed = self.0.as_ref().map_err(|error| JsError::from(*error))?;
        let message = viewed.message().ok_or_else(|| JsError::new("there is no message"))?;
        let components = components.iter().map(|text| component(text)).collect::<Result<Vec<_>, _>>()?;
        let params = SignatureParams {
            created: Some(unix_seconds(created)),
            expires: expires.map(unix_seconds),
            keyid,
            alg,
            nonce,
            tag,
        };
        let unsigned = signature::prepare(&message, &components, &params)?;
        // With a signature of one byte, so that no key is used for a label that is taken.
        unsigned.fields(label, &[0])?.joined(message.fields())?;
        Ok(UnsignedMessage { unsigned, label: label.to_owned() })
    }
}

impl Viewed {
    fn message(&self) -> Option<signature::Message<'_>> {
        let request = self.request.as_ref().map(|view| (view, view.target()));
        let message = match (&self.response, request) {
            (Some(response), request) => signature::Message::response(response, request),
            (None, Some((view, target))) => signature::Message::request(view, target),
            (None, None) => return None,
        };
        Some(match &self.trailers {
            Some(trailers) => message.with_trailers(trailers),
            None => message,
        })
    }
}

/// A signature base that waits for its signature.
#[wasm_bindgen]
#[derive(Debug)]
pub struct UnsignedMessage {
    unsigned: Unsigned,
    label: String,
}

#[wasm_bindgen]
impl UnsignedMessage {
    /// What to sign.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn base(&self) -> Vec<u8> {
        self.unsigned.base.clone().into_bytes()
    }

    /// `Signature-Input` and `Signature`.
    pub fn fields(&self, signature: &[u8]) -> Result<Vec<String>, JsError> {
        let fields = self.unsigned.fields(&self.label, signature)?;
        Ok(vec![fields.signature_input, fields.signature])
    }
}

/// Keys that count.
#[wasm_bindgen]
#[derive(Debug)]
pub struct SignatureKeys(Keys);

#[wasm_bindgen]
impl SignatureKeys {
    /// A JWK Set or one JWK, in JSON.
    pub fn parse(document: &str) -> Result<Self, JsError> {
        Ok(Self(Keys::parse(document.as_bytes())?))
    }
}

/// What is demanded of a signature.
#[wasm_bindgen]
#[derive(Debug)]
pub struct SignatureRules(Rules);

#[wasm_bindgen]
impl SignatureRules {
    /// A profile's rules, as they are.
    #[wasm_bindgen(constructor)]
    pub fn new(profile: &str) -> Result<Self, JsError> {
        let rules = profiles::rules(profile);
        let mut rules = rules.ok_or_else(|| JsError::new("there is no profile of this name"))?;
        // Whoever gives a shared key wants it to count, where the profile knows such keys at all.
        rules.shared_keys = rules.profile().may_share_keys;
        Ok(Self(rules))
    }

    /// Demands that a component is covered.
    #[wasm_bindgen(js_name = requireComponent)]
    pub fn require_component(&mut self, text: &str) -> Result<(), JsError> {
        self.0.require(component(text)?);
        Ok(())
    }

    /// Demands that a parameter is stated.
    #[wasm_bindgen(js_name = requireParameter)]
    pub fn require_parameter(&mut self, name: &str) -> Result<(), JsError> {
        let param = Param::ALL.into_iter().find(|param| param.as_str() == name);
        self.0.parameters.push(param.ok_or_else(|| JsError::new("there is no parameter of this name"))?);
        Ok(())
    }

    /// Takes signatures with one of these tags only.
    #[wasm_bindgen(setter)]
    pub fn set_tags(&mut self, tags: Vec<String>) {
        self.0.tags = tags;
    }

    /// Accepts these algorithms of the profile only.
    #[wasm_bindgen(js_name = limitAlgorithms)]
    #[expect(clippy::needless_pass_by_value, reason = "lists of strings come by value")]
    pub fn limit_algorithms(&mut self, names: Vec<String>) -> Result<(), JsError> {
        let is_named = |name: &str| names.iter().any(|named| named == name);
        let known = |name: &String| name == HMAC || Algorithm::from_http_signatures(name).is_some();
        if !names.iter().all(known) {
            return Err(JsError::new("there is no algorithm of this name"));
        }
        self.0.algorithms.retain(|algorithm| algorithm.http_signatures().is_some_and(is_named));
        self.0.shared_keys &= is_named(HMAC);
        Ok(())
    }

    /// Seconds that `created` may lie in the future.
    #[wasm_bindgen(setter, js_name = clockSkew)]
    pub fn set_clock_skew(&mut self, seconds: u32) {
        self.0.clock_skew = Duration::from_secs(seconds.into());
    }

    /// Most seconds from `created` to `expires`.
    #[wasm_bindgen(setter, js_name = maxWindow)]
    pub fn set_max_window(&mut self, seconds: u32) {
        self.0.max_window = Duration::from_secs(seconds.into());
    }

    /// Accepts keys that a standard prints with their private half.
    #[wasm_bindgen(js_name = allowTestKeys)]
    pub fn allow_test_keys(&mut self) {
        self.0.refuses_published_keys = false;
    }
}

/// A message whose signatures wait for the verdicts of checks.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Inspection {
    message: Result<Viewed, Reason>,
    content: Option<Vec<u8>>,
    rules: Rules,
    keys: Keys,
    label: Option<String>,
    now: UnixSeconds,
}

#[wasm_bindgen]
impl Inspection {
    /// Takes what it is given. Without `content`, this is a body that is too large, or else broke off. With `label`,
    /// it is about that signature only.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(
        message: Message,
        content: Option<Vec<u8>>,
        too_large: bool,
        rules: SignatureRules,
        keys: SignatureKeys,
        label: Option<String>,
        now: f64,
    ) -> Self {
        let message = match (message.0, &content) {
            (Err(error), _) => Err(Reason::from(error)),
            (Ok(_), None) if too_large => Err(Reason::RequestBodyTooLarge),
            (Ok(_), None) => Err(Reason::RequestBodyUnreadable),
            (Ok(viewed), Some(_)) => Ok(viewed),
        };
        Self { message, content, rules: rules.0, keys: keys.0, label, now: unix_seconds(now) }
    }

    /// The checks that this build leaves to native code.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let checks = self.inspect().map(|inspection| inspection.checks()).unwrap_or_default();
        checks.iter().filter(|check| !check.is_supported()).map(check_to_js).collect()
    }

    /// The report, in JSON, once it is known of each check, in order, whether its signature is valid (not 0).
    pub fn conclude(&self, verdicts: &[u8], explain: bool) -> Result<String, JsError> {
        let report = match self.inspect() {
            Err(reason) => Report::refused(&self.rules, reason),
            Ok(inspection) => {
                let inspection = if explain { inspection.explained() } else { inspection };
                let mut native = verdicts.iter().map(|verdict| *verdict != 0);
                let verdicts: Vec<_> = inspection
                    .checks()
                    .iter()
                    .map(|check| match check.verify() {
                        Verdict::Valid => true,
                        Verdict::Invalid => false,
                        Verdict::Unsupported => native.next().unwrap_or(false),
                    })
                    .collect();
                inspection.conclude(&verdicts)
            }
        };
        serde_json::to_string(&report).map_err(JsError::from)
    }
}

impl Inspection {
    fn inspect(&self) -> Result<verify::Inspection<'_>, Reason> {
        let viewed = self.message.as_ref().map_err(|reason| *reason)?;
        let message = viewed.message().ok_or(Reason::RequestMalformed)?;
        let content = self.content.as_deref();
        let inspection = verify::inspect(&message, content, &self.rules, &self.keys, self.now);
        Ok(match &self.label {
            Some(label) => inspection.only(label),
            None => inspection,
        })
    }
}

/// The value of a `Content-Digest`.
#[wasm_bindgen(js_name = digestField)]
#[expect(unreachable_pub, reason = "public functions only are exported")]
pub fn digest_field(content: &[u8], algorithm: &str) -> Result<String, JsError> {
    let known = [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512].into_iter();
    let algorithm = known.into_iter().find(|known| known.as_str() == algorithm);
    let algorithm = algorithm.ok_or_else(|| JsError::new("the algorithm is sha-256 or sha-512"))?;
    Ok(algorithm.field_value(content))
}

/// What the `Accept-Signature` among these fields asks for, in JSON.
#[wasm_bindgen(js_name = acceptedSignatures)]
#[expect(unreachable_pub, reason = "public functions only are exported")]
pub fn accepted_signatures(fields: &[u8], lengths: &[u32]) -> Result<String, JsError> {
    let asked = AcceptSignature::parse(&read_fields(fields, lengths)??)?;
    let asked: Vec<_> = asked.iter().map(accepted).collect();
    serde_json::to_string(&asked).map_err(JsError::from)
}

fn accepted(asked: &AcceptSignature) -> Value {
    let components: Vec<_> = asked.components().iter().map(Component::identifier).collect();
    let RequestedParams { created, expires, keyid, alg, nonce, tag } = asked.params();
    let mut params = Map::new();
    for (name, asked) in [("created", created), ("expires", expires)] {
        if *asked {
            params.insert(name.to_owned(), true.into());
        }
    }
    for (name, asked) in [("keyid", keyid), ("alg", alg), ("nonce", nonce), ("tag", tag)] {
        let value = match asked {
            None => continue,
            Some(Requested::Any) => true.into(),
            Some(Requested::Value(value)) => value.as_str().into(),
        };
        params.insert(name.to_owned(), value);
    }
    json!({ "label": asked.label(), "components": components, "params": params })
}

fn component(text: &str) -> Result<Component, SignatureError> {
    if text.starts_with('"') { Component::parse(text) } else { Component::named(text) }
}

fn read_fields(fields: &[u8], lengths: &[u32]) -> Result<Result<Fields, RequestError>, JsError> {
    Ok(fields_of(&lines(fields, lengths)?))
}

fn lines<'a>(fields: &'a [u8], lengths: &[u32]) -> Result<Vec<&'a str>, JsError> {
    split(fields, lengths).ok_or_else(|| JsError::new("lengths are not those of the fields"))
}
