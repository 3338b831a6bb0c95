//! The signature base (RFC 9421 §2.5): the bytes that must have been signed, for a given message.
//!
//! Component identifiers are written in their canonical form, the parameters as they were received. A covered
//! component that the message lacks, or that has more than one reading, refuses: a base made of guesses would
//! verify for somebody.

use super::components::{Component, ComponentName, Form};
use super::error::SignatureError;
use super::field_types::{FieldType, field_type};
use super::message::{Message, RequestParts, Source};
use super::presented::PresentedSignature;
use super::query::{self, NoValue};
use crate::encoding::structured::{Dictionary, Item, Limits, List, Member, Parameters, write_bytes};
use crate::request::{Fields, RequestView, Target};
use alloc::string::String;
use core::fmt::Write;

/// Bounds on a field that `sf` or `key` has parsed, tighter than a field may be: a stranger can have one field
/// parsed once for each of the components that a signature covers.
const FIELD_LIMITS: Limits = Limits { bytes: 16 * 1024, members: 128, ..Limits::STANDARD };

/// Longest base, and the most that is read for it: 128 KiB, twice what all fields of a message may have. A component
/// may have a long field read for one member of it, and another the same field for the next.
const MAX_BASE_BYTES: usize = 128 * 1024;

/// The signature base of a presented signature.
pub fn signature_base(
    presented: &PresentedSignature,
    message: &Message<'_>,
) -> Result<String, SignatureError> {
    write_base(presented.components(), presented.params_text(), message)
}

/// The base for components and the text of `@signature-params`.
pub(super) fn write_base(
    components: &[Component],
    params_text: &str,
    message: &Message<'_>,
) -> Result<String, SignatureError> {
    const LAST: &str = "\"@signature-params\": ";
    let lines: usize = components.iter().map(|c| size_of_line(c, message)).sum();
    if lines > MAX_BASE_BYTES {
        return Err(SignatureError::FieldTooLong);
    }
    let mut base = String::with_capacity(lines + LAST.len() + params_text.len());
    for (component, index) in components.iter().zip(0_u8..) {
        base.push_str(component.identifier());
        base.push_str(": ");
        write_value(component, index, message, &mut base)?;
        base.push('\n');
    }
    base.push_str(LAST);
    base.push_str(params_text);
    Ok(base)
}

/// A guess that is exact for plain fields, so that the base is allocated once, and no less than what is read.
fn size_of_line(component: &Component, message: &Message<'_>) -> usize {
    let reading = component.reading();
    let answered = || message.answered().map(Source::fields);
    let fields = match (reading.tr, reading.req) {
        (false, false) => Some(message.fields()),
        (false, true) => answered(),
        (true, false) => message.trailers(),
        (true, true) => message.request_trailers(),
    };
    let value = match component.name() {
        ComponentName::Field(name) => {
            fields.into_iter().flat_map(|fields| fields.lines(name)).map(|line| line.len() + 2).sum()
        }
        ComponentName::Method | ComponentName::Scheme | ComponentName::Status => 8,
        _ => message.target().map_or(0, |target| {
            target.authority().len() + target.path().len() + target.query().map_or(0, str::len) + 10
        }),
    };
    component.identifier().len() + value + 3
}

fn write_value(
    component: &Component,
    index: u8,
    message: &Message<'_>,
    base: &mut String,
) -> Result<(), SignatureError> {
    let (source, trailers) = if component.reading().req {
        if !message.is_response() {
            return Err(SignatureError::ComponentNotOfRequest { index });
        }
        (message.answered().ok_or(SignatureError::RequestUnavailable { index })?, message.request_trailers())
    } else {
        (message.source(), message.trailers())
    };
    if let ComponentName::Field(name) = component.name() {
        let fields = if component.reading().tr { trailers } else { Some(source.fields()) };
        let fields = fields.ok_or(SignatureError::TrailersUnavailable { index })?;
        return write_field(component, name, index, fields, base);
    }
    match (source, component.name()) {
        (Source::Request(parts), name) => write_of_request(name, index, parts, base),
        (Source::Response(view), ComponentName::Status) => {
            push(base, format_args!("{:03}", view.status()));
            Ok(())
        }
        (Source::Response(_), _) => Err(SignatureError::ComponentNotOfResponse { index }),
    }
}

/// The derived components of a request (§2.2).
fn write_of_request(
    name: &ComponentName,
    index: u8,
    RequestParts { view, target }: RequestParts<'_>,
    base: &mut String,
) -> Result<(), SignatureError> {
    match name {
        ComponentName::Method => base.push_str(view.method()),
        ComponentName::TargetUri => push(base, format_args!("{target}")),
        ComponentName::Authority => base.push_str(target.authority()),
        ComponentName::Scheme => base.push_str(target.scheme().as_str()),
        ComponentName::RequestTarget => write_request_target(index, view, target, base)?,
        ComponentName::Path => base.push_str(target.path()),
        ComponentName::Query => push(base, format_args!("?{}", target.query().unwrap_or_default())),
        ComponentName::QueryParam(name) => {
            let value = query::encoded_value(target.query().unwrap_or_default(), name);
            base.push_str(&value.map_err(|why| match why {
                NoValue::Missing => SignatureError::ComponentMissing { index },
                NoValue::Repeated => SignatureError::ComponentAmbiguous { index },
            })?);
        }
        ComponentName::Status => return Err(SignatureError::ComponentNotOfRequest { index }),
        // Fields are read where they stand, before this.
        ComponentName::Field(_) => return Err(SignatureError::ComponentMissing { index }),
    }
    Ok(())
}

