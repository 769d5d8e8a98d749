//! Connections between hosts: who is connected to whom, and what is said over a connection.
//!
//! Each process dials every other replica for what it has to say to it; a replica answers clients over the
//! connection that their driver has dialled. A connection that ends is dialled again, and what should have
//! been sent meanwhile is lost, as on any network. Of what a connection brings everything is checked; what is
//! not as it should be ends that connection with a line that says why, and touches nothing else.
//!
//! **Who is trusted with what.** A stranger, who does not know the secret, can do nothing but connect. Whoever
//! knows it is refused what is no frame, no message, not his to send, or names what the cluster does not have
//! ([`super::bounds`]). A message that passes and still breaks the machine here puts its sender out, and the
//! machine goes on from its log, as after a crash. Beyond that processes may crash and are held to speak the
//! protocol otherwise, as the protocols themselves assume (none of them is Byzantine): a process with the
//! secret that invents a higher term, an acknowledgement or a value can have promises broken and the machine
//! write down what it will not be able to go on from. So whoever is not trusted that far must not have the secret.

use super::bounds::Bounds;
use super::cluster::Cluster;
use super::frame::{self, MESSAGE_MAX, Part};
use super::guest::{Dialled, Driver, Guest, Place};
use super::hello::{self, Identity, Unmet, Who};
use super::hub::Hub;
use super::lines::Lines;
use super::node::{Audit, Input};
use super::packet::{Packet, Said};
use super::{survey, task};
use crate::history::{FinalState, Traffic};
use crate::op::{NodeId, Value};
use crate::protocol::Protocol;
use crate::time::Instant;
use serde::Serialize;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// How many frames may wait for one connection; more are lost.
const QUEUE: usize = 1 << 14;
/// How many answers may wait for a driver to take them up; it has asked each node once at a time.
const ANSWERS: usize = 1 << 8;
/// Frames are written together up to this many bytes.
const TOGETHER: usize = 1 << 16;
/// When the last probe is due it takes this much until it is counted.
const PROBED: Duration = Duration::from_millis(20);
/// How long the two sides may take to introduce themselves.
pub(super) const INTRODUCTION: Duration = Duration::from_secs(5);
/// Between two attempts to connect.
pub(super) const RETRY: Duration = Duration::from_millis(100);
/// Who has nothing to say says so this often.
pub(super) const PING: Duration = Duration::from_secs(1);
/// A connection over which nothing came for so long is dead.
const SILENCE: Duration = Duration::from_secs(10);

/// The connections of one process.
pub(super) struct Peers<P: Protocol> {
    pub hub: Arc<Hub<P>>,
    pub cluster: Cluster,
    pub identity: Identity,
    pub me: Who,
    /// The run that messages must belong to; none is 0.
    run: Mutex<u64>,
    /// By replica, where frames for it go; none to itself.
    nodes: Vec<Option<mpsc::Sender<Vec<u8>>>>,
    driver: Mutex<Option<Driver>>,
    /// By replica, and for the driver last: the connection it has dialled.
    places: Vec<watch::Sender<Place>>,
    /// What may be named; how many values there are is known to a driver.
    bounds: Bounds,
    /// How late what is held back here leaves.
    lines: Mutex<Lines>,
    /// How often a message broke the machine here, in this run.
    broken: AtomicU64,
    /// Where a driver takes up what replicas answer.
    answers: mpsc::Sender<(usize, Packet<P::Msg>)>,
}

pub(super) type Answers<P> = mpsc::Receiver<(usize, Packet<<P as Protocol>::Msg>)>;

impl<P: Protocol> Peers<P> {
    /// Connections to all replicas but itself, kept by tasks; `ready` are those there are already. To be called
    /// within a runtime.
    pub(super) fn start(
        hub: &Arc<Hub<P>>,
        cluster: &Cluster,
        (me, run): (Who, u64),
        mut ready: Vec<Option<TcpStream>>,
    ) -> (Arc<Self>, Answers<P>) {
        let replicas = hub.plan.replicas.len();
        ready.resize_with(replicas, || None);
        let (mut nodes, mut queues) = (Vec::new(), Vec::new());
        for to in 0..replicas as u32 {
            let (queue, frames) = mpsc::channel(QUEUE);
            nodes.push((me != Who::Node(to)).then_some(queue));
            queues.push(frames);
        }
        let (answers, inbox) = mpsc::channel(ANSWERS);
        let config: Option<P::Config> = hub.plan.config.clone().try_into().ok();
        let keys = config.map(|config| P::keys(&config, replicas as u32, Bounds::KEYS));
        let bounds = Bounds {
            replicas: replicas as u32,
            processes: hub.inboxes.len() as u32,
            keys: keys.unwrap_or(Bounds::KEYS),
            values: None,
        };
        let peers = Arc::new(Self {
            hub: Arc::clone(hub),
            cluster: cluster.clone(),
            identity: cluster.identity(&hub.plan),
            me,
            run: Mutex::new(run),
            nodes,
            driver: Mutex::new(None),
            places: (0..=replicas).map(|_| Place::empty()).collect(),
            bounds,
            lines: Mutex::default(),
            broken: AtomicU64::new(0),
            answers,
        });
        if matches!(me, Who::Node(_)) {
            let its = Arc::downgrade(&peers);
            let put_out = move |from: NodeId, words: &str| {
                its.upgrade().iter().for_each(|peers| peers.put_out(from, words));
            };
            // Nobody else has set it.
            _ = hub.put_out.set(Box::new(put_out));
        }
        for (to, (frames, ready)) in queues.into_iter().zip(ready).enumerate() {
            if me != Who::Node(to as u32) {
                task::spawn(Arc::clone(&peers).keep_connected(to, frames, ready));
            }
        }
        (peers, inbox)
    }

