//! Messages over TCP on loopback: real sockets behind the same delays.
//!
//! One connection for each pair of processes that talk. When a message's deadline has come it is written as a
//! frame, and counts as delivered when the other end has read it; so the sockets' own time is part of how
//! late it is. Whoever else connects is turned away.

use super::frame::{self, FrameError, MESSAGE_MAX};
use super::hub::Hub;
use super::node::Input;
use super::task;
use crate::op::NodeId;
use crate::protocol::Protocol;
use crate::time::Instant;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// How many frames may wait for one socket.
const QUEUE: usize = 1 << 12;

/// Where frames go: by sender and receiver, the queue of the connection's end.
#[derive(Debug)]
pub(super) struct Wire {
    processes: usize,
    queues: Vec<Option<mpsc::Sender<Vec<u8>>>>,
}

impl Wire {
    /// Hands a message that is due to its connection, or a probe, which says nothing.
    pub(super) fn carry<P: Protocol>(
        &self,
        hub: &Hub<P>,
        (from, to): (NodeId, usize),
        msg: Option<&P::Msg>,
        life: u32,
        due: Option<Instant>,
    ) {
        let queue = &self.queues[from.index() * self.processes + to];
        let frame = frame::encode(&(from, life, due.map(|due| due.0), msg));
        match (queue, frame) {
            (Some(queue), Ok(frame)) => {
                if let Err(mpsc::error::TrySendError::Full(_)) = queue.try_send(frame) {
                    hub.fail(format!(
                        "the connection from {from:?} cannot keep up: its queue is full"
                    ));
                }
            }
            (None, _) => hub.fail(format!("no connection from {from:?} to process {to}")),
            (_, Err(error)) => hub.fail(format!(
                "a message cannot be written: {error}; from task to task (--transport memory) there is no bound"
            )),
        }
    }
}

/// Connects every two processes one of which is a replica, and serves the connections as tasks.
pub(super) async fn connect<P: Protocol>(hub: &Arc<Hub<P>>) -> std::io::Result<Wire> {
    let (replicas, processes) = (hub.plan.replicas.len(), hub.inboxes.len());
    let mut queues = vec![None; processes * processes];
    for replica in 0..replicas {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        for other in replica + 1..processes {
            let near = TcpStream::connect(address).await?;
            let far = accept(&listener, near.local_addr()?).await?;
            for (stream, from, to) in [(near, other, replica), (far, replica, other)] {
                stream.set_nodelay(true)?;
                let (read, write) = stream.into_split();
                let (queue, frames) = mpsc::channel(QUEUE);
                queues[from * processes + to] = Some(queue);
                task::spawn(writer(Arc::clone(hub), write, frames));
                task::spawn(reader(Arc::clone(hub), read, from));
            }
        }
    }
    Ok(Wire { processes, queues })
}

/// The connection from this address; all others are closed.
async fn accept(listener: &TcpListener, from: SocketAddr) -> std::io::Result<TcpStream> {
    loop {
        let (stream, peer) = listener.accept().await?;
        if peer == from {
            return Ok(stream);
        }
    }
}

async fn writer<P: Protocol>(
    hub: Arc<Hub<P>>,
    mut socket: OwnedWriteHalf,
    mut frames: mpsc::Receiver<Vec<u8>>,
) {
    let mut bytes = Vec::new();
    while let Some(frame) = frames.recv().await {
        bytes.clear();
        let mut next = Some(frame);
        // What waits already goes with it.
        while let Some(frame) = next {
            bytes.extend(frame);
            next = frames.try_recv().ok();
        }
        if let Err(error) = socket.write_all(&bytes).await {
            return hub.fail(format!("a connection broke: {error}"));
        }
    }
}

async fn reader<P: Protocol>(hub: Arc<Hub<P>>, socket: OwnedReadHalf, owner: usize) {
    let (mut socket, mut frame) = (BufReader::new(socket), Vec::new());
    loop {
        match frame::read(&mut socket, MESSAGE_MAX, &mut frame).await {
            Ok(true) => {}
            // A connection ends with the run.
            Ok(false) | Err(FrameError::Connection(_) | FrameError::CutOff) => return,
            Err(error) => return hub.fail(error.to_string()),
        }
        match frame::decode::<(NodeId, u32, Option<u64>, Option<P::Msg>)>(&frame) {
            Ok((from, life, due, Some(msg))) => {
                let due = due.map(Instant);
                hub.tell(owner, Input::Message { from, msg, life, due });
            }
            Ok((from, _, Some(due), None)) => {
                hub.tell(owner, Input::Probe { from, due: Instant(due) });
            }
            Ok((from, _, None, None)) => {
                return hub.fail(format!("a message of process {} says nothing", from.0));
            }
            Err(error) => return hub.fail(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[test]
    fn a_stranger_who_connects_first_is_turned_away() {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("tasks").block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let mut stranger = TcpStream::connect(address).await.expect("connected");
            let near = TcpStream::connect(address).await.expect("connected");
            let expected = near.local_addr().expect("an address");
            let far = accept(&listener, expected).await.expect("accepted");
            assert_eq!(far.peer_addr().expect("an address"), expected);
            assert_eq!(stranger.read(&mut [0]).await.expect("closed"), 0);
        });
    }
}
