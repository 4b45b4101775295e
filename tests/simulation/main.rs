//! The deciding values under a seeded scheduler and a simulated Kafka.
//!
//! A schedule is a storm of faults, a calm in which all has to come to rest, and a drain. After
//! each step the promises P1 to P5, P8, P11 and P12 are checked. `SCHEDULES=n` says how many schedules
//! to run, `SEED=n` replays one and tells its steps.

mod checks;
mod dice;
mod house;
mod kafka;
mod scheduler;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use house::Mutation;
use scheduler::World;

/// Runs one schedule; a panic is a failure like any other, and must not hide its seed.
fn run(seed: u64, mutation: Option<Mutation>, trace: bool) -> Result<(), String> {
    let schedule = || World::new(seed, mutation, trace).run();
    catch_unwind(AssertUnwindSafe(schedule)).unwrap_or_else(|_| Err("a panic".to_owned()))
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// Which breaches are looked for.
type Wanted = fn(&str) -> bool;

/// One of the first `schedules` seeds whose breach is `wanted`, looked for on every core.
fn find_breach(
    schedules: u64,
    mutation: Option<Mutation>,
    wanted: Wanted,
) -> Option<(u64, String)> {
    let next = AtomicU64::new(0);
    let search = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= schedules {
                return None;
            }
            if let Err(breach) = run(seed, mutation, false)
                && wanted(&breach)
            {
                next.store(schedules, Ordering::Relaxed);
                return Some((seed, breach));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    std::thread::scope(|scope| {
        let searches: Vec<_> = (0..threads).map(|_| scope.spawn(search)).collect();
        let found = searches
            .into_iter()
            .filter_map(|search| search.join().expect("run() catches panics"));
        found.min()
    })
}

#[test]
fn the_promises_hold_under_every_schedule() {
    if let Some(seed) = setting("SEED") {
        return run(seed, None, true).unwrap_or_else(|breach| panic!("SEED={seed}: {breach}"));
    }
    let schedules = setting("SCHEDULES").unwrap_or(10_000);
    if let Some((seed, breach)) = find_breach(schedules, None, |_| true) {
        panic!(
            "{breach}\nreplay it with: SEED={seed} cargo test --test simulation promises -- --nocapture"
        );
    }
    println!("{schedules} schedules kept the promises");
}

#[test]
fn each_mutation_is_caught() {
    let mutations: [(Mutation, Wanted); 17] = [
        (Mutation::CommitOneTooFar, |breach| {
            breach.starts_with("P1:")
        }),
        (Mutation::SettleAnOldGeneration, |breach| {
            breach.starts_with("P1:")
        }),
        (Mutation::SkipAFence, |breach| breach.starts_with("P3")),
        (Mutation::LoseAReplay, |breach| {
            breach.starts_with("liveness")
        }),
        (Mutation::ForgetADeadLetter, |breach| {
            breach.starts_with("liveness")
        }),
        (Mutation::SettleBeforeItIsStored, |breach| {
            breach.starts_with("P11")
        }),
        (Mutation::StoreOverWhatOthersCounted, |breach| {
            breach.starts_with("P11")
        }),
        (Mutation::CommitOutsideTheTransaction, |breach| {
            breach.starts_with("P1:")
        }),
        (Mutation::StraddleTwoTransactions, |breach| {
            breach.starts_with("P12")
        }),
        (Mutation::SettleBeforeTheCommit, |breach| {
            breach.starts_with("P1:")
        }),
        (Mutation::StoreBeyondTheTransaction, |breach| {
            breach.starts_with("P12: partition")
        }),
        (Mutation::RestoreBeforeItIsDecided, |breach| {
            breach.starts_with("P11")
        }),
        (Mutation::TakeOverWithoutAsking, |breach| {
            breach.starts_with("P12")
        }),
        (Mutation::SplitByAnythingButTheKey, |breach| {
            breach.starts_with("P2")
        }),
        (Mutation::PartGoesAstray, |breach| {
            breach.starts_with("liveness")
        }),
        (Mutation::DoneAtItsFirstPart, |breach| {
            breach.starts_with("P1:")
        }),
        (Mutation::CountItsFirstPartAsAll, |breach| {
            breach.starts_with("P11")
        }),
    ];
    for (mutation, wanted) in mutations {
        let found = find_breach(50_000, Some(mutation), wanted);
        let (seed, breach) = found.unwrap_or_else(|| panic!("{mutation:?} goes unnoticed"));
        println!("{mutation:?}: seed {seed}: {breach}");
    }
}
