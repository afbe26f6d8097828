//! Hostile input: whatever is fed to the program, it does not panic, hang or swell, and it rejects unreadable
//! input with the place.
//!
//! Few cases run by default. `PROPTEST_CASES=1000000 cargo test --test suite hostile` runs as many
//! as one wants (`PROPTEST_RNG_SEED` picks which); `HOSTILE_RUNS=1000` sets those of whole runs apart, which cost a thousand times as much.

mod answers;
mod mutation;
mod schedules;
mod spoiler;
mod texts;

use std::time::Duration;

use asg_patch::clock::Clock;
use proptest::test_runner::{Config, RngSeed};

/// Nothing that is read here may take longer. Far above what it takes, for machines that are busy.
const LONGEST: Duration = Duration::from_secs(20);

/// This many cases unless the environment says otherwise.
fn cases(default: u32) -> Config {
    config("PROPTEST_CASES", default)
}

/// This many whole runs unless the environment says otherwise.
fn runs(default: u32) -> Config {
    config("HOSTILE_RUNS", default)
}

fn config(variable: &str, default: u32) -> Config {
    let asked = std::env::var(variable).ok().and_then(|n| n.parse().ok());
    let usual = Config::default();
    let rng_seed = match (asked, usual.rng_seed) {
        // By default the same cases each time.
        (None, RngSeed::Random) => RngSeed::Fixed(1),
        (_, seed) => seed,
    };
    Config {
        cases: asked.unwrap_or(default),
        rng_seed,
        max_shrink_iters: 2_000,
        failure_persistence: None,
        ..usual
    }
}

/// The result of `read`, which must come in time.
fn in_time<T>(of: &str, read: impl FnOnce() -> T) -> T {
    let took = Clock::stopwatch();
    let value = read();
    assert!(took() < LONGEST, "{of} takes {:?}", took());
    value
}
