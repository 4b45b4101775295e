//! The way back: reports of all actors to the consumer of the day.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use arc_swap::ArcSwap;

use crate::flow::Report;

/// Where every actor sends its reports, whichever incarnation of the consumer reads them.
///
/// A channel and no mailbox: the consumer's polling thread reads it even while the actor is busy
/// or stopping. Reports to a consumer that is gone are void, as its generations are.
#[derive(Clone)]
pub struct Reports(Arc<ArcSwap<Sender<Report>>>);

impl Reports {
    /// A way back that leads nowhere until a consumer [opens](Reports::open) it.
    pub fn new() -> Self {
        Reports(Arc::new(ArcSwap::from_pointee(channel().0)))
    }

    /// A new consumer's end; the one before it hears nothing more.
    pub fn open(&self) -> Receiver<Report> {
        let (sender, receiver) = channel();
        self.0.store(Arc::new(sender));
        receiver
    }

    /// Tells the consumer of the day. If there is none, there is nobody to whom it matters.
    pub fn send(&self, report: Report) {
        let _ = self.0.load().send(report);
    }
}

impl Default for Reports {
    fn default() -> Self {
        Self::new()
    }
}
