//! The load: which client begins which operation when.
//!
//! Pure and world-agnostic. A world asks [`Load::begin`] when a client's time has come, reports the end
//! with [`Load::ended`], and after every call wakes the clients listed in [`Load::wakes`] at the instants given there.
//! Open-loop arrivals are planned ahead: an operation whose time came while its session was busy begins
//! late, and its response time still counts from the planned instant (the cure of coordinated omission).
//! Each session draws from its own stream, so every protocol is asked the same under one seed.

mod keys;

pub use keys::Keys;

use crate::distribution::Sampler;
use crate::op::{Key, Object, OpKind, Outcome, Ret, Update, Value};
use crate::rng::Rng;
use crate::scenario::plan::{Arrivals, Length, Load as Kind, Mix, Plan, Probe};
use crate::time::{Duration, Instant};

/// One operation about to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Read, write or scan.
    pub kind: OpKind,
    /// Its key, or a scan's first.
    pub key: Key,
    /// How many keys a scan takes.
    pub count: u16,
    /// Of a write: what it does to its key.
    pub update: Update,
    /// Half of a read-modify-write.
    pub rmw: bool,
    /// When it was meant to begin.
    pub intended: Instant,
}

/// A client whose next operation is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// Which client, counted over all groups.
    pub client: u32,
    /// When, never before now.
    pub at: Instant,
}

struct Session {
    group: u16,
    rng: Rng,
    /// When the next operation is meant to begin.
    intended: Instant,
    /// What follows the operation in flight if that succeeds, and on which key.
    then: Option<(Then, Key)>,
    /// The version of that key which the session has read.
    read: Value,
    /// The key of the insert in flight.
    inserting: Option<Key>,
}

/// The second half of what a session does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The write of a read-modify-write.
    Write,
    /// The lock that was granted is freed.
    Unlock,
}

/// When a group's sessions begin their operations.
enum Pace {
    Closed(Sampler),
    /// Mean gap of one session in nanoseconds, and whether gaps are exponential.
    Open {
        gap_ns: f64,
        poisson: bool,
    },
}

/// The state of all clients' work.
pub struct Load {
    sessions: Vec<Session>,
    mixes: Vec<Mix>,
    paces: Vec<Pace>,
    /// By group, how long locks are held.
    holds: Vec<Sampler>,
    object: Object,
    keys: Keys,
    length: Length,
    issued: u64,
    horizon: Instant,
    probe: Option<Rounds>,
    /// Who is to be woken; the world drains it after every call.
    pub wakes: Vec<Wake>,
}

/// The progress of read-after-write probing.
struct Rounds {
    plan: Probe,
    /// The writer, and every reader with its offset.
    writer: u32,
    readers: Vec<(u32, Duration)>,
    key: Key,
    waiting: usize,
    /// The last round is over; readers that are woken now have nothing left to do.
    over: bool,
}

impl Load {
    /// The load of a plan.
    #[must_use]
    pub fn new(plan: &Plan, seed: u64) -> Self {
        let counts: Vec<u32> = (0..plan.clients.len()).map(|g| sessions_of(plan, g)).collect();
        let mut sessions = Vec::new();
        for (group, count) in counts.iter().enumerate() {
            for _ in 0..*count {
                let rng = Rng::stream(seed, "load", sessions.len() as u64);
                let group = group as u16;
                let intended = Instant::ZERO;
                let (then, read, inserting) = (None, Value::INITIAL, None);
                sessions.push(Session { group, rng, intended, then, read, inserting });
            }
        }
        let mut load = Self {
            sessions,
            mixes: plan.clients.iter().map(|group| group.mix.clone()).collect(),
            paces: (plan.clients.iter().zip(&counts)).map(|(g, n)| pace(&g.mix, *n)).collect(),
            holds: plan.clients.iter().map(|group| Sampler::new(&group.mix.hold_ms)).collect(),
            object: plan.contents.object,
            keys: Keys::new(plan.records, expected_inserts(plan)),
            length: plan.length,
            issued: 0,
            horizon: Instant::ZERO,
            probe: None,
            wakes: Vec::new(),
        };
        match &plan.load {
            Kind::Mix => load.first_arrivals(&counts),
            Kind::Probe(probe) => load.first_round(probe, &counts),
        }
        load
    }

