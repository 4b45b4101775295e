//! P11: what every store of counts promises, asked of each of them.

use std::collections::BTreeMap;
use std::sync::mpsc;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use greenroom::config::RedisUrl;
use greenroom::counts::{
    Accumulator, Change, Changelog, Delta, Memory, PartitionCounts, PlainKeys, Redis, Saved,
    Snapshot, Store,
};
use greenroom::kafka::{self, TopicPartition};

use crate::harness;

/// Makes stores of one group, each as another owner has it.
type Owners<'o> = &'o dyn Fn() -> Box<dyn Store>;

fn partition(id: i32) -> TopicPartition {
    TopicPartition::new("user.login", id)
}

fn counted(counts: &[(&[&str], u64)]) -> Delta {
    let mut accumulator = Accumulator::default();
    for (path, n) in counts {
        (0..*n).for_each(|_| accumulator.add(path));
    }
    accumulator.take()
}

/// So many records below `next_offset`, of this partition.
fn change(id: i32, base: Option<i64>, next_offset: i64) -> Change {
    let n = next_offset.abs_diff(base.unwrap_or(0));
    Change {
        partition: partition(id),
        base,
        next_offset,
        added: counted(&[
            (&["locale", "C\u{e4}\"A\n"], n),
            (&["locale", "CA", "device_type", "iOS"], 2 * n),
            (&["processed_count"], n),
        ]),
    }
}

fn load(store: &mut dyn Store, id: i32) -> Option<PartitionCounts> {
    let mut states = store.load(&[partition(id)]).expect("the store answers");
    states.remove(0)
}

fn save(store: &mut dyn Store, change: Change) -> Saved {
    let mut saved = store.save(&[change]).expect("the store answers");
    saved.remove(0)
}

/// Every record below the state's end counts once.
fn assert_exact(state: Option<PartitionCounts>, next_offset: i64) {
    let state = state.expect("there is a state");
    assert_eq!(state.next_offset, next_offset);
    let n = u64::try_from(next_offset).expect("offsets count from 0");
    assert_eq!(state.counts.at(&["processed_count"]), n);
    assert_eq!(state.counts.at(&["locale", "C\u{e4}\"A\n"]), n);
    let nested = ["locale", "CA", "device_type", "iOS"];
    assert_eq!(state.counts.at(&nested), 2 * n);
}

/// What a store is, asked of one that is empty.
fn conform(owners: Owners) {
    nothing_is_stored_at_first(owners);
    what_is_saved_is_there_for_the_next_owner(owners);
    a_state_never_goes_back(owners);
    a_zombie_changes_nothing(owners);
    a_lost_answer_does_no_harm(owners);
    partitions_are_kept_apart(owners);
    an_offset_may_move_without_a_count(owners);
    large_states_are_kept_whole(owners);
    all_partitions_can_be_read(owners);
}

fn nothing_is_stored_at_first(owners: Owners) {
    let mut store = owners();
    store.probe().expect("the store answers");
    assert_eq!(load(&mut *store, 0), None);
    assert_eq!(store.load_all(), Ok(BTreeMap::new()));
}

fn what_is_saved_is_there_for_the_next_owner(owners: Owners) {
    let mut first = owners();
    assert_eq!(load(&mut *first, 0), None);
    assert_eq!(save(&mut *first, change(0, None, 10)), Saved::Kept);
    assert_eq!(save(&mut *first, change(0, Some(10), 25)), Saved::Kept);
    assert_exact(load(&mut *first, 0), 25);
    drop(first);
    let mut second = owners();
    assert_exact(load(&mut *second, 0), 25);
    assert_eq!(save(&mut *second, change(0, Some(25), 30)), Saved::Kept);
    assert_exact(load(&mut *second, 0), 30);
    assert_exact(load(&mut *owners(), 0), 30);
}

fn a_state_never_goes_back(owners: Owners) {
    let mut store = owners();
    load(&mut *store, 1);
    assert_eq!(save(&mut *store, change(1, None, 20)), Saved::Kept);
    for lower in [
        change(1, None, 10),
        change(1, Some(20), 15),
        change(1, Some(5), 30),
    ] {
        assert_eq!(save(&mut *store, lower), Saved::Refused);
    }
    assert_exact(load(&mut *store, 1), 20);
}

