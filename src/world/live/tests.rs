//! What only the inside of the live world can show: lives, logs and threads at the moment of a failure.

use super::hello::Who;
use super::*;
use crate::guarantee::Guarantee;
use crate::op::{Key, Level, NodeId, Object, OpKind, Request, Value};
use crate::protocol::{Client, ClientCx, Env, Geometry, Offer, Replica, ReplicaCx, WriteId};
use crate::scenario::{Overrides, Protocols, Source, load};
use serde::{Deserialize, Serialize};

/// A machine that writes down what it is told, and again when its timer runs out.
#[derive(Debug)]
pub(super) struct Notes;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct NoSettings {}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Note(pub u64);

pub(super) struct Idle;

/// A message that breaks the machine.
const UNLUCKY: u64 = 13_131_313;

impl Protocol for Notes {
    const NAME: &'static str = "notes";
    const ABOUT: &'static str = "Writes down what it is told.";
    type Config = NoSettings;
    type Msg = Note;
    type Record = u64;
    type Timer = ();
    type Replica = Idle;
    type Client = Idle;
    fn validate(_: &NoSettings, _: u32) -> Result<(), String> {
        Ok(())
    }
    fn offer(_: &NoSettings, _: Level) -> Option<Offer> {
        Some(Offer { read_path: "none", write_path: "none", promise: Guarantee::Eventual })
    }
    fn theory(
        _: &NoSettings,
        _: Level,
        _: OpKind,
        _: &Geometry,
        _: NodeId,
    ) -> Option<crate::time::Duration> {
        None
    }
    fn wire_size(_: &Note) -> u32 {
        8
    }
}

impl Replica<Notes> for Idle {
    fn recover(_: Env<Notes>, _: &[u64], cx: &mut ReplicaCx<'_, Notes>) -> Self {
        cx.set_timer((), Duration::secs(60));
        Self
    }
    fn on_message(&mut self, _: NodeId, msg: Note, cx: &mut ReplicaCx<'_, Notes>) {
        assert!(msg.0 != UNLUCKY, "an unlucky number");
        cx.persist(msg.0);
    }
    fn on_timer(&mut self, (): (), cx: &mut ReplicaCx<'_, Notes>) {
        cx.persist(u64::MAX);
    }
    fn on_durable(&mut self, _: WriteId, _: &mut ReplicaCx<'_, Notes>) {}
    fn inspect(&self, _: Key) -> Value {
        Value::INITIAL
    }
}

impl Client<Notes> for Idle {
    fn start(_: Env<Notes>) -> Self {
        Self
    }
    fn on_request(&mut self, _: Request, _: &mut ClientCx<'_, Notes>) {}
    fn on_given_up(&mut self) {}
    fn on_message(&mut self, _: NodeId, _: Note, _: &mut ClientCx<'_, Notes>) {}
    fn on_timer(&mut self, (): (), _: &mut ClientCx<'_, Notes>) {}
}

struct OnlyNotes;

impl Protocols for OnlyNotes {
    fn names(&self) -> Vec<&'static str> {
        vec![Notes::NAME]
    }
    fn check(&self, _: &str, _: &toml::Table, _: u32) -> Result<(), String> {
        Ok(())
    }
    fn levels_offered(&self, _: &str, _: &toml::Table, _: Level) -> bool {
        true
    }
    fn checkers(&self) -> Vec<&'static str> {
        Vec::new()
    }
    fn objects(&self, _: &str, _: &toml::Table) -> &'static [Object] {
        &[Object::Register]
    }
}

fn plan() -> Plan {
    let text = r#"
        question = "What does a node do?"
        analysis = "A test."
        regions = "aws"
        replicas = ["us-east-1", "eu-west-1"]
        clients = [{ region = "us-east-1", sessions = 1 }]
        workload = { read = 1 }
        operations = 10
        modes = [{ protocol = "notes", levels = ["eventual-nearest"] }]
    "#;
    let scenario = load(&Source::new("notes.toml", text), &OnlyNotes, &Overrides::default());
    scenario.expect("a valid scenario").plans.remove(0)
}

fn hub() -> (Arc<Hub<Notes>>, Inboxes<Notes>) {
    let plan = plan();
    let load = Load::new(&plan, 1);
    let (hub, inboxes, _) = set_up::<Notes>(&plan, &plan, &NoSettings {}, 1, load, None);
    (hub, inboxes)
}

fn node(hub: &Arc<Hub<Notes>>, log: Log<Notes>) -> ReplicaNode<Notes> {
    let env = Envs::<Notes>::new(&hub.plan, NoSettings {}, 10).of(0, 0);
    let clock = Clock::new(hub.plan.replicas[0].clock);
    ReplicaNode::new(Arc::clone(hub), env, Rng::stream(1, "node", 0), clock, log)
}

/// Boots a replica into its first life, or into the one after a crash, and gives back what its log held.
fn boot(
    hub: &Hub<Notes>,
    node: &mut ReplicaNode<Notes>,
    inbox: &mut mpsc::Receiver<Input<Notes>>,
) -> Vec<u64> {
    if hub.life(0) == 0 {
        node.take(Input::Boot { life: 0 });
    } else {
        hub.boot(0);
    }
    loop {
        match inbox.blocking_recv().expect("the log answers") {
            Input::Recovered { records, upto, life } => {
                let held = records.clone();
                node.take(Input::Recovered { records, upto, life });
                return held;
            }
            other => node.take(other),
        }
    }
}

fn told(note: u64, life: u32) -> Input<Notes> {
    Input::Message { from: NodeId(1), msg: Note(note), life, due: None }
}

#[test]
fn from_the_moment_of_a_crash_nothing_of_that_life_reaches_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, mut inboxes) = hub();
    let log = Log::new_file(&hub, 0, folder.path()).expect("a file");
    let mut node = node(&hub, log);
    assert_eq!(boot(&hub, &mut node, &mut inboxes[0]), [0_u64; 0]);
    let (mut acknowledged, mut life) = (0, 0);
    for round in 0..20 {
        (0..5).for_each(|n| node.take(told(10 * round + n, life)));
        // The crash falls somewhere among the syncs, before the task has heard of it.
        while round % 2 == 0
            && let Some(input) = inboxes[0].blocking_recv()
        {
            let Input::Durable { upto, .. } = &input else { continue };
            acknowledged = upto.0;
            break;
        }
        hub.lives[0].fetch_add(1, Ordering::AcqRel);
        node.take(told(1_000, life));
        let at = node.armed().expect("it set a timer when it started");
        node.take(Input::Timer { slot: 0, at });
        node.take(Input::Crash);
        let held = boot(&hub, &mut node, &mut inboxes[0]);
        assert!(held.len() as u64 >= acknowledged, "what was synced is there");
        let of_this_round: Vec<u64> =
            held.iter().copied().filter(|n| n / 10 == round || *n >= 1_000).collect();
        let whole: Vec<u64> = (0..of_this_round.len() as u64).map(|n| 10 * round + n).collect();
        assert_eq!(of_this_round, whole, "a beginning of what was appended, without a hole");
        life += 2;
    }
}

