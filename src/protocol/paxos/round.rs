//! One job's way through Paxos: a proposer without messages or timers.
//!
//! Rystsov, "CASPaxos: Replicated State Machines without logs" (2018): phase 1 finds the key's state,
//! the update is carried out on it, phase 2 has a majority accept what comes out. A read, or an update
//! whose condition is not met, proposes the state as it is, unless a majority had accepted that very
//! state at one ballot: then it is chosen already, and phase 1 was enough.

use super::super::parts::version::Version;
use super::message::{Ballot, Held, REMEMBERED};
use crate::op::{NodeId, Rank, Ret, State, Update, Value};

/// What a round is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Find the chosen state.
    Read,
    /// Carry out an update, once.
    Update(Value, Update),
    /// Have everybody accept the chosen state.
    Settle,
    /// Replace the state by one that another region has chosen, if that is the later one.
    Adopt(Held),
}

/// What comes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// This is what was read.
    Read,
    /// The update took effect and left this word; others may have come since.
    Applied(u64),
    /// This does not meet its condition.
    Refused,
}

/// What its host has to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait for more answers.
    Wait,
    /// Ask all acceptors to accept this.
    Accept(Held),
    /// It is over, and this state is chosen.
    Done(Answer, Held),
    /// Nobody can tell any more whether the update took effect.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Preparing,
    Accepting(Answer),
}

/// A round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    goal: Goal,
    majority: u32,
    pub(super) ballot: Ballot,
    phase: Phase,
    /// One bit per acceptor that has answered in this phase.
    answered: u64,
    /// The newest state that phase 1 has found, when it was accepted, and by how many of them; in phase
    /// 2 what is proposed.
    accepted: Ballot,
    held: Held,
    same: u32,
    /// The newest version that stores around acceptors have beside what was accepted.
    beside: Version,
    /// What an earlier ballot of this round proposed the update upon.
    tried: Option<Version>,
    /// The latest proposals of the update, by the rank it would have, and the words that would come of it: an older
    /// one may be chosen after a newer was made upon something else.
    proposed: [(Rank, u64); REMEMBERED],
}

impl Round {
    pub(super) fn new(goal: Goal, majority: usize, ballot: Ballot, first: Held) -> Self {
        Self {
            goal,
            majority: majority as u32,
            ballot,
            phase: Phase::Preparing,
            answered: 0,
            accepted: Ballot::default(),
            held: first,
            same: 0,
            beside: Version::default(),
            tried: None,
            proposed: [(Rank::default(), 0); REMEMBERED],
        }
    }

    /// Begins again at a higher ballot.
    pub(super) fn restart(&mut self, ballot: Ballot, first: Held) {
        *self = Self {
            tried: self.tried,
            proposed: self.proposed,
            ..Self::new(self.goal, self.majority as usize, ballot, first)
        };
    }

    /// Whether the update may have taken effect, or may yet.
    pub(super) fn has_tried(&self) -> bool {
        self.tried.is_some()
    }

    /// An acceptor that promises has this beside it, which nobody proposed: a plain write of the store that
    /// contains it. It counts as the latest update if it is newer than what phase 1 finds.
    pub(super) fn on_beside(&mut self, version: Version) {
        self.beside = self.beside.max(version);
    }

    /// An acceptor has promised, and says what it had accepted.
    pub(super) fn on_promise(&mut self, from: NodeId, accepted: Ballot, held: &Held) -> Next {
        if self.phase != Phase::Preparing || !self.counts(from) {
            return Next::Wait;
        }
        if accepted > self.accepted || self.same == 0 {
            (self.accepted, self.held, self.same) = (accepted, *held, 1);
        } else if accepted == self.accepted {
            self.same += 1;
        }
        if self.answered.count_ones() < self.majority {
            return Next::Wait;
        }
        self.decide()
    }

    /// A majority has promised: nothing below this ballot will be chosen that is not found already.
    fn decide(&mut self) -> Next {
        let found = self.held;
        if self.beside.rank > found.recent[0].rank {
            self.held = found.with(self.beside, found.word);
        }
        let held = self.held;
        let (answer, proposal) = match self.goal {
            Goal::Read | Goal::Settle => (Answer::Read, held),
            Goal::Adopt(theirs) if theirs.recent[0] > held.recent[0] => (Answer::Read, theirs),
            Goal::Adopt(_) => (Answer::Read, held),
            Goal::Update(value, update) => match self.carry_out(value, update) {
                Some(found) => found,
                None => return Next::Unknown,
            },
        };
        if proposal == found && self.same >= self.majority && self.goal != Goal::Settle {
            return Next::Done(answer, held);
        }
        (self.phase, self.answered, self.held) = (Phase::Accepting(answer), 0, proposal);
        Next::Accept(proposal)
    }

