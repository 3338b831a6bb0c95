//! Signatures outside of a gate: one message against keys that the caller has, and what to sign on one.

use countersign::reason::Reason;
use countersign::request::{Fields, RequestError, RequestView};
use countersign::response::ResponseView;
use countersign::signature::digest::DigestAlgorithm;
use countersign::signature::profiles::{self, Rules};
use countersign::signature::verify::{self, Keys, Report};
use countersign::signature::{
    self, AcceptSignature, Component, Requested, RequestedParams, SignatureError, SignatureParams, Unsigned,
};
use countersign::time::UnixSeconds;
use js_sys::{JSON, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::session::{split, view};
use crate::step::{Check, check_to_js};

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
        Ok(Self(response.and_then(|response| {
            Ok(Viewed { request: request?, response: Some(response), trailers: None })
        })))
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
        let viewed = self.0.as_ref().map_err(JsError::from)?;
        let message = viewed.message().ok_or_else(no_message)?;
        let components = components.iter().map(|text| component(text)).collect::<Result<Vec<_>, _>>()?;
        let params = SignatureParams {
            created: Some(unix_seconds(created)),
            expires: expires.map(unix_seconds),
            keyid,
            alg,
            nonce,
            tag,
        };
        let unsigned = signature::prepare(&message, &components, &params).map_err(JsError::from)?;
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
    /// A profile's rules, tightened.
    #[wasm_bindgen(constructor)]
    pub fn new(
        profile: &str,
        require: Vec<String>,
        tag: Option<String>,
        clock_skew: Option<f64>,
        allow_test_keys: bool,
    ) -> Result<Self, JsError> {
        let rules = profiles::rules(profile).ok_or_else(|| JsError::new("no profile of this name"))?;
        let mut rules = rules;
        for text in require {
            rules.require(component(&text)?);
        }
        if let Some(tag) = tag {
            rules.tags = vec![tag];
        }
        if let Some(seconds) = clock_skew {
            rules.clock_skew = std::time::Duration::from_secs(unix_seconds(seconds).0.unsigned_abs());
        }
        rules.refuses_published_keys &= !allow_test_keys;
        Ok(Self(rules))
    }
}
