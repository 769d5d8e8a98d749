//! Timers by value, with at most one pending event for most of their re-armings.
//!
//! Protocols move their timers far more often than these fire: every heartbeat pushes an election
//! timeout back. Moving one later only notes the new deadline; the event already in the queue finds
//! that it came too early and goes back in. That keeps the queue as small as the number of timers, in
//! virtual time and in real time alike.

use crate::time::Instant;

/// One deadline that may move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm {
    /// When it goes off; `NEVER` while disarmed.
    deadline: Instant,
    /// When its event is in the queue for; `NEVER` if it has none that counts.
    scheduled: Instant,
}

/// What an alarm's event finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It goes off now.
    Now,
    /// It was moved: look again then.
    Later(Instant),
    /// Disarmed, or another event stands for it.
    Stale,
}

impl Alarm {
    /// Not armed.
    pub(super) const OFF: Self = Self { deadline: Instant::NEVER, scheduled: Instant::NEVER };

    /// Arms or moves it; says for when an event must be scheduled, if one must.
    #[inline]
    pub(super) fn set(&mut self, deadline: Instant) -> Option<Instant> {
        self.deadline = deadline;
        (deadline < self.scheduled).then(|| {
            self.scheduled = deadline;
            deadline
        })
    }

    /// Disarms it.
    #[inline]
    pub(super) fn cancel(&mut self) {
        self.deadline = Instant::NEVER;
    }

    /// Its event has come up.
    #[inline]
    pub(super) fn check(&mut self, now: Instant) -> Due {
        if self.scheduled != now {
            return Due::Stale;
        }
        self.scheduled = Instant::NEVER;
        if self.deadline == now {
            self.deadline = Instant::NEVER;
            return Due::Now;
        }
        if self.deadline == Instant::NEVER {
            return Due::Stale;
        }
        self.scheduled = self.deadline;
        Due::Later(self.deadline)
    }
}

/// The timers of one process. Protocols use a handful, so a search beats a map.
#[derive(Debug)]
pub(super) struct Timers<T> {
    slots: Vec<(T, Alarm)>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<T: Copy + PartialEq> Timers<T> {
    /// Arms or moves a timer; its slot, and when an event must be scheduled for it, if one must.
    #[inline]
    pub(super) fn set(&mut self, timer: T, deadline: Instant) -> (u32, Option<Instant>) {
        let known = self.slots.iter().position(|(name, _)| *name == timer);
        let slot = known.unwrap_or_else(|| {
            assert!(self.slots.len() < 4096, "a process has more than 4096 distinct timers");
            self.slots.push((timer, Alarm::OFF));
            self.slots.len() - 1
        });
        (slot as u32, self.slots[slot].1.set(deadline))
    }

    /// Disarms a timer.
    #[inline]
    pub(super) fn cancel(&mut self, timer: T) {
        if let Some((_, alarm)) = self.slots.iter_mut().find(|(name, _)| *name == timer) {
            alarm.cancel();
        }
    }

    /// The last deadline of those that are armed.
    pub(super) fn last(&self) -> Option<Instant> {
        let deadlines = self.slots.iter().map(|(_, alarm)| alarm.deadline);
        deadlines.filter(|deadline| *deadline != Instant::NEVER).max()
    }

    /// Disarms all.
    pub(super) fn cancel_all(&mut self) {
        for (_, alarm) in &mut self.slots {
            alarm.cancel();
        }
    }

    /// Disarms all, whose events may never come up.
    pub(super) fn forget(&mut self) {
        for (_, alarm) in &mut self.slots {
            *alarm = Alarm::OFF;
        }
    }

    /// The event of a slot has come up: the timer's name and what to do.
    #[inline]
    pub(super) fn check(&mut self, slot: u32, now: Instant) -> (T, Due) {
        let (timer, alarm) = &mut self.slots[slot as usize];
        (*timer, alarm.check(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_an_alarm_later_needs_no_new_event() {
        let mut alarm = Alarm::OFF;
        assert_eq!(alarm.set(Instant(10)), Some(Instant(10)));
        assert_eq!(alarm.set(Instant(30)), None);
        assert_eq!(alarm.check(Instant(10)), Due::Later(Instant(30)));
        assert_eq!(alarm.check(Instant(30)), Due::Now);
    }

    #[test]
    fn moving_it_earlier_makes_the_old_event_stale() {
        let mut alarm = Alarm::OFF;
        alarm.set(Instant(30));
        assert_eq!(alarm.set(Instant(10)), Some(Instant(10)));
        assert_eq!(alarm.check(Instant(10)), Due::Now);
        assert_eq!(alarm.check(Instant(30)), Due::Stale);
    }

    #[test]
    fn a_cancelled_alarm_is_silent() {
        let mut timers = Timers::default();
        let (slot, _) = timers.set('a', Instant(5));
        timers.cancel('a');
        assert_eq!(timers.check(slot, Instant(5)), ('a', Due::Stale));
    }
}
