//! Where a thread panicked, without what the panic said: messages quote data (P10).

use std::{
    cell::RefCell,
    panic::{self, PanicHookInfo},
    thread,
};

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Replaces the process's panic hook by one that keeps and logs file, line and the thread's name,
/// and nothing else. Call it once, before the first actor starts.
pub fn install_panic_hook() {
    panic::set_hook(Box::new(|panic| log(&keep_place(panic))));
}

/// Keeps the place for this thread's [`take_last_place`].
pub(super) fn keep_place(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(
        || UNKNOWN.to_owned(),
        |location| format!("{}:{}", location.file(), location.line()),
    );
    // Fails only while the thread's locals are being destroyed, when nobody asks any more.
    let _ = LAST.try_with(|last| *last.borrow_mut() = Some(place.clone()));
    place
}

const UNKNOWN: &str = "an unknown place";

/// Nothing is silent (P6): where no log is set up yet, standard error has to do.
fn log(place: &str) {
    let thread = thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    if tracing::dispatcher::has_been_set() {
        tracing::error!(thread, place, "a thread panicked");
    } else {
        eprintln!("thread {thread} panicked at {place}");
    }
}

/// The `file:line` of this thread's last panic.
pub(super) fn take_last_place() -> String {
    LAST.take().unwrap_or_else(|| UNKNOWN.to_owned())
}
