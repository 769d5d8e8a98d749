//! The clients of a run against replicas that are processes of their own.
//!
//! The load, the clients' tasks, the recorder and its clock are those of the live world. What happens at the
//! replicas cannot be seen from here: the history has no commits, and what replicas hold in the end is asked
//! for when everything is over. Whoever kills a process in the meantime does what a fault does elsewhere.

use super::client::ClientNode;
use super::cluster::Cluster;
use super::frame::{self, MESSAGE_MAX};
use super::hello::{self, Identity, Unmet, Who};
use super::hub::Due;
use super::lines::{self, LineSaid};
use super::node::{Audit, live};
use super::packet::{Packet, Said};
use super::peers::{Answers, INTRODUCTION, PING, Peers, RETRY, first};
use super::rest::{Looks, PATIENCE, REST, wait};
use super::wall::WallClock;
use super::{Carrier, finish, host_clock, keep_deadlines, runtime, set_up, start, task};
use crate::history::{FinalState, Traffic};
use crate::protocol::Protocol;
use crate::rng::Rng;
use crate::scenario::plan::Plan;
use crate::time::{Duration, Instant};
use crate::world::Run;
use crate::world::env::Envs;
use crate::world::load::Load;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long nodes may take to be there, and to begin a run.
const READY: Duration = Duration::secs(20);
/// How long they may take to say what they hold.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(2);

/// Runs a plan's clients against the nodes of a cluster.
///
/// # Errors
/// What went wrong: a node that is not there or does not belong to the cluster, faults that nobody here can
/// bring about, a queue that outgrew its bound.
pub fn drive<P: Protocol>(plan: &Plan, seed: u64, cluster: &Cluster) -> Result<Run, String> {
    if !plan.faults.is_empty() || plan.random_faults.is_some() {
        return Err(format!("{}: a driver cannot bring about faults; kill processes", plan.name));
    }
    let config: P::Config = plan.config.clone().try_into().map_err(|e| format!("{e}"))?;
    let (run, me) = (hello::number()?, Who::Driver(hello::number()?));
    let runtime = runtime()?;
    let within = runtime.enter();
    let identity = cluster.identity(plan);
    let ready = task::wait(&runtime, prepare(plan, cluster, &identity, me, run))?;

    let load = Load::new(plan, seed);
    let envs = Envs::<P>::new(plan, config.clone(), load.keys());
    let links = cluster.held_back(plan);
    let (hub, mut inboxes, sessions) = set_up::<P>(plan, &links, &config, seed, load, None);
    let replicas = plan.replicas.len();
    let clients = inboxes.split_off(replicas);
    for (client, (inbox, session)) in clients.into_iter().zip(sessions).enumerate() {
        let site = replicas + usize::from(hub.lock().load.group(client as u32));
        let env = envs.of((replicas + client) as u32, site);
        let rng = Rng::stream(seed, "client", client as u64);
        let (client, clock) = (client as u32, host_clock());
        let mut node = ClientNode::new(Arc::clone(&hub), env, (rng, clock), client, session);
        task::spawn(live(Arc::clone(&hub), inbox, move |input| node.take(input)));
    }
    let (peers, mut answers) = Peers::start(&hub, cluster, (me, run), ready);
    let deadlines = keep_deadlines(&hub, Carrier::Peers(Arc::clone(&peers)));
    hub.timer.push(Instant::ZERO + plan.warm_up, Due::Measure);
    // They leave before the run's first message is due, or nearly so.
    peers.probe(|site| site >= replicas);
    start(&hub);
    let (left, mut said, at_rest) = task::wait(&runtime, async {
        hub.over.notified().await;
        peers.measure(false);
        settle(&peers, &mut answers, run).await
    });
    hub.timer.stop();
    drop(deadlines.join());
    drop(within);
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    said.extend(peers.lines().said());
    let mut run = finish(&hub, left, &BTreeMap::new(), at_rest)?;
    run.links = lines::report(plan, &said);
    Ok(run)
}

