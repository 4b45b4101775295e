//! What is answered where. GET looks and POST acts.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{ACCEPT, ALLOW, ContentType};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Handler, HttpRequest, HttpResponse, Resource, Responder};

use super::admin::AdminToken;
use super::control;
use super::page::PAGE;
use crate::counts::Snapshot;
use crate::status::Board;
use crate::telemetry::Metrics;
use crate::telemetry::logs::Filter;

/// What this instance has counted.
pub type CountsSource = Arc<dyn Fn() -> Snapshot + Send + Sync>;

/// A supervisor that takes longer to answer is as good as none: it does nothing but watch.
const ANSWER: Duration = Duration::from_secs(2);

/// What answers are made from.
pub struct Sources {
    pub(super) board: Board,
    metrics: Metrics,
    counts: CountsSource,
    /// None: nobody may do anything.
    pub(super) admin: Option<(AdminToken, Filter)>,
    /// For the supervisor's answer.
    pub(super) patience: Duration,
}

impl Sources {
    pub fn new(board: Board, counts: CountsSource) -> Self {
        Sources {
            metrics: Metrics::new(board.clone()),
            board,
            counts,
            admin: None,
            patience: ANSWER,
        }
    }

    /// Lets whoever shows the token act too, and change what is logged.
    pub fn controlled_by(mut self, token: AdminToken, log: Filter) -> Self {
        self.admin = Some((token, log));
        self
    }
}

pub fn configure(app: &mut ServiceConfig) {
    app.service(get("/", page))
        .service(get("/healthz", healthz))
        .service(get("/readyz", readyz))
        .service(get("/metrics", metrics))
        .service(get("/api/status", status))
        .service(get("/api/counts", counts))
        .service(post("/api/pause", control::pause))
        .service(post("/api/resume", control::resume))
        .service(post("/api/actors/{name}/restart", control::restart))
        .service(post("/api/log-level", control::log_level))
        .default_service(web::to(|| async {
            text(StatusCode::NOT_FOUND, "no such page")
        }));
}

fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    only(Method::GET, path, handler)
}

fn post<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    only(Method::POST, path, handler)
}

fn only<F, Args>(method: Method, path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::method(method.clone()).to(handler))
        .default_service(web::to(move || {
            let line = format!("only {method} is answered here");
            let refused = text(StatusCode::METHOD_NOT_ALLOWED, &line);
            ready(refused.customize().insert_header((ALLOW, method.as_str())))
        }))
}

async fn page() -> impl Responder {
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .body(PAGE)
}

async fn healthz(sources: Data<Sources>) -> impl Responder {
    match tokio::time::timeout(sources.patience, sources.board.answers()).await {
        Ok(true) => text(StatusCode::OK, "alive"),
        Ok(false) => text(StatusCode::SERVICE_UNAVAILABLE, "given up"),
        Err(_) => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the supervisor does not answer",
        ),
    }
}

async fn readyz(sources: Data<Sources>, request: HttpRequest) -> impl Responder {
    let readiness = sources.board.readiness();
    let code = match readiness.ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    if wants_json(&request) {
        return HttpResponse::build(code).json(readiness);
    }
    text(code, &readiness.to_string())
}

fn wants_json(request: &HttpRequest) -> bool {
    let accepted = request
        .headers()
        .get(ACCEPT)
        .and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("application/json"))
}

async fn metrics(sources: Data<Sources>) -> impl Responder {
    match sources.metrics.render() {
        Ok(metrics) => HttpResponse::Ok()
            .content_type(Metrics::CONTENT_TYPE)
            .body(metrics),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn status(sources: Data<Sources>) -> impl Responder {
    web::Json(sources.board.snapshot())
}

async fn counts(sources: Data<Sources>) -> impl Responder {
    web::Json((sources.counts)())
}

pub(super) fn text(code: StatusCode, line: &str) -> HttpResponse {
    HttpResponse::build(code)
        .content_type(ContentType::plaintext())
        .body(format!("{line}\n"))
}
