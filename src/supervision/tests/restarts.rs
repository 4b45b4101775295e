//! Exits, and what follows them.

use super::*;

#[tokio::test]
async fn p7_panic_stop_and_failure_are_told_apart_and_restarted_behind_the_same_handle() {
    for (harm, kind) in [
        (Do::Panic, "panicked"),
        (Do::Stop, "stopped"),
        (Do::Fail, "failed"),
        (Do::PanicInDrop, "panicked"),
    ] {
        let stage = Stage::new();
        let toy = stage.spawn("toy").await;
        toy.send(harm).expect("the toy lives");
        let down = stage.until("toy", |t| t.state == State::BackingOff).await;
        assert_eq!(down.last_exit.expect("it ended").kind(), kind);

        stage.pass(LIMITS.first_wait).await;
        let up = stage.until_life("toy", 2).await;
        assert_eq!(up.restarts_by_exit.get(kind), Some(&1));
        assert_eq!(toy.request(WhichLife).await, Ok(2));
    }
}

#[tokio::test]
async fn p10_of_a_panic_only_file_and_line_are_kept() {
    let stage = Stage::new();
    let toy = stage.spawn("toy").await;
    toy.send(Do::Panic).expect("the toy lives");
    let down = stage.until("toy", |t| t.state == State::BackingOff).await;
    let exit = down.last_exit.expect("it ended");
    let Exit::Panicked(place) = &exit else {
        panic!("ended otherwise: {exit}");
    };
    assert!(place.starts_with("src/supervision/tests.rs:"), "{place}");
    assert!(!format!("{exit} {exit:?}").contains("secret"));
}

#[tokio::test]
async fn p7_a_panicked_actor_is_not_asked_to_stop() {
    let stage = Stage::new();
    let toy = stage.spawn("toy").await;
    toy.send(Do::Panic).expect("the toy lives");
    stage.until("toy", |t| t.state == State::BackingOff).await;
    assert_eq!(stage.asked_to_stop.load(SeqCst), 0);
    stage.pass(LIMITS.first_wait).await;
    stage.until_life("toy", 2).await;
    toy.send(Do::Stop).expect("the toy lives");
    stage.until("toy", |t| t.state == State::BackingOff).await;
    assert_eq!(stage.asked_to_stop.load(SeqCst), 1);
}

#[tokio::test]
async fn p6_messages_to_the_dead_report_failure() {
    let stage = Stage::new();
    let unborn: Handle<Toy> = Handle::new("unborn");
    assert!(unborn.send(Do::Stop).is_err());

    let toy = stage.spawn("toy").await;
    toy.send(Do::Stop).expect("the toy lives");
    stage.until("toy", |t| t.state == State::BackingOff).await;
    let Err(Gone(back)) = toy.send(Do::Panic) else {
        panic!("the dead took a message");
    };
    assert!(matches!(back, Do::Panic));
    assert_eq!(toy.request(WhichLife).await, Err(NoReply));
}

#[tokio::test]
async fn p3_what_was_meant_for_one_life_never_reaches_the_next() {
    let stage = Stage::new();
    let toy = stage.spawn("toy").await;
    let first = toy.incarnation();
    assert!(stage.supervisor.restart("toy").await);
    stage.until_life("toy", 2).await;
    assert!(toy.send_to(first, Do::Panic).is_err());
    assert!(first < toy.incarnation());
    let (message, mut entered, _let_go) = Block::message(Manner::Waiting);
    toy.send_to(toy.incarnation(), message).expect("it lives");
    let pulse = patiently(entered.recv())
        .await
        .expect("the toy takes the message");
    assert_eq!(pulse.incarnation(), toy.incarnation());
}

#[tokio::test]
async fn p7_a_hung_actor_is_replaced_and_its_thread_counted_until_it_ends() {
    let stage = Stage::new();
    let toy = stage.spawn("toy").await;
    let (pulse, let_go) = block(&toy, Manner::Working).await;
    stage.pass(HANG_AFTER).await;
    assert_eq!(stage.supervisor.abandoned(), 0, "not over the time yet");
    stage.pass(SECOND).await;
    let down = stage.until("toy", |t| t.state == State::BackingOff).await;
    assert_eq!(down.last_exit, Some(Exit::Hung));
    assert!(toy.send(Do::Stop).is_err(), "its mailbox is cut off");
    assert_eq!(stage.supervisor.abandoned(), 1);

    stage.pass(LIMITS.first_wait).await;
    stage.until_life("toy", 2).await;
    assert_eq!(toy.request(WhichLife).await, Ok(2));

    let_go.send(()).expect("the thread still blocks");
    stage.until_abandoned(0).await;
    let up = stage.until_life("toy", 2).await;
    assert_eq!(up.restarts(), 1, "the late end is not the successor's");
    assert_eq!(toy.request(WhichLife).await, Ok(2));
    assert!(pulse.is_abandoned());
}

#[tokio::test]
async fn p7_waiting_for_the_outside_world_is_no_hang() {
    let stage = Stage::new();
    let toy = stage.spawn("toy").await;
    let (_, let_go) = block(&toy, Manner::Waiting).await;
    stage.pass(100 * HANG_AFTER).await;
    let waiting = stage.until_life("toy", 1).await;
    assert_eq!(waiting.busy, Duration::ZERO);
    let_go.send(()).expect("the thread still waits");
    assert_eq!(toy.request(WhichLife).await, Ok(1));
    assert_eq!(stage.supervisor.abandoned(), 0);
}

/// A limit of none: whatever counts escalates.
fn no_restarts() -> RestartLimits {
    RestartLimits {
        restarts: 0,
        ..LIMITS
    }
}

#[tokio::test]
async fn p5_a_panic_or_hang_at_an_item_is_blamed_on_it_and_restarts_at_once() {
    let stage = Stage::new();
    let toy = Handle::new("toy");
    let (seen, mut restarts) = mpsc::unbounded_channel();
    let installed = toy.clone();
    let spec = stage.toy(&toy).limits(no_restarts());
    let spec = spec.on_restart(move |restarted| {
        let _ = seen.send((restarted, installed.incarnation()));
    });
    stage.supervisor.spawn(spec).await;

    toy.send(Do::PanicAtItem).expect("the toy lives");
    let (panicked, installed) = patiently(restarts.recv()).await.expect("it restarts");
    assert!(panicked.blamed && matches!(panicked.exit, Exit::Panicked(_)));
    assert_eq!(panicked.incarnation, installed);

    let (_, _let_go) = block(&toy, Manner::AtItem).await;
    stage.pass(2 * HANG_AFTER).await;
    let (hung, installed) = patiently(restarts.recv()).await.expect("it restarts");
    assert!(hung.blamed && hung.exit == Exit::Hung);
    assert_eq!(hung.incarnation, installed);
    assert_eq!(toy.request(WhichLife).await, Ok(3));
}

#[tokio::test]
async fn p7_restarts_asked_for_do_not_count() {
    let stage = Stage::new();
    let toy = Handle::new("toy");
    let spec = stage.toy(&toy).limits(no_restarts());
    stage.supervisor.spawn(spec).await;
    for life in 2..10 {
        assert!(stage.supervisor.restart("toy").await);
        stage.until_life("toy", life).await;
    }
    assert!(!stage.supervisor.restart("nobody").await);
}