/// Whether it is refused or not: what is stored stays exact and as high as it was.
fn a_zombie_changes_nothing(owners: Owners) {
    let mut zombie = owners();
    load(&mut *zombie, 2);
    save(&mut *zombie, change(2, None, 10));
    let mut owner = owners();
    assert_exact(load(&mut *owner, 2), 10);
    assert_eq!(save(&mut *owner, change(2, Some(10), 50)), Saved::Kept);
    save(&mut *zombie, change(2, Some(10), 30));
    assert_exact(load(&mut *owners(), 2), 50);
    assert_eq!(save(&mut *owner, change(2, Some(50), 60)), Saved::Kept);
    save(&mut *zombie, change(2, Some(30), 55));
    assert_exact(load(&mut *owners(), 2), 60);
}

fn a_lost_answer_does_no_harm(owners: Owners) {
    let mut store = owners();
    load(&mut *store, 3);
    for _ in 0..2 {
        assert_eq!(save(&mut *store, change(3, None, 10)), Saved::Kept);
    }
    for _ in 0..3 {
        assert_eq!(save(&mut *store, change(3, Some(10), 12)), Saved::Kept);
    }
    assert_exact(load(&mut *store, 3), 12);
}

fn partitions_are_kept_apart(owners: Owners) {
    let mut store = owners();
    let ids = 10..40;
    let named: Vec<_> = ids.clone().map(partition).collect();
    let states = store.load(&named).expect("the store answers");
    assert!(states.iter().all(Option::is_none));
    let changes: Vec<_> = ids
        .clone()
        .map(|id| change(id, None, i64::from(id)))
        .collect();
    let saved = store.save(&changes).expect("the store answers");
    assert_eq!(saved, vec![Saved::Kept; named.len()]);
    let mixed = [
        change(10, Some(10), 11),
        change(11, Some(5), 12),
        change(12, Some(12), 13),
    ];
    let saved = store.save(&mixed).expect("the store answers");
    assert_eq!(saved, [Saved::Kept, Saved::Refused, Saved::Kept]);
    let states = owners().load(&named).expect("the store answers");
    for (id, state) in ids.zip(states) {
        let more = i64::from([10, 12].contains(&id));
        assert_exact(state, i64::from(id) + more);
    }
}

fn an_offset_may_move_without_a_count(owners: Owners) {
    let mut store = owners();
    load(&mut *store, 4);
    for (base, next_offset) in [(None, 5), (Some(5), 9)] {
        let moved = Change {
            added: Delta::default(),
            ..change(4, base, next_offset)
        };
        assert_eq!(save(&mut *store, moved), Saved::Kept);
    }
    let state = load(&mut *owners(), 4).expect("there is a state");
    assert_eq!(state.next_offset, 9);
    assert!(state.counts.is_empty());
}

/// A hundred thousand keys of some length, several times over.
fn large_states_are_kept_whole(owners: Owners) {
    let keys: Vec<String> = (0..30_000).map(|n| format!("{n:050}")).collect();
    let mut store = owners();
    load(&mut *store, 5);
    for round in 0..3 {
        let mut accumulator = Accumulator::default();
        keys.iter()
            .for_each(|key| accumulator.add(&["version", key]));
        let change = Change {
            partition: partition(5),
            base: (round > 0).then_some(round),
            next_offset: round + 1,
            added: accumulator.take(),
        };
        assert_eq!(save(&mut *store, change), Saved::Kept);
    }
    let state = load(&mut *owners(), 5).expect("there is a state");
    assert_eq!(state.next_offset, 3);
    for key in &keys {
        assert_eq!(state.counts.at(&["version", key]), 3);
    }
}

fn all_partitions_can_be_read(owners: Owners) {
    let all = owners().load_all().expect("the store answers");
    let ends = all
        .iter()
        .map(|(of, state)| (of.partition, state.next_offset));
    let ends: BTreeMap<i32, i64> = ends.collect();
    assert_eq!((ends[&0], ends[&2], ends[&5], ends[&39]), (30, 60, 3, 39));
    assert_eq!(ends.len(), 36);
}

#[test]
fn p11_the_memory_store_conforms() {
    let memory = Memory::default();
    conform(&|| Box::new(memory.clone()));
}

