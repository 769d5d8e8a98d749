//! What sessions missed and which writes are gone, as the tables show it: a column each, where some cell
//! has any. The definitions are those of the rows.

use super::{Row, number};

/// One kind of anomaly.
pub(super) struct Anomaly {
    /// Head of its column.
    pub(super) head: &'static str,
    /// The same for narrow terminals.
    pub(super) short: &'static str,
    /// What a row says of it: how many, of how many.
    counted: fn(&Row) -> (Option<u64>, u64),
    /// Its share, and the upper end of that.
    rate: fn(&Row) -> (Option<f64>, Option<f64>),
}

pub(super) const ANOMALIES: [Anomaly; 5] = [
    Anomaly {
        head: "own writes missed",
        short: "ryw",
        counted: |r| (r.ryw_broken, r.ryw_of),
        rate: |r| (r.ryw_broken_rate, r.ryw_broken_rate_high),
    },
    Anomaly {
        head: "reads gone back",
        short: "mono-r",
        counted: |r| (r.mr_broken, r.mr_of),
        rate: |r| (r.mr_broken_rate, r.mr_broken_rate_high),
    },
    Anomaly {
        head: "below own writes",
        short: "mono-w",
        counted: |r| (r.mw_broken, r.mw_of),
        rate: |r| (r.mw_broken_rate, r.mw_broken_rate_high),
    },
    Anomaly {
        head: "below what was read",
        short: "wfr",
        counted: |r| (r.wfr_broken, r.wfr_of),
        rate: |r| (r.wfr_broken_rate, r.wfr_broken_rate_high),
    },
    Anomaly {
        head: "undone",
        short: "undone",
        counted: |r| (r.undone, r.undone_of),
        rate: |r| (r.undone_rate, r.undone_rate_high),
    },
];

impl Anomaly {
    /// Whether some row has any.
    pub(super) fn occurs<'r>(&self, mut rows: impl Iterator<Item = &'r Row>) -> bool {
        rows.any(|row| (self.counted)(row).0 > Some(0))
    }

    /// The share of one row.
    pub(super) fn share(&self, row: &Row) -> String {
        let ((hits, of), (rate, high)) = ((self.counted)(row), (self.rate)(row));
        number::share(hits.unwrap_or(0), of, rate, high)
    }

    /// The share of all rows together.
    pub(super) fn share_of_all<'r>(&self, rows: impl Iterator<Item = &'r Row>) -> String {
        let (hits, of) = rows.map(self.counted).fold((0_u64, 0_u64), |(hits, of), (some, more)| {
            (hits.saturating_add(some.unwrap_or(0)), of.saturating_add(more))
        });
        let rate = |hits: f64| (of > 0).then(|| (hits / of as f64).min(1.0));
        number::share(hits, of, rate(hits as f64), rate(3.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(hits: u64, of: u64) -> Row {
        let undone = (of > 0).then_some(hits);
        Row { undone, undone_of: of, undone_rate: undone.map(|n| n as f64), ..Row::default() }
    }

    #[test]
    fn phases_add_up_and_nothing_is_told_of_nothing() {
        let told = |rows: &[Row]| ANOMALIES[4].share_of_all(rows.iter());
        assert_eq!(told(&[undone(2, 100), undone(0, 0), undone(1, 200)]), "1.00 %");
        assert_eq!(told(&[undone(0, 100), undone(0, 200)]), "< 1.00 %");
        assert_eq!(told(&[undone(0, 0)]), "-");
        assert_eq!(told(&[undone(0, 2)]), "0 of 2");
        assert!(ANOMALIES[4].occurs([undone(0, 5), undone(1, 5)].iter()));
        assert!(!ANOMALIES.iter().any(|one| one.occurs([undone(0, 5)].iter())));
    }
}
