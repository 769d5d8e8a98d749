//! One coordination: whom it asked, who answered, and what follows from that. It knows neither
//! messages nor timers, so that a replica and a client's library can both be its host.

use super::super::parts::version::Version;
use super::config::{Config, ReadRepair, SendTo};
use super::message::Copies;
use super::places::{Places, Set, only};
use crate::op::{Acks, NodeId};
use crate::rng::Rng;

pub(super) use super::places::Span;

/// Where a coordination stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waiting for answers to a read.
    Reading,
    /// A read that brings those it waited for up to date before it answers.
    Repairing,
    /// A read that writes back before it answers.
    WritingBack,
    /// A write, waiting for acknowledgements.
    Writing,
    /// The client has its answer.
    Answered,
}

/// What the host has to do now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Ask these what they have.
    pub(super) fetch: Set,
    /// Have these store [`Round::best`].
    pub(super) store: Set,
    /// Give the client its answer, [`Round::best`].
    pub(super) answer: bool,
}

/// One coordination.
#[derive(Debug)]
pub(super) struct Round {
    phase: Phase,
    pub(super) span: Span,
    read: Acks,
    pub(super) write: Acks,
    /// Whether it is a write, all of whose replicas shall have it in the end.
    pub(super) is_write: bool,
    write_back: bool,
    repair: ReadRepair,
    asked: Set,
    answered: Set,
    /// Who is known to have [`Round::best`], or newer.
    holders: Set,
    /// Who has acknowledged it.
    stored: Set,
    /// For whom the coordinator stands in; they count like those that have answered.
    stood_in_for: Set,
    /// For whom it keeps a write that its disk may not have yet: nobody else need, and it does not count before.
    kept_for: Set,
    /// The newest that was heard of, or what is written.
    pub(super) best: Copies,
    /// What a read must not be older than.
    floor: Version,
}

impl Round {
    /// A read.
    pub(super) fn read(
        config: &Config,
        places: &Places,
        span: Span,
        (read, write): (Acks, Acks),
        write_back: bool,
        rng: &mut Rng,
    ) -> (Self, Step) {
        let asked = match config.send_to {
            SendTo::All => places.owners_of(span),
            SendTo::Needed => places.fewest(read, span),
            SendTo::Random => places.drawn(read, span, rng),
        };
        // Replicas that have different keys of a scan are not comparable.
        let uniform = span.count <= 1 || places.everywhere();
        let merges = config.conflicts.merges();
        // A scan shows one value of each key, and that is not all that replicas should have.
        let uniform = uniform && !(merges && span.count > 0);
        let round = Self {
            phase: Phase::Reading,
            span,
            read,
            write,
            is_write: false,
            write_back,
            repair: if uniform { config.read_repair } else { ReadRepair::Off },
            asked,
            answered: 0,
            holders: 0,
            stored: 0,
            stood_in_for: 0,
            kept_for: 0,
            best: match span.count {
                0 if merges => Copies::Cell(Box::default()),
                0 => Copies::One(Default::default()),
                count => Copies::Many(vec![Default::default(); usize::from(count)].into()),
            },
            floor: Version::default(),
        };
        (round, Step { fetch: asked, ..Step::default() })
    }

    /// The question for the newest stamp: a read that repairs nothing.
    pub(super) fn rank(
        config: &Config,
        places: &Places,
        span: Span,
        levels: (Acks, Acks),
        rng: &mut Rng,
    ) -> (Self, Step) {
        let (round, step) = Self::read(config, places, span, levels, false, rng);
        (Self { repair: ReadRepair::Off, ..round }, step)
    }

    /// A write of what is stamped already.
    pub(super) fn write(
        config: &Config,
        places: &Places,
        span: Span,
        write: Acks,
        copies: Copies,
        rng: &mut Rng,
    ) -> (Self, Step) {
        let asked = match config.send_to {
            SendTo::All | SendTo::Needed => places.owners_of(span),
            SendTo::Random => places.drawn(write, span, rng),
        };
        let round = Self {
            phase: Phase::Writing,
            span,
            read: write,
            write,
            is_write: true,
            write_back: false,
            repair: ReadRepair::Off,
            asked,
            answered: 0,
            holders: 0,
            stored: 0,
            stood_in_for: 0,
            kept_for: 0,
            best: copies,
            floor: Version::default(),
        };
        (round, Step { store: asked, ..Step::default() })
    }

    /// The same read, which is not answered with anything older than this.
    pub(super) fn no_older_than(self, floor: Version) -> Self {
        Self { floor, ..self }
    }

    /// A replica has said what it has.
    pub(super) fn on_fetched(&mut self, places: &Places, from: NodeId, copies: &Copies) -> Step {
        if self.is_write || self.answered & only(from) != 0 {
            return Step::default();
        }
        self.answered |= only(from);
        let open = matches!(self.phase, Phase::Reading | Phase::Answered);
        // What was decided to be answered stays as it is while it is being stored.
        if open && self.best.merge(copies) {
            self.holders = 0;
        }
        if copies.covers(&self.best) {
            self.holders |= only(from);
        }
        match self.phase {
            Phase::Reading if !self.has_read(places) => Step::default(),
            Phase::Reading if self.best.versions().iter().any(|best| *best < self.floor) => {
                self.ask_all(places)
            }
            Phase::Reading => self.decide(places),
            Phase::Answered => self.repair_rest(places),
            _ => Step::default(),
        }
    }

