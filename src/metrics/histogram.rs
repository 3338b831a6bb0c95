//! [`Histogram`]: how often a value fell between fixed bounds.

use alloc::vec::Vec;

/// Upper bounds of durations, in microseconds: 100 µs to 10 s, about two and a half times apart, so that a percentile read
/// off them is at most that far off.
pub(super) const DURATION_BOUNDS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// Upper bounds of risk scores, which are 0 to 100.
pub(super) const SCORE_BOUNDS: [u64; 11] = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

/// How often a value fell between fixed bounds, and the sum of all values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    sum: u64,
    /// One for each bound, and one for what is above all of them.
    counts: Vec<u64>,
}

impl Histogram {
    pub(super) fn new(bounds: &[u64]) -> Self {
        Self { sum: 0, counts: alloc::vec![0; bounds.len() + 1] }
    }

    pub(super) fn from_parts(bounds: &[u64], sum: u64, counts: Vec<u64>) -> Option<Self> {
        (counts.len() == bounds.len() + 1).then_some(Self { sum, counts })
    }

    pub(super) fn observe(&mut self, bounds: &[u64], value: u64) {
        self.sum = self.sum.saturating_add(value);
        let index = bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(index) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        for (count, added) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*added);
        }
    }

    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// How many values were in each bucket, not counting those below it.
    #[must_use]
    pub fn buckets(&self) -> &[u64] {
        &self.counts
    }

    /// The value that this share of the values, in percent, is not above: the upper bound of the bucket that it lies in, so
    /// never less than it is. `None` where there is no value, or it is above all bounds.
    #[must_use]
    pub(super) fn percentile(&self, bounds: &[u64], percent: u64) -> Option<u64> {
        let count = u128::from(self.count());
        if count == 0 {
            return None;
        }
        let rank = (count * u128::from(percent)).div_ceil(100).max(1);
        let mut seen = 0_u128;
        for (bound, count) in bounds.iter().zip(&self.counts) {
            seen += u128::from(*count);
            if seen >= rank {
                return Some(*bound);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bound_is_in_the_bucket_below_it() {
        let mut histogram = Histogram::new(&SCORE_BOUNDS);
        for value in [0, 1, 10, 11, 100, 101] {
            histogram.observe(&SCORE_BOUNDS, value);
        }
        assert_eq!(histogram.buckets(), [1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((histogram.count(), histogram.sum()), (6, 223));
    }

    #[test]
    fn nothing_has_no_percentile_and_what_is_above_all_bounds_neither() {
        let mut histogram = Histogram::new(&SCORE_BOUNDS);
        assert_eq!(histogram.percentile(&SCORE_BOUNDS, 50), None);
        histogram.observe(&SCORE_BOUNDS, 1_000);
        assert_eq!(histogram.percentile(&SCORE_BOUNDS, 50), None);
        histogram.observe(&SCORE_BOUNDS, 5);
        assert_eq!(histogram.percentile(&SCORE_BOUNDS, 50), Some(10));
    }

    proptest! {
        #[test]
        fn a_percentile_is_the_bound_of_the_bucket_of_the_exact_one(
            mut values in prop::collection::vec(0_u64..10_000_000, 1..200),
            percent in 1_u64..=100,
        ) {
            let mut histogram = Histogram::new(&DURATION_BOUNDS);
            for value in &values {
                histogram.observe(&DURATION_BOUNDS, *value);
            }
            values.sort_unstable();
            let rank = (values.len() * usize::try_from(percent).unwrap()).div_ceil(100);
            let exact = values[rank - 1];
            let bound = DURATION_BOUNDS.into_iter().find(|bound| exact <= *bound);
            prop_assert_eq!(histogram.percentile(&DURATION_BOUNDS, percent), bound);
        }
    }
}
