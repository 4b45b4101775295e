use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

fn keys(value: &Value) -> BTreeSet<&str> {
    let members = value.as_object().expect("an object");
    members.keys().map(String::as_str).collect()
}

#[test]
fn the_status_has_the_documented_members_and_no_others() {
    let status = serde_json::to_value(sample::at_work().snapshot()).unwrap();
    let documented = |names: &'static str| names.split(' ').collect::<BTreeSet<_>>();

    assert_eq!(
        keys(&status),
        documented(
            "version pipeline delivery state uptime_seconds records rejections transactions store partitions actors last_error"
        )
    );
    assert_eq!(
        keys(&status["records"]),
        documented("consumed produced filtered rejected in_flight in_flight_bytes")
    );
    assert_eq!(
        keys(&status["transactions"]),
        documented("ended open_seconds")
    );
    assert_eq!(
        keys(&status["store"]),
        documented("writes failures away_seconds restored")
    );
    assert_eq!(
        keys(&status["partitions"][0]),
        documented(
            "topic partition generation position committed end lag_records lag_seconds paused"
        )
    );
    assert_eq!(
        keys(&status["actors"][0]),
        documented("name role state restarts last_exit busy_seconds")
    );
}

#[test]
fn the_status_tells_what_was_published() {
    let board = sample::at_work();
    board.note_error("the broker went away");

    let status = serde_json::to_value(board.snapshot()).unwrap();
    assert_eq!(
        status["records"],
        json!({"consumed": 1000, "produced": 900, "filtered": 30, "rejected": 42,
               "in_flight": 28, "in_flight_bytes": 5600})
    );
    assert_eq!(
        status["rejections"],
        json!({"invalid_json": 40, "missing_field": 2})
    );
    assert_eq!(status["uptime_seconds"], 4.2);
    assert_eq!(status["actors"][0]["restarts"], 3);
    assert_eq!(status["actors"][1]["state"], "backing-off");
    assert_eq!(status["last_error"], "the broker went away");
}

#[test]
fn counts_published_by_several_actors_add_up() {
    let board = sample::starting();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    board.consumed(3);
                    board.rejected("poison", 1);
                }
            });
        }
    });
    let status = board.snapshot();
    assert_eq!(status.records.consumed, 12_000);
    assert_eq!(
        status.rejections,
        BTreeMap::from([("poison".to_owned(), 4_000)])
    );
}

#[test]
fn states_are_told_by_their_names() {
    let board = sample::starting();
    let told = || serde_json::to_value(board.snapshot().state).unwrap();
    assert_eq!(told(), "starting");
    for (state, name) in [(State::Running, "running"), (State::Draining, "draining")] {
        board.set_state(state);
        assert_eq!(told(), name);
    }
}

#[test]
fn a_pause_shows_while_it_runs_whenever_it_was_asked_for() {
    let board = sample::starting();
    board.pause();
    assert_eq!(board.snapshot().state, State::Starting);
    board.set_state(State::Running);
    assert_eq!(board.snapshot().state, State::Paused);
    let told = serde_json::to_value(board.snapshot().state).unwrap();
    assert_eq!(told, "paused");
    board.resume();
    assert_eq!(board.snapshot().state, State::Running);
    board.pause();
    board.set_state(State::Draining);
    assert_eq!(board.snapshot().state, State::Draining);
}

#[test]
fn p7_having_given_up_is_final_and_has_a_reason() {
    let board = sample::at_work();
    board.fail("transformer-0 restarted 6 times within 60 s");
    board.set_state(State::Running);

    let status = board.snapshot();
    assert_eq!(status.state, State::Failed);
    assert_eq!(
        status.last_error.as_deref(),
        Some("transformer-0 restarted 6 times within 60 s")
    );
}

#[test]
fn it_is_ready_once_every_latch_is_open_and_again_when_one_closes() {
    let board = sample::starting();
    for latch in Latch::ALL {
        assert!(
            board.readiness().reasons.contains_key(latch.name()),
            "{latch:?}"
        );
        board.ready(latch);
        assert!(
            !board.readiness().reasons.contains_key(latch.name()),
            "{latch:?}"
        );
    }
    assert!(board.readiness().ready);

    board.not_ready(Latch::Producer, "the right Write on the topic is missing");
    let readiness = board.readiness();
    assert!(!readiness.ready);
    assert_eq!(
        readiness.to_string(),
        "not ready\nproducer: the right Write on the topic is missing"
    );
}

#[test]
fn it_is_not_ready_while_escalating_draining_or_given_up() {
    let board = sample::at_work();
    board.escalating("transformer-0 panicked too often");
    assert_eq!(
        board.readiness().reasons,
        BTreeMap::from([("escalation", "transformer-0 panicked too often".to_owned())])
    );
    board.recovered();
    assert!(board.readiness().ready);

    board.set_state(State::Draining);
    assert_eq!(board.readiness().to_string(), "not ready\nstate: draining");
    board.fail("drained too slowly");
    assert_eq!(board.readiness().to_string(), "not ready\nstate: failed");
}

#[test]
fn pauses_rebalances_and_an_empty_assignment_leave_it_ready() {
    let board = sample::at_work();
    board.pause();
    board.rebalanced();
    board.set_partitions(Vec::new());
    assert!(board.readiness().ready);
}
