//! OmniPaxos in the plain loop, with its own memory storage.
//!
//! It has no linearizable read other than a write, so only writes are run. A write is more messages than
//! Raft's: followers are told of every decision.

use crate::des::{Machine, Ticket, run};
use crate::fleet::{Fleet, Outcome};
use omnipaxos::messages::Message;
use omnipaxos::storage::{Entry, NoSnapshot};
use omnipaxos::util::LogEntry;
use omnipaxos::{ClusterConfig, OmniPaxos, ServerConfig};
use omnipaxos_storage::memory_storage::MemoryStorage;

/// Heartbeat rounds of one second, as pacelc's elections; resends likewise.
const ELECTION_TICKS: u64 = 20;

/// Sixteen bytes, as in the other contestants.
#[derive(Clone, Debug)]
struct Write(Ticket);

impl Entry for Write {
    type Snapshot = NoSnapshot;
}

struct Node {
    paxos: OmniPaxos<Write, MemoryStorage<Write>>,
    outgoing: Vec<Message<Write>>,
    applied: usize,
}

/// Runs the workload.
pub fn simulate(fleet: &Fleet, operations: u64, seed: u64) -> Result<Outcome, String> {
    let ids: Vec<u64> = (1..=fleet.nodes.len() as u64).collect();
    let node = |id: &u64| {
        let cluster =
            ClusterConfig { configuration_id: 1, nodes: ids.clone(), flexible_quorum: None };
        let server = ServerConfig {
            pid: *id,
            election_tick_timeout: ELECTION_TICKS,
            resend_message_tick_timeout: ELECTION_TICKS,
            leader_priority: u32::from(*id == 1),
            ..ServerConfig::default()
        };
        let paxos = cluster
            .build_for_server(server, MemoryStorage::default())
            .map_err(|error| error.to_string())?;
        Ok(Node { paxos, outgoing: Vec::new(), applied: 0 })
    };
    let nodes = ids.iter().map(node).collect::<Result<Vec<_>, String>>()?;
    run(nodes, fleet, operations, seed)
}

impl Machine for Node {
    type Message = Message<Write>;

    fn tick(&mut self) {
        self.paxos.tick();
    }

    fn request(&mut self, ticket: Ticket) -> Result<(), String> {
        self.paxos.append(Write(ticket)).map_err(|error| format!("{error:?}"))
    }

    fn step(&mut self, message: Message<Write>) -> Result<(), String> {
        self.paxos.handle_incoming(message);
        Ok(())
    }

    fn drain(
        &mut self,
        send: &mut Vec<(usize, Message<Write>)>,
        done: &mut Vec<Ticket>,
    ) -> Result<(), String> {
        self.paxos.take_outgoing_messages(&mut self.outgoing);
        send.extend(self.outgoing.drain(..).map(|m| (m.get_receiver() as usize - 1, m)));
        let decided = self.paxos.get_decided_idx();
        if decided > self.applied {
            let entries = self.paxos.read_decided_suffix(self.applied).unwrap_or_default();
            for entry in entries {
                if let LogEntry::Decided(Write(ticket)) = entry {
                    done.push(ticket);
                }
            }
            self.applied = decided;
        }
        Ok(())
    }

    fn leads(&self) -> bool {
        self.paxos.get_current_leader() == Some((1, true))
    }
}