/// Connects to every node and has it begin the run.
async fn prepare(
    plan: &Plan,
    cluster: &Cluster,
    identity: &Identity,
    me: Who,
    run: u64,
) -> Result<Vec<Option<TcpStream>>, String> {
    let clock = WallClock::start();
    let mut ready = Vec::new();
    for (to, address) in cluster.addresses.iter().enumerate() {
        let name = &plan.replicas[to].name;
        let met = meet(address, identity, (me, to as u32), clock, &mut ready).await;
        let (stream, took) = met.map_err(|why| format!("{name} at {address}: {why}"))?;
        (cluster.log)(&format!("{name} at {address}: a round trip took {took}"));
        ready.push(stream);
    }
    // All are there; now all begin.
    let frame = frame::encode(&Packet::<()>::Prepare { run }).map_err(|error| error.to_string())?;
    for (stream, name) in ready.iter_mut().zip(&plan.replicas) {
        let written = stream.write_all(&frame).await;
        written.map_err(|error| format!("{}: {error}", name.name))?;
    }
    let (mut ears, mut mouths) = (Vec::new(), Vec::new());
    for stream in &mut ready {
        let (ear, mouth) = stream.split();
        ears.push(ear);
        mouths.push(mouth);
    }
    let all_begun = async {
        for (ear, host) in ears.iter_mut().zip(&plan.replicas) {
            let left = READY + READY;
            let left = std::time::Duration::from_nanos(left.0.saturating_sub(clock.now().0));
            let begun = timeout(left, begun(ear, run)).await;
            begun
                .unwrap_or_else(|_| Err("it does not begin the run".to_owned()))
                .map_err(|why| format!("{}: {why}", host.name))?;
        }
        Ok::<(), String>(())
    };
    first(all_begun, still_here(&mut mouths)).await?;
    Ok(ready.into_iter().map(Some).collect())
}

/// Tells nodes again and again that somebody is there, or they would hang up.
async fn still_here(nodes: &mut [impl AsyncWrite + Unpin]) -> Result<(), String> {
    let ping = frame::encode(&Packet::<()>::Ping).map_err(|error| error.to_string())?;
    loop {
        tokio::time::sleep(PING).await;
        for node in &mut *nodes {
            // One that is broken is noticed by whoever waits for its answer.
            _ = node.write_all(&ping).await;
        }
    }
}

/// Connects to a node, again and again until it is there, has refused, or time is up. Those that are there
/// already are told meanwhile that somebody is, or they would hang up.
async fn meet(
    address: &str,
    identity: &Identity,
    who: (Who, u32),
    clock: WallClock,
    ready: &mut [TcpStream],
) -> Result<(TcpStream, Duration), String> {
    let ping = frame::encode(&Packet::<()>::Ping).map_err(|error| error.to_string())?;
    loop {
        match connect(address, identity, who).await {
            Ok(met) => return Ok(met),
            Err(Unmet::Refused(why)) => return Err(why),
            Err(Unmet::CutOff(why)) if clock.now().0 > READY.0 => return Err(why),
            Err(Unmet::CutOff(_)) => tokio::time::sleep(RETRY).await,
        }
        for stream in &mut *ready {
            // One that is broken is noticed when the run is to begin.
            _ = stream.write_all(&ping).await;
        }
    }
}

/// A connection and how long its first round trip took.
async fn connect(
    address: &str,
    identity: &Identity,
    who: (Who, u32),
) -> Result<(TcpStream, Duration), Unmet> {
    let clock = WallClock::start();
    let no_answer = |_| Unmet::CutOff("no answer".to_owned());
    let cut_off = |error: std::io::Error| Unmet::CutOff(error.to_string());
    let dialled = timeout(INTRODUCTION, TcpStream::connect(address)).await;
    let mut stream = dialled.map_err(no_answer)?.map_err(cut_off)?;
    let took = Duration(clock.now().0);
    stream.set_nodelay(true).map_err(cut_off)?;
    let introduced = timeout(INTRODUCTION, hello::dial(&mut stream, identity, who)).await;
    introduced.map_err(no_answer)??;
    Ok((stream, took))
}

