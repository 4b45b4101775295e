//! The demo's events, sent from a thread of their own; each carries its number in a header, by
//! which the audit knows it again (P9).

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::audit::encode_id;
use super::chaos::Chaos;
use super::{HOSTILE_SHARE, Wish};
use crate::cli::generate::{self, unix_seconds};
use crate::cli::setup::Setup;
use crate::generator::{Event, Generator, Kind, Pace, Profile};
use crate::supervision::{Clock, Moment, SystemClock};
use crate::telemetry::traces::Tracer;

/// One event in so many kills its worker, where there is chaos.
const POISON_EVERY: u64 = 20_000;
const ID: &str = "id";

/// Runs until it is told to finish.
pub struct Feed {
    running: Sender<()>,
    thread: JoinHandle<Result<u64, String>>,
}

impl Feed {
    pub fn start(setup: &Setup, wish: Wish, tracer: Tracer) -> Result<Feed, String> {
        let topic = &setup.pipeline.input_topics()[0];
        let sender = generate::Sender::connect(&setup.kafka(), topic, tracer);
        let sender = sender.map_err(|error| error.to_string())?;
        let poison = wish.chaos.then(|| Chaos::new(wish.seed, 1, POISON_EVERY));
        let (running, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("feed".to_owned())
            .spawn(move || feed(&sender, wish, poison, &stopped))
            .map_err(|error| error.to_string())?;
        Ok(Feed { running, thread })
    }

    /// Ends it, waits until all it sent is acknowledged, and says how many events that were.
    /// Blocks.
    pub fn finish(self) -> Result<u64, String> {
        drop(self.running);
        let end = self.thread.join();
        end.unwrap_or_else(|_| Err("the generator died".to_owned()))
    }
}

fn feed(
    sender: &generate::Sender,
    wish: Wish,
    mut poison: Option<Chaos>,
    stopped: &Receiver<()>,
) -> Result<u64, String> {
    let mut generator = Generator::new(Profile {
        hostile_share: HOSTILE_SHARE,
        // The embedded broker keeps 5 MiB of a partition: the very large would push others out.
        large_share: 0.0,
        ..Profile::new(Kind::Usual, wish.seed)
    });
    let mut pace = Pace::new(f64::from(wish.rate)).ok_or("a rate above 0 is needed")?;
    let clock = SystemClock::new();
    let mut event = Event::default();
    let mut id = 0;
    loop {
        let elapsed = clock.now().since(Moment::START);
        for _ in 0..pace.due(elapsed) {
            generator.fill(&mut event, unix_seconds());
            if let Some(poison) = &mut poison {
                poison.poison(&mut event);
            }
            event.headers.push((ID, encode_id(id).to_vec()));
            id += 1;
            sender
                .send_blocking(&event)
                .map_err(|error| error.to_string())?;
        }
        let wait = pace.wait(elapsed).max(Duration::from_millis(1));
        if stopped.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            return sender
                .flush()
                .map(|()| id)
                .map_err(|error| error.to_string());
        }
    }
}