#[test]
fn what_comes_while_the_log_is_read_is_taken_up_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, mut inboxes) = hub();
    let log = Log::new_file(&hub, 0, folder.path()).expect("a file");
    let mut node = node(&hub, log);
    node.take(Input::Boot { life: 0 });
    node.take(told(7, 0));
    let read = inboxes[0].blocking_recv().expect("the log answers");
    assert!(matches!(read, Input::Recovered { .. }), "nothing was written before the start");
    node.take(read);
    match inboxes[0].blocking_recv() {
        Some(Input::Durable { upto, .. }) => assert_eq!(upto, WriteId(1)),
        _ => panic!("the message was lost"),
    }
}

#[test]
fn what_came_while_a_replica_stood_still_comes_before_what_comes_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, mut inboxes) = hub();
    let log = Log::new_file(&hub, 0, folder.path()).expect("a file");
    let mut node = node(&hub, log);
    boot(&hub, &mut node, &mut inboxes[0]);
    let until = hub.now() + Duration::millis(300);
    node.take(Input::Pause(until));
    (1..4).for_each(|n| node.take(told(n, 0)));
    wall::sleep(hub.clock.until(until) + Duration::millis(1));
    // Nobody has told it yet that it may go on.
    node.take(told(4, 0));
    node.take(Input::Resume);
    node.take(told(5, 0));
    while let Some(input) = inboxes[0].blocking_recv()
        && !matches!(&input, Input::Durable { upto: WriteId(5), .. })
    {
        node.take(input);
    }
    hub.crash(0);
    assert_eq!(boot(&hub, &mut node, &mut inboxes[0]), [1, 2, 3, 4, 5]);
}

#[test]
fn a_replica_that_crashes_before_it_has_heard_of_its_start_stays_down() {
    let folder = tempfile::tempdir().expect("a folder");
    for simulated in [false, true] {
        let (hub, mut inboxes) = hub();
        let syncs = Sampler::new(&hub.plan.replicas[0].disk_ms);
        let log = if simulated {
            Log::Simulated(Disk::new(syncs, Rng::stream(1, "disk", 0)))
        } else {
            Log::new_file(&hub, 0, folder.path()).expect("a file")
        };
        let mut node = node(&hub, log);
        hub.boot(0);
        hub.crash(0);
        hub.boot(0);
        hub.crash(0);
        // The log, if it was asked at all, has answered by now.
        wall::sleep(Duration::millis(200));
        while let Ok(input) = inboxes[0].try_recv() {
            node.take(input);
        }
        wall::sleep(Duration::millis(200));
        while let Ok(input) = inboxes[0].try_recv() {
            node.take(input);
        }
        assert_eq!(node.armed(), None, "nothing runs (simulated: {simulated})");
    }
}

