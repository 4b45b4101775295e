//! What is measured: every row of the tables, as data.

use crate::forwarders::{FAST, SAFE};

/// One subject, and what it has to do.
#[derive(Clone)]
pub struct Row {
    pub name: String,
    pub program: Program,
    /// The service's variables.
    pub settings: Vec<(&'static str, String)>,
    /// The share of records that is traced, where there is a collector.
    pub traced: Option<&'static str>,
    pub course: Course,
    pub when: When,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The bench's own program in this role: S or F.
    Forwarder(&'static str),
    /// `greenroom run` with the preset of this name.
    Service(&'static str),
}

/// What it has to carry.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Course {
    pub partitions: usize,
    /// Distinct values of a member that is counted.
    pub versions: usize,
    /// Distinct keys of records; without, they have none.
    pub keys: usize,
    /// Where it is not as many as asked for.
    pub records: Option<usize>,
    /// How many times as many records are carried before the measured ones, and behind them.
    pub before: usize,
    pub behind: usize,
}

/// When a row is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// By its name, or the beginning of it.
    Asked,
    /// By its whole name.
    Named,
}

/// A rate at which the latency of a subject is measured.
pub struct Paced {
    pub row: Row,
    pub rate: usize,
}

/// The forwarder that all are compared with.
pub const REFERENCE: &str = "S";

const PARTITIONS: usize = 4;
const EXACTLY_ONCE: (&str, &str) = ("GREENROOM_DELIVERY", "exactly-once");

/// CPU, speed and memory.
pub fn costs() -> Vec<Row> {
    let mut rows = vec![safe(REFERENCE), fast("F")];
    for preset in ["logins", "masked", "projection"] {
        for workers in [1, 2, 4] {
            let row = service(preset, format!("{preset}/{workers}"));
            let row = row.with("GREENROOM_TRANSFORMERS", workers);
            let exactly_once = Row {
                name: format!("{}/exactly-once", row.name),
                ..row.clone().with(EXACTLY_ONCE.0, EXACTLY_ONCE.1)
            };
            rows.extend([row, exactly_once]);
        }
    }
    rows.extend(["kafka", "memory"].map(|store| {
        let row = service("logins", format!("counts/{store}")).asked();
        row.with("GREENROOM_COUNTS_STORE", store)
    }));
    rows.extend([None, Some("0"), Some("0.01")].map(|ratio| Row {
        traced: ratio,
        ..service("logins", format!("telemetry/{}", ratio.unwrap_or("off"))).asked()
    }));
    rows.extend(scale());
    rows
}

/// What must not grow: `logins` by size of what it works on.
fn scale() -> Vec<Row> {
    let logins = |name: String, course: Course| Row {
        course,
        ..service("logins", name).asked()
    };
    let mut rows = Vec::new();
    for partitions in [1, 8, 64, 512] {
        let name = format!("scale/partitions/{partitions}");
        let course = Course {
            partitions,
            ..Course::usual()
        };
        // Scattered records cost a forwarder more, too.
        let forwarder = Row {
            course: course.clone(),
            ..safe(&format!("{name}/S")).asked()
        };
        rows.extend([forwarder, logins(name, course)]);
    }
    for versions in [10, 100, 1_000, 10_000, 100_000] {
        let course = Course {
            versions,
            ..Course::usual()
        };
        rows.push(logins(format!("scale/keys/{versions}"), course));
    }
    // One hot partition: by partition one of two workers has it all, by key both have some.
    for workers_by in ["partition", "key"] {
        let course = Course {
            partitions: 1,
            keys: 1_000,
            ..Course::usual()
        };
        let row = logins(format!("scale/hot/{workers_by}"), course);
        let row = row.with("GREENROOM_WORKER_KEY", workers_by);
        rows.push(row.with("GREENROOM_TRANSFORMERS", 2));
    }
    // The second tenth of a long run, and the ninth.
    for before in [1, 8] {
        let course = Course {
            before,
            behind: 9 - before,
            ..Course::usual()
        };
        rows.push(logins(format!("scale/time/{before}"), course));
    }
    for records in [10_000, 100_000, 1_000_000, 10_000_000] {
        let course = Course {
            records: Some(records),
            ..Course::usual()
        };
        rows.push(logins(format!("scale/backlog/{records}"), course));
    }
    if let Some(longest) = rows.last_mut() {
        longest.when = When::Named;
    }
    rows
}

/// Latency at a steady rate.
pub fn latencies() -> Vec<Paced> {
    let mut all = Vec::new();
    for rate in [1_000, 5_000, 50_000] {
        let name = |subject| format!("latency/{rate}/{subject}");
        let exactly_once = service("logins", name("exactly-once"));
        let rows = [
            safe(&name(REFERENCE)),
            service("logins", name("at-least-once")),
            exactly_once.with(EXACTLY_ONCE.0, EXACTLY_ONCE.1),
        ];
        all.extend(rows.map(|row| Paced { row, rate }));
    }
    all
}

impl Row {
    fn new(program: Program, name: String) -> Row {
        Row {
            name,
            program,
            settings: Vec::new(),
            traced: None,
            course: Course::usual(),
            when: When::Always,
        }
    }

    fn asked(self) -> Row {
        Row {
            when: When::Asked,
            ..self
        }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Row {
        self.settings.push((name, value.to_string()));
        self
    }

    /// Whether its outputs become visible by transactions.
    pub fn is_exactly_once(&self) -> bool {
        self.has(EXACTLY_ONCE)
    }

    /// The embedded broker gives transactions no meaning, makes no topic of counts, and holds no
    /// backlog.
    pub fn needs_real_broker(&self) -> bool {
        let keeps_counts = self.has(("GREENROOM_COUNTS_STORE", "kafka"));
        self.is_exactly_once() || keeps_counts || self.course.records.is_some()
    }

    fn has(&self, (name, value): (&str, &str)) -> bool {
        let mut settings = self.settings.iter();
        settings.any(|(of, is)| *of == name && is == value)
    }

    /// Whether these names, or none at all, ask for it.
    pub fn is_wanted(&self, names: &[String]) -> bool {
        let begins = |name: &String| {
            let rest = self.name.strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match self.when {
            When::Always if names.is_empty() => true,
            When::Named => names.contains(&self.name),
            When::Always | When::Asked => names.iter().any(begins),
        }
    }
}

impl Course {
    fn usual() -> Course {
        Course {
            partitions: PARTITIONS,
            versions: 1,
            keys: 0,
            records: None,
            before: 0,
            behind: 0,
        }
    }
}

fn safe(name: &str) -> Row {
    Row::new(Program::Forwarder(SAFE), name.to_owned())
}

fn fast(name: &str) -> Row {
    Row::new(Program::Forwarder(FAST), name.to_owned())
}

fn service(preset: &'static str, name: String) -> Row {
    Row::new(Program::Service(preset), name)
}
