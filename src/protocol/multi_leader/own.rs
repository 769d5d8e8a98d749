//! A merge function of the user's own: carts, or whatever a key's word means to its application, written whole
//! and merged by whoever reads them.
//!
//! Dynamo left conflicts to its callers: "the application designer can decide" (`DeCandia` et al. 2007, section
//! 4.4). Replicas keep the states that were written without knowing of each other beside each other, as under
//! the rule `cart-union`, and a read folds them with the function, in an order that is everywhere the same. So
//! replicas agree whatever it does. What is lost is up to it; only one that is commutative, associative and
//! idempotent gives an answer that does not depend on who wrote when.
//!
//! A function cannot stand in a scenario's file. [`Merging`] makes it a protocol, to be named there:
//!
//! ```
//! use pacelc::analysis::{Verdict, judge};
//! use pacelc::catalog::Catalog;
//! use pacelc::guarantee::Guarantee;
//! use pacelc::op::Object;
//! use pacelc::protocol::multi_leader::{Merge, Merging};
//! use pacelc::scenario::{Overrides, Source, load};
//!
//! /// Of two carts, what is in both: nothing that somebody took out comes back.
//! struct InBoth;
//!
//! impl Merge for InBoth {
//!     const NAME: &'static str = "carts-in-both";
//!     const ABOUT: &'static str = "Carts whose siblings are read as what all of them have.";
//!     const OBJECTS: &'static [Object] = &[Object::Set];
//!     const KEEPS_ALL: bool = false;
//!     fn merge(one: u64, other: u64) -> u64 {
//!         one & other
//!     }
//! }
//!
//! let catalog = Catalog::builtin().with::<Merging<InBoth>>();
//! let text = r#"
//!     question = "Do carts converge that are merged by a function of our own?"
//!     analysis = "Two regions put in and take out; one is cut off for a while."
//!     replicas = ["us-east-1", "eu-west-1"]
//!     regions = "aws"
//!     operations = 200
//!     clients = [{ region = "us-east-1", sessions = 2 }, { region = "eu-west-1", sessions = 2 }]
//!     workload = { read = 0.5, update = 0.5, records = 3, object = "set", arrivals = { poisson = { rate = 20 } } }
//!     faults = [{ cut = ["eu-west-1"], start = "1s", end = "2s" }]
//!     modes = [{ protocol = "carts-in-both", levels = ["eventual-nearest"] }]
//! "#;
//! let scenario = load(&Source::new("own.toml", text), &catalog, &Overrides::default()).unwrap();
//! let protocol = catalog.find("carts-in-both").unwrap();
//! let history = protocol.simulate(&scenario.plans[0], 1, None).unwrap().history;
//! assert_eq!(judge(&history, Guarantee::Eventual), Verdict::Holds);
//! ```

use super::super::parts::merge::{Reading, Rule};
use super::{Config, Msg, MultiLeader, Record, Server, Session, Timer};
use crate::op::{Key, Level, NodeId, Object, OpKind, Request, Value};
use crate::protocol::{
    Client, ClientCx, Effects, Env, Geometry, Offer, Protocol, Replica, ReplicaCx, WriteId,
};
use crate::time::Duration;
use std::marker::PhantomData;

/// What a user says of a merge function.
pub trait Merge: 'static {
    /// The name scenarios use.
    const NAME: &'static str;
    /// One sentence for lists.
    const ABOUT: &'static str;
    /// What keys hold: any objects whose updates have no condition, [`Object::Set`] and [`Object::Counter`].
    const OBJECTS: &'static [Object];
    /// Whether whatever was put into a state is in every state that it is merged into. If not, nothing is
    /// promised but that replicas agree in the end.
    const KEEPS_ALL: bool;
    /// What two states that stand beside each other are read as.
    fn merge(one: u64, other: u64) -> u64;
}

/// Multi-leader replication whose conflicts are merged by `M`. Its settings are those of [`MultiLeader`], without
/// `conflicts`.
pub struct Merging<M>(PhantomData<fn() -> M>);

