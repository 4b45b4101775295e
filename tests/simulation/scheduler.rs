//! The seeded scheduler: each step picks one of the moves that are possible just now.

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use greenroom::counts::Storing;
use greenroom::flow::Split;

use crate::checks::Witness;
use crate::dice::Dice;
use crate::house::{House, Mutation, ROLES, Role, Terms};
use crate::kafka::Kafka;

mod group;

/// Something that can happen in a house.
#[derive(Clone, Copy, Debug)]
enum Move {
    Read(i32),
    TakeReport,
    AnswerCommit,
    CallBack,
    Work(usize),
    RestartWorker(usize),
    Wake(usize),
    Route,
    Aggregate,
    Keep,
    WakeAggregator,
    TakeResults,
    Hand,
    AdvanceClient,
    Receive,
    Transact,
    Restart(Role),
}

/// Moves of which one takes long in each schedule; a number in them does not matter.
const SLOW: [Move; 14] = [
    Move::TakeReport,
    Move::AnswerCommit,
    Move::CallBack,
    Move::Work(0),
    Move::RestartWorker(0),
    Move::Wake(0),
    Move::Route,
    Move::Aggregate,
    Move::Keep,
    Move::TakeResults,
    Move::Hand,
    Move::AdvanceClient,
    Move::Receive,
    Move::Transact,
];

/// Something that goes wrong, or is done to the group.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Join,
    /// A process is asked to end.
    Leave,
    /// The group gives up on a process that is alive.
    Expire,
    /// A process is gone with all that it knew.
    Crash,
    Break(Part),
}

/// What breaks inside a house.
#[derive(Clone, Copy, Debug)]
enum Part {
    StoppedWorker,
    HungWorker,
    Actor(Role),
    HungAggregator,
    Consumer,
}

/// What happens to a group every day, and must not even cost a duplicate.
const GENTLE: [Fault; 2] = [Fault::Leave, Fault::Join];

const FAULTS: [Fault; 14] = [
    Fault::Join,
    Fault::Join,
    Fault::Leave,
    Fault::Expire,
    Fault::Crash,
    Fault::Break(Part::StoppedWorker),
    Fault::Break(Part::StoppedWorker),
    Fault::Break(Part::HungWorker),
    Fault::Break(Part::HungWorker),
    Fault::Break(Part::Actor(Role::Producer)),
    Fault::Break(Part::Actor(Role::Router)),
    Fault::Break(Part::Actor(Role::Aggregator)),
    Fault::Break(Part::HungAggregator),
    Fault::Break(Part::Consumer),
];

/// Steps that a schedule may take to come to rest once nothing goes wrong any more. With
/// transactions each refused record costs one, some 600 steps where three workers share batches:
/// schedules were seen to need 20,000.
const PATIENCE: usize = 50_000;

/// All that a schedule happens to.
pub struct World {
    dice: Dice,
    kafka: Kafka,
    witness: Witness,
    houses: [Option<House>; 3],
    /// The house that each partition is meant for.
    targets: Vec<usize>,
    terms: Terms,
    /// Nothing goes wrong, members come and go.
    gentle: bool,
    /// Such moves take long, so that what waits for them piles up.
    slow: Discriminant<Move>,
    lives: u32,
    now: Duration,
    mutation: Option<Mutation>,
    step: usize,
    moves: Vec<Move>,
}

impl World {
    pub fn new(seed: u64, mutation: Option<Mutation>, trace: bool) -> Self {
        let mut dice = Dice::new(seed);
        let partitions = 1 + dice.below(3);
        let gentle = dice.one_in(8);
        let kafka = Kafka::new(partitions, gentle, &mut dice);
        let terms = draw_terms(mutation, &mut dice);
        let mut world = World {
            kafka,
            witness: Witness::new(trace, gentle, terms),
            houses: [None, None, None],
            targets: vec![0; partitions],
            terms,
            gentle,
            slow: discriminant(&dice.pick(&SLOW)),
            lives: 0,
            now: Duration::ZERO,
            mutation,
            step: 0,
            moves: Vec::new(),
            dice,
        };
        for _ in 0..=world.dice.below(2) {
            world.join();
        }
        world
    }

    /// Runs the schedule: a stormy part, a calm one until all is at rest, and the drain of every
    /// house. An error names the broken promise.
    pub fn run(&mut self) -> Result<(), String> {
        let mut storm = 50 + self.dice.below(400);
        if self.terms.exactly_once {
            // A commit takes more steps then: it should not always come in the calm.
            storm *= 3;
        }
        let rarity = self.dice.pick(&[8, 20, 60, 200]);
        for _ in 0..storm {
            self.step(Some(rarity))?;
        }
        self.calm("at rest", Self::is_at_rest)?;
        for house in self.houses.iter().flatten() {
            self.witness.at_rest(house.budget.used());
        }
        self.witness.finally(&self.kafka);
        (0..self.houses.len()).for_each(|index| self.drain(index));
        self.calm("drained", |world| world.houses.iter().all(Option::is_none))?;
        self.witness.verdict()
    }

