//! What no protocol's settings may be, in one sentence each.

use crate::time::Duration;

/// A timer that fires more often would keep a run from ending in anybody's lifetime.
pub const INTERVAL_MIN: Duration = Duration::micros(1);

/// Refuses an interval that is too short for a timer.
///
/// # Errors
/// What it is, and what would be right.
pub fn interval(name: &str, value: Duration) -> Result<(), String> {
    if value < INTERVAL_MIN {
        return Err(format!("`{name}` is {value}; write at least {INTERVAL_MIN}"));
    }
    Ok(())
}

/// Refuses snapshots after no entries at all.
///
/// # Errors
/// What would be right.
pub fn snapshot_every(entries: u64) -> Result<(), String> {
    if entries == 0 {
        return Err("`snapshot_every` is 0; it counts entries, so write at least 1".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_never_end_is_refused() {
        assert!(interval("heartbeat", Duration(999)).unwrap_err().contains("at least 1us"));
        assert!(snapshot_every(0).unwrap_err().contains("at least 1"));
        assert_eq!((interval("heartbeat", INTERVAL_MIN), snapshot_every(1)), (Ok(()), Ok(())));
    }
}
