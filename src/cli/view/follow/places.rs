//! Which partitions are followed, and from where.

use super::{ANSWER, Follower, LOOK, RETRY};
use crate::cli::preflight::unusable;
use crate::cli::{Failure, Outcome, running};
use crate::kafka::{Code, Error, TopicPartition};
use crate::supervision::Clock;

impl Follower {
    /// Looks for the topics and their partitions.
    pub(super) fn look(&mut self) -> Outcome {
        let topics: Vec<&str> = self.wish.topics.iter().map(String::as_str).collect();
        let counts = match self.admin.partitions(&topics, ANSWER) {
            Ok(answers) => self.usable(&answers)?,
            Err(error) => {
                self.next_look = self.clock.now() + RETRY;
                return self.trouble(&error);
            }
        };
        self.next_look = self.clock.now() + LOOK;
        if !self.begun {
            let begun = match self.wish.group {
                Some(_) => self.consumer.subscribe(&topics),
                None => self.consumer.attach(&topics),
            };
            begun.map_err(running)?;
            self.begun = true;
        }
        if self.wish.group.is_none() {
            let new = self.unread(&counts);
            self.waiting = (!new.is_empty()).then_some(new);
        }
        Ok(())
    }

    /// How many partitions each topic has.
    fn usable(&self, answers: &[Result<usize, Code>]) -> Result<Vec<usize>, Failure> {
        let found = self.wish.topics.iter().zip(answers);
        let wrong = found.filter_map(|(topic, answer)| Some(self.missing(topic, answer.err()?)));
        let wrong: Vec<_> = wrong.collect();
        if wrong.is_empty() {
            Ok(answers.iter().flatten().copied().collect())
        } else {
            Err(Failure::Running(wrong.join("; ")))
        }
    }

    fn missing(&self, topic: &String, code: Code) -> String {
        if code == Code::UnknownTopicOrPartition && !self.own_topics.contains(topic) {
            let own = self.own_topics.join(", ");
            return format!(
                "topic `{topic}` does not exist; the pipeline's topics, which `greenroom topics create` makes, are {own}"
            );
        }
        unusable(topic, code)
    }

    /// The partitions that are not read yet.
    fn unread(&self, counts: &[usize]) -> Vec<TopicPartition> {
        let topics = self.wish.topics.iter().zip(counts);
        let all = topics.flat_map(|(topic, count)| {
            let ids = 0..i32::try_from(*count).unwrap_or(i32::MAX);
            ids.map(|id| TopicPartition::new(topic, id))
        });
        all.filter(|partition| !self.positions.contains_key(partition))
            .collect()
    }

    /// Begins with the partitions that wait for it.
    pub(super) fn begin(&mut self) -> Outcome {
        let Some(partitions) = self.waiting.take() else {
            return Ok(());
        };
        let starts = match self.starts(&partitions) {
            Ok(starts) => starts,
            Err(error) => {
                self.waiting = Some(partitions);
                return self.trouble(&error);
            }
        };
        self.positions.extend(starts.iter().cloned());
        let assigned = match self.wish.group {
            Some(_) => starts,
            None => self.offsets(),
        };
        self.consumer.assign(&assigned).map_err(running)
    }

    /// Where to begin: at what the group has committed, else at the end that was asked for.
    fn starts(&self, partitions: &[TopicPartition]) -> Result<Vec<(TopicPartition, i64)>, Error> {
        let committed = match self.wish.group {
            Some(_) => self.consumer.committed(partitions, ANSWER)?,
            None => vec![None; partitions.len()],
        };
        // Partitions that were made while we looked hold nothing that was not to be seen.
        let made_since = self.wish.group.is_none() && !self.positions.is_empty();
        let start = |(partition, committed): (&TopicPartition, Option<i64>)| {
            let start = match committed {
                Some(offset) => offset,
                None => {
                    let (low, high) = self.consumer.low_high(partition, ANSWER)?;
                    let first = self.wish.from_beginning || made_since;
                    if first { low } else { high }
                }
            };
            Ok((partition.clone(), start))
        };
        partitions.iter().zip(committed).map(start).collect()
    }

    /// Steps over records that retention has deleted, and says so.
    pub(super) fn skip_expired(&mut self) -> Outcome {
        while let Some(partition) = self.expired.last() {
            let low = match self.consumer.low_high(partition, ANSWER) {
                Ok((low, _)) => low,
                Err(error) => return self.trouble(&error),
            };
            tracing::warn!(%partition, "records below offset {low} were deleted before they were read");
            let start = (partition.clone(), low);
            self.expired.pop();
            self.consumer.seek(&[start]).map_err(running)?;
        }
        Ok(())
    }
}
