//! Requests of the Model Context Protocol over Streamable HTTP (revision 2026-07-28): which operation one is, and whether
//! its header fields say the same as its body.
//!
//! Every call is a POST to one URL, so that a route alone says nothing about what is done. The body says it, in JSON-RPC
//! 2.0, and three fields repeat it for whoever does not read bodies: `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name`.
//! What is decided here is decided by the body; a field that disagrees is refused, as somebody else may go by it.
//!
//! Not read: arguments of tools, and `Mcp-Param-*`, which only the server can compare with its tools' schemas. Batches of
//! revision 2025-03-26 are refused: they have no one operation.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::encoding::json::{self, Object, Value};
use crate::encoding::structured::Item;
use crate::reason::Reason;
use crate::request::Fields;

/// The first revision whose clients must repeat method and name in header fields.
const MIRRORED_SINCE: &str = "2026-07-28";
/// Where a body says which revision it is written in.
const VERSION_MEMBER: &str = "io.modelcontextprotocol/protocolVersion";
/// Longest method and name in bytes: 1 KiB.
const MAX_NAME_BYTES: usize = 1024;

/// Why a request is refused before anybody asks what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum McpError {
    /// The body is not one JSON-RPC message, strictly read.
    Body,
    /// A field is missing, is there twice, or says something else than the body.
    Header,
}

impl From<McpError> for Reason {
    fn from(error: McpError) -> Self {
        match error {
            McpError::Body => Self::McpBodyMalformed,
            McpError::Header => Self::McpHeaderMismatch,
        }
    }
}

/// What a request wants done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// The JSON-RPC method, as `tools/call`. `None` for the response of a client to its server, which revisions before
    /// 2026-07-28 know.
    pub method: Option<String>,
    /// The tool or prompt (`params.name`), or the resource (`params.uri`).
    pub name: Option<String>,
}

/// The member of `params` that names what a method is about, where there is one.
pub(crate) fn named_by(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some("uri"),
        _ => None,
    }
}

/// Whether requests of a method repeat that name in a header field.
fn repeats_name(method: &str) -> bool {
    matches!(method, "tools/call" | "prompts/get" | "resources/read")
}

/// Members of a message and of its `params` that are read here or by whom it is for.
const MEMBERS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
const PARAMS: [&str; 4] = ["name", "uri", "arguments", "_meta"];

impl Operation {
    /// Reads a request's body and holds its fields against it. `legacy` takes requests of earlier revisions, which need
    /// not have the fields; those that are there are compared all the same.
    pub fn read(body: &[u8], fields: &Fields, legacy: bool) -> Result<Self, McpError> {
        let message = json::parse_object(body, body.len()).map_err(|_| McpError::Body)?;
        let is_ambiguous =
            |object: &Object<'_>, names: &[&str]| names.iter().any(|name| object.has_lookalike(name));
        if is_ambiguous(&message, &MEMBERS)
            || params(&message).is_some_and(|params| is_ambiguous(params, &PARAMS))
        {
            return Err(McpError::Body);
        }
        let is_mirrored = match one(fields, "mcp-protocol-version")? {
            Some(version) if is_date(version) => version >= MIRRORED_SINCE,
            Some(_) => return Err(McpError::Header),
            None => false,
        };
        if !is_mirrored && !legacy {
            return Err(McpError::Header);
        }
        let operation = Self::of(&message, legacy && !is_mirrored)?;
        let stated = params(&message).and_then(|params| params.get("_meta")).and_then(Value::as_object);
        let stated = stated.and_then(|meta| meta.get(VERSION_MEMBER));
        match (stated, one(fields, "mcp-protocol-version")?) {
            (Some(stated), Some(version)) if stated.as_str() != Some(version) => {
                return Err(McpError::Header);
            }
            // A revision of which the fields are part, without them.
            (Some(stated), None) if stated.as_str().is_none_or(|version| version >= MIRRORED_SINCE) => {
                return Err(McpError::Header);
            }
            _ => {}
        }
        agrees(one(fields, "mcp-method")?, operation.method.as_deref(), is_mirrored)?;
        if operation.method.as_deref().is_some_and(repeats_name) {
            let name = one(fields, "mcp-name")?.map(plain).transpose()?;
            agrees(name.as_deref(), operation.name.as_deref(), is_mirrored)?;
        }
        Ok(operation)
    }

