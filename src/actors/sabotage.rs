//! Faults on purpose: what `greenroom demo --chaos` and the tests do to the real actors.

use std::time::Duration;

use actix::Message;

/// An order to fail, sent to an actor like any message.
#[derive(Clone, Copy, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub enum Sabotage {
    Panic,
    Stop,
    /// Blocks the actor's thread.
    Hang(Duration),
}

/// Finds in a record's value what it shall do to the worker: None for nearly all.
pub type Poison = fn(&[u8]) -> Option<Sabotage>;

impl Sabotage {
    /// Fails as ordered. True where the actor shall stop itself.
    ///
    /// # Panics
    /// Where that is the order.
    #[must_use]
    pub fn strike(self) -> bool {
        match self {
            Sabotage::Panic => panic!("sabotage"),
            Sabotage::Hang(time) => {
                std::thread::sleep(time);
                false
            }
            Sabotage::Stop => true,
        }
    }
}
