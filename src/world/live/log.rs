//! A replica's log: on a real disk with real syncs, or on the plan's simulated one.
//!
//! A thread of its own writes and syncs, for a sync blocks. While one runs, what is appended waits, and the
//! next covers all of it (group commit). A crash drops what was not synced; a start reads the file back.
//!
//! Every request carries the life of the replica that it belongs to, and the thread refuses those of a life
//! that is over. A crash raises the number of the life before anybody else learns of it, so what reaches the
//! file is a beginning of what that life appended, without a hole.

mod file;

pub(super) use file::{LogFile, Owner};

use super::super::disk::Disk;
use super::hub::Hub;
use super::node::Input;
use crate::protocol::{Protocol, WriteId};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;

/// How many requests may wait for the disk.
const QUEUE: usize = 1 << 16;

/// The log of one replica.
pub(super) enum Log<P: Protocol> {
    /// Its syncs take as long as the plan says.
    Simulated(Disk<P::Record>),
    /// A file.
    Real {
        /// To the thread that writes it.
        requests: mpsc::Sender<(Request<P::Record>, u32)>,
        /// The position of the last record.
        last: u64,
    },
}

/// What the disk's thread is asked for, by the life that stands beside it.
pub(super) enum Request<R> {
    /// Write these records, all or none.
    Append(Vec<R>),
    /// Records before this one are not wanted any more.
    Truncate(WriteId),
    /// Read everything back, and tell it as [`Input::Recovered`].
    Recover,
    /// Begin again with nothing, for this run.
    Clear(u64),
}

impl<P: Protocol> Log<P> {
    /// A log in a new file of this folder, with its thread.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub(super) fn new_file(
        hub: &Arc<Hub<P>>,
        replica: usize,
        folder: &Path,
    ) -> Result<Self, String> {
        let path = folder.join(format!("replica-{replica}.log"));
        Ok(Self::real(hub, replica, LogFile::create(&path, Owner::default())?))
    }

    /// A log in this file, with its thread.
    pub(super) fn real(hub: &Arc<Hub<P>>, replica: usize, file: LogFile) -> Self {
        let (requests, mut inbox) = mpsc::channel(QUEUE);
        let (its, last) = (Arc::clone(hub), file.last());
        let thread = std::thread::spawn(move || {
            let mut writer = Writer { file, hub: &its, replica };
            its.watch(|| {
                if let Err(error) = writer.serve(&mut inbox) {
                    its.fail(error);
                }
            });
        });
        hub.logs().push(thread);
        Self::Real { requests, last }
    }

    /// The position the next record takes.
    pub(super) fn next(&self) -> WriteId {
        match self {
            Self::Simulated(disk) => disk.next(),
            Self::Real { last, .. } => WriteId(last + 1),
        }
    }

    /// Appends the records of one step of this life.
    ///
    /// # Errors
    /// If more waits for the disk than may.
    pub(super) fn append(&mut self, records: Vec<P::Record>, life: u32) -> Result<(), String> {
        match self {
            Self::Simulated(disk) => records.into_iter().for_each(|record| disk.append(record)),
            Self::Real { last, .. } if !records.is_empty() => {
                *last += records.len() as u64;
                self.ask(Request::Append(records), life)?;
            }
            Self::Real { .. } => {}
        }
        Ok(())
    }

    /// Drops every record before `from`.
    ///
    /// # Errors
    /// As for [`Log::append`].
    pub(super) fn truncate(&mut self, from: WriteId, life: u32) -> Result<(), String> {
        if let Self::Simulated(disk) = self {
            disk.truncate(from);
            return Ok(());
        }
        self.ask(Request::Truncate(from), life)
    }

    /// The machine stops. What a real disk has not synced is dropped by its thread.
    pub(super) fn crash(&mut self) {
        if let Self::Simulated(disk) = self {
            disk.crash();
        }
    }

    /// The records that survived, oldest first; of a file they come later, as [`Input::Recovered`].
    ///
    /// # Errors
    /// As for [`Log::append`].
    pub(super) fn recover(&mut self, life: u32) -> Result<Option<Vec<P::Record>>, String> {
        if let Self::Simulated(disk) = self {
            return Ok(Some(disk.survivors().to_vec()));
        }
        self.ask(Request::Recover, life).map(|()| None)
    }

    /// Forgets everything, for another run; what is then there comes as [`Input::Recovered`].
    ///
    /// # Errors
    /// As for [`Log::append`].
    pub(super) fn clear(&mut self, run: u64, life: u32) -> Result<(), String> {
        self.ask(Request::Clear(run), life)
    }

    /// This many records were read back.
    pub(super) fn recovered(&mut self, upto: u64) {
        if let Self::Real { last, .. } = self {
            *last = upto;
        }
    }

    fn ask(&self, request: Request<P::Record>, life: u32) -> Result<(), String> {
        let Self::Real { requests, .. } = self else { return Ok(()) };
        match requests.try_send((request, life)) {
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err("the disk cannot keep up: its queue is full".to_owned())
            }
            // The thread has ended only if it has told why.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }
}

/// The disk's thread.
struct Writer<'a, P: Protocol> {
    file: LogFile,
    hub: &'a Hub<P>,
    replica: usize,
}

type Inbox<P> = mpsc::Receiver<(Request<<P as Protocol>::Record>, u32)>;

impl<P: Protocol> Writer<'_, P> {
    fn serve(&mut self, inbox: &mut Inbox<P>) -> Result<(), String> {
        let mut next = inbox.blocking_recv();
        while let Some((request, life)) = next.take() {
            match request {
                _ if self.hub.life(self.replica) != life => {}
                Request::Truncate(from) => self.file.forget(from.0)?,
                Request::Recover => self.read_back(life)?,
                Request::Clear(run) => {
                    self.file.clear(run)?;
                    self.read_back(life)?;
                }
                Request::Append(step) => {
                    let mut records = Vec::new();
                    put(&step, &mut records)?;
                    // What has come meanwhile shares the sync.
                    next = loop {
                        match inbox.try_recv() {
                            Ok((Request::Append(step), its)) if its == life => {
                                put(&step, &mut records)?;
                            }
                            other => break other.ok(),
                        }
                    };
                    self.write(&records, life)?;
                }
            }
            if next.is_none() {
                next = inbox.blocking_recv();
            }
        }
        Ok(())
    }

    fn write(&mut self, records: &[Vec<u8>], life: u32) -> Result<(), String> {
        self.file.append(records)?;
        self.hub.syncs.fetch_add(1, Ordering::Relaxed);
        let upto = WriteId(self.file.last());
        self.hub.tell(self.replica, Input::Durable { upto, life });
        Ok(())
    }

    fn read_back(&mut self, life: u32) -> Result<(), String> {
        let (base, records) = self.file.read()?;
        let upto = base + records.len() as u64;
        let records: Result<Vec<P::Record>, _> =
            records.iter().map(|record| postcard::from_bytes(record)).collect();
        let told = |error: postcard::Error| {
            format!("{}: a record means nothing: {error}", self.file.path().display())
        };
        let records = records.map_err(told)?;
        self.hub.tell(self.replica, Input::Recovered { records, upto, life });
        Ok(())
    }
}

/// Adds the records of a step as bytes.
fn put<R: serde::Serialize>(step: &[R], records: &mut Vec<Vec<u8>>) -> Result<(), String> {
    for record in step {
        records.push(bytes(record)?);
    }
    Ok(())
}

fn bytes<R: serde::Serialize>(record: &R) -> Result<Vec<u8>, String> {
    postcard::to_stdvec(record).map_err(|error| error.to_string())
}
