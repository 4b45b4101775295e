//! What went wrong, and what that means for the caller.

use rdkafka::error::KafkaError;

use super::Code;

/// What an error asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The client goes on trying by itself; nothing is lost.
    Transient,
    /// Trying again cannot help: says what is missing or wrong. Readiness fails at once.
    Final(&'static str),
    /// Another client took this one's place: a transactional id or group instance id in use twice.
    Fenced,
    /// The group has a member with this client's group instance id, alive or taken for alive, and
    /// by the brokers' own protocol it stays: make a new client, again and again, until it is gone.
    Barred,
    /// This client is of no further use: make a new one and rewind.
    Fatal,
}

impl Class {
    /// The class of an error code on its own.
    pub fn of(code: Code) -> Self {
        match code {
            Code::TopicAuthorizationFailed => Class::Final(
                "the right Read (input) or Write (output) on the topic is missing, or the topic does not exist",
            ),
            Code::GroupAuthorizationFailed => {
                Class::Final("the right Read on the consumer group is missing")
            }
            Code::ClusterAuthorizationFailed => Class::Final(
                "the right Write on any topic, or IdempotentWrite on the cluster, is missing",
            ),
            Code::TransactionalIdAuthorizationFailed => {
                Class::Final("the right Write on the transactional id is missing")
            }
            Code::Authentication | Code::SaslAuthenticationFailed => {
                Class::Final("user, password or SASL mechanism is wrong")
            }
            Code::UnsupportedSASLMechanism => {
                Class::Final("the broker does not offer this SASL mechanism")
            }
            Code::SSL => {
                Class::Final("the TLS handshake failed: the CA, certificate or key is wrong")
            }
            Code::InvalidSessionTimeout => {
                Class::Final("session.timeout.ms is outside the range the broker allows")
            }
            Code::InconsistentGroupProtocol => Class::Final(
                "the group's other members use another partition.assignment.strategy or group.protocol",
            ),
            Code::UnsupportedVersion | Code::UnsupportedFeature => {
                Class::Final("the broker is too old for a feature that the settings ask for")
            }
            Code::Fenced | Code::FencedInstanceId | Code::ProducerFenced => Class::Fenced,
            Code::UnreleasedInstanceId => Class::Barred,
            Code::Fatal => Class::Fatal,
            _ => Class::Transient,
        }
    }
}

/// An error that the client reports by itself, not as the answer to a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} ({code:?}{})", if *.fatal { ", fatal" } else { "" })]
pub struct ClientError {
    /// The cause; where the client only said "fatal", the error behind that.
    pub code: Code,
    /// The client has stopped working for good. A consumer has then lost all its partitions
    /// without a [`Revoke`](super::ControlEvent::Revoke).
    pub fatal: bool,
    /// librdkafka's words: brokers, topics and reasons, never records (P10).
    pub text: String,
}

impl ClientError {
    pub fn class(&self) -> Class {
        match Class::of(self.code) {
            Class::Transient if self.fatal => Class::Fatal,
            class => class,
        }
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A property was refused. Its value is left out, for it may be a secret (P10).
    #[error("the Kafka property {0} is unknown or its value is not allowed")]
    Property(String),
    /// The client could not be made.
    #[error("no Kafka client could be made: {0}")]
    Create(String),
    /// librdkafka or the broker refused the call.
    #[error("{call} failed: {code}")]
    Call { call: &'static str, code: Code },
    /// The call did not end in the time given.
    #[error("{0} did not end in time")]
    Bound(&'static str),
}

impl Error {
    pub(super) fn call(call: &'static str, code: Code) -> Self {
        Error::Call { call, code }
    }

    /// What `error`, the answer to `call`, means.
    pub(super) fn from_kafka(call: &'static str, error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, _, property, _) => Error::Property(property),
            KafkaError::ClientCreation(reason) => Error::Create(reason),
            other => Error::call(call, other.rdkafka_error_code().unwrap_or(Code::Fail)),
        }
    }

    /// The error code, where librdkafka or the broker gave one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Error::Call { code, .. } => Some(*code),
            _ => None,
        }
    }

    pub fn class(&self) -> Class {
        match self {
            Error::Call { code, .. } => Class::of(*code),
            Error::Bound(_) => Class::Transient,
            Error::Property(_) | Error::Create(_) => Class::Final("the Kafka settings are wrong"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_rights_are_final_and_name_the_right() {
        for (code, right) in [
            (Code::TopicAuthorizationFailed, "Write"),
            (Code::GroupAuthorizationFailed, "group"),
            (Code::ClusterAuthorizationFailed, "IdempotentWrite"),
            (Code::TransactionalIdAuthorizationFailed, "transactional id"),
            (Code::Authentication, "password"),
            (Code::SSL, "CA"),
        ] {
            match Class::of(code) {
                Class::Final(text) => assert!(text.contains(right), "{code:?}: {text}"),
                class => panic!("{code:?} is {class:?}"),
            }
        }
    }

    #[test]
    fn a_fatal_error_keeps_the_better_name_where_there_is_one() {
        let error = |code, fatal| ClientError {
            code,
            fatal,
            text: String::new(),
        };
        assert_eq!(
            error(Code::BrokerTransportFailure, false).class(),
            Class::Transient
        );
        assert_eq!(
            error(Code::OutOfOrderSequenceNumber, true).class(),
            Class::Fatal
        );
        assert_eq!(error(Code::FencedInstanceId, true).class(), Class::Fenced);
        assert!(matches!(
            error(Code::ClusterAuthorizationFailed, true).class(),
            Class::Final(_)
        ));
    }

    #[test]
    fn p10_a_refused_property_is_named_without_its_value() {
        let mut config = rdkafka::ClientConfig::new();
        config.set("sasl.password.typo", "hunter2");
        let refused = config
            .create_native_config()
            .err()
            .expect("no such property");
        let error = Error::from_kafka("create", refused).to_string();
        assert!(error.contains("sasl.password.typo"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
