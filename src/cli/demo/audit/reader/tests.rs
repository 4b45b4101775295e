use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};

use super::*;
use crate::cli::demo::audit::encode_id;

const INPUT: &str = "user-login";
const OUTPUT: &str = "processed-logins";
const DEAD_LETTERS: &str = "user-login-dead-letters";

/// A broker with the three topics, and a producer to fill them.
struct House {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl House {
    fn new(partitions: i32) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in [INPUT, OUTPUT, DEAD_LETTERS] {
            cluster.create_topic(topic, partitions, 1).unwrap();
        }
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("linger.ms", "1")
            .create()
            .unwrap();
        House { cluster, producer }
    }

    fn reader(&self) -> Reader {
        let topics = Topics {
            input: INPUT.to_owned(),
            output: OUTPUT.to_owned(),
            dead_letters: DEAD_LETTERS.to_owned(),
        };
        Reader::start(&self.cluster.bootstrap_servers(), topics).unwrap()
    }

    fn send(&self, topic: &str, partition: i32, value: &[u8], headers: OwnedHeaders) {
        let record = BaseRecord::<(), [u8]>::to(topic)
            .partition(partition)
            .payload(value)
            .headers(headers);
        self.producer
            .send(record)
            .map_err(|(error, _)| error)
            .unwrap();
    }

    fn flush(&self) {
        self.producer.flush(CALL).unwrap();
    }
}

fn header(headers: OwnedHeaders, key: &str, value: &[u8]) -> OwnedHeaders {
    headers.insert(Header {
        key,
        value: Some(value),
    })
}

fn id(id: u64) -> OwnedHeaders {
    header(OwnedHeaders::new(), ID_HEADER, &encode_id(id))
}

fn source(partition: i32, offset: i64) -> OwnedHeaders {
    let headers = header(OwnedHeaders::new(), "greenroom.error.type", b"invalid_json");
    let partition = partition.to_string();
    let headers = header(headers, "greenroom.source.partition", partition.as_bytes());
    header(
        headers,
        "greenroom.source.offset",
        offset.to_string().as_bytes(),
    )
}

#[test]
fn p1_all_that_is_in_the_topics_at_the_end_is_audited() {
    let house = House::new(2);
    // The first half is there before the reader is, the other half comes while it reads.
    let send = |ids: std::ops::Range<u64>| {
        for number in ids {
            let (partition, offset) = ((number % 2) as i32, (number / 2) as i64);
            house.send(INPUT, partition, b"{}", id(number));
            if number % 10 == 7 {
                house.send(DEAD_LETTERS, partition, b"{}", source(partition, offset));
            } else if number % 100 != 50 {
                house.send(OUTPUT, partition, b"{}", id(number));
            }
        }
    };
    send(0..1_000);
    house.flush();
    let reader = house.reader();
    send(1_000..2_000);
    house.send(OUTPUT, 0, b"{}", id(4));
    house.flush();

    let report = reader.finish().unwrap().finish(0, 3);
    assert_eq!(
        report.to_json(),
        r#"{"consumed":2000,"produced":1780,"filtered":0,"rejected":200,"lost":20,"duplicated":1,"out_of_order":0,"restarts":3}"#
    );
    assert_eq!((report.strangers, report.unread), (0, 0));
}

#[test]
fn headers_that_are_no_numbers_are_strangers() {
    let house = House::new(1);
    let odd = header(OwnedHeaders::new(), "greenroom.source.offset", b"\xff");
    house.send(DEAD_LETTERS, 0, b"", odd);
    house.send(DEAD_LETTERS, 0, b"", OwnedHeaders::new());
    house.send(
        OUTPUT,
        0,
        b"",
        header(OwnedHeaders::new(), ID_HEADER, b"seven"),
    );
    house.flush();
    let report = house.reader().finish().unwrap().finish(0, 0);
    assert_eq!((report.strangers, report.consumed), (3, 0));
}

#[test]
fn what_the_broker_deleted_before_it_was_read_is_counted() {
    let house = House::new(1);
    // The embedded broker keeps 5 MiB of a partition.
    let large = vec![b'x'; 500_000];
    for number in 0..20 {
        house.send(INPUT, 0, &large, id(number));
        house.flush();
        house.send(OUTPUT, 0, b"{}", id(number));
    }
    house.flush();
    let report = house.reader().finish().unwrap().finish(0, 0);
    assert!((1..20).contains(&report.unread), "{}", report.unread);
    assert_eq!(report.produced, 20 - report.unread);
    assert_eq!(report.strangers, report.unread);
    assert!(!report.nothing_lost());
}
