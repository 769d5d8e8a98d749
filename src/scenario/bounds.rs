//! Runs that would not end, or not fit: refused before they are begun.
//!
//! Every operation is recorded. What a plan will record at most is known beforehand: planned arrivals
//! have a rate, and a closed loop is never faster than the way to the nearest replica, its processor and
//! the time a client thinks.

use super::plan::{Arrivals, ClientGroup, Length, Link, Load, Plan};
use crate::time::Duration;

/// More operations than a run should ask for: each is recorded, in some 150 bytes.
pub(super) const OPERATIONS_MAX: u64 = 100_000_000;
/// A longer run is a mistake in the unit.
const LENGTH_MAX: Duration = Duration::secs(1_000_000);

/// Whether a plan's operations come to an end, and are not too many.
pub(super) fn check(plan: &Plan) -> Result<(), String> {
    if !matches!(plan.load, Load::Mix) {
        return Ok(());
    }
    let rates = plan.clients.iter().enumerate().map(|(group, clients)| rate(plan, group, clients));
    let rate: f64 = rates.sum();
    match plan.length {
        Length::Time(time) if rate * (time.as_secs() - plan.warm_up.as_secs()) < 1.0 => {
            Err(format!(
                "less than one operation begins in the {time} that a run lasts, warm-up of {} \
                 included; plan more arrivals or a longer run",
                plan.warm_up
            ))
        }
        Length::Time(time) if rate * time.as_secs() > OPERATIONS_MAX as f64 => {
            let many = match rate * time.as_secs() {
                many if many < 1e15 => format!("up to {many:.0} operations"),
                _ => "operations without end".to_owned(),
            };
            Err(format!(
                "{many} fit into {time}, but a run has at most {OPERATIONS_MAX}; plan fewer \
                 arrivals, let clients think, give the way to a replica a time above 0, or count \
                 the operations"
            ))
        }
        Length::Operations(n) if n as f64 / rate > LENGTH_MAX.as_secs() => Err(format!(
            "{n} operations take {:.0} s at the rates planned; a run lasts at most {LENGTH_MAX}",
            n as f64 / rate
        )),
        _ => Ok(()),
    }
}

/// Operations per second of a group: as planned, or as fast as a closed loop can be.
fn rate(plan: &Plan, group: usize, clients: &ClientGroup) -> f64 {
    match &clients.mix.arrivals {
        Arrivals::Poisson { rate } | Arrivals::Constant { rate } => *rate,
        Arrivals::Closed { think_ms } => {
            let site = plan.replicas.len() + group;
            let rounds = plan.replicas.iter().enumerate().map(|(replica, host)| {
                let ways = way_ms(plan.link(site, replica)) + way_ms(plan.link(replica, site));
                ways + host.service_ms.typical()
            });
            let round_ms = rounds.fold(f64::INFINITY, f64::min) + think_ms.typical();
            f64::from(clients.sessions) * 1e3 / round_ms
        }
    }
}

/// What a message takes, typically.
fn way_ms(link: &Link) -> f64 {
    let jitters = link.legs.iter().map(|leg| leg.as_ref().unwrap_or(&link.jitter_ms).typical());
    let jitter = jitters.fold(f64::INFINITY, f64::min);
    link.base.as_ms() * link.jitter_factor.typical() + jitter
}
