//! The task behind a [`Supervisor`](super::Supervisor): hears of exits, looks for hangs, restarts
//! and escalates. It waits for nothing but its channels and the clock.

use std::{sync::Arc, time::Duration};

use rand::{SeedableRng, rngs::SmallRng};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::{
    Clock, Decision, Escalation, Exit, Incarnation, Ladder, Moment, Remedy, Status,
    SupervisorConfig,
    child::{Child, Phase, Record},
    life::{News, Report},
    spec::Launch,
    supervisor::Command,
};

/// The watchdog looks four times in the shortest time that counts as a hang, within these bounds.
const LOOKS: u32 = 4;
const SHORTEST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// What connects the overseer with those who hold it.
pub(super) struct Wires {
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) escalate: mpsc::UnboundedSender<Escalation>,
    pub(super) publish: watch::Sender<Status>,
}

pub(super) struct Overseer {
    config: SupervisorConfig,
    clock: Arc<dyn Clock>,
    rng: SmallRng,
    wires: Wires,
    reports: (
        mpsc::UnboundedSender<Report>,
        mpsc::UnboundedReceiver<Report>,
    ),
    /// In the order of their spawning. Nobody is ever removed: a place is an actor's id.
    children: Vec<Child>,
    /// Threads given up, until they end.
    abandoned: Vec<(usize, Incarnation)>,
    ladder: Ladder,
}

/// What becomes of an actor after an exit.
enum Fate {
    Restart(Duration),
    /// Nothing is left to do: it was told to end, or the process is about to.
    Rest,
    Escalate(Remedy, String),
}

impl Overseer {
    pub(super) fn new(config: SupervisorConfig, clock: Arc<dyn Clock>, wires: Wires) -> Self {
        Overseer {
            config,
            clock,
            rng: SmallRng::seed_from_u64(config.seed),
            wires,
            reports: mpsc::unbounded_channel(),
            children: Vec::new(),
            abandoned: Vec::new(),
            ladder: Ladder::new(config.escalation_period),
        }
    }

