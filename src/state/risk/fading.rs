//! Integer arithmetic of what fades and grows: halving by time, and logarithms.
//!
//! No floating point: every host, the simulator and a replay from a log give the same score, bit for bit.

/// One, in the fixed-point numbers that counts are kept in: 16 bits after the point, so that fading loses little to rounding.
pub(super) const ONE: u64 = 1 << 16;

/// The most that a count may be, in whole numbers: 2^24. Beyond it nothing more is learnt, and sums cannot overflow.
pub(super) const MOST: u64 = 1 << 24;

/// 2^(-1/2), 2^(-1/4), … in 32 bits after the point: each is the square root of the one before.
const ROOTS: [u64; 16] = {
    let mut roots = [0; 16];
    let mut root = 1u64 << 31;
    let mut i = 0;
    while i < roots.len() {
        root = (root << 32).isqrt();
        #[allow(clippy::indexing_slicing, reason = "`i` is below the length; constants know no iterators")]
        {
            roots[i] = root;
        }
        i += 1;
    }
    roots
};

/// What is left of `value` after `elapsed` of a `half_life`, both in milliseconds. Falls with time and never rises; twice
/// half the time gives the same as the whole, but for rounding.
pub(super) fn faded(value: u64, elapsed: u64, half_life: u64) -> u64 {
    let half_life = half_life.max(1);
    let halvings = elapsed / half_life;
    if halvings >= 64 {
        return 0;
    }
    // The part of a half-life that is left, with 16 bits after the point; a bit is a root.
    let part = u128::from(elapsed % half_life) * 65_536 / u128::from(half_life);
    let mut factor = 1u64 << 32;
    for (i, root) in ROOTS.iter().enumerate() {
        if (part >> (15 - i)) & 1 == 1 {
            factor = (factor * root) >> 32;
        }
    }
    let product = (u128::from(value >> halvings) * u128::from(factor)) >> 32;
    u64::try_from(product).unwrap_or(u64::MAX)
}

/// The logarithm to base 2, with 16 bits after the point; that of nothing is that of one. Never falls as `x` grows.
pub(super) fn log2(x: u64) -> u64 {
    let Some(whole) = x.checked_ilog2() else { return 0 };
    // 1 to 2, with 31 bits after the point; squaring doubles its logarithm, and brings out the next bit.
    let mut mantissa = (x << (63 - whole)) >> 32;
    let mut log = u64::from(whole);
    for _ in 0..16 {
        mantissa = (mantissa * mantissa) >> 31;
        let bit = mantissa >> 32;
        mantissa >>= bit;
        log = (log << 1) | bit;
    }
    log
}

/// How often `value` is twice what is usual, with 16 bits after the point: zero up to the usual.
pub(super) fn doublings(value: u64, usual: u64) -> u64 {
    log2(value).saturating_sub(log2(usual.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_is_left_after_a_half_life() {
        assert_eq!(faded(80 * ONE, 300_000, 300_000), 40 * ONE);
        assert_eq!(faded(80 * ONE, 600_000, 300_000), 20 * ONE);
        assert_eq!(faded(80 * ONE, 0, 300_000), 80 * ONE);
        assert_eq!(faded(u64::MAX, u64::MAX, 1), 0);
        assert_eq!(faded(5, 7, 0), 0);
        // 2^(-1/2) = 0.70711
        assert_eq!(faded(100_000, 150_000, 300_000), 70_710);
    }

    #[test]
    fn logarithms_are_those_of_mathematics() {
        for (x, log) in
            [(0, 0), (1, 0), (2, 65_536), (3, 103_872), (1024, 655_360), (u64::MAX, 64 * 65_536 - 1)]
        {
            assert!(log2(x).abs_diff(log) <= 1, "{x}: {}", log2(x));
        }
        assert_eq!(doublings(800, 100), 3 * 65_536);
        assert_eq!(doublings(99, 100), 0);
        assert_eq!(doublings(8, 0), 3 * 65_536);
    }

    proptest! {
        #[test]
        fn what_fades_only_falls(value in 0u64..1 << 48, a in 0u64..10_000_000, gap in 0u64..5_000, half_life in 1u64..1_000_000) {
            prop_assert!(faded(value, a, half_life) >= faded(value, a + gap, half_life));
        }

        #[test]
        fn more_leaves_more(value in 0u64..1 << 48, more in 0u64..1 << 48, a in 0u64..10_000_000, half_life in 1u64..1_000_000) {
            prop_assert!(faded(value + more, a, half_life) >= faded(value, a, half_life));
        }

        #[test]
        fn steps_fade_like_one_step(value in (1u64 << 30)..1 << 40, steps in prop::collection::vec(1u64..60_000, 1..50)) {
            let whole = faded(value, steps.iter().sum(), 300_000);
            let stepwise = steps.iter().fold(value, |value, step| faded(value, *step, 300_000));
            // A thousandth: each step rounds its part of a half-life to 16 bits.
            prop_assert!(stepwise.abs_diff(whole) <= value / 1000, "{stepwise} {whole}");
        }

        #[test]
        fn logarithms_never_fall(x in 0u64..u64::MAX) {
            prop_assert!(log2(x) <= log2(x + 1));
        }
    }
}
