//! Who has connected and not yet said who he is: how many may be at it, who makes room, and how much is told of
//! them.
//!
//! Anybody can connect and say nothing. So there are only so many places, and whoever comes when all are taken
//! gets that of the one who has been silent longest, among those from the address that holds most. Honest
//! processes introduce themselves within a round trip and are never the oldest for long, and one address
//! cannot crowd out the others. What is told of strangers is bounded too, or they could fill the disk.

use super::wall::WallClock;
use crate::time::{Duration, Instant};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use tokio::sync::oneshot;

/// Connections that may be introducing themselves at a time.
const PLACES: usize = 64;
/// Lines about them within [`SPELL`].
const LINES: u64 = 40;
/// How long a count of lines holds.
pub(super) const SPELL: Duration = Duration::secs(10);

struct Stranger {
    number: u64,
    from: IpAddr,
    /// Its end tells him to go.
    _place: oneshot::Sender<()>,
}

/// Those who are introducing themselves, the oldest first.
#[derive(Default)]
pub(super) struct Strangers {
    next: u64,
    here: VecDeque<Stranger>,
}

impl Strangers {
    /// Takes one in. What is given back says his number, and ends when he has to make room.
    pub(super) fn enter(&mut self, from: IpAddr) -> (u64, oneshot::Receiver<()>) {
        if self.here.len() >= PLACES {
            self.make_room();
        }
        let (place, gone) = oneshot::channel();
        self.next += 1;
        self.here.push_back(Stranger { number: self.next, from, _place: place });
        (self.next, gone)
    }

    /// He has said who he is, or has gone.
    pub(super) fn leave(&mut self, number: u64) {
        self.here.retain(|stranger| stranger.number != number);
    }

    /// The oldest of the address with the most; of two such, the one whose oldest is older.
    fn make_room(&mut self) {
        let mut by_address: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for stranger in &self.here {
            *by_address.entry(stranger.from).or_default() += 1;
        }
        let most = by_address.values().max().copied();
        let oldest =
            self.here.iter().position(|stranger| by_address.get(&stranger.from).copied() == most);
        if let Some(at) = oldest {
            self.here.remove(at);
        }
    }
}

/// Lines that come too often are counted instead.
pub(super) struct Brief {
    clock: WallClock,
    since: Instant,
    told: u64,
}

/// What to do with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// Tell it.
    Tell,
    /// Keep it, and say after [`SPELL`] how many were kept: see [`Brief::kept`].
    KeepFirst,
    /// Keep it; somebody will say so.
    Keep,
}

impl Brief {
    pub(super) fn new(clock: WallClock) -> Self {
        Self { clock, since: Instant::ZERO, told: 0 }
    }

    /// One more line.
    pub(super) fn line(&mut self) -> Telling {
        let now = self.clock.now();
        // Who has kept lines begins anew when they are counted.
        if self.told <= LINES && now >= self.since + SPELL {
            (self.since, self.told) = (now, 0);
        }
        self.told += 1;
        match self.told {
            n if n <= LINES => Telling::Tell,
            n if n == LINES + 1 => Telling::KeepFirst,
            _ => Telling::Keep,
        }
    }

    /// How many lines were kept; from now on lines are told again.
    pub(super) fn kept(&mut self) -> u64 {
        let kept = self.told.saturating_sub(LINES);
        (self.since, self.told) = (self.clock.now(), 0);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::error::TryRecvError;

    fn address(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    #[test]
    fn who_is_silent_longest_makes_room_for_who_comes() {
        let mut strangers = Strangers::default();
        let mut silent: Vec<_> = (0..PLACES).map(|_| strangers.enter(address(1)).1).collect();
        let (number, mut honest) = strangers.enter(address(1));
        assert_eq!(silent[0].try_recv(), Err(TryRecvError::Closed), "the oldest has to go");
        assert!(silent[1..].iter_mut().all(|other| other.try_recv() == Err(TryRecvError::Empty)));
        assert_eq!(honest.try_recv(), Err(TryRecvError::Empty));
        strangers.leave(number);
        let (_, mut next) = strangers.enter(address(1));
        assert_eq!(silent[1].try_recv(), Err(TryRecvError::Empty), "a place was free");
        assert_eq!(next.try_recv(), Err(TryRecvError::Empty));
    }

    #[test]
    fn one_address_cannot_crowd_out_the_others() {
        let mut strangers = Strangers::default();
        let (_, mut honest) = strangers.enter(address(2));
        let _crowd: Vec<_> = (0..10 * PLACES).map(|_| strangers.enter(address(1)).1).collect();
        assert_eq!(honest.try_recv(), Err(TryRecvError::Empty), "though it is the oldest");
        assert_eq!(strangers.here.len(), PLACES);
    }

    #[test]
    fn lines_are_bounded_and_the_rest_is_counted() {
        let mut brief = Brief::new(WallClock::start());
        for _ in 0..LINES {
            assert_eq!(brief.line(), Telling::Tell);
        }
        assert_eq!(brief.line(), Telling::KeepFirst);
        assert!((0..1_000).all(|_| brief.line() == Telling::Keep));
        assert_eq!(brief.kept(), 1_001);
        assert_eq!(brief.line(), Telling::Tell);
    }
}
