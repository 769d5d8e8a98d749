//! How exact this machine is: the floor under every figure of the live world.

use super::timer::Timer;
use super::wall::{WallClock, sleep};
use crate::time::{Duration, Instant};
use hdrhistogram::Histogram;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What was measured. Every time is in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    /// By delay asked for: how much later a message was, median and 99th percentile.
    pub late: Vec<(Duration, f64, f64)>,
    /// A round trip over TCP on loopback, median and 99th percentile.
    pub loopback: (f64, f64),
    /// A write of 64 bytes and its sync in the folder for temporary files, median and 99th percentile.
    pub sync: (f64, f64),
}

/// Delays that are tried, and how often.
const DELAYS: [(Duration, u64); 4] = [
    (Duration::micros(250), 1_000),
    (Duration::millis(1), 600),
    (Duration::millis(5), 300),
    (Duration::millis(25), 120),
];

/// Measures this machine, for some seven seconds.
///
/// # Errors
/// If there are no tasks, sockets or temporary files.
pub fn calibrate() -> std::io::Result<Floor> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let mut late = Vec::new();
    for (delay, times) in DELAYS {
        let (p50, p99) = lateness(&runtime, delay, times);
        late.push((delay, p50, p99));
    }
    Ok(Floor { late, loopback: loopback()?, sync: sync()? })
}

/// Nanoseconds from one to an hour.
fn histogram() -> Histogram<u64> {
    let made = Histogram::new_with_bounds(1, 3_600_000_000_000, 3);
    made.unwrap_or_else(|_| unreachable!("these bounds are constants that a histogram can have"))
}

fn figures(all: &Histogram<u64>) -> (f64, f64) {
    let at = |quantile| Duration(all.value_at_quantile(quantile)).as_ms();
    (at(0.5), at(0.99))
}

/// A task that asks for one deadline after another, as a link does, and looks how late it is woken.
fn lateness(runtime: &tokio::runtime::Runtime, delay: Duration, times: u64) -> (f64, f64) {
    let clock = WallClock::start();
    let timer = Arc::new(Timer::<Instant>::new(clock));
    let (home, mut inbox) = mpsc::channel(16);
    let keeper = Arc::clone(&timer);
    let thread = std::thread::spawn(move || {
        keeper.keep(|due, _| _ = home.try_send(due));
    });
    let asking = Arc::clone(&timer);
    let task = runtime.spawn(async move {
        let mut all = histogram();
        for _ in 0..times {
            let due = clock.now() + delay;
            asking.push(due, due);
            if let Some(due) = inbox.recv().await {
                all.saturating_record(clock.now().0.saturating_sub(due.0).max(1));
            }
        }
        figures(&all)
    });
    let found = runtime.block_on(task).unwrap_or((f64::NAN, f64::NAN));
    timer.stop();
    drop(thread.join());
    found
}

fn loopback() -> std::io::Result<(f64, f64)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut byte = [0];
        while stream.read(&mut byte)? > 0 {
            stream.write_all(&byte)?;
        }
        Ok(())
    });
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (clock, mut all) = (WallClock::start(), histogram());
    for _ in 0..1_000 {
        let before = clock.now();
        stream.write_all(&[1])?;
        stream.read_exact(&mut [0])?;
        all.saturating_record(clock.now().since(before).0.max(1));
    }
    drop(stream);
    drop(echo.join());
    Ok(figures(&all))
}

fn sync() -> std::io::Result<(f64, f64)> {
    let mut file = tempfile::tempfile()?;
    let (clock, mut all) = (WallClock::start(), histogram());
    for _ in 0..200 {
        let before = clock.now();
        file.write_all(&[7; 64])?;
        file.sync_data()?;
        all.saturating_record(clock.now().since(before).0.max(1));
        sleep(Duration::micros(200));
    }
    Ok(figures(&all))
}
