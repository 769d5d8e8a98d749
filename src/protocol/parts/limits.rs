//! What no protocol's settings may be, in one sentence each.

use crate::time::Duration;
use serde::Deserializer;
use serde::de::{Error, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

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

/// Reads a setting that is a text in a form of its own.
///
/// # Errors
/// What the form objects to; of what is no text at all, the choices there are.
pub fn chosen<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(
    deserializer: D,
    choices: &'static str,
) -> Result<T, D::Error> {
    struct OneOf<T>(&'static str, PhantomData<T>);
    impl<T: FromStr<Err = String>> Visitor<'_> for OneOf<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(OneOf(choices, PhantomData))
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
