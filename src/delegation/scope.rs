//! Whether one scope covers another: [`Grammar`], and the levels that scopes are of ([`Levels`]).
//!
//! RFC 6749 §3.3 leaves the inside of a scope to whoever defines it. So scopes are compared whole, unless the
//! configuration says that they are paths of segments.

use alloc::string::String;
use alloc::vec::Vec;

/// How scopes are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grammar {
    /// A scope covers itself.
    #[default]
    Exact,
    /// A scope covers itself and what lies below it: `file_read:github` covers `file_read:github/specific`, and not
    /// `file_read:github2`. Segments end at `:` and `/`. A scope with an empty segment (`a::b`, `a:`, `https://a`) covers
    /// nothing but itself, and lies below nothing.
    Hierarchical,
}

impl Grammar {
    /// Whether whoever has the scope `granted` may do what the scope `wanted` stands for.
    #[must_use]
    pub fn covers(self, granted: &str, wanted: &str) -> bool {
        if granted == wanted {
            return !granted.is_empty();
        }
        let below = |rest: &str| rest.starts_with(SEPARATORS) && is_path(granted) && is_path(wanted);
        self == Self::Hierarchical && wanted.strip_prefix(granted).is_some_and(below)
    }

    /// Whether one of the scopes `granted` covers `wanted`.
    #[must_use]
    pub fn grants(self, granted: &[String], wanted: &str) -> bool {
        granted.iter().any(|granted| self.covers(granted, wanted))
    }

    /// Whether each of the scopes `wanted` is covered by one of `granted`.
    #[must_use]
    pub fn covers_all(self, granted: &[String], wanted: &[String]) -> bool {
        wanted.iter().all(|wanted| self.grants(granted, wanted))
    }
}

const SEPARATORS: [char; 2] = [':', '/'];

/// Whether the scope has segments, none of them empty.
fn is_path(scope: &str) -> bool {
    scope.split(SEPARATORS).all(|segment| !segment.is_empty())
}

/// The levels of scopes, for `max_scope_level`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// A scope, or `*:` and a last segment, with the level of what it covers.
    scopes: Vec<(String, u32)>,
    /// What tokens call a level by name.
    names: Vec<(String, u32)>,
}

impl Levels {
    /// Levels of scopes and of names.
    pub(crate) fn new(scopes: Vec<(String, u32)>, names: Vec<(String, u32)>) -> Self {
        Self { scopes, names }
    }

    /// The level of a scope: the highest of all that speak about it, `None` where none does.
    #[must_use]
    pub fn of_scope(&self, grammar: Grammar, scope: &str) -> Option<u32> {
        let speaks = |rule: &str| match rule.strip_prefix("*:") {
            Some(last) => scope.rsplit(SEPARATORS).next() == Some(last),
            None => grammar.covers(rule, scope),
        };
        self.scopes.iter().filter(|(rule, _)| speaks(rule)).map(|(_, level)| *level).max()
    }

    /// The level with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<u32> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, level)| *level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_end_where_their_segments_do() {
        for (granted, wanted) in [
            ("file_read:github", "file_read:git"),
            ("file_read:git", "file_read:github"),
            ("file_read:github", "file_read"),
            ("file_read:github/specific", "file_read:github"),
            ("file_read:github", "file_read:github/"),
            ("file_read:github", "file_read:github//a"),
            ("file_read:github/", "file_read:github/a"),
            ("file_read:", "file_read:a"),
            (":", ":a"),
            ("", ":a"),
            ("", ""),
            ("https:", "https://api.example/read"),
            ("https://api.example", "https://api.example/read"),
            ("a", "A:b"),
            ("a", "a.b"),
            ("a", "a-b"),
        ] {
            assert!(!Grammar::Hierarchical.covers(granted, wanted), "{granted} {wanted}");
        }
        for (granted, wanted) in [
            ("file_read:github", "file_read:github/specific"),
            ("file_read:github", "file_read:github:specific/file"),
            ("file_read", "file_read:github/specific"),
            ("https://api.example/read", "https://api.example/read"),
            ("a:", "a:"),
        ] {
            assert!(Grammar::Hierarchical.covers(granted, wanted), "{granted} {wanted}");
            assert_eq!(Grammar::Exact.covers(granted, wanted), granted == wanted, "{granted} {wanted}");
        }
    }

    #[test]
    fn the_highest_level_of_a_scope_counts() {
        let rules = [("files", 1), ("files:write", 2), ("*:admin", 3)].map(|(s, l)| (String::from(s), l));
        let levels = Levels::new(rules.to_vec(), alloc::vec![("restricted".into(), 1)]);
        let of = |scope| levels.of_scope(Grammar::Hierarchical, scope);
        assert_eq!((of("files:read"), of("files:write"), of("files:write/a")), (Some(1), Some(2), Some(2)));
        assert_eq!(
            (of("files/admin"), of("other:admin"), of("other"), of("filesystem")),
            (Some(3), Some(3), None, None)
        );
        assert_eq!(levels.of_scope(Grammar::Exact, "files:read"), None);
        assert_eq!((levels.named("restricted"), levels.named("full")), (Some(1), None));
    }
}
