//! Sessions: reads near by that are as new as a token.
//!
//! All updates go through Paxos, so a session's writes stand in the key's one order as it made them, after all
//! that it had read. What is left to promise is what its reads show. The nearest replica answers alone, with
//! the newest version that it knows to be chosen, if that is as new as what the session has written or read
//! of the key (Terry et al., "Session guarantees for weakly consistent replicated data", PDIS 1994); if not, or
//! if it cannot tell, it asks all as for a linearizable read, and a round of a majority is what the token costs.
//! A scan takes from the token what its replica does not know yet.
//!
//! Not offered with `scope = "region"`: another region is another Paxos, which may know nothing of the token.

use super::super::parts::version::Version;
use super::ServerCx;
use super::message::{Cell, Job, Msg, Seen};
use super::server::Server;
use super::work::Asked;
use crate::op::{Key, Level, NodeId, OpId, Ret, Value};

/// Whether the level speaks of sessions.
pub(super) fn is_of_sessions(level: Level) -> bool {
    matches!(
        level,
        Level::Session
            | Level::ReadYourWrites
            | Level::MonotonicReads
            | Level::MonotonicWrites
            | Level::WritesFollowReads
    )
}

impl Server {
    pub(super) fn on_near(
        &mut self,
        client: NodeId,
        (op, key, job): (OpId, Key, Job),
        floor: Version,
        cx: ServerCx<'_, '_>,
    ) {
        let found = match job {
            Job::Read(0) => self.known(key).filter(|(version, _)| *version >= floor),
            Job::Read(count) => {
                let keys = (0..u32::from(count)).map(|i| Key(key.0.saturating_add(i)));
                let versions: Box<[Version]> =
                    keys.map(|key| self.acceptors.cell(key).shown).collect();
                let ret = Ret::Values(versions.iter().map(|version| version.value).collect());
                return cx.send(client, Msg::Seen(op, ret, Seen::Many(versions)));
            }
            Job::Write(..) => None,
        };
        match found {
            Some((version, ret)) => cx.send(client, Msg::Seen(op, ret, Seen::One(version))),
            None => self.on_ask(client, op, key, (job, true), cx),
        }
    }

    /// The newest version that is known to be chosen, as a client reads it, if there is a state to it.
    fn known(&self, key: Key) -> Option<(Version, Ret)> {
        let Cell { held, chosen, shown, .. } = self.acceptors.cell(key);
        let is_register = self.env.contents.is_register();
        if held.recent[0].rank == chosen {
            let ret = match is_register {
                true => Ret::Value(held.state().version),
                false => Ret::State(held.state()),
            };
            return Some((held.recent[0], ret));
        }
        (is_register && shown.rank == chosen).then_some((shown, Ret::Value(shown.value)))
    }
}

impl Asked {
    /// What its client is told: with the version it is about, if the client is to remember that.
    pub(super) fn answer(self, ret: Ret, version: Version) -> Msg {
        match self.remembers {
            true => Msg::Seen(self.op, ret, Seen::One(version)),
            false => Msg::Reply(self.op, ret),
        }
    }
}

/// What a scan found, or the session knows to be newer.
pub(super) fn patched(found: &[Version], known: impl Fn(usize) -> Version) -> Box<[Version]> {
    found.iter().enumerate().map(|(at, version)| (*version).max(known(at))).collect()
}

/// Their values.
pub(super) fn values(versions: &[Version]) -> Box<[Value]> {
    versions.iter().map(|version| version.value).collect()
}
