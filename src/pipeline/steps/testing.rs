//! One step alone, tried on an event.

use chrono_tz::Tz;
use secrecy::SecretSlice;

use crate::pipeline::{ErrorType, Now, Options, Outcome, Spec, Worker};
use crate::record::{Outgoing, Records};

pub const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

/// 2024-01-02T03:04:05.678901234Z
pub fn now() -> Now {
    Now::from_unix_nanos(1_704_164_645_678_901_234)
}

#[derive(Debug, PartialEq)]
pub enum Ran {
    Emitted(String),
    Filtered,
    Rejected(ErrorType, String),
}

pub struct Tried {
    spec: Spec,
    key: Option<SecretSlice<u8>>,
}

/// A pipeline of the one step whose keys are given.
pub fn step(keys: &str) -> Tried {
    let text = format!(
        "name = \"one\"\ngroup = \"g\"\ninput = [\"in\"]\noutput = \"out\"\nstep = [{{ {keys} }}]"
    );
    let spec = Spec::parse(&text, "one.toml").unwrap_or_else(|errors| panic!("{errors:#?}"));
    let key = Some(KEY.to_vec().into());
    Tried { spec, key }
}

impl Tried {
    pub fn without_key(self) -> Self {
        Tried { key: None, ..self }
    }

    pub fn run(&self, event: &str) -> Ran {
        let options = Options {
            hash_key: self.key.clone(),
            hash_key_id: None,
            timezone: Tz::UTC,
        };
        let compiled = self.spec.clone().compile(&options).expect("it has its key");
        run(&mut compiled.worker(), event)
    }
}

fn run(worker: &mut Worker, event: &str) -> Ran {
    let mut records = Records::default();
    records.push(0, None, None, Some(event.as_bytes()));
    let mut out = Outgoing::default();
    match worker.process(records.get(0), 0, now(), &mut out, None) {
        Outcome::Filtered(_) => Ran::Filtered,
        Outcome::Rejected(rejection) => Ran::Rejected(rejection.error_type, rejection.detail),
        Outcome::Emitted => {
            let value = out.get(0, &records).value().expect("an event has a value");
            Ran::Emitted(String::from_utf8(value.to_vec()).expect("JSON is UTF-8"))
        }
    }
}

pub fn emitted(event: &str) -> Ran {
    Ran::Emitted(event.to_owned())
}

pub fn rejected(error_type: &str, detail: &str) -> Ran {
    let all = [
        ErrorType::MissingField,
        ErrorType::InvalidIp,
        ErrorType::InvalidTimestamp,
        ErrorType::TransformationError,
    ];
    let found = all.into_iter().find(|each| each.as_str() == error_type);
    Ran::Rejected(found.expect("a step's error type"), detail.to_owned())
}
