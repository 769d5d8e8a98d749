//! Connections between hosts: who is connected to whom, and what is said over a connection.
//!
//! Each process dials every other replica for what it has to say to it; a replica answers clients over the
//! connection that their driver has dialled. A connection that ends is dialled again, and what should have
//! been sent meanwhile is lost, as on any network. Of what a connection brings everything is checked; what is
//! not as it should be ends that connection with a line that says why, and touches nothing else.

use super::cluster::Cluster;
use super::frame::{self, FRAME_MAX};
use super::hello::{self, Identity, Unmet, Who};
use super::hub::Hub;
use super::node::{Audit, Input};
use super::task;
use crate::history::{FinalState, Traffic};
use crate::op::NodeId;
use crate::protocol::Protocol;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::sync::atomic::Ordering;
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
/// How long the two sides may take to introduce themselves.
pub(super) const INTRODUCTION: Duration = Duration::from_secs(5);
/// Between two attempts to connect.
pub(super) const RETRY: Duration = Duration::from_millis(100);
/// Who has nothing to say says so this often.
pub(super) const PING: Duration = Duration::from_secs(1);
/// A connection over which nothing came for so long is dead.
const SILENCE: Duration = Duration::from_secs(10);

/// Why an older connection ends.
const DIALLED_AGAIN: &str = "the other side has dialled again";

/// What is said over a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Packet<M> {
    /// I am still there.
    Ping,
    /// From a process of the plan to another, in this run.
    Message { run: u64, from: NodeId, to: NodeId, msg: M },
    /// A driver: forget everything, and begin this run.
    Prepare { run: u64 },
    /// A replica: that is done.
    Prepared { run: u64 },
    /// A driver: what do you hold?
    Audit { run: u64 },
    /// A replica: this, what it and its links have under way takes so many nanoseconds, and it has sent so many
    /// messages and bytes, of which so much to mend others.
    Audited { run: u64, state: FinalState, reach: u64, sent: [u64; 5] },
    /// A driver: what you send from now on counts, or counts no more.
    Measure { run: u64, begins: bool },
}

/// The driver that is connected to a replica.
struct Driver {
    id: u64,
    queue: mpsc::Sender<Vec<u8>>,
}

/// Somebody who was let in.
pub(super) struct Guest<'a, P: Protocol> {
    peers: &'a Peers<P>,
    who: Who,
    queue: mpsc::Sender<Vec<u8>>,
    frames: mpsc::Receiver<Vec<u8>>,
    /// Of a replica: which of its connections this is.
    dialled: Option<Dialled>,
}

/// One of the connections that a replica has dialled; the latest counts.
#[derive(Clone)]
struct Dialled {
    /// How often it has dialled.
    times: watch::Receiver<u64>,
    /// How often it had, this one included.
    mine: u64,
}

impl Dialled {
    fn is_over(&self) -> bool {
        *self.times.borrow() != self.mine
    }

    /// Waits until it has dialled again.
    async fn over(mut self) -> String {
        let mine = self.mine;
        // Who counts ends with this process.
        _ = self.times.wait_for(|times| *times != mine).await;
        DIALLED_AGAIN.to_owned()
    }
}