    fn has_read(&self, places: &Places) -> bool {
        places.enough(self.read, self.answered | self.stood_in_for, self.span)
    }

    /// The coordinator answers for these from now on, with which a read may have enough.
    pub(super) fn stand_in(&mut self, places: &Places, silent: Set) -> Step {
        self.stood_in_for |= silent;
        let current = self.best.versions().iter().all(|best| *best >= self.floor);
        let may_end = self.is_reading() && self.answered != 0 && current;
        if may_end && self.has_read(places) { self.decide(places) } else { Step::default() }
    }

    /// It keeps a write for these, who count once that is on disk, as what they acknowledge themselves is.
    pub(super) fn keep_for(&mut self, silent: Set) {
        self.kept_for |= silent;
    }

    /// What is kept is on disk.
    pub(super) fn on_kept(&mut self) {
        self.stood_in_for |= self.kept_for;
    }

    /// Those who have answered are behind the session: the others are asked too.
    fn ask_all(&mut self, places: &Places) -> Step {
        let others = places.owners_of(self.span) & !self.asked;
        self.asked |= others;
        Step { fetch: others, ..Step::default() }
    }

    /// Replicas whose answer was old; what a stand-in lacks is not its to have.
    fn stale(&self, places: &Places) -> Set {
        self.answered & !self.holders & places.owners_of(self.span)
    }

    /// Enough have answered a read.
    fn decide(&mut self, places: &Places) -> Step {
        let stale = self.stale(places);
        if self.write_back {
            self.stood_in_for = 0;
            self.phase = Phase::WritingBack;
            return Step { store: places.owners_of(self.span), ..Step::default() };
        }
        if self.repair == ReadRepair::Blocking && stale != 0 {
            self.phase = Phase::Repairing;
            return Step { store: stale, ..Step::default() };
        }
        self.phase = Phase::Answered;
        Step { answer: true, ..self.repair_rest(places) }
    }

    /// All have answered: those whose answer was old are brought up to date, and nobody waits for it.
    fn repair_rest(&mut self, places: &Places) -> Step {
        if self.repair == ReadRepair::Off || self.answered != self.asked {
            return Step::default();
        }
        self.repair_answered(places)
    }

    fn repair_answered(&mut self, places: &Places) -> Step {
        let stale = self.stale(places);
        self.holders |= stale;
        Step { store: stale, ..Step::default() }
    }

    /// A replica, or a stand-in, has it on disk.
    pub(super) fn on_stored(&mut self, places: &Places, from: NodeId) -> Step {
        self.stored |= only(from);
        self.holders |= only(from);
        let enough = match self.phase {
            Phase::Writing | Phase::WritingBack => {
                places.enough(self.write, self.stored | self.stood_in_for, self.span)
            }
            Phase::Repairing => places.enough(self.read, self.holders, self.span),
            Phase::Reading | Phase::Answered => false,
        };
        if !enough {
            return Step::default();
        }
        self.phase = Phase::Answered;
        let rest = if self.is_write { Step::default() } else { self.repair_rest(places) };
        Step { answer: true, ..rest }
    }

    /// Those asked at first were too slow: all others are asked too, and the silent ones again.
    pub(super) fn lose_patience(&mut self, places: &Places) -> Step {
        let owners = places.owners_of(self.span);
        match self.phase {
            Phase::Reading => {
                self.asked |= owners;
                Step { fetch: owners & !self.answered, ..Step::default() }
            }
            Phase::Repairing => Step { store: owners & !self.holders, ..Step::default() },
            Phase::WritingBack | Phase::Writing => {
                self.asked |= owners;
                Step { store: owners & !self.stored, ..Step::default() }
            }
            Phase::Answered => Step::default(),
        }
    }

    /// A stand-in is asked what it keeps.
    pub(super) fn ask_too(&mut self, stand_in: NodeId) {
        self.asked |= only(stand_in);
    }

    /// Whether answers to a read are being waited for.
    pub(super) fn is_reading(&self) -> bool {
        self.phase == Phase::Reading
    }

    /// Whether the client still waits.
    pub(super) fn is_open(&self) -> bool {
        self.phase != Phase::Answered
    }

    /// Replicas that were asked to read and have not answered.
    pub(super) fn unanswered(&self) -> Set {
        self.asked & !self.answered
    }

    /// Replicas that were sent a write, have not acknowledged it, and have nobody who keeps it for them.
    pub(super) fn missing(&self) -> Set {
        if self.is_write { self.asked & !self.stored & !self.kept_for } else { 0 }
    }

    /// Whether nothing that is still to come would change anything.
    pub(super) fn is_over(&self) -> bool {
        let all_in = self.answered == self.asked || self.repair == ReadRepair::Off;
        !self.is_open() && if self.is_write { self.missing() == 0 } else { all_in }
    }

    /// Nobody is waited for any longer: the last repairs.
    pub(super) fn expire(&mut self, places: &Places) -> Step {
        if self.is_write || self.repair == ReadRepair::Off || self.is_open() {
            return Step::default();
        }
        self.repair_answered(places)
    }
}
