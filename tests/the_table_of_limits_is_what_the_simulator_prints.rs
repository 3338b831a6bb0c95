//! The table in docs/limits.md is what `cargo xtask simulate rate` prints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss
)]

#[path = "../examples/simulate/rate.rs"]
mod rate;

#[test]
fn the_table_is_that_of_the_simulator() {
    // Unoptimised it is slow; the rows of few isolates stand for all then.
    let rows = if cfg!(debug_assertions) { 2 } else { rate::ISOLATES.len() };
    let printed = rate::table(&rate::ISOLATES[..rows]);
    let documented = include_str!("../docs/limits.md");
    for line in printed.lines() {
        assert!(documented.lines().any(|documented| documented == line), "docs/limits.md lacks: {line}");
    }
    let table = documented
        .lines()
        .filter(|line| line.starts_with("| ") && line.ends_with(" |") && line.contains(" % | "));
    assert_eq!(table.count(), rate::ISOLATES.len() * 4);
}
