//! librdkafka's own properties, handed through: `GREENROOM_KAFKA_<PROPERTY>` for both clients,
//! `GREENROOM_KAFKA_CONSUMER_<PROPERTY>` and `GREENROOM_KAFKA_PRODUCER_<PROPERTY>` for one.
//! Those that would break a promise are refused by name.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::listing::Listed;
use super::rules::RULES;
use super::sources::{Found, Sources};
use super::{Origin, Problem};

/// Name and audience of each property that librdkafka 2.12.1 reads from text, from its
/// CONFIGURATION.md, without those that are deprecated or have no meaning here.
const KNOWN: &str = include_str!("librdkafka.txt");

const PREFIX: &str = "GREENROOM_KAFKA_";

/// Properties by librdkafka's names. No value is printed: passwords are among them (P10).
#[derive(Clone, Debug, Default)]
pub struct Properties {
    /// For every client.
    pub common: BTreeMap<&'static str, SecretString>,
    /// For consumers, over the common ones.
    pub consumer: BTreeMap<&'static str, SecretString>,
    /// For producers, over the common ones.
    pub producer: BTreeMap<&'static str, SecretString>,
}

/// A variable that sets a property.
#[derive(Clone, Debug)]
pub(super) struct Property {
    pub(super) variable: String,
    pub(super) name: &'static str,
    audience: Audience,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Common,
    Consumer,
    Producer,
}

impl Properties {
    /// Sets one property if it is given.
    pub(super) fn set(
        &mut self,
        property: &Property,
        sources: &Sources,
    ) -> Result<Option<Listed>, Problem> {
        let secret = is_secret(property.name);
        let Some(Found { text, origin }) = sources.variable(&property.variable, secret)? else {
            return Ok(None);
        };
        if let Err(why) = property.check(&text) {
            return Err(property.problem(&text, origin, why));
        }
        let shown = if secret { "(set)" } else { &text };
        let listed = Listed::new(&property.variable, shown.to_owned(), origin);
        self.of(property.audience)
            .insert(property.name, text.into());
        Ok(Some(listed))
    }

    fn of(&mut self, audience: Audience) -> &mut BTreeMap<&'static str, SecretString> {
        match audience {
            Audience::Common => &mut self.common,
            Audience::Consumer => &mut self.consumer,
            Audience::Producer => &mut self.producer,
        }
    }
}

impl Property {
    fn check(&self, text: &str) -> Result<(), String> {
        if text.trim().is_empty() {
            return Err("is empty; leave it out to have the default".to_owned());
        }
        let rule = RULES
            .iter()
            .find(|rule| rule.properties.contains(&self.name));
        let Some(rule) = rule.filter(|rule| !rule.allowed.contains(&text)) else {
            return Ok(());
        };
        let allowed = match rule.allowed {
            [] => String::new(),
            values => format!("; allowed: {}", values.join(", ")),
        };
        Err(format!("may not set {}: {}{allowed}", self.name, rule.why))
    }

    fn problem(&self, text: &str, origin: Origin, why: String) -> Problem {
        let shown = !is_secret(self.name) && !text.is_empty();
        Problem::new(&self.variable, origin, why).showing(shown.then_some(text))
    }
}

/// Every variable that sets a property. Of one property, that for a single client comes after
/// that for both, and so prevails.
pub(super) fn catalogue() -> impl Iterator<Item = Property> {
    KNOWN.lines().flat_map(|line| {
        let (name, audience) = line.split_once(' ').unwrap_or((line, "*"));
        let variable = name.replace('.', "_").to_uppercase();
        variables_of(audience)
            .iter()
            .map(move |(client, audience)| Property {
                variable: format!("{PREFIX}{client}{variable}"),
                name,
                audience: *audience,
            })
    })
}

/// What stands before a property's name, and whom it reaches then. A property of one client only
/// reaches that one, also by its plain name.
fn variables_of(audience: &str) -> &'static [(&'static str, Audience)] {
    use Audience::{Common, Consumer, Producer};
    match audience {
        "C" => &[("", Consumer), ("CONSUMER_", Consumer)],
        "P" => &[("", Producer), ("PRODUCER_", Producer)],
        _ => &[
            ("", Common),
            ("CONSUMER_", Consumer),
            ("PRODUCER_", Producer),
        ],
    }
}

