//! A text as it is to be, with holes where only the form is known: the time of the work, and words
//! that say what was wrong.

use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDateTime, Utc};

/// A span of time in which the work was done.
pub type During = RangeInclusive<DateTime<Utc>>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A name in quotes: escapes in it are as good as none.
    Name(String),
    Hole(Hole),
}

/// What is known of a part that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hole {
    /// Now, as whole seconds.
    UnixSeconds,
    /// Now, as seconds with a fraction.
    UnixFraction,
    /// Now, as text: `2026-01-02 03:04:05`.
    DateTime,
    /// Now, as text: `2026-01-02T03:04:05.678Z`.
    Rfc3339Millis,
    /// A text that begins like this, and goes on.
    Words(&'static str),
}

/// How a text differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// From this byte on.
    At(usize),
    /// This text is not what is due in a hole.
    Hole(Hole, String),
}

impl Expected {
    pub fn text(text: &str) -> Expected {
        Expected(vec![Piece::Text(text.to_owned())])
    }

    /// An object of these members, written compactly.
    pub fn object<'a>(members: impl Iterator<Item = (&'a str, &'a Expected)>) -> Expected {
        let mut whole = Expected::text("{");
        for (place, (name, value)) in members.enumerate() {
            let comma = if place == 0 { "" } else { "," };
            whole.push(Piece::Text(comma.to_owned()));
            whole.push(Piece::Name(name.to_owned()));
            whole.push(Piece::Text(":".to_owned()));
            value.0.iter().for_each(|piece| whole.push(piece.clone()));
        }
        whole.push(Piece::Text("}".to_owned()));
        whole
    }

    /// The text, where there are no holes in it.
    pub fn as_text(&self) -> Option<&str> {
        match &self.0[..] {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    fn push(&mut self, piece: Piece) {
        match (self.0.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            (_, piece) => self.0.push(piece),
        }
    }

    /// What stands in the holes of a text that fits.
    ///
    /// # Errors
    /// Where it does not.
    pub fn fit<'t>(&self, text: &'t str, during: &During) -> Result<Vec<(Hole, &'t str)>, Misfit> {
        let mut rest = text;
        let mut found = Vec::new();
        for piece in &self.0 {
            let at = text.len() - rest.len();
            let end = piece.end(rest);
            let (taken, left) = rest.split_at(end);
            match piece {
                Piece::Text(due) if due == taken => {}
                Piece::Text(_) => return Err(Misfit::At(at + end)),
                Piece::Name(due) if is_name(due, taken) => {}
                Piece::Name(_) => return Err(Misfit::At(at)),
                Piece::Hole(hole) if hole.holds(taken, during) => found.push((*hole, taken)),
                Piece::Hole(hole) => return Err(Misfit::Hole(*hole, taken.to_owned())),
            }
            rest = left;
        }
        match rest {
            "" => Ok(found),
            _ => Err(Misfit::At(text.len() - rest.len())),
        }
    }
}

impl Piece {
    /// How much of a text is to be compared with this piece.
    fn end(&self, rest: &str) -> usize {
        match self {
            Piece::Text(due) => common(due, rest),
            Piece::Name(_) | Piece::Hole(Hole::DateTime | Hole::Rfc3339Millis | Hole::Words(_)) => {
                quoted(rest)
            }
            Piece::Hole(Hole::UnixSeconds | Hole::UnixFraction) => {
                rest.find([',', '}']).unwrap_or(rest.len())
            }
        }
    }
}

/// The length of the text in quotes that something begins with.
fn quoted(rest: &str) -> usize {
    let mut escaped = true; // as the opening quote ends nothing
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return at + 1,
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    rest.len()
}

fn is_name(due: &str, taken: &str) -> bool {
    serde_json::from_str::<String>(taken).is_ok_and(|name| name == due)
}

impl From<Hole> for Expected {
    fn from(hole: Hole) -> Expected {
        Expected(vec![Piece::Hole(hole)])
    }
}

impl From<&str> for Expected {
    fn from(text: &str) -> Expected {
        Expected::text(text)
    }
}

impl From<String> for Expected {
    fn from(text: String) -> Expected {
        Expected(vec![Piece::Text(text)])
    }
}

impl From<serde_json::Value> for Expected {
    fn from(value: serde_json::Value) -> Expected {
        value.to_string().into()
    }
}

