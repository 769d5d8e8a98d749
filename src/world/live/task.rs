//! Tasks behind a pointer: one type for tokio, whatever runs in them.
//!
//! tokio's functions are compiled anew for every type of future that it is given, and without this there would be
//! one such type for each place and protocol. An allocation at a task's start and a jump at each wake-up
//! are nothing beside a socket.

use std::pin::Pin;
use tokio::runtime::Runtime;

/// Starts a task in the runtime that was entered.
pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    let boxed: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
    tokio::spawn(boxed);
}

/// Waits on this thread for what a future comes to.
pub(super) fn wait<T>(runtime: &Runtime, future: impl Future<Output = T>) -> T {
    let boxed: Pin<Box<dyn Future<Output = T> + '_>> = Box::pin(future);
    runtime.block_on(boxed)
}
