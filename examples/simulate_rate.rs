//! Prints what each store of limits does with 1 to 1,000 isolates: `cargo xtask simulate rate`.
#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing, clippy::cast_precision_loss)]

#[path = "simulate/rate.rs"]
mod rate;

fn main() {
    print!("{}", rate::table(&rate::ISOLATES));
}