fn redis(server: &harness::Redis, user: &str, plain: PlainKeys) -> Redis {
    let url = RedisUrl::parse(&server.url(user)).expect("the URL is right");
    Redis::new(&url, "a:group", "logins", plain).expect("the URL is right")
}

#[test]
#[ignore = "needs redis-server; run: cargo test --test promises -- --ignored"]
fn p11_the_redis_store_conforms() {
    let server = harness::Redis::start();
    conform(&|| Box::new(redis(&server, "", PlainKeys::new())));
}

#[test]
#[ignore = "needs redis-server; run: cargo test --test promises -- --ignored"]
fn p11_plain_keys_in_redis_grow_with_the_same_change() {
    let server = harness::Redis::start();
    server.ask(&["SET", "processed", "5"]);
    let path = |texts: &[&str]| texts.iter().map(|text| Box::from(*text)).collect();
    let plain: PlainKeys = [
        (path(&["processed_count"]), "processed".to_owned()),
        (
            path(&["locale", "CA", "device_type", "iOS"]),
            "ios_count".to_owned(),
        ),
    ]
    .into();
    let mut store = redis(&server, "", plain);
    assert_eq!(save(&mut store, change(0, None, 10)), Saved::Kept);
    assert_eq!(save(&mut store, change(0, None, 10)), Saved::Kept);
    assert_eq!(save(&mut store, change(1, None, 4)), Saved::Kept);
    assert_eq!(save(&mut store, change(0, Some(3), 20)), Saved::Refused);
    assert_eq!(server.ask(&["GET", "processed"]), "19");
    assert_eq!(server.ask(&["GET", "ios_count"]), "28");

    server.ask(&["SET", "ios_count", "many"]);
    let error = store
        .save(&[change(0, Some(10), 20)])
        .expect_err("it is no number");
    assert!(
        error.to_string().contains("holds no whole number"),
        "{error}"
    );
    server.ask(&["SET", "ios_count", "28"]);
    assert_eq!(save(&mut store, change(0, Some(10), 20)), Saved::Kept);
    assert_eq!(server.ask(&["GET", "processed"]), "29");
    assert_exact(load(&mut store, 0), 20);
}

/// A user of its own, and nobody else.
const ACL: [&str; 9] = [
    "--user",
    "default",
    "off",
    "--user",
    "greenroom",
    "on",
    ">p@ss",
    "~greenroom:*",
    "+@all",
];

#[test]
#[ignore = "needs redis-server; run: cargo test --test promises -- --ignored"]
fn p10_redis_takes_a_user_and_tells_no_password() {
    let server = harness::Redis::start_with(&ACL);
    let mut store = redis(&server, "greenroom:p%40ss@", PlainKeys::new());
    assert_eq!(save(&mut store, change(0, None, 10)), Saved::Kept);
    for user in ["", "greenroom:wr0ng@"] {
        let refused = redis(&server, user, PlainKeys::new()).probe();
        let text = refused.expect_err("it must not answer").to_string();
        assert!(text.contains("127.0.0.1"), "{text}");
        assert!(!text.contains("wr0ng"), "{text}");
    }
}