    /// How many sessions run at once.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.sessions.len()
    }

    /// The group of a client.
    #[must_use]
    pub fn group(&self, client: u32) -> u16 {
        self.sessions[client as usize].group
    }

    /// No operation was intended after this, so far.
    #[must_use]
    pub fn horizon(&self) -> Instant {
        self.horizon
    }

    /// How many keys were in use.
    #[must_use]
    pub fn keys(&self) -> u32 {
        self.keys.count()
    }

    /// What the client does now; `None` if its work is done.
    pub fn begin(&mut self, client: u32, now: Instant) -> Option<Task> {
        if self.probe.is_some() {
            return self.begin_probe(client, now);
        }
        let session = &mut self.sessions[client as usize];
        if let Some((then, key)) = session.then.take() {
            self.horizon = self.horizon.max(now);
            let rmw = then == Then::Write;
            let update = if rmw { self.update(client, key) } else { Update::Unlock(client) };
            let kind = OpKind::Write;
            return Some(Task { kind, key, count: 0, update, rmw, intended: now });
        }
        let over = match self.length {
            Length::Time(length) => session.intended.0 >= length.0,
            Length::Operations(n) => self.issued >= n,
        };
        if over {
            return None;
        }
        self.issued += 1;
        self.horizon = self.horizon.max(session.intended);
        let mix = &self.mixes[usize::from(session.group)];
        let (rng, intended) = (&mut session.rng, session.intended);
        session.read = Value::INITIAL;
        let update = Update::Put;
        let task = |kind, key, count, rmw| Some(Task { kind, key, count, update, rmw, intended });
        let share = rng.unit();
        let mut upto = mix.insert;
        if share < upto {
            let key = self.keys.insert();
            session.inserting = Some(key);
            let update = self.update(client, key);
            return task(OpKind::Write, key, 0, false).map(|task| Task { update, ..task });
        }
        let key = self.keys.choose(mix.keys, rng);
        upto += mix.scan;
        if share < upto {
            let most = u64::from(mix.scan_max).min(u64::from(self.keys.count() - key.0)).max(1);
            return task(OpKind::Scan, key, 1 + rng.below(most) as u16, false);
        }
        upto += mix.rmw;
        if share < upto {
            session.then = Some((Then::Write, key));
            return task(OpKind::Read, key, 0, true);
        }
        upto += mix.update;
        if share < upto {
            let update = self.update(client, key);
            return task(OpKind::Write, key, 0, false).map(|task| Task { update, ..task });
        }
        task(OpKind::Read, key, 0, false)
    }

    /// What a client's write does to its key.
    fn update(&mut self, client: u32, key: Key) -> Update {
        let session = &mut self.sessions[client as usize];
        match self.object {
            Object::Register => Update::Put,
            Object::Counter => {
                let share = self.mixes[usize::from(session.group)].decrement;
                // Who never takes draws nothing.
                let takes = share > 0.0 && session.rng.unit() < share;
                Update::Add(if takes { -1 } else { 1 })
            }
            Object::Set => {
                let (element, insert) = (session.rng.below(64) as u8, session.rng.below(2) == 0);
                if insert { Update::Insert(element) } else { Update::Remove(element) }
            }
            Object::CasRegister => Update::CompareAndSet(session.read),
            Object::Stock => Update::Take(1),
            Object::Lock => {
                session.then = Some((Then::Unlock, key));
                Update::Lock(client)
            }
        }
    }

    /// The client's operation has ended, as far as the client knows.
    pub fn ended(&mut self, client: u32, outcome: &Outcome, now: Instant) {
        let took_effect = matches!(outcome, Outcome::Done(_));
        if self.probe.is_some() {
            return self.ended_probe(client, took_effect, now);
        }
        let session = &mut self.sessions[client as usize];
        if let Some(key) = session.inserting.take()
            && took_effect
        {
            self.keys.acknowledge(key);
        }
        let at = match (session.then, outcome) {
            (Some((Then::Write, _)), Outcome::Done(ret)) => {
                if let Ret::State(state) = ret {
                    session.read = state.version;
                }
                Some(now)
            }
            (Some((Then::Unlock, _)), Outcome::Done(Ret::State(_))) => {
                let hold = &self.holds[usize::from(session.group)];
                Some(now + Duration::from_ms(hold.sample(&mut session.rng)))
            }
            _ => None,
        };
        if let Some(at) = at {
            return self.wakes.push(Wake { client, at });
        }
        session.then = None;
        match &self.paces[usize::from(session.group)] {
            Pace::Closed(think) => {
                session.intended = now + Duration::from_ms(think.sample(&mut session.rng));
            }
            Pace::Open { gap_ns, poisson } => {
                let factor = if *poisson { session.rng.exponential() } else { 1.0 };
                session.intended += Duration((gap_ns * factor) as u64);
            }
        }
        let at = due(self.length, session.intended).max(now);
        self.wakes.push(Wake { client, at });
    }

    fn first_arrivals(&mut self, counts: &[u32]) {
        let mut within = 0;
        for client in 0..self.sessions.len() as u32 {
            let session = &mut self.sessions[client as usize];
            let group = usize::from(session.group);
            session.intended = match &self.paces[group] {
                Pace::Closed(_) => Instant::ZERO,
                Pace::Open { gap_ns, poisson: true } => {
                    Instant((gap_ns * session.rng.exponential()) as u64)
                }
                // The group's arrivals are evenly spaced, so its sessions take turns.
                Pace::Open { gap_ns, poisson: false } => {
                    Instant((gap_ns * f64::from(within) / f64::from(counts[group])) as u64)
                }
            };
            within = if within + 1 == counts[group] { 0 } else { within + 1 };
            let at = due(self.length, session.intended);
            self.wakes.push(Wake { client, at });
        }
    }

    fn first_round(&mut self, probe: &Probe, counts: &[u32]) {
        let mut readers = Vec::new();
        let mut writer = 0;
        let mut client = 0;
        for (group, count) in counts.iter().enumerate() {
            let first_reader = client + u32::from(group == probe.writer);
            if group == probe.writer {
                writer = client;
            }
            readers.extend((first_reader..).zip(probe.offsets.iter().copied()));
            client += count;
        }
        self.wakes.push(Wake { client: writer, at: Instant::ZERO });
        let plan = probe.clone();
        self.probe = Some(Rounds { plan, writer, readers, key: Key(0), waiting: 0, over: false });
    }

    fn begin_probe(&mut self, client: u32, now: Instant) -> Option<Task> {
        let rounds = self.probe.as_mut()?;
        let update = Update::Put;
        let task =
            |kind, key| Some(Task { kind, key, count: 0, update, rmw: false, intended: now });
        if rounds.over {
            return None;
        }
        if client != rounds.writer {
            self.horizon = self.horizon.max(now);
            return task(OpKind::Read, rounds.key);
        }
        let over = match self.length {
            Length::Time(length) => now.0 >= length.0,
            Length::Operations(n) => self.issued >= n,
        };
        if over {
            rounds.over = true;
            let others = (0..self.sessions.len() as u32).filter(|other| *other != client);
            self.wakes.extend(others.map(|client| Wake { client, at: now }));
            return None;
        }
        self.horizon = self.horizon.max(now);
        rounds.key = Key((self.issued % u64::from(self.keys.records())) as u32);
        self.issued += 1;
        task(OpKind::Write, rounds.key)
    }

    fn ended_probe(&mut self, client: u32, took_effect: bool, now: Instant) {
        let Some(rounds) = self.probe.as_mut() else { return };
        if client == rounds.writer && took_effect {
            rounds.waiting = rounds.readers.len();
            let wake =
                |(client, offset): &(u32, Duration)| Wake { client: *client, at: now + *offset };
            self.wakes.extend(rounds.readers.iter().map(wake));
        } else if client != rounds.writer {
            rounds.waiting -= 1;
        }
        if rounds.waiting == 0 {
            self.wakes.push(Wake { client: rounds.writer, at: now + rounds.plan.pause });
        }
    }
}

