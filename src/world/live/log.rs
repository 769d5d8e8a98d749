//! A replica's log: on a real disk with real syncs, or on the plan's simulated one.
//!
//! A thread of its own writes and syncs, for a sync blocks. While one runs, what is appended waits, and the
//! next covers all of it (group commit). A crash drops what was not synced; a start reads the file back.

use super::super::disk::Disk;
use super::hub::Hub;
use super::node::Input;
use crate::protocol::{Protocol, WriteId};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How many appends may wait for the disk.
const QUEUE: usize = 1 << 16;

/// The log of one replica.
pub(super) enum Log<P: Protocol> {
    /// Its syncs take as long as the plan says.
    Simulated(Disk<P::Record>),
    /// A file.
    Real {
        /// To the thread that writes it.
        commands: SyncSender<Command<P::Record>>,
        /// The position of the last record.
        last: u64,
    },
}

/// What the disk's thread is asked for.
pub(super) enum Command<R> {
    /// Write this record, of that life of the replica.
    Append(R, u32),
    /// Records before this one are not wanted any more.
    Truncate(WriteId),
    /// Read everything back: the position before the first record, and the records.
    Recover(SyncSender<(u64, Vec<R>)>),
}

impl<P: Protocol> Log<P> {
    /// A log in a new file of this folder, with its thread.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub(super) fn real(
        hub: &Arc<Hub<P>>,
        replica: usize,
        folder: &std::path::Path,
    ) -> Result<Self, String> {
        let path = folder.join(format!("replica-{replica}.log"));
        let cannot = |error| format!("cannot write {}: {error}", path.display());
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&path).map_err(cannot)?;
        let (commands, inbox) = sync_channel(QUEUE);
        let hub = Arc::clone(hub);
        std::thread::spawn(move || {
            let mut writer = Writer { file, hub: &hub, replica, count: 0, base: 0 };
            if let Err(error) = writer.serve(&inbox) {
                hub.fail(format!("the log of replica {replica}: {error}"));
            }
        });
        Ok(Self::Real { commands, last: 0 })
    }

    /// The position the next record takes.
    pub(super) fn next(&self) -> WriteId {
        match self {
            Self::Simulated(disk) => disk.next(),
            Self::Real { last, .. } => WriteId(last + 1),
        }
    }

    /// Appends a record of this life.
    pub(super) fn append(&mut self, record: P::Record, life: u32) {
        match self {
            Self::Simulated(disk) => disk.append(record),
            Self::Real { commands, last } => {
                *last += 1;
                // The thread has ended only if it has told why.
                drop(commands.send(Command::Append(record, life)));
            }
        }
    }

    /// Drops every record before `from`.
    pub(super) fn truncate(&mut self, from: WriteId) {
        match self {
            Self::Simulated(disk) => disk.truncate(from),
            Self::Real { commands, .. } => drop(commands.send(Command::Truncate(from))),
        }
    }

    /// The machine stops. What a real disk has not synced is dropped by its thread, which knows the life
    /// that each record belongs to.
    pub(super) fn crash(&mut self) {
        if let Self::Simulated(disk) = self {
            disk.crash();
        }
    }

    /// The records that survived, oldest first.
    pub(super) fn survivors(&mut self) -> Vec<P::Record> {
        match self {
            Self::Simulated(disk) => disk.survivors().to_vec(),
            Self::Real { commands, last } => {
                let (home, answer) = sync_channel(1);
                drop(commands.send(Command::Recover(home)));
                let (base, records) = answer.recv().unwrap_or_default();
                *last = base + records.len() as u64;
                records
            }
        }
    }
}

/// The disk's thread.
struct Writer<'a, P: Protocol> {
    file: File,
    hub: &'a Hub<P>,
    replica: usize,
    /// Records in the file.
    count: u64,
    /// How many of them are not wanted any more.
    base: u64,
}

impl<P: Protocol> Writer<'_, P> {
    fn serve(&mut self, inbox: &Receiver<Command<P::Record>>) -> Result<(), String> {
        let mut next = inbox.recv().ok();
        while let Some(command) = next.take() {
            match command {
                Command::Truncate(from) => self.base = self.base.max(from.0.saturating_sub(1)),
                Command::Recover(home) => drop(home.send((self.base, self.read_back()?))),
                Command::Append(record, life) => {
                    let mut frames = Vec::new();
                    let mut records = self.frame(&record, life, &mut frames)?;
                    // What has come meanwhile shares the sync.
                    next = loop {
                        match inbox.try_recv() {
                            Ok(Command::Append(record, life)) => {
                                records += self.frame(&record, life, &mut frames)?;
                            }
                            other => break other.ok(),
                        }
                    };
                    self.write(&frames, records, life)?;
                }
            }
            if next.is_none() {
                next = inbox.recv().ok();
            }
        }
        Ok(())
    }

    /// One record as bytes; none if the replica has crashed since. How many records that is.
    fn frame(&self, record: &P::Record, life: u32, frames: &mut Vec<u8>) -> Result<u64, String> {
        if self.hub.life(self.replica) != life {
            return Ok(0);
        }
        let bytes = postcard::to_stdvec(record).map_err(|error| error.to_string())?;
        frames.extend((bytes.len() as u32).to_le_bytes());
        frames.extend(bytes);
        Ok(1)
    }

    fn write(&mut self, frames: &[u8], records: u64, life: u32) -> Result<(), String> {
        if records == 0 {
            return Ok(());
        }
        let sync = |file: &mut File| file.write_all(frames).and_then(|()| file.sync_data());
        sync(&mut self.file).map_err(|error| error.to_string())?;
        self.count += records;
        self.hub.syncs.fetch_add(1, Ordering::Relaxed);
        self.hub.tell(self.replica, Input::Durable { upto: WriteId(self.count), life });
        Ok(())
    }

    fn read_back(&mut self) -> Result<Vec<P::Record>, String> {
        let mut bytes = Vec::new();
        let mut read = || {
            self.file.seek(SeekFrom::Start(0))?;
            self.file.read_to_end(&mut bytes)
        };
        read().map_err(|error| error.to_string())?;
        let mut records = Vec::new();
        let mut rest = &bytes[..];
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (frame, after) = after.split_at_checked(length).ok_or("a record is cut off")?;
            records.push(postcard::from_bytes(frame).map_err(|error| error.to_string())?);
            rest = after;
        }
        Ok(records.split_off((self.base as usize).min(records.len())))
    }
}