impl<P: Protocol> Drop for Guest<'_, P> {
    fn drop(&mut self) {
        let mut driver = self.peers.driver();
        // The same driver may have dialled again.
        if driver.as_ref().is_some_and(|driver| driver.queue.same_channel(&self.queue)) {
            *driver = None;
        }
    }
}

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
    /// By replica, how often it has dialled: an older connection of it is over.
    dialled: Vec<watch::Sender<u64>>,
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
        let peers = Arc::new(Self {
            hub: Arc::clone(hub),
            cluster: cluster.clone(),
            identity: cluster.identity(&hub.plan),
            me,
            run: Mutex::new(run),
            nodes,
            driver: Mutex::new(None),
            dialled: (0..replicas).map(|_| watch::Sender::new(0)).collect(),
            answers,
        });
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

    fn driver(&self) -> MutexGuard<'_, Option<Driver>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody in who has proved who he is. There is one driver at a time, and his place is taken from here
    /// on, until what is given back is dropped.
    ///
    /// # Errors
    /// If there is no place for him.
    pub(super) fn admit(&self, who: Who) -> Result<Guest<'_, P>, String> {
        let (queue, frames) = mpsc::channel(QUEUE);
        let mut dialled = None;
        match who {
            Who::Node(_) if who == self.me => {
                return Err("this is that node itself".to_owned());
            }
            Who::Node(replica) => {
                let place = self.dialled.get(replica as usize);
                let place = place.ok_or_else(|| "there is no such node".to_owned())?;
                let mut mine = 0;
                place.send_modify(|times| {
                    *times += 1;
                    mine = *times;
                });
                dialled = Some(Dialled { times: place.subscribe(), mine });
            }
            Who::Driver(id) => {
                let mut driver = self.driver();
                if driver.as_ref().is_some_and(|other| other.id != id) {
                    return Err("another driver is at work".to_owned());
                }
                *driver = Some(Driver { id, queue: queue.clone() });
            }
        }
        Ok(Guest { peers: self, who, queue, frames, dialled })
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
    pub(super) fn carry(&self, (from, to): (NodeId, usize), msg: &P::Msg, life: u32) {
        let run = self.run();
        if life != self.hub.life(self.hub.home.unwrap_or(to)) {
            return;
        }
        let packet = Packet::Message { run: *run, from, to: NodeId(to as u32), msg };
        drop(run);
        self.say(to, &packet);
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
        let who = guest.who;
        let Some(dialled) = guest.dialled.clone() else {
            return first(pump(write, &mut guest.frames), self.listen(read, who, None)).await;
        };
        let over = dialled.clone().over();
        let served = first(pump(write, &mut guest.frames), self.listen(read, who, Some(dialled)));
        first(over, served).await
    }

    /// Takes up what comes, until the connection ends; why it did.
    async fn listen(&self, socket: OwnedReadHalf, who: Who, dialled: Option<Dialled>) -> String {
        let (mut socket, mut frame) = (BufReader::new(socket), Vec::new());
        loop {
            match timeout(SILENCE, frame::read(&mut socket, FRAME_MAX, &mut frame)).await {
                Err(_) => return format!("nothing came for {} s", SILENCE.as_secs()),
                Ok(Ok(false)) => return "the other side closed it".to_owned(),
                Ok(Err(error)) => return error.to_string(),
                Ok(Ok(true)) => {}
            }
            if dialled.as_ref().is_some_and(Dialled::is_over) {
                return DIALLED_AGAIN.to_owned();
            }
            let taken = frame::decode(&frame).map_err(|error| error.to_string());
            if let Err(why) = taken.and_then(|packet| self.take(packet, who)) {
                return why;
            }
        }
    }

    /// Does what a packet asks for.
    fn take(&self, packet: Packet<P::Msg>, who: Who) -> Result<(), String> {
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
        self.hub.tell(me as usize, Input::Reset { run, life, done });
        self.answer_later(
            async move { started.await.ok().map(|()| Packet::<()>::Prepared { run }) },
        );
    }

    fn audit(&self, run: u64, me: u32) {
        if *self.run() != run {
            return;
        }
        let (home, answer) = tokio::sync::oneshot::channel();
        self.hub.tell(me as usize, Input::Audit(home));
        let hub = Arc::clone(&self.hub);
        self.answer_later(async move {
            let Audit { state, reach, .. } = answer.await.ok()?;
            let core = hub.lock();
            let Traffic { messages, bytes, hints, repairs, mending_bytes } =
                core.recorder.traffic();
            let sent = [messages, bytes, hints, repairs, mending_bytes];
            let reach = reach.max(hub.clock.until(core.network.latest())).0;
            Some(Packet::<()>::Audited { run, state, reach, sent })
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