    /// What the fields alone say, for a challenge before anything was proven. Nothing may be permitted by it.
    #[must_use]
    pub fn unverified(fields: &Fields) -> Self {
        let method = one(fields, "mcp-method").ok().flatten().map(String::from);
        let name = one(fields, "mcp-name").ok().flatten().and_then(|name| plain(name).ok());
        Self { method, name }
    }

    fn of(message: &Object<'_>, may_answer: bool) -> Result<Self, McpError> {
        if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(McpError::Body);
        }
        let Some(method) = message.get("method") else {
            let is_answer = message.contains("result") != message.contains("error");
            return if may_answer && is_answer { Ok(Self::default()) } else { Err(McpError::Body) };
        };
        let method = bounded(method).ok_or(McpError::Body)?;
        let name = match named_by(&method) {
            Some(member) => {
                let value = params(message).and_then(|params| params.get(member)).ok_or(McpError::Body)?;
                Some(bounded(value).ok_or(McpError::Body)?)
            }
            None => None,
        };
        Ok(Self { method: Some(method), name })
    }
}

fn params<'m>(message: &'m Object<'_>) -> Option<&'m Object<'m>> {
    message.get("params").and_then(Value::as_object)
}

fn bounded(value: &Value<'_>) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty() && text.len() <= MAX_NAME_BYTES).map(String::from)
}

/// The one line of a field; hosts that join lines leave a comma, which then is compared with the rest.
fn one<'f>(fields: &'f Fields, name: &'f str) -> Result<Option<&'f str>, McpError> {
    let mut lines = fields.lines(name);
    match (lines.next(), lines.next()) {
        (line, None) => Ok(line),
        _ => Err(McpError::Header),
    }
}

/// Fields are compared with case, and may be absent only where their revision does not know them.
fn agrees(field: Option<&str>, body: Option<&str>, is_mirrored: bool) -> Result<(), McpError> {
    match field {
        Some(_) if field == body => Ok(()),
        None if !is_mirrored => Ok(()),
        _ => Err(McpError::Header),
    }
}

/// A value in plain ASCII, or in Base64 between `=?base64?` and `?=` where it could not be that.
fn plain(value: &str) -> Result<String, McpError> {
    let encoded = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    let Some(encoded) = encoded else {
        let is_plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        return if is_plain { Ok(String::from(value)) } else { Err(McpError::Header) };
    };
    // A Byte Sequence of RFC 9651 is the same Base64 between colons.
    let sequence = format!(":{encoded}:");
    let item = Item::parse(&sequence).map_err(|_| McpError::Header)?;
    let bytes = item.value.as_bytes().ok_or(McpError::Header)?;
    String::from_utf8(Vec::from(bytes)).map_err(|_| McpError::Header)
}