/// Passwords, keys and tokens live under these prefixes. All there is hidden, but for what helps
/// to find a fault and cannot hold a secret.
fn is_secret(name: &str) -> bool {
    let guarded = ["sasl.", "ssl.", "https."]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    let harmless = name.starts_with("sasl.mechanism")
        || name == "ssl.endpoint.identification.algorithm"
        || (name.ends_with(".location") && !name.contains("key"));
    guarded && !harmless
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::error::KafkaError;
    use rdkafka::types::RDKafkaConfRes;
    use secrecy::ExposeSecret;

    use super::*;

    fn set(env: &[(&str, &str)]) -> (Properties, Vec<Listed>, Vec<Problem>) {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.into()));
        let sources = Sources {
            env: env.collect(),
            ..Sources::default()
        };
        let mut properties = Properties::default();
        let (mut listed, mut problems) = (Vec::new(), Vec::new());
        for property in catalogue() {
            match properties.set(&property, &sources) {
                Ok(line) => listed.extend(line),
                Err(problem) => problems.push(problem),
            }
        }
        (properties, listed, problems)
    }

    #[test]
    fn librdkafka_knows_every_property() {
        let known = |name: &str| {
            let config = ClientConfig::new().set(name, "x").create_native_config();
            let unknown = RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN;
            !matches!(config, Err(KafkaError::ClientConfig(res, ..)) if res == unknown)
        };
        for property in catalogue() {
            assert!(known(property.name), "{}", property.name);
        }
        assert!(!known("no.such.property"));
    }

    #[test]
    fn every_rule_is_about_known_properties() {
        let known: Vec<_> = catalogue().map(|property| property.name).collect();
        for name in RULES.iter().flat_map(|rule| rule.properties) {
            assert!(known.contains(name), "{name}");
        }
    }

    #[test]
    fn properties_reach_the_clients_they_are_for() {
        let (properties, _, problems) = set(&[
            ("GREENROOM_KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
            ("GREENROOM_KAFKA_LINGER_MS", "7"),
            ("GREENROOM_KAFKA_CONSUMER_CLIENT_RACK", "r1"),
            ("GREENROOM_KAFKA_REQUEST_TIMEOUT_MS", "1"),
            ("GREENROOM_KAFKA_PRODUCER_REQUEST_TIMEOUT_MS", "2"),
        ]);
        assert_eq!(problems, []);
        assert_eq!(
            properties.common["security.protocol"].expose_secret(),
            "sasl_ssl"
        );
        assert_eq!(properties.producer["linger.ms"].expose_secret(), "7");
        assert_eq!(properties.consumer["client.rack"].expose_secret(), "r1");
        assert_eq!(
            properties.producer["request.timeout.ms"].expose_secret(),
            "2"
        );
        assert_eq!(properties.consumer.len(), 1);
    }

    #[test]
    fn what_would_break_a_promise_is_refused_by_name() {
        for name in RULES.iter().flat_map(|rule| rule.properties) {
            let variable = format!("{PREFIX}{}", name.replace('.', "_").to_uppercase());
            let (properties, _, problems) = set(&[(&variable, "bad")]);
            let texts: Vec<_> = problems.iter().map(Problem::to_string).collect();
            assert_eq!(texts.len(), 1, "{name}");
            assert!(texts[0].starts_with(&format!(
                "{variable}=\"bad\" (environment) may not set {name}: "
            )));
            assert!(
                properties.common.is_empty()
                    && properties.consumer.is_empty()
                    && properties.producer.is_empty()
            );
        }
    }

    #[test]
    fn what_keeps_the_promise_is_allowed() {
        let (_, listed, problems) = set(&[
            ("GREENROOM_KAFKA_ACKS", "all"),
            ("GREENROOM_KAFKA_CONSUMER_ENABLE_AUTO_COMMIT", "false"),
        ]);
        assert_eq!((listed.len(), problems.len()), (2, 0));
    }

    #[test]
    fn p10_credentials_are_listed_as_set() {
        for name in [
            "sasl.password",
            "sasl.username",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.config",
            "sasl.kerberos.kinit.cmd",
            "ssl.key.pem",
            "ssl.key.password",
            "ssl.keystore.password",
            "https.ca.pem",
        ] {
            let variable = format!("{PREFIX}{}", name.replace('.', "_").to_uppercase());
            let (properties, listed, _) = set(&[(&variable, "hush")]);
            assert_eq!(listed[0].value, "(set)", "{name}");
            assert!(!format!("{properties:?}").contains("hush"), "{name}");
        }
        let (_, listed, _) = set(&[("GREENROOM_KAFKA_SSL_CA_LOCATION", "/ca.pem")]);
        assert_eq!(listed[0].value, "/ca.pem");
    }
}
