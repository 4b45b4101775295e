//! Login events for the subjects to carry.

use greenroom::generator::{Event, Generator, Kind, Profile};
use greenroom::record::Records;

use crate::forwarders::Sink;
use crate::ground::Ground;
use crate::rows::Course;

/// Records that go to one partition before the next one's turn.
const TURN: usize = 100;
/// About as long as a login event is, in bytes.
const BYTES: usize = 256;
/// Records that a partition of the embedded broker, which keeps 5 MiB of each, may be ahead of its
/// reader: 4 MiB.
const AHEAD: usize = (4 << 20) / BYTES;

/// Feeds a topic, in turns by partition.
pub struct Feeder {
    events: Events,
    sink: Sink,
    /// By partition.
    fed: Vec<usize>,
    turn: usize,
    left: usize,
}

impl Feeder {
    pub fn new(ground: &Ground, topic: &str, course: &Course, records: usize) -> Feeder {
        Feeder {
            events: Events::new(course),
            sink: Sink::new(&ground.settings(), topic),
            fed: vec![0; course.partitions],
            turn: 0,
            left: records,
        }
    }

    /// Writes all of it at once.
    pub fn fill(mut self) {
        while self.left > 0 {
            self.feed();
        }
        self.sink.finish();
    }

    /// Writes what the embedded broker can hold, where so much of each partition `is through`.
    pub fn keep_ahead(&mut self, through: &[usize]) {
        while self.left > 0 && self.fed[self.turn] + TURN <= through[self.turn] + AHEAD {
            self.feed();
        }
    }

    fn feed(&mut self) {
        let records = self.left.min(TURN);
        self.sink
            .write(self.turn as i32, &self.events.batch(records));
        self.fed[self.turn] += records;
        self.left -= records;
        self.turn = (self.turn + 1) % self.fed.len();
    }
}

/// Login events as the usual generators send them, without headers, so that every subject carries
/// the same.
pub struct Events {
    generator: Generator,
    event: Event,
    /// How many versions of the app there are, which are counted one by one.
    versions: usize,
    /// How many keys there are; records have none where it is 0.
    keys: usize,
    made: usize,
}

impl Events {
    pub fn new(course: &Course) -> Self {
        Events {
            generator: Generator::new(Profile {
                trace: false,
                ..Profile::new(Kind::Usual, 1)
            }),
            event: Event::default(),
            versions: course.versions,
            keys: course.keys,
            made: 0,
        }
    }

    pub fn batch(&mut self, records: usize) -> Records {
        let mut batch = Records::with_capacity(records, records * BYTES);
        for _ in 0..records {
            self.generator.fill(&mut self.event, 1_694_479_551);
            let value = self.event.value.as_deref().expect("a usual event");
            let key = (self.keys > 0).then(|| format!("key-{}", self.made % self.keys));
            let key = key.as_deref().map(str::as_bytes);
            if self.versions == 1 {
                batch.push(0, None, key, Some(value));
            } else {
                let version = format!("\"2.3.{}\"", self.made % self.versions);
                let text = str::from_utf8(value).expect("JSON");
                let value = text.replacen("\"2.3.0\"", &version, 1);
                batch.push(0, None, key, Some(value.as_bytes()));
            }
            self.made += 1;
        }
        batch
    }
}