#[test]
fn a_panic_on_the_thread_of_deadlines_ends_the_run_with_its_words() {
    let (hub, _inboxes) = hub();
    let deadlines = keep_deadlines(&hub, Carrier::Memory);
    // There is no such fault.
    hub.timer.push(Instant::ZERO, Due::Fault { index: 7, begins: true });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("tasks");
    runtime.block_on(hub.over.notified());
    deadlines.join().expect("the thread has ended by itself");
    let failure = hub.lock().failure.take().expect("the run has failed");
    assert!(failure.contains("out of bounds"), "{failure}");
}

#[test]
fn a_node_counts_what_it_sends_from_the_warm_up_to_the_last_client() {
    let (hub, _inboxes) = hub();
    let messages = || {
        hub.send(NodeId(0), NodeId(1), Note(1));
        hub.lock().recorder.traffic().messages
    };
    hub.count_anew();
    assert_eq!((messages(), messages()), (1, 2));
    hub.count_anew();
    assert_eq!((messages(), messages()), (1, 2));
    hub.count_no_more();
    assert_eq!((messages(), messages()), (2, 2), "heartbeats of whoever waits do not count");
    hub.count_anew();
    assert_eq!(messages(), 1, "the next run begins");
}

/// A node of a cluster whose other node is nowhere, and where it listens. To be called within a runtime.
async fn listening() -> (Arc<Peers<Notes>>, Cluster, String) {
    let (hub, _inboxes) = hub();
    let cluster = Cluster {
        name: "bench".into(),
        addresses: vec!["127.0.0.1:1".into(), "127.0.0.1:1".into()],
        inject_delays: false,
        secret: None,
        file: String::new(),
        log: |_| {},
    };
    let (peers, _) = Peers::start(&hub, &cluster, (Who::Node(0), 0), Vec::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(serve::accept(Arc::clone(&peers), listener));
    (peers, cluster, address)
}

async fn dial(
    address: &str,
    cluster: &Cluster,
    driver: u64,
) -> Result<tokio::net::TcpStream, String> {
    let mut stream = tokio::net::TcpStream::connect(address).await.map_err(|e| e.to_string())?;
    let who = (Who::Driver(driver), 0);
    let dialled = hello::dial(&mut stream, &cluster.identity(&plan()), who).await;
    dialled.map(|()| stream).map_err(hello::Unmet::why)
}

#[test]
fn of_two_drivers_that_come_at_once_one_is_let_in() {
    runtime().expect("tasks").block_on(async {
        let (peers, cluster, address) = listening().await;
        let first = peers.admit(Who::Driver(1));
        assert!(first.is_ok());
        let other = peers.admit(Who::Driver(2));
        assert!(other.is_err_and(|why| why == "another driver is at work"), "while it is let in");
        assert!(peers.admit(Who::Driver(1)).is_ok(), "it may dial again");
        drop(first);
        for round in 0..20 {
            let drivers = (2 * round..2 * round + 2).map(|n| {
                let (address, cluster) = (address.clone(), cluster.clone());
                tokio::spawn(async move { dial(&address, &cluster, 10 + n).await })
            });
            let mut let_in = Vec::new();
            for driver in drivers.collect::<Vec<_>>() {
                let_in.push(driver.await.expect("no panic"));
            }
            let refused = let_in.iter().filter_map(|one| one.as_ref().err());
            let refused: Vec<&String> = refused.collect();
            assert_eq!(refused, ["refused: another driver is at work"]);
            drop(let_in);
            // Until the node has noticed that it has gone.
            while peers.admit(Who::Driver(0)).is_err() {
                tokio::task::yield_now().await;
            }
        }
    });
}

#[test]
fn an_older_connection_of_a_node_ends_at_once_and_none_of_its_frames_is_taken_on_trust() {
    runtime().expect("tasks").block_on(async {
        let (_peers, cluster, address) = listening().await;
        let identity = cluster.identity(&plan());
        let meet = async |who| {
            let mut stream = tokio::net::TcpStream::connect(&address).await.expect("connected");
            let met = hello::dial(&mut stream, &identity, (who, 0)).await;
            met.map(|()| stream).map_err(hello::Unmet::why)
        };
        let mut older = meet(Who::Node(1)).await.expect("let in");
        // It announces sixteen megabytes, of which nothing comes.
        let head = [&frame::FRAME_MAX.to_le_bytes()[..], &[0; 4], &[frame::VERSION, 0]].concat();
        tokio::io::AsyncWriteExt::write_all(&mut older, &head).await.expect("written");
        let _newer = meet(Who::Node(1)).await.expect("let in");
        let mut all = Vec::new();
        let end = tokio::io::AsyncReadExt::read_to_end(&mut older, &mut all);
        // Long before the silence is noticed.
        let end = tokio::time::timeout(std::time::Duration::from_secs(5), end).await;
        assert!(end.is_ok(), "the older one is closed");
        let itself = meet(Who::Node(0)).await.expect_err("nobody dials himself");
        assert_eq!(itself, "refused: this is that node itself");
        let nobody = meet(Who::Node(9)).await.expect_err("there are two");
        assert_eq!(nobody, "refused: there is no such node");
    });
}

#[test]
fn silent_strangers_keep_nobody_out() {
    runtime().expect("tasks").block_on(async {
        let (_peers, cluster, address) = listening().await;
        let mut silent = Vec::new();
        for _ in 0..300 {
            silent.push(tokio::net::TcpStream::connect(&address).await.expect("connected"));
        }
        dial(&address, &cluster, 1).await.expect("let in at once");
        let mut gone = [0; 1];
        let end = tokio::io::AsyncReadExt::read(&mut silent[0], &mut gone).await;
        assert_eq!(end.expect("closed"), 0, "the oldest has made room");
    });
}

#[test]
fn a_message_that_breaks_the_machine_costs_its_sender_the_connection_and_nobody_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hub, mut inboxes) = hub();
    let log = Log::new_file(&hub, 0, folder.path()).expect("a file");
    let mut node = node(&hub, log);
    boot(&hub, &mut node, &mut inboxes[0]);
    let put_out = Arc::new(Mutex::new(Vec::new()));
    let its = Arc::clone(&put_out);
    let note = move |from: NodeId, words: &str| {
        its.lock().expect("no panic").push((from, words.to_owned()));
    };
    assert!(hub.put_out.set(Box::new(note)).is_ok());
    node.take(told(1, 0));
    while !matches!(inboxes[0].blocking_recv(), Some(Input::Durable { .. })) {}
    node.take(told(UNLUCKY, 0));
    let held = loop {
        match inboxes[0].blocking_recv().expect("the log answers") {
            Input::Recovered { records, upto, life } => {
                let held = records.clone();
                node.take(Input::Recovered { records, upto, life });
                break held;
            }
            other => node.take(other),
        }
    };
    assert_eq!((held, hub.life(0)), (vec![1], 2), "it goes on from its log");
    let told_of = put_out.lock().expect("no panic").clone();
    assert_eq!(told_of, [(NodeId(1), "an unlucky number".to_owned())]);
    // What was sent to its last life is not taken up, and it has not failed.
    node.take(told(3, 0));
    node.take(told(4, 2));
    while !matches!(inboxes[0].blocking_recv(), Some(Input::Durable { .. })) {}
    assert_eq!(hub.lock().failure, None);
}

