//! Component identifiers (RFC 9421 §2): which part of a message a signature covers, and how it is read.
//!
//! All of RFC 9421's names and parameters are understood; anything else refuses. Whether a component can be had
//! from a message at all is decided where its value is needed (`base.rs`).

use super::error::SignatureError;
use crate::encoding::structured::{BareItem, Item, Parameters};
use crate::request::is_token_byte;
use alloc::string::String;

/// What a component identifier names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentName {
    /// `@method` (§2.2.1).
    Method,
    /// `@target-uri` (§2.2.2).
    TargetUri,
    /// `@authority` (§2.2.3).
    Authority,
    /// `@scheme` (§2.2.4).
    Scheme,
    /// `@request-target` (§2.2.5).
    RequestTarget,
    /// `@path` (§2.2.6).
    Path,
    /// `@query` (§2.2.7).
    Query,
    /// `@query-param` (§2.2.8), with the encoded name of the parameter.
    QueryParam(String),
    /// `@status` (§2.2.9), which only a response has.
    Status,
    /// A field by its lower-case name (§2.1).
    Field(String),
}

/// The parameters that change how a component is read (§2.1, §2.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// `sf` or `bs`, which exclude each other.
    pub(super) form: Form,
    /// `key`: one member of a Dictionary.
    pub(super) key: Option<String>,
    /// `req`: from the request that a response answers.
    pub(super) req: bool,
    /// `tr`: from the trailers.
    pub(super) tr: bool,
}

/// The form in which a field's value stands in the base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// As received, lines joined.
    #[default]
    Received,
    /// `sf`: parsed and serialised strictly (§2.1.1).
    Strict,
    /// `bs`: each line wrapped as a Byte Sequence (§2.1.3).
    Bytes,
}

/// A covered component: its name, how it is read, and its identifier as it stands in the signature base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    name: ComponentName,
    reading: Reading,
    identifier: String,
}

impl Component {
    /// Parses an identifier as it stands in a signature base, such as `"@method"` or `"example";key="a"`.
    pub fn parse(identifier: &str) -> Result<Self, SignatureError> {
        let item = Item::parse(identifier).map_err(|_| SignatureError::ComponentMalformed)?;
        Self::read(&item)
    }

    /// The component of a bare name, without parameters: `@method`, `content-digest`.
    pub fn named(name: &str) -> Result<Self, SignatureError> {
        Self::parse(&alloc::format!("\"{name}\""))
    }

    /// Reads an item of a covered-components list.
    pub(super) fn read(item: &Item<'_>) -> Result<Self, SignatureError> {
        let text = item.value.as_string().ok_or(SignatureError::ComponentMalformed)?;
        let reading = read_parameters(&item.params)?;
        let name = read_name(text, &item.params)?;
        let is_field = matches!(name, ComponentName::Field(_));
        let reads_field = reading.form != Form::Received || reading.key.is_some() || reading.tr;
        if (!is_field && reads_field) || (reading.form == Form::Bytes && reading.key.is_some()) {
            return Err(SignatureError::ComponentParamConflict);
        }
        let mut identifier = String::with_capacity(text.len() + 2);
        item.write(&mut identifier).map_err(|_| SignatureError::ComponentMalformed)?;
        Ok(Self { name, reading, identifier })
    }

    /// What it names.
    #[must_use]
    pub fn name(&self) -> &ComponentName {
        &self.name
    }

    /// The canonical identifier, parameters in received order.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The Dictionary member that it is limited to (`key`, §2.1.2).
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.reading.key.as_deref()
    }

    /// Whether a request can have it before its content has been read: neither of another message, nor a trailer.
    #[must_use]
    pub fn may_be_of_request(&self) -> bool {
        self.is_own()
    }

    /// Whether it is this field of the message's own header section, the whole or one member of it.
    #[must_use]
    pub fn is_field(&self, field: &str) -> bool {
        matches!(&self.name, ComponentName::Field(name) if name == field) && self.is_own()
    }

    /// The field of the message's own header section that it is of, if it is.
    pub(crate) fn field(&self) -> Option<&str> {
        match &self.name {
            ComponentName::Field(name) if self.is_own() => Some(name),
            _ => None,
        }
    }

    /// Whether it is this derived component of the message itself.
    #[must_use]
    pub fn is_derived(&self, name: &ComponentName) -> bool {
        self.name == *name && self.is_own()
    }

    /// Neither from the trailers nor from another message.
    fn is_own(&self) -> bool {
        !self.reading.req && !self.reading.tr
    }

    pub(super) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The same component as another, parameters compared in any order (§2). With `key` the member is serialised
    /// strictly anyway, and a member may be covered once (§2.1.2): there `sf` makes no other component.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let (own, others) = (&self.reading, &other.reading);
        let same_form = own.form == others.form || own.key.is_some();
        self.name == other.name
            && own.key == others.key
            && own.req == others.req
            && own.tr == others.tr
            && same_form
    }
}

/// Refuses a component that is covered twice (§2, §2.5 step 2.1).
pub(super) fn refuse_duplicates(components: &[Component]) -> Result<(), SignatureError> {
    let mut rest = components;
    while let Some((first, others)) = rest.split_first() {
        if others.iter().any(|other| other.is_same_as(first)) {
            return Err(SignatureError::ComponentDuplicate);
        }
        rest = others;
    }
    Ok(())
}

/// Covered components as an Inner List without parameters: canonical identifiers in parentheses.
pub(super) fn inner_list(components: &[Component]) -> String {
    let mut list = String::from("(");
    for (index, component) in components.iter().enumerate() {
        if index > 0 {
            list.push(' ');
        }
        list.push_str(component.identifier());
    }
    list.push(')');
    list
}

