//! Counts in Redis.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `greenroom:GROUP:PIPELINE:offsets` | hash | `TOPIC/PARTITION` → the offset below which all is counted |
//! | `greenroom:GROUP:PIPELINE:counts:TOPIC/PARTITION` | hash | a count's path as a JSON array of texts, `["locale","CA"]` → its number |
//! | what a pipeline names with `redis_key` | string | that count over all partitions, for other programs to read |
//!
//! A change is one script, so it is done whole or not at all, by a killed Redis with an
//! append-only file too. It adds to the numbers: what it costs depends on what was counted, not on
//! what is stored.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use ::redis::{Client, Cmd, Connection, ErrorKind, RedisError, cmd, pipe};

use super::store::{Change, Saved, Store, StoreError};
use super::{Counts, PartitionCounts, Path, States};
use crate::config::RedisUrl;
use crate::kafka::TopicPartition;

const CONNECT: Duration = Duration::from_secs(5);
/// For one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The rule of [`Change::judge`], and the change itself.
///
/// Redis takes nothing back of a script that fails, so whatever could fail is looked at before
/// anything is written. KEYS: offsets, counts, plain counters. ARGV: the partition, base, next
/// offset, what each plain counter grows by, then pairs of a path and what it grows by.
const SAVE: &str = r"
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if stored == ARGV[3] then return 1 end
if stored ~= ARGV[2] or (stored ~= '' and tonumber(ARGV[3]) < tonumber(stored)) then return 0 end
redis.call('HLEN', KEYS[2])
for i = 3, #KEYS do
  local held = redis.call('GET', KEYS[i])
  if held and not string.match(held, '^-?%d+$') then
    return redis.error_reply('NOTANUMBER a plain counter holds something else')
  end
end
for i = 3, #KEYS do redis.call('INCRBY', KEYS[i], ARGV[i + 1]) end
for i = #KEYS + 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
";

/// Counts that live under a name in Redis as well.
pub type PlainKeys = HashMap<Path, String>;

/// The Redis store.
pub struct Redis {
    client: Client,
    /// As it may be shown.
    place: String,
    connection: Option<Connection>,
    /// What all keys begin with.
    prefix: String,
    plain: PlainKeys,
}

impl Redis {
    /// Keeps a group's counts of a pipeline; connects when it is first needed.
    ///
    /// # Errors
    /// Where the URL is none that the client takes.
    pub fn new(
        url: &RedisUrl,
        group: &str,
        pipeline: &str,
        plain: PlainKeys,
    ) -> Result<Self, StoreError> {
        let place = url.to_string();
        Ok(Redis {
            client: Client::open(url.expose()).map_err(|error| describe(&place, &error))?,
            place,
            connection: None,
            prefix: format!("greenroom:{group}:{pipeline}"),
            plain,
        })
    }

    fn offsets(&self) -> String {
        format!("{}:offsets", self.prefix)
    }

    fn counts(&self, partition: &TopicPartition) -> String {
        format!("{}:counts:{partition}", self.prefix)
    }