#[test]
fn whoever_is_put_out_or_names_what_is_not_there_is_hung_up_on_and_may_come_again() {
    runtime().expect("tasks").block_on(async {
        let (peers, cluster, address) = listening().await;
        let identity = cluster.identity(&plan());
        let meet = async || {
            let mut stream = tokio::net::TcpStream::connect(&address).await.expect("connected");
            let met = hello::dial(&mut stream, &identity, (Who::Node(1), 0)).await;
            met.map(|()| stream).map_err(hello::Unmet::why)
        };
        let hung_up = async |mut stream: tokio::net::TcpStream| {
            let mut all = Vec::new();
            let end = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut all);
            // Long before the silence is noticed.
            let end = tokio::time::timeout(std::time::Duration::from_secs(5), end).await;
            assert!(end.is_ok(), "it is closed");
        };
        let said = |from| {
            let (to, msg) = (NodeId(0), Note(1));
            frame::encode(&packet::Packet::Message { run: 0, from, to, msg }).expect("a frame")
        };
        let mut stream = meet().await.expect("let in");
        let absurd = said(NodeId(77));
        let written = tokio::io::AsyncWriteExt::write_all(&mut stream, &absurd).await;
        written.expect("written");
        hung_up(stream).await;
        let stream = meet().await.expect("let in again");
        let put_out = peers.hub.put_out.get().expect("set by those who listen");
        put_out(NodeId(1), "a broken law");
        hung_up(stream).await;
        meet().await.expect("and again");
    });
}
