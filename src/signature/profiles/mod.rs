//! What a signature must say to be acceptable for a purpose: one folder a profile.
//!
//! RFC 9421 leaves to its applications which components and parameters are required and how a key is found
//! (§1.4). A profile takes a [`PresentedSignature`](super::PresentedSignature), checks that, and says who claims
//! to have signed and where the key is. Profiles choose signatures by `tag`, never by label.

pub mod web_bot_auth;
