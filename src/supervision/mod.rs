//! Actors that are replaced when they fail (P7). Generic: it knows nothing of what they do, and is
//! proved with toy actors.
//!
//! actix lacks exactly this: its own `Supervisor` does not survive a panic, and an address dies
//! with its actor. Here an actor is described by a [`Spec`], others hold its [`Handle`], which
//! leads to whichever incarnation lives, and the [`Supervisor`] sees to it that one does.
//!
//! ```text
//!                 spawn
//!                   │
//!                   ▼      made            told to end
//!   ┌──────────▶ Starting ─────▶ Running ───────────────▶ Draining ──┐ until
//!   │               │               │  └───────────────┐     │       ▼
//!   │ wait is over  ├───────────────┤ exit             └────────▶ Stopping
//!   │               ▼               │ over the limit         │       │
//!   └────────── BackingOff          └─────────────┐          │ exit  │ exit, or
//!                   │ told to end                 ▼          │       │ abandoned
//!                   └────────────────────────▶ Stopped ◀─────┴───────┘
//! ```
//!
//! A panic, an unasked stop and a failure are exits that the actor's thread reports. A hang is one
//! that the watchdog finds: the thread is abandoned, and what it still does carries an old
//! [`Incarnation`] (P3). [`RestartPolicy`] decides what follows an exit, [`Ladder`] what follows
//! when restarts do not help; both are pure values.
//!
//! | file | |
//! |---|---|
//! | `clock` | time, handed in |
//! | `exit` | incarnations and how they end |
//! | `policy`, `escalation` | what is done about an exit |
//! | `pulse` | what an actor shows of its work |
//! | `panics` | where a thread panicked, without the message |
//! | `handle` | what others hold of an actor |
//! | `spec` | how an actor is made |
//! | `life` | one incarnation's thread |
//! | `child` | one actor across its incarnations |
//! | `supervisor`, `overseer` | what owners hold, and the task behind it |
//! | `status` | what watchers read |

mod child;
mod clock;
mod escalation;
mod exit;
mod handle;
mod life;
mod overseer;
mod panics;
mod policy;
mod pulse;
mod spec;
mod status;
mod supervisor;
#[cfg(test)]
mod tests;

pub use clock::{Clock, ManualClock, Moment, Sleep, SystemClock, unix_nanos};
pub use escalation::{Escalation, Ladder, Remedy};
pub use exit::{Exit, Incarnation};
pub use handle::{Gone, Handle, NoReply};
pub use panics::install_panic_hook;
pub use policy::{Decision, RestartLimits, RestartPolicy};
pub use pulse::{Busy, Item, Pulse, Waiting};
pub use spec::{Birth, Restarted, Spec};
pub use status::{ActorStatus, State, Status};
pub use supervisor::{Ended, Escalations, Supervisor, SupervisorConfig};
