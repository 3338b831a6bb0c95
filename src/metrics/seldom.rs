//! [`Seldom`]: refusals of nobody known, told one by one only as long as they are few. Who has no key would otherwise write a
//! line of the log and a data point with each request.

use crate::decision::Decision;
use crate::time::UnixMillis;

/// How many are told a second: 10.
const A_SECOND: u32 = 10;

/// What one isolate tells of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seldom {
    second: u64,
    told: u32,
    left_out: u32,
}

impl Seldom {
    /// For how many decisions this one is told: itself, and those that were left out before it; `None` where it is left out,
    /// too. What somebody proven is refused, and what passes, is always told.
    pub fn weight(&mut self, decision: &Decision, now: UnixMillis) -> Option<u32> {
        if decision.reason.is_none() || decision.agent.is_some() {
            return Some(1);
        }
        let second = now.0 / 1000;
        if second != self.second {
            (self.second, self.told) = (second, 0);
        }
        if self.told >= A_SECOND {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.told += 1;
        Some(core::mem::take(&mut self.left_out).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Session;
    use crate::reason::Reason;

    #[test]
    fn of_many_refusals_of_nobody_some_are_told_and_the_others_counted() {
        let now = UnixMillis(1_700_000_000_000);
        let refused = Session::refuse_unviewable(Reason::RequestPathAmbiguous, now, [0; 10]);
        let mut seldom = Seldom::default();
        let told = (0..1_000).filter_map(|_| seldom.weight(&refused, now)).count();
        assert_eq!(told, 10);
        let mut passed = refused.clone();
        passed.reason = None;
        assert_eq!(seldom.weight(&passed, now), Some(1));
        assert_eq!(seldom.weight(&refused, UnixMillis(now.0 + 1_000)), Some(991));
        assert_eq!(seldom.weight(&refused, UnixMillis(now.0 + 1_000)), Some(1));
    }
}