/// When a client looks at what it has to do: at its next operation, or when there will be none.
fn due(length: Length, intended: Instant) -> Instant {
    match length {
        Length::Time(length) => intended.min(Instant::ZERO + length),
        Length::Operations(_) => intended,
    }
}

/// Probing needs a session per offset and group, and one that writes; else what the group says.
fn sessions_of(plan: &Plan, group: usize) -> u32 {
    match &plan.load {
        Kind::Mix => plan.clients[group].sessions,
        Kind::Probe(probe) => probe.offsets.len() as u32 + u32::from(group == probe.writer),
    }
}

fn pace(mix: &Mix, sessions: u32) -> Pace {
    let open =
        |rate: f64, poisson| Pace::Open { gap_ns: f64::from(sessions) * 1e9 / rate, poisson };
    match &mix.arrivals {
        Arrivals::Closed { think_ms } => Pace::Closed(Sampler::new(think_ms)),
        Arrivals::Poisson { rate } => open(*rate, true),
        Arrivals::Constant { rate } => open(*rate, false),
    }
}

/// How many inserts a plan will do; 0 where that depends on its latency.
fn expected_inserts(plan: &Plan) -> u32 {
    let groups = plan.clients.len() as f64;
    let expected = |mix: &Mix| match (plan.length, &mix.arrivals) {
        (Length::Operations(n), _) => n as f64 / groups * mix.insert,
        (Length::Time(t), Arrivals::Poisson { rate } | Arrivals::Constant { rate }) => {
            t.as_secs() * rate * mix.insert
        }
        (Length::Time(_), Arrivals::Closed { .. }) => 0.0,
    };
    plan.clients.iter().map(|group| expected(&group.mix)).sum::<f64>() as u32
}
