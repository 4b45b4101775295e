//! How spans reach a collector: over gRPC or HTTP, in the clear or over TLS, and what becomes of
//! them where it is away.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};

use crate::harness::{Collector, Lodger, Papers, Terms, eventually, settings_of_traces};
use crate::traces::{context, event, write};

/// Has one event traced with these settings, and says how many spans were lost.
fn trace_one(settings: &[(&str, &str)]) -> u64 {
    let sampler = ("OTEL_TRACES_SAMPLER", "parentbased_always_off");
    let settings = [settings, &[sampler]].concat();
    let mut lodger = Lodger::move_in(Terms {
        traces: Some(settings_of_traces(&settings)),
        ..Terms::default()
    });
    write(&lodger, 1, &[(event("one"), context(0, true))]);
    eventually("it to be committed", || lodger.committed() == 1);
    lodger.move_out();
    lodger.spans_dropped()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("its name is text")
}

#[test]
fn p4_p6_a_collector_that_is_away_costs_spans_which_are_counted_and_nothing_else() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let mut lodger = Lodger::move_in(Terms {
        traces: Some(settings_of_traces(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &address),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
        ])),
        ..Terms::default()
    });
    let events = (0..1000).map(|n| (event("good"), context(n, true)));
    write(&lodger, 1, &events.collect::<Vec<_>>());
    eventually("all to be committed", || lodger.committed() == 1000);
    lodger.move_out();
    assert_eq!(lodger.spans_dropped(), 4000, "four spans an event");
}

#[test]
fn p6_what_a_collector_refuses_is_counted() {
    let collector = Collector::refusing(3);
    let settings = collector.environment("parentbased_always_off");
    assert_eq!(trace_one(&settings), 3);
    assert_eq!(collector.spans().len(), 4, "they have come all the same");
}

#[test]
fn p6_a_collector_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", silent.local_addr().expect("an address"));
    let dropped = trace_one(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &address),
        ("OTEL_BSP_EXPORT_TIMEOUT", "200"),
    ]);
    assert_eq!(dropped, 4);
}

#[test]
fn spans_are_gathered_as_the_batch_processors_variables_say() {
    let collector = Collector::listen();
    let settings = collector.environment("parentbased_always_off");
    let batches = ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "3");
    assert_eq!(trace_one(&[&settings[..], &[batches]].concat()), 0);
    let sizes: Vec<_> = collector.requests().iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 1]);

    let room = ("OTEL_BSP_MAX_QUEUE_SIZE", "3");
    let dropped = trace_one(&[&settings[..], &[room]].concat());
    assert_eq!(dropped, 4, "a journey is sent whole or not at all");
}

#[test]
fn spans_go_over_http_too_with_the_headers_that_are_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let taken = thread::spawn(move || take_request(listener.accept().expect("a connection").0));
    let dropped = trace_one(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &address),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b"),
    ]);
    assert_eq!(dropped, 0);

    let request = taken.join().expect("a request");
    let text = String::from_utf8_lossy(&request).to_lowercase();
    assert!(text.starts_with("post /v1/traces http/1.1"), "{text}");
    assert!(text.contains("api-key: a b\r\n"), "{text}");
    assert!(text.contains("process input") && text.contains("send output"));
}

#[test]
fn spans_go_over_tls_to_a_collector_that_asks_who_we_are() {
    let (theirs, ours) = (Papers::draw_up(), Papers::draw_up());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("https://{}", listener.local_addr().expect("an address"));
    let acceptor = acceptor(&theirs, &ours);
    let taken = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        take_request(acceptor.accept(stream).expect("each trusts the other"))
    });
    let (certificate, own) = (theirs.certificate(), ours.certificate());
    let dropped = trace_one(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &address),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", text(&certificate)),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", text(&own)),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", text(&ours.key())),
    ]);
    assert_eq!(dropped, 0);
    let request = taken.join().expect("a request");
    assert!(request.starts_with(b"POST /v1/traces HTTP/1.1"));
}

/// Nobody comes in whom `trusted` does not name.
fn acceptor(own: &Papers, trusted: &Papers) -> SslAcceptor {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).expect("an acceptor");
    acceptor.set_private_key(own.private_key()).expect("a key");
    acceptor
        .set_certificate(own.x509())
        .expect("its certificate");
    let roots = acceptor.cert_store_mut();
    roots.add_cert(trusted.x509().clone()).expect("a root");
    acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    acceptor.build()
}

#[test]
fn grpc_goes_over_tls_too_and_to_nobody_who_is_not_trusted() {
    let collector = Collector::listen();
    let papers = Papers::draw_up();
    let address = format!("https://{}", papers.open_door(collector.address()));
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*address),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    assert_eq!(trace_one(&settings), 4, "nobody knows that certificate");
    assert_eq!(collector.spans(), []);
    let certificate = papers.certificate();
    let trusting = ("OTEL_EXPORTER_OTLP_CERTIFICATE", text(&certificate));
    assert_eq!(trace_one(&[&settings[..], &[trusting]].concat()), 0);
    assert_eq!(collector.spans().len(), 4);
}

/// One request, with its body; it is answered as a collector would.
fn take_request(mut stream: impl Read + Write) -> Vec<u8> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !is_whole_request(&request) {
        let read = stream.read(&mut part).expect("more of it");
        assert!(read > 0, "it ends too early");
        request.extend_from_slice(&part[..read]);
    }
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).expect("it waits");
    request
}

fn is_whole_request(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some(head) = text.split_once("\r\n\r\n").map(|(head, _)| head) else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|of| of.parse().ok()).expect("a length");
    request.len() >= head.len() + 4 + length
}
