use std::future::pending;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::App;
use actix_web::body::MessageBody;
use actix_web::http::header::{ACCEPT, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::System;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Data;
use serde_json::{Value, json};

use super::routes::configure;
use super::{AdminToken, Sources, ask, serve};
use crate::counts::Snapshot;
use crate::status::sample::{Actors, at_work, starting};
use crate::status::{ActorSource, ActorStatus, Answer, Board, Latch, State};
use crate::telemetry::logs::Filter;

mod control;

fn counts() -> Snapshot {
    serde_json::from_value(json!({
        "scope": "this instance",
        "pipeline": "logins",
        "store": "memory",
        "partitions": [{"topic": "user-login", "partition": 0, "next_offset": 500}],
        "counts": {"device_type": {"android": 3}},
    }))
    .expect("it is a snapshot")
}

struct Reply {
    code: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

const TOKEN: &str = "the-admins-token";

fn sources(board: &Board, token: Option<&str>) -> Sources {
    let sources = Sources::new(board.clone(), Arc::new(counts));
    match token {
        Some(token) => sources.controlled_by(AdminToken::new(&token.into()), Filter::of_no_log()),
        None => sources,
    }
}

fn reply(board: &Board, request: TestRequest) -> Reply {
    reply_of(sources(board, Some(TOKEN)), request)
}

fn reply_of(mut sources: Sources, request: TestRequest) -> Reply {
    System::new().block_on(async {
        sources.patience = Duration::ZERO;
        let app = init_service(App::new().app_data(Data::new(sources)).configure(configure)).await;
        let answer = call_service(&app, request.to_request()).await;
        let (head, body) = answer.into_parts().1.into_parts();
        Reply {
            code: head.status(),
            headers: head.headers().clone(),
            body: String::from_utf8(body.try_into_bytes().unwrap().to_vec()).unwrap(),
        }
    })
}

fn get(board: &Board, path: &str) -> Reply {
    reply(board, TestRequest::get().uri(path))
}

#[test]
fn ready_says_what_it_waits_for_as_text_and_as_json() {
    let board = starting();
    board.ready(Latch::Store);
    let waiting = get(&board, "/readyz");
    assert_eq!(waiting.code, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        waiting.body,
        "not ready\n\
         group: the consumer group is not joined yet\n\
         producer: the producer is not connected yet\n\
         topics: the topics are not looked up yet\n"
    );

    board.ready(Latch::Producer);
    board.not_ready(Latch::Topics, "the topic user-login is missing");
    let asked = TestRequest::get()
        .uri("/readyz")
        .insert_header((ACCEPT, "application/json"));
    let waiting = reply(&board, asked);
    assert_eq!(waiting.code, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        waiting.json(),
        json!({"ready": false, "reasons": {
            "group": "the consumer group is not joined yet",
            "topics": "the topic user-login is missing",
        }})
    );
}

#[test]
fn ready_follows_the_state() {
    let board = at_work();
    let code = || get(&board, "/readyz").code;
    assert_eq!(code(), StatusCode::OK);
    assert_eq!(get(&board, "/readyz").body, "ready\n");
    board.pause();
    assert_eq!(code(), StatusCode::OK);
    board.set_state(State::Draining);
    assert_eq!(code(), StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn p7_alive_until_given_up() {
    let board = starting();
    assert_eq!(
        get(&board, "/healthz").code,
        StatusCode::OK,
        "alive before it is ready"
    );
    board.watch(Actors { answer: true });
    board.set_state(State::Draining);
    assert_eq!(get(&board, "/healthz").body, "alive\n");
    board.fail("the consumer hangs");
    let dead = get(&board, "/healthz");
    assert_eq!(dead.code, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(dead.body, "given up\n");
}

#[test]
fn p7_a_supervisor_that_is_gone_or_hangs_is_not_alive() {
    struct Hung;
    impl ActorSource for Hung {
        fn actors(&self) -> Vec<ActorStatus> {
            Vec::new()
        }
        fn answers(&self) -> Answer {
            Box::pin(pending())
        }
        fn restart(&self, _: &str) -> Answer {
            Box::pin(pending())
        }
    }
    let board = at_work();
    board.watch(Actors { answer: false });
    assert_eq!(
        get(&board, "/healthz").code,
        StatusCode::SERVICE_UNAVAILABLE
    );
    board.watch(Hung);
    assert_eq!(
        get(&board, "/healthz").body,
        "the supervisor does not answer\n"
    );
}

#[test]
fn the_status_is_the_boards() {
    let board = at_work();
    let status = get(&board, "/api/status");
    assert_eq!(status.header("content-type"), "application/json");
    assert_eq!(
        status.json(),
        serde_json::to_value(board.snapshot()).unwrap()
    );
}

#[test]
fn counts_say_that_they_are_this_instances() {
    assert_eq!(
        get(&at_work(), "/api/counts").json(),
        serde_json::to_value(counts()).unwrap()
    );
}

#[test]
fn metrics_are_open_metrics() {
    let metrics = get(&at_work(), "/metrics");
    let content_type = metrics.header("content-type");
    assert!(
        content_type.starts_with("application/openmetrics-text"),
        "{content_type}"
    );
    assert!(metrics.body.ends_with("# EOF\n"));
}

#[test]
fn other_methods_and_other_paths_are_refused() {
    let board = at_work();
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/status",
        "/api/counts",
    ] {
        assert_eq!(get(&board, path).code, StatusCode::OK, "{path}");
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
            let refused = reply(&board, TestRequest::with_uri(path).method(method.clone()));
            assert_eq!(
                refused.code,
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
            assert_eq!(refused.header("allow"), "GET", "{method} {path}");
        }
    }
    for path in ["/api", "/api/events", "/healthz/", "/..%2f"] {
        assert_eq!(get(&board, path).code, StatusCode::NOT_FOUND, "{path}");
    }
}

/// Runs the server while `act` asks it, and stops it.
fn served(board: Board, act: impl FnOnce(SocketAddr) + Send + 'static) {
    System::new().block_on(async {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let (bound, server) = serve(free, Arc::new(sources(&board, None))).unwrap();
        let handle = server.handle();
        let running = tokio::spawn(server);
        tokio::task::spawn_blocking(move || act(bound))
            .await
            .unwrap();
        handle.stop(true).await;
        running.await.unwrap().unwrap();
    });
}

#[test]
fn a_running_service_can_be_asked_whatever_its_answer_is() {
    served(starting(), |addr| {
        assert_ne!(addr.port(), 0);
        let everywhere = SocketAddr::from(([0, 0, 0, 0], addr.port()));
        assert_eq!(
            ask(everywhere, "/healthz").unwrap(),
            (200, "alive\n".to_owned())
        );
        let (code, reasons) = ask(addr.to_string(), "/readyz").unwrap();
        assert_eq!(code, 503);
        assert!(reasons.contains("group: "), "{reasons}");
    });
}

#[test]
fn every_answer_carries_the_security_headers() {
    served(at_work(), |addr| {
        for path in ["/", "/api/status", "/nowhere"] {
            let answer = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .proxy(None);
            let agent = ureq::Agent::from(answer.build());
            let answer = agent.get(format!("http://{addr}{path}")).call().unwrap();
            let header = |name| answer.headers().get(name).unwrap().to_str().unwrap();
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("x-frame-options"), "DENY");
            assert_eq!(header("cache-control"), "no-store");
            assert!(header("content-security-policy").starts_with("default-src 'none';"));
        }
    });
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    System::new().block_on(async {
        let error = serve(addr, Arc::new(sources(&starting(), None)))
            .err()
            .expect("it is taken");
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot listen at {addr}: ")),
            "{error}"
        );
    });
}
