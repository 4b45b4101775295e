//! SIGTERM and Ctrl+C (P8).

use std::io;
use std::process::exit;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and Ctrl+C, as they come. From here on they no longer end the process by themselves.
pub struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    /// # Errors
    /// Where the system gives no signals.
    pub fn listen() -> io::Result<Stops> {
        Ok(Stops {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves at the next of either.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Resolves at the first SIGTERM or Ctrl+C. From then on a second Ctrl+C ends the process at once.
///
/// # Errors
/// Where the system gives no signals.
pub fn stop() -> io::Result<impl Future<Output = ()>> {
    let mut stops = Stops::listen()?;
    Ok(async move {
        stops.next().await;
        actix::spawn(end_at_the_next(stops.interrupt));
    })
}

async fn end_at_the_next(mut interrupt: Signal) {
    interrupt.recv().await;
    exit(1);
}