    /// The update upon what was found, unless it is in there.
    fn carry_out(&mut self, value: Value, update: Update) -> Option<(Answer, Held)> {
        let held = self.held;
        if let Some(upon) = self.tried {
            if let Some(at) = held.recent.iter().position(|version| version.value == value) {
                let word =
                    if at == 0 { Some(held.word) } else { self.word_of(held.recent[at].rank) };
                return word.map(|word| (Answer::Applied(word), held));
            }
            // What was proposed upon a version it remembers would be remembered too.
            if !held.remembers(upon) {
                return None;
            }
        }
        let Some(word) = update.on(held.state()) else {
            // This is told only of a chosen state: one that a majority had accepted at one ballot already, or that
            // is proposed and accepted first. An earlier try of this update is not in it, for it would be
            // remembered, and can be chosen beside it no more.
            return Some((Answer::Refused, held));
        };
        self.tried = Some(held.recent[0]);
        // What was found is older than the ballot, unless it came from another region.
        let after = Ballot { time: held.recent[0].rank.time + 1, ..self.ballot };
        let is_older = held.recent[0].rank < self.ballot;
        let version = Version { rank: if is_older { self.ballot } else { after }, value };
        self.proposed.rotate_right(1);
        self.proposed[0] = (version.rank, word);
        Some((Answer::Applied(word), held.with(version, word)))
    }

    /// The word that came of the update where it has this rank, if that is remembered.
    fn word_of(&self, rank: Rank) -> Option<u64> {
        let (_, word) = self.proposed.iter().find(|(proposed, _)| *proposed == rank)?;
        Some(*word)
    }

    /// An acceptor has accepted.
    pub(super) fn on_accepted(&mut self, from: NodeId) -> Next {
        let Phase::Accepting(answer) = self.phase else { return Next::Wait };
        if !self.counts(from) || self.answered.count_ones() != self.majority {
            return Next::Wait;
        }
        Next::Done(answer, self.held)
    }

    /// Whether this is its first answer in this phase.
    fn counts(&mut self, from: NodeId) -> bool {
        let bit = 1 << from.0;
        let new = self.answered & bit == 0;
        self.answered |= bit;
        new
    }
}