    fn calm(&mut self, goal: &str, reached: fn(&Self) -> bool) -> Result<(), String> {
        let until = self.step + PATIENCE;
        while !reached(self) {
            if self.step >= until {
                return Err(format!(
                    "liveness: not {goal} after {PATIENCE} calm steps: {}",
                    self.remains()
                ));
            }
            self.step(None)?;
        }
        self.witness.verdict()
    }

    fn is_at_rest(&self) -> bool {
        let ends = (0..self.targets.len()).map(|partition| self.kafka.end(partition));
        ends.eq(self.kafka.committed.iter().copied())
            && self.kafka.ghosts.is_empty()
            && self.houses.iter().flatten().all(House::is_at_rest)
    }

    /// What is not at rest.
    fn remains(&self) -> String {
        let houses = self.houses.iter().enumerate();
        let houses = houses.filter_map(|(index, house)| Some((index, house.as_ref()?.remains())));
        format!(
            "committed {:?}, {:?}",
            self.kafka.committed,
            houses.collect::<Vec<_>>()
        )
    }

    fn step(&mut self, rarity: Option<usize>) -> Result<(), String> {
        self.step += 1;
        match rarity {
            Some(rarity) if self.dice.one_in(rarity) => self.go_wrong(),
            None if self.houses.iter().all(Option::is_none) => self.join(),
            _ if self.dice.one_in(16) => self.pass_time(),
            _ if self.dice.one_in(16) => self.raise_a_ghost(),
            _ if self.dice.one_in(64) => self.end_a_transaction(rarity.is_some()),
            _ => self.go_on(rarity.is_some()),
        }
        for house in self.houses.iter_mut().flatten() {
            house.act(&mut self.kafka, &mut self.witness);
        }
        self.say_goodbye();
        self.witness.verdict()
    }

    fn tell(&self, index: usize, what: impl std::fmt::Debug) {
        if self.witness.trace {
            println!("{:5} house {index}: {what:?}", self.step);
        }
    }

    fn pass_time(&mut self) {
        let pace = if self.gentle { 1 } else { 1000 };
        self.now += Duration::from_millis(self.dice.below(pace) as u64);
        for house in self.houses.iter_mut().flatten() {
            house.intake.progress(self.now);
            house.commit();
            house.store();
        }
    }

    /// The broker appends what a client has given up on, or forgets it.
    fn raise_a_ghost(&mut self) {
        let ghosts = &mut self.kafka.ghosts;
        if ghosts.is_empty() {
            return;
        }
        let chosen = self.dice.below(ghosts.len());
        match ghosts[chosen].pop_front() {
            Some(entry) if !self.dice.one_in(8) => {
                let _late = self.kafka.append(&entry, &mut self.witness);
            }
            _ => {
                ghosts.swap_remove(chosen);
            }
        }
    }

    /// The broker ends a transaction that takes too long: one whose producer is gone, in a storm
    /// any.
    fn end_a_transaction(&mut self, stormy: bool) {
        let id = self.dice.below(self.houses.len());
        let is_gone = self.houses[id].is_none();
        if (is_gone || stormy && !self.gentle) && self.kafka.transactions.is_open(id) {
            self.tell(id, "transaction timed out");
            self.kafka.transactions.init(id);
        }
    }

    fn go_on(&mut self, stormy: bool) {
        let index = self.dice.below(self.houses.len());
        let Some(house) = &self.houses[index] else {
            return;
        };
        self.moves.clear();
        house_moves(house, &self.kafka, &mut self.moves);
        if self.callback(index).is_some() {
            self.moves.push(Move::CallBack);
        }
        if self.moves.is_empty() {
            return;
        }
        let chosen = self.dice.pick(&self.moves);
        if stormy && discriminant(&chosen) == self.slow && !self.dice.one_in(8) {
            return;
        }
        self.tell(index, chosen);
        self.make(index, chosen, stormy);
    }