    /// Runs until nobody holds the supervisor any more.
    pub(super) async fn run(mut self) {
        loop {
            let due = self.next_look();
            tokio::select! {
                Some(report) = self.reports.1.recv() => self.on_report(report),
                command = self.wires.commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => return,
                },
                () = self.clock.sleep_until(due) => {}
            }
            self.look_around();
            self.publish();
        }
    }

    fn next_look(&self) -> Moment {
        let shortest = self.children.iter().map(|child| child.plan().hang_after);
        let look = shortest.min().unwrap_or(LONGEST_LOOK) / LOOKS;
        let look = self.clock.now() + look.clamp(SHORTEST_LOOK, LONGEST_LOOK);
        let due = self.children.iter().filter_map(Child::due).min();
        due.map_or(look, |due| due.min(look))
    }

    fn on_report(&mut self, report: Report) {
        let Report {
            actor,
            incarnation,
            news,
        } = report;
        let child = &mut self.children[actor];
        // An abandoned thread's late news is not its successor's (P3).
        let current = child.record.incarnation == incarnation && child.lives();
        match news {
            News::Born if current => child.born(),
            News::Exited(exit) if current => self.on_exit(actor, exit),
            News::Born | News::Exited(_) => {}
            News::ThreadEnded => self
                .abandoned
                .retain(|thread| *thread != (actor, incarnation)),
        }
    }

    fn on_command(&mut self, command: Command) {
        let now = self.clock.now();
        // Replies fail where the asker has stopped waiting.
        match command {
            Command::Spawn(actor, spawned) => {
                self.spawn(actor);
                // Whoever spawned it finds it in the status, as a shutdown must.
                self.publish();
                let _ = spawned.send(());
            }
            Command::Restart(name, reply) => {
                let child = self.find(&name).map(|place| &mut self.children[place]);
                let _ = reply.send(child.is_some_and(|child| child.ask_restart(now)));
            }
            Command::Stop {
                actor,
                drain_until,
                ended,
            } => self.stop(&actor, drain_until, ended),
            Command::Escalate {
                actor,
                reason,
                remedy,
            } => self.escalate(actor, reason, remedy),
            Command::Answer(reply) => {
                let _ = reply.send(());
            }
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        let mut names = self.children.iter().map(|child| &*child.plan().name);
        names.position(|known| known == name)
    }

    fn spawn(&mut self, actor: Box<dyn Launch>) {
        self.ladder.brought_back();
        let name = actor.plan().name.clone();
        let clock = self.clock.clone();
        let place = match self.find(&name) {
            None => {
                let child = Child::new(actor, Record::default(), clock);
                self.children.push(child);
                self.children.len() - 1
            }
            Some(place) if self.children[place].phase == Phase::Stopped => {
                let child = &mut self.children[place];
                let record = std::mem::take(&mut child.record);
                *child = Child::new(actor, record, clock);
                place
            }
            Some(_) => {
                let reason = "spawned while an actor of that name lives".to_owned();
                return self.escalate(name, reason, Remedy::GiveUp);
            }
        };
        self.launch(place);
    }

    fn launch(&mut self, place: usize) {
        let (clock, reports) = (self.clock.clone(), self.reports.0.clone());
        if let Err(e) = self.children[place].launch(place, clock, reports) {
            self.on_exit(
                place,
                Exit::Failed(format!("no thread to run on: {}", e.kind())),
            );
        }
    }

    fn stop(&mut self, name: &str, drain_until: Moment, ended: oneshot::Sender<Option<Exit>>) {
        let now = self.clock.now();
        let drain = (now < drain_until).then_some(drain_until);
        let grace = now + self.config.stop_grace;
        match self.find(name) {
            Some(place) => self.children[place].end(drain, grace, ended),
            None => drop(ended),
        }
    }

    /// Does what time alone brings: hangs, waits that are over, deadlines that have passed.
    fn look_around(&mut self) {
        let now = self.clock.now();
        for place in 0..self.children.len() {
            let child = &mut self.children[place];
            if child.is_hung(now) {
                self.abandon(place);
            } else if child.due().is_some_and(|due| due <= now) {
                match child.phase {
                    Phase::BackingOff { .. } => self.launch(place),
                    Phase::Draining { .. } => child.stop_by(now + self.config.stop_grace),
                    Phase::Stopping { .. } => self.abandon(place),
                    Phase::Starting | Phase::Running | Phase::Stopped => {}
                }
            }
        }
    }

    /// Gives a thread up that does not end, and goes on without it.
    fn abandon(&mut self, place: usize) {
        let child = &mut self.children[place];
        child.abandon();
        self.abandoned.push((place, child.record.incarnation));
        self.on_exit(place, Exit::Hung);
    }

    /// The living incarnation of the actor at `place` is no more, or no more of use.
    fn on_exit(&mut self, place: usize, exit: Exit) {
        let now = self.clock.now();
        let child = &mut self.children[place];
        let (exit, blamed) = child.bury(exit);
        log_exit(child, &exit, blamed);
        match self.fate(place, &exit, blamed, now) {
            // A restart due now is launched by the next look, which is at once then.
            Fate::Restart(wait) => self.children[place].restart_at(now + wait),
            Fate::Rest => self.children[place].rest(),
            Fate::Escalate(remedy, reason) => {
                let child = &mut self.children[place];
                child.rest();
                let name = child.plan().name.clone();
                self.escalate(name, reason, remedy);
            }
        }
    }

    fn fate(&mut self, place: usize, exit: &Exit, blamed: bool, now: Moment) -> Fate {
        let child = &mut self.children[place];
        let hung = *exit == Exit::Hung;
        if hung && self.abandoned.len() > self.config.max_abandoned {
            let reason = format!("{} hung threads have not ended", self.abandoned.len());
            return Fate::Escalate(Remedy::GiveUp, reason);
        }
        if child.is_ending() || self.ladder.has_given_up() {
            return Fate::Rest;
        }
        if hung && !child.plan().replaceable {
            let reason = "hung, and cannot be replaced while its thread lives".to_owned();
            return Fate::Escalate(Remedy::GiveUp, reason);
        }
        if child.is_hopeless() {
            return Fate::Escalate(Remedy::GiveUp, exit.to_string());
        }
        match child.policy.on_exit(exit, blamed, now, &mut self.rng) {
            Decision::RestartAfter(wait) => Fate::Restart(wait),
            Decision::Escalate => {
                let limits = &child.plan().limits;
                let (restarts, period) = (limits.restarts, limits.period);
                let reason =
                    format!("more than {restarts} restarts in {period:?}, the last exit: {exit}");
                Fate::Escalate(Remedy::RestartAll, reason)
            }
        }
    }

    fn escalate(&mut self, actor: Arc<str>, reason: String, remedy: Remedy) {
        let remedy = match remedy {
            Remedy::RestartAll => self.ladder.escalate(self.clock.now()),
            Remedy::GiveUp => self.ladder.give_up(),
        };
        let Some(remedy) = remedy else {
            return warn!(%actor, reason, "escalation joins the one under way");
        };
        error!(%actor, reason, ?remedy, "escalation");
        // Fails where the owner has stopped listening, as at the end of the process.
        let _ = self.wires.escalate.send(Escalation {
            actor,
            reason,
            remedy,
        });
    }

    fn publish(&self) {
        let now = self.clock.now();
        self.wires.publish.send_replace(Status {
            actors: self
                .children
                .iter()
                .map(|child| child.status(now))
                .collect(),
            abandoned: self.abandoned.len(),
        });
    }
}

/// Every failure is logged, once (P6); what was asked for is no failure.
fn log_exit(child: &Child, exit: &Exit, blamed: bool) {
    let actor = &*child.plan().name;
    let incarnation = child.record.incarnation.number();
    match exit {
        Exit::Drained | Exit::Asked => info!(actor, incarnation, %exit, "actor ended"),
        _ => warn!(actor, incarnation, %exit, blamed, "actor failed"),
    }
}