/// As a user with a password, and only where it is who it says.
#[test]
#[ignore = "needs redis-server and openssl; run: cargo test --test promises -- --ignored"]
fn p10_redis_is_asked_by_tls_for_its_certificate() {
    let server = harness::Redis::start_secure(&ACL);
    let mut store = redis(&server, "greenroom:p%40ss@", PlainKeys::new());
    assert_eq!(save(&mut store, change(0, None, 10)), Saved::Kept);
    let settings = harness::Settings::pipeline("logins")
        .with("GREENROOM_GROUP_ID", "a:group")
        .with("GREENROOM_COUNTS_STORE", "redis")
        .with("REDIS_URL", &server.secure_url("greenroom:p%40ss@"));
    let distrusted = settings.run(&["counts", "--json"]);
    let text = String::from_utf8_lossy(&distrusted.stderr);
    assert_eq!(distrusted.status.code(), Some(1), "{text}");
    assert!(text.contains("certificate verify failed"), "{text}");
    assert!(!text.contains("ss@"), "{text}");

    let certificate = server.certificate();
    let trusting = settings.with("SSL_CERT_FILE", &certificate.to_string_lossy());
    let lines = trusting.call(&["counts", "--json"]);
    let stored: Snapshot = serde_json::from_str(&lines[0]).expect("it is a snapshot");
    assert_eq!(stored.partitions[0].next_offset, 10);
    assert_eq!(stored.counts.at(&["processed_count"]), 10);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p11_the_kafka_store_conforms() {
    let settings = counts_topic();
    conform(&|| Box::new(changelog(&settings)));
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p11_the_kafka_store_deletes_what_it_has_replaced() {
    let settings = counts_topic();
    for round in 0..3 {
        let mut store = changelog(&settings);
        load(&mut store, 0);
        for step in 0..4 {
            let end = round * 4 + step;
            let base = (end > 0).then_some(end);
            assert_eq!(save(&mut store, change(0, base, end + 1)), Saved::Kept);
        }
    }
    // Keys whose last record is no tombstone: the last owner's four parts.
    let topics = harness::Topics::at(&settings.brokers);
    let mut last = BTreeMap::new();
    for record in topics.drain(&Changelog::topic(&settings.group)) {
        use rdkafka::Message;
        let key = record.key().expect("every record has a key").to_vec();
        last.insert(key, record.payload().is_some());
    }
    assert_eq!(last.values().filter(|alive| **alive).count(), 4);
    assert_eq!(last.len(), 12);
}

/// A reader is shown nothing behind the first transaction that is open, whoever's it is.
#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn p11_the_kafka_store_loads_what_lies_behind_an_open_transaction() {
    let settings = counts_topic();
    let mut owner = changelog(&settings);
    assert_eq!(load(&mut owner, 0), None);
    let stranger: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &settings.brokers)
        .set("transactional.id", &settings.group)
        .set("transaction.timeout.ms", "1000")
        .create()
        .expect("a producer can be made");
    let begun = stranger
        .init_transactions(harness::PATIENCE)
        .and_then(|()| stranger.begin_transaction());
    begun.expect("a transaction begins");
    let topic = Changelog::topic(&settings.group);
    let record = BaseRecord::<str, str>::to(&topic).key("of a stranger");
    stranger.send(record).expect("the queue has room");
    stranger.flush(harness::PATIENCE).expect("it is taken");

    assert_eq!(save(&mut owner, change(0, None, 10)), Saved::Kept);
    // Nobody ends the stranger's transaction but the broker, when its time is over.
    assert_exact(load(&mut owner, 0), 10);
}

#[test]
#[ignore = "needs Java and Maven; run: cargo test --test promises -- --ignored"]
fn the_kafka_store_tells_how_loading_goes_on() {
    let settings = counts_topic();
    let mut owner = changelog(&settings);
    for end in 0..4 {
        let base = (end > 0).then_some(end);
        assert_eq!(save(&mut owner, change(0, base, end + 1)), Saved::Kept);
    }
    let (tell, told) = mpsc::channel();
    let tell = move |share: Option<f64>| tell.send(share).expect("the test listens");
    let mut heir = Changelog::new(settings, "logins", Box::new(tell));
    assert_exact(load(&mut heir, 0), 4);
    let told: Vec<_> = told.try_iter().collect();
    let quarters = [0.0, 0.25, 0.5, 0.75, 1.0].map(Some);
    assert_eq!(told, [&quarters[..], &[None]].concat());
}

fn changelog(settings: &kafka::Settings) -> Changelog {
    Changelog::new(settings.clone(), "logins", Box::new(drop))
}

/// A new group's topic on the real broker, made as the service makes it.
fn counts_topic() -> kafka::Settings {
    let settings = kafka::Settings {
        brokers: harness::Broker::shared().bootstrap().to_owned(),
        group: format!("group-{:016x}", rand::random::<u64>()),
        instance: "test".to_owned(),
        budget: 8 << 20,
        ..kafka::Settings::default()
    };
    let admin = kafka::Admin::new(&settings).expect("a client can be made");
    let plan = Changelog::plan(&settings.group, -1);
    let made = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be made")
        .block_on(admin.create(&[plan], harness::PATIENCE));
    assert_eq!(made.expect("the broker answers"), [Ok(())]);
    settings
}
