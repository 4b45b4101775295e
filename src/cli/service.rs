//! The service from its first look for topics to its drain.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::preflight;
use super::setup::Setup;
use super::store;
use super::{Failure, Outcome, running};
use crate::counts::Snapshot;
use crate::status::{Board, Identity, State};
use crate::supervision::{Clock, Ended, Escalation, Exit, Moment, Remedy, SystemClock};
use crate::telemetry::logs::Filter;
use crate::telemetry::traces::{Exporter, Tracer};
use crate::topology::{Books, House, OutputTopic, Plan};
use crate::web;

/// For the spans that wait, where the drain leaves so much time.
const FLUSH: Duration = Duration::from_secs(5);

/// A board that knows what runs, and since when.
pub fn board(setup: &Setup) -> Board {
    let identity = Identity {
        pipeline: setup.pipeline.name().to_owned(),
        group: setup.pipeline.group().to_owned(),
        delivery: setup.config.flow.delivery.name().to_owned(),
    };
    let clock = SystemClock::new();
    Board::new(identity, move || clock.now().since(Moment::START))
}

/// Serves until `stop` resolves, then drains (P8).
pub async fn serve(setup: Setup, log: Filter, stop: impl Future<Output = ()>) -> Outcome {
    let board = board(&setup);
    let books = store::books(&setup, &board).map_err(running)?;
    let exporter = exporter(&setup, &board)?;
    if let Some(addr) = setup.config.http.addr {
        let sources = sources(&setup, &board, &books, log);
        let bound = listen_at(addr, &sources).map_err(running)?;
        tracing::info!("status page on http://{bound}");
    }
    let mut stop = pin!(stop);
    let found = tokio::select! {
        found = preflight::wait(&setup, &board) => found.map_err(running)?,
        () = &mut stop => return Ok(()),
    };
    let mut plan = plan(
        &setup,
        found.outputs,
        found.dead_letter_bytes,
        (&board, &books),
    );
    plan.tracer = exporter.tracer();
    let mut house = House::start(plan).await;
    board.set_state(State::Running);
    tracing::info!(
        pipeline = setup.pipeline.name(),
        group = setup.pipeline.group(),
        "running"
    );
    tokio::select! {
        failure = look_after(&mut house, &board) => {
            board.fail(failure.clone());
            exporter.flush(FLUSH).await;
            return Err(Failure::Running(failure));
        }
        () = &mut stop => {}
    }
    board.set_state(State::Draining);
    tracing::info!("draining");
    drain(&house, &board, &exporter).await
}

/// Starts the web server; says where it really listens.
pub fn listen_at(addr: SocketAddr, sources: &Arc<web::Sources>) -> io::Result<SocketAddr> {
    let (bound, server) = web::serve(addr, sources.clone())?;
    actix::spawn(server);
    Ok(bound)
}

/// What the web server sees, and may do for whoever has the token.
pub fn sources(setup: &Setup, board: &Board, books: &Books, log: Filter) -> Arc<web::Sources> {
    let (pipeline, books) = (setup.pipeline.clone(), books.clone());
    let store = setup.config.counts.store;
    let counts = Arc::new(move || {
        Snapshot::new(
            "this instance",
            pipeline.name(),
            store.name(),
            &books.states(),
        )
    });
    let sources = web::Sources::new(board.clone(), counts);
    Arc::new(match &setup.config.http.admin_token {
        Some(token) => sources.controlled_by(web::AdminToken::new(token), log),
        None => sources,
    })
}

/// What the settings ask for.
pub fn plan(
    setup: &Setup,
    outputs: Vec<OutputTopic>,
    dead_letter_bytes: usize,
    (board, books): (&Board, &Books),
) -> Plan {
    let supervision = &setup.config.supervision;
    Plan {
        kafka: setup.kafka(),
        delivery: setup.config.flow.delivery,
        pipeline: setup.pipeline.clone(),
        outputs,
        dead_letter_bytes,
        transformers: setup.config.flow.transformers,
        worker_key: setup.config.flow.worker_key,
        in_flight_bytes: setup.config.flow.in_flight_bytes,
        limits: setup.limits(),
        restarts: setup.restarts(),
        hang_after: supervision.hang_after,
        max_attempts: supervision.max_attempts,
        drain: supervision.drain_timeout,
        poison: None,
        board: board.clone(),
        books: books.clone(),
        tracer: Tracer::default(),
    }
}

/// Sends spans, where the settings say whereto; the board counts those that are lost.
pub fn exporter(setup: &Setup, board: &Board) -> Result<Exporter, Failure> {
    let board = board.clone();
    let loss = move |spans| board.spans_dropped(spans);
    setup.exporter(setup.names(), Arc::new(loss))
}

/// Restarts the pipeline as a whole where one actor's restarts do not help; resolves to the reason
/// when that does not help either (P7).
pub async fn look_after(house: &mut House, board: &Board) -> String {
    loop {
        let Escalation {
            actor,
            reason,
            remedy,
        } = house.escalation().await;
        let reason = format!("{actor}: {reason}");
        if remedy == Remedy::GiveUp {
            return reason;
        }
        board.note_error(reason.clone());
        board.escalating(reason);
        house.rebuild().await;
        board.recovered();
    }
}

/// Ends the house, and sends the last spans in what is left of its time. Where the deadline is
/// missed, the offsets that are not settled are named.
pub async fn drain(house: &House, board: &Board, exporter: &Exporter) -> Outcome {
    let clock = SystemClock::new();
    let ended = house.drain().await;
    let left = house
        .patience()
        .saturating_sub(clock.now().since(Moment::START));
    exporter.flush(left.min(FLUSH)).await;
    let failed = ended.iter().find_map(failure);
    let unsettled: Vec<String> = board
        .snapshot()
        .partitions
        .iter()
        .filter(|partition| partition.committed < partition.position)
        .map(|of| format!("{}/{} from {}", of.topic, of.partition, of.committed))
        .collect();
    if !unsettled.is_empty() {
        let unsettled = unsettled.join(", ");
        return Err(Failure::Running(format!(
            "not drained in time; unsettled: {unsettled}"
        )));
    }
    match failed {
        Some(reason) => Err(Failure::Running(reason)),
        None => Ok(()),
    }
}

/// How an actor ended that did not end well.
fn failure(ended: &Ended) -> Option<String> {
    match &ended.exit {
        None | Some(Exit::Drained | Exit::Stopped | Exit::Asked) => None,
        Some(exit) => Some(format!("{}: {exit}", ended.actor)),
    }
}
