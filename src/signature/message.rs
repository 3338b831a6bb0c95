//! The message that a signature is about: [`Message`], a request or a response with what its components may be
//! taken from (RFC 9421 §2).
//!
//! It borrows and decides nothing. A response knows the request that it answers only if the host has it, and
//! trailers are there only once the content was read to its end: where a signature covers what the host does not
//! have, the base refuses with a cause of its own (`base.rs`).

use crate::request::{Fields, RequestView, Target};
use crate::response::ResponseView;

/// A request or a response, as the components of a signature see it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    kind: Kind<'a>,
    trailers: Option<&'a Fields>,
    request_trailers: Option<&'a Fields>,
}

#[derive(Clone, Copy, Debug)]
enum Kind<'a> {
    Request(RequestParts<'a>),
    Response { view: &'a ResponseView, answers: Option<RequestParts<'a>> },
}

/// A request with the target that its client sent it to.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestParts<'a> {
    pub(super) view: &'a RequestView,
    pub(super) target: &'a Target,
}

/// The part of an exchange that a component is taken from: the message itself, or the request that it answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    Request(RequestParts<'a>),
    Response(&'a ResponseView),
}

impl<'a> Source<'a> {
    pub(super) fn fields(self) -> &'a Fields {
        match self {
            Self::Request(parts) => parts.view.fields(),
            Self::Response(view) => view.fields(),
        }
    }
}

impl<'a> Message<'a> {
    /// A request. `target` is its public target: the view's own, or behind a proxy the one that a configured public
    /// origin gives it ([`Target::seen_as`]).
    #[must_use]
    pub fn request(view: &'a RequestView, target: &'a Target) -> Self {
        Self { kind: Kind::Request(RequestParts { view, target }), trailers: None, request_trailers: None }
    }

    /// A response, with the request that it answers (its view and public target) where the host has it; without it
    /// components with `req` are refused.
    #[must_use]
    pub fn response(view: &'a ResponseView, request: Option<(&'a RequestView, &'a Target)>) -> Self {
        let answers = request.map(|(view, target)| RequestParts { view, target });
        Self { kind: Kind::Response { view, answers }, trailers: None, request_trailers: None }
    }

    /// The same message with its trailers, once its content was read to the end; without them components with `tr`
    /// are refused. A message whose trailer section is known to be empty has trailers, without lines.
    #[must_use]
    pub fn with_trailers(self, trailers: &'a Fields) -> Self {
        Self { trailers: Some(trailers), ..self }
    }

    /// The same response with the trailers of the request that it answers, for `tr` together with `req`.
    #[must_use]
    pub fn with_request_trailers(self, trailers: &'a Fields) -> Self {
        Self { request_trailers: Some(trailers), ..self }
    }

    /// The same message, sent to another target: what a scheme signs that takes something else for it.
    #[must_use]
    pub(super) fn with_target(self, target: &'a Target) -> Self {
        let kind = match self.kind {
            Kind::Request(parts) => Kind::Request(RequestParts { target, ..parts }),
            Kind::Response { view, answers } => {
                Kind::Response { view, answers: answers.map(|parts| RequestParts { target, ..parts }) }
            }
        };
        Self { kind, ..self }
    }

    /// The field lines of the message's own header section.
    #[must_use]
    pub fn fields(&self) -> &'a Fields {
        self.source().fields()
    }

    /// The trailer section, where it was read.
    #[must_use]
    pub fn trailers(&self) -> Option<&'a Fields> {
        self.trailers
    }

    pub(super) fn request_trailers(&self) -> Option<&'a Fields> {
        self.request_trailers
    }

    /// Whether it is a response.
    #[must_use]
    pub fn is_response(&self) -> bool {
        matches!(self.kind, Kind::Response { .. })
    }

    /// The request, or the one that a response answers.
    #[must_use]
    pub fn request_view(&self) -> Option<&'a RequestView> {
        self.request_parts().map(|parts| parts.view)
    }

    /// The public target of the request, or of the one that a response answers.
    #[must_use]
    pub fn target(&self) -> Option<&'a Target> {
        self.request_parts().map(|parts| parts.target)
    }

    /// The response, if it is one.
    #[must_use]
    pub fn response_view(&self) -> Option<&'a ResponseView> {
        if let Kind::Response { view, .. } = self.kind { Some(view) } else { None }
    }

    /// Whether content follows the header section.
    #[must_use]
    pub fn has_body(&self) -> bool {
        match self.kind {
            Kind::Request(parts) => parts.view.has_body(),
            Kind::Response { view, .. } => view.has_body(),
        }
    }

    /// The message itself, as components without `req` see it.
    pub(super) fn source(&self) -> Source<'a> {
        match self.kind {
            Kind::Request(parts) => Source::Request(parts),
            Kind::Response { view, .. } => Source::Response(view),
        }
    }

    fn request_parts(&self) -> Option<RequestParts<'a>> {
        match self.kind {
            Kind::Request(parts) => Some(parts),
            Kind::Response { answers, .. } => answers,
        }
    }

    /// The request that a response answers, as components with `req` see it; `None` where the host does not have it.
    pub(super) fn answered(&self) -> Option<Source<'a>> {
        if let Kind::Response { answers, .. } = self.kind { answers.map(Source::Request) } else { None }
    }
}