impl Answer {
    /// What the client is told, where this state is chosen.
    pub(super) fn told(self, goal: Goal, held: &Held, is_register: bool) -> Ret {
        let state = held.state();
        match (self, goal) {
            (Self::Read, _) if is_register => Ret::Value(state.version),
            (Self::Read, _) => Ret::State(state),
            (Self::Refused, _) => Ret::Refused(state),
            (Self::Applied(word), Goal::Update(version, _)) if !is_register => {
                Ret::State(State { version, word })
            }
            (Self::Applied(_), _) => Ret::Written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Contents;

    fn ballot(time: u64) -> Ballot {
        Rank { time, node: 0 }
    }

    fn first() -> Held {
        Held::first(Contents::default())
    }

    fn write(n: u32) -> Held {
        first().with(Version { rank: ballot(u64::from(n)), value: Value(n) }, 0)
    }

    fn round(goal: Goal) -> Round {
        Round::new(goal, 2, ballot(9), first())
    }

    #[test]
    fn what_a_majority_has_accepted_at_one_ballot_is_read_in_one_phase() {
        let mut read = round(Goal::Read);
        assert_eq!(read.on_promise(NodeId(0), ballot(3), &write(3)), Next::Wait);
        assert_eq!(read.on_promise(NodeId(0), ballot(3), &write(3)), Next::Wait, "the same again");
        let done = Next::Done(Answer::Read, write(3));
        assert_eq!(read.on_promise(NodeId(2), ballot(3), &write(3)), done);
    }

    #[test]
    fn what_only_one_has_accepted_is_proposed_before_it_is_told() {
        let mut read = round(Goal::Read);
        read.on_promise(NodeId(0), ballot(0), &first());
        assert_eq!(read.on_promise(NodeId(1), ballot(3), &write(3)), Next::Accept(write(3)));
        assert_eq!(read.on_accepted(NodeId(2)), Next::Wait);
        let done = Next::Done(Answer::Read, write(3));
        assert_eq!(read.on_accepted(NodeId(0)), done);
        assert_eq!(read.on_accepted(NodeId(1)), Next::Wait, "once");
    }

    #[test]
    fn an_update_that_may_have_taken_effect_is_looked_for_before_it_is_done_again() {
        let goal = Goal::Update(Value(7), Update::Put);
        let mut update = round(goal);
        update.on_promise(NodeId(0), ballot(3), &write(3));
        let Next::Accept(mine) = update.on_promise(NodeId(1), ballot(3), &write(3)) else {
            panic!("it is proposed");
        };
        let version = mine.recent[0];
        assert_eq!((version.value, version.rank), (Value(7), ballot(9)));
        // Another ballot intervened. Somebody had it, and others built upon that.
        let built = mine.with(Version { rank: ballot(10), value: Value(8) }, 0);
        let mut again = update;
        again.restart(ballot(20), first());
        again.on_promise(NodeId(0), ballot(10), &built);
        let done = Next::Done(Answer::Applied(0), built);
        assert_eq!(again.on_promise(NodeId(1), ballot(10), &built), done);
        // Or nobody had: it goes on top.
        let other = write(3).with(Version { rank: ballot(10), value: Value(8) }, 0);
        again = update;
        again.restart(ballot(20), first());
        again.on_promise(NodeId(0), ballot(10), &other);
        let next = again.on_promise(NodeId(1), ballot(10), &other);
        assert!(matches!(next, Next::Accept(held) if held.recent[1].value == Value(8)), "{next:?}");
        // Or so many updates have come since that nobody remembers.
        let later = (20..24).fold(other, |held, n| {
            held.with(Version { rank: ballot(n), value: Value(n as u32) }, 0)
        });
        again = update;
        again.restart(ballot(30), first());
        again.on_promise(NodeId(0), ballot(23), &later);
        assert_eq!(again.on_promise(NodeId(1), ballot(23), &later), Next::Unknown);
    }

    #[test]
    fn an_older_proposal_that_is_chosen_after_all_answers_with_its_own_word() {
        let mut update = round(Goal::Update(Value(7), Update::Add(1)));
        update.on_promise(NodeId(0), ballot(0), &first());
        let Next::Accept(mine) = update.on_promise(NodeId(1), ballot(0), &first()) else {
            panic!("it is proposed");
        };
        // The next ballot finds another's addition, which is never chosen, and counts upon that.
        let other = first().with(Version { rank: ballot(12), value: Value(8) }, 1);
        update.restart(ballot(20), first());
        update.on_promise(NodeId(1), ballot(0), &first());
        let next = update.on_promise(NodeId(2), ballot(12), &other);
        assert!(matches!(next, Next::Accept(held) if held.word == 2), "{next:?}");
        // The first proposal is chosen by somebody else's round, and perhaps built upon.
        let built = mine.with(Version { rank: ballot(31), value: Value(9) }, 5);
        for found in [mine, built] {
            let mut again = update;
            again.restart(ballot(40), first());
            again.on_promise(NodeId(0), ballot(30), &found);
            let done = Next::Done(Answer::Applied(1), found);
            assert_eq!(again.on_promise(NodeId(1), ballot(30), &found), done);
        }
    }

    #[test]
    fn what_another_region_chose_is_adopted_if_it_is_later_and_built_upon() {
        let theirs = write(40);
        let mut adopt = round(Goal::Adopt(theirs));
        adopt.on_promise(NodeId(0), ballot(3), &write(3));
        assert_eq!(adopt.on_promise(NodeId(1), ballot(3), &write(3)), Next::Accept(theirs));
        let mut adopt = round(Goal::Adopt(write(2)));
        adopt.on_promise(NodeId(0), ballot(3), &write(3));
        let done = Next::Done(Answer::Read, write(3));
        assert_eq!(adopt.on_promise(NodeId(1), ballot(3), &write(3)), done, "ours is later");

        let mut update = round(Goal::Update(Value(7), Update::Put));
        update.on_promise(NodeId(0), ballot(8), &theirs);
        let next = update.on_promise(NodeId(1), ballot(8), &theirs);
        let rank = ballot(41);
        let mine = theirs.with(Version { rank, value: Value(7) }, 0);
        assert_eq!(next, Next::Accept(mine), "above it, though the ballot is below");
    }

    #[test]
    fn a_condition_that_is_not_met_changes_nothing() {
        let goal = Goal::Update(Value(7), Update::CompareAndSet(Value(2)));
        let mut update = round(goal);
        update.on_promise(NodeId(0), ballot(3), &write(3));
        let next = update.on_promise(NodeId(1), ballot(3), &write(3));
        assert_eq!(next, Next::Done(Answer::Refused, write(3)));
        assert!(!update.has_tried());
    }
}