fn read_name(text: &str, params: &Parameters<'_>) -> Result<ComponentName, SignatureError> {
    let name = match text {
        "@method" => ComponentName::Method,
        "@target-uri" => ComponentName::TargetUri,
        "@authority" => ComponentName::Authority,
        "@scheme" => ComponentName::Scheme,
        "@request-target" => ComponentName::RequestTarget,
        "@path" => ComponentName::Path,
        "@query" => ComponentName::Query,
        "@status" => ComponentName::Status,
        "@query-param" => {
            let name = params.get("name").and_then(BareItem::as_string);
            return name
                .map(|name| ComponentName::QueryParam(name.into()))
                .ok_or(SignatureError::ComponentParamMalformed);
        }
        _ if text.starts_with('@') => return Err(SignatureError::ComponentUnknown),
        _ if is_field_name(text) => ComponentName::Field(text.into()),
        _ => return Err(SignatureError::ComponentMalformed),
    };
    if params.get("name").is_some() {
        return Err(SignatureError::ComponentParamConflict);
    }
    Ok(name)
}

fn is_field_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| is_token_byte(b) && !b.is_ascii_uppercase())
}

fn read_parameters(params: &Parameters<'_>) -> Result<Reading, SignatureError> {
    if params.duplicate().is_some() {
        return Err(SignatureError::ComponentParamDuplicate);
    }
    let mut reading = Reading::default();
    for (key, value) in params.iter() {
        match key {
            "sf" | "bs" => {
                flag(value)?;
                if reading.form != Form::Received {
                    return Err(SignatureError::ComponentParamConflict);
                }
                reading.form = if key == "sf" { Form::Strict } else { Form::Bytes };
            }
            "req" => reading.req = flag(value)?,
            "tr" => reading.tr = flag(value)?,
            "key" => reading.key = Some(text(value)?.into()),
            // Read together with the component's name.
            "name" => {
                text(value)?;
            }
            _ => return Err(SignatureError::ComponentParamUnknown),
        }
    }
    Ok(reading)
}

/// A flag is there or not: `?0` would be a second spelling of its absence.
fn flag(value: &BareItem<'_>) -> Result<bool, SignatureError> {
    match value {
        BareItem::Boolean(true) => Ok(true),
        _ => Err(SignatureError::ComponentParamMalformed),
    }
}

fn text<'a>(value: &'a BareItem<'_>) -> Result<&'a str, SignatureError> {
    value.as_string().ok_or(SignatureError::ComponentParamMalformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn every_name_of_the_standard_is_known() {
        for identifier in [
            "\"@method\"",
            "\"@target-uri\"",
            "\"@authority\"",
            "\"@scheme\"",
            "\"@request-target\"",
            "\"@path\"",
            "\"@query\"",
            "\"@status\"",
            "\"@query-param\";name=\"a\"",
            "\"@method\";req",
            "\"content-type\"",
            "\"x\";sf",
            "\"x\";bs",
            "\"x\";key=\"a\"",
            "\"x\";sf;key=\"a\"",
            "\"x\";bs;tr",
        ] {
            assert_eq!(Component::parse(identifier).unwrap().identifier(), identifier);
        }
    }

    #[test]
    fn what_the_standard_does_not_define_is_refused() {
        use SignatureError as E;
        for (identifier, error) in [
            ("\"@unknown\"", E::ComponentUnknown),
            ("\"@signature-params\"", E::ComponentUnknown),
            ("\"@METHOD\"", E::ComponentUnknown),
            ("\"Content-Type\"", E::ComponentMalformed),
            ("\"\"", E::ComponentMalformed),
            ("\"a b\"", E::ComponentMalformed),
            ("content-type", E::ComponentMalformed),
            ("\"x\";zz", E::ComponentParamUnknown),
            ("\"x\";sf;sf", E::ComponentParamDuplicate),
            ("\"x\";sf=?0", E::ComponentParamMalformed),
            ("\"x\";sf=1", E::ComponentParamMalformed),
            ("\"x\";key=a", E::ComponentParamMalformed),
            ("\"@query-param\"", E::ComponentParamMalformed),
            ("\"@query-param\";name=a", E::ComponentParamMalformed),
            ("\"x\";name=\"a\"", E::ComponentParamConflict),
            ("\"x\";bs;sf", E::ComponentParamConflict),
            ("\"x\";bs;key=\"a\"", E::ComponentParamConflict),
            ("\"@method\";sf", E::ComponentParamConflict),
            ("\"@method\";key=\"a\"", E::ComponentParamConflict),
            ("\"@method\";tr", E::ComponentParamConflict),
        ] {
            assert_eq!(Component::parse(identifier).unwrap_err(), error, "{identifier}");
        }
    }

    #[test]
    fn duplicates_are_told_in_any_order_of_parameters() {
        let list = |ids: &[&str]| ids.iter().map(|id| Component::parse(id).unwrap()).collect::<Vec<_>>();
        let twice = list(&["\"x\";sf;key=\"a\"", "\"@method\"", "\"x\";key=\"a\";sf"]);
        assert_eq!(refuse_duplicates(&twice), Err(SignatureError::ComponentDuplicate));
        let same_member = list(&["\"x\";key=\"a\"", "\"x\";sf;key=\"a\""]);
        assert_eq!(refuse_duplicates(&same_member), Err(SignatureError::ComponentDuplicate));
        let distinct = list(&[
            "\"x\";key=\"a\"",
            "\"x\";key=\"b\"",
            "\"x\"",
            "\"x\";sf",
            "\"x\";tr",
            "\"x\";tr;req",
            "\"@method\"",
            "\"@method\";req",
        ]);
        assert_eq!(refuse_duplicates(&distinct), Ok(()));
    }
}
