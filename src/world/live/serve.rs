//! One replica as a process of its own: the same task, log and deadlines as in the live world, with the other
//! replicas and the clients at the far ends of connections.
//!
//! A driver says when a run begins; whatever was there before is forgotten then. Between runs, and after the
//! process was killed, the log is what counts: it names its run, and a process that finds one goes on with it.

use super::cluster::{Cluster, Serving};
use super::frame::VERSION;
use super::guest::Guest;
use super::hello::{self, Unmet, Who};
use super::log::{Log, LogFile, Owner};
use super::node::{Input, ReplicaNode, live};
use super::peers::{INTRODUCTION, Peers, RETRY, first};
use super::strangers::{Brief, SPELL, Strangers, Telling};
use super::wall::WallClock;
use super::{Carrier, host_clock, keep_deadlines, runtime, set_up, task};
use crate::protocol::Protocol;
use crate::rng::Rng;
use crate::scenario::plan::Plan;
use crate::world::env::Envs;
use crate::world::load::Load;
use std::convert::Infallible;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Serves a replica until something goes wrong here.
///
/// # Errors
/// Why it cannot be served: a port or a folder that is taken, a log that is damaged or written under other
/// settings, a disk that refuses, a broken law of the protocol.
pub fn serve<P: Protocol>(
    plan: &Plan,
    cluster: &Cluster,
    serving: &Serving,
) -> Result<Infallible, String> {
    let config: P::Config = plan.config.clone().try_into().map_err(|e| format!("{e}"))?;
    let (me, name) = (serving.replica, &plan.replicas[serving.replica].name);
    let identity = cluster.identity(plan);
    let _lock = claim(&serving.data_dir, name, &format!("serves {name}"))?;
    let path = serving.data_dir.join(format!("{name}.log"));
    let file = match LogFile::open(&path, identity.settings)? {
        Some(file) => file,
        None => LogFile::create(&path, Owner { settings: identity.settings, run: 0 })?,
    };
    let (run, records) = (file.owner().run, file.last());
    file.note().into_iter().for_each(|note| (cluster.log)(&note));

    // Only election timeouts and the like come from it, and no two processes should have the same.
    let seed = hello::number()?;
    let load = Load::new(plan, seed);
    let mut env = Envs::<P>::new(plan, config.clone(), load.keys()).of(me as u32, me);
    env.first_boot = run == 0;
    let links = cluster.held_back(plan);
    let (hub, mut inboxes, _) = set_up::<P>(plan, &links, &config, seed, load, Some(me));
    hub.count_anew();
    let runtime = runtime()?;
    let _within = runtime.enter();
    let listener = task::wait(&runtime, TcpListener::bind(&serving.listen))
        .map_err(|error| format!("cannot listen on {}: {error}", serving.listen))?;
    // The port that was given, where none was asked for.
    let place = listener.local_addr().map_or(serving.listen.clone(), |place| place.to_string());
    (cluster.log)(&format!(
        "node {name} of cluster {} listens on {place}, protocol version {VERSION}",
        cluster.name
    ));
    let log = Log::real(&hub, me, file);
    let rng = Rng::stream(seed, "node", me as u64);
    let mut node = ReplicaNode::new(Arc::clone(&hub), env, rng, host_clock(), log);
    if run != 0 {
        (cluster.log)(&format!("goes on with run {run:016x} from {records} records"));
        hub.tell(me, Input::Boot { life: 0 });
    }
    let inbox = inboxes.swap_remove(me);
    task::spawn(live(Arc::clone(&hub), inbox, move |input| node.take(input)));
    let (peers, _) = Peers::start(&hub, cluster, (Who::Node(me as u32), run), Vec::new());
    task::spawn(accept(Arc::clone(&peers), listener));
    let deadlines = keep_deadlines(&hub, Carrier::Peers(peers));
    task::wait(&runtime, hub.over.notified());
    hub.timer.stop();
    drop(deadlines.join());
    let failure = hub.lock().failure.take();
    Err(failure.unwrap_or_else(|| "the node has ended".to_owned()))
}

/// The folder's part of this name is this process's alone for as long as the file is open; `does` is what
/// others are told of it.
///
/// # Errors
/// If the folder or the file cannot be made, or the part is another's.
pub(super) fn claim(folder: &Path, name: &str, does: &str) -> Result<File, String> {
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("cannot create the folder {}: {error}", folder.display()))?;
    let path = folder.join(format!("{name}.lock"));
    let file = File::create(&path);
    let file = file.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(format!("{}: another process {does} already", folder.display()))
        }
        // A file system without locks cannot tell.
        _ => Ok(file),
    }
}

/// Takes up connections, as long as the process lives.
pub(super) async fn accept<P: Protocol>(peers: Arc<Peers<P>>, listener: TcpListener) {
    let strangers = Arc::new(Mutex::new(Strangers::default()));
    let brief = Arc::new(Mutex::new(Brief::new(WallClock::start())));
    loop {
        let Ok((stream, address)) = listener.accept().await else {
            // Too many open files, most likely: others may close some.
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let (number, must_go) = lock(&strangers).enter(address.ip());
        let (peers, strangers) = (Arc::clone(&peers), Arc::clone(&strangers));
        let brief = Arc::clone(&brief);
        task::spawn(async move {
            let made_room = async {
                _ = must_go.await;
                Err("it had not introduced itself, and made room for others".to_owned())
            };
            let introduced = first(introduce(&peers, stream), made_room).await;
            lock(&strangers).leave(number);
            match introduced {
                Ok((stream, guest)) => {
                    let why = peers.serve(stream, guest).await;
                    peers.log(&format!("closed a connection from {address}: {why}"));
                }
                Err(why) => {
                    let line = format!("closed a connection from {address}: {why}");
                    tell(&peers, &brief, &line);
                }
            }
        });
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells a line about a stranger, or counts it where there were too many.
fn tell<P: Protocol>(peers: &Arc<Peers<P>>, brief: &Arc<Mutex<Brief>>, line: &str) {
    let telling = lock(brief).line();
    match telling {
        Telling::Tell => peers.log(line),
        Telling::Keep => {}
        Telling::KeepFirst => {
            let (peers, brief) = (Arc::clone(peers), Arc::clone(brief));
            task::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_nanos(SPELL.0)).await;
                let kept = lock(&brief).kept();
                peers.log(&format!("closed {kept} more connections of strangers within {SPELL}"));
            });
        }
    }
}

async fn introduce<P: Protocol>(
    peers: &Peers<P>,
    mut stream: TcpStream,
) -> Result<(TcpStream, Guest<'_, P>), String> {
    let Who::Node(me) = peers.me else { return Err("only nodes are dialled".to_owned()) };
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let answered = hello::answer(&mut stream, &peers.identity, me, |who| peers.admit(who));
    match timeout(INTRODUCTION, answered).await {
        Ok(Ok(guest)) => Ok((stream, guest)),
        Ok(Err(unmet)) => Err(Unmet::why(unmet)),
        Err(_) => Err("it did not introduce itself".to_owned()),
    }
}
