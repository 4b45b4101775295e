//! The thread that waits for the store, so that nobody else has to.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;
use std::{io, thread};

use super::PartitionCounts;
use super::store::{Change, Saved, Store, StoreError};
use crate::failpoint::{self, Stage};
use crate::kafka::TopicPartition;

/// Waits between two tries: the first, and the longest they double up to.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// So often a store that nobody needs is asked whether it is there.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// Has a store do one thing after the other, each until it is done: a store that is away is tried
/// again, with growing waits. The thread ends with the last clone.
#[derive(Clone)]
pub struct Keeper {
    jobs: Sender<Job>,
    life: Weak<()>,
}

/// What to do with the answer; called on the keeper's thread.
type Then<T> = Box<dyn FnOnce(T) + Send>;

enum Job {
    Load(TopicPartition, Then<Option<PartitionCounts>>),
    Save(Vec<Change>, Then<Vec<Saved>>),
}

/// The thread's side.
struct Desk<W> {
    store: Box<dyn Store>,
    asked: Receiver<Job>,
    jobs: VecDeque<Job>,
    watch: W,
}

/// Nobody holds the keeper any more.
struct Abandoned;

impl Keeper {
    /// Starts the thread. `watch` hears of every try whether the store answered.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn start(
        store: Box<dyn Store>,
        watch: impl FnMut(Result<(), StoreError>) + Send + 'static,
    ) -> io::Result<Keeper> {
        let (jobs, asked) = channel();
        let mut desk = Desk {
            store,
            asked,
            jobs: VecDeque::new(),
            watch,
        };
        let alive = Arc::new(());
        let life = Arc::downgrade(&alive);
        let thread = thread::Builder::new().name("counts-store".to_owned());
        thread.spawn(move || {
            // The only way out but a panic: nobody is left to whom it would matter.
            let Abandoned = desk.work();
            drop(alive);
        })?;
        Ok(Keeper { jobs, life })
    }

    /// Loads a partition's state. Whatever was to be saved before is saved before.
    pub fn load(
        &self,
        partition: TopicPartition,
        then: impl FnOnce(Option<PartitionCounts>) + Send + 'static,
    ) {
        self.ask(Job::Load(partition, Box::new(then)));
    }

    /// Saves changes; the answers are in order.
    pub fn save(&self, changes: Vec<Change>, then: impl FnOnce(Vec<Saved>) + Send + 'static) {
        self.ask(Job::Save(changes, Box::new(then)));
    }

    /// False once the store has panicked: nothing is answered any more (P7).
    pub fn is_alive(&self) -> bool {
        self.life.strong_count() > 0
    }

    fn ask(&self, job: Job) {
        // Fails only where nothing is alive.
        let _ = self.jobs.send(job);
    }
}

impl<W: FnMut(Result<(), StoreError>)> Desk<W> {
    fn work(&mut self) -> Abandoned {
        let mut turn = Ok(());
        loop {
            turn = match turn.and_then(|()| self.next()) {
                Ok(Some(job)) => self.carry_out(job),
                Ok(None) => self.probe(),
                Err(abandoned) => return abandoned,
            };
        }
    }

    fn probe(&mut self) -> Result<(), Abandoned> {
        self.insist(|store| store.probe())
    }

    fn next(&mut self) -> Result<Option<Job>, Abandoned> {
        if self.jobs.is_empty() {
            self.listen(PROBE_INTERVAL)?;
        }
        self.jobs.extend(self.asked.try_iter());
        Ok(self.jobs.pop_front())
    }

