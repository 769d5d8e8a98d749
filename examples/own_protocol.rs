//! A protocol of one's own beside a built-in one: `cargo run --release --example own_protocol`.
//! It is the register of Attiya, Bar-Noy and Dolev (JACM 1995): ask a majority for its tag, store one.

use pacelc::op::{Key, Level, NodeId, Op, OpId, OpKind, Outcome, Request, Ret, Value};
use pacelc::protocol::{parts::quorum::majority, *};
use pacelc::scenario::{Overrides, Source, load};
use pacelc::suite::{Options, Suite};
use pacelc::{catalog::Catalog, guarantee::Guarantee, report, time::Duration};

/// Versions are ordered by a counter; ties are broken by the values, which are unique.
type Tag = (u64, Value);

/// A request asks for a tag, or stores one. An answer gives one, or none to say that it is stored.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Msg(OpId, Key, Option<Tag>);

struct Abd;

impl Protocol for Abd {
    const NAME: &'static str = "abd";
    const ABOUT: &'static str = "Clients use majorities (Attiya, Bar-Noy and Dolev 1995).";
    type Config = toml::Table;
    type Msg = Msg;
    type Record = (Key, Tag);
    type Timer = ();
    type Replica = Server;
    type Client = Session;

    fn validate(_: &toml::Table, _: u32) -> Result<(), String> {
        Ok(())
    }

    fn offer(_: &toml::Table, level: Level) -> Option<Offer> {
        let (read_path, write_path) = ("majority, written back", "majority, twice");
        let offer = Offer { read_path, write_path, promise: Guarantee::Linearizable };
        (level == Level::Linearizable).then_some(offer)
    }

    fn theory(_: &toml::Table, _: Level, op: OpKind, g: &Geometry, me: NodeId) -> Option<Duration> {
        let round = g.rtts(me, (0..g.replicas).map(NodeId))[majority(g.replicas) - 1];
        matches!(op, OpKind::Read | OpKind::Write).then(|| round * 2 + g.disk)
    }

    fn wire_size(Msg(.., tag): &Msg) -> u32 {
        if tag.is_some() { 140 } else { 40 }
    }
}

struct Server {
    tags: Vec<Tag>,
    once_durable: Vec<(WriteId, NodeId, Msg)>,
}

impl Replica<Abd> for Server {
    fn recover(env: Env<Abd>, log: &[(Key, Tag)], _: &mut ReplicaCx<'_, Abd>) -> Self {
        let mut tags = vec![Tag::default(); env.keys as usize];
        log.iter().for_each(|(key, tag)| tags[key.0 as usize] = tags[key.0 as usize].max(*tag));
        Self { tags, once_durable: Vec::new() }
    }

    fn on_message(&mut self, from: NodeId, Msg(op, key, store): Msg, cx: &mut ReplicaCx<'_, Abd>) {
        let known = &mut self.tags[key.0 as usize];
        let Some(tag) = store else { return cx.send(from, Msg(op, key, Some(*known))) };
        *known = tag.max(*known);
        self.once_durable.push((cx.persist((key, tag)), from, Msg(op, key, None)));
    }

    fn on_timer(&mut self, (): (), _: &mut ReplicaCx<'_, Abd>) {}

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Abd>) {
        let stored = self.once_durable.extract_if(.., |(record, ..)| *record <= upto);
        stored.for_each(|(_, to, answer)| cx.send(to, answer));
    }

    fn inspect(&self, key: Key) -> Value {
        self.tags[key.0 as usize].1
    }
}

struct Session {
    env: Env<Abd>,
    request: Option<Request>,
    storing: bool,
    tag: Tag,
    heard: Vec<NodeId>,
}

impl Client<Abd> for Session {
    fn start(env: Env<Abd>) -> Self {
        Self { env, request: None, storing: false, tag: Tag::default(), heard: Vec::new() }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Abd>) {
        (self.request, self.storing, self.tag) = (Some(request), false, Tag::default());
        self.on_timer((), cx);
    }

    fn on_given_up(&mut self) {
        self.request = None;
    }

    fn on_message(&mut self, from: NodeId, Msg(id, _, tag): Msg, cx: &mut ClientCx<'_, Abd>) {
        let Some(request) = self.request.filter(|request| request.id == id) else { return };
        // Answers to the round before come late, and to a round that was repeated come twice.
        if tag.is_none() == self.storing && !self.heard.contains(&from) {
            self.heard.push(from);
            self.tag = self.tag.max(tag.unwrap_or_default());
        }
        match (request.op, self.storing) {
            _ if self.heard.len() < majority(self.env.replicas) => return,
            (Op::Write(value, _), false) => self.tag = (self.tag.0 + 1, value),
            (Op::Read | Op::Scan(_), false) => {}
            (Op::Write(..), true) => cx.complete(id, Outcome::Done(Ret::Written)),
            (Op::Read, true) => cx.complete(id, Outcome::Done(Ret::Value(self.tag.1))),
            (Op::Scan(_), true) => cx.complete(id, Outcome::Failed), // There are none here.
        }
        (self.request, self.storing) = (self.request.filter(|_| !self.storing), true);
        self.on_timer((), cx);
    }

    /// Turns to all replicas, at first or again; answers of a majority end the round.
    fn on_timer(&mut self, (): (), cx: &mut ClientCx<'_, Abd>) {
        let Some(Request { id, key, .. }) = self.request else { return };
        self.heard.clear();
        let msg = Msg(id, key, self.storing.then_some(self.tag));
        (0..self.env.replicas).for_each(|to| cx.send(NodeId(to), msg.clone()));
        cx.set_timer((), self.env.attempt_timeout);
    }
}

const SCENARIO: &str = r#"
question = "What does a register without a leader cost?"
analysis = "Its reads take two rounds where Raft's take one, but none goes by way of a leader."
regions  = "aws"
replicas = ["us-east-1", "eu-west-1", "ap-southeast-1"]
duration = "20s"
replica  = { disk_ms = 0.5 }
workload = { ycsb = "A", records = 20, arrivals = { poisson = { rate = 50 } } }
clients  = [{ region = "us-east-1", sessions = 200 }, { region = "ap-southeast-1", sessions = 200 }]
modes    = [{ protocol = "abd", levels = "all" }, { protocol = "raft", levels = ["linearizable"] }]
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let catalog = Catalog::builtin().with::<Abd>();
    let scenario = load(&Source::new("abd.toml", SCENARIO), &catalog, &Overrides::default())?;
    let run = Suite::new(catalog, vec![scenario], Options::default()).run(&mut |_| {})?;
    anstream::print!("{}", report::summary(&run, 100));
    Ok(())
}
