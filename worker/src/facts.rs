//! The facts of a request, as the core wants them.

use countersign::client::{Client, ClientCertificate, Place, address_of, country_of};
use countersign::config::Gate;
use countersign::engine::Answer;
use countersign::mtls;
use countersign::request::{Fields, RequestError, RequestView, Target};
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, ReadableStream, ReadableStreamDefaultReader, Request};

/// A request's view. The runtime has joined repeated field lines with commas, and normalised the URL.
pub(crate) fn view(request: &Request) -> Result<RequestView, RequestError> {
    let mut fields = Fields::new();
    let lines = field_lines(&request.headers());
    let mut lines = lines.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        fields.push(name, value)?;
    }
    let url = request.url();
    // A fragment is no part of a request; the runtime keeps what a client wrongly sent.
    let url = url.split('#').next().unwrap_or_default();
    RequestView::new(&request.method(), Target::parse(url)?, fields, has_body(request))
}

/// The view with what the platform knows of the connection, where the gate may look at it: each fact is one more
/// crossing into JavaScript.
pub(crate) fn with_client(view: RequestView, request: &Request, gate: &Gate) -> RequestView {
    if !gate.needs_client(&view) {
        return view;
    }
    let cf = member(request, "cf");
    // The platform sets this field itself, whatever the client sent under its name.
    let address = view.fields().combined("cf-connecting-ip");
    let client = Client {
        address: address.as_deref().and_then(address_of),
        asn: asn_of(&cf),
        country: text(&cf, "country").as_deref().and_then(country_of),
        place: place(&cf),
        certificate: certificate(&member(&cf, "tlsClientAuth")),
    };
    view.with_client(client)
}

/// The number of the autonomous system that a request came from.
pub(crate) fn asn(request: &Request) -> Option<u32> {
    asn_of(&member(request, "cf"))
}

fn asn_of(cf: &JsValue) -> Option<u32> {
    let asn = member(cf, "asn").as_f64().filter(|asn| (0.0..=f64::from(u32::MAX)).contains(asn));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
    asn.map(|asn| asn as u32)
}

/// Where the address is: the platform writes degrees as texts.
fn place(cf: &JsValue) -> Option<Place> {
    let degrees = |name| text(cf, name)?.parse().ok();
    Place::new(degrees("latitude")?, degrees("longitude")?)
}

/// The client certificate, as the platform describes it. What is not as it should be counts against it: a certificate
/// whose bytes are not there (they are left out above 10 KiB) is one that nothing can be compared with.
fn certificate(auth: &JsValue) -> Option<ClientCertificate> {
    if text(auth, "certPresented")? != "1" {
        return None;
    }
    let der = text(auth, "certRFC9440").as_deref().and_then(mtls::certificate_of_field);
    Some(ClientCertificate {
        der: der.unwrap_or_default(),
        verified: text(auth, "certVerified").as_deref() == Some("SUCCESS"),
        // A revoked one is verified all the same.
        revoked: text(auth, "certRevoked").as_deref() != Some("0"),
    })
}

/// A member of an object; undefined where it is not there, or the object is none.
fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or_default()
}

fn text(object: &JsValue, name: &str) -> Option<String> {
    member(object, name).as_string()
}

/// Whether a body follows. Clients state a length of zero for one that does not.
fn has_body(request: &Request) -> bool {
    request.body().is_some() && request.headers().get("content-length").ok().flatten().as_deref() != Some("0")
}

/// Names and values by turns, a line each, which neither can have in it. One text, as each crossing between
/// WebAssembly and JavaScript costs more than what it carries.
pub(crate) fn field_lines(headers: &Headers) -> String {
    Array::from(headers).flat(1).join("\n").into()
}

/// What became of a request's body.
pub(crate) enum Body {
    /// It still streams from the client.
    Untouched,
    /// It was read to its end.
    Read(Vec<u8>),
    /// It is longer than the bound.
    TooLarge,
    /// It broke off.
    Unreadable,
}

impl Body {
    /// What the core is told.
    pub(crate) fn answer(&self) -> Answer<'_> {
        match self {
            Self::Read(bytes) => Answer::Body(bytes),
            Self::TooLarge => Answer::BodyTooLarge,
            Self::Untouched | Self::Unreadable => Answer::BodyUnreadable,
        }
    }
}

/// Reads a request's body, up to `most` bytes. What is longer is not read on.
pub(crate) async fn read_body(request: &Request, most: usize) -> Body {
    let length = request.headers().get("content-length").ok().flatten();
    read(request.body(), length.as_deref(), most).await
}

/// Reads a stream to its end, up to `most` bytes.
pub(crate) async fn read(stream: Option<ReadableStream>, length: Option<&str>, most: usize) -> Body {
    let Some(stream) = stream else { return Body::Read(Vec::new()) };
    let length = length.and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > most) {
        return Body::TooLarge;
    }
    let Ok(reader) = stream.get_reader().dyn_into::<ReadableStreamDefaultReader>() else {
        return Body::Unreadable;
    };
    let mut bytes = Vec::with_capacity(length.unwrap_or(0).min(most));
    loop {
        let Ok(chunk) = JsFuture::from(reader.read()).await else { return Body::Unreadable };
        if Reflect::get(&chunk, &JsValue::from_str("done")).is_ok_and(|done| done.is_truthy()) {
            return Body::Read(bytes);
        }
        let value = Reflect::get(&chunk, &JsValue::from_str("value"));
        let Ok(Ok(chunk)) = value.map(JsCast::dyn_into::<Uint8Array>) else { return Body::Unreadable };
        let start = bytes.len();
        let end = start.saturating_add(chunk.length() as usize);
        if end > most {
            let _ = reader.cancel();
            return Body::TooLarge;
        }
        bytes.resize(end, 0);
        if let Some(room) = bytes.get_mut(start..) {
            chunk.copy_to(room);
        }
    }
}
