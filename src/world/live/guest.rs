//! Who was let in: one driver at a time, and of every process the connection that it has dialled last.

use super::hello::Who;
use super::peers::Peers;
use crate::protocol::Protocol;
use tokio::sync::{mpsc, watch};

/// Why an older connection ends.
pub(super) const DIALLED_AGAIN: &str = "the other side has dialled again";

/// The driver that is connected to a replica.
pub(super) struct Driver {
    pub id: u64,
    pub queue: mpsc::Sender<Vec<u8>>,
}

/// Somebody who was let in.
pub(super) struct Guest<'a, P: Protocol> {
    pub peers: &'a Peers<P>,
    pub who: Who,
    pub queue: mpsc::Sender<Vec<u8>>,
    pub frames: mpsc::Receiver<Vec<u8>>,
    /// Which of its connections this is.
    pub dialled: Dialled,
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

/// The place of a process that dials; whatever came by it before is over when its number rises.
#[derive(Debug, Default)]
pub(super) struct Place {
    turns: u64,
    why: String,
}

impl Place {
    /// Nobody has dialled yet.
    pub(super) fn empty() -> watch::Sender<Self> {
        watch::Sender::new(Self::default())
    }

    /// Ends the connection there is, for this reason.
    pub(super) fn clear(place: &watch::Sender<Self>, why: &str) {
        place.send_modify(|place| (place.turns, place.why) = (place.turns + 1, why.to_owned()));
    }
}

/// One of the connections that a process has dialled; the latest counts.
#[derive(Clone)]
pub(super) struct Dialled {
    place: watch::Receiver<Place>,
    /// The place's number when it was dialled.
    mine: u64,
}

impl Dialled {
    /// A new connection takes the place of the older one.
    pub(super) fn anew(place: &watch::Sender<Place>) -> Self {
        let mut mine = 0;
        place.send_modify(|place| {
            *place = Place { turns: place.turns + 1, why: DIALLED_AGAIN.to_owned() };
            mine = place.turns;
        });
        Self { place: place.subscribe(), mine }
    }

    /// Why this one is over, if it is.
    pub(super) fn is_over(&self) -> Option<String> {
        let place = self.place.borrow();
        (place.turns != self.mine).then(|| place.why.clone())
    }

    /// Waits until it is over; why it is.
    pub(super) async fn over(mut self) -> String {
        let mine = self.mine;
        match self.place.wait_for(|place| place.turns != mine).await {
            Ok(place) => place.why.clone(),
            // Who counts ends with this process.
            Err(_) => DIALLED_AGAIN.to_owned(),
        }
    }
}
