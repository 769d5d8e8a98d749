//! What the tasks of a run share: the clock, the deadlines, the links, the load and the recorder.
//!
//! Times that go into the history are taken while the recorder is locked, so that what is written down later
//! happened later.

use super::node::Input;
use super::timer::Timer;
use super::wall::WallClock;
use crate::history::{Begin, Recorder};
use crate::op::{Key, Level, NodeId, Op, OpId, OpKind, Outcome, Rank, Request, State, Value};
use crate::protocol::{Mend, Protocol};
use crate::scenario::plan::{FaultKind, Plan, Target};
use crate::time::Instant;
use crate::world::load::Load;
use crate::world::network::Network;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{Notify, mpsc};

/// Does something about who has sent a message that broke the machine here, with the machine's last words.
type PutOut = Box<dyn Fn(NodeId, &str) + Send + Sync>;

/// What happens at a deadline.
pub(super) enum Due<P: Protocol> {
    /// A process gets this.
    Input(usize, Input<P>),
    /// A fault begins or ends.
    Fault { index: usize, begins: bool },
    /// The warm-up is over: whoever counts elsewhere counts from now on.
    Measure,
}

/// What only one task at a time may touch.
pub(super) struct Core {
    pub load: Load,
    pub recorder: Recorder,
    pub network: Network,
    /// Clients that are not done yet; where they live elsewhere, 1 until they are.
    pub active: usize,
    /// The faults in force, each with the replica that led when it began.
    pub struck: Vec<(usize, usize)>,
    /// By replica, how many crashes hold it down.
    pub crashes: Vec<u32>,
    /// What went wrong first.
    pub failure: Option<String>,
}

/// Shared by all tasks and threads of a run.
pub(super) struct Hub<P: Protocol> {
    pub plan: Plan,
    pub clock: WallClock,
    pub timer: Timer<Due<P>>,
    pub core: Mutex<Core>,
    /// The one replica that lives here, if others live elsewhere.
    pub home: Option<usize>,
    /// By process; closed for those that live elsewhere.
    pub inboxes: Vec<mpsc::Sender<Input<P>>>,
    /// By replica, how often it has been started and has crashed.
    pub lives: Vec<AtomicU32>,
    /// Told when all clients are done, or something has gone wrong.
    pub over: Notify,
    /// Syncs of real disks.
    pub syncs: AtomicU64,
    /// Inputs that were handled.
    pub events: AtomicU64,
    /// The replica that told of the last commit.
    pub decided: AtomicUsize,
    /// Where messages come from other processes: what happens to one that breaks the machine here.
    pub put_out: OnceLock<PutOut>,
    /// The threads that write logs.
    pub logs: Mutex<Vec<JoinHandle<()>>>,
}

/// What a client that wanted to begin has to do.
pub(super) enum Begun {
    /// This.
    Request { request: Request, deadline: Instant },
    /// Nothing: the operation was given up unsent, and the next is planned.
    Late,
    /// Nothing any more.
    Nothing,
}

impl<P: Protocol> Hub<P> {
    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn logs(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn life(&self, replica: usize) -> u32 {
        self.lives.get(replica).map_or(0, |life| life.load(Ordering::Acquire))
    }

    /// Ends the run with this message, unless one has ended it already.
    pub(super) fn fail(&self, message: String) {
        self.lock().failure.get_or_insert(message);
        self.over.notify_one();
    }

    /// Has this done; if it panics, the run ends with the panic's words instead of waiting for ever. Whether
    /// it did not.
    pub(super) fn watch(&self, work: impl FnOnce()) -> bool {
        let done = attempt(work);
        if let Err(words) = &done {
            self.fail(words.clone());
        }
        done.is_ok()
    }

    /// The site of a process: a replica's own, or that of a client's group.
    pub(super) fn site(&self, process: usize) -> usize {
        let replicas = self.plan.replicas.len();
        match process.checked_sub(replicas) {
            None => process,
            Some(client) => replicas + usize::from(self.lock().load.group(client as u32)),
        }
    }

    /// Gives a process something to do. Its queue is bounded; one that is full ends the run.
    pub(super) fn tell(&self, process: usize, input: Input<P>) {
        // A process that has ended has told why.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.inboxes[process].try_send(input) {
            self.fail(format!("process {process} cannot keep up: its queue is full"));
        }
    }

    /// The same of what may be lost.
    pub(super) fn offer(&self, process: usize, input: Input<P>) {
        _ = self.inboxes[process].try_send(input);
    }

    /// Puts a message on its link.
    pub(super) fn send(&self, from: NodeId, to: NodeId, msg: P::Msg) {
        let size = P::wire_size(&msg);
        // What leaves this host belongs to its sender's life.
        let life = self.life(self.home.unwrap_or(to.index()));
        let mut core = self.lock();
        let now = self.now();
        if core.active > 0 {
            core.recorder.sent(now, size);
            if let Some(mend) = P::mend(&msg) {
                core.recorder.mended(now, size, mend == Mend::Hint);
            }
        }
        let arrives = core.network.send(now, from, to, size, P::leg(&msg));
        drop(core);
        if let Some(due) = arrives {
            let input = Input::Message { from, msg, life, due: Some(due) };
            self.timer.push(due, Due::Input(to.index(), input));
        }
    }

    /// Forgets what was counted, and counts what is sent from now on.
    pub(super) fn count_anew(&self) {
        let counter = Recorder::new(Vec::new(), Instant::ZERO, Instant::NEVER, Vec::new(), 0);
        let mut core = self.lock();
        (core.recorder, core.active) = (counter, 1);
        drop(core);
        self.events.store(0, Ordering::Relaxed);
    }

