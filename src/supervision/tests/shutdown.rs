//! The end of all actors.

use super::*;

#[tokio::test]
async fn p8_actors_end_one_after_another_the_last_spawned_first() {
    let mut stage = Stage::new();
    for name in ["sink", "middle", "source"] {
        stage.spawn(name).await;
    }
    let ended = patiently(stage.supervisor.shutdown(Duration::ZERO)).await;
    let order: Vec<&str> = ended.iter().map(|ended| &*ended.actor).collect();
    assert_eq!(order, ["source", "middle", "sink"]);
    assert!(ended.iter().all(|ended| ended.exit == Some(Exit::Drained)));
    for name in order {
        assert_eq!(patiently(stage.ends.1.recv()).await.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn p8_who_drains_in_time_is_not_stopped_and_others_are_restarted_meanwhile() {
    let stage = Stage::new();
    let other = stage.spawn("other").await;
    let toy = Handle::new("toy");
    let (asked, mut drains) = mpsc::unbounded_channel();
    let spec = stage.toy(&toy).drain_by(move |toy| {
        let _ = asked.send(toy.clone());
    });
    stage.supervisor.spawn(spec).await;

    let supervisor = stage.supervisor.clone();
    let shutdown = tokio::spawn(async move { supervisor.shutdown(10 * SECOND).await });
    let draining = patiently(drains.recv())
        .await
        .expect("it is asked to drain");
    other.send(Do::PanicAtItem).expect("it is not its turn yet");
    stage.until_life("other", 2).await;
    assert_eq!(draining.request(WhichLife).await, Ok(1), "it still works");
    draining.send(Do::Stop).expect("it still works");
    let ended = patiently(shutdown).await.expect("the shutdown ends");
    assert!(ended.iter().all(|ended| ended.exit == Some(Exit::Drained)));
}

#[tokio::test]
async fn p8_who_misses_the_deadline_is_stopped_and_who_blocks_is_named() {
    let stage = Stage::new();
    let (idler, blocker) = (Handle::new("idler"), Handle::new("blocker"));
    for toy in [&idler, &blocker] {
        let never_heeded = stage.toy(toy).drain_by(|_| ());
        stage.supervisor.spawn(never_heeded).await;
    }
    let (_, _let_go) = block(&blocker, Manner::Working).await;

    let supervisor = stage.supervisor.clone();
    let shutdown = tokio::spawn(async move { supervisor.shutdown(10 * SECOND).await });
    stage.until("blocker", |t| t.state == State::Stopping).await;
    stage.pass(10 * SECOND).await;
    stage.pass(GRACE).await;
    let ended = patiently(shutdown).await.expect("the shutdown ends");
    let exits: Vec<(&str, Option<Exit>)> = ended
        .iter()
        .map(|ended| (&*ended.actor, ended.exit.clone()))
        .collect();
    assert_eq!(
        exits,
        [
            ("blocker", Some(Exit::Hung)),
            ("idler", Some(Exit::Drained)),
        ]
    );
    assert_eq!(stage.supervisor.abandoned(), 1);
}

#[tokio::test]
async fn p8_actors_do_not_outlive_their_supervisor() {
    let stage = Stage::new();
    stage.spawn("toy").await;
    let Stage {
        supervisor,
        mut escalations,
        mut ends,
        ..
    } = stage;
    drop(supervisor);
    assert_eq!(patiently(ends.1.recv()).await.as_deref(), Some("toy"));
    let end = patiently(escalations.next()).await;
    assert_eq!((&*end.actor, end.remedy), ("supervisor", Remedy::GiveUp));
}
