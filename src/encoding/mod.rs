//! The encodings that proofs come in, each parsed strictly and within stated bounds.

pub mod base64url;
pub(crate) mod form;
pub mod http_date;
pub mod json;
pub mod structured;
