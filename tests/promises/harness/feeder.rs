//! An input that never rests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::evidence::{mixed, pour_by};
use super::{Broker, Pipes, Topics};

/// So many events at once, then a rest: at most a thousand a second.
const CHUNK: usize = 100;
const REST: Duration = Duration::from_millis(100);
/// No test takes brokers away for longer.
const OUTAGE: Duration = Duration::from_secs(300);

/// Feeds an input steadily, hostile events among them, on a thread of its own. It ends with this
/// value, if not before.
pub struct Feeder {
    feeds: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Feeder {
    /// Nobody else may write to that input meanwhile.
    pub fn start(broker: &Broker, pipes: &Pipes) -> Feeder {
        let feeds = Arc::new(AtomicBool::new(true));
        let goes_on = feeds.clone();
        let topics = Topics::of(broker).through_an_outage(OUTAGE);
        let input = pipes.input.clone();
        let paced = move |(number, event)| {
            if number % CHUNK == 0 {
                thread::sleep(REST);
            }
            goes_on.load(Ordering::Relaxed).then_some(event)
        };
        let events = mixed(0).enumerate().map_while(paced);
        let thread = thread::spawn(move || pour_by(CHUNK, &topics, &input, events));
        Feeder {
            feeds,
            thread: Some(thread),
        }
    }

    /// Returns when all that was fed is acknowledged.
    pub fn stop(&mut self) {
        self.feeds.store(false, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        ended
            .expect("it is stopped once")
            .expect("the brokers take every record");
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.feeds.store(false, Ordering::Relaxed);
    }
}
