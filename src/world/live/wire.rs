//! Messages over TCP on loopback: real sockets behind the same delays.
//!
//! One connection for each pair of processes that talk. When a message's deadline has come it is written as a
//! frame, a length and its bytes, and counts as delivered when the other end has read it; so the sockets'
//! own time is part of how late it is.

use super::hub::Hub;
use super::node::Input;
use crate::op::NodeId;
use crate::protocol::Protocol;
use crate::time::Instant;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// No message is longer, in bytes.
const FRAME_MAX: u32 = 1 << 24;
/// How many frames may wait for one socket.
const QUEUE: usize = 1 << 12;

/// Where frames go: by sender and receiver, the queue of the connection's end.
#[derive(Debug)]
pub(super) struct Wire {
    processes: usize,
    queues: Vec<Option<mpsc::Sender<Vec<u8>>>>,
}

impl Wire {
    /// Hands a message that is due to its connection.
    pub(super) fn carry<P: Protocol>(
        &self,
        hub: &Hub<P>,
        (from, to): (NodeId, usize),
        msg: &P::Msg,
        life: u32,
        due: Instant,
    ) {
        let queue = &self.queues[from.index() * self.processes + to];
        let frame = postcard::to_stdvec(&(from, life, due.0, msg));
        match (queue, frame) {
            (Some(queue), Ok(frame)) => {
                if let Err(mpsc::error::TrySendError::Full(_)) = queue.try_send(frame) {
                    hub.fail(format!(
                        "the connection from {from:?} cannot keep up: its queue is full"
                    ));
                }
            }
            (None, _) => hub.fail(format!("no connection from {from:?} to process {to}")),
            (_, Err(error)) => hub.fail(format!("a message cannot be written: {error}")),
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
            // One after the other, so who connects is who is accepted.
            let near = TcpStream::connect(address).await?;
            let (far, peer) = listener.accept().await?;
            if peer != near.local_addr()? {
                return Err(std::io::Error::other("somebody else connected to a replica"));
            }
            for (stream, from, to) in [(near, other, replica), (far, replica, other)] {
                stream.set_nodelay(true)?;
                let (read, write) = stream.into_split();
                let (queue, frames) = mpsc::channel(QUEUE);
                queues[from * processes + to] = Some(queue);
                tokio::spawn(writer(Arc::clone(hub), write, frames));
                tokio::spawn(reader(Arc::clone(hub), read, from));
            }
        }
    }
    Ok(Wire { processes, queues })
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
            bytes.extend((frame.len() as u32).to_le_bytes());
            bytes.extend(frame);
            next = frames.try_recv().ok();
        }
        if let Err(error) = socket.write_all(&bytes).await {
            return hub.fail(format!("a connection broke: {error}"));
        }
    }
}

async fn reader<P: Protocol>(hub: Arc<Hub<P>>, mut socket: OwnedReadHalf, owner: usize) {
    let mut frame = Vec::new();
    // A connection ends with the run.
    while let Ok(length) = socket.read_u32_le().await {
        if length > FRAME_MAX {
            return hub.fail(format!("a frame of {length} bytes; there are at most {FRAME_MAX}"));
        }
        frame.resize(length as usize, 0);
        if socket.read_exact(&mut frame).await.is_err() {
            return;
        }
        match postcard::from_bytes::<(NodeId, u32, u64, P::Msg)>(&frame) {
            Ok((from, life, due, msg)) => {
                let due = Instant(due);
                hub.tell(owner, Input::Message { from, msg, life, due });
            }
            Err(error) => return hub.fail(format!("a frame that is no message: {error}")),
        }
    }
}
