use actix_web::http::header::AUTHORIZATION;
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;

use super::{Reply, TOKEN, reply, reply_of, sources};
use crate::status::State;
use crate::status::sample::{at_work, starting};

const ALL: [&str; 4] = [
    "/api/pause",
    "/api/resume",
    "/api/actors/transformer-0/restart",
    "/api/log-level",
];

fn post(path: &str, authorization: &str) -> TestRequest {
    TestRequest::post()
        .uri(path)
        .insert_header((AUTHORIZATION, authorization))
}

fn as_admin(path: &str) -> TestRequest {
    post(path, &format!("Bearer {TOKEN}"))
}

#[test]
fn who_has_no_token_or_a_wrong_one_may_do_nothing() {
    let board = at_work();
    let wrong = [
        "Bearer the-admins-toke",
        "Bearer the-admins-token2",
        "Bearer  the-admins-token",
        "Bearer ",
        "Bearer",
        "Basic the-admins-token",
        "the-admins-token",
        "",
    ];
    for path in ALL {
        let refused = |reply: Reply| {
            assert_eq!(reply.code, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
            assert!(!reply.body.contains(TOKEN), "P10: {}", reply.body);
        };
        refused(reply(&board, TestRequest::post().uri(path)));
        for authorization in wrong {
            refused(reply(&board, post(path, authorization)));
        }
    }
    assert_eq!(board.snapshot().state, State::Running);
}

#[test]
fn where_there_is_no_token_nobody_may_do_anything() {
    let board = at_work();
    for path in ALL {
        for authorization in [format!("Bearer {TOKEN}"), "Bearer ".to_owned()] {
            let refused = reply_of(sources(&board, None), post(path, &authorization));
            assert_eq!(refused.code, StatusCode::FORBIDDEN, "{path}");
            assert!(
                refused.body.contains("GREENROOM_ADMIN_TOKEN"),
                "{}",
                refused.body
            );
        }
    }
    assert_eq!(board.snapshot().state, State::Running);
}

#[test]
fn only_post_acts() {
    for path in ALL {
        let refused = reply(&at_work(), as_admin(path).method(Method::GET));
        assert_eq!(refused.code, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(refused.header("allow"), "POST", "{path}");
    }
}

#[test]
fn pause_and_resume_show_in_the_state() {
    let board = at_work();
    for (path, state) in [
        ("/api/pause", State::Paused),
        ("/api/pause", State::Paused),
        ("/api/resume", State::Running),
    ] {
        assert_eq!(reply(&board, as_admin(path)).code, StatusCode::OK);
        assert_eq!(board.snapshot().state, state);
    }
    let any_case = post("/api/pause", &format!("bearer {TOKEN}"));
    assert_eq!(reply(&board, any_case).code, StatusCode::OK);
}

#[test]
fn a_restart_is_asked_for_by_the_actors_name() {
    let code = |name| {
        let path = format!("/api/actors/{name}/restart");
        reply(&at_work(), as_admin(&path)).code
    };
    assert_eq!(code("transformer-0"), StatusCode::ACCEPTED);
    assert_eq!(code("producer"), StatusCode::CONFLICT, "it has ended");
    for nobody in ["transformer-1", "Producer", "%2e%2e", "a%0ab"] {
        let path = format!("/api/actors/{nobody}/restart");
        let reply = reply(&at_work(), as_admin(&path));
        assert_eq!(reply.code, StatusCode::NOT_FOUND, "{nobody}");
        assert!(
            reply.body.contains("transformer-0, producer"),
            "{}",
            reply.body
        );
    }
    let before_any_actor = reply(&starting(), as_admin("/api/actors/producer/restart"));
    assert_eq!(before_any_actor.code, StatusCode::NOT_FOUND);
}

#[test]
fn a_filter_that_cannot_be_read_is_refused_with_what_is_allowed() {
    let told = |directives: &'static str| {
        let request = as_admin("/api/log-level").set_payload(directives);
        reply(&at_work(), request)
    };
    assert_eq!(told("info,greenroom=debug\n").code, StatusCode::OK);
    for wrong in ["greenroom=loud", "a=b=c"] {
        let refused = told(wrong);
        assert_eq!(refused.code, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(
            refused.body.contains("info,greenroom=debug"),
            "{}",
            refused.body
        );
    }
}