    fn make(&mut self, index: usize, chosen: Move, stormy: bool) {
        let Some(house) = &mut self.houses[index] else {
            return;
        };
        let (kafka, dice, witness) = (&mut self.kafka, &mut self.dice, &mut self.witness);
        match chosen {
            Move::Read(partition) => house.read(partition, kafka, dice, witness),
            Move::TakeReport => house.take_report(self.now, kafka, witness),
            Move::AnswerCommit => {
                house.answer_commit(
                    self.now,
                    kafka,
                    (stormy && !self.gentle).then_some(dice),
                    witness,
                );
            }
            Move::CallBack => self.call_back(index),
            Move::Work(worker) => house.work(worker, witness),
            Move::RestartWorker(worker) => house.restart_worker(worker, witness),
            Move::Wake(thread) => house.wake(thread),
            Move::Route => house.route(),
            Move::Aggregate => house.aggregate(kafka),
            Move::Keep => house.keep(kafka, dice, witness),
            Move::WakeAggregator => house.wake_aggregator(),
            Move::TakeResults => house.take_results(self.now, kafka),
            Move::Hand => house.hand(self.now, dice, witness),
            Move::AdvanceClient => house.client.advance(dice, kafka, witness),
            Move::Receive => house.receive(self.now, dice),
            Move::Transact => {
                let faulty = (stormy && !self.gentle).then_some(dice);
                house.transact(self.now, kafka, faulty, witness);
            }
            Move::Restart(role) => house.restart(role),
        }
    }

    fn go_wrong(&mut self) {
        let fault = match self.gentle {
            true => self.dice.pick(&GENTLE),
            false => self.dice.pick(&FAULTS),
        };
        let index = self.dice.below(self.houses.len());
        self.tell(index, fault);
        match fault {
            Fault::Join => self.join(),
            Fault::Leave => self.drain(index),
            Fault::Expire => self.expire(index),
            Fault::Crash => self.crash(index),
            Fault::Break(part) => self.break_part(index, part),
        }
    }

    fn break_part(&mut self, index: usize, part: Part) {
        let Some(house) = &mut self.houses[index] else {
            return;
        };
        let worker = self.dice.below(house.workers.len());
        match part {
            Part::StoppedWorker => house.stop_worker(worker),
            Part::HungWorker => house.hang_worker(worker),
            Part::Actor(role) => house.kill(role, &mut self.kafka),
            Part::HungAggregator => house.hang_aggregator(),
            Part::Consumer => house.replace_consumer(self.now, &mut self.kafka),
        }
    }
}

/// A rule that is broken wants the delivery that has it.
fn draw_terms(mutation: Option<Mutation>, dice: &mut Dice) -> Terms {
    let workers = 1 + dice.below(3);
    let exactly_once = mutation.map_or(dice.one_in(2), Mutation::is_of_transactions);
    let carried = match mutation {
        Some(mutation) => mutation.is_of_carried_counts(),
        None => exactly_once && dice.one_in(2),
    };
    let shared = mutation.is_some_and(Mutation::is_of_parts) || dice.one_in(2);
    Terms {
        workers,
        split: if shared { Split::ByKey } else { Split::Whole },
        exactly_once,
        storing: match carried {
            true => Storing::WithTransactions,
            false => Storing::Apart,
        },
    }
}

/// All that can happen in this house just now.
fn house_moves(house: &House, kafka: &Kafka, moves: &mut Vec<Move>) {
    let readable =
        |(partition, position): &(&i32, &i64)| !kafka.from(**partition, **position).is_empty();
    let fetched = house.fetching.iter().filter(readable);
    moves.extend(fetched.map(|(partition, _)| Move::Read(*partition)));
    for (index, worker) in house.workers.iter().enumerate() {
        if !worker.up {
            moves.push(Move::RestartWorker(index));
        } else if worker.thread.is_some() || !worker.mailbox.is_empty() {
            moves.push(Move::Work(index));
        }
    }
    moves.extend((0..house.abandoned.len()).map(Move::Wake));
    let down = ROLES.into_iter().filter(|role| !house.is_up(*role));
    moves.extend(down.map(Move::Restart));
    let mut offer = |possible, offered| {
        if possible {
            moves.push(offered);
        }
    };
    offer(!house.reports.is_empty(), Move::TakeReport);
    offer(house.commit.is_some(), Move::AnswerCommit);
    offer(house.router.has_mail(), Move::Route);
    offer(house.aggregator.has_mail(), Move::Aggregate);
    offer(!house.keeper.is_empty(), Move::Keep);
    offer(!house.late_counts.is_empty(), Move::WakeAggregator);
    offer(house.producer.has_mail(), Move::TakeResults);
    offer(
        house.is_up(Role::Producer) && house.outbox.open() > 0 && !house.client.is_full(),
        Move::Hand,
    );
    offer(house.client.has_work(), Move::AdvanceClient);
    offer(house.client.has_receipts(), Move::Receive);
    offer(
        house.is_up(Role::Producer) && house.may_transact(),
        Move::Transact,
    );
}