    /// Does something on the connection, and drops it where that fails: what it would answer next
    /// is not known.
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, StoreError> {
        let answer = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => connect(&self.client),
        };
        let answer = answer.and_then(|mut connection| {
            let answer = question(&mut connection)?;
            self.connection = Some(connection);
            Ok(answer)
        });
        answer.map_err(|error| describe(&self.place, &error))
    }

    fn save_command(&self, change: &Change) -> Cmd {
        let mut plain: BTreeMap<&str, u64> = BTreeMap::new();
        for (path, n) in &change.added.added {
            if let Some(key) = self.plain.get(path) {
                *plain.entry(key).or_default() += n;
            }
        }
        let mut save = cmd("EVAL");
        save.arg(SAVE).arg(2 + plain.len());
        save.arg(self.offsets()).arg(self.counts(&change.partition));
        save.arg(plain.keys().copied().collect::<Vec<_>>());
        save.arg(change.partition.to_string());
        save.arg(change.base.map_or(String::new(), |base| base.to_string()));
        save.arg(change.next_offset);
        save.arg(plain.values().copied().collect::<Vec<_>>());
        for (path, n) in &change.added.added {
            save.arg(field(path)).arg(*n);
        }
        save
    }

    /// Offset and counts at one moment.
    fn load_one(&mut self, of: &TopicPartition) -> Result<Option<PartitionCounts>, StoreError> {
        let (offsets, counts) = (self.offsets(), self.counts(of));
        let (next_offset, fields): (Option<i64>, Vec<(String, u64)>) = self.ask(|connection| {
            let mut both = pipe();
            both.atomic().hget(offsets, of.to_string()).hgetall(counts);
            both.query(connection)
        })?;
        let Some(next_offset) = next_offset else {
            return Ok(None);
        };
        let mut counts = Counts::default();
        for (field, n) in &fields {
            let path: Vec<Box<str>> = serde_json::from_str(field)
                .map_err(|_| StoreError(format!("{of} holds a field that is no count")))?;
            counts.add(&path, *n);
        }
        Ok(Some(PartitionCounts {
            next_offset,
            counts,
        }))
    }
}

impl Store for Redis {
    fn probe(&mut self) -> Result<(), StoreError> {
        self.ask(|connection| cmd("PING").exec(connection))
    }

    fn load(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<PartitionCounts>>, StoreError> {
        partitions.iter().map(|of| self.load_one(of)).collect()
    }

    fn save(&mut self, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
        let mut all = pipe();
        for change in changes {
            all.add_command(self.save_command(change));
        }
        let kept: Vec<bool> = self.ask(|connection| all.query(connection))?;
        let answer = |kept| if kept { Saved::Kept } else { Saved::Refused };
        Ok(kept.into_iter().map(answer).collect())
    }

    fn load_all(&mut self) -> Result<States, StoreError> {
        let offsets = self.offsets();
        let names: Vec<String> =
            self.ask(|connection| cmd("HKEYS").arg(offsets).query(connection))?;
        let mut states = States::new();
        for name in names {
            let partition = name.parse::<TopicPartition>().map_err(|_| {
                StoreError("the offsets' hash holds what is no partition".to_owned())
            })?;
            let state = self.load_one(&partition)?;
            states.extend(state.map(|state| (partition, state)));
        }
        Ok(states)
    }
}

/// A path as the name of a hash's field.
fn field(path: &Path) -> String {
    serde_json::to_string(&**path).expect("texts are JSON")
}

fn connect(client: &Client) -> Result<Connection, RedisError> {
    let connection = client.get_connection_with_timeout(CONNECT)?;
    connection.set_read_timeout(Some(ANSWER))?;
    connection.set_write_timeout(Some(ANSWER))?;
    Ok(connection)
}

/// Where, what kind of error, and Redis's own word for it. Its sentences may quote what it was
/// sent (P10).
fn describe(place: &str, error: &RedisError) -> StoreError {
    let answers = error.clone().into_server_errors();
    let word = answers.as_ref().and_then(|answers| answers.first());
    let reason = match word.map(|(_, answer)| answer.code()) {
        Some("NOTANUMBER") => "a key that the pipeline names as `redis_key` holds no whole number",
        Some("WRONGTYPE") => "a key that is to be written holds another type",
        Some(word) => word,
        None if error.kind() == ErrorKind::Io => return away(place, error),
        None => error.category(),
    };
    StoreError(format!("Redis at {place}: {reason}"))
}

/// The one failure of a connection that the client has words for is a handshake's, and they are
/// OpenSSL's: nothing was sent by then.
fn away(place: &str, error: &RedisError) -> StoreError {
    StoreError(match error.detail() {
        Some(words) => format!("Redis at {place}: the TLS handshake failed: {words}"),
        None => format!("Redis at {place}: it does not answer"),
    })
}
