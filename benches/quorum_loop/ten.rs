//! The ten messages of the benchmark's workload and nothing else, as a protocol of pacelc's: what the
//! reference loop and other simulators' programs do, with neither disk nor repetitions nor elections. It
//! shows what the simulator costs apart from what its protocols do for their users.

use pacelc::guarantee::Guarantee;
use pacelc::op::{Key, Level, NodeId, Op, OpId, OpKind, Outcome, Request, Ret, Value};
use pacelc::protocol::{
    Client, ClientCx, Env, Geometry, Offer, Protocol, Replica, ReplicaCx, WriteId,
};
use pacelc::time::Duration;

/// Node 0 leads.
const LEADER: NodeId = NodeId(0);
/// How many followers must have a write.
const NEEDED: u8 = 2;

/// Request, append, acknowledgement and reply; the client travels along.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Msg {
    /// Client to leader.
    Request(OpId, Key, Value),
    /// Leader to follower.
    Append(NodeId, OpId, Key, Value),
    /// Follower to leader.
    Ack(NodeId, OpId),
    /// Leader to client.
    Reply(OpId),
}

/// The protocol's name and types.
#[derive(Debug)]
pub(crate) enum Ten {}

impl Protocol for Ten {
    const NAME: &'static str = "ten-messages";
    const ABOUT: &'static str = "A write that a leader and two of four followers have, in memory.";
    type Config = toml::Table;
    type Msg = Msg;
    type Record = ();
    type Timer = ();
    type Replica = Server;
    type Client = Session;

    fn validate(_: &toml::Table, _: u32) -> Result<(), String> {
        Ok(())
    }

    fn offer(_: &toml::Table, level: Level) -> Option<Offer> {
        // There are only writes, and links keep the leader's order.
        let promise = Guarantee::Linearizable;
        (level == Level::Linearizable).then_some(Offer {
            read_path: "none",
            write_path: "leader and two more",
            promise,
        })
    }

    fn theory(_: &toml::Table, _: Level, op: OpKind, g: &Geometry, me: NodeId) -> Option<Duration> {
        let followers = g.rtts(LEADER, g.peers(LEADER));
        let quorum = followers.get(usize::from(NEEDED) - 1)?;
        (op == OpKind::Write).then(|| g.rtt(me, LEADER) + *quorum)
    }

    fn wire_size(_: &Msg) -> u32 {
        140
    }
}

/// A node; the first leads.
#[derive(Debug)]
pub(crate) struct Server {
    env: Env<Ten>,
    values: Vec<Value>,
    /// By client, its request and who has it.
    waiting: Vec<(OpId, Key, Value, u8)>,
}

impl Replica<Ten> for Server {
    fn recover(env: Env<Ten>, _: &[()], _: &mut ReplicaCx<'_, Ten>) -> Self {
        let values = vec![Value::INITIAL; env.keys as usize];
        Self { env, values, waiting: Vec::new() }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, Ten>) {
        match msg {
            Msg::Request(op, key, value) => {
                let client = (from.0 - self.env.replicas) as usize;
                if client >= self.waiting.len() {
                    self.waiting.resize(client + 1, (OpId(0), Key(0), Value::INITIAL, 0));
                }
                self.waiting[client] = (op, key, value, 0);
                self.values[key.0 as usize] = value;
                for follower in 1..self.env.replicas {
                    cx.send(NodeId(follower), Msg::Append(from, op, key, value));
                }
            }
            Msg::Append(client, op, key, value) => {
                self.values[key.0 as usize] = value;
                cx.send(LEADER, Msg::Ack(client, op));
            }
            Msg::Ack(client, op) => {
                let waiting = &mut self.waiting[(client.0 - self.env.replicas) as usize];
                if waiting.0 == op {
                    waiting.3 += 1;
                    if waiting.3 == NEEDED {
                        cx.note_commit(waiting.1, waiting.2);
                        cx.send(client, Msg::Reply(op));
                    }
                }
            }
            Msg::Reply(_) => {}
        }
    }

    fn on_timer(&mut self, (): (), _: &mut ReplicaCx<'_, Ten>) {}

    fn on_durable(&mut self, _: WriteId, _: &mut ReplicaCx<'_, Ten>) {}

    fn inspect(&self, key: Key) -> Value {
        self.values[key.0 as usize]
    }
}

/// A client: one request at a time.
#[derive(Debug)]
pub(crate) struct Session;

impl Client<Ten> for Session {
    fn start(_: Env<Ten>) -> Self {
        Self
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Ten>) {
        match request.op {
            Op::Write(value, _) => {
                cx.send(LEADER, Msg::Request(request.id, request.key, value));
            }
            Op::Read | Op::Scan(_) => cx.complete(request.id, Outcome::Failed),
        }
    }

    fn on_given_up(&mut self) {}

    fn on_message(&mut self, _: NodeId, msg: Msg, cx: &mut ClientCx<'_, Ten>) {
        if let Msg::Reply(op) = msg {
            cx.complete(op, Outcome::Done(Ret::Written));
        }
    }

    fn on_timer(&mut self, (): (), _: &mut ClientCx<'_, Ten>) {}
}
