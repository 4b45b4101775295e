//! Rights on a guarded broker. No client that the tests have can grant any, so the one request it
//! takes is written by hand: CreateAcls, version 1.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::Broker;

const CREATE_ACLS: i16 = 30;
const VERSION: i16 = 1;
const LITERAL: i8 = 3;
const ALLOW: i8 = 3;

/// A kind of thing that there are rights on.
#[derive(Clone, Copy)]
pub enum On {
    Topic = 2,
    Group = 3,
}

/// What somebody may do.
#[derive(Clone, Copy)]
pub enum Right {
    Read = 3,
    Write = 4,
    Describe = 8,
    DescribeConfigs = 10,
}

/// Gives everybody a right on the thing of this name; `*` is all of them. From then on nobody has a
/// right on it that was not given.
pub fn grant(broker: &Broker, on: On, name: &str, right: Right) {
    let mut request = Vec::new();
    request.extend(CREATE_ACLS.to_be_bytes());
    request.extend(VERSION.to_be_bytes());
    request.extend(0i32.to_be_bytes()); // correlation
    request.extend((-1i16).to_be_bytes()); // no client id
    request.extend(1i32.to_be_bytes()); // rights that follow
    request.push(on as u8);
    put_text(&mut request, name);
    request.extend(LITERAL.to_be_bytes());
    put_text(&mut request, "User:*");
    put_text(&mut request, "*"); // from any host
    request.push(right as u8);
    request.extend(ALLOW.to_be_bytes());

    let answer = ask(broker, &request);
    // correlation, throttle time, one result: its code, and why
    assert_eq!(&answer[8..14], [0, 0, 0, 1, 0, 0], "{answer:?}");
}

fn put_text(request: &mut Vec<u8>, text: &str) {
    request.extend((text.len() as i16).to_be_bytes());
    request.extend(text.as_bytes());
}

fn ask(broker: &Broker, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(broker.bootstrap()).expect("the broker listens");
    let mut size = (request.len() as i32).to_be_bytes();
    stream
        .write_all(&size)
        .and_then(|()| stream.write_all(request))
        .and_then(|()| stream.read_exact(&mut size))
        .expect("the broker answers");
    let mut answer = vec![0; i32::from_be_bytes(size) as usize];
    stream
        .read_exact(&mut answer)
        .expect("all of the answer comes");
    answer
}