    /// Waits until something is asked for, or the time is over.
    fn listen(&mut self, wait: Duration) -> Result<(), Abandoned> {
        match self.asked.recv_timeout(wait) {
            Ok(job) => self.jobs.push_back(job),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Abandoned),
        }
        Ok(())
    }

    fn carry_out(&mut self, job: Job) -> Result<(), Abandoned> {
        match job {
            Job::Save(changes, then) => {
                let save = || self.insist(|store| store.save(&changes));
                then(failpoint::around(Stage::CountWrite, save)?);
            }
            Job::Load(partition, then) => self.load((partition, then))?,
        }
        Ok(())
    }

    /// Partitions are assigned together, so they are loaded together.
    fn load(
        &mut self,
        first: (TopicPartition, Then<Option<PartitionCounts>>),
    ) -> Result<(), Abandoned> {
        let (mut partitions, mut thens) = (vec![first.0], vec![first.1]);
        while let Some(Job::Load(..)) = self.jobs.front() {
            if let Some(Job::Load(partition, then)) = self.jobs.pop_front() {
                partitions.push(partition);
                thens.push(then);
            }
        }
        let states = self.insist(|store| store.load(&partitions))?;
        thens
            .into_iter()
            .zip(states)
            .for_each(|(then, state)| then(state));
        Ok(())
    }

    fn insist<T>(
        &mut self,
        mut act: impl FnMut(&mut dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, Abandoned> {
        let mut wait = FIRST_WAIT;
        loop {
            match act(&mut *self.store) {
                Ok(done) => {
                    (self.watch)(Ok(()));
                    return Ok(done);
                }
                Err(error) => (self.watch)(Err(error)),
            }
            self.listen(wait)?;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::counts::{Memory, States};

    /// A memory store that is away at first, and tells what it is asked.
    struct Away {
        tries: u32,
        told: Sender<String>,
        memory: Memory,
    }

    impl Away {
        fn answer(&mut self, question: String) -> Result<(), StoreError> {
            if self.tries > 0 {
                self.tries -= 1;
                return Err(StoreError("away".to_owned()));
            }
            self.told.send(question).expect("the test listens");
            Ok(())
        }
    }

    impl Store for Away {
        fn probe(&mut self) -> Result<(), StoreError> {
            self.answer("probe".to_owned())
        }

        fn load(
            &mut self,
            partitions: &[TopicPartition],
        ) -> Result<Vec<Option<PartitionCounts>>, StoreError> {
            self.answer(format!("load {}", partitions.len()))?;
            self.memory.load(partitions)
        }

        fn save(&mut self, changes: &[Change]) -> Result<Vec<Saved>, StoreError> {
            self.answer(format!("save {}", changes.len()))?;
            self.memory.save(changes)
        }

        fn load_all(&mut self) -> Result<States, StoreError> {
            self.memory.load_all()
        }
    }

    fn change(partition: &TopicPartition) -> Change {
        Change {
            partition: partition.clone(),
            base: None,
            next_offset: 7,
            added: Default::default(),
        }
    }

    #[test]
    fn a_store_that_is_away_is_tried_until_all_is_done_in_order() {
        let (told, questions) = mpsc::channel();
        let (tell, heard) = mpsc::channel();
        let store = Away {
            tries: 3,
            told,
            memory: Memory::default(),
        };
        let watch = move |answer: Result<(), StoreError>| {
            let _nobody_listens_any_more = tell.send(answer.is_ok());
        };
        let keeper = Keeper::start(Box::new(store), watch).unwrap();
        let of = TopicPartition::new("logins", 0);
        let (answer, answers) = mpsc::channel();
        let saved = answer.clone();
        keeper.save(vec![change(&of)], move |kept| {
            saved.send(format!("{kept:?}")).unwrap();
        });
        for _ in 0..2 {
            let answer = answer.clone();
            keeper.load(of.clone(), move |state| {
                let next_offset = state.map(|state| state.next_offset);
                answer.send(format!("{next_offset:?}")).unwrap();
            });
        }
        let answers: Vec<String> = answers.iter().take(3).collect();
        assert_eq!(answers, ["[Kept]", "Some(7)", "Some(7)"]);
        let questions: Vec<String> = questions.iter().take(2).collect();
        assert_eq!(questions, ["save 1", "load 2"]);
        let heard: Vec<bool> = heard.iter().take(4).collect();
        assert_eq!(heard, [false, false, false, true]);
    }

    #[test]
    fn p7_a_store_that_panics_is_found_dead() {
        let (told, nobody_listens) = mpsc::channel();
        drop(nobody_listens);
        let store = Away {
            tries: 0,
            told,
            memory: Memory::default(),
        };
        let keeper = Keeper::start(Box::new(store), drop).unwrap();
        let (answer, answers) = mpsc::channel::<()>();
        keeper.save(Vec::new(), move |_| drop(answer));
        assert!(answers.recv().is_err(), "the answer never comes");
        while keeper.is_alive() {
            std::thread::yield_now();
        }
    }
}
