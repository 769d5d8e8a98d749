//! What protocols keep although they do not promise it, with the reason: for each guarantee either some run
//! breaks it, or it is listed here and none does (`tests/protocols/boundaries.rs`).

use crate::guarantee::Guarantee;

/// Where one replica, a majority or a group gives all writes one order, and no session is shown a write before
/// it has its place.
#[must_use]
pub fn of_one_order(promise: Guarantee, guarantee: Guarantee) -> Option<&'static str> {
    match guarantee {
        Guarantee::MonotonicWrites => {
            Some("writes have one order, and a session's next one comes after its last was decided")
        }
        Guarantee::WritesFollowReads => {
            Some("writes have one order, and what was read was decided before the write began")
        }
        Guarantee::Sequential | Guarantee::Causal if promise == Guarantee::Session => Some(
            "writes have one order, and a session that does not go back in it moves through it",
        ),
        _ => None,
    }
}

/// Where every replica shows a write before it is acknowledged. That some show it earlier remains.
#[must_use]
pub fn of_all_replicas(promise: Guarantee, guarantee: Guarantee) -> Option<&'static str> {
    let forward = promise.implies(Guarantee::MonotonicReads);
    match guarantee {
        Guarantee::Regular
        | Guarantee::BoundedStaleness(_)
        | Guarantee::BoundedVersions(_)
        | Guarantee::ReadYourWrites => {
            Some("every replica shows an acknowledged write, so that none near by misses it")
        }
        Guarantee::Session | Guarantee::Sequential | Guarantee::Causal if forward => {
            Some("every replica shows an acknowledged write, and the session does not go back")
        }
        _ => None,
    }
}
