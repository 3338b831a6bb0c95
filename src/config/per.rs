//! Who is counted together, by a limit or a budget: [`Per`], and several of them as [`PerList`].

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Of whom, or of what, requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// The proven agent.
    Agent,
    /// The key that was proven: the thumbprint of the signature's or the DPoP proof's key, or of the certificate.
    Key,
    /// Whom the agent acts for: issuer and subject of the token.
    Principal,
    /// The organisation that the token names, with its issuer (`organisation` in `[issuers.claims]`).
    Organisation,
    /// The address that the request came from, an IPv6 address with its neighbours of the same /64.
    Address,
    /// The route.
    Route,
}

impl Per {
    /// The name in the configuration, in header fields and in names of objects.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Key => "key",
            Self::Principal => "principal",
            Self::Organisation => "organisation",
            Self::Address => "address",
            Self::Route => "route",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let all = [Self::Agent, Self::Key, Self::Principal, Self::Organisation, Self::Address, Self::Route];
        all.into_iter().find(|per| per.as_str() == name)
    }
}

/// What is counted together: one, or a combination such as each agent at each address. In one order, without repetition,
/// so that two ways to write it are the same count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PerList(Vec<Per>);

impl PerList {
    /// A combination; `None` where it is of nothing.
    #[must_use]
    pub fn new(mut all: Vec<Per>) -> Option<Self> {
        all.sort_unstable();
        all.dedup();
        (!all.is_empty()).then_some(Self(all))
    }

    /// What it is a combination of; never empty.
    #[must_use]
    pub fn as_slice(&self) -> &[Per] {
        &self.0
    }

    /// Whether this is a part of it.
    #[must_use]
    pub fn has(&self, per: Per) -> bool {
        self.0.contains(&per)
    }

    /// The names with hyphens between them, as a part of names in header fields.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.iter().map(|per| per.as_str()).collect::<Vec<_>>().join("-")
    }
}

impl From<Per> for PerList {
    fn from(per: Per) -> Self {
        Self(Vec::from([per]))
    }
}

impl<'de> Deserialize<'de> for PerList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = PerList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "one of \"agent\", \"key\", \"principal\", \"organisation\", \"address\", \"route\", or a list of them",
                )
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<PerList, E> {
                let per = Per::of(name);
                per.map(PerList::from)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(name), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PerList, A::Error> {
                let mut all = Vec::new();
                while let Some(per) = seq.next_element()? {
                    if all.contains(&per) {
                        return Err(A::Error::custom("names one twice; write each once"));
                    }
                    all.push(per);
                }
                PerList::new(all).ok_or_else(|| A::Error::invalid_length(0, &self))
            }
        }
        deserializer.deserialize_any(Names)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for PerList {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "PerList".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "array"],
            "items": { "type": "string", "enum": ["agent", "key", "principal", "organisation", "address", "route"] },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<PerList> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn what_is_nothing_or_twice_is_refused() {
        for json in
            ["[]", "\"\"", "\"agents\"", "[\"agent\",\"agent\"]", "[\"agent\",\"x\"]", "1", "{}", "null"]
        {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn a_name_or_a_list_in_any_order_is_read() {
        assert_eq!(read("\"key\""), Some(PerList::from(Per::Key)));
        let both = read("[\"route\",\"agent\"]");
        assert_eq!(both, read("[\"agent\",\"route\"]"));
        assert_eq!(both.map(|per| per.name()).as_deref(), Some("agent-route"));
        for per in [Per::Agent, Per::Key, Per::Principal, Per::Organisation, Per::Address, Per::Route] {
            assert_eq!(Per::of(per.as_str()), Some(per));
        }
    }
}
