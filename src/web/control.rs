//! What an administrator may do while the service runs.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};

use super::admin::Admin;
use super::routes::{Sources, text};

/// Ends the reading. Whatever restarts and rebalances there are, it goes on only after a resume;
/// or with a new process, which knows of no pause.
pub async fn pause(_: Admin, sources: Data<Sources>) -> impl Responder {
    sources.board.pause();
    tracing::info!("paused, as was asked for");
    text(StatusCode::OK, "paused")
}

pub async fn resume(_: Admin, sources: Data<Sources>) -> impl Responder {
    sources.board.resume();
    tracing::info!("resumed, as was asked for");
    text(StatusCode::OK, "resumed")
}

/// 202: the actor first ends what it has in hand.
pub async fn restart(_: Admin, sources: Data<Sources>, name: Path<String>) -> impl Responder {
    match sources.board.restart(&name).await {
        true => text(StatusCode::ACCEPTED, "a restart is asked for"),
        false => cannot_restart(&sources, &name),
    }
}

fn cannot_restart(sources: &Sources, name: &str) -> HttpResponse {
    let actors = sources.board.snapshot().actors;
    let names: Vec<&str> = actors.iter().map(|actor| &*actor.name).collect();
    if names.contains(&name) {
        return text(StatusCode::CONFLICT, "it cannot be restarted now");
    }
    let names = names.join(", ");
    let line = format!("no actor of that name; there are: {names}");
    text(StatusCode::NOT_FOUND, &line)
}

/// The body is what `RUST_LOG` may be.
pub async fn log_level(admin: Admin, directives: String) -> impl Responder {
    match admin.log.set(directives.trim()) {
        Ok(()) => {
            tracing::info!(directives, "what is logged was changed, as was asked for");
            text(StatusCode::OK, "what is logged was changed")
        }
        Err(error) => text(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}