/// Whether a revision is a date, as all are, so that the order of texts is that of time.
fn is_date(version: &str) -> bool {
    version.len() == 10
        && version.bytes().enumerate().all(|(i, byte)| match i {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const MODERN: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund"}}"#;

    fn read(body: &str, fields: &[(&str, &str)], legacy: bool) -> Result<Operation, McpError> {
        let mut lines = Fields::new();
        for (name, value) in fields {
            lines.push(name, value).unwrap();
        }
        Operation::read(body.as_bytes(), &lines, legacy)
    }

    fn operation(method: &str, name: Option<&str>) -> Operation {
        Operation { method: Some(method.to_string()), name: name.map(ToString::to_string) }
    }

    #[test]
    fn fields_that_repeat_the_body_are_right() {
        let fields = [MODERN, ("mcp-method", "tools/call"), ("mcp-name", "refund")];
        assert_eq!(read(CALL, &fields, false), Ok(operation("tools/call", Some("refund"))));
        let encoded = [MODERN, ("mcp-method", "tools/call"), ("mcp-name", "=?base64?cmVmdW5k?=")];
        assert_eq!(read(CALL, &encoded, false), Ok(operation("tools/call", Some("refund"))));
        let resource =
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///\u4e16"}}"#;
        let fields = [MODERN, ("mcp-method", "resources/read"), ("mcp-name", "=?base64?ZmlsZTovLy/kuJY=?=")];
        assert_eq!(read(resource, &fields, false), Ok(operation("resources/read", Some("file:///世"))));
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
        assert_eq!(
            read(list, &[MODERN, ("mcp-method", "tools/list")], false),
            Ok(operation("tools/list", None))
        );
    }

    #[test]
    fn fields_that_say_something_else_are_refused() {
        for fields in [
            &[MODERN][..],
            &[MODERN, ("mcp-method", "tools/call")],
            &[MODERN, ("mcp-name", "refund")],
            &[MODERN, ("mcp-method", "tools/list"), ("mcp-name", "refund")],
            &[MODERN, ("mcp-method", "Tools/call"), ("mcp-name", "refund")],
            &[MODERN, ("mcp-method", "tools/call"), ("mcp-name", "balance")],
            &[MODERN, ("mcp-method", "tools/call"), ("mcp-name", "=?base64?!?=")],
            &[MODERN, ("mcp-method", "tools/call"), ("mcp-name", "=?base64?/w==?=")],
            &[MODERN, ("mcp-method", "tools/call"), ("mcp-name", "=?BASE64?cmVmdW5k?=")],
            &[MODERN, ("mcp-method", "tools/call"), ("mcp-method", "tools/call"), ("mcp-name", "refund")],
            &[MODERN, ("mcp-method", "tools/call, tools/call"), ("mcp-name", "refund")],
            &[MODERN, MODERN, ("mcp-method", "tools/call"), ("mcp-name", "refund")],
            &[("mcp-protocol-version", "2026"), ("mcp-method", "tools/call"), ("mcp-name", "refund")],
            &[("mcp-method", "tools/call"), ("mcp-name", "refund")],
            &[("mcp-protocol-version", "2025-11-25"), ("mcp-method", "tools/call"), ("mcp-name", "refund")],
        ] {
            assert_eq!(read(CALL, fields, false), Err(McpError::Header), "{fields:?}");
        }
    }

    #[test]
    fn the_revision_of_the_body_is_that_of_the_field() {
        let body = CALL.replace(
            r#""name":"refund""#,
            r#""name":"refund","_meta":{"io.modelcontextprotocol/protocolVersion":"2027-01-01"}"#,
        );
        let fields = |version| {
            [("mcp-protocol-version", version), ("mcp-method", "tools/call"), ("mcp-name", "refund")]
        };
        assert_eq!(read(&body, &fields("2026-07-28"), true), Err(McpError::Header));
        assert_eq!(read(&body, &fields("2027-01-01"), false), Ok(operation("tools/call", Some("refund"))));
    }

    #[test]
    fn earlier_revisions_go_by_the_body_where_they_are_taken() {
        assert_eq!(read(CALL, &[], true), Ok(operation("tools/call", Some("refund"))));
        assert_eq!(
            read(CALL, &[("mcp-protocol-version", "2025-11-25")], true),
            Ok(operation("tools/call", Some("refund")))
        );
        assert_eq!(read(CALL, &[("mcp-name", "balance")], true), Err(McpError::Header));
        assert_eq!(read(CALL, &[MODERN], true), Err(McpError::Header));
        let subscribe =
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"file:///a"}}"#;
        assert_eq!(read(subscribe, &[], true), Ok(operation("resources/subscribe", Some("file:///a"))));
        let new = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
        assert_eq!(read(new, &[], true), Err(McpError::Header));
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        assert_eq!(read(answer, &[], true), Ok(Operation::default()));
        assert_eq!(read(answer, &[("mcp-method", "tools/list")], true), Err(McpError::Header));
        assert_eq!(read(answer, &[MODERN], true), Err(McpError::Body));
    }

    #[test]
    fn what_is_not_one_message_is_refused() {
        let long = CALL.replace("refund", &"a".repeat(MAX_NAME_BYTES + 1));
        for body in [
            "",
            "[]",
            "{}",
            r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":""}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"uri":"a"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":1}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"PARAMS":{"name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{}}"#,
            long.as_str(),
        ] {
            assert_eq!(read(body, &[], true), Err(McpError::Body), "{body}");
        }
    }

    #[test]
    fn a_challenge_may_go_by_the_fields() {
        let mut fields = Fields::new();
        fields.push("Mcp-Method", "tools/call").unwrap();
        fields.push("Mcp-Name", "refund").unwrap();
        assert_eq!(Operation::unverified(&fields), operation("tools/call", Some("refund")));
        fields.push("Mcp-Name", "balance").unwrap();
        assert_eq!(Operation::unverified(&fields), operation("tools/call", None));
    }
}
