//! The one home of "now" and "sleep".
//!
//! A [`Clock`] is either the machine's clock or a virtual one that follows tokio's time: with
//! tokio's clock paused, hours pass in milliseconds; with `speed` 100 a simulated second takes 10 ms.
//! The AWS SDK gets the same clock in all its seams, so that retries, credentials and timeouts live
//! in the same time as the run.

#![allow(clippy::disallowed_methods)] // this file is the exception that the lint protects

mod simulated;

use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

pub use simulated::{CLOCK_VARIABLE, ClockError, SimulatedClock};

/// A source of time and of waiting. Cheap to clone; clones agree.
#[derive(Clone, Debug)]
pub struct Clock {
    mode: Mode,
}

#[derive(Clone, Debug)]
enum Mode {
    System,
    Virtual {
        epoch: DateTime<Utc>,
        /// The machine's time at the same moment, for processes outside the simulation.
        real_epoch: DateTime<Utc>,
        started: Instant,
        speed: u32,
    },
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { mode: Mode::System }
    }

    /// A clock that reads `epoch` now and runs `speed` times as fast as tokio's (0 counts as 1).
    /// Must be called within the tokio runtime whose clock it follows.
    ///
    /// Everything in the simulation follows it: no other time enters.
    pub fn simulated(epoch: DateTime<Utc>, speed: u32) -> Self {
        Self::virtual_since(epoch, epoch, speed)
    }

    /// Like [`Clock::simulated`], but in a world that follows the machine's clock.
    pub fn simulated_outside(epoch: DateTime<Utc>, speed: u32) -> Self {
        Self::virtual_since(epoch, Utc::now(), speed)
    }

    fn virtual_since(epoch: DateTime<Utc>, real_epoch: DateTime<Utc>, speed: u32) -> Self {
        Self {
            mode: Mode::Virtual {
                epoch,
                real_epoch,
                started: Instant::now(),
                speed: speed.max(1),
            },
        }
    }

    /// The present time, UTC.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.mode {
            Mode::System => Utc::now(),
            Mode::Virtual {
                epoch,
                started,
                speed,
                ..
            } => {
                let elapsed = started.elapsed().saturating_mul(*speed);
                *epoch + TimeDelta::from_std(elapsed).unwrap_or(TimeDelta::MAX)
            }
        }
    }

    /// Waits for `duration` of this clock's time.
    pub async fn wait(&self, duration: Duration) {
        tokio::time::sleep(self.real(duration)).await;
    }

    /// Waits until this clock reads `at` or later; returns at once if it does already.
    pub async fn wait_until(&self, at: DateTime<Utc>) {
        if let Ok(left) = (at - self.now()).to_std() {
            self.wait(left).await;
        }
    }

    /// A length of the machine's own time in this clock's time. What is bounded because a socket must
    /// answer does not go faster when an account's time does.
    pub fn of_real(&self, real: Duration) -> Duration {
        match &self.mode {
            Mode::System => real,
            Mode::Virtual { speed, .. } => real.saturating_mul(*speed),
        }
    }

    /// The machine's time when this clock shows `at`: for anyone who waits outside.
    pub fn to_real(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        match &self.mode {
            Mode::System => at,
            Mode::Virtual {
                epoch,
                real_epoch,
                speed,
                ..
            } => {
                let speed = i32::try_from(*speed).unwrap_or(i32::MAX);
                *real_epoch + (at - *epoch) / speed
            }
        }
    }

    /// This clock's time when the machine's shows `real`: for limits that others set.
    pub fn from_real(&self, real: DateTime<Utc>) -> DateTime<Utc> {
        match &self.mode {
            Mode::System => real,
            Mode::Virtual {
                epoch,
                real_epoch,
                speed,
                ..
            } => {
                let speed = i32::try_from(*speed).unwrap_or(i32::MAX);
                *epoch + (real - *real_epoch) * speed
            }
        }
    }

    /// A stopwatch on the machine's own time, for figures about this program, not about AWS.
    pub fn stopwatch() -> impl Fn() -> Duration {
        let started = std::time::Instant::now();
        move || started.elapsed()
    }

    fn real(&self, duration: Duration) -> Duration {
        match &self.mode {
            Mode::System => duration,
            Mode::Virtual { speed, .. } => duration / *speed,
        }
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        Clock::now(self).into()
    }
}

impl AsyncSleep for Clock {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(self.real(duration)))
    }
}
