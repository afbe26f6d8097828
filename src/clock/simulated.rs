//! The clock of a simulated account in another process.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::Clock;

/// Where [`SimulatedClock`] travels from `simulate` to the programs that talk to it.
pub const CLOCK_VARIABLE: &str = "ASG_PATCH_SIMULATED_CLOCK";

/// A simulated account's clock that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{CLOCK_VARIABLE}: expected {expected}, found {found}")]
pub struct ClockError {
    /// The expected form.
    pub expected: &'static str,
    /// The text found.
    pub found: String,
}

/// A sped-up simulated account's clock, so that a run against it waits as fast as it lives: at
/// the real time REAL it showed SIMULATED, and since then it runs SPEED times as fast.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedClock {
    /// How many times as fast as real time it runs.
    pub speed: u32,
    /// At this real time
    pub real: DateTime<Utc>,
    /// it showed this.
    pub simulated: DateTime<Utc>,
}

impl SimulatedClock {
    /// The clock, if the endpoint is on this machine: a real account must never be driven by a
    /// variable that was left set by mistake.
    ///
    /// # Errors
    /// The endpoint is somewhere else, or the time is beyond the calendar.
    pub fn clock(&self, endpoint: Option<&str>) -> Result<Clock, ClockError> {
        let host = endpoint
            .and_then(|url| url.parse::<http::Uri>().ok())
            .and_then(|uri| uri.host().map(|h| h.trim_matches(['[', ']']).to_owned()));
        let local = host.as_deref().is_some_and(|host| {
            host == "localhost"
                || host
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback())
        });
        if !local {
            return Err(ClockError {
                expected: "to be used with the loopback endpoint of `asg-patch simulate` only",
                found: match endpoint {
                    Some(url) => format!("the endpoint {url}"),
                    None => format!("no endpoint. For the real AWS: unset {CLOCK_VARIABLE}"),
                },
            });
        }
        let passed = Clock::system().now() - self.real;
        let now = i32::try_from(self.speed)
            .ok()
            .and_then(|speed| passed.checked_mul(speed))
            .and_then(|passed| self.simulated.checked_add_signed(passed))
            .ok_or_else(|| ClockError {
                expected: "a time that the calendar can hold",
                found: self.to_string(),
            })?;
        Ok(Clock::simulated_outside(
            now.max(self.simulated),
            self.speed,
        ))
    }
}

impl std::fmt::Display for SimulatedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |t: &DateTime<Utc>| t.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let (real, simulated) = (text(&self.real), text(&self.simulated));
        write!(f, "{}@{real}@{simulated}", self.speed)
    }
}

impl FromStr for SimulatedClock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let mut parts = text.split('@');
            let clock = Self {
                speed: parts.next()?.parse().ok().filter(|s| *s > 0)?,
                real: parts.next()?.parse().ok()?,
                simulated: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(clock)
        };
        parsed().ok_or_else(|| {
            format!(
                "expected SPEED@REAL@SIMULATED as `asg-patch simulate` prints it, found '{text}'"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::SimulatedClock;

    #[test]
    fn a_simulated_clock_reads_back_and_stays_on_loopback() {
        let text = "100@2026-07-01T10:00:00.000Z@2026-10-14T04:00:00.000Z";
        let clock: SimulatedClock = text.parse().unwrap();
        assert_eq!(clock.to_string(), text);
        for wrong in [
            "",
            "100",
            "0@2026-07-01T10:00:00Z@2026-07-01T10:00:00Z",
            "5@a@b",
        ] {
            assert!(wrong.parse::<SimulatedClock>().is_err(), "{wrong}");
        }
        for far in [
            None,
            Some("https://autoscaling.eu-west-1.amazonaws.com"),
            Some("http://10.0.0.1"),
        ] {
            let error = clock.clock(far).unwrap_err().to_string();
            assert!(
                error.starts_with("ASG_PATCH_SIMULATED_CLOCK: expected"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn a_simulated_clock_has_run_on_since_it_was_printed() {
        let text = "10@2020-01-01T00:00:00Z@2026-10-14T04:00:00Z";
        let clock: SimulatedClock = text.parse().unwrap();
        for near in ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9"] {
            let now = clock.clock(Some(near)).unwrap().now();
            assert!(
                now > "2070-01-01T00:00:00Z"
                    .parse::<chrono::DateTime<chrono::Utc>>()
                    .unwrap()
            );
        }
    }
}