    /// What is sent from now on does not count.
    pub(super) fn count_no_more(&self) {
        self.lock().active = 0;
    }

    pub(super) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.lock().network.is_cut(from, to)
    }

    /// Takes down that a replica decided a write.
    pub(super) fn commit(&self, replica: usize, key: Key, value: Value, rank: Rank) {
        // Elsewhere is the recorder then, with another clock.
        if self.home.is_none() {
            let mut core = self.lock();
            core.recorder.commit(self.now(), key, value, rank);
        }
        self.decided.store(replica, Ordering::Relaxed);
    }

    /// Takes down from which state an update has made its own.
    pub(super) fn made(&self, value: Value, before: State) {
        if self.home.is_none() {
            self.lock().recorder.made(value, before);
        }
    }

    /// A client takes up its next operation.
    pub(super) fn begin(&self, client: u32, session: u32) -> Begun {
        let mut core = self.lock();
        let now = self.now();
        let Some(task) = core.load.begin(client, now) else {
            self.wake(&mut core);
            core.active -= 1;
            if core.active == 0 {
                self.over.notify_one();
            }
            return Begun::Nothing;
        };
        let group = core.load.group(client);
        let (id, value) = core.recorder.begin(Begin {
            session,
            group,
            kind: task.kind,
            rmw: task.rmw,
            key: task.key,
            count: task.count,
            update: task.update,
            intended: task.intended,
            invoked: now,
        });
        let deadline = task.intended + self.plan.timeout;
        if deadline <= now {
            core.recorder.end(id, &Outcome::Failed, now);
            core.load.ended(client, &Outcome::Failed, now);
            self.wake(&mut core);
            return Begun::Late;
        }
        let op = match task.kind {
            OpKind::Write => Op::Write(value, task.update),
            OpKind::Scan => Op::Scan(task.count),
            OpKind::Read | OpKind::Rmw => Op::Read,
        };
        let level: Level = self.plan.name.level;
        Begun::Request { request: Request { id, key: task.key, op, level }, deadline }
    }

    /// An operation has ended, as its client knows; its session from now on.
    pub(super) fn end(&self, client: u32, session: u32, op: OpId, outcome: &Outcome) -> u32 {
        let mut core = self.lock();
        let now = self.now();
        core.recorder.end(op, outcome, now);
        let session =
            if *outcome == Outcome::Unknown { core.recorder.new_session() } else { session };
        core.load.ended(client, outcome, now);
        self.wake(&mut core);
        session
    }

    /// Plans the arrivals that the load wants.
    pub(super) fn wake(&self, core: &mut Core) {
        let replicas = self.plan.replicas.len();
        for wake in core.load.wakes.drain(..) {
            self.timer.push(wake.at, Due::Input(replicas + wake.client as usize, Input::Begin));
        }
    }

    /// A fault begins or ends.
    pub(super) fn fault(&self, index: usize, begins: bool) {
        let mut core = self.lock();
        if begins {
            core.struck.push((index, self.decided.load(Ordering::Relaxed)));
        }
        let Some(at) = core.struck.iter().position(|(other, _)| *other == index) else { return };
        // Who leads when it begins is struck to the end.
        let leader = core.struck[at].1;
        if !begins {
            core.struck.swap_remove(at);
        }
        let host = |target: &Target| match target {
            Target::Replica(replica) => *replica,
            Target::Leader => leader,
        };
        let fault = &self.plan.faults[index];
        // Telling may fail the run, which locks again: so it comes last.
        match &fault.kind {
            FaultKind::Crash(target) => {
                let replica = host(target);
                let before = core.crashes[replica];
                let now = if begins { before + 1 } else { before - 1 };
                core.crashes[replica] = now;
                drop(core);
                match (begins, now) {
                    (true, 1) => self.crash(replica),
                    (false, 0) => self.boot(replica),
                    _ => {}
                }
            }
            FaultKind::Pause(target) if begins => {
                drop(core);
                let until = Instant::ZERO + fault.end;
                self.tell(host(target), Input::Pause(until));
                self.timer.push(until, Due::Input(host(target), Input::Resume));
            }
            _ => {
                let Core { struck, network, .. } = &mut *core;
                let in_force = struck.iter().map(|(i, at)| (&self.plan.faults[*i].kind, *at));
                network.disturb(in_force);
            }
        }
    }

    /// Another life begins, which the next crash ends, even one that comes before the replica has heard of this.
    pub(super) fn boot(&self, replica: usize) {
        let life = self.lives[replica].fetch_add(1, Ordering::AcqRel) + 1;
        self.tell(replica, Input::Boot { life });
    }

    /// The life after this one, which ends with a crash, unless it has ended otherwise.
    pub(super) fn another_life(&self, replica: usize, life: u32) -> Option<u32> {
        let next = life + 2;
        let order = (Ordering::AcqRel, Ordering::Acquire);
        self.lives[replica].compare_exchange(life, next, order.0, order.1).ok().map(|_| next)
    }

    /// From this moment on nothing of its old life counts, whatever is still in its queues.
    pub(super) fn crash(&self, replica: usize) {
        self.lives[replica].fetch_add(1, Ordering::AcqRel);
        self.tell(replica, Input::Crash);
    }
}

/// Has this done; the words of its panic if it panics.
pub(super) fn attempt(work: impl FnOnce()) -> Result<(), String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let words = text.or(panic.downcast_ref::<&str>().copied());
        words.unwrap_or("a process panicked").to_owned()
    })
}