/// How many bytes both texts begin with.
fn common(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    let mut end = pairs.take_while(|(a, b)| a == b).count();
    while !other.is_char_boundary(end) {
        end -= 1;
    }
    end
}

impl Hole {
    fn holds(self, text: &str, during: &During) -> bool {
        let inside = text.trim_matches('"');
        match self {
            Hole::UnixSeconds => is_within(text.parse().ok(), during),
            Hole::UnixFraction => text.contains('.') && is_within_micros(text.parse().ok(), during),
            Hole::DateTime => is_within(date_time(inside), during),
            Hole::Rfc3339Millis => is_millis(inside, during),
            Hole::Words(beginning) => {
                inside.len() > beginning.len() && inside.starts_with(beginning)
            }
        }
    }
}

fn is_within(seconds: Option<i64>, during: &During) -> bool {
    let whole = during.start().timestamp()..=during.end().timestamp();
    seconds.is_some_and(|seconds| whole.contains(&seconds))
}

/// A float does not hold more than microseconds of our time.
fn is_within_micros(seconds: Option<f64>, during: &During) -> bool {
    let whole = during.start().timestamp_micros() - 1..=during.end().timestamp_micros() + 1;
    seconds.is_some_and(|seconds| whole.contains(&((seconds * 1e6) as i64)))
}

fn date_time(text: &str) -> Option<i64> {
    let format = "%Y-%m-%d %H:%M:%S";
    let parsed = NaiveDateTime::parse_from_str(text, format).ok()?;
    let same = parsed.format(format).to_string() == text;
    same.then(|| parsed.and_utc().timestamp())
}

/// Whether a text is a time in UTC with milliseconds, and in the span.
pub fn is_millis(text: &str, during: &During) -> bool {
    let Ok(parsed) = DateTime::parse_from_rfc3339(text) else {
        return false;
    };
    let whole = during.start().timestamp_millis()..=during.end().timestamp_millis();
    text.len() == "2026-01-02T03:04:05.678Z".len()
        && text.ends_with('Z')
        && whole.contains(&parsed.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn during() -> During {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        at("2026-01-02T03:04:05.678Z")..=at("2026-01-02T03:04:07.000Z")
    }

    fn fits(hole: Hole, text: &str) -> bool {
        Expected::object([("a", &Expected::from(hole))].into_iter())
            .fit(&format!("{{\"a\":{text}}}"), &during())
            .is_ok()
    }

    #[test]
    fn a_hole_takes_its_form_and_its_time_only() {
        for (hole, right, wrong) in [
            (
                Hole::UnixSeconds,
                "1767323045",
                ["1767323044", "1767323045.5", "\"1767323045\""],
            ),
            (
                Hole::UnixFraction,
                "1767323045.9",
                ["1767323045.5", "1767323046", "\"1767323046.0\""],
            ),
            (
                Hole::DateTime,
                "\"2026-01-02 03:04:05\"",
                [
                    "\"2026-01-02 03:04:04\"",
                    "\"2026-1-2 3:04:05\"",
                    "1767323045",
                ],
            ),
            (
                Hole::Rfc3339Millis,
                "\"2026-01-02T03:04:05.678Z\"",
                [
                    "\"2026-01-02T03:04:05.677Z\"",
                    "\"2026-01-02T03:04:06Z\"",
                    "1767323045",
                ],
            ),
            (
                Hole::Words("no: "),
                "\"no: ip\"",
                ["\"no: \"", "\"yes\"", "null"],
            ),
        ] {
            assert!(fits(hole, right), "{right}");
            wrong
                .iter()
                .for_each(|wrong| assert!(!fits(hole, wrong), "{wrong}"));
        }
    }

    #[test]
    fn a_difference_is_told_where_it_is() {
        let expected = Expected::text("{\"a\":1}");
        assert_eq!(expected.fit("{\"a\":2}", &during()), Err(Misfit::At(5)));
        assert_eq!(expected.fit("{\"a\":1}x", &during()), Err(Misfit::At(7)));
        assert_eq!(expected.fit("{\"a\"", &during()), Err(Misfit::At(4)));
        assert_eq!(expected.fit("{\"a\":1}", &during()), Ok(Vec::new()));
    }
}
