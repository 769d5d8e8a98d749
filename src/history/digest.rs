//! The digest of a history: equal digests, equal runs, on any machine and in any version that writes the
//! same format. Tests pin digests so that no change of results goes unnoticed.

use super::History;
use crate::op::Update;

/// A 64-bit digest over every field in the order they are declared, lengths included. Each 64-bit
/// word goes through one step of FNV-1a followed by a shift that brings the high bits back down;
/// the result is the same on every platform and changes only with [`super::FORMAT`].
pub(super) fn digest(history: &History) -> u64 {
    let mut hash = Digest(0xcbf2_9ce4_8422_2325);
    hash.word(history.groups.len() as u64);
    for group in &history.groups {
        hash.word(group.len() as u64);
        group.bytes().for_each(|byte| hash.word(u64::from(byte)));
    }
    hash.word(u64::from(history.keys) << 32 | u64::from(history.writes));
    hash.word(history.warm_up.0);
    hash.word(history.horizon.0);
    hash.word(history.windows.len() as u64);
    for window in &history.windows {
        hash.word(window.start.0);
        hash.word(window.end.0);
    }
    hash.word(history.operations.len() as u64);
    for op in &history.operations {
        let kind = u64::from(op.kind as u8) << 8 | u64::from(op.status as u8);
        let place = u64::from(op.group) << 32 | u64::from(op.count) << 48;
        hash.word(place | kind << 1 | u64::from(op.rmw));
        hash.word(u64::from(op.session) << 32 | u64::from(op.key.0));
        hash.word(u64::from(op.value.0));
        hash.word(op.intended.0);
        hash.word(op.invoked.0);
        hash.word(op.completed.0);
    }
    hash.word(history.scanned.len() as u64);
    history.scanned.iter().for_each(|value| hash.word(u64::from(value.0)));
    hash.word(history.commits.len() as u64);
    for commit in &history.commits {
        hash.word(commit.at.0);
        hash.word(u64::from(commit.key.0) << 32 | u64::from(commit.value.0));
        hash.word(commit.rank.time);
        hash.word(u64::from(commit.rank.node));
    }
    hash.word(history.finals.len() as u64);
    for state in &history.finals {
        hash.word(state.values.len() as u64);
        state.values.iter().for_each(|value| hash.word(u64::from(value.0)));
    }
    hash.word(history.traffic.messages);
    hash.word(history.traffic.bytes);
    if history.merged {
        for state in &history.finals {
            hash.word(state.siblings.len() as u64);
            for (key, value) in &state.siblings {
                hash.word(u64::from(key.0) << 32 | u64::from(value.0));
            }
        }
    }
    hash.made(history);
    if history.overwrites {
        hash.word(1);
    }
    if !history.contents.is_register() {
        hash.word(history.contents.object as u64);
        hash.word(history.contents.initial);
        for effect in &history.effects {
            let (kind, with) = number(effect.update);
            hash.word(kind << 32 | with);
            hash.word(effect.word);
        }
        history.finals.iter().flat_map(|state| &state.words).for_each(|word| hash.word(*word));
    }
    hash.0
}

/// An update as two numbers of 32 bits.
fn number(update: Update) -> (u64, u64) {
    match update {
        Update::Put => (0, 0),
        Update::Add(n) => (1, u64::from(n as u32)),
        Update::Insert(element) => (2, element.into()),
        Update::Remove(element) => (3, element.into()),
        Update::CompareAndSet(expected) => (4, expected.0.into()),
        Update::Take(units) => (5, units.into()),
        Update::Lock(process) => (6, process.into()),
        Update::Unlock(process) => (7, process.into()),
    }
}

struct Digest(u64);

impl Digest {
    /// What states were made from, where that is known.
    fn made(&mut self, history: &History) {
        if !history.made.is_empty() {
            self.word(history.made.len() as u64);
        }
        for made in &history.made {
            self.word(u64::from(made.value.0) << 32 | u64::from(made.before.version.0));
            self.word(made.before.word);
        }
    }

    #[inline]
    fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        self.0 = mixed ^ mixed >> 32;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Begin, Commit, Effect, FinalState, Recorder, Status, Window};
    use super::*;
    use crate::op::{Key, Object, OpKind, Outcome, Rank, Ret, Value};
    use crate::time::Instant;

    #[test]
    fn the_digest_notices_every_field() {
        let mut r = Recorder::new(vec!["here".into()], Instant(0), Instant(1_000), vec![], 8);
        let session = r.new_session();
        let (read, _) = r.begin(Begin {
            session,
            group: 0,
            kind: OpKind::Read,
            rmw: false,
            key: Key(3),
            count: 0,
            update: Update::Put,
            intended: Instant(1),
            invoked: Instant(1),
        });
        r.end(read, &Outcome::Done(Ret::Value(Value(0))), Instant(2));
        let original = r.finish(
            5,
            Instant(10),
            vec![FinalState { values: vec![Value(0)], ..FinalState::default() }],
        );
        let edits: [fn(&mut History); 14] = [
            |h| h.groups[0].push('!'),
            |h| h.keys += 1,
            |h| h.warm_up.0 += 1,
            |h| h.windows.push(Window { start: Instant(0), end: Instant(0) }),
            |h| h.operations[0].session = 1,
            |h| h.operations[0].status = Status::Failed,
            |h| h.operations[0].rmw = true,
            |h| h.operations[0].completed.0 += 1 << 63,
            |h| h.scanned.push(Value(0)),
            |h| {
                h.commits.push(Commit {
                    at: Instant(0),
                    key: Key(0),
                    value: Value(0),
                    rank: Rank::AS_DECIDED,
                });
            },
            |h| h.finals[0].values[0] = Value(1),
            |h| h.traffic.bytes += 1,
            |h| h.contents.object = Object::Counter,
            |h| h.merged = true,
        ];
        for (i, edit) in edits.iter().enumerate() {
            let mut edited = original.clone();
            edit(&mut edited);
            assert_ne!(edited.digest(), original.digest(), "edit {i}");
        }
        assert_eq!(original.clone().digest(), original.digest());
        let mut siblings = original.clone();
        siblings.merged = true;
        let before = siblings.digest();
        siblings.finals[0].siblings.push((Key(0), Value(1)));
        assert_ne!(siblings.digest(), before);
        let mut counter = original;
        counter.contents.object = Object::Counter;
        counter.effects.push(Effect::default());
        counter.finals[0].words.push(0);
        let edits: [fn(&mut History); 4] = [
            |h| h.contents.initial = 1,
            |h| h.effects[0].update = Update::Add(0),
            |h| h.effects[0].word = 1,
            |h| h.finals[0].words[0] = 1,
        ];
        for (i, edit) in edits.iter().enumerate() {
            let mut edited = counter.clone();
            edit(&mut edited);
            assert_ne!(edited.digest(), counter.digest(), "edit {i} of an object");
        }
    }
}