async fn begun(stream: &mut (impl AsyncRead + Unpin), run: u64) -> Result<(), String> {
    let mut frame = Vec::new();
    loop {
        match frame::read(stream, MESSAGE_MAX, &mut frame).await {
            Ok(true) => {}
            Ok(false) => return Err("it closed the connection".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
        // Nothing but pings comes before.
        if let Ok(Packet::<()>::Prepared { run: its }) = frame::decode(&frame)
            && its == run
        {
            return Ok(());
        }
    }
}

/// Waits until replicas are equal, or differ for good, or long enough; what they hold, if all can say, and
/// whether they had come to rest. What they say of their delay lines comes with it.
async fn settle<P: Protocol>(
    peers: &Peers<P>,
    answers: &mut Answers<P>,
    run: u64,
) -> (Vec<Audit>, Vec<LineSaid>, bool) {
    let hub = &peers.hub;
    let mut look = hub.lock().network.calm_down().max(hub.now()) + REST;
    let patience = look + PATIENCE;
    let mut looks = Looks::new();
    loop {
        wait(hub, look).await;
        let held = ask(peers, answers, run).await;
        // Who reads its log anew holds nothing yet.
        let silent = |answer: &Option<(Audit, Said)>| {
            answer.as_ref().is_none_or(|(audit, _)| audit.state.values.is_empty())
        };
        let missing = held.iter().position(silent);
        let all = held.iter().flatten().map(|(audit, _)| audit);
        let end = match missing {
            None => looks.end(hub.now(), all, hub.lock().network.latest()),
            Some(_) => (hub.now() > patience).then_some(false),
        };
        let end = end.or(hub.lock().failure.is_some().then_some(false));
        let Some(at_rest) = end else {
            look = hub.now() + REST;
            continue;
        };
        let mut lines = Vec::new();
        for (host, (_, said)) in
            hub.plan.replicas.iter().zip(&held).filter_map(|(h, s)| Some((h, s.as_ref()?)))
        {
            lines.extend(&said.lines);
            if said.broken > 0 {
                let (name, times) = (&host.name, said.broken);
                peers.log(&format!(
                    "{name} was broken by a message {times} times, and says by which"
                ));
            }
        }
        if let Some(missing) = missing {
            let name = &hub.plan.replicas[missing].name;
            peers.log(&format!("{name} does not say what it holds in the end"));
            return (Vec::new(), lines, false);
        }
        for (_, said) in held.iter().flatten() {
            let [messages, bytes, hints, repairs, mending_bytes] = said.sent;
            let traffic = Traffic { messages, bytes, hints, repairs, mending_bytes };
            hub.lock().recorder.carried(traffic);
        }
        let held = held.into_iter().flatten().map(|(audit, _)| audit);
        return (held.collect(), lines, at_rest);
    }
}

/// What each replica holds, and what it has sent.
async fn ask<P: Protocol>(
    peers: &Peers<P>,
    answers: &mut Answers<P>,
    run: u64,
) -> Vec<Option<(Audit, Said)>> {
    let replicas = peers.hub.plan.replicas.len();
    let mut held: Vec<Option<(Audit, Said)>> = (0..replicas).map(|_| None).collect();
    (0..replicas).for_each(|to| peers.say(to, &Packet::<()>::Audit { run }));
    let collect = async {
        while held.iter().any(Option::is_none)
            && let Some((replica, answer)) = answers.recv().await
        {
            if let Packet::Audited { run: its, mut said } = answer
                && its == run
            {
                let none = FinalState { values: vec![], words: vec![], siblings: vec![] };
                let state = std::mem::replace(&mut said.state, none);
                let (lateness, reach) = (Default::default(), Duration(said.reach));
                held[replica] = Some((Audit { state, lateness, reach }, said));
            }
        }
    };
    // Who is down does not answer.
    _ = timeout(ANSWER, collect).await;
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A driver meets a node that breaks off some introductions before it answers one as `answers`; how that
    /// ended, and how often the driver has dialled.
    fn meet_after(broken: u32, answers: &'static str) -> (Result<(), String>, u32) {
        let identity =
            |cluster: &str| Identity { cluster: cluster.into(), settings: 1, secret: None };
        runtime().expect("tasks").block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address").to_string();
            let node = tokio::spawn(async move {
                for _ in 0..broken {
                    drop(listener.accept().await.expect("dialled"));
                }
                let (mut stream, _) = listener.accept().await.expect("dialled again");
                _ = hello::answer(&mut stream, &identity(answers), 0, Ok).await;
                broken + 1
            });
            let me = (Who::Driver(1), 0);
            let bench = identity("bench");
            let met = meet(&address, &bench, me, WallClock::start(), &mut []).await;
            (met.map(|_| ()), node.await.expect("no panic"))
        })
    }

    #[test]
    fn an_introduction_that_breaks_off_is_tried_again_and_one_that_is_refused_is_not() {
        assert_eq!(meet_after(0, "bench"), (Ok(()), 1));
        assert_eq!(meet_after(3, "bench"), (Ok(()), 4));
        let (met, dialled) = meet_after(1, "elsewhere");
        assert_eq!(dialled, 2);
        assert_eq!(met.expect_err("refused"), "refused: this is another cluster");
    }

    #[test]
    fn nodes_are_told_that_somebody_waits_for_them_to_begin() {
        runtime().expect("tasks").block_on(async {
            let (mut near, mut far) = tokio::io::duplex(1 << 10);
            let heard = async {
                let mut frame = Vec::new();
                for _ in 0..2 {
                    let there = frame::read(&mut near, MESSAGE_MAX, &mut frame).await;
                    assert!(there.is_ok_and(|there| there));
                    assert!(matches!(frame::decode(&frame), Ok(Packet::<()>::Ping)));
                }
                Ok(())
            };
            let waiting = still_here(std::slice::from_mut(&mut far));
            assert_eq!(first(heard, waiting).await, Ok(()));
        });
    }
}
