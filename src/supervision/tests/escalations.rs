//! What happens when restarts do not help.

use super::*;

#[tokio::test]
async fn p7_a_crash_loop_at_start_restarts_all_once_and_then_gives_up() {
    for panics in [false, true] {
        let mut stage = Stage::new();
        let toy = Handle::new("toy");
        let attempts = Arc::new(AtomicU32::new(0));
        for remedy in [Remedy::RestartAll, Remedy::GiveUp] {
            let count = attempts.clone();
            let spec = Spec::new(&toy, "toy", move |_| -> Result<Toy, String> {
                count.fetch_add(1, SeqCst);
                assert!(!panics, "no birth");
                Err("no luck".to_owned())
            });
            stage.supervisor.spawn(spec.limits(LIMITS)).await;
            for wait in [1, 2, 4] {
                stage.until("toy", |t| t.state == State::BackingOff).await;
                stage.pass(wait * SECOND).await;
            }
            let escalation = patiently(stage.escalations.next()).await;
            assert_eq!((&*escalation.actor, escalation.remedy), ("toy", remedy));
            assert!(escalation.reason.starts_with("more than 3 restarts in 60s"));
            stage.until("toy", |t| t.state == State::Stopped).await;
            assert_eq!(
                patiently(stage.supervisor.shutdown(Duration::ZERO))
                    .await
                    .len(),
                1
            );
        }
        assert_eq!(attempts.load(SeqCst), 8, "two starts and six restarts");
        assert_eq!(toy.incarnation().number(), 8, "no number comes twice");
    }
}

#[tokio::test]
async fn p4_more_abandoned_threads_than_allowed_give_up() {
    let mut stage = Stage::new();
    let mut held = Vec::new();
    for name in ["a", "b", "c"] {
        let toy = stage.spawn(name).await;
        held.push(block(&toy, Manner::AtItem).await);
    }
    stage.pass(2 * HANG_AFTER).await;
    let escalation = patiently(stage.escalations.next()).await;
    assert_eq!(
        (&*escalation.actor, escalation.remedy),
        ("c", Remedy::GiveUp)
    );
    assert_eq!(stage.supervisor.abandoned(), 3);
}

#[tokio::test]
async fn p7_the_hang_of_an_irreplaceable_actor_gives_up() {
    let mut stage = Stage::new();
    let toy = Handle::new("toy");
    let spec = stage.toy(&toy).irreplaceable_when_hung();
    stage.supervisor.spawn(spec).await;
    let (_, _let_go) = block(&toy, Manner::AtItem).await;
    stage.pass(2 * HANG_AFTER).await;
    assert_eq!(
        patiently(stage.escalations.next()).await.remedy,
        Remedy::GiveUp
    );
    stage.until("toy", |t| t.state == State::Stopped).await;
}

#[tokio::test]
async fn p7_an_actor_that_no_restart_can_help_gives_up_at_once() {
    let mut stage = Stage::new();
    let toy = stage.spawn("toy").await;
    toy.send(Do::GiveUp).expect("the toy lives");
    let escalation = patiently(stage.escalations.next()).await;
    assert_eq!(
        (escalation.reason.as_str(), escalation.remedy),
        ("failed: no hope", Remedy::GiveUp)
    );
    stage.until("toy", |t| t.state == State::Stopped).await;
}

#[tokio::test]
async fn p7_the_owner_may_escalate_and_two_actors_of_one_name_give_up() {
    let mut stage = Stage::new();
    stage.spawn("toy").await;
    let owner = stage.supervisor.clone();
    owner.escalate("toy", "no progress", Remedy::RestartAll);
    let stalled = patiently(stage.escalations.next()).await;
    assert_eq!(
        (stalled.reason.as_str(), stalled.remedy),
        ("no progress", Remedy::RestartAll)
    );
    stage.supervisor.spawn(stage.toy(&Handle::new("toy"))).await;
    assert_eq!(
        patiently(stage.escalations.next()).await.remedy,
        Remedy::GiveUp
    );
}
