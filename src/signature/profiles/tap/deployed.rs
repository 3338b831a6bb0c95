//! What published samples of the Trusted Agent Protocol send in place of what their text says.
//!
//! They spell the parameter `keyId`, which no structured field can hold (RFC 9651 §3.1.2: keys are lower-case), and
//! sign the query as a part of `@path`. Both are read here and nowhere else.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::request::{Fields, Target};
use crate::signature::{PresentedSignature, SignatureError, present_respelt};

/// Reads signatures whose `keyid` is spelt `keyId`. What was signed stays as it was received.
pub(super) fn present(fields: &Fields) -> Result<Vec<PresentedSignature>, SignatureError> {
    present_respelt(fields, |input| Some(respelt(input)))
}

/// The target whose path ends in the query.
pub(super) fn target(target: &Target) -> Cow<'_, Target> {
    if target.query().is_some() { Cow::Owned(target.with_query_in_path()) } else { Cow::Borrowed(target) }
}

/// The same text, of the same length, with each parameter `keyId` in lower case. Strings are left as they are.
fn respelt(input: &str) -> String {
    const DEPLOYED: &str = "keyId=";
    let mut respelt = String::with_capacity(input.len());
    let mut in_string = false;
    let mut escaped = false;
    let mut may_begin = false;
    let mut rest = input;
    while let Some(first) = rest.chars().next() {
        if may_begin
            && !in_string
            && let Some(after) = rest.strip_prefix(DEPLOYED)
        {
            respelt.push_str("keyid=");
            (rest, may_begin) = (after, false);
            continue;
        }
        respelt.push(first);
        rest = rest.strip_prefix(first).unwrap_or_default();
        match first {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        may_begin = !in_string && (first == ';' || (may_begin && first == ' '));
    }
    respelt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parameter_is_spelt_anew_and_lengths_stay() {
        for (input, expected) in [
            ("sig2=(\"@path\"); created=1; keyId=\"a\"", "sig2=(\"@path\"); created=1; keyid=\"a\""),
            ("s=();keyId=\"; keyId=\"", "s=();keyid=\"; keyId=\""),
            ("s=();nonce=\"\\\";keyId=\";keyId=\"k\"", "s=();nonce=\"\\\";keyId=\";keyid=\"k\""),
            ("keyId=();KeyId=1;xkeyId=1", "keyId=();KeyId=1;xkeyId=1"),
            ("", ""),
        ] {
            assert_eq!(respelt(input), expected);
            assert_eq!(respelt(input).len(), input.len());
        }
    }

    #[test]
    fn the_query_is_a_part_of_the_path() {
        let read = |url| Target::parse(url).unwrap();
        assert_eq!(target(&read("https://a.example/p?q=1")).path(), "/p?q=1");
        assert_eq!(target(&read("https://a.example/p")).path(), "/p");
    }
}
