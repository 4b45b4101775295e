//! What the demo does while it runs: a line a second, and chaos where it is wished for.

use std::time::Duration;

use chrono::Local;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Wish;
use super::chaos::Chaos;
use super::screen::{self, Snapshot};
use crate::cli::service;
use crate::status::Board;
use crate::supervision::{Clock, Moment, SystemClock};
use crate::telemetry::process;
use crate::topology::{House, Saboteur};

const SECOND: Duration = Duration::from_secs(1);
/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Shows and strikes until the house cannot be helped; resolves to the reason.
pub async fn act(house: &mut House, board: &Board, wish: Wish) -> String {
    let saboteur = house.saboteur();
    tokio::select! {
        failure = service::look_after(house, board) => failure,
        never = lines(board) => never,
        never = strikes(&saboteur, wish.seed), if wish.chaos => never,
    }
}

async fn strikes(saboteur: &Saboteur, seed: u64) -> String {
    let mut chaos = Chaos::new(seed, saboteur.transformers(), u64::MAX);
    let clock = SystemClock::new();
    let elapsed = || clock.now().since(Moment::START);
    loop {
        sleep(chaos.next_strike().saturating_sub(elapsed())).await;
        if let Some(strike) = chaos.strike(elapsed()) {
            saboteur.strike(&strike.actor, strike.sabotage);
        }
    }
}

async fn lines(board: &Board) -> String {
    let mut second = interval(SECOND);
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    second.tick().await;
    let clock = SystemClock::new();
    let mut before = snapshot(board, clock.now().since(Moment::START));
    loop {
        second.tick().await;
        let now = snapshot(board, clock.now().since(Moment::START));
        println!("{}", screen::line(Local::now().time(), &before, &now));
        before = now;
    }
}

fn snapshot(board: &Board, at: Duration) -> Snapshot {
    let status = board.snapshot();
    Snapshot {
        at,
        consumed: status.records.consumed,
        produced: status.records.produced,
        rejected: status.records.rejected,
        lag: status.partitions.iter().map(|of| of.lag_records).sum(),
        restarts: restarts(board),
        cpu: process::cpu_time(),
    }
}

/// Restarts of all actors so far.
pub fn restarts(board: &Board) -> u64 {
    let actors = board.snapshot().actors;
    actors
        .iter()
        .flat_map(|actor| actor.restarts.values())
        .sum()
}

/// Waits until all that was `sent` is read and committed; a house that cannot be helped ends the
/// wait.
pub async fn settle(house: &mut House, board: &Board, sent: u64) {
    tokio::select! {
        _ = service::look_after(house, board) => {}
        () = async {
            while committed(board) < sent {
                sleep(LOOK).await;
            }
        } => {}
    }
}

/// Records committed: the embedded broker's logs begin at 0 and have no gaps. What the client has
/// seen of their ends may be older than the last event.
fn committed(board: &Board) -> u64 {
    let partitions = board.snapshot().partitions;
    let committed = partitions.iter().map(|of| of.committed);
    committed
        .map(|offset| u64::try_from(offset).unwrap_or(0))
        .sum()
}
