//! What an audit says at its end.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::cli::demo::screen::grouped;

/// The books of a run, closed: `consumed` = `produced` + `filtered` + `rejected` + `lost`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records of the input topic.
    pub consumed: u64,
    /// Inputs whose first result is an output.
    pub produced: u64,
    /// Inputs without any result that the service says it filtered.
    pub filtered: u64,
    /// Inputs whose first result is a dead letter.
    pub rejected: u64,
    /// Inputs without any result.
    pub lost: u64,
    /// Results beyond an input's first.
    pub duplicated: u64,
    /// Outputs, the first of their input, that come after one of a later offset of the same
    /// partition.
    pub out_of_order: u64,
    /// Restarts of actors, as the service counts them.
    pub restarts: u64,
    /// Results that belong to no input.
    #[serde(skip)]
    pub strangers: u64,
    /// Records that were deleted before the audit read them. Above zero, it vouches for nothing.
    #[serde(skip)]
    pub unread: u64,
    /// `rejected` by error type.
    #[serde(skip)]
    pub rejections: BTreeMap<String, u64>,
}

impl Report {
    /// Whether every record is known to have reached its end.
    pub fn nothing_lost(&self) -> bool {
        self.lost == 0 && self.unread == 0
    }

    /// One JSON object on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a struct of numbers can be written as JSON")
    }

    fn equation(&self) -> String {
        let mut text = format!(
            "in {} = out {} + filtered {} + rejected {}",
            grouped(self.consumed),
            grouped(self.produced),
            grouped(self.filtered),
            grouped(self.rejected)
        );
        if self.lost > 0 {
            text += &format!(" + lost {}", grouped(self.lost));
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.equation())?;
        let mut row = |name: &str, count: u64| write!(f, "\n  {name:<32}{:>12}", grouped(count));
        for (error_type, count) in &self.rejections {
            row(&format!("rejected: {error_type}"), *count)?;
        }
        row("lost", self.lost)?;
        row("duplicated", self.duplicated)?;
        row("out of order", self.out_of_order)?;
        row("restarts", self.restarts)?;
        if self.strangers > 0 {
            row("results of no input", self.strangers)?;
        }
        if self.unread > 0 {
            row("deleted, not audited", self.unread)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            consumed: 123_456,
            produced: 120_001,
            rejected: 3_455,
            duplicated: 12,
            restarts: 31,
            rejections: BTreeMap::from([
                ("invalid_json".to_owned(), 1_200),
                ("missing_field".to_owned(), 2_255),
            ]),
            ..Report::default()
        }
    }

    #[test]
    fn the_table_begins_with_the_equation() {
        assert_eq!(
            report().to_string(),
            "in 123,456 = out 120,001 + filtered 0 + rejected 3,455
  rejected: invalid_json                 1,200
  rejected: missing_field                2,255
  lost                                       0
  duplicated                                12
  out of order                               0
  restarts                                  31"
        );
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let wrong = Report {
            lost: 1_000,
            strangers: 2,
            unread: 3,
            ..report()
        };
        let table = wrong.to_string();
        assert!(
            table.starts_with(
                "in 123,456 = out 120,001 + filtered 0 + rejected 3,455 + lost 1,000\n"
            )
        );
        assert!(table.contains("\n  results of no input                        2"));
        assert!(table.contains("\n  deleted, not audited                       3"));
    }

    #[test]
    fn json_has_the_documented_members_in_their_order() {
        assert_eq!(
            report().to_json(),
            r#"{"consumed":123456,"produced":120001,"filtered":0,"rejected":3455,"lost":0,"duplicated":12,"out_of_order":0,"restarts":31}"#
        );
    }

    #[test]
    fn p1_nothing_is_lost_only_where_everything_was_seen() {
        assert!(report().nothing_lost());
        assert!(
            !Report {
                lost: 1,
                ..report()
            }
            .nothing_lost()
        );
        assert!(
            !Report {
                unread: 1,
                ..report()
            }
            .nothing_lost()
        );
    }
}
