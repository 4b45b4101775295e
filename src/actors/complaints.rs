//! What a client has to say of the brokers, logged as often as that helps: during an outage it
//! says the same once a second and for each of them.

use std::collections::HashMap;
use std::time::Duration;

use crate::kafka::{ClientError, Code};
use crate::repeats::{Held, Repeats};
use crate::supervision::{Clock, Moment, SystemClock};

/// So often an error is said again, with the number of those like it.
const SAY: Duration = Duration::from_secs(10);

/// One client's complaints, each error code for itself.
#[derive(Default)]
pub struct Complaints {
    clock: SystemClock,
    /// By error code.
    repeats: HashMap<i32, Repeats>,
}

impl Complaints {
    /// Trouble that passes: librdkafka goes on trying.
    pub fn trouble(&mut self, error: &ClientError) {
        if let Some(held) = self.admit_now(error.code) {
            tracing::warn!(%error, "trouble with the brokers{held}");
        }
    }

    /// A refusal that no trying mends, and what is `missing`.
    pub fn refusal(&mut self, error: &ClientError, missing: &str) {
        if let Some(held) = self.admit_now(error.code) {
            tracing::error!(%error, missing, "the broker refuses us{held}");
        }
    }

    /// A summary of so many bytes that its topic, or librdkafka, did not take.
    pub fn unsent(&mut self, code: Code, bytes: usize) {
        if let Some(held) = self.admit_now(code) {
            tracing::warn!(?code, bytes, "a summary could not be sent{held}");
        }
    }

    fn admit_now(&mut self, code: Code) -> Option<Held> {
        self.admit(code, self.clock.now().since(Moment::START))
    }

    fn admit(&mut self, code: Code, now: Duration) -> Option<Held> {
        let repeats = self.repeats.entry(code as i32);
        repeats.or_insert_with(|| Repeats::new(SAY)).admit(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_each_error_is_said_at_once_and_then_once_in_a_while() {
        let mut complaints = Complaints::default();
        let mut said = |code, seconds| {
            let held = complaints.admit(code, Duration::from_secs(seconds));
            held.map(|held| held.to_string())
        };
        assert_eq!(said(Code::BrokerTransportFailure, 0), Some(String::new()));
        assert_eq!(said(Code::BrokerTransportFailure, 1), None);
        assert_eq!(said(Code::Authentication, 1), Some(String::new()));
        assert_eq!(
            said(Code::BrokerTransportFailure, 10),
            Some("; and 1 more like it".to_owned())
        );
    }
}
