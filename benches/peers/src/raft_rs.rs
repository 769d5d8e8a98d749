//! raft-rs, the crate TiKV publishes, in the plain loop.
//!
//! Writes go through the log; reads are its `ReadIndex` in the mode `Safe`. Commits are not broadcast
//! (`skip_bcast_commit`), so that a write among five nodes is ten messages as in the other contestants.
//! Pre-vote and check-quorum are on and the time-outs are pacelc's. Its election time-out is drawn from
//! a generator that cannot be seeded; a range of one value per node makes it deterministic.

use crate::des::{Machine, Ticket, run};
use crate::fleet::{Fleet, Outcome};
use raft::eraftpb::{Entry, Message};
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole};

/// What clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Sixteen bytes through the log.
    Write,
    /// A linearizable read.
    Read,
}

/// Heartbeats after two ticks (100 ms), elections after twenty (1 s), as pacelc's defaults.
const HEARTBEAT_TICKS: usize = 2;
const ELECTION_TICKS: usize = 20;

struct Node {
    raw: RawNode<MemStorage>,
    storage: MemStorage,
    ask: Ask,
}

/// Runs the workload.
pub fn simulate(fleet: &Fleet, ask: Ask, operations: u64, seed: u64) -> Result<Outcome, String> {
    let ids: Vec<u64> = (1..=fleet.nodes.len() as u64).collect();
    let mut nodes =
        ids.iter().map(|id| Node::new(*id, &ids, ask)).collect::<Result<Vec<_>, _>>()?;
    nodes[0].raw.campaign().map_err(|error| error.to_string())?;
    run(nodes, fleet, operations, seed)
}

impl Node {
    fn new(id: u64, ids: &[u64], ask: Ask) -> Result<Self, String> {
        let config = Config {
            id,
            heartbeat_tick: HEARTBEAT_TICKS,
            election_tick: ELECTION_TICKS,
            min_election_tick: ELECTION_TICKS + id as usize,
            max_election_tick: ELECTION_TICKS + id as usize + 1,
            max_size_per_msg: 1 << 20,
            pre_vote: true,
            check_quorum: true,
            skip_bcast_commit: true,
            ..Config::default()
        };
        let storage = MemStorage::new_with_conf_state((ids.to_vec(), Vec::new()));
        let silent = slog::Logger::root(slog::Discard, slog::o!());
        let raw = RawNode::new(&config, storage.clone(), &silent).map_err(|e| e.to_string())?;
        Ok(Self { raw, storage, ask })
    }
}

/// Operations travel as sixteen bytes.
fn encode(ticket: Ticket) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes[..4].copy_from_slice(&ticket.client.to_le_bytes());
    bytes[4..12].copy_from_slice(&ticket.number.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Ticket> {
    Some(Ticket {
        client: u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?),
        number: u64::from_le_bytes(bytes.get(4..12)?.try_into().ok()?),
    })
}

fn take(messages: Vec<Message>, send: &mut Vec<(usize, Message)>) {
    send.extend(messages.into_iter().map(|message| (message.to as usize - 1, message)));
}

fn apply(entries: &[Entry], done: &mut Vec<Ticket>) {
    // A new leader's first entry is empty.
    done.extend(entries.iter().filter_map(|entry| decode(&entry.data)));
}

impl Machine for Node {
    type Message = Message;

    fn tick(&mut self) {
        self.raw.tick();
    }

    fn request(&mut self, ticket: Ticket) -> Result<(), String> {
        match self.ask {
            Ask::Write => {
                self.raw.propose(Vec::new(), encode(ticket)).map_err(|error| error.to_string())
            }
            Ask::Read => {
                self.raw.read_index(encode(ticket));
                Ok(())
            }
        }
    }

    fn step(&mut self, message: Message) -> Result<(), String> {
        self.raw.step(message).map_err(|error| error.to_string())
    }

    fn drain(
        &mut self,
        send: &mut Vec<(usize, Message)>,
        done: &mut Vec<Ticket>,
    ) -> Result<(), String> {
        while self.raw.has_ready() {
            let mut ready = self.raw.ready();
            take(ready.take_messages(), send);
            done.extend(ready.take_read_states().iter().filter_map(|s| decode(&s.request_ctx)));
            apply(&ready.take_committed_entries(), done);
            let mut storage = self.storage.wl();
            if !ready.entries().is_empty() {
                storage.append(ready.entries()).map_err(|error| error.to_string())?;
            }
            if let Some(state) = ready.hs() {
                storage.set_hardstate(state.clone());
            }
            // `advance` reads the storage.
            drop(storage);
            take(ready.take_persisted_messages(), send);
            let mut light = self.raw.advance(ready);
            if let Some(commit) = light.commit_index() {
                self.storage.wl().mut_hard_state().set_commit(commit);
            }
            take(light.take_messages(), send);
            apply(&light.take_committed_entries(), done);
            self.raw.advance_apply();
        }
        Ok(())
    }

    fn leads(&self) -> bool {
        self.raw.raft.state == StateRole::Leader && self.raw.raft.commit_to_current_term()
    }
}