fn push(base: &mut String, arguments: core::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = base.write_fmt(arguments);
}

/// As sent, where that is known, else origin-form (§2.2.5). A `CONNECT` has authority-form, which the view's URL does
/// not show.
fn write_request_target(
    index: u8,
    view: &RequestView,
    target: &Target,
    base: &mut String,
) -> Result<(), SignatureError> {
    if view.method() == "CONNECT" {
        return Err(SignatureError::RequestTargetForm { index });
    }
    if let Some(sent) = target.sent_as() {
        base.push_str(sent);
        return Ok(());
    }
    base.push_str(target.path());
    if let Some(query) = target.query() {
        push(base, format_args!("?{query}"));
    }
    Ok(())
}

fn write_field(
    component: &Component,
    name: &str,
    index: u8,
    fields: &Fields,
    base: &mut String,
) -> Result<(), SignatureError> {
    if !fields.contains(name) {
        return Err(SignatureError::ComponentMissing { index });
    }
    if !fields.lines(name).all(|line| line.bytes().all(is_value_byte)) {
        return Err(SignatureError::ComponentValue { index });
    }
    if let Some(key) = component.key() {
        return write_member(name, key, index, fields, base);
    }
    if component.reading().form == Form::Strict {
        return write_strictly(name, index, fields, base);
    }
    for (place, line) in fields.lines(name).enumerate() {
        if place > 0 {
            base.push_str(", ");
        }
        if component.reading().form == Form::Bytes {
            write_bytes(line.as_bytes(), base);
        } else {
            base.push_str(line);
        }
    }
    Ok(())
}

/// What may stand in a value: printable ASCII and tabs (§2.1, §2.5 step 2.5.3).
fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

/// One member of a Dictionary, serialised strictly (§2.1.2).
fn write_member(
    name: &str,
    key: &str,
    index: u8,
    fields: &Fields,
    base: &mut String,
) -> Result<(), SignatureError> {
    // A List or an Item may parse as a Dictionary, too. Fields of unknown type are what the signer says they are.
    if field_type(name).is_some_and(|kind| kind != FieldType::Dictionary) {
        return Err(SignatureError::FieldNotStructured { index });
    }
    let value = super::combined(fields, name).unwrap_or_default();
    let dictionary = Dictionary::parse_within(&value, FIELD_LIMITS)
        .map_err(|_| SignatureError::FieldNotStructured { index })?;
    if dictionary.duplicate().is_some() {
        return Err(SignatureError::ComponentAmbiguous { index });
    }
    let entry = dictionary.get(key).ok_or(SignatureError::ComponentMissing { index })?;
    refuse_repeated([&entry.member], index)?;
    entry.member.write(base).map_err(|_| SignatureError::FieldNotStructured { index })
}

/// A whole structured field, serialised strictly (§2.1.1).
fn write_strictly(name: &str, index: u8, fields: &Fields, base: &mut String) -> Result<(), SignatureError> {
    let malformed = SignatureError::FieldNotStructured { index };
    let kind = field_type(name).ok_or(SignatureError::FieldTypeUnknown { index })?;
    let value = super::combined(fields, name).unwrap_or_default();
    let written = match kind {
        FieldType::Item => {
            let item = Item::parse_within(&value, FIELD_LIMITS).map_err(|_| malformed)?;
            refuse_repeated_params(&item.params, index)?;
            item.write(base)
        }
        FieldType::List => {
            let list = List::parse_within(&value, FIELD_LIMITS).map_err(|_| malformed)?;
            refuse_repeated(&list.members, index)?;
            list.write(base)
        }
        FieldType::Dictionary => {
            let dictionary = Dictionary::parse_within(&value, FIELD_LIMITS).map_err(|_| malformed)?;
            if dictionary.duplicate().is_some() {
                return Err(SignatureError::ComponentAmbiguous { index });
            }
            refuse_repeated(dictionary.entries().iter().map(|entry| &entry.member), index)?;
            dictionary.write(base)
        }
    };
    written.map_err(|_| malformed)
}

/// Refuses parameters given twice. Strict serialisation keeps the last one only (RFC 9651 §4.2.3.2), so that anyone
/// on the way could put another one before it, for an application that takes the first, and the signature would hold.
fn refuse_repeated<'a>(
    members: impl IntoIterator<Item = &'a Member<'a>>,
    index: u8,
) -> Result<(), SignatureError> {
    members.into_iter().try_for_each(|member| match member {
        Member::Item(item) => refuse_repeated_params(&item.params, index),
        Member::InnerList(list) => {
            refuse_repeated_params(&list.params, index)?;
            list.items.iter().try_for_each(|item| refuse_repeated_params(&item.params, index))
        }
    })
}

fn refuse_repeated_params(params: &Parameters<'_>, index: u8) -> Result<(), SignatureError> {
    if params.duplicate().is_some() { Err(SignatureError::ComponentAmbiguous { index }) } else { Ok(()) }
}