/// The settings of the store within.
fn settings<M: Merge>(config: &Config) -> Config {
    Config { conflicts: Rule::CartUnion, reading: Reading(M::merge), ..config.clone() }
}

impl<M: Merge> Protocol for Merging<M> {
    const NAME: &'static str = M::NAME;
    const ABOUT: &'static str = M::ABOUT;
    type Config = Config;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;
    type Replica = Own<M>;
    type Client = OwnSession<M>;

    fn validate(config: &Config, replicas: u32) -> Result<(), String> {
        if config.conflicts != Rule::default() {
            return Err(format!("`conflicts` is {}'s own rule; leave it out", M::NAME));
        }
        let is_served = |object: &Object| matches!(object, Object::Set | Object::Counter);
        if !M::OBJECTS.iter().all(is_served) || M::OBJECTS.is_empty() {
            return Err(format!("{} can merge sets and counters; name one of them", M::NAME));
        }
        MultiLeader::validate(config, replicas)
    }

    fn offer(config: &Config, level: Level) -> Option<Offer> {
        MultiLeader::offer(&settings::<M>(config), level)
    }

    fn theory(
        config: &Config,
        level: Level,
        op: OpKind,
        geometry: &Geometry,
        client: NodeId,
    ) -> Option<Duration> {
        MultiLeader::theory(&settings::<M>(config), level, op, geometry, client)
    }

    fn wire_size(msg: &Msg) -> u32 {
        MultiLeader::wire_size(msg)
    }

    fn objects(_: &Config) -> &'static [Object] {
        M::OBJECTS
    }

    fn merges(_: &Config) -> bool {
        true
    }

    fn overwrites(_: &Config) -> bool {
        !M::KEEPS_ALL
    }
}

/// A replica of [`Merging`].
pub struct Own<M> {
    server: Server,
    scratch: Effects<MultiLeader>,
    merge: PhantomData<fn() -> M>,
}

impl<M: Merge> Own<M> {
    fn call(
        &mut self,
        cx: &mut ReplicaCx<'_, Merging<M>>,
        call: impl FnOnce(&mut Server, &mut ReplicaCx<'_, MultiLeader>),
    ) {
        let Self { server, scratch, .. } = self;
        cx.through(scratch, |cx| call(server, cx));
    }
}

impl<M: Merge> Replica<Merging<M>> for Own<M> {
    fn recover(env: Env<Merging<M>>, log: &[Record], cx: &mut ReplicaCx<'_, Merging<M>>) -> Self {
        let within = env.within(settings::<M>(&env.config));
        let mut scratch = Effects::default();
        let server = cx.through(&mut scratch, |cx| Server::recover(within, log, cx));
        Self { server, scratch, merge: PhantomData }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, Merging<M>>) {
        self.call(cx, |server, cx| server.on_message(from, msg, cx));
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ReplicaCx<'_, Merging<M>>) {
        self.call(cx, |server, cx| server.on_timer(timer, cx));
    }

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Merging<M>>) {
        self.call(cx, |server, cx| server.on_durable(upto, cx));
    }

    fn inspect(&self, key: Key) -> Value {
        self.server.inspect(key)
    }

    fn inspect_word(&self, key: Key) -> u64 {
        self.server.inspect_word(key)
    }
}

/// A session of [`Merging`].
pub struct OwnSession<M> {
    session: Session,
    scratch: Effects<MultiLeader>,
    merge: PhantomData<fn() -> M>,
}

impl<M: Merge> Client<Merging<M>> for OwnSession<M> {
    fn start(env: Env<Merging<M>>) -> Self {
        let session = Session::start(env.within(settings::<M>(&env.config)));
        Self { session, scratch: Effects::default(), merge: PhantomData }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Merging<M>>) {
        cx.through(&mut self.scratch, |cx| self.session.on_request(request, cx));
    }

    fn on_given_up(&mut self) {
        self.session.on_given_up();
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ClientCx<'_, Merging<M>>) {
        cx.through(&mut self.scratch, |cx| self.session.on_message(from, msg, cx));
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ClientCx<'_, Merging<M>>) {
        cx.through(&mut self.scratch, |cx| self.session.on_timer(timer, cx));
    }
}
