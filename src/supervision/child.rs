//! One supervised actor: where it stands, and what takes it from there.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{
    ActorStatus, Clock, Exit, Incarnation, Moment, Pulse, RestartPolicy, State,
    life::{Life, Report, Reporter},
    spec::{Birth, Launch, Plan, Restarted},
};

/// See the drawing in [`super`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    Running,
    BackingOff { until: Moment },
    Draining { until: Moment },
    Stopping { until: Moment },
    Stopped,
}

/// One actor of the supervisor's list.
pub(super) struct Child {
    actor: Box<dyn Launch>,
    pub(super) phase: Phase,
    pub(super) policy: RestartPolicy,
    pub(super) record: Record,
    pulse: Pulse,
    stop: Option<oneshot::Sender<()>>,
    restart_asked: bool,
    /// The exit that the next launch follows, and whether it was blamed on an item.
    cause: Option<(Exit, bool)>,
    awaiting_end: Vec<oneshot::Sender<Option<Exit>>>,
}

/// What is remembered of an actor even when all are spawned anew: an incarnation's number never
/// comes twice (P3), and counts never go back.
#[derive(Default)]
pub(super) struct Record {
    pub(super) incarnation: Incarnation,
    last_exit: Option<Exit>,
    restarts_by_exit: BTreeMap<&'static str, u64>,
}

impl Child {
    /// An actor that has not been started yet.
    pub(super) fn new(actor: Box<dyn Launch>, record: Record, clock: Arc<dyn Clock>) -> Self {
        Child {
            phase: Phase::Stopped,
            policy: RestartPolicy::new(actor.plan().limits),
            pulse: Pulse::new(clock, record.incarnation),
            actor,
            record,
            stop: None,
            restart_asked: false,
            cause: None,
            awaiting_end: Vec::new(),
        }
    }

    pub(super) fn plan(&self) -> &Plan {
        self.actor.plan()
    }

    /// Whether an incarnation lives that has not been replaced.
    pub(super) fn lives(&self) -> bool {
        !matches!(self.phase, Phase::BackingOff { .. } | Phase::Stopped)
    }

    /// Whether it was told to end for good.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. } | Phase::Stopping { .. })
    }

    /// Starts the next incarnation and says so to whoever replays. It says so also where no
    /// thread can be had: a blamed exit must never get lost (P5).
    pub(super) fn launch(
        &mut self,
        place: usize,
        clock: Arc<dyn Clock>,
        reports: mpsc::UnboundedSender<Report>,
    ) -> io::Result<()> {
        let incarnation = self.record.incarnation.next();
        let (stop, told) = oneshot::channel();
        self.record.incarnation = incarnation;
        self.pulse = Pulse::new(clock, incarnation);
        self.stop = Some(stop);
        self.restart_asked = false;
        self.phase = Phase::Starting;
        let launched = self.actor.launch(Life {
            birth: Birth {
                incarnation,
                pulse: self.pulse.clone(),
            },
            stop: told,
            reporter: Reporter {
                actor: place,
                incarnation,
                reports,
            },
        });
        if let Some((exit, blamed)) = self.cause.take() {
            *self.record.restarts_by_exit.entry(exit.kind()).or_default() += 1;
            self.actor.restarted(Restarted {
                incarnation,
                exit,
                blamed,
            });
        }
        launched
    }

    pub(super) fn born(&mut self) {
        if self.phase == Phase::Starting {
            self.phase = Phase::Running;
        }
    }

    /// Asks for a new incarnation; false where the actor has ended for good or is about to.
    pub(super) fn ask_restart(&mut self, now: Moment) -> bool {
        match self.phase {
            Phase::Starting | Phase::Running => {
                self.restart_asked = true;
                self.tell_stop();
            }
            Phase::BackingOff { .. } => self.phase = Phase::BackingOff { until: now },
            Phase::Draining { .. } | Phase::Stopping { .. } | Phase::Stopped => return false,
        }
        true
    }

    /// Begins the actor's end: it may drain until `drain`, and is stopped then, at the latest
    /// by `grace`. `ended` is answered at its end.
    pub(super) fn end(
        &mut self,
        drain: Option<Moment>,
        grace: Moment,
        ended: oneshot::Sender<Option<Exit>>,
    ) {
        self.awaiting_end.push(ended);
        match self.phase {
            Phase::Starting | Phase::Running => match drain {
                Some(until) if self.actor.drain() => self.phase = Phase::Draining { until },
                _ => self.stop_by(grace),
            },
            Phase::BackingOff { .. } | Phase::Stopped => self.rest(),
            Phase::Draining { .. } | Phase::Stopping { .. } => {}
        }
    }

    /// Stops the actor between two messages; whoever is not gone `until` then is abandoned.
    pub(super) fn stop_by(&mut self, until: Moment) {
        self.tell_stop();
        self.phase = Phase::Stopping { until };
    }

    fn tell_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Fails where the actor has ended already: its report is on the way.
            let _ = stop.send(());
        }
    }

    /// Gives the thread up. Should it ever come back, it finds itself stopped.
    pub(super) fn abandon(&mut self) {
        self.pulse.abandon();
        self.tell_stop();
    }

    /// Notes how the living incarnation ended: its exit by its right name, and whether it is
    /// blamed on an item.
    pub(super) fn bury(&mut self, exit: Exit) -> (Exit, bool) {
        let exit = match exit {
            Exit::Stopped if self.is_ending() => Exit::Drained,
            Exit::Stopped if self.restart_asked => Exit::Asked,
            other => other,
        };
        let blamed = self.pulse.is_suspect();
        self.actor.vacate();
        self.record.last_exit = Some(exit.clone());
        self.cause = Some((exit.clone(), blamed));
        (exit, blamed)
    }

    pub(super) fn restart_at(&mut self, until: Moment) {
        self.phase = Phase::BackingOff { until };
    }

    /// Ends for good.
    pub(super) fn rest(&mut self) {
        self.phase = Phase::Stopped;
        for ended in self.awaiting_end.drain(..) {
            // Fails where nobody waits any more.
            let _ = ended.send(self.record.last_exit.clone());
        }
    }

    /// When time alone changes something here.
    pub(super) fn due(&self) -> Option<Moment> {
        match self.phase {
            Phase::BackingOff { until } | Phase::Draining { until } | Phase::Stopping { until } => {
                Some(until)
            }
            Phase::Starting | Phase::Running | Phase::Stopped => None,
        }
    }

    pub(super) fn is_hung(&self, now: Moment) -> bool {
        self.lives() && self.pulse.busy_for(now) > self.plan().hang_after
    }

    /// Whether the incarnation that has ended said that no restart can help.
    pub(super) fn is_hopeless(&self) -> bool {
        self.pulse.is_hopeless()
    }

    pub(super) fn status(&self, now: Moment) -> ActorStatus {
        ActorStatus {
            name: self.plan().name.clone(),
            role: self.plan().role,
            state: match self.phase {
                Phase::Starting => State::Starting,
                Phase::Running => State::Running,
                Phase::BackingOff { .. } => State::BackingOff,
                Phase::Draining { .. } | Phase::Stopping { .. } => State::Stopping,
                Phase::Stopped => State::Stopped,
            },
            incarnation: self.record.incarnation,
            restarts_by_exit: self.record.restarts_by_exit.clone(),
            last_exit: self.record.last_exit.clone(),
            busy: if self.lives() {
                self.pulse.busy_for(now)
            } else {
                Duration::ZERO
            },
        }
    }
}
