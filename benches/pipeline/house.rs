//! The whole house with the pipeline `logins`, as `greenroom run` builds it by default.

use std::time::Duration;

use greenroom::config::Delivery;
use greenroom::counts::Memory;
use greenroom::pipeline::{Compiled, Options, Spec, preset};
use greenroom::status::{Board, Identity};
use greenroom::supervision::RestartLimits;
use greenroom::telemetry::traces::Tracer;
use greenroom::topology::{Books, House, Limits, OutputTopic, Plan};

use crate::ground::{Ground, PARTITIONS};

/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(5);

pub fn carry(ground: &Ground, input: &str, output: &str, records: usize) {
    serve(ground, input, output, &board(), records);
}

pub fn board() -> Board {
    let identity = Identity {
        pipeline: "logins".to_owned(),
        group: "greenroom-logins".to_owned(),
        delivery: "at-least-once".to_owned(),
    };
    Board::new(identity, || Duration::ZERO)
}

/// Runs until so many outputs are acknowledged, then drains.
pub fn serve(ground: &Ground, input: &str, output: &str, board: &Board, records: usize) {
    let plan = plan(ground, logins(ground, input, output), board);
    actix::System::new().block_on(async {
        let house = House::start(plan).await;
        while board.snapshot().records.produced < records as u64 {
            tokio::time::sleep(LOOK).await;
        }
        house.drain().await;
    });
    assert_eq!(board.snapshot().records.produced, records as u64);
}

fn logins(ground: &Ground, input: &str, output: &str) -> Compiled {
    let preset = preset("logins").expect("it is shipped");
    let mut spec = Spec::parse(preset.toml, preset.name).expect("it is right");
    spec.override_input(vec![input.to_owned()]);
    spec.override_output(output);
    spec.override_dead_letters(ground.topic("letters", &[]));
    spec.override_summary(ground.topic("summaries", &[]));
    let options = Options {
        hash_key: Some(vec![7; 32].into()),
        hash_key_id: None,
        timezone: chrono_tz::UTC,
    };
    spec.compile(&options).expect("it is complete")
}

fn plan(ground: &Ground, pipeline: Compiled, board: &Board) -> Plan {
    let kafka = ground.settings();
    let outputs = pipeline.topics().iter().map(|name| OutputTopic {
        name: name.clone(),
        partitions: PARTITIONS,
    });
    Plan {
        delivery: Delivery::AtLeastOnce,
        outputs: outputs.collect(),
        dead_letter_bytes: 1_048_588,
        transformers: std::thread::available_parallelism().map_or(1, usize::from),
        in_flight_bytes: kafka.budget,
        limits: Limits {
            batch_records: 1000,
            batch_wait: Duration::ZERO,
            commit_interval: Duration::from_secs(1),
            drain: Duration::from_secs(20),
            stall: Duration::from_secs(120),
        },
        restarts: RestartLimits::default(),
        hang_after: Duration::from_secs(30),
        max_attempts: 3,
        drain: Duration::from_secs(20),
        poison: None,
        board: board.clone(),
        books: Books::open(Box::new(Memory::default()), pipeline.input_topics(), board)
            .expect("a thread can be had"),
        tracer: Tracer::default(),
        kafka,
        pipeline,
    }
}
