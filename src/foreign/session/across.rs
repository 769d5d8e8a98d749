//! What reading a write says of other keys.
//!
//! Once a session has read w, what w's session wrote (monotonic writes) or read (writes follow reads)
//! before w is not newer than what the reading session reads of those keys later. Written out, these
//! are as many demands as there are triples of a read, an earlier operation and a later read. But of
//! each session only the latest write that was read matters, because what came before an earlier one
//! came before it too; and a reader's knowledge of a key only grows. So each session and key has a
//! chain of versions, each reader and key a chain of what it must know, and one is told of the other
//! only where something is new.

use super::super::history::{Action, INITIAL};
use super::super::intern::Table;
use super::super::verdict::Meter;
use super::demands::Sessions;
use std::collections::BTreeMap;

/// What a walk over all sessions meets, in order.
pub(super) trait Listener {
    /// Session `chain` has the operation `op` as the next of its chain of a key.
    fn grows(&mut self, chain: u32, op: u32);

    /// The reader and key `slot` must know the first `length` of a chain from now on, because
    /// `read` has read `write`.
    fn learns(&mut self, slot: u32, chain: u32, length: u32, because: [u32; 2]);

    /// `read` is of a key of which something must be known.
    fn reads(&mut self, slot: u32, read: u32);
}

/// The operations of one kind that a session did to a key.
struct Chain {
    session: u32,
    /// Their places in the session.
    places: Vec<u32>,
}

/// What one reader has read so far.
#[derive(Default)]
struct Reader {
    /// By session: the latest place of a write of it that was read, the number of the news, and the
    /// read and the write that told.
    latest: BTreeMap<u32, (u32, u32, [u32; 2])>,
    /// The sessions of which something was news, in order.
    news: Vec<u32>,
}

/// Walks over all sessions; `None` if the budget ended.
pub(super) fn walk(
    all: &Sessions<'_>,
    kind: Action,
    meter: &mut Meter<'_>,
    listener: &mut impl Listener,
) -> Option<()> {
    let mut place = vec![0; all.ops.len()];
    let mut names = Table::<u64>::default();
    let (mut chains, mut of_key) = (Vec::<Chain>::new(), Vec::<Vec<u32>>::new());
    for (session, members) in all.of.iter().enumerate() {
        for (at, i) in members.iter().enumerate() {
            let op = &all.ops[*i as usize];
            place[*i as usize] = at as u32;
            // Nothing is older than the initial version.
            if op.action != kind || op.value == INITIAL {
                continue;
            }
            let (chain, new) = names.insert(&[session as u64, op.key.into()]);
            if new {
                chains.push(Chain { session: session as u32, places: Vec::new() });
                of_key.resize(of_key.len().max(op.key as usize + 1), Vec::new());
                of_key[op.key as usize].push(chain);
            }
            chains[chain as usize].places.push(at as u32);
            listener.grows(chain, *i);
        }
    }
    let known = Known { place, names, chains, of_key };
    let mut slots = Table::<u64>::default();
    let mut told = Table::<u64>::default();
    let (mut heard, mut lengths) = (Vec::new(), Vec::new());
    for (session, members) in all.of.iter().enumerate() {
        let mut reader = Reader::default();
        for read in members.iter().filter(|i| all.is(**i, Action::Read)) {
            let op = &all.ops[*read as usize];
            let (slot, new) = slots.insert(&[session as u64, op.key.into()]);
            if new {
                heard.push(0);
            }
            let chains = known.news(op.key, &reader, heard[slot as usize], meter)?;
            heard[slot as usize] = reader.news.len();
            for (chain, until, because) in chains {
                let places = &known.chains[chain as usize].places;
                let length = places.partition_point(|at| *at < until) as u32;
                let (pair, new) = told.insert(&[slot.into(), chain.into()]);
                if new {
                    lengths.push(0);
                }
                let before = std::mem::replace(&mut lengths[pair as usize], length);
                if length > before {
                    listener.learns(slot, chain, length, because);
                }
            }
            listener.reads(slot, *read);
            if let Some(write) = all.source[*read as usize] {
                let theirs = all.ops[write as usize].process;
                reader.learns(theirs, known.place[write as usize], [*read, write]);
            }
        }
    }
    Some(())
}

/// Every session's chains.
struct Known {
    place: Vec<u32>,
    names: Table<u64>,
    chains: Vec<Chain>,
    /// By key: its chains.
    of_key: Vec<Vec<u32>>,
}

/// A chain, before which place of its session it is known, and the read and the write that told.
type Heard = (u32, u32, [u32; 2]);

impl Known {
    /// The chains of a key of which a reader has heard something since a piece of news: through the
    /// news or through the chains, whichever are fewer.
    fn news(
        &self,
        key: u32,
        reader: &Reader,
        since: usize,
        meter: &mut Meter<'_>,
    ) -> Option<Vec<Heard>> {
        let of_key = self.of_key.get(key as usize).map_or(&[][..], |all| all);
        let fresh = &reader.news[since..];
        meter.spend_steps(1 + fresh.len().min(of_key.len()) as u64);
        if meter.is_empty() {
            return None;
        }
        let heard = |chain: u32| {
            let session = self.chains[chain as usize].session;
            let (until, when, because) = *reader.latest.get(&session)?;
            (when as usize >= since).then_some((chain, until, because))
        };
        if fresh.len() >= of_key.len() {
            return Some(of_key.iter().filter_map(|chain| heard(*chain)).collect());
        }
        let mut sessions = fresh.to_vec();
        sessions.sort_unstable();
        sessions.dedup();
        let chain = |session: u32| self.names.find(&[session.into(), key.into()]);
        Some(sessions.into_iter().filter_map(chain).filter_map(heard).collect())
    }
}

impl Reader {
    fn learns(&mut self, session: u32, place: u32, because: [u32; 2]) {
        if self.latest.get(&session).is_none_or(|(until, ..)| *until < place) {
            self.latest.insert(session, (place, self.news.len() as u32, because));
            self.news.push(session);
        }
    }
}
