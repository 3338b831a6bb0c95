//! What a host must tell about a response: [`ResponseView`].
//!
//! The counterpart of [`RequestView`](crate::request::RequestView), for responses that are signed or whose signature
//! is verified: a status, bounded fields, and whether content follows. The content is never held, nor are trailers,
//! which are [`Fields`] of their own.

use crate::request::{Fields, RequestError};

/// A response as it was received or is about to be sent, bounded, with nothing in it believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseView {
    status: u16,
    fields: Fields,
    has_body: bool,
}

impl ResponseView {
    /// Puts a view together. `status` has three digits, 100 to 999 (RFC 9110 §15); `has_body` says whether content
    /// follows, also some of unknown length.
    pub fn new(status: u16, fields: Fields, has_body: bool) -> Result<Self, RequestError> {
        if !(100..=999).contains(&status) {
            return Err(RequestError::Status);
        }
        Ok(Self { status, fields, has_body })
    }

    /// `@status` (RFC 9421 §2.2.9).
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The field lines.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Whether content follows.
    #[must_use]
    pub fn has_body(&self) -> bool {
        self.has_body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_three_digits() {
        for status in [0, 99, 1000, u16::MAX] {
            assert_eq!(
                ResponseView::new(status, Fields::new(), false),
                Err(RequestError::Status),
                "{status}"
            );
        }
        for status in [100, 200, 503, 999] {
            assert_eq!(ResponseView::new(status, Fields::new(), false).unwrap().status(), status);
        }
    }
}
