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

/// Whether this is one segment of a scope.
pub(crate) fn is_segment(text: &str) -> bool {
    !text.is_empty() && !text.contains(SEPARATORS)
}

/// Whether the scope has segments, none of them empty.
fn is_path(scope: &str) -> bool {
    scope.split(SEPARATORS).all(|segment| !segment.is_empty())
}

/// The levels of scopes, for `max_scope_level`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// A scope, or `*:` and a segment, with the level of what it covers.
    scopes: Vec<(String, u32)>,
    /// What tokens call a level by name.
    names: Vec<(String, u32)>,
}

impl Levels {
    /// Levels of scopes and of names.
    pub(crate) fn new(scopes: Vec<(String, u32)>, names: Vec<(String, u32)>) -> Self {
        Self { scopes, names }
    }

    /// The level of a scope, `None` where no rule covers it. It is the highest of all rules that cover it or that it
    /// covers: whoever has a scope may do what lies below it. What could lie below one with segments ends in anything,
    /// so that each `*:` rule counts for it.
    #[must_use]
    pub fn of_scope(&self, grammar: Grammar, scope: &str) -> Option<u32> {
        let has_below = grammar == Grammar::Hierarchical && is_path(scope);
        let has_segment = |segment: &str| scope.split(SEPARATORS).any(|own| own == segment);
        let covers = |rule: &str| match rule.strip_prefix("*:") {
            Some(segment) if has_below => has_segment(segment),
            Some(segment) => scope.rsplit(SEPARATORS).next() == Some(segment),
            None => grammar.covers(rule, scope),
        };
        let is_touched = |rule: &str| match rule.strip_prefix("*:") {
            Some(segment) => has_below || has_segment(segment),
            None => grammar.covers(rule, scope) || grammar.covers(scope, rule),
        };
        if !self.scopes.iter().any(|(rule, _)| covers(rule)) {
            return None;
        }
        self.scopes.iter().filter(|(rule, _)| is_touched(rule)).map(|(_, level)| *level).max()
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
        let levels = |rules: &[(&str, u32)]| {
            let rules = rules.iter().map(|(scope, level)| (String::from(*scope), *level)).collect();
            Levels::new(rules, alloc::vec![("restricted".into(), 1)])
        };
        let named = levels(&[("files", 1), ("files:write", 2), ("users:admin", 4)]);
        let of = |scope| named.of_scope(Grammar::Hierarchical, scope);
        assert_eq!((of("files:read"), of("files:write"), of("files:write/a")), (Some(1), Some(2), Some(2)));
        // Whoever has the scope above has the one below.
        assert_eq!((of("files"), of("users:admin/a")), (Some(2), Some(4)));
        // To cover what has a level is not to have one.
        assert_eq!((of("users"), of("other"), of("filesystem"), of("files:")), (None, None, None, None));
        assert_eq!(named.of_scope(Grammar::Exact, "files"), Some(1));
        assert_eq!(named.of_scope(Grammar::Exact, "files:read"), None);
        assert_eq!((named.named("restricted"), named.named("full")), (Some(1), None));

        let ending = levels(&[("files", 1), ("https://a", 1), ("*:admin", 3)]);
        let of = |scope| ending.of_scope(Grammar::Hierarchical, scope);
        for scope in ["files", "files:read", "files:admin", "files:admin/users", "other/admin", "admin:a"] {
            assert_eq!(of(scope), Some(3), "{scope}");
        }
        assert_eq!((of("other"), of("files:administrator"), of("other:")), (None, Some(3), None));
        // What has an empty segment has nothing below it.
        assert_eq!((of("https://a"), of("https://a/admin")), (Some(1), Some(3)));
        let of = |scope| ending.of_scope(Grammar::Exact, scope);
        assert_eq!((of("files"), of("files:admin"), of("files:admin/users")), (Some(1), Some(3), None));
    }
}
