//! SIGTERM and Ctrl+C (P8).

use std::io;
use std::process::exit;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Resolves at the first SIGTERM or Ctrl+C. From then on a second Ctrl+C ends the process at once.
///
/// # Errors
/// Where the system gives no signals.
pub fn stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        actix::spawn(end_at_the_next(interrupt));
    })
}

async fn end_at_the_next(mut interrupt: Signal) {
    interrupt.recv().await;
    exit(1);
}
