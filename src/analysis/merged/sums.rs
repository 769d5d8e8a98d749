//! What counters and stocks add up to.
//!
//! A counter ends at the sum of its updates (Shapiro et al., "Conflict-free Replicated Data Types", 2011). Which they
//! are is asked twice: of what replicas call decided, so that nothing counts that nobody was asked for, and of
//! what clients were told, so that replicas which call nothing decided are not believed.

use super::update;
use crate::history::{FinalState, History, Operation, Status};
use crate::op::{Object, Update};

/// What an update adds to a counter, or to a stock.
pub(super) fn counted(update: Update) -> i64 {
    match update {
        Update::Add(n) => i64::from(n),
        Update::Take(units) => -i64::from(units),
        _ => 0,
    }
}

/// What updates of a counter or a stock may add up to: those that were acknowledged, and any of those whose outcome
/// is unknown, which a replica may have had, called decided, and lost in a crash before its disk had them.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    acknowledged: i128,
    /// How far below and above that those of unknown outcome reach.
    least: i128,
    most: i128,
}

impl Sum {
    pub(super) fn may_be(&self, word: u64) -> bool {
        let word = i128::from(word as i64);
        (self.acknowledged + self.least..=self.acknowledged + self.most).contains(&word)
    }

    /// What ends at this word may not.
    fn complaint(&self, object: Object, key: usize, word: u64, who: &str) -> String {
        let Self { acknowledged, least, most } = *self;
        let more = match (least, most) {
            (0, 0) => String::new(),
            _ => format!(", and those whose outcome is unknown to {least} or {most} more"),
        };
        format!(
            "the {object} of key {key} ends at {}, but all updates {who} add up to {acknowledged}{more}",
            word as i64
        )
    }
}

/// By key, the sums over the updates that count.
fn sums(history: &History, counts: impl Fn(&Operation) -> bool) -> Vec<Sum> {
    let nothing =
        Sum { acknowledged: i128::from(history.contents.initial as i64), least: 0, most: 0 };
    let mut sums = vec![nothing; history.keys as usize];
    for (id, op) in (0..).zip(&history.operations).filter(|(_, op)| op.may_write() && counts(op)) {
        let by = i128::from(counted(update(history, id)));
        let sum = &mut sums[op.key.0 as usize];
        match op.status {
            Status::Ok => sum.acknowledged += by,
            _ if by < 0 => sum.least += by,
            _ => sum.most += by,
        }
    }
    sums
}

/// By key, the sums over what some replica has called decided.
pub(super) fn decided(history: &History) -> Vec<Sum> {
    let mut is_decided = vec![false; history.writes as usize + 1];
    for commit in &history.commits {
        is_decided[commit.value.0 as usize] = true;
    }
    sums(history, |op| is_decided[op.value.0 as usize])
}

/// A counter or stock that ends where no sum of its updates can: neither of those that replicas call decided, nor of
/// those that clients were told of, whatever replicas say.
pub(super) fn miscounted(history: &History, last: &FinalState) -> Option<String> {
    let object = history.contents.object;
    let asked = [(decided(history), "decided"), (sums(history, |_| true), "acknowledged")];
    asked.iter().find_map(|(sums, who)| {
        (sums.iter().zip(&last.words).enumerate()).find_map(|(key, (sum, word))| {
            (!sum.may_be(*word)).then(|| sum.complaint(object, key, *word, who))
        })
    })
}
