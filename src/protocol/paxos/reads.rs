//! Reads: a question to all replicas that changes nothing.
//!
//! A majority that holds one state from one ballot has chosen it. Nothing older can be the latest: whatever
//! was chosen before, some member of that majority has accepted it or newer.

use super::super::parts::version::Version;
use super::ServerCx;
use super::message::Found;
use super::round::Goal;
use super::server::Server;
use super::work::{Query, Task};
use crate::op::{Key, NodeId, Ret};

impl Server {
    pub(super) fn on_queried(
        &mut self,
        from: NodeId,
        serial: u64,
        found: Found,
        cx: ServerCx<'_, '_>,
    ) {
        let by_serial = self.queries.binary_search_by_key(&serial, |query| query.serial);
        let Ok(at) = by_serial else { return };
        let majority = self.majority();
        let query = &mut self.queries[at];
        query.answered |= 1 << from.0;
        let alone = !matches!(found, Found::Beside(..));
        let agrees = alone && query.found.as_ref().is_none_or(|first| *first == found);
        if agrees && (query.answered.count_ones() as usize) < majority {
            query.found = Some(found);
            return;
        }
        let (key, asked) = (query.key, query.asked);
        if agrees {
            self.queries.remove(at);
            let ret = self.told(key, &found, cx);
            let version = match &found {
                Found::One(_, held) | Found::Beside(_, held, _) => held.recent[0],
                // Of a scan, which no session asks of a majority.
                Found::Many(_) => Version::default(),
            };
            return cx.send(asked.client, asked.answer(ret, version));
        }
        if query.count == 0 {
            self.queries.remove(at);
            // Something is under way or was left behind.
            return self.enqueue(key, Task { asked: Some(asked), goal: Goal::Read }, cx);
        }
        // Of many keys some are nearly always under way; the question is asked again soon.
        let pause = self.env.config.pause.scale(0.5 + cx.rng().unit());
        self.serial += 1;
        let (serial, again) = (self.serial, cx.clock() + pause);
        let query = self.queries.remove(at);
        self.queries.push(Query { serial, answered: 0, found: None, again, ..query });
        self.arm(again, cx);
    }

    /// What a client reads of a state that a majority holds.
    pub(super) fn told(&mut self, key: Key, found: &Found, cx: ServerCx<'_, '_>) -> Ret {
        match found {
            Found::One(_, held) | Found::Beside(_, held, _) => {
                self.note(key, held, cx);
                match self.env.contents.is_register() {
                    true => Ret::Value(held.state().version),
                    false => Ret::State(held.state()),
                }
            }
            Found::Many(all) => Ret::Values(all.iter().map(|(_, version)| version.value).collect()),
        }
    }
}