    fn run(&self) -> MutexGuard<'_, u64> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn driver(&self) -> MutexGuard<'_, Option<Driver>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How late what is held back here leaves.
    pub(super) fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection over which a process has sent what broke the machine here.
    fn put_out(&self, from: NodeId, words: &str) {
        self.broken.fetch_add(1, Ordering::Relaxed);
        let replicas = self.nodes.len();
        let who = match from.index() < replicas {
            true => Who::Node(from.0),
            false => Who::Driver(0),
        };
        let why = format!(
            "a message of {} broke the machine here ({words}), which goes on from its log",
            self.name(who)
        );
        self.log(&why);
        Place::clear(&self.places[from.index().min(replicas)], &why);
    }

    /// Lets somebody in who has proved who he is. There is one driver at a time, and his place is taken from here
    /// on, until what is given back is dropped.
    ///
    /// # Errors
    /// If there is no place for him.
    pub(super) fn admit(&self, who: Who) -> Result<Guest<'_, P>, String> {
        let (queue, frames) = mpsc::channel(QUEUE);
        let place = match who {
            Who::Node(_) if who == self.me => {
                return Err("this is that node itself".to_owned());
            }
            Who::Node(replica) => {
                let place = self.places[..self.nodes.len()].get(replica as usize);
                place.ok_or_else(|| "there is no such node".to_owned())?
            }
            Who::Driver(id) => {
                let mut driver = self.driver();
                if driver.as_ref().is_some_and(|other| other.id != id) {
                    return Err("another driver is at work".to_owned());
                }
                *driver = Some(Driver { id, queue: queue.clone() });
                &self.places[self.nodes.len()]
            }
        };
        Ok(Guest { peers: self, who, queue, frames, dialled: Dialled::anew(place) })
    }

    pub(super) fn log(&self, line: &str) {
        (self.cluster.log)(line);
    }

    fn name(&self, who: Who) -> &str {
        match who {
            Who::Node(replica) => {
                let host = self.hub.plan.replicas.get(replica as usize);
                host.map_or("an unknown node", |host| &host.name)
            }
            Who::Driver(_) => "the driver",
        }
    }

    /// Sends a message that is due, unless its sender has begun another life.
    pub(super) fn carry(
        &self,
        (from, to): (NodeId, usize),
        msg: &P::Msg,
        life: u32,
        due: Option<Instant>,
    ) {
        let run = self.run();
        if life != self.hub.life(self.hub.home.unwrap_or(to)) {
            return;
        }
        let packet = Packet::Message { run: *run, from, to: NodeId(to as u32), msg };
        drop(run);
        // What would be refused elsewhere is a fault of this process.
        if let Err(why) = self.bounds.check(&packet) {
            let keys = Bounds::KEYS;
            let why = format!("a message cannot be sent: {why}; nodes have {keys} keys at most");
            return self.hub.fail(why);
        }
        self.say(to, &packet);
        if let Some(due) = due.filter(|_| self.cluster.inject_delays) {
            self.lines().leaves(&self.hub, (from, to), due, false);
        }
    }

    /// Queues a packet for a process: a replica, or the driver that its client lives with. What nobody takes is
    /// lost.
    pub(super) fn say<M: Serialize>(&self, to: usize, packet: &Packet<M>) {
        let frame = match frame::encode(packet) {
            Ok(frame) => frame,
            Err(error) => return self.hub.fail(format!("a message cannot be sent: {error}")),
        };
        match self.nodes.get(to) {
            Some(queue) => _ = queue.as_ref().map(|queue| queue.try_send(frame)),
            None => {
                _ = self.driver().as_ref().map(|driver| driver.queue.try_send(frame));
            }
        }
    }

    /// Has every replica count what it sends from now on, or no more. Connections are in order: whatever is
    /// sent to a replica later finds it counting.
    pub(super) fn measure(&self, begins: bool) {
        let run = *self.run();
        (0..self.nodes.len()).for_each(|to| self.say(to, &Packet::<()>::Measure { run, begins }));
    }

    /// A connection to a replica, introduced.
    async fn dial(&self, to: usize) -> Result<TcpStream, String> {
        let address = &self.cluster.addresses[to];
        let dialled = async {
            let mut stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            let dialled = hello::dial(&mut stream, &self.identity, (self.me, to as u32)).await;
            dialled.map(|()| stream).map_err(Unmet::why)
        };
        timeout(INTRODUCTION, dialled).await.unwrap_or_else(|_| Err("no answer".to_owned()))
    }

    async fn keep_connected(
        self: Arc<Self>,
        to: usize,
        mut frames: mpsc::Receiver<Vec<u8>>,
        mut ready: Option<TcpStream>,
    ) {
        let (who, mut told) = (Who::Node(to as u32), String::new());
        loop {
            let connected = match ready.take() {
                Some(stream) => Ok(stream),
                None => self.dial(to).await,
            };
            let why = match connected {
                Ok(stream) => {
                    self.log(&format!("connected to {}", self.name(who)));
                    let (read, write) = stream.into_split();
                    first(pump(write, &mut frames), self.listen(read, who, None)).await
                }
                Err(why) => why,
            };
            if why != told {
                self.log(&format!("no connection to {}: {why}", self.name(who)));
                told = why;
            }
            // What is said meanwhile is lost.
            let lose = async { while frames.recv().await.is_some() {} };
            if timeout(RETRY, lose).await.is_ok() {
                return;
            }
        }
    }

    /// Serves the connection of somebody who was let in, until it ends; why it did.
    pub(super) async fn serve(&self, stream: TcpStream, mut guest: Guest<'_, P>) -> String {
        let (read, write) = stream.into_split();
        let (who, dialled) = (guest.who, guest.dialled.clone());
        let over = dialled.clone().over();
        let served = first(pump(write, &mut guest.frames), self.listen(read, who, Some(dialled)));
        first(over, served).await
    }

    /// Takes up what comes, until the connection ends; why it did. Over one that was dialled from here a replica
    /// answers a driver and nobody else.
    async fn listen(&self, socket: OwnedReadHalf, who: Who, dialled: Option<Dialled>) -> String {
        let (mut socket, mut frame) = (BufReader::new(socket), Vec::new());
        loop {
            match timeout(SILENCE, frame::read_part(&mut socket, MESSAGE_MAX, &mut frame)).await {
                Err(_) => return format!("nothing came for {} s", SILENCE.as_secs()),
                Ok(Ok(Part::End)) => return "the other side closed it".to_owned(),
                Ok(Err(error)) => return error.to_string(),
                Ok(Ok(Part::More)) => continue,
                Ok(Ok(Part::Last)) => {}
            }
            if let Some(why) = dialled.as_ref().and_then(Dialled::is_over) {
                return why;
            }
            let decoded = frame::decode::<Packet<P::Msg>>(&frame);
            frame.clear();
            let taken = decoded.map_err(|error| error.to_string()).and_then(|packet| {
                let speaks = dialled.is_some() || matches!(self.me, Who::Driver(_));
                if !speaks && !matches!(packet, Packet::Ping) {
                    return Err("it says something where it was not asked".to_owned());
                }
                self.take(packet, who)
            });
            if let Err(why) = taken {
                return why;
            }
        }
    }

    /// Does what a packet asks for.
    fn take(&self, packet: Packet<P::Msg>, who: Who) -> Result<(), String> {
        self.check(&packet)?;
        match (packet, who, self.me) {
            (Packet::Ping, ..) => {}
            (Packet::Message { run, from, to, msg }, ..) => {
                if !self.is_end(who, from) || !self.is_end(self.me, to) {
                    return Err(format!(
                        "a message from process {} to {}, neither of which is its",
                        from.0, to.0
                    ));
                }
                let now = self.run();
                if *now == run {
                    let life = self.hub.life(self.hub.home.unwrap_or(0));
                    drop(now);
                    self.hub.offer(to.index(), Input::Message { from, msg, life, due: None });
                }
            }
            (Packet::Prepare { run }, Who::Driver(_), Who::Node(me)) => self.prepare(run, me),
            (Packet::Audit { run }, Who::Driver(_), Who::Node(me)) => self.audit(run, me),
            (Packet::Measure { run, begins }, Who::Driver(_), Who::Node(_)) => {
                if *self.run() == run {
                    if begins { self.hub.count_anew() } else { self.hub.count_no_more() }
                }
            }
            (
                answer @ (Packet::Prepared { .. } | Packet::Audited { .. }),
                Who::Node(replica),
                Who::Driver(_),
            ) => _ = self.answers.try_send((replica as usize, answer)),
            _ => return Err("a packet that is not its to send".to_owned()),
        }
        Ok(())
    }

    /// Refuses what names something that is not there.
    fn check(&self, packet: &Packet<P::Msg>) -> Result<(), String> {
        let values = matches!(self.me, Who::Driver(_)).then(|| self.hub.lock().recorder.writes());
        let Packet::Audited { said: Said { state, .. }, .. } = packet else {
            return Bounds { values, ..self.bounds }.check(packet);
        };
        self.bounds.check(packet)?;
        let FinalState { values: held, words, siblings } = state;
        let is_there = |value: &Value| values.is_none_or(|writes| value.0 <= writes);
        let keys = held.len();
        let sound = held.iter().all(|value| *value == Value::NOT_HELD || is_there(value))
            && siblings.iter().all(|(key, value)| (key.0 as usize) < keys && is_there(value))
            && (words.is_empty() || words.len() == keys);
        if sound { Ok(()) } else { Err("it holds what nobody has written".to_owned()) }
    }

    /// Whether a process lives there.
    fn is_end(&self, who: Who, process: NodeId) -> bool {
        let replicas = self.hub.plan.replicas.len();
        match who {
            Who::Node(replica) => process == NodeId(replica),
            Who::Driver(_) => (replicas..self.hub.inboxes.len()).contains(&process.index()),
        }
    }

    /// Begins another run: whatever belongs to the old one, here or on its way, is not taken any more.
    fn prepare(&self, run: u64, me: u32) {
        let (done, started) = tokio::sync::oneshot::channel();
        let life = {
            let mut now = self.run();
            *now = run;
            self.hub.lives[me as usize].fetch_add(1, Ordering::AcqRel) + 1
        };
        self.hub.count_anew();
        *self.lines() = Lines::default();
        self.broken.store(0, Ordering::Relaxed);
        self.hub.tell(me as usize, Input::Reset { run, life, done });
        let probes = self.probe(|site| site == me as usize);
        self.answer_later(async move {
            started.await.ok()?;
            tokio::time::sleep(probes).await;
            Some(Packet::<()>::Prepared { run })
        });
    }

    /// Sends probes through the delay lines of these sites; how long until all have left them.
    pub(super) fn probe(&self, from_here: impl Fn(usize) -> bool) -> Duration {
        if !self.cluster.inject_delays {
            return Duration::ZERO;
        }
        let (_, last) = survey::send(&self.hub, from_here);
        Duration::from_nanos(last.0) + PROBED
    }

    fn audit(&self, run: u64, me: u32) {
        if *self.run() != run {
            return;
        }
        let (home, answer) = tokio::sync::oneshot::channel();
        self.hub.tell(me as usize, Input::Audit(home));
        let hub = Arc::clone(&self.hub);
        let (lines, broken) = (self.lines().said(), self.broken.load(Ordering::Relaxed));
        self.answer_later(async move {
            let Audit { state, reach, .. } = answer.await.ok()?;
            let core = hub.lock();
            let Traffic { messages, bytes, hints, repairs, mending_bytes } =
                core.recorder.traffic();
            let sent = [messages, bytes, hints, repairs, mending_bytes];
            let reach = reach.max(hub.clock.until(core.network.latest())).0;
            let said = Said { state, reach, sent, lines, broken };
            Some(Packet::<()>::Audited { run, said })
        });
    }

    /// Tells the driver that is connected now what will be known later.
    fn answer_later<F>(&self, answer: F)
    where
        F: Future<Output = Option<Packet<()>>> + Send + 'static,
    {
        let Some(queue) = self.driver().as_ref().map(|driver| driver.queue.clone()) else { return };
        task::spawn(async move {
            if let Some(Ok(frame)) = answer.await.map(|packet| frame::encode(&packet)) {
                _ = queue.send(frame).await;
            }
        });
    }
}

/// Writes what is queued; why that ended.
async fn pump(mut socket: OwnedWriteHalf, frames: &mut mpsc::Receiver<Vec<u8>>) -> String {
    loop {
        let mut bytes = match timeout(PING, frames.recv()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return "the run is over".to_owned(),
            Err(_) => match frame::encode(&Packet::<()>::Ping) {
                Ok(ping) => ping,
                Err(error) => return error.to_string(),
            },
        };
        // What waits already goes with it.
        while bytes.len() < TOGETHER
            && let Ok(more) = frames.try_recv()
        {
            bytes.extend(more);
        }
        if let Err(error) = socket.write_all(&bytes).await {
            return error.to_string();
        }
    }
}

/// What the first of the two gives; the other is dropped.
pub(super) async fn first<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    std::future::poll_fn(|cx| match one.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(value),
        Poll::Pending => other.as_mut().poll(cx),
    })
    .await
}
